/* A run of bytes that somebody else owns: the currency of every parser here. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct bytes {
    const uint8_t *data;
    size_t size;
} bytes;

static inline bytes bytes_of(const char *text) {
    return (bytes){(const uint8_t *)text, strlen(text)};
}
static inline bytes bytes_make(const void *data, size_t size) {
    return (bytes){(const uint8_t *)data, size};
}
static inline bool bytes_equal(bytes a, bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
static inline bool bytes_is(bytes a, const char *text) {
    return bytes_equal(a, bytes_of(text));
}

/* Bytewise order, a prefix first. */
static inline int bytes_compare(bytes a, bytes b) {
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool bytes_start_with(bytes a, const char *prefix) {
    size_t n = strlen(prefix);
    return a.size >= n && memcmp(a.data, prefix, n) == 0;
}

/* Well-formed UTF-8 as the Unicode standard defines it (no surrogates, no overlong forms). *bad, when not NULL, is the
 * first bad offset. */
bool bytes_valid_utf8(bytes text, size_t *bad);

#endif

/* A growable run of bytes. A failed growth sticks: append as you like, ask once at the end (buffer_check). */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct buffer {
    uint8_t *data; /* mem_free, or buffer_free */
    size_t size, capacity;
    bool failed;
} buffer;

void buffer_append(buffer *b, const void *data, size_t size);
void buffer_append_bytes(buffer *b, bytes data);
void buffer_append_text(buffer *b, const char *text);
void buffer_append_byte(buffer *b, uint8_t byte);
void buffer_append_zeros(buffer *b, size_t size);
void buffer_format(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
inlay_status buffer_check(const buffer *b, inlay_error *err); /* RESOURCE_EXHAUSTED when an append failed */
void buffer_clear(buffer *b);                                 /* empty, memory kept */
void buffer_free(buffer *b);

static inline bytes buffer_bytes(const buffer *b) {
    return bytes_make(b->data, b->size);
}

#endif

#include "base/buffer.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

/* Room for SIZE more bytes; false (and failed) when there is none. */
static bool reserve(buffer *b, size_t size) {
    if (b->failed) return false;
    if (b->capacity - b->size >= size) return true;
    size_t needed, capacity = b->capacity ? b->capacity : 64;
    if (__builtin_add_overflow(b->size, size, &needed)) return b->failed = true, false;
    while (capacity < needed) capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    uint8_t *grown = mem_realloc(b->data, capacity);
    if (!grown) return b->failed = true, false;
    b->data = grown;
    b->capacity = capacity;
    return true;
}

void buffer_append(buffer *b, const void *data, size_t size) {
    if (size == 0 || !reserve(b, size)) return;
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buffer_append_bytes(buffer *b, bytes data) {
    buffer_append(b, data.data, data.size);
}
void buffer_append_text(buffer *b, const char *text) {
    buffer_append(b, text, strlen(text));
}
void buffer_append_byte(buffer *b, uint8_t byte) {
    buffer_append(b, &byte, 1);
}

void buffer_append_zeros(buffer *b, size_t size) {
    if (size == 0 || !reserve(b, size)) return;
    memset(b->data + b->size, 0, size);
    b->size += size;
}

void buffer_format(buffer *b, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) b->failed = true;
    if (size < 0 || !reserve(b, (size_t)size + 1)) return;
    va_start(arguments, format);
    vsnprintf((char *)b->data + b->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    b->size += (size_t)size;
}

inlay_status buffer_check(const buffer *b, inlay_error *err) {
    return b->failed ? fail_memory(err) : INLAY_OK;
}

void buffer_clear(buffer *b) {
    b->size = 0;
}

void buffer_free(buffer *b) {
    mem_free(b->data);
    *b = (buffer){0};
}

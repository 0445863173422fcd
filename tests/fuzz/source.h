/* The fuzzer's bytes, taken one after the other. */
#ifndef FUZZ_SOURCE_H
#define FUZZ_SOURCE_H

#include <stddef.h>
#include <stdint.h>

/* What is left; beyond them all are 0. */
typedef struct source {
    const uint8_t *data;
    size_t size;
} source;

static inline uint8_t next_byte(source *s) {
    if (!s->size) return 0;
    s->size--;
    return *s->data++;
}

#endif

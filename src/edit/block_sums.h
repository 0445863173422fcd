/* Sums of the blocks of a chunk of rows, as the manifest has them (docs/formats/manifest.md): they narrow damage down,
 * and tell what a part of a chunk sums to without reading it. */
#ifndef EDIT_BLOCK_SUMS_H
#define EDIT_BLOCK_SUMS_H

#include "format/bundle.h"

#include <jansson.h>

typedef struct block_sums {
    uint64_t step; /* bytes of a block, the last one may be shorter; 0: no sums are known */
    size_t n;
    const char *digits; /* 8 hexadecimal ones a block; the manifest's */
} block_sums;

/* What CHUNK (of the manifest, may be NULL) says of the entry E. False when it says nothing, or what does not give the
 * entry's own sum: then it belongs to earlier rows. */
bool block_sums_of(const json_t *chunk, const bundle_entry *e, block_sums *out);
uint32_t block_sum(const block_sums *s, size_t block);

/* Bytes of block BLOCK when TOTAL bytes are cut at multiples of STEP. */
static inline uint64_t block_bytes(uint64_t total, uint64_t step, size_t block) {
    uint64_t left = total - block * step;
    return left < step ? left : step;
}

/* Puts SUMS, uint32 [n] at any alignment, into CHUNK. False when memory is out. */
bool block_sums_set(json_t *chunk, uint64_t step, const void *sums, size_t n);

#endif

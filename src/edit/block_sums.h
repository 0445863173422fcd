/* Sums of the blocks of a chunk of rows (docs/formats/manifest.md): they narrow damage down, and tell what a part of a
 * chunk sums to without reading it. They are many, so on the disk they lie in a file of their own beside the manifest;
 * in memory each chunk has its own, as the bytes of a JSON string that is never printed. */
#ifndef EDIT_BLOCK_SUMS_H
#define EDIT_BLOCK_SUMS_H

#include "base/buffer.h"
#include "format/bundle.h"

#include <jansson.h>

typedef struct block_sums {
    uint64_t step; /* bytes of a block, the last one may be shorter; 0: no sums are known */
    size_t n;
    const char *sums; /* uint32 [n], the manifest's, at any alignment; block_sum reads them */
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

/* Name of their file below a model's folder. */
#define BLOCK_SUMS_FILE "assets.extra/inlay.sums"

/* Gives the chunks of COLLECTIONS, as a manifest in FOLDER has just been read, their sums. A file that is not there, or
 * not as the chunks say, is no error: they have no sums then. */
inlay_status block_sums_load(const char *folder, json_t *collections, inlay_error *err);

/* Takes the sums out of COLLECTIONS, as a manifest is about to be written, into *out (the caller's; no sums: no data),
 * which becomes their file in FOLDER; one that is there and differs is replaced. */
inlay_status block_sums_save(const char *folder, json_t *collections, buffer *out, inlay_error *err);

#endif

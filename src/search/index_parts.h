/* Where things lie in an index: shared by the files that write, open and search one. docs/formats/index.md. */
#ifndef SEARCH_INDEX_PARTS_H
#define SEARCH_INDEX_PARTS_H

#include "kernel/quant/quant.h"
#include "search/search_index.h"

enum {
    INDEX_HEAD = 128,
    INDEX_VERSION = 2,
    INDEX_ALIGN = 64,
    INDEX_SEGMENT_BLOCKS = 64, /* heads and codes of so many blocks lie together, with one checksum */
    INDEX_SEGMENT_ROWS = INDEX_SEGMENT_BLOCKS * QUANT_ROWS,
    INDEX_HEADS = INDEX_SEGMENT_BLOCKS * sizeof(quant_head), /* bytes; then centres, each with room of its own: */
    INDEX_RUNS = INDEX_SEGMENT_BLOCKS / QUANT_RUN,
    INDEX_CENTRES = INDEX_HEADS + INDEX_ALIGN, /* their lengths before them */

    /* offsets of the head's fields */
    INDEX_AT_VERSION = 8,
    INDEX_AT_METRIC = 12,
    INDEX_AT_ROWS = 16,
    INDEX_AT_DIM = 24,
    INDEX_AT_DTYPE = 32,
    INDEX_AT_FLAGS = 36,
    INDEX_AT_PLANES = 40,
    INDEX_AT_KEY_SIZE = 44,
    INDEX_AT_ROWS_SIZE = 48,
    INDEX_AT_SIDE_SIZE = 56,
    INDEX_AT_ROWS_CRC = 64,
    INDEX_AT_SIDE_CRC = 68,
    INDEX_AT_CRC = 124,

    INDEX_TRANSPOSED = 1, /* flags */
    INDEX_SIDE = 2,
    INDEX_COMPUTED = 4 /* with INDEX_SIDE: by a graph */
};
#define INDEX_MAGIC "INLAYQIX"

/* Sizes and places that follow from the head. */
typedef struct index_layout {
    uint64_t blocks, segments;
    uint64_t block_bytes;   /* codes of one block */
    uint64_t centre_bytes;  /* of one centre, with its padding */
    uint64_t codes;         /* where they begin within a segment */
    uint64_t segment_bytes; /* of a whole one; the last may be shorter */
    uint64_t body;          /* where the segments begin */
    uint64_t checksums;     /* where the table of checksums begins */
    uint64_t size;          /* of the file */
} index_layout;

/* False when the numbers are no index's or overflow. */
bool index_layout_of(uint64_t rows, uint64_t dim, uint64_t key_size, index_layout *out);

struct search_index {
    search_index_info info;
    index_layout at;
    bytes file;
    const char *name;
};

/* Blocks of segment INDEX, and where it lies. */
static inline size_t index_segment_blocks(const index_layout *at, uint64_t segment) {
    uint64_t left = at->blocks - segment * INDEX_SEGMENT_BLOCKS;
    return left < INDEX_SEGMENT_BLOCKS ? (size_t)left : INDEX_SEGMENT_BLOCKS;
}
static inline uint64_t index_segment_place(const index_layout *at, uint64_t segment) {
    return at->body + segment * at->segment_bytes;
}
static inline uint64_t index_segment_size(const index_layout *at, uint64_t segment) {
    return at->codes + index_segment_blocks(at, segment) * at->block_bytes;
}

#endif

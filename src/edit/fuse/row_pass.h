/* The one pass over stored rows: their checksum and their side factor, on all cores, in bounded memory. */
#ifndef EDIT_ROW_PASS_H
#define EDIT_ROW_PASS_H

#include "base/buffer.h"
#include "base/log.h"
#include "kernel/norms/norms.h"
#include "search/search.h"

typedef struct row_counts {
    int64_t zero, first_zero; /* rows; the global number of the first, -1: none */
    int64_t non_finite, first_non_finite;
} row_counts;

/* Where side factors go. */
typedef struct row_sides {
    /* Those of ROWS rows, the first being row AT of the chunk. */
    inlay_status (*fn)(void *user, int64_t at, const float *sides, size_t rows, inlay_error *err);
    void *user;
    /* FN is called by all threads, in any order, with ERR NULL, and cannot fail; there is no side_crc. */
    bool any_order;
} row_sides;

/* Lives through all chunks of one model. */
typedef struct row_pass {
    norms_kernels kernels;
    search_metric metric;
    int64_t dim;
    dtype type;
    row_sides sides;   /* fn NULL: side factors are not kept (dot) */
    uint32_t side_crc; /* of the side factors since row_pass_begin */
    buffer blocks; /* uint32 each: sums of blocks of row_pass_block_bytes since row_pass_begin, the last one shorter */
    row_counts counts;
    int64_t at; /* rows since row_pass_begin */
    progress *report;
    float *side; /* of one wave */
    struct row_piece *pieces;
} row_pass;

inlay_status row_pass_init(row_pass *p, search_metric metric, int64_t dim, dtype type, row_sides sides,
                           progress *report, inlay_error *err);
void row_pass_free(row_pass *p);
void row_pass_begin(row_pass *p); /* a chunk begins */

/* Whole rows of about 1 MiB; a chunk that is passed over in several calls is cut at multiples of it. Of COUNT
 * transposed rows a block is whole lines; 0: a line is too long and there are no blocks. */
int64_t row_block_rows(uint64_t row_bytes);
uint64_t row_pass_block_bytes(const row_pass *p, bool transposed, int64_t count);

/* Passes over COUNT consecutive rows [count, dim] in C order, the first being global row FIRST. Appends their side
 * factors; *crc becomes the sum of what it covered followed by these bytes. */
inlay_status row_pass_rows(row_pass *p, const uint8_t *rows, int64_t count, int64_t first, uint32_t *crc,
                           inlay_error *err);

/* The same for COUNT rows stored as [dim, count] (a Fortran-order file), all of them at once. */
inlay_status row_pass_transposed(row_pass *p, const uint8_t *base, int64_t count, int64_t first, uint32_t *crc,
                                 inlay_error *err);

#endif

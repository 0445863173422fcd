/* A chunk of which parts stay where they lie, as chunks by themselves: an edit of few rows writes those and no others.
 */
#ifndef EDIT_ROWS_VIEW_H
#define EDIT_ROWS_VIEW_H

#include "edit/rows/rows_edit.h"

typedef struct chunk_view {
    rows_edit *e;
    size_t index; /* of the chunk */
    const collection_chunk *chunk;
    tensor *rows, *sides; /* as stored; sides NULL: none */
    uint64_t row_bytes, step;
    uint32_t *sums; /* [n_sums] of blocks of STEP bytes, the last one shorter */
    size_t n_sums;
    bool sound; /* the sums put together are the chunk's own, and those of its factors hold */
} chunk_view;

/* Opens a chunk in C order. V is the caller's (chunk_view_close), also after a failure. */
inlay_status chunk_view_open(rows_edit *e, size_t chunk, chunk_view *v, inlay_error *err);
void chunk_view_close(chunk_view *v);

/* Whether the blocks that rows [begin, end) touch are what their sums say. Reads them. */
bool chunk_view_holds(const chunk_view *v, int64_t begin, int64_t end);

/* Rows [begin, end) become a chunk; none when they are none. V must be sound. Reads only blocks that are cut:
 * DATA_LOSS when one of them is damaged. */
inlay_status chunk_view_add(chunk_view *v, int64_t begin, int64_t end, inlay_error *err);

/* DATA_LOSS: which checksum of the chunk does not match. */
inlay_status chunk_view_damaged(const chunk_view *v, inlay_error *err);

#endif

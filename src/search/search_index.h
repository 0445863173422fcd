/* Indexes of quantised rows: what makes exact search faster by reading a quarter of the bytes. An index is one file for
 * one chunk of rows (docs/formats/index.md); docs/index.md has the bound that keeps answers exact. Nothing here knows
 * where index files lie: the caller ties each to the stored tensors it was made from and compares that tie. */
#ifndef SEARCH_SEARCH_INDEX_H
#define SEARCH_SEARCH_INDEX_H

#include "base/file.h"
#include "search/search.h"

struct progress;

/* What an index was made from: an entry of a bundle for the rows, and one for the side numbers, unless these are what
 * the model's graph computes. */
typedef struct search_tie {
    bytes key;                   /* of the rows' entry */
    uint32_t rows_crc, side_crc; /* CRC-32C of the numbers; 0 when there is no side */
    uint64_t rows_size, side_size;
    bool computed; /* the side numbers are stored nowhere: whoever has some compares their checksum */
} search_tie;

typedef struct search_index_info {
    search_metric metric;
    int64_t rows, dim;
    dtype type;
    bool transposed, side; /* rows lie [dim, rows]; there were side numbers */
    search_tie tie;        /* its key lies within the index's bytes */
} search_index_info;

/* Bytes of an index of so many rows, with a key of KEY_SIZE bytes. RESOURCE_EXHAUSTED when they pass 2^63;
 * INVALID_ARGUMENT when there are more dimensions than an index can have. */
inlay_status search_index_size(int64_t rows, int64_t dim, size_t key_size, uint64_t *out, inlay_error *err);

/* Appends the index of CHUNK's rows to OUT, which is empty. One pass on all threads; memory: codes of 8192 rows a
 * thread, at most 256 MiB unless 2048 rows take more. The same bytes on every machine. PROGRESS (may be NULL) counts
 * rows; it may say to stop (CANCELLED). */
inlay_status search_index_build(const search_chunk *chunk, int64_t dim, search_metric metric, const search_tie *tie,
                                file_writer *out, struct progress *progress, inlay_error *err);

/* The same to OUT, memory of search_index_size bytes at a multiple of 64. */
inlay_status search_index_fill(const search_chunk *chunk, int64_t dim, search_metric metric, const search_tie *tie,
                               uint8_t *out, struct progress *progress, inlay_error *err);

/* Opens an index that lies in FILE, at a multiple of 4 bytes (64 is faster), called NAME in errors. Only its head is
 * checked. *out is the caller's (search_index_close) and looks at FILE and NAME as long as it lives. Errors: DATA_LOSS
 * (damaged or cut), UNIMPLEMENTED (of a later version), INVALID_ARGUMENT (not aligned). */
inlay_status search_index_open(bytes file, const char *name, search_index **out, inlay_error *err);
void search_index_close(search_index *index); /* NULL is fine */

/* DATA_LOSS, naming the place, when a byte of the index differs from what was written. */
inlay_status search_index_check(const search_index *index, struct progress *progress, inlay_error *err);

const search_index_info *search_index_about(const search_index *index);

/* Whether INDEX (NULL: no) is one of as many rows, of the same shape, dtype and metric; searches pass over those that
 * are not. Whether it was made from the very same numbers only the tie can say. */
bool search_index_fits(const search_index *index, const search_chunk *chunk, int64_t dim, search_metric metric);

/* What the searches of this process did by index so far, for measurements. */
typedef struct search_index_counts {
    uint64_t refined; /* rows that both planes of a query were asked about by themselves, since its floor had settled */
    uint64_t kept;    /* rows that survived the codes */
    uint64_t scored;  /* of them */
    uint64_t left;    /* queries that the scan answered */
} search_index_counts;

void search_index_counted(search_index_counts *out);

#endif

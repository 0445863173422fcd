/* Which rows a search may answer: a bit a row. Dense or sparse, it is asked only about rows that reach the threshold,
 * and it tells the scan which stretches of rows it need not read. */
#ifndef SEARCH_SEARCH_FILTER_H
#define SEARCH_SEARCH_FILTER_H

#include "base/error.h"

typedef struct search_filter {
    int64_t rows;
    int64_t allowed; /* of them, since search_filter_count */
    uint64_t *words; /* row r is bit r % 64 of word r / 64; bits beyond the last row are 0 */
} search_filter;

/* A filter of ROWS rows, all of them allowed or none; *out is the caller's (search_filter_free). */
inlay_status search_filter_new(int64_t rows, bool all, search_filter **out, inlay_error *err);
void search_filter_free(search_filter *f); /* NULL is fine */

/* Allows or forbids rows BEGIN to END - 1, which must lie within. */
void search_filter_mark(search_filter *f, int64_t begin, int64_t end, bool allow);

/* Forbids what is not allowed by BITS: row r is bit r % 8 of byte r / 8, ceil(rows / 8) bytes. */
void search_filter_keep(search_filter *f, const uint8_t *bits, bool inverted);

void search_filter_count(search_filter *f);

static inline bool search_filter_has(const search_filter *f, int64_t row) {
    return f->words[row / 64] >> (row % 64) & 1;
}

/* The first row of [from, end) that is allowed, or that is not; END when there is none. */
int64_t search_filter_next(const search_filter *f, int64_t from, int64_t end, bool allowed);

#endif

/* What the files of the search share: how a chunk and a query are handed to the scan, and the scan itself. Seen by this
 * room only. */
#ifndef SEARCH_SEARCH_PARTS_H
#define SEARCH_SEARCH_PARTS_H

#include "kernel/scan/scan.h"
#include "search/search.h"

#include <math.h>

/* Of a chunk's dtype, which is one that can be searched. */
scan_type search_scan_type(dtype t);

/* All rows of CHUNK, of DIM elements. */
scan_rows search_scan_rows(const search_chunk *chunk, size_t dim, search_metric metric);

/* Multiplies QUERY [dim] with the factor that the fused graph has for it and writes it to OUT [dim] of CLASS: what the
 * kernels meet. Returns ‖QUERY‖². */
float search_prepare(search_metric metric, scan_class class, const float *query, size_t dim, void *out);

/* The score to report for what the kernels found, of a query with the squared norm NORM. */
float search_final_score(search_metric metric, float score, float norm);

/* The lowest score, as the kernels have it, that is reported as LEAST or more for a query with the squared norm NORM.
 */
float search_raw_least(search_metric metric, float least, float norm);

/* What a pass is asked for. */
typedef struct search_ask {
    const float *queries;        /* [n, dim] */
    size_t n, k;                 /* k at most the view's rows, and not 0 */
    bool panels;                 /* the family of kernels: rows, or pack and tile */
    bool raw;                    /* scores as they compare, not as they are reported */
    const search_limits *limits; /* with LEAST above minus infinity; NULL: none */
    const float *reached;        /* [n] what k rows are known to score, as scores compare; NULL: nothing is known */
    float *scores;               /* [n, k]; what is missing is row 0 with minus infinity */
    int64_t *rows;
} search_ask;

static inline float search_least(const search_ask *ask) {
    return ask->limits ? ask->limits->least : -INFINITY;
}
/* The rows of CHUNK that are looked at: [*begin, *end) of it. False when none is. LIMITS: NULL for none. */
bool search_part(const search_limits *limits, const search_chunk *chunk, size_t *begin, size_t *end);

int64_t search_rows_within(const search_view *view, const search_limits *limits); /* looked at */

/* For scan_top.allowed. */
static inline const uint64_t *search_allowed_bits(const search_ask *ask) {
    return ask->limits && ask->limits->filter ? ask->limits->filter->words : NULL;
}

/* By way of the index where that helps. */
inlay_status search_answer(const search_view *view, const search_ask *ask, inlay_error *err);

/* search_all, of what is checked; ASK's k, scores and rows are not looked at. */
inlay_status search_all_of(const search_view *view, const search_ask *ask, int64_t most, search_list *lists,
                           inlay_error *err);

/* The best k rows of each query by one pass over all rows. */
inlay_status search_scan(const search_view *view, const search_ask *ask, inlay_error *err);

/* The same, bit for bit, by way of the chunks' indexes; chunks without one are scanned first. */
inlay_status search_by_index(const search_view *view, const search_ask *ask, inlay_error *err);

#endif

/* Exact search over stored rows: one streaming scan, k winners per query, scores never held. Works with no model at
 * all.
 *
 * What a score is, for query q and row x (all in float32; float64 rows in float64, then rounded):
 *   cosine  (q·x) / (‖q‖·‖x‖), 0 when either is zero     side = 1/‖x‖, 0 for a zero row
 *   dot     q·x                                          side as a factor, none: 1
 *   l2      -(‖q‖² + ‖x‖² - 2 q·x), at most 0            side = ‖x‖²
 *   less    q·x - side
 *   apart   -‖q - x‖², summed from the differences       no side
 * Larger is better. Equal scores come lower row first; rows of equal elements score equally wherever they lie, unless
 * one is float64 and the other is not. A score that is NaN counts as minus infinity. */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "search/search_filter.h"
#include "tensor/dtype.h"

/* Models are fused with one of the first three. */
typedef enum search_metric { SEARCH_COSINE, SEARCH_DOT, SEARCH_L2, SEARCH_LESS, SEARCH_APART } search_metric;

typedef struct search_index search_index; /* search_index.h */

/* Consecutive rows in memory, at any byte alignment. */
typedef struct search_chunk {
    const void *rows;  /* [rows, dim] of `type`, or [dim, rows] when transposed */
    const void *side;  /* float32 [rows]; may be NULL for dot, is for apart */
    int64_t count;     /* rows */
    int64_t first_row; /* global number of the first one */
    dtype type;        /* float32, float64, float16, bfloat16, int8 */
    bool transposed;
    const search_index *index; /* of these very rows and sides, or NULL: makes the search faster, never different */
} search_chunk;

typedef struct search_view {
    const search_chunk *chunks; /* by rising first_row */
    size_t n_chunks;
    int64_t dim;
    search_metric metric;
    bool eager; /* by index also where rows are so few that the scan is faster: for tests */
} search_view;

int64_t search_rows(const search_view *view);
bool search_can(dtype t); /* whether rows of T can be searched */

/* Row ROW as it is stored, whatever the metric, to OUT [dim]; float64 is rounded. Zeros when there is no such row. */
void search_vector(const search_view *view, int64_t row, float *out);

/* For each of N queries, QUERIES float32 [n, dim] aligned, the best min(k, rows) rows: SCORES float32 and ROWS int64,
 * [n, min(k, rows)], best first. Uses the process's pool. Memory beyond the results: O(threads · (dim + k) · queries at
 * a time), never O(rows). Errors: INVALID_ARGUMENT (a query that is not finite, k < 0), RESOURCE_EXHAUSTED. */
inlay_status search_topk(const search_view *view, const float *queries, int64_t n, int64_t k, float *scores,
                         int64_t *rows, inlay_error *err);

/* What may be answered. A row that scores minus infinity never is. */
typedef struct search_limits {
    const search_filter *filter;   /* counted, of as many rows as the view has; NULL: all */
    float least;                   /* a row that scores less is not answered; -INFINITY: any may be */
    const inlay_row_range *within; /* other rows, and their indexes, are not even looked at; NULL: all are. FILTER
                                      allows none of the others */
} search_limits;

int64_t search_allowed(const search_view *view, const search_limits *limits); /* rows */

/* The same among the rows that LIMITS allow: those that search_topk would put first after the others are struck out,
 * bit for bit. SCORES and ROWS are [n, min(k, search_allowed)]; behind a query's last row follow row 0 and minus
 * infinity. Stretches of rows that are not allowed are not read, where few are. Errors besides: INVALID_ARGUMENT (a
 * filter of another size, LEAST is NaN, WITHIN is no range of the view's rows). */
inlay_status search_topk_within(const search_view *view, const float *queries, int64_t n, int64_t k,
                                const search_limits *limits, float *scores, int64_t *rows, inlay_error *err);

/* A query's hits, best first. */
typedef struct search_list {
    int64_t count;
    float *scores;
    int64_t *rows;
} search_list;

/* For each query all rows that LIMITS allow. LISTS [n], zeroed, are the caller's (search_lists_free), also on failure.
 * RESOURCE_EXHAUSTED, naming the query, when there are more than MOST of one. */
inlay_status search_all(const search_view *view, const float *queries, int64_t n, const search_limits *limits,
                        int64_t most, search_list *lists, inlay_error *err);
void search_lists_free(search_list *lists, size_t n);

/* Answers side by side, SCORES and ROWS [n, width], the shorter ones padded as search_topk_within pads. */
int64_t search_lists_width(const search_list *lists, size_t n);
void search_lists_pad(const search_list *lists, size_t n, int64_t width, float *scores, int64_t *rows);

#endif

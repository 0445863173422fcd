#include "search/search_parts.h"

#include "base/num.h"
#include "search/search_index.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

int64_t search_rows(const search_view *view) {
    int64_t rows = 0;
    for (size_t i = 0; i < view->n_chunks; i++) rows += view->chunks[i].count;
    return rows;
}

bool search_part(const search_limits *limits, const search_chunk *chunk, size_t *begin, size_t *end) {
    int64_t first = 0, last = chunk->count;
    if (limits && limits->within) {
        first = max_i64(limits->within->begin - chunk->first_row, 0);
        last = min_i64(limits->within->end - chunk->first_row, chunk->count);
    }
    if (first >= last) return false;
    *begin = (size_t)first;
    *end = (size_t)last;
    return true;
}

int64_t search_rows_within(const search_view *view, const search_limits *limits) {
    int64_t rows = 0;
    for (size_t i = 0, begin, end; i < view->n_chunks; i++)
        if (search_part(limits, view->chunks + i, &begin, &end)) rows += (int64_t)(end - begin);
    return rows;
}

static bool scan_type_of(dtype t, scan_type *out) {
    switch (t) {
    case INLAY_FLOAT32: *out = SCAN_F32; return true;
    case INLAY_FLOAT64: *out = SCAN_F64; return true;
    case INLAY_FLOAT16: *out = SCAN_F16; return true;
    case INLAY_BFLOAT16: *out = SCAN_BF16; return true;
    case INLAY_INT8: *out = SCAN_I8; return true;
    default: return false;
    }
}

bool search_can(dtype t) {
    return scan_type_of(t, &(scan_type){0});
}

scan_type search_scan_type(dtype t) {
    scan_type type = SCAN_F32;
    scan_type_of(t, &type);
    return type;
}

static scan_factor factor_of(search_metric metric, bool sided) {
    if (metric == SEARCH_APART) return SCAN_APART;
    if (!sided) return SCAN_PLAIN;
    return metric == SEARCH_L2 || metric == SEARCH_LESS ? SCAN_MINUS : SCAN_TIMES;
}

scan_rows search_scan_rows(const search_chunk *chunk, size_t dim, search_metric metric) {
    size_t size = scan_type_size(search_scan_type(chunk->type)), count = (size_t)chunk->count;
    return (scan_rows){.data = chunk->rows,
                       .side = chunk->side,
                       .count = count,
                       .dim = dim,
                       .stride = size * (chunk->transposed ? count : dim),
                       .first_row = chunk->first_row,
                       .factor = factor_of(metric, chunk->side != NULL)};
}

static inlay_status check_types(const search_view *view, inlay_error *err) {
    for (size_t i = 0; i < view->n_chunks; i++)
        if (!search_can(view->chunks[i].type))
            return fail(err, INLAY_INVALID_ARGUMENT, "cannot search rows of dtype %s",
                        dtype_name(view->chunks[i].type));
    return INLAY_OK;
}

static inlay_status check_finite(const float *queries, int64_t n, int64_t dim, inlay_error *err) {
    for (int64_t q = 0; q < n; q++) {
        const float *query = queries + q * dim;
        uint32_t bad = 0;
        for (int64_t j = 0; j < dim; j++) bad |= (load_u32(query + j) & 0x7f800000) == 0x7f800000;
        for (int64_t j = 0; bad && j < dim; j++)
            if (!isfinite(query[j]))
                return fail(err, INLAY_INVALID_ARGUMENT, "query %" PRId64 ": element %" PRId64 " is %g, not finite", q,
                            j, (double)query[j]);
    }
    return INLAY_OK;
}

static double query_scale(search_metric metric, double squares) {
    switch (metric) {
    case SEARCH_COSINE: return 1 / sqrt(fmax(squares, 1e-30));
    case SEARCH_L2: return 2;
    default: return 1;
    }
}

float search_prepare(search_metric metric, scan_class class, const float *query, size_t dim, void *out) {
    double squares = 0;
    for (size_t j = 0; j < dim; j++) squares += (double)query[j] * query[j];
    double scale = query_scale(metric, squares);
    for (size_t j = 0; j < dim; j++) {
        float value = (float)(query[j] * scale);
        if (class == SCAN_DOUBLE)
            ((double *)out)[j] = value;
        else
            ((float *)out)[j] = value;
    }
    return (float)squares;
}

float search_final_score(search_metric metric, float score, float norm) {
    if (metric != SEARCH_L2) return score;
    float minus_distance = score - norm;
    return isnan(minus_distance) ? -INFINITY : fminf(minus_distance, 0);
}

/* Floats in the order of their values as consecutive numbers, and back. */
static int64_t place_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? -(int64_t)(bits & 0x7fffffff) : (int64_t)bits;
}
static float value_at(int64_t place) {
    uint32_t bits = (uint32_t)(place < 0 ? -place : place) | (place < 0 ? 0x80000000u : 0);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rounding keeps order, so that the reported score never falls where the kernels' score rises. */
float search_raw_least(search_metric metric, float least, float norm) {
    if (metric != SEARCH_L2 || least == -INFINITY) return least;
    int64_t low = place_of(-INFINITY), high = place_of(INFINITY);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (search_final_score(metric, value_at(middle), norm) >= least)
            high = middle;
        else
            low = middle + 1;
    }
    return value_at(low);
}

/* Which family of kernels meets all rows: transposed ones, and many queries, want panels. */
static bool wants_panels(const search_view *view, size_t n) {
    scan_class class = SCAN_DOUBLE;
    for (size_t i = 0; i < view->n_chunks; i++) {
        if (view->chunks[i].count == 0) continue;
        if (view->chunks[i].transposed) return true;
        if (view->chunks[i].type != INLAY_FLOAT64) class = SCAN_SINGLE;
    }
    return n > scan_kernels_best()->few_queries[class];
}

static bool has_index(const search_view *view, const search_limits *limits) {
    for (size_t i = 0, begin, end; i < view->n_chunks; i++) {
        const search_chunk *chunk = view->chunks + i;
        if (search_part(limits, chunk, &begin, &end) && search_index_fits(chunk->index, chunk, view->dim, view->metric))
            return true;
    }
    return false;
}

int64_t search_allowed(const search_view *view, const search_limits *limits) {
    return limits && limits->filter ? limits->filter->allowed : search_rows_within(view, limits);
}

static inlay_status check_limits(const search_view *view, const search_limits *limits, inlay_error *err) {
    const search_chunk *last = view->n_chunks ? view->chunks + view->n_chunks - 1 : NULL;
    int64_t rows = last ? last->first_row + last->count : 0;
    if (isnan(limits->least)) return fail(err, INLAY_INVALID_ARGUMENT, "the least score is not a number");
    if (limits->filter && limits->filter->rows != rows)
        return fail(err, INLAY_INVALID_ARGUMENT, "a filter of %" PRId64 " rows for a collection of %" PRId64,
                    limits->filter->rows, rows);
    const inlay_row_range *within = limits->within;
    if (within && (within->begin < 0 || within->end < within->begin || within->end > rows))
        return fail(err, INLAY_INVALID_ARGUMENT, "rows %" PRId64 ":%" PRId64 " of a collection of %" PRId64,
                    within->begin, within->end, rows);
    return INLAY_OK;
}

/* Whether the rows that are allowed are fewer bytes than the codes of all that are looked at. */
static bool few_allowed(const search_view *view, const search_ask *ask) {
    enum { SHARE = 8 };
    return search_allowed(view, ask->limits) < search_rows_within(view, ask->limits) / SHARE;
}

inlay_status search_answer(const search_view *view, const search_ask *ask, inlay_error *err) {
    bool index = has_index(view, ask->limits) && !few_allowed(view, ask);
    return index ? search_by_index(view, ask, err) : search_scan(view, ask, err);
}

static inlay_status answer(const search_view *view, const float *queries, int64_t n, int64_t k,
                           const search_limits *limits, float *scores, int64_t *rows, inlay_error *err) {
    if (n < 0 || k < 0 || view->dim < 0) return fail(err, INLAY_INVALID_ARGUMENT, "k is %" PRId64 ", below 0", k);
    TRY(check_finite(queries, n, view->dim, err));
    int64_t total = search_allowed(view, limits), kept = k < total ? k : total;
    if (n == 0 || kept == 0) return INLAY_OK;
    TRY(check_types(view, err));
    search_ask ask = {.queries = queries,
                      .n = (size_t)n,
                      .k = (size_t)kept,
                      .panels = wants_panels(view, (size_t)n),
                      .limits = limits,
                      .scores = scores,
                      .rows = rows};
    return search_answer(view, &ask, err);
}

inlay_status search_topk(const search_view *view, const float *queries, int64_t n, int64_t k, float *scores,
                         int64_t *rows, inlay_error *err) {
    return answer(view, queries, n, k, NULL, scores, rows, err);
}

inlay_status search_topk_within(const search_view *view, const float *queries, int64_t n, int64_t k,
                                const search_limits *limits, float *scores, int64_t *rows, inlay_error *err) {
    TRY(check_limits(view, limits, err));
    search_limits own = {limits->filter, fmaxf(limits->least, -FLT_MAX), limits->within};
    return answer(view, queries, n, k, &own, scores, rows, err);
}

inlay_status search_all(const search_view *view, const float *queries, int64_t n, const search_limits *limits,
                        int64_t most, search_list *lists, inlay_error *err) {
    if (n < 0 || most < 0) return fail(err, INLAY_INVALID_ARGUMENT, "the limit is %" PRId64 ", below 0", most);
    TRY(check_limits(view, limits, err));
    TRY(check_finite(queries, n, view->dim, err));
    if (n == 0 || search_allowed(view, limits) == 0) return INLAY_OK;
    TRY(check_types(view, err));
    search_limits own = {limits->filter, fmaxf(limits->least, -FLT_MAX), limits->within};
    search_ask ask = {.queries = queries, .n = (size_t)n, .panels = wants_panels(view, (size_t)n), .limits = &own};
    return search_all_of(view, &ask, most, lists, err);
}

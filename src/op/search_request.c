#include "op/search_request.h"

#include <inttypes.h>
#include <math.h>

static inlay_status check_range(inlay_row_range r, int64_t rows, inlay_error *err) {
    if (r.begin < 0 || r.end < r.begin)
        return fail(err, INLAY_INVALID_ARGUMENT, "rows %" PRId64 ":%" PRId64 " are no range", r.begin, r.end);
    if (r.end > rows)
        return fail(err, INLAY_INVALID_ARGUMENT, "row %" PRId64 " is not there: the collection has %" PRId64 " rows",
                    r.begin < rows ? r.end - 1 : r.begin, rows);
    return INLAY_OK;
}

static inlay_status check_set(const inlay_row_set *set, int64_t rows, inlay_error *err) {
    for (size_t i = 0; i < set->n_ranges; i++) TRY(check_range(set->ranges[i], rows, err));
    if (set->bitmap && set->bitmap_rows != rows)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "a bitmap of %" PRId64 " rows does not fit: the collection has %" PRId64 " rows", set->bitmap_rows,
                    rows);
    return INLAY_OK;
}

static bool says_something(const inlay_row_set *set) {
    return set->ranges || set->bitmap;
}

bool search_request_limits(const inlay_search_options *options) {
    return says_something(&options->only) || says_something(&options->except) || options->min_score != -INFINITY ||
           options->all;
}

inlay_status search_request_keep(search_request *r, const search_view *view, tensor *rows, mem_budget *budget,
                                 inlay_error *err) {
    if (!r->options->vectors) return INLAY_OK;
    search_request_end(r); /* one of several searches in a graph, which its caller will refuse */
    shape dims = shape_matrix(rows->count, view->dim);
    TRY(tensor_new(INLAY_FLOAT32, &dims, budget, &r->vectors, err));
    r->rows = tensor_retain(rows);
    for (int64_t i = 0; i < rows->count; i++) {
        int64_t row;
        TRY(tensor_as_int(rows, i, "row", &row, err));
        search_vector(view, row, tensor_f32(r->vectors) + i * view->dim);
    }
    return INLAY_OK;
}

void search_request_end(search_request *r) {
    tensor_release(r->rows);
    tensor_release(r->vectors);
    r->rows = r->vectors = NULL;
}

inlay_status search_request_filter(const inlay_search_options *options, int64_t rows, search_filter **out,
                                   inlay_error *err) {
    const inlay_row_set *only = &options->only, *except = &options->except;
    *out = NULL;
    if (!says_something(only) && !says_something(except)) return INLAY_OK;
    TRY(check_set(only, rows, err));
    TRY(check_set(except, rows, err));
    TRY(search_filter_new(rows, !only->ranges, out, err));
    for (size_t i = 0; i < only->n_ranges; i++)
        search_filter_mark(*out, only->ranges[i].begin, only->ranges[i].end, true);
    if (only->bitmap) search_filter_keep(*out, only->bitmap, false);
    for (size_t i = 0; i < except->n_ranges; i++)
        search_filter_mark(*out, except->ranges[i].begin, except->ranges[i].end, false);
    if (except->bitmap) search_filter_keep(*out, except->bitmap, true);
    search_filter_count(*out);
    return INLAY_OK;
}

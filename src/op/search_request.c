#include "op/search_request.h"

#include "base/num.h"

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

static inlay_status check_part(const inlay_search_options *options, inlay_error *err) {
    if (options->parts == 0 || (options->part >= 0 && options->part < options->parts)) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "part %" PRId32 " of %" PRId32 " is none", options->part, options->parts);
}

/* The least range that has all rows which may be answered, as far as ranges and parts say. */
static inlay_row_range range_of(const inlay_search_options *options, int64_t rows) {
    const inlay_row_set *only = &options->only;
    inlay_row_range out = {0, rows};
    if (only->ranges) out = (inlay_row_range){rows, 0};
    for (size_t i = 0; only->ranges && i < only->n_ranges; i++) {
        if (only->ranges[i].begin == only->ranges[i].end) continue;
        out.begin = min_i64(out.begin, only->ranges[i].begin);
        out.end = max_i64(out.end, only->ranges[i].end);
    }
    if (options->parts > 0) {
        int64_t each = rows / options->parts, more = rows % options->parts;
        out.begin = max_i64(out.begin, each * options->part + more * options->part / options->parts);
        out.end = min_i64(out.end, each * (options->part + 1) + more * (options->part + 1) / options->parts);
    }
    return out.begin < out.end ? out : (inlay_row_range){0, 0};
}

static bool says_something(const inlay_row_set *set) {
    return set->ranges || set->bitmap;
}

bool search_request_limits(const inlay_search_options *options) {
    return says_something(&options->only) || says_something(&options->except) || options->min_score != -INFINITY ||
           options->all || options->parts != 0;
}

inlay_status search_request_keep(search_request *r, const search_view *view, tensor *found, mem_budget *budget,
                                 inlay_error *err) {
    if (!r->options->vectors) return INLAY_OK;
    search_request_end(r); /* one of several searches in a graph, which its caller will refuse */
    shape dims = shape_matrix(found->count, view->dim);
    TRY(tensor_new(INLAY_FLOAT32, &dims, budget, &r->vectors, err));
    r->found = tensor_retain(found);
    for (int64_t i = 0; i < found->count; i++) {
        int64_t row;
        TRY(tensor_as_int(found, i, "row", &row, err));
        search_vector(view, row, tensor_f32(r->vectors) + i * view->dim);
    }
    return INLAY_OK;
}

void search_request_end(search_request *r) {
    tensor_release(r->found);
    tensor_release(r->vectors);
    r->found = r->vectors = NULL;
}

/* Whether WITHIN does not say it all. */
static bool needs_filter(const inlay_search_options *options) {
    const inlay_row_set *only = &options->only, *except = &options->except;
    return (only->ranges && only->n_ranges > 1) || only->bitmap || (except->ranges && except->n_ranges > 0) ||
           except->bitmap;
}

static inlay_status make_filter(const inlay_search_options *options, int64_t rows, request_limits *out,
                                inlay_error *err) {
    const inlay_row_set *only = &options->only, *except = &options->except;
    TRY(search_filter_new(rows, !only->ranges, &out->filter, err));
    for (size_t i = 0; only->ranges && i < only->n_ranges; i++)
        search_filter_mark(out->filter, only->ranges[i].begin, only->ranges[i].end, true);
    if (only->bitmap) search_filter_keep(out->filter, only->bitmap, false);
    for (size_t i = 0; except->ranges && i < except->n_ranges; i++)
        search_filter_mark(out->filter, except->ranges[i].begin, except->ranges[i].end, false);
    if (except->bitmap) search_filter_keep(out->filter, except->bitmap, true);
    search_filter_mark(out->filter, 0, out->within.begin, false);
    search_filter_mark(out->filter, out->within.end, rows, false);
    search_filter_count(out->filter);
    return INLAY_OK;
}

inlay_status request_limits_of(const inlay_search_options *options, int64_t rows, request_limits *out,
                               inlay_error *err) {
    *out = (request_limits){.limits.least = options->min_score};
    TRY(check_set(&options->only, rows, err));
    TRY(check_set(&options->except, rows, err));
    TRY(check_part(options, err));
    out->within = range_of(options, rows);
    out->limits.within = &out->within;
    if (needs_filter(options)) TRY(make_filter(options, rows, out, err));
    out->limits.filter = out->filter;
    return INLAY_OK;
}

void request_limits_free(request_limits *limits) {
    search_filter_free(limits->filter);
}

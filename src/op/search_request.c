#include "op/search_request.h"

#include <inttypes.h>
#include <string.h>

inlay_search_options search_request_options(const inlay_search_options *options) {
    inlay_search_options own;
    inlay_search_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return own;
}

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

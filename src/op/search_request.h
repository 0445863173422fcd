/* What one run asks of the search in its graph beyond the graph's own inputs: handed from api/ through the run's
 * options to the op, so that runs of one model at the same time do not meet. */
#ifndef OP_SEARCH_REQUEST_H
#define OP_SEARCH_REQUEST_H

#include "search/search.h"

typedef struct search_request {
    const inlay_search_options *options;
    int answered; /* searches that heeded it: a graph whose search was not recognised has none */
    int64_t rows; /* what such a search has, */
    int64_t k;    /* and the k that it was asked for */
} search_request;

/* What OPTIONS allow, and what that points to. */
typedef struct request_limits {
    search_limits limits;
    inlay_row_range within;
    search_filter *filter;
} request_limits;

/* Of ROWS rows; to be freed in any case. Errors: INVALID_ARGUMENT (a row or a part that there is not, a bitmap of
 * another size). */
inlay_status request_limits_of(const inlay_search_options *options, int64_t rows, request_limits *out,
                               inlay_error *err);
void request_limits_free(request_limits *limits);

/* OPTIONS of a caller as this version of the library knows them. */
inlay_search_options search_request_options(const inlay_search_options *options);

#endif

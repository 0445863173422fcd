/* What one run asks of the search in its graph beyond the graph's own inputs: handed from api/ through the run's
 * options to the op, so that runs of one model at the same time do not meet. */
#ifndef OP_SEARCH_REQUEST_H
#define OP_SEARCH_REQUEST_H

#include "search/search.h"

typedef struct search_request {
    const inlay_search_options *options;
    int answered; /* searches that heeded it: a graph whose search was not recognised has none */
} search_request;

/* OPTIONS of a caller as this version of the library knows them. */
inlay_search_options search_request_options(const inlay_search_options *options);

/* The filter that OPTIONS ask for among ROWS rows; *out is the caller's, NULL when all may be answered. Errors:
 * INVALID_ARGUMENT (a row that there is not, a bitmap of another size). */
inlay_status search_request_filter(const inlay_search_options *options, int64_t rows, search_filter **out,
                                   inlay_error *err);

#endif

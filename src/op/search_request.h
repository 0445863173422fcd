/* What one run asks of the search in its graph beyond the graph's own inputs: handed from api/ through the run's
 * options to the op, so that runs of one model at the same time do not meet. */
#ifndef OP_SEARCH_REQUEST_H
#define OP_SEARCH_REQUEST_H

#include "search/search.h"
#include "tensor/tensor.h"

typedef struct search_request {
    const inlay_search_options *options;
    int answered;           /* searches that heeded it: a graph whose search was not recognised has none */
    int64_t rows;           /* what such a search has, */
    int64_t k;              /* and the k that it was asked for */
    tensor *found;          /* what one of them answered, [.., k], when vectors are asked for; NULL at first */
    tensor *vectors;        /* of these rows, float32 [their number, dim] */
    size_t chunks, indexed; /* that one of them read, and those of them that have an index */
    bool of_rows;    /* the queries were rows, no answers to themselves, and the graph gives as many as its k says
                        even when all are asked for */
    int64_t longest; /* then: the most hits that a query has */
} search_request;

/* Whether OPTIONS rule anything out, or ask for all. */
bool search_request_limits(const inlay_search_options *options);

/* Keeps FOUND, which a search of VIEW answers, and their vectors, when R asks for vectors. Errors: RESOURCE_EXHAUSTED.
 */
inlay_status search_request_keep(search_request *r, const search_view *view, tensor *found, mem_budget *budget,
                                 inlay_error *err);
void search_request_end(search_request *r); /* releases what was kept */

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

#endif

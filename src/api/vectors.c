#include "api/vectors.h"
#include "api/hits.h"
#include "op/search_request.h"

#include <inttypes.h>
#include <math.h>

int64_t inlay_vectors_rows(const inlay_vectors *v) {
    return search_rows(&v->view);
}
int64_t inlay_vectors_dim(const inlay_vectors *v) {
    return v->view.dim;
}

static inlay_status check_dim(const inlay_vectors *v, size_t dim, inlay_error *err) {
    if ((int64_t)dim == v->view.dim) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "queries of %zu numbers for rows of %" PRId64, dim, v->view.dim);
}

/* Spreads answers of KEPT rows a query to places for K, and says which are none. */
static void spread(size_t n, size_t kept, size_t k, int64_t *rows, float *scores) {
    for (size_t q = n; q-- > 0;) {
        memmove(rows + q * k, rows + q * kept, kept * sizeof *rows);
        memmove(scores + q * k, scores + q * kept, kept * sizeof *scores);
        for (size_t i = 0; i < k; i++)
            if (i >= kept || scores[q * k + i] == -INFINITY) {
                rows[q * k + i] = -1;
                scores[q * k + i] = -INFINITY;
            }
    }
}

/* LIMITS may be NULL. */
static inlay_status search(const inlay_vectors *v, const float *queries, size_t n, size_t dim, int64_t k,
                           const search_limits *limits, int64_t *rows, float *scores, inlay_error *err) {
    int64_t allowed = search_allowed(&v->view, limits), kept = k < allowed ? k : allowed;
    TRY(check_dim(v, dim, err));
    TRY(limits ? search_topk_within(&v->view, queries, (int64_t)n, k, limits, scores, rows, err)
               : search_topk(&v->view, queries, (int64_t)n, k, scores, rows, err));
    spread(n, (size_t)kept, (size_t)k, rows, scores);
    return INLAY_OK;
}

inlay_status inlay_vectors_search(const inlay_vectors *v, const float *queries, size_t n, size_t dim, int64_t k,
                                  int64_t *rows, float *scores, inlay_error *error) {
    return search(v, queries, n, dim, k, NULL, rows, scores, error);
}

inlay_status inlay_vectors_search_with(const inlay_vectors *v, const float *queries, size_t n, size_t dim,
                                       const inlay_search_options *options, int64_t *rows, float *scores,
                                       inlay_error *error) {
    inlay_search_options own = search_options(options);
    request_limits allowed;
    if (own.all || own.vectors)
        return fail(error, INLAY_INVALID_ARGUMENT, "there is room for k rows of each query, not for %s",
                    own.all ? "all" : "their vectors");
    inlay_status status = request_limits_of(&own, search_rows(&v->view), &allowed, error);
    if (status == INLAY_OK) status = search(v, queries, n, dim, own.k, &allowed.limits, rows, scores, error);
    request_limits_free(&allowed);
    return status;
}

/* Those of hits; zeros behind a query's last. */
static inlay_status fill_vectors(const inlay_vectors *v, hits *h, inlay_error *err) {
    size_t k = h->shown.k, dim = (size_t)v->view.dim;
    shape dims = shape_matrix((int64_t)(h->shown.n_queries * k), v->view.dim);
    TRY(tensor_new_zero(INLAY_FLOAT32, &dims, NULL, &h->vectors, err));
    for (size_t q = 0; q < h->shown.n_queries; q++)
        for (size_t i = 0; i < (size_t)h->counts[q]; i++)
            search_vector(&v->view, h->shown.indices[q * k + i], tensor_f32(h->vectors) + (q * k + i) * dim);
    h->shown.vectors = tensor_f32(h->vectors);
    h->shown.dim = dim;
    return INLAY_OK;
}

static inlay_status give_hits(const inlay_vectors *v, const search_list *lists, size_t n,
                              const inlay_search_options *options, inlay_hits **out, inlay_error *err) {
    hits *h = mem_zalloc(1, sizeof *h);
    if (!h) return fail_memory(err);
    h->shown.asked = options->k;
    h->shown.rows = search_rows(&v->view);
    shape dims = shape_matrix((int64_t)n, search_lists_width(lists, n));
    inlay_status status = tensor_new(INLAY_FLOAT32, &dims, NULL, &h->scores, err);
    if (status == INLAY_OK) status = tensor_new(INLAY_INT64, &dims, NULL, &h->indices, err);
    if (status == INLAY_OK) {
        search_lists_pad(lists, n, dims.dims[1], tensor_f32(h->scores), tensor_i64(h->indices));
        status = hits_fill(h, err);
    }
    if (status == INLAY_OK && options->vectors) status = fill_vectors(v, h, err);
    if (status == INLAY_OK)
        *out = &h->shown;
    else
        inlay_hits_release(&h->shown);
    return status;
}

inlay_status inlay_vectors_search_all(const inlay_vectors *v, const float *queries, size_t n, size_t dim,
                                      const inlay_search_options *options, inlay_hits **out, inlay_error *error) {
    inlay_search_options own = search_options(options);
    request_limits allowed;
    *out = NULL;
    TRY(check_dim(v, dim, error));
    search_list *lists = mem_zalloc(n + 1, sizeof *lists);
    inlay_status status = request_limits_of(&own, search_rows(&v->view), &allowed, error);
    if (status == INLAY_OK && !lists) status = fail_memory(error);
    if (status == INLAY_OK) status = search_all(&v->view, queries, (int64_t)n, &allowed.limits, own.most, lists, error);
    if (status == INLAY_OK) status = give_hits(v, lists, n, &own, out, error);
    if (lists) search_lists_free(lists, n);
    mem_free(lists);
    request_limits_free(&allowed);
    return status;
}

/* What TopKV2 gives for scores of queries and stored rows, without the scores: rows are scanned where they lie.
 *
 * Scores that are not finite are the exception: TopKV2 keeps a NaN and puts it below all numbers, a scan takes it for
 * minus infinity. A query that may have such scores among its winners has all its scores computed, as its graph would.
 */
#include "base/num.h"
#include "kernel/gemm/gemm.h"
#include "op/families.h"
#include "op/search_request.h"
#include "op/top.h"
#include "search/index_set.h"

#include <math.h>
#include <pthread.h>

typedef struct top_state {
    search_metric metric;
    bool transposed, has_side, has_offset;
    int64_t rank;
    pthread_mutex_t lock;      /* around what follows */
    tensor *side;              /* the last one, held; */
    const void *rows;          /* with these rows */
    const search_index *index; /* it has this index, or NULL */
} top_state;

static inlay_status top_prepare(op_node *node, op_setting *s, inlay_error *err) {
    top_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    bytes metric;
    int64_t sides, offsets;
    if (!state) return fail_memory(err);
    TRY(attr_text(&node->attributes, "metric", &metric, err));
    TRY(attr_bool(&node->attributes, "transposed", &state->transposed, err));
    TRY(attr_int(&node->attributes, "rank", &state->rank, err));
    TRY(attr_int(&node->attributes, "S", &sides, err));
    TRY(attr_int(&node->attributes, "P", &offsets, err));
    state->metric = bytes_is(metric, "less") ? SEARCH_LESS : bytes_is(metric, "apart") ? SEARCH_APART : SEARCH_DOT;
    state->has_side = sides > 0;
    state->has_offset = offsets > 0;
    if (sides > 1 || offsets > 1 || (state->metric == SEARCH_LESS && !sides) ||
        (state->metric == SEARCH_APART && sides))
        return fail(err, INLAY_INVALID_ARGUMENT, "attributes that do not agree");
    if (pthread_mutex_init(&state->lock, NULL) != 0) return fail_memory(err);
    node->state = state;
    return INLAY_OK;
}

static void top_dispose(op_node *node) {
    top_state *state = node->state;
    tensor_release(state->side);
    pthread_mutex_destroy(&state->lock);
}

/* One run: queries [n, dim] against rows [count, dim]. */
typedef struct top_call {
    op_call *c;
    top_state *state;
    tensor *queries, *rows, *side, *offset; /* held; side and offset NULL when there is none */
    int64_t n, dim, count, k;
    tensor *values, *places; /* the outputs */
} top_call;

/* ---- all scores */

static void apart_scores(const top_call *t, const float *query, const uint8_t *rows, float *scores) {
    for (int64_t i = 0; i < t->count; i++) {
        float sum = 0;
        for (int64_t j = 0; j < t->dim; j++) {
            float apart = query[j] - load_f32(rows + sizeof(float) * (size_t)(i * t->dim + j));
            sum += apart * apart;
        }
        scores[i] = -sum;
    }
}

static inlay_status products(const top_call *t, const float *query, const uint8_t *rows, float *scores,
                             inlay_error *err) {
    gemm_call g = {.type = INLAY_FLOAT32,
                   .trans_b = !t->state->transposed,
                   .m = 1,
                   .n = t->count,
                   .k = t->dim,
                   .a = query,
                   .b = rows,
                   .c = scores,
                   .batch = 1};
    if (t->dim > 0) return gemm_run(&g, err);
    memset(scores, 0, (size_t)t->count * sizeof *scores);
    return INLAY_OK;
}

/* Onto SCORES [rows] of query Q. */
static void add_side_and_offset(const top_call *t, int64_t q, float *scores) {
    const float *side = t->side ? tensor_f32(t->side) : NULL;
    for (int64_t i = 0; side && i < t->count; i++)
        scores[i] = t->state->metric == SEARCH_LESS ? scores[i] - side[i] : scores[i] * side[i];
    for (int64_t i = 0; t->offset && i < t->count; i++) scores[i] += tensor_f32(t->offset)[q];
}

/* SCORES [1, rows] of query Q. */
static inlay_status all_scores(const top_call *t, int64_t q, tensor *scores, inlay_error *err) {
    const float *query = tensor_f32(t->queries) + q * t->dim;
    tensor *rows;
    TRY(tensor_to_float(t->rows, INLAY_FLOAT32, t->c->budget, &rows, err));
    inlay_status status = INLAY_OK;
    if (t->state->metric == SEARCH_APART)
        apart_scores(t, query, rows->data, tensor_f32(scores));
    else
        status = products(t, query, rows->data, tensor_f32(scores), err);
    if (status == INLAY_OK) add_side_and_offset(t, q, tensor_f32(scores));
    tensor_release(rows);
    return status;
}

static inlay_status by_scores(const top_call *t, int64_t q, inlay_error *err) {
    shape all = shape_matrix(1, t->count), best = shape_matrix(1, t->k);
    size_t width = dtype_size(t->places->type);
    tensor *scores, *values = NULL, *places = NULL;
    TRY(tensor_new(INLAY_FLOAT32, &all, t->c->budget, &scores, err));
    inlay_status status = tensor_new(INLAY_FLOAT32, &best, t->c->budget, &values, err);
    if (status == INLAY_OK) status = tensor_new(t->places->type, &best, t->c->budget, &places, err);
    if (status == INLAY_OK) status = all_scores(t, q, scores, err);
    if (status == INLAY_OK) status = top_find(scores, t->k, values, places, err);
    if (status == INLAY_OK) {
        memcpy(tensor_f32(t->values) + q * t->k, values->data, (size_t)t->k * sizeof(float));
        memcpy(t->places->data + (size_t)(q * t->k) * width, places->data, (size_t)t->k * width);
    }
    tensor_release(scores);
    tensor_release(values);
    tensor_release(places);
    return status;
}

/* ---- the scan */

static bool is_finite_query(const top_call *t, int64_t q) {
    const float *query = tensor_f32(t->queries) + q * t->dim;
    bool finite = !t->offset || isfinite(tensor_f32(t->offset)[q]);
    for (int64_t j = 0; j < t->dim; j++) finite &= isfinite(query[j]) != 0;
    return finite;
}

/* The queries with zeros in place of those that are not finite, which a scan refuses; *out is the caller's. */
static inlay_status finite_queries(const top_call *t, tensor **out, inlay_error *err) {
    *out = tensor_retain(t->queries);
    for (int64_t q = 0; q < t->n; q++) {
        if (is_finite_query(t, q)) continue;
        if (*out == t->queries) {
            tensor_release(*out);
            TRY(tensor_copy(t->queries, t->c->budget, out, err));
        }
        memset(tensor_f32(*out) + q * t->dim, 0, (size_t)t->dim * sizeof(float));
    }
    return INLAY_OK;
}

/* The rows have an index as long as the variable holds what was loaded. Side numbers that an index was made with are
 * told by their checksum, which is computed once for as long as they are kept. */
static void find_index(const top_call *t, search_chunk *chunk) {
    top_state *state = t->state;
    const index_set *indexes = t->c->host->indexes;
    if (!indexes) return;
    if (!t->side) {
        chunk->index = index_set_find_plain(indexes, chunk, t->dim, state->metric);
        return;
    }
    pthread_mutex_lock(&state->lock);
    if (state->side != t->side || state->rows != chunk->rows) {
        tensor_release(state->side);
        state->side = tensor_retain(t->side);
        state->rows = chunk->rows;
        state->index = index_set_find_plain(indexes, chunk, t->dim, state->metric);
    }
    chunk->index = state->index;
    pthread_mutex_unlock(&state->lock);
}

static search_chunk chunk_of(const top_call *t) {
    search_chunk chunk = {.rows = t->rows->data,
                          .side = t->side ? t->side->data : NULL,
                          .count = t->count,
                          .type = t->rows->type,
                          .transposed = t->state->transposed};
    find_index(t, &chunk);
    return chunk;
}

static inlay_status scan(const top_call *t, const search_chunk *chunk, const float *queries, int64_t *rows,
                         inlay_error *err) {
    search_view view = {.chunks = chunk, .n_chunks = 1, .dim = t->dim, .metric = t->state->metric};
    TRY(search_topk(&view, queries, t->n, t->k, tensor_f32(t->values), rows, err));
    for (int64_t i = 0; i < t->n * t->k; i++) {
        order_put_place(t->places, i, rows[i]);
        if (t->offset) tensor_f32(t->values)[i] += tensor_f32(t->offset)[i / t->k];
    }
    for (int64_t q = 0; q < t->n; q++)
        if (tensor_f32(t->values)[q * t->k + t->k - 1] == -INFINITY || !is_finite_query(t, q))
            TRY(by_scores(t, q, err));
    return INLAY_OK;
}

static inlay_status by_scan(const top_call *t, const search_chunk *chunk, inlay_error *err) {
    tensor *queries;
    TRY(finite_queries(t, &queries, err));
    int64_t *rows = mem_array((size_t)(t->n * t->k), sizeof *rows);
    inlay_status status = rows ? scan(t, chunk, tensor_f32(queries), rows, err) : fail_memory(err);
    mem_free(rows);
    tensor_release(queries);
    return status;
}

/* ---- what is given */

static inlay_status check_queries(top_call *t, const tensor *queries, shape *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    *out = queries->dims;
    int rank = out->rank;
    bool fits = (t->state->rank ? rank == t->state->rank : rank >= 2) && out->dims[rank - 1] == t->dim;
    if (!fits || (t->state->rank == 3 && out->dims[1] != 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "queries of shape %s for rows of %lld numbers",
                    shape_text(&queries->dims, text), (long long)t->dim);
    t->n = op_span(&queries->dims, 0, rank - 1);
    if (t->state->rank == 3) out->rank = 2;
    out->dims[out->rank - 1] = t->k;
    return INLAY_OK;
}

static inlay_status check(top_call *t, inlay_error *err) {
    const tensor *rows = t->rows;
    char text[SHAPE_TEXT];
    shape dims;
    if (rows->dims.rank != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "rows of shape %s", shape_text(&rows->dims, text));
    t->count = rows->dims.dims[t->state->transposed];
    t->dim = rows->dims.dims[!t->state->transposed];
    TRY(tensor_scalar_int(t->c->in[2], "k", &t->k, err));
    if (t->k < 0) return fail(err, INLAY_INVALID_ARGUMENT, "k is %lld, it must not be negative", (long long)t->k);
    TRY(check_queries(t, t->c->in[0], &dims, err));
    if (t->k > t->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "input has %lld columns, k is %lld", (long long)t->count,
                    (long long)t->k);
    if ((t->side && t->side->count != t->count) || (t->offset && t->offset->count != t->n))
        return fail(err, INLAY_INVALID_ARGUMENT, "factors that do not fit");
    TRY(op_output(t->c, 0, &dims, &t->values, err));
    return op_output(t->c, 1, &dims, &t->places, err);
}

static inlay_status answer(top_call *t, inlay_error *err) {
    TRY(check(t, err));
    search_chunk chunk = chunk_of(t);
    if (t->n > 0 && t->k > 0) TRY(by_scan(t, &chunk, err));
    search_request *request = t->c->search;
    if (!request || search_request_limits(request->options)) return INLAY_OK;
    request->answered++;
    request->chunks = 1;
    request->indexed = chunk.index != NULL;
    return search_request_keep(
        request, &(search_view){.chunks = &chunk, .n_chunks = 1, .dim = t->dim, .metric = t->state->metric}, t->places,
        t->c->budget, err);
}

static inlay_status top_run(op_call *c, inlay_error *err) {
    top_state *state = c->node->state;
    top_call t = {.c = c, .state = state, .rows = c->in[1]};
    inlay_status status = tensor_aligned(c->in[0], c->budget, &t.queries, err);
    if (status == INLAY_OK && state->has_side) status = tensor_aligned(c->in[3], c->budget, &t.side, err);
    if (status == INLAY_OK && state->has_offset)
        status = tensor_aligned(c->in[3 + state->has_side], c->budget, &t.offset, err);
    if (status == INLAY_OK) status = answer(&t, err);
    tensor_release(t.queries);
    tensor_release(t.side);
    tensor_release(t.offset);
    return status;
}

const op_impl search_top_impls[] = {
    {"_InlayTopK", .run = top_run, .prepare = top_prepare, .dispose = top_dispose, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(search_top);

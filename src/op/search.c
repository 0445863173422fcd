/* A whole search in one node: rows are scanned where they lie, winners kept, scores never held. */
#include "search/index_set.h"

#include "base/num.h"
#include "op/families.h"
#include "op/search_request.h"

#include <math.h>

typedef struct search_state {
    search_metric metric;
    size_t n_chunks;
    int64_t *transposed, *first_rows;
    int64_t *side_input; /* of each chunk, -1: none */
    int64_t own_input;   /* -1: none */
} search_state;

static inlay_status metric_of(bytes name, search_metric *out, inlay_error *err) {
    static const char *const names[] = {[SEARCH_COSINE] = "cosine", [SEARCH_DOT] = "dot", [SEARCH_L2] = "l2"};
    for (int i = 0; i < 3; i++)
        if (bytes_is(name, names[i])) {
            *out = (search_metric)i;
            return INLAY_OK;
        }
    return fail(err, INLAY_INVALID_ARGUMENT, "no such metric");
}

static inlay_status search_prepare(op_node *node, op_setting *s, inlay_error *err) {
    search_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    bytes metric;
    int64_t chunks, sides, owns, next;
    size_t transposed, first_rows, sided;
    if (!state) return fail_memory(err);
    node->state = state;
    TRY(attr_text(&node->attributes, "metric", &metric, err));
    TRY(metric_of(metric, &state->metric, err));
    TRY(attr_int(&node->attributes, "N", &chunks, err));
    TRY(attr_int(&node->attributes, "M", &sides, err));
    TRY(attr_int(&node->attributes, "O", &owns, err));
    TRY(attr_ints(&node->attributes, "transposed", s->memory, &state->transposed, &transposed, err));
    TRY(attr_ints(&node->attributes, "first_rows", s->memory, &state->first_rows, &first_rows, err));
    TRY(attr_ints(&node->attributes, "sided", s->memory, &state->side_input, &sided, err));
    state->n_chunks = (size_t)chunks;
    if (chunks < 1 || transposed != state->n_chunks || first_rows != state->n_chunks || sided != state->n_chunks)
        return fail(err, INLAY_INVALID_ARGUMENT, "attributes that do not agree");
    next = chunks + 2;
    for (size_t i = 0; i < sided; i++) state->side_input[i] = state->side_input[i] ? next++ : -1;
    if (next != chunks + 2 + sides || (sides != chunks && state->metric != SEARCH_DOT) || owns > 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "attributes that do not agree");
    state->own_input = owns ? next : -1;
    return INLAY_OK;
}

/* The values of the node's variables, held while the search runs. */
typedef struct held_rows {
    search_chunk *chunks;
    tensor **values;
    size_t n_values;
} held_rows;

static inlay_status hold(op_call *c, int input, held_rows *held, tensor **out, inlay_error *err) {
    variable *v;
    TRY(variable_of(c->in[input], &v, err));
    TRY(variable_read(v, out, err));
    held->values[held->n_values++] = *out;
    return INLAY_OK;
}

static inlay_status hold_chunk(op_call *c, size_t i, int64_t *dim, held_rows *held, inlay_error *err) {
    const search_state *state = c->node->state;
    tensor *rows, *side = NULL;
    char text[SHAPE_TEXT];
    bool transposed = state->transposed[i] != 0;
    TRY(hold(c, 2 + (int)i, held, &rows, err));
    if (rows->dims.rank != 2 || (i && rows->dims.dims[!transposed] != *dim))
        return fail(err, INLAY_INVALID_ARGUMENT, "chunk %zu has shape %s", i, shape_text(&rows->dims, text));
    *dim = rows->dims.dims[!transposed];
    int64_t count = rows->dims.dims[transposed];
    if (state->side_input[i] >= 0) {
        TRY(hold(c, (int)state->side_input[i], held, &side, err));
        if (side->type != INLAY_FLOAT32 || side->count != count)
            return fail(err, INLAY_INVALID_ARGUMENT, "the side factor of chunk %zu has shape %s, for %lld rows", i,
                        shape_text(&side->dims, text), (long long)count);
    }
    held->chunks[i] = (search_chunk){.rows = rows->data,
                                     .side = side ? side->data : NULL,
                                     .count = count,
                                     .first_row = state->first_rows[i],
                                     .type = rows->type,
                                     .transposed = transposed,
                                     .index = index_set_find(c->host->indexes, rows->data, side ? side->data : NULL)};
    return INLAY_OK;
}

static inlay_status answer(op_call *c, const search_view *view, int64_t k, const search_limits *limits,
                           inlay_error *err) {
    int64_t rows = search_allowed(view, limits);
    shape dims = shape_matrix(c->in[0]->dims.dims[0], k < rows ? k : rows);
    tensor *scores, *indices;
    TRY(op_output(c, 0, &dims, &scores, err));
    TRY(op_output(c, 1, &dims, &indices, err));
    const float *queries = tensor_f32(c->in[0]);
    if (!limits)
        return search_topk(view, queries, dims.dims[0], dims.dims[1], tensor_f32(scores), tensor_i64(indices), err);
    return search_topk_within(view, queries, dims.dims[0], dims.dims[1], limits, tensor_f32(scores),
                              tensor_i64(indices), err);
}

static inlay_status give_lists(op_call *c, const search_list *lists, int64_t n, inlay_error *err) {
    tensor *scores, *indices;
    shape dims = shape_matrix(n, search_lists_width(lists, (size_t)n));
    TRY(op_output(c, 0, &dims, &scores, err));
    TRY(op_output(c, 1, &dims, &indices, err));
    search_lists_pad(lists, (size_t)n, dims.dims[1], tensor_f32(scores), tensor_i64(indices));
    return INLAY_OK;
}

static inlay_status answer_all(op_call *c, const search_view *view, int64_t most, const search_limits *limits,
                               inlay_error *err) {
    int64_t n = c->in[0]->dims.dims[0];
    search_list *lists = mem_zalloc((size_t)n + 1, sizeof *lists);
    if (!lists) return fail_memory(err);
    inlay_status status = search_all(view, tensor_f32(c->in[0]), n, limits, most, lists, err);
    if (status == INLAY_OK) status = give_lists(c, lists, n, err);
    search_lists_free(lists, (size_t)n);
    mem_free(lists);
    return status;
}

/* ---- queries that are rows: the graph asks for one more than it answers, and takes it or the row itself away */

static size_t hits_of(const float *scores, int64_t k) {
    while (k > 0 && scores[k - 1] == -INFINITY) k--;
    return (size_t)k;
}

/* The best K as lists; *block holds what they point into, and is the caller's (mem_free). */
static inlay_status best_as_lists(op_call *c, const search_view *view, int64_t k, const search_limits *limits,
                                  search_list *lists, void **block, inlay_error *err) {
    int64_t n = c->in[0]->dims.dims[0], allowed = search_allowed(view, limits), width = k < allowed ? k : allowed;
    size_t count;
    if (!mul_size((size_t)n, (size_t)width, &count)) return fail_memory(err);
    int64_t *rows = *block = mem_array(count + 1, sizeof *rows + sizeof(float));
    if (!rows) return fail_memory(err);
    float *scores = (float *)(void *)(rows + count);
    TRY(search_topk_within(view, tensor_f32(c->in[0]), n, width, limits, scores, rows, err));
    for (int64_t q = 0; q < n; q++)
        lists[q] = (search_list){(int64_t)hits_of(scores + q * width, width), scores + q * width, rows + q * width};
    return INLAY_OK;
}

static void strike_own(search_list *list, int64_t own) {
    int64_t left = 0;
    for (int64_t i = 0; i < list->count; i++) {
        if (list->rows[i] == own) continue;
        list->scores[left] = list->scores[i];
        list->rows[left++] = list->rows[i];
    }
    list->count = left;
}

/* LISTS as [n, k], behind them a row that is not the own one: the graph must not find that again. */
static inlay_status give_others(op_call *c, search_list *lists, const tensor *own, int64_t k, int64_t *longest,
                                inlay_error *err) {
    shape dims = shape_matrix(own->count, k);
    tensor *scores, *indices;
    TRY(op_output(c, 0, &dims, &scores, err));
    TRY(op_output(c, 1, &dims, &indices, err));
    *longest = 0;
    for (int64_t q = 0; q < own->count; q++) {
        int64_t row;
        TRY(tensor_as_int(own, q, "row", &row, err));
        strike_own(&lists[q], row);
        if (lists[q].count > *longest) *longest = lists[q].count;
        for (int64_t i = 0; i < k; i++) {
            tensor_f32(scores)[q * k + i] = i < lists[q].count ? lists[q].scores[i] : -INFINITY;
            tensor_i64(indices)[q * k + i] = i < lists[q].count ? lists[q].rows[i] : row == 0;
        }
    }
    return INLAY_OK;
}

static inlay_status answer_others(op_call *c, const search_view *view, int64_t k, const search_limits *limits,
                                  inlay_error *err) {
    const search_state *state = c->node->state;
    const inlay_search_options *options = c->search->options;
    const tensor *own = c->in[state->own_input];
    int64_t n = c->in[0]->dims.dims[0], most = options->most;
    void *block = NULL;
    if (own->count != n) return fail(err, INLAY_INVALID_ARGUMENT, "rows that do not fit the queries");
    search_list *lists = mem_zalloc((size_t)n + 1, sizeof *lists);
    if (!lists) return fail_memory(err);
    inlay_status status = INLAY_OK;
    if (options->all) /* one more: the row itself */
        status = search_all(view, tensor_f32(c->in[0]), n, limits, most < 0 || most == INT64_MAX ? most : most + 1,
                            lists, err);
    else
        status = best_as_lists(c, view, k, limits, lists, &block, err);
    if (status == INLAY_OK) status = give_others(c, lists, own, k, &c->search->longest, err);
    if (status == INLAY_OK && options->all && c->search->longest > most)
        status =
            fail(err, INLAY_RESOURCE_EXHAUSTED, "more than %lld rows score %g or more; raise the minimum or the limit",
                 (long long)most, (double)limits->least);
    if (options->all) search_lists_free(lists, (size_t)n);
    mem_free(block);
    mem_free(lists);
    c->search->of_rows = true;
    return status;
}

static inlay_status answer_request(op_call *c, const search_view *view, int64_t k, const search_limits *limits,
                                   inlay_error *err) {
    const search_state *state = c->node->state;
    const inlay_search_options *options = c->search->options;
    if (state->own_input >= 0)
        TRY(answer_others(c, view, k, limits, err));
    else
        TRY(options->all ? answer_all(c, view, options->most, limits, err) : answer(c, view, k, limits, err));
    return search_request_keep(c->search, view, c->out[1], c->budget, err);
}

static inlay_status search(op_call *c, const held_rows *held, int64_t dim, inlay_error *err) {
    const search_state *state = c->node->state;
    const tensor *queries = c->in[0];
    search_view view = {.chunks = held->chunks, .n_chunks = state->n_chunks, .dim = dim, .metric = state->metric};
    char text[SHAPE_TEXT];
    int64_t k;
    TRY(tensor_scalar_int(c->in[1], "k", &k, err));
    if (k < 0) return fail(err, INLAY_INVALID_ARGUMENT, "k is %lld, it must not be negative", (long long)k);
    if (queries->dims.rank != 2 || queries->dims.dims[1] != dim)
        return fail(err, INLAY_INVALID_ARGUMENT, "queries of shape %s for rows of %lld numbers",
                    shape_text(&queries->dims, text), (long long)dim);
    if (!c->search) return answer(c, &view, k, NULL, err);
    request_limits own;
    inlay_status status = request_limits_of(c->search->options, search_rows(&view), &own, err);
    if (status == INLAY_OK) status = answer_request(c, &view, k, &own.limits, err);
    request_limits_free(&own);
    c->search->answered++;
    c->search->rows = search_rows(&view);
    c->search->k = k;
    c->search->chunks = state->n_chunks;
    c->search->indexed = 0;
    for (size_t i = 0; i < state->n_chunks; i++)
        c->search->indexed += search_index_fits(held->chunks[i].index, &held->chunks[i], dim, state->metric);
    return status;
}

static inlay_status search_run(op_call *c, inlay_error *err) {
    const search_state *state = c->node->state;
    held_rows held = {mem_zalloc(state->n_chunks, sizeof *held.chunks),
                      mem_zalloc(2 * state->n_chunks, sizeof(tensor *)), 0};
    inlay_status status = held.chunks && held.values ? INLAY_OK : fail_memory(err);
    int64_t dim = 0;
    for (size_t i = 0; i < state->n_chunks && status == INLAY_OK; i++) status = hold_chunk(c, i, &dim, &held, err);
    if (status == INLAY_OK) status = search(c, &held, dim, err);
    for (size_t i = 0; i < held.n_values; i++) tensor_release(held.values[i]);
    mem_free(held.values);
    mem_free(held.chunks);
    return status;
}

const op_impl search_impls[] = {
    {"_InlaySearch", .run = search_run, .prepare = search_prepare},
};
OP_FAMILY_END(search);

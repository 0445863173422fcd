#include "edit/fuse/search_graph.h"

#include "base/alloc.h"

#include <math.h>

/* Sum of squares of each query, [batch, 1]. */
static const char *query_squares(node_writer *w, const char *query) {
    const char *squares = node_unary(w, "query_squares", "Square", query, INLAY_FLOAT32, "y");
    const char *axis = node_const_i32s(w, "query_axis", (const int32_t[]){1}, 1);
    return node_put_ref(w,
                        &(node_spec){"query_sum", "Sum", LIST(squares, axis), NULL,
                                     ATTRS(ATTR_TYPE_OF("T", INLAY_FLOAT32), ATTR_TYPE_OF("Tidx", INLAY_INT32),
                                           ATTR_FLAG("keep_dims", true))},
                        "output");
}

/* What the rows are multiplied with. */
static const char *scaled_query(node_writer *w, const search_graph *g) {
    if (g->metric == SEARCH_COSINE) {
        const char *floor = node_binary(w, "query_floor", "Maximum", query_squares(w, g->query),
                                        node_const_f32(w, "tiny", 1e-30f), INLAY_FLOAT32, "z");
        return node_binary(w, "query_unit", "Mul", g->query,
                           node_unary(w, "query_inverse", "Rsqrt", floor, INLAY_FLOAT32, "y"), INLAY_FLOAT32, "z");
    }
    if (g->metric == SEARCH_L2)
        return node_binary(w, "query_twice", "Mul", g->query, node_const_f32(w, "two", 2), INLAY_FLOAT32, "z");
    return g->query;
}

static const char *part_name(node_writer *w, size_t chunk, const char *part) {
    const char *name = arena_format(w->names, "chunk_%zu_%s", chunk, part);
    if (!name) w->out->failed = true;
    return name ? name : "";
}

/* Half-precision rows are widened chunk by chunk: a product in half precision would round the scores and swap
 * near-ties. */
static bool is_half(dtype t) {
    return t == INLAY_FLOAT16 || t == INLAY_BFLOAT16;
}

/* Scores of one chunk, float32 [batch, rows]; AFTER is the node that must have run before (NULL: none). */
static const char *chunk_scores(node_writer *w, const search_graph *g, size_t i, const char *query, const char *after) {
    const graph_chunk *c = &g->chunks[i];
    dtype product = is_half(g->type) ? INLAY_FLOAT32 : g->type;
    const char *rows = node_put_ref(w,
                                    &(node_spec){part_name(w, i, "rows"), "ReadVariableOp", LIST(c->rows),
                                                 after ? LIST(after) : NULL, ATTRS(ATTR_TYPE_OF("dtype", g->type))},
                                    "value");
    if (is_half(g->type)) rows = node_cast(w, part_name(w, i, "wide"), rows, g->type, INLAY_FLOAT32);
    const char *scores = node_put_ref(w,
                                      &(node_spec){part_name(w, i, "product"), "MatMul", LIST(query, rows), NULL,
                                                   ATTRS(ATTR_TYPE_OF("T", product), ATTR_FLAG("transpose_a", false),
                                                         ATTR_FLAG("transpose_b", !c->transposed))},
                                      "product");
    if (product != INLAY_FLOAT32) scores = node_cast(w, part_name(w, i, "narrow"), scores, product, INLAY_FLOAT32);
    if (c->side) {
        const char *side = node_put_ref(w,
                                        &(node_spec){part_name(w, i, "side"), "ReadVariableOp", LIST(c->side), NULL,
                                                     ATTRS(ATTR_TYPE_OF("dtype", INLAY_FLOAT32))},
                                        "value");
        scores = node_binary(w, part_name(w, i, "scores"), g->metric == SEARCH_L2 ? "Sub" : "Mul", scores, side,
                             INLAY_FLOAT32, "z");
    }
    if (!g->guard_nan && !c->guard) return scores;
    const char *is_nan = node_unary(w, part_name(w, i, "is_nan"), "IsNan", scores, INLAY_FLOAT32, "y");
    const char *lowest = node_const_f32(w, part_name(w, i, "lowest"), -INFINITY);
    return node_put_ref(w,
                        &(node_spec){part_name(w, i, "guarded"), "SelectV2", LIST(is_nan, lowest, scores), NULL,
                                     ATTRS(ATTR_TYPE_OF("T", INLAY_FLOAT32))},
                        "output");
}

/* TopKV2 of SCORES with at most LIMIT winners; returns the node's name. */
static const char *put_top(node_writer *w, const char *name, const char *k_name, const char *limit_name,
                           const char *scores, const char *k, int64_t limit) {
    const char *most = node_const_i32(w, limit_name, (int32_t)(limit < INT32_MAX ? limit : INT32_MAX));
    const char *count = node_binary(w, k_name, "Minimum", k, most, INLAY_INT32, "z");
    return node_put(w, &(node_spec){name, "TopKV2", LIST(scores, count), NULL,
                                    ATTRS(ATTR_TYPE_OF("T", INLAY_FLOAT32), ATTR_FLAG("sorted", true))});
}

static const char *concat(node_writer *w, const char *name, const char **parts, size_t n, dtype type) {
    const char **inputs = arena_alloc(w->names, (n + 2) * sizeof *inputs);
    if (!inputs) return w->out->failed = true, "";
    memcpy(inputs, parts, n * sizeof *inputs);
    inputs[n] = node_const_i32(w, type == INLAY_FLOAT32 ? "scores_axis" : "rows_axis", 1);
    inputs[n + 1] = NULL;
    return node_put_ref(
        w,
        &(node_spec){name, "ConcatV2", inputs, NULL,
                     ATTRS(ATTR_NUMBER("N", (int64_t)n), ATTR_TYPE_OF("T", type), ATTR_TYPE_OF("Tidx", INLAY_INT32))},
        "output");
}

/* Best of all chunks from the best of each. */
static void merge(node_writer *w, const search_graph *g, const char **values, const char **rows, int64_t total,
                  search_outputs *out) {
    const char *all_values = concat(w, "all_scores", values, g->n_chunks, INLAY_FLOAT32);
    const char *all_rows = concat(w, "all_rows", rows, g->n_chunks, INLAY_INT64);
    const char *top = put_top(w, "top", "top_k", "top_limit", all_values, g->k, total);
    out->scores = node_output(w, top, "values", 0, 0);
    out->indices = node_put_ref(
        w,
        &(node_spec){"top_rows", "GatherV2",
                     LIST(all_rows, node_output(w, top, "indices", 0, 1), node_const_i32(w, "top_axis", 1)), NULL,
                     ATTRS(ATTR_TYPE_OF("Taxis", INLAY_INT32), ATTR_TYPE_OF("Tindices", INLAY_INT32),
                           ATTR_TYPE_OF("Tparams", INLAY_INT64), ATTR_NUMBER("batch_dims", 1))},
        "output");
}

const char *search_payload_put(node_writer *w, const search_graph *g, const char *rows) {
    return node_put_ref(
        w,
        &(node_spec){"payload", "ResourceGather", LIST(g->payload, rows), NULL,
                     ATTRS(ATTR_TYPE_OF("Tindices", INLAY_INT64), ATTR_NUMBER("batch_dims", 0),
                           ATTR_TYPE_OF("dtype", g->payload_type), ATTR_FLAG("validate_indices", true))},
        "output");
}

search_outputs search_graph_put(node_writer *w, const search_graph *g) {
    search_outputs out = {"", "", NULL};
    const char **values = arena_alloc(w->names, g->n_chunks * sizeof *values),
               **rows = arena_alloc(w->names, g->n_chunks * sizeof *rows);
    if (!values || !rows) return w->out->failed = true, out;
    const char *query = scaled_query(w, g), *previous = NULL;
    if (g->type == INLAY_FLOAT64) query = node_cast(w, "query_wide", query, INLAY_FLOAT32, INLAY_FLOAT64);
    int64_t total = 0;
    for (size_t i = 0; i < g->n_chunks; i++) {
        const graph_chunk *c = &g->chunks[i];
        const char *scores = chunk_scores(w, g, i, query, previous);
        const char *top =
            put_top(w, part_name(w, i, "top"), part_name(w, i, "k"), part_name(w, i, "limit"), scores, g->k, c->count);
        if (is_half(g->type)) previous = top; /* one widened chunk in memory at a time */
        const char *local =
            node_cast(w, part_name(w, i, "local"), node_output(w, top, "indices", 0, 1), INLAY_INT32, INLAY_INT64);
        values[i] = node_output(w, top, "values", 0, 0);
        rows[i] = node_binary(w, part_name(w, i, "global"), "AddV2", local,
                              node_const_i64(w, part_name(w, i, "first"), c->first_row), INLAY_INT64, "z");
        total += c->count;
    }
    out.scores = values[0];
    out.indices = rows[0];
    if (g->n_chunks > 1) merge(w, g, values, rows, total, &out);
    if (g->metric == SEARCH_L2) {
        const char *distance =
            node_binary(w, "minus_query", "Sub", out.scores, query_squares(w, g->query), INLAY_FLOAT32, "z");
        out.scores =
            node_binary(w, "at_most_zero", "Minimum", distance, node_const_f32(w, "zero", 0), INLAY_FLOAT32, "z");
    }
    if (g->payload) out.payload = search_payload_put(w, g, out.indices);
    return out;
}

#include "edit/fuse/lookup_graph.h"

#include "base/alloc.h"

static int64_t count_rows(const search_graph *g) {
    int64_t total = 0;
    for (size_t i = 0; i < g->n_chunks; i++) total += g->chunks[i].count;
    return total;
}

/* INDEX, once it is known to be that of a row. Clipped too: a runtime that checks beside the rest meets no bad one. */
static const char *checked_rows(node_writer *w, const search_graph *g, const char *index) {
    int64_t total = count_rows(g);
    const char *text = arena_format(w->names, "index must be from 0 to %lld, not", (long long)total - 1);
    if (!text) return w->out->failed = true, "";
    const char *first = node_const_i64(w, "row_first", 0);
    const char *above = node_binary(w, "row_above", "GreaterEqual", index, first, INLAY_INT64, "z");
    const char *below =
        node_binary(w, "row_below", "Less", index, node_const_i64(w, "row_count", total), INLAY_INT64, "z");
    const char *within =
        node_put_ref(w, &(node_spec){"row_within", "LogicalAnd", LIST(above, below), NULL, NULL, 0}, "z");
    const char *all =
        node_put_ref(w,
                     &(node_spec){"row_all", "All", LIST(within, node_const_i32(w, "row_axis", 0)), NULL,
                                  ATTRS(ATTR_TYPE_OF("Tidx", INLAY_INT32), ATTR_FLAG("keep_dims", false))},
                     "output");
    const dtype types[] = {INLAY_STRING, INLAY_INT64};
    const char *check = node_put(
        w, &(node_spec){LOOKUP_CHECK, "Assert",
                        LIST(all, node_const_strings(w, "row_refused", (const char *const[]){text}, -1), index), NULL,
                        ATTRS({"T", ATTR_TYPES, .types = {types, 2}}, ATTR_NUMBER("summarize", 8))});
    const char *row = node_put_ref(
        w, &(node_spec){"row_checked", "Identity", LIST(index), LIST(check), ATTRS(ATTR_TYPE_OF("T", INLAY_INT64))},
        "output");
    const char *last = node_const_i64(w, "row_last", total > 0 ? total - 1 : 0);
    return node_binary(w, "row_clipped", "Minimum",
                       node_binary(w, "row_not_below", "Maximum", row, first, INLAY_INT64, "z"), last, INLAY_INT64,
                       "z");
}

static const char *part_name(node_writer *w, size_t chunk, const char *part) {
    const char *name = arena_format(w->names, "part_%zu_%s", chunk, part);
    if (!name) w->out->failed = true;
    return name ? name : "";
}

/* Rows LOCAL of chunk I, float32 [n, dim]. Read and gathered, which copies no chunk; ResourceGather would make
 * TensorFlow copy the variable whenever it is read from then on, as the search does with each query. */
static const char *gather(node_writer *w, const search_graph *g, size_t i, const char *local) {
    const graph_chunk *c = &g->chunks[i];
    const char *rows = node_put_ref(w,
                                    &(node_spec){part_name(w, i, "read"), "ReadVariableOp", LIST(c->rows), NULL,
                                                 ATTRS(ATTR_TYPE_OF("dtype", g->type))},
                                    "value");
    const char *axis = node_const_i32(w, part_name(w, i, "axis"), c->transposed);
    const char *taken =
        node_put_ref(w,
                     &(node_spec){part_name(w, i, "taken"), "GatherV2", LIST(rows, local, axis), NULL,
                                  ATTRS(ATTR_TYPE_OF("Taxis", INLAY_INT32), ATTR_TYPE_OF("Tindices", INLAY_INT64),
                                        ATTR_TYPE_OF("Tparams", g->type), ATTR_NUMBER("batch_dims", 0))},
                     "output");
    if (c->transposed) {
        const char *order = node_const_i32s(w, part_name(w, i, "order"), (const int32_t[]){1, 0}, 2);
        taken = node_put_ref(w,
                             &(node_spec){part_name(w, i, "turned"), "Transpose", LIST(taken, order), NULL,
                                          ATTRS(ATTR_TYPE_OF("T", g->type), ATTR_TYPE_OF("Tperm", INLAY_INT32))},
                             "y");
    }
    return g->type == INLAY_FLOAT32 ? taken : node_cast(w, part_name(w, i, "wide"), taken, g->type, INLAY_FLOAT32);
}

/* Which chunk each of ROW lies in, int32 [batch]: how many others begin at it or before it. */
static const char *chunk_numbers(node_writer *w, const search_graph *g, const char *row) {
    int64_t *starts = arena_zalloc(w->names, g->n_chunks, sizeof *starts);
    if (!starts) return w->out->failed = true, "";
    for (size_t i = 1; i < g->n_chunks; i++) starts[i - 1] = g->chunks[i].first_row;
    const char *column =
        node_put_ref(w,
                     &(node_spec){"row_column", "ExpandDims", LIST(row, node_const_i32(w, "row_column_axis", 1)), NULL,
                                  ATTRS(ATTR_TYPE_OF("T", INLAY_INT64), ATTR_TYPE_OF("Tdim", INLAY_INT32))},
                     "output");
    const char *all = node_const_i64s(w, "row_starts", starts, (int64_t)g->n_chunks - 1);
    const char *reached = node_binary(w, "row_reached", "GreaterEqual", column, all, INLAY_INT64, "z");
    return node_put_ref(
        w,
        &(node_spec){
            "row_chunk", "Sum",
            LIST(node_cast(w, "row_ones", reached, INLAY_BOOL, INLAY_INT32), node_const_i32(w, "row_chunk_axis", 1)),
            NULL,
            ATTRS(ATTR_TYPE_OF("T", INLAY_INT32), ATTR_TYPE_OF("Tidx", INLAY_INT32), ATTR_FLAG("keep_dims", false))},
        "output");
}

/* 0, 1, … below COUNT, int32. */
static const char *range(node_writer *w, const char *name, const char *count) {
    const char *from = arena_format(w->names, "%s_from", name), *step = arena_format(w->names, "%s_step", name);
    if (!from || !step) return w->out->failed = true, "";
    return node_put_ref(w,
                        &(node_spec){name, "Range", LIST(node_const_i32(w, from, 0), count, node_const_i32(w, step, 1)),
                                     NULL, ATTRS(ATTR_TYPE_OF("Tidx", INLAY_INT32))},
                        "output");
}

static const char *put_partition(node_writer *w, const char *name, const char *values, const char *numbers, size_t n,
                                 dtype type) {
    return node_put(w, &(node_spec){name, "DynamicPartition", LIST(values, numbers), NULL,
                                    ATTRS(ATTR_TYPE_OF("T", type), ATTR_NUMBER("num_partitions", (int64_t)n))});
}

/* Each row is taken from the one chunk that has it, and the rows are put in order again. */
static const char *gather_from_all(node_writer *w, const search_graph *g, const char *row) {
    size_t n = g->n_chunks;
    const char **pieces = arena_zalloc(w->names, 2 * n + 1, sizeof *pieces);
    if (!pieces) return w->out->failed = true, "";
    const char *numbers = chunk_numbers(w, g, row);
    const char *batch =
        node_put_ref(w,
                     &(node_spec){"row_batch", "Size", LIST(row), NULL,
                                  ATTRS(ATTR_TYPE_OF("T", INLAY_INT64), ATTR_TYPE_OF("out_type", INLAY_INT32))},
                     "output");
    const char *places = put_partition(w, "row_places", range(w, "row_order", batch), numbers, n, INLAY_INT32),
               *rows = put_partition(w, "row_numbers", row, numbers, n, INLAY_INT64);
    for (size_t i = 0; i < n; i++) {
        const char *first = node_const_i64(w, part_name(w, i, "first"), g->chunks[i].first_row);
        const char *local = node_binary(w, part_name(w, i, "local"), "Sub",
                                        node_output(w, rows, "outputs", (int)i, (int)i), first, INLAY_INT64, "z");
        pieces[i] = node_output(w, places, "outputs", (int)i, (int)i);
        pieces[n + i] = gather(w, g, i, local);
    }
    return node_put_ref(w,
                        &(node_spec){"row_vector", "DynamicStitch", pieces, NULL,
                                     ATTRS(ATTR_NUMBER("N", (int64_t)n), ATTR_TYPE_OF("T", INLAY_FLOAT32))},
                        "merged");
}

lookup_outputs lookup_graph_put(node_writer *w, const search_graph *g, const char *index) {
    const char *row = checked_rows(w, g, index);
    return (lookup_outputs){.vector = g->n_chunks > 1 ? gather_from_all(w, g, row) : gather(w, g, 0, row),
                            .payload = g->payload ? search_payload_put(w, g, row) : NULL};
}

/* ---- neighbours */

/* PLACES of each row of VALUES, both [batch, n]. */
static const char *pick(node_writer *w, const char *name, const char *values, const char *places, dtype type) {
    const char *axis = arena_format(w->names, "%s_axis", name);
    if (!axis) return w->out->failed = true, "";
    return node_put_ref(w,
                        &(node_spec){name, "GatherV2", LIST(values, places, node_const_i32(w, axis, 1)), NULL,
                                     ATTRS(ATTR_TYPE_OF("Taxis", INLAY_INT32), ATTR_TYPE_OF("Tindices", INLAY_INT32),
                                           ATTR_TYPE_OF("Tparams", type), ATTR_NUMBER("batch_dims", 1))},
                        "output");
}

/* Of COUNT + 1 winners, the places of COUNT, int32 [batch, COUNT]: past the row itself where it is among them, else all
 * but the last. */
static const char *other_places(node_writer *w, const char *winners, const char *index, const char *count) {
    const char *own =
        node_put_ref(w,
                     &(node_spec){"own", "ExpandDims", LIST(index, node_const_i32(w, "own_axis", 1)), NULL,
                                  ATTRS(ATTR_TYPE_OF("T", INLAY_INT64), ATTR_TYPE_OF("Tdim", INLAY_INT32))},
                     "output");
    const char *is_own = node_binary(w, "own_found", "Equal", winners, own, INLAY_INT64, "z");
    const char *passed =
        node_put_ref(w,
                     &(node_spec){"own_passed", "Cumsum",
                                  LIST(node_cast(w, "own_ones", is_own, INLAY_BOOL, INLAY_INT32),
                                       node_const_i32(w, "own_passed_axis", 1)),
                                  NULL,
                                  ATTRS(ATTR_TYPE_OF("T", INLAY_INT32), ATTR_TYPE_OF("Tidx", INLAY_INT32),
                                        ATTR_FLAG("exclusive", false), ATTR_FLAG("reverse", false))},
                     "out");
    const char *places = range(w, "own_order", count);
    const char *steps = node_put_ref(
        w,
        &(node_spec){"own_steps", "GatherV2", LIST(passed, places, node_const_i32(w, "own_steps_axis", 1)), NULL,
                     ATTRS(ATTR_TYPE_OF("Taxis", INLAY_INT32), ATTR_TYPE_OF("Tindices", INLAY_INT32),
                           ATTR_TYPE_OF("Tparams", INLAY_INT32), ATTR_NUMBER("batch_dims", 0))},
        "output");
    return node_binary(w, "own_places", "AddV2", steps, places, INLAY_INT32, "z");
}

search_outputs similar_graph_put(node_writer *w, const search_graph *g, const char *index) {
    search_graph asked = *g, rows = *g;
    rows.payload = asked.payload = NULL;
    int64_t others = count_rows(g) - 1;
    if (others < 0) others = 0;
    if (others >= INT32_MAX) others = INT32_MAX - 1;
    const char *count = node_binary(w, "own_count", "Minimum", g->k, node_const_i32(w, "own_others", (int32_t)others),
                                    INLAY_INT32, "z");
    asked.k = node_binary(w, "own_k", "AddV2", count, node_const_i32(w, "own_one", 1), INLAY_INT32, "z");
    asked.query = lookup_graph_put(w, &rows, index).vector;
    search_outputs found = search_graph_put(w, &asked);
    const char *places = other_places(w, found.indices, index, count);
    found.scores = pick(w, "other_scores", found.scores, places, INLAY_FLOAT32);
    found.indices = pick(w, "other_rows", found.indices, places, INLAY_INT64);
    if (g->payload) found.payload = search_payload_put(w, g, found.indices);
    return found;
}

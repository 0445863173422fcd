#include "edit/cast/cast_graph.h"
#include "edit/object_graph.h"

/* SavedObject {children 1 {node_id 1, local_name 2}, variable 7 {dtype 1}}, TrackableObject {children 1, attributes 2
 * {checkpoint_key 3}} */
enum { CHILDREN = 1, ATTRIBUTES = 2, VARIABLE = 7, FUNCTIONS = 2 };

typedef struct object_walk {
    cast_graph *g;
    const saved_metagraph *graph;
    object_graph saved, stored;
    int64_t *twin; /* [saved.n_nodes] the node of the checkpoint's graph with the same path; -1: none known */
    size_t *queue; /* nodes of the saved graph whose twin is known */
    size_t n_queue;
    bool *cast; /* [saved.n_nodes] variables that are cast */
    const bytes *keys;
    size_t n_keys;
} object_walk;

/* ---- which objects */

static inlay_status pair_children(object_walk *w, size_t node, inlay_error *err) {
    wire_reader r = wire_open(w->saved.nodes[node], w->saved.file, NULL);
    for (;;) {
        wire_field field, id = {0}, label = {0};
        bool got, found;
        int64_t twin;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != CHILDREN || field.type != WIRE_BYTES) continue;
        TRY(wire_find(field.data, 1, w->saved.file, &id, &found, err));
        TRY(wire_find(field.data, 2, w->saved.file, &label, &found, err));
        if (id.value >= w->saved.n_nodes || w->twin[id.value] >= 0 || label.type != WIRE_BYTES) continue;
        const char *name = arena_copy(&w->g->c->a, label.data);
        if (!name) return fail_memory(err);
        TRY(object_graph_child(&w->stored, w->twin[node], name, &twin, err));
        if (twin < 0) continue;
        w->twin[id.value] = twin;
        w->queue[w->n_queue++] = (size_t)id.value;
    }
}

/* Whether the checkpoint's node has a tensor under one of the keys. */
static inlay_status is_stored_under(const object_walk *w, bytes node, bool *out, inlay_error *err) {
    wire_reader r = wire_open(node, w->stored.file, NULL);
    for (*out = false; !*out;) {
        wire_field field, key;
        bool got, found;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        if (field.number != ATTRIBUTES || field.type != WIRE_BYTES) continue;
        TRY(wire_find(field.data, 3, w->stored.file, &key, &found, err));
        for (size_t i = 0; found && key.type == WIRE_BYTES && i < w->n_keys; i++)
            *out |= bytes_equal(key.data, w->keys[i]);
    }
    return INLAY_OK;
}

/* The dtype of SavedObject NODE, when it is a variable. */
static inlay_status set_dtype(object_walk *w, size_t node, inlay_error *err) {
    wire_field variable, type;
    bool found;
    TRY(wire_find(w->saved.nodes[node], VARIABLE, w->saved.file, &variable, &found, err));
    if (!found || variable.type != WIRE_BYTES) return INLAY_OK;
    TRY(wire_find(variable.data, 1, w->saved.file, &type, &found, err));
    if (!found || type.type != WIRE_VARINT) return INLAY_OK;
    w->cast[node] = true;
    return cast_set_number(w->g, &type, (uint64_t)w->g->to, err);
}

/* ---- the functions that capture them */

/* Calls FN for each captured object of each concrete function: FROM_END counts arguments from the last one, 1. */
static inlay_status each_capture(object_walk *w,
                                 inlay_status (*fn)(object_walk *w, bytes function, int64_t node, size_t from_end,
                                                    inlay_error *err),
                                 inlay_error *err) {
    for (size_t i = 0; i < w->saved.n_others; i++) {
        wire_reader r = wire_open(w->saved.others[i], w->saved.file, NULL);
        wire_field field;
        bool got;
        bytes name, value;
        int64_t *bound;
        size_t n;
        TRY(wire_next(&r, &field, &got, err));
        if (!got || field.number != FUNCTIONS || field.type != WIRE_BYTES) continue;
        TRY(wire_map_entry(&r, &field, &name, &value, err));
        TRY(object_graph_bound_inputs(&w->saved, name, &w->g->c->a, &bound, &n, err));
        for (size_t k = 0; k < n; k++)
            if (bound[k] >= 0 && (uint64_t)bound[k] < w->saved.n_nodes) TRY(fn(w, name, bound[k], n - k, err));
    }
    return INLAY_OK;
}

static inlay_status add_capture(object_walk *w, bytes function, int64_t node, size_t from_end, inlay_error *err) {
    return w->cast[node] ? cast_graph_add_argument(w->g, w->graph, function, from_end, err) : INLAY_OK;
}

/* The key of the checkpoint's NODE; empty when it has none. */
static inlay_status first_key(const object_walk *w, int64_t node, bytes *out, inlay_error *err) {
    wire_field attribute, key;
    bool found;
    *out = bytes_make("", 0);
    if (node < 0) return INLAY_OK;
    TRY(wire_find(w->stored.nodes[node], ATTRIBUTES, w->stored.file, &attribute, &found, err));
    if (!found || attribute.type != WIRE_BYTES) return INLAY_OK;
    TRY(wire_find(attribute.data, 3, w->stored.file, &key, &found, err));
    if (found && key.type == WIRE_BYTES) *out = key.data;
    return INLAY_OK;
}

static inlay_status check_capture(object_walk *w, bytes function, int64_t node, size_t from_end, inlay_error *err) {
    bool is;
    bytes key;
    if (w->cast[node]) return INLAY_OK;
    TRY(cast_graph_is_argument(w->g, w->graph, function, from_end, &is, err));
    if (!is) return INLAY_OK;
    TRY(first_key(w, w->twin[node], &key, err));
    return fail_at(err, INLAY_FAILED_PRECONDITION, w->saved.file, -1,
                   "function %.*s reads the variable, and in its place %.*s, which must be cast with it",
                   (int)(function.size < 200 ? function.size : 200), (const char *)function.data,
                   (int)(key.size < 200 ? key.size : 200), (const char *)key.data);
}

/* ---- all of it */

static inlay_status walk(object_walk *w, bool check, inlay_error *err) {
    w->twin = arena_zalloc(&w->g->c->a, w->saved.n_nodes, sizeof *w->twin);
    w->queue = arena_zalloc(&w->g->c->a, w->saved.n_nodes, sizeof *w->queue);
    w->cast = arena_zalloc(&w->g->c->a, w->saved.n_nodes, sizeof *w->cast);
    if (!w->twin || !w->queue || !w->cast) return fail_memory(err);
    for (size_t i = 1; i < w->saved.n_nodes; i++) w->twin[i] = -1;
    w->queue[w->n_queue++] = 0;
    for (size_t i = 0; i < w->n_queue; i++) TRY(pair_children(w, w->queue[i], err));
    for (size_t i = 0; i < w->n_queue; i++) {
        size_t node = w->queue[i];
        bool is;
        TRY(is_stored_under(w, w->stored.nodes[w->twin[node]], &is, err));
        if (is) TRY(set_dtype(w, node, err));
    }
    return each_capture(w, check ? check_capture : add_capture, err);
}

inlay_status cast_objects(cast_graph *g, bytes stored, const bytes *keys, size_t n, bool check, inlay_error *err) {
    for (size_t i = 0; i < g->c->model->metagraph_count; i++) {
        const saved_metagraph *graph = &g->c->model->metagraphs[i];
        if (!graph->has_object_graph) continue;
        object_walk w = {.g = g, .graph = graph, .keys = keys, .n_keys = n};
        inlay_status status;
        TRY_TO(done, object_graph_open(graph->object_graph, g->scopes.file, &g->c->a, &w.saved, err));
        TRY_TO(done, object_graph_open(stored, bundle_prefix(g->c->old), &g->c->a, &w.stored, err));
        TRY_TO(done, walk(&w, check, err));
    done:
        object_graph_free(&w.saved);
        object_graph_free(&w.stored);
        TRY(status);
    }
    return INLAY_OK;
}

#include "graph/import.h"

#include "base/num.h"

enum { NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3, NODE_ATTR = 5, VALUE_PLACEHOLDER = 9, GRAPH_NODE = 1 };

void import_begin(import *im, graph *g, const char *prefix, const attrs *call) {
    *im = (import){.g = g, .prefix = prefix, .call = call};
    arena_init(&im->scratch, 0);
}

void import_end(import *im) {
    arena_free(&im->scratch);
    map_free(&im->local);
    mem_free(im->nodes);
}

graph_node *import_find(const import *im, bytes name) {
    uint64_t index;
    return map_get(&im->local, name, &index) ? im->nodes[index].node : NULL;
}

static int shown(bytes text) {
    return (int)min_size(text.size, 200);
}

inlay_status import_add(import *im, bytes name, const char *op, import_node **out, inlay_error *err) {
    if (name.size == 0 || memchr(name.data, 0, name.size))
        return fail(err, INLAY_INVALID_ARGUMENT, "a node of op %s has no proper name", op);
    if (map_get(&im->local, name, NULL))
        return fail(err, INLAY_INVALID_ARGUMENT, "two nodes are called '%.*s'", shown(name), (const char *)name.data);
    if (im->count == im->capacity) {
        size_t capacity = im->capacity ? im->capacity * 2 : 64;
        import_node *nodes = mem_realloc(im->nodes, capacity * sizeof *nodes);
        if (!nodes) return fail_memory(err);
        im->nodes = nodes;
        im->capacity = capacity;
    }
    char *full = arena_alloc(&im->scratch, strlen(im->prefix) + name.size + 1);
    if (!full) return fail_memory(err);
    memcpy(full, im->prefix, strlen(im->prefix));
    memcpy(full + strlen(im->prefix), name.data, name.size);
    full[strlen(im->prefix) + name.size] = 0;
    im->nodes[im->count] = (import_node){0};
    TRY(graph_add(im->g, full, op, &im->nodes[im->count].node, err));
    TRY(map_put(&im->local, name, im->count, err));
    *out = &im->nodes[im->count++];
    return INLAY_OK;
}

/* A value that names one of the function's own attributes is the caller's. */
static inlay_status caller_value(import *im, bytes *value, inlay_error *err) {
    wire_field f;
    bool found;
    if (!im->call) return INLAY_OK;
    TRY(wire_find(*value, VALUE_PLACEHOLDER, im->g->source.file, &f, &found, err));
    if (!found || f.type != WIRE_BYTES) return INLAY_OK;
    for (size_t i = 0; i < im->call->count; i++)
        if (bytes_equal(im->call->items[i].name, f.data)) {
            *value = im->call->items[i].value;
            return INLAY_OK;
        }
    return fail(err, INLAY_INVALID_ARGUMENT, "a call gives no attribute '%.*s'", shown(f.data),
                (const char *)f.data.data);
}

typedef struct node_parts {
    bytes name, op;
    size_t n_inputs, n_attributes;
} node_parts;

static inlay_status count_parts(wire_reader r, node_parts *parts, inlay_error *err) {
    *parts = (node_parts){0};
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == NODE_NAME || f.number == NODE_OP || f.number == NODE_INPUT || f.number == NODE_ATTR)
            TRY(wire_expect(&r, &f, WIRE_BYTES, err));
        if (f.number == NODE_NAME) parts->name = f.data;
        if (f.number == NODE_OP) parts->op = f.data;
        parts->n_inputs += f.number == NODE_INPUT;
        parts->n_attributes += f.number == NODE_ATTR;
    }
}

inlay_status import_node_def(import *im, const wire_reader *outer, const wire_field *field, inlay_error *err) {
    node_parts parts;
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    wire_reader r = wire_enter(outer, field);
    TRY(count_parts(r, &parts, err));
    char *op = arena_copy(&im->scratch, parts.op);
    if (!op) return fail_memory(err);
    if (!parts.op.size || memchr(parts.op.data, 0, parts.op.size) || parts.n_inputs > OP_MAX_VALUES)
        return fail(err, INLAY_INVALID_ARGUMENT, "node '%.*s' is malformed", shown(parts.name),
                    (const char *)parts.name.data);
    import_node *in;
    TRY(import_add(im, parts.name, op, &in, err));
    graph_node *n = in->node;
    in->inputs = arena_zalloc(&im->scratch, parts.n_inputs + 1, sizeof *in->inputs);
    n->attributes = arena_zalloc(&im->g->memory, parts.n_attributes + 1, sizeof *n->attributes);
    if (!in->inputs || !n->attributes) return fail_memory(err);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == NODE_INPUT) in->inputs[in->n_inputs++] = f.data;
        if (f.number != NODE_ATTR) continue;
        attr *a = &n->attributes[n->n_attributes++];
        TRY(wire_map_entry(&r, &f, &a->name, &a->value, err));
        TRY(caller_value(im, &a->value, err));
    }
}

inlay_status import_link(import *im, inlay_status (*resolve)(import *im, bytes name, graph_edge *out, inlay_error *err),
                         inlay_error *err) {
    for (size_t i = 0; i < im->count; i++) {
        import_node *in = &im->nodes[i];
        graph_node *n = in->node;
        n->inputs = arena_zalloc(&im->g->memory, in->n_inputs + 1, sizeof *n->inputs);
        if (!n->inputs) return fail_memory(err);
        for (size_t k = 0; k < in->n_inputs; k++) {
            graph_edge edge;
            inlay_status status = resolve(im, in->inputs[k], &edge, err);
            if (status != INLAY_OK) return error_in_node(err, status, n->name, n->op);
            if (edge.output < 0)
                TRY(graph_add_control(im->g, n, edge.node, err));
            else
                n->inputs[n->n_inputs++] = edge;
        }
    }
    return INLAY_OK;
}

/* "node", "node:2", "^node". */
static inlay_status resolve_in_graph(import *im, bytes name, graph_edge *out, inlay_error *err) {
    return graph_find_tensor(im->g, name, out, err) == INLAY_OK
               ? INLAY_OK
               : fail(err, INLAY_INVALID_ARGUMENT, "its input '%.*s' is not in the graph", shown(name),
                      (const char *)name.data);
}

inlay_status graph_import(graph *g, bytes graph_def, inlay_error *err) {
import im;
    import_begin(&im, g, "", NULL);
    inlay_status status = INLAY_OK;
    wire_reader r = wire_open(graph_def, g->source.file, g->source.origin);
    for (;;) {
        wire_field f;
        bool got;
        TRY_TO(done, wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number == GRAPH_NODE) TRY_TO(done, import_node_def(&im, &r, &f, err));
    }
    status = import_link(&im, resolve_in_graph, err);
done:
    import_end(&im);
    return status;
}

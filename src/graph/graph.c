#include "graph/graph.h"

void graph_init(graph *g, const graph_library *library, const graph_source *source, size_t node_limit) {
    *g = (graph){.functions = library, .node_limit = node_limit ? node_limit : SIZE_MAX, .source = *source};
    arena_init(&g->memory, 0);
}

void graph_free(graph *g) {
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]) tensor_release(g->nodes[i]->value);
    mem_free(g->nodes);
    map_free(&g->by_name);
    arena_free(&g->memory);
    *g = (graph){0};
}

graph_node *graph_find(const graph *g, bytes name) {
    uint64_t value;
    if (!map_get(&g->by_name, name, &value)) return NULL;
    graph_node *n = (graph_node *)(uintptr_t)value;
    return g->nodes[n->index] == n ? n : NULL; /* removed nodes stay in the map */
}

inlay_status graph_find_tensor(const graph *g, bytes name, graph_edge *out, inlay_error *err) {
    bytes node = name;
    int64_t output = 0;
    if (node.size && node.data[0] == '^') {
        node = bytes_make(node.data + 1, node.size - 1);
        output = -1;
    } else {
        const uint8_t *colon = node.size ? memrchr(node.data, ':', node.size) : NULL;
        if (colon) {
            output = 0;
            for (const uint8_t *p = colon + 1; p < name.data + name.size; p++) {
                if (*p < '0' || *p > '9' || output > OP_MAX_VALUES) {
                    output = -2;
                    break;
                }
                output = output * 10 + (*p - '0');
            }
            node.size = (size_t)(colon - node.data);
        }
    }
    out->node = output < -1 ? NULL : graph_find(g, node);
    out->output = (int)output;
    if (out->node && output <= OP_MAX_VALUES) return INLAY_OK;
    return fail(err, INLAY_NOT_FOUND, "the graph has no tensor '%.*s'", (int)(name.size < 200 ? name.size : 200),
                (const char *)name.data);
}

/* A name that is free: NAME, or NAME with a number. */
static const char *free_name(graph *g, const char *name) {
    if (!graph_find(g, bytes_of(name))) return arena_strdup(&g->memory, name);
    for (unsigned i = 1;; i++) {
        char *text = arena_format(&g->memory, "%s_%u", name, i);
        if (!text || !graph_find(g, bytes_of(text))) return text;
    }
}

static inlay_status grow(graph *g, inlay_error *err) {
    if (g->n_nodes < g->capacity) return INLAY_OK;
    size_t capacity = g->capacity ? g->capacity * 2 : 64;
    graph_node **nodes = mem_realloc(g->nodes, capacity * sizeof *nodes);
    if (!nodes) return fail_memory(err);
    g->nodes = nodes;
    g->capacity = capacity;
    return INLAY_OK;
}

inlay_status graph_add(graph *g, const char *name, const char *op, graph_node **out, inlay_error *err) {
    *out = NULL;
    if (g->n_nodes >= g->node_limit)
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "the graph has more than %zu nodes", g->node_limit);
    TRY(grow(g, err));
    graph_node *n = arena_zalloc(&g->memory, 1, sizeof *n);
    if (!n || !(n->name = free_name(g, name)) || !(n->op = arena_strdup(&g->memory, op))) return fail_memory(err);
    n->def = graph_op_def(g->functions, bytes_of(n->op));
    n->index = g->n_nodes;
    TRY(map_put(&g->by_name, bytes_of(n->name), (uintptr_t)n, err));
    g->nodes[g->n_nodes++] = n;
    *out = n;
    return INLAY_OK;
}

void graph_remove(graph *g, graph_node *n) {
    tensor_release(n->value);
    n->value = NULL;
    g->nodes[n->index] = NULL;
}

inlay_status graph_set_inputs(graph *g, graph_node *n, const graph_edge *inputs, int count, inlay_error *err) {
    graph_edge *copy = arena_zalloc(&g->memory, (size_t)count + 1, sizeof *copy);
    if (!copy) return fail_memory(err);
    if (count) memcpy(copy, inputs, (size_t)count * sizeof *copy);
    n->inputs = copy;
    n->n_inputs = count;
    return INLAY_OK;
}

inlay_status graph_add_control(graph *g, graph_node *n, graph_node *before, inlay_error *err) {
    for (int i = 0; i < n->n_controls; i++)
        if (n->controls[i] == before) return INLAY_OK;
    /* Room for a power of two: full when the count is one. */
    int count = n->n_controls;
    if ((count & (count - 1)) == 0) {
        graph_node **more = arena_zalloc(&g->memory, count ? (size_t)count * 2 : 1, sizeof *more);
        if (!more) return fail_memory(err);
        if (count) memcpy(more, n->controls, (size_t)count * sizeof *more);
        n->controls = more;
    }
    n->controls[n->n_controls++] = before;
    return INLAY_OK;
}

inlay_status graph_set_attr(graph *g, graph_node *n, const char *name, buffer *value, inlay_error *err) {
    inlay_status status = buffer_check(value, err);
    char *copy = status == INLAY_OK ? arena_copy(&g->memory, buffer_bytes(value)) : NULL;
    size_t size = value->size;
    buffer_clear(value);
    TRY(status);
    attr *more = arena_zalloc(&g->memory, (size_t)n->n_attributes + 1, sizeof *more);
    char *kept = arena_strdup(&g->memory, name);
    if (!copy || !more || !kept) return fail_memory(err);
    int count = 0;
    for (int i = 0; i < n->n_attributes; i++)
        if (!bytes_is(n->attributes[i].name, name)) more[count++] = n->attributes[i];
    more[count++] = (attr){bytes_of(kept), bytes_make(copy, size)};
    n->attributes = more;
    n->n_attributes = count;
    return INLAY_OK;
}

inlay_status graph_add_constant(graph *g, const char *name, tensor *value, graph_node **out, inlay_error *err) {
    TRY(graph_add(g, name, "Const", out, err));
    buffer b = {0};
    attr_put_type(&b, value->type);
    inlay_status status = graph_set_attr(g, *out, "dtype", &b, err);
    buffer_free(&b);
    if (status == INLAY_OK) (*out)->value = tensor_retain(value);
    return status;
}

inlay_status graph_constant(graph *g, graph_node *n, tensor **out, inlay_error *err) {
    *out = NULL;
    if (!n->value && strcmp(n->op, "Const") == 0) {
        attrs a = graph_attrs(n);
        bytes proto;
        inlay_status status = attr_tensor(&a, "value", &proto, err);
        if (status == INLAY_OK) {
            wire_reader r = wire_open(proto, g->source.file, g->source.origin);
            status = tensor_proto_read(r, &g->source.tensors, &n->value, err);
        }
        if (status != INLAY_OK) return error_in_node(err, status, n->name, n->op);
    }
    *out = n->value;
    return INLAY_OK;
}

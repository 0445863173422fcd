#include "model/needs.h"

#include "base/map.h"
#include "format/saved_model.h"
#include "graph/graph.h"
#include "model/custom_ops.h"
#include "runtime/plan.h"

#include <stdlib.h>

/* graph.proto, node_def.proto, function.proto, attr_value.proto */
enum {
    GRAPH_NODE = 1,
    FUNCTION_NODE = 3,
    FUNCTION_RET = 4,
    FUNCTION_CONTROL_RET = 6,
    NODE_NAME = 1,
    NODE_OP = 2,
    NODE_INPUT = 3,
    NODE_ATTR = 5,
    VALUE_LIST = 1,
    VALUE_FUNC = 10,
    LIST_FUNC = 9,
    FUNC_NAME = 1
};

typedef struct needs {
    inlay_model_ops shown; /* first: callers give it back to us */
    arena memory;
} needs;

typedef struct body_node {
    bytes name, op, message;
} body_node;

/* The nodes of the graph, or of a function. */
typedef struct body {
    body_node *nodes;
    size_t count;
    map by_name;
    bool *needed;
    size_t *stack, depth;
} body;

/* What one signature needs. */
typedef struct finder {
    const char *file;
    const graph_library *library;
    map ops; /* name -> nodes */
    map functions;
    bytes *waiting; /* functions to look into */
    size_t n_waiting, capacity;
} finder;

/* ---- bodies */

static void body_free(body *b) {
    map_free(&b->by_name);
    mem_free(b->nodes);
    mem_free(b->needed);
    mem_free(b->stack);
    *b = (body){0};
}

static inlay_status read_node(const char *file, bytes message, body_node *out, inlay_error *err) {
    wire_reader r = wire_open(message, file, NULL);
    *out = (body_node){.message = message};
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == NODE_NAME) out->name = f.data;
        if (f.number == NODE_OP) out->op = f.data;
    }
}

static inlay_status walk_nodes(const char *file, bytes message, uint32_t number, body *b, inlay_error *err) {
    wire_reader r = wire_open(message, file, NULL);
    b->count = 0;
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != number || f.type != WIRE_BYTES) continue;
        if (b->nodes) {
            TRY(read_node(file, f.data, &b->nodes[b->count], err));
            TRY(map_put(&b->by_name, b->nodes[b->count].name, b->count, err));
        }
        b->count++;
    }
}

/* The nodes that field NUMBER of MESSAGE holds. */
static inlay_status body_read(const char *file, bytes message, uint32_t number, body *out, inlay_error *err) {
    *out = (body){0};
    TRY(walk_nodes(file, message, number, out, err)); /* counts them */
    out->nodes = mem_zalloc(out->count + 1, sizeof *out->nodes);
    out->needed = mem_zalloc(out->count + 1, sizeof *out->needed);
    out->stack = mem_zalloc(out->count + 1, sizeof *out->stack);
    inlay_status status = out->nodes && out->needed && out->stack ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) status = walk_nodes(file, message, number, out, err);
    if (status != INLAY_OK) body_free(out);
    return status;
}

/* "node", "node:2", "node:output:2", "^node": the node, and what stands behind it. */
static void split_name(bytes tensor, bytes *node, bytes *output) {
    if (tensor.size && tensor.data[0] == '^') tensor = bytes_make(tensor.data + 1, tensor.size - 1);
    const uint8_t *colon = tensor.size ? memchr(tensor.data, ':', tensor.size) : NULL;
    *node = bytes_make(tensor.data, colon ? (size_t)(colon - tensor.data) : tensor.size);
    *output = colon ? bytes_make(colon + 1, tensor.size - node->size - 1) : bytes_of("0");
}

/* A name that is not there is an argument of the function, or an error that running it will tell. */
static void need(body *b, bytes tensor, const char *const *feeds, size_t n_feeds) {
    bytes node, output, fed, fed_output;
    uint64_t index;
    split_name(tensor, &node, &output);
    bool control = tensor.size && tensor.data[0] == '^';
    for (size_t i = 0; i < n_feeds && !control; i++) {
        split_name(bytes_of(feeds[i]), &fed, &fed_output);
        if (bytes_equal(node, fed) && bytes_equal(output, fed_output)) return;
    }
    if (!map_get(&b->by_name, node, &index) || b->needed[index]) return;
    b->needed[index] = true;
    b->stack[b->depth++] = index;
}

/* ---- what the needed nodes bring along */

static inlay_status need_function(finder *f, bytes name, inlay_error *err) {
    bytes function;
    if (map_get(&f->functions, name, NULL) || !graph_library_find(f->library, name, &function)) return INLAY_OK;
    TRY(map_put(&f->functions, name, 1, err));
    if (f->n_waiting == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 16;
        bytes *more = mem_realloc(f->waiting, capacity * sizeof *more);
        if (!more) return fail_memory(err);
        f->waiting = more;
        f->capacity = capacity;
    }
    f->waiting[f->n_waiting++] = function;
    return INLAY_OK;
}

/* Functions named by field NUMBER of MESSAGE: of an AttrValue, or of the list in one. */
static inlay_status need_functions(finder *f, bytes message, uint32_t number, inlay_error *err) {
    wire_reader r = wire_open(message, f->file, NULL);
    for (;;) {
        wire_field field, name;
        bool got, found;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.type != WIRE_BYTES) continue;
        if (field.number == number) {
            TRY(wire_find(field.data, FUNC_NAME, f->file, &name, &found, err));
            if (found && name.type == WIRE_BYTES) TRY(need_function(f, name.data, err));
        } else if (number == VALUE_FUNC && field.number == VALUE_LIST) {
            TRY(need_functions(f, field.data, LIST_FUNC, err));
        }
    }
}

/* Counts N, and needs what it takes and calls. */
static inlay_status visit(finder *f, body *b, const body_node *n, const char *const *feeds, size_t n_feeds,
                          inlay_error *err) {
    uint64_t count = 0;
    bytes function;
    if (graph_library_find(f->library, n->op, &function) && !opdef_find(n->op)) { /* old style: the op is its name */
        TRY(need_function(f, n->op, err));
    } else {
        map_get(&f->ops, n->op, &count);
        TRY(map_put(&f->ops, n->op, count + 1, err));
    }
    wire_reader r = wire_open(n->message, f->file, NULL);
    for (;;) {
        wire_field field;
        bool got;
        bytes key, value;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == NODE_INPUT && field.type == WIRE_BYTES) need(b, field.data, feeds, n_feeds);
        if (field.number != NODE_ATTR) continue;
        TRY(wire_map_entry(&r, &field, &key, &value, err));
        TRY(need_functions(f, value, VALUE_FUNC, err));
    }
}

static inlay_status visit_all(finder *f, body *b, const char *const *feeds, size_t n_feeds, inlay_error *err) {
    while (b->depth) TRY(visit(f, b, &b->nodes[b->stack[--b->depth]], feeds, n_feeds, err));
    return INLAY_OK;
}

/* What a function returns, waits for, or changes. */
static inlay_status need_results(finder *f, bytes function, body *b, inlay_error *err) {
    wire_reader r = wire_open(function, f->file, NULL);
    for (size_t i = 0; i < b->count; i++) {
        const op_def *def = opdef_find(b->nodes[i].op);
        if (def && (def->flags & OP_EFFECT)) need(b, b->nodes[i].name, NULL, 0);
    }
    for (;;) {
        wire_field field;
        bool got;
        bytes key, value;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != FUNCTION_RET && field.number != FUNCTION_CONTROL_RET) continue;
        TRY(wire_map_entry(&r, &field, &key, &value, err));
        need(b, value, NULL, 0);
    }
}

static inlay_status visit_functions(finder *f, inlay_error *err) {
    while (f->n_waiting) {
        bytes function = f->waiting[--f->n_waiting];
        body b;
        TRY(body_read(f->file, function, FUNCTION_NODE, &b, err));
        inlay_status status = need_results(f, function, &b, err);
        if (status == INLAY_OK) status = visit_all(f, &b, NULL, 0, err);
        body_free(&b);
        TRY(status);
    }
    return INLAY_OK;
}

static void finder_clear(finder *f) {
    map_free(&f->ops);
    map_free(&f->functions);
    f->ops = f->functions = (map){0};
    f->n_waiting = 0;
}

/* ---- results */

static int compare_uses(const void *a, const void *b) {
    return strcmp(((const inlay_op_use *)a)->op, ((const inlay_op_use *)b)->op);
}

/* What F found, as the next entry of N. */
static inlay_status put_entry(needs *n, const char *key, finder *f, inlay_error *err) {
    inlay_signature_ops *list = (inlay_signature_ops *)(uintptr_t)n->shown.signatures;
    inlay_signature_ops *entry = &list[n->shown.n_signatures++];
    inlay_op_use *uses = arena_zalloc(&n->memory, f->ops.count + 1, sizeof *uses);
    entry->key = key ? arena_strdup(&n->memory, key) : NULL;
    if (!uses || (key && !entry->key)) return fail_memory(err);
    for (size_t i = 0; i < f->ops.capacity; i++) {
        bytes op = f->ops.entries[i].key;
        if (!op.data) continue;
        inlay_op_use *use = &uses[entry->n_ops++];
        use->op = arena_copy(&n->memory, op);
        if (!use->op) return fail_memory(err);
        use->nodes = f->ops.entries[i].value;
        use->runs = plan_can_run(use->op);
        use->library = use->runs ? NULL : custom_op_library(use->op);
        entry->n_missing += !use->runs;
    }
    qsort(uses, entry->n_ops, sizeof *uses, compare_uses);
    entry->ops = uses;
    return INLAY_OK;
}

static inlay_status count_missing(needs *n, inlay_error *err) {
    map seen = {0};
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < n->shown.n_signatures; i++)
        for (size_t k = 0; k < n->shown.signatures[i].n_ops && status == INLAY_OK; k++) {
            const inlay_op_use *use = &n->shown.signatures[i].ops[k];
            if (!use->runs) status = map_put(&seen, bytes_of(use->op), 1, err);
        }
    n->shown.n_missing = seen.count;
    map_free(&seen);
    return status;
}

/* ---- roots */

static void need_endpoint(body *b, const saved_tensor *t, const char *const *feeds, size_t n) {
    const char *const names[] = {t->name, t->values, t->indices, t->dense_shape};
    for (int i = 0; i < 4; i++)
        if (names[i] && names[i][0]) need(b, bytes_of(names[i]), feeds, n);
    for (size_t i = 0; i < t->component_count; i++) need_endpoint(b, &t->components[i], feeds, n);
}

static inlay_status signature_needs(needs *n, finder *f, body *b, const saved_signature *s, inlay_error *err) {
    const char **feeds = arena_zalloc(&n->memory, s->input_count + 1, sizeof *feeds);
    size_t n_feeds = 0;
    if (!feeds) return fail_memory(err);
    for (size_t i = 0; i < s->input_count; i++)
        if (s->inputs[i].name && s->inputs[i].name[0]) feeds[n_feeds++] = s->inputs[i].name;
    finder_clear(f);
    memset(b->needed, 0, b->count * sizeof *b->needed);
    for (size_t i = 0; i < s->output_count; i++) need_endpoint(b, &s->outputs[i], feeds, n_feeds);
    TRY(visit_all(f, b, feeds, n_feeds, err));
    TRY(visit_functions(f, err));
    return put_entry(n, s->key, f, err);
}

/* The restore op and the initialisation op; the whole graph when there is nothing else to run. */
static inlay_status other_needs(needs *n, finder *f, body *b, saved_model *m, const saved_metagraph *g,
                                inlay_error *err) {
    const char *init;
    bool whole = g->signature_count == 0 && m->kind != SAVED_MODEL;
    TRY(saved_init_op(m, g, &init, err));
    finder_clear(f);
    memset(b->needed, 0, b->count * sizeof *b->needed);
    for (size_t i = 0; whole && i < b->count; i++) need(b, b->nodes[i].name, NULL, 0);
    if (!whole && init) need(b, bytes_of(init), NULL, 0);
    if (!whole && g->has_saver && m->has_variables) need(b, bytes_of(g->saver.restore_op), NULL, 0);
    if (!whole && b->depth == 0) return INLAY_OK;
    TRY(visit_all(f, b, NULL, 0, err));
    TRY(visit_functions(f, err));
    return put_entry(n, whole ? "" : NULL, f, err);
}

static inlay_status find_all(needs *n, saved_model *m, const saved_metagraph *g, inlay_error *err) {
    graph_library library;
    graph_source source = {.file = m->file, .origin = m->message.data};
    body b = {0};
    TRY(graph_library_init(&library, g->graph_def, (bytes){0}, &source, err));
    finder f = {.file = m->file, .library = &library};
    n->shown.signatures = arena_zalloc(&n->memory, g->signature_count + 1, sizeof *n->shown.signatures);
    inlay_status status = n->shown.signatures ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) status = body_read(m->file, g->graph_def, GRAPH_NODE, &b, err);
    for (size_t i = 0; status == INLAY_OK && i < g->signature_count; i++) {
        const char *key = g->signatures[i].key;
        if (strcmp(key, "__saved_model_init_op") == 0 || strcmp(key, "__saved_model_train_op") == 0) continue;
        status = signature_needs(n, &f, &b, &g->signatures[i], err);
    }
    if (status == INLAY_OK) status = other_needs(n, &f, &b, m, g, err);
    if (status == INLAY_OK) status = count_missing(n, err);
    finder_clear(&f);
    mem_free(f.waiting);
    body_free(&b);
    graph_library_free(&library);
    return status;
}

inlay_status model_needs(const char *path, const char *tag_set, inlay_model_ops **out, inlay_error *err) {
    saved_model *m = NULL;
    const saved_metagraph *g;
    *out = NULL;
    needs *n = mem_zalloc(1, sizeof *n);
    if (!n) return fail_memory(err);
    arena_init(&n->memory, 0);
    inlay_status status = saved_model_open(path, false, &m, err);
    if (status == INLAY_OK) status = saved_model_pick(m, tag_set, &g, err);
    if (status == INLAY_OK) status = find_all(n, m, g, err);
    saved_model_close(m);
    if (status == INLAY_OK)
        *out = &n->shown;
    else
        model_needs_release(&n->shown);
    return status;
}

void model_needs_release(inlay_model_ops *shown) {
    if (!shown) return;
    needs *n = (needs *)shown;
    arena_free(&n->memory);
    mem_free(n);
}

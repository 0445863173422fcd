#include "edit/rows/rebuild.h"

#include "edit/fuse/fuse_extractor.h"
#include "edit/object_graph.h"
#include "edit/rows/graph_nodes.h"

#include <stdlib.h>

typedef struct rebuilding {
    const collection *c;
    arena *a;
    fuse_extractor *e;
    graph_nodes nodes; /* only names the file */
    bytes *keywords;   /* of the search's function: its arguments in order */
    size_t n_keywords;
} rebuilding;

/* Each part is put back under one name, the search as the default too. */
static inlay_status check_signatures(const collection *c, inlay_error *err) {
    if (strcmp(c->signature->key, "serving_default") == 0)
        return fail_at(err, INLAY_FAILED_PRECONDITION, c->model->path, -1,
                       "the search %s is serving_default only; give it a name of its own", c->name);
    for (size_t i = 0; i < c->graph->signature_count; i++) {
        const saved_signature *s = &c->graph->signatures[i];
        fuse_part part = collection_part(c, s);
        if (part == FUSE_PARTS) continue;
        bool is_search = part == FUSE_SEARCH;
        const char *key = is_search ? c->signature->key : c->parts[part];
        if (strcmp(s->key, key) == 0 || (is_search && strcmp(s->key, "serving_default") == 0)) continue;
        return fail_at(err, INLAY_FAILED_PRECONDITION, c->model->path, -1,
                       is_search ? "signature %s is another name of the search %s; remove it first"
                                 : "signature %s is another name of %s; remove one of them first",
                       s->key, key);
    }
    return INLAY_OK;
}

static inlay_status take_inputs(rebuilding *r, inlay_error *err) {
    const saved_signature *s = r->c->signature;
    saved_tensor *inputs = arena_zalloc(r->a, s->input_count + 1, sizeof *inputs);
    if (!inputs) return fail_memory(err);
    for (size_t i = 0; i < s->input_count; i++)
        if (strcmp(s->inputs[i].key, "k") != 0) inputs[r->e->n_inputs++] = s->inputs[i];
    r->e->inputs = inputs;
    return INLAY_OK;
}

/* ---- with an object graph */

static inlay_status add_type(void *ctx, uint64_t value, inlay_error *err) {
    fuse_types *t = ctx;
    (void)err;
    if (t->types) t->types[t->n] = (dtype)value;
    t->n++;
    return INLAY_OK;
}

/* The attribute NAME, a list of dtypes (AttrValue list 1 {type 6}). */
static inlay_status read_types(rebuilding *r, bytes node, const char *name, fuse_types *out, inlay_error *err) {
    wire_field list;
    bool found;
    *out = (fuse_types){0};
    TRY(node_attr_value(&r->nodes, node, name, 1, &list, &found, err));
    for (int pass = 0; pass < 2; pass++) {
        wire_reader in = wire_open(found ? list.data : bytes_make("", 0), r->nodes.file, NULL);
        for (out->n = 0;;) {
            wire_field f;
            bool got;
            TRY(wire_next(&in, &f, &got, err));
            if (!got) break;
            if (f.number == 6) TRY(wire_numbers(&in, &f, WIRE_VARINT, add_type, out, err));
        }
        if (pass == 0 && !(out->types = arena_zalloc(r->a, out->n + 1, sizeof *out->types))) return fail_memory(err);
    }
    return INLAY_OK;
}

/* Node `extractor` in the body: arguments arg_N of the search first, then its captures. */
static inlay_status read_body(rebuilding *r, bytes node, inlay_error *err) {
    fuse_extractor *e = r->e;
    const char *file = r->nodes.file;
    bytes f;
    wire_field func, name;
    bool found;
    TRY(fuse_find_attr(node, "f", file, &f, err));
    TRY(wire_find(f, 10, file, &func, &found, err));
    if (found) TRY(wire_find(func.data, 1, file, &name, &found, err));
    if (!found || name.type != WIRE_BYTES)
        return fail_at(err, INLAY_DATA_LOSS, file, -1, "function %s calls no extractor", r->c->function_name);
    if (!(e->function_name = arena_copy(r->a, name.data))) return fail_memory(err);
    TRY(read_types(r, node, "Tin", &e->takes, err));
    TRY(read_types(r, node, "Tout", &e->gives, err));
    const char *colon = strrchr(r->c->query, ':');
    e->feature_output = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    if (e->takes.n < e->n_inputs || e->feature_output < 0 || (size_t)e->feature_output >= e->gives.n ||
        r->n_keywords != e->n_inputs + 1)
        return fail_at(err, INLAY_DATA_LOSS, file, -1, "function %s and its signature do not fit each other",
                       r->c->function_name);
    e->n_captures = e->takes.n - e->n_inputs;
    e->arguments = arena_zalloc(r->a, e->n_inputs + 1, sizeof *e->arguments);
    if (!e->arguments) return fail_memory(err);
    for (size_t i = 0; i < e->n_inputs; i++) {
        bytes ref;
        TRY(node_input(&r->nodes, node, i, &ref, err));
        const char *text = arena_copy(r->a, ref);
        if (!text) return fail_memory(err);
        size_t at = strncmp(text, "arg_", 4) == 0 ? (size_t)strtoul(text + 4, NULL, 10) : r->n_keywords, j = 0;
        while (at < r->n_keywords && j < e->n_inputs && !bytes_is(r->keywords[at], e->inputs[j].key)) j++;
        if (at >= r->n_keywords || j == e->n_inputs)
            return fail_at(err, INLAY_DATA_LOSS, file, -1, "function %s gives its extractor something else than inputs",
                           r->c->function_name);
        e->arguments[i] = j;
    }
    return INLAY_OK;
}

/* The main graph's call: inputs and k, then the captures, then the variables. */
static inlay_status read_captures(rebuilding *r, inlay_error *err) {
    fuse_extractor *e = r->e;
    e->captures = arena_zalloc(r->a, e->n_captures + 1, sizeof *e->captures);
    if (!e->captures) return fail_memory(err);
    for (size_t i = 0; i < e->n_captures; i++) {
        bytes ref;
        TRY(node_input(&r->nodes, r->c->call, r->n_keywords + i, &ref, err));
        if (!(e->captures[i] = arena_copy(r->a, ref))) return fail_memory(err);
    }
    return INLAY_OK;
}

static inlay_status find_extractor_node(rebuilding *r, bytes *out, inlay_error *err) {
    wire_reader in = wire_open(r->c->function, r->nodes.file, NULL);
    for (;;) {
        wire_field node, name;
        bool got, found;
        TRY(wire_next(&in, &node, &got, err));
        if (!got)
            return fail_at(err, INLAY_DATA_LOSS, r->nodes.file, -1, "function %s calls no extractor",
                           r->c->function_name);
        if (node.number != 3 || node.type != WIRE_BYTES) continue;
        TRY(wire_find(node.data, 1, r->nodes.file, &name, &found, err));
        if (!found || name.type != WIRE_BYTES || !bytes_is(name.data, "extractor")) continue;
        *out = node.data;
        return INLAY_OK;
    }
}

static inlay_status read_keywords(rebuilding *r, inlay_error *err) {
    const collection *c = r->c;
    object_graph objects;
    int64_t map, node = -1;
    inlay_status status;
    TRY(object_graph_open(c->graph->object_graph, r->nodes.file, r->a, &objects, err));
    TRY_TO(done, object_graph_child(&objects, 0, "signatures", &map, err));
    if (map >= 0) TRY_TO(done, object_graph_child(&objects, map, c->signature->key, &node, err));
    if (node < 0)
        TRY_TO(done, fail_at(err, INLAY_FAILED_PRECONDITION, r->nodes.file, -1,
                             "the object graph has no signature %s, which the graph has", c->signature->key));
    status = object_graph_argument_keywords(&objects, node, r->a, &r->keywords, &r->n_keywords, err);
done:
    object_graph_free(&objects);
    return status;
}

/* Numbers of nodes as they are without the collection. */
static inlay_status read_objects(rebuilding *r, inlay_error *err) {
    fuse_extractor *e = r->e;
    object_graph objects;
    size_t n;
    inlay_status status;
    TRY(object_graph_open(e->graph->object_graph, r->nodes.file, r->a, &objects, err));
    TRY_TO(done, object_graph_child(&objects, 0, "signatures", &e->signature_map, err));
    TRY_TO(done, object_graph_bound_inputs(&objects, bytes_of(e->function_name), r->a, &e->bound_inputs, &n, err));
    if (n != e->n_captures || e->signature_map < 0)
        status = fail_at(err, INLAY_DATA_LOSS, r->nodes.file, -1,
                         "function %s captures %zu objects, its call gives it %zu", e->function_name, n, e->n_captures);
done:
    object_graph_free(&objects);
    return status;
}

inlay_status collection_extractor(const collection *c, saved_model *unfused, bytes checkpoint_objects, arena *a,
                                  fuse_extractor *e, inlay_error *err) {
    rebuilding r = {.c = c, .a = a, .e = e, .nodes = {.file = c->model->file}};
    *e = (fuse_extractor){.form = c->form == FUSE_OBJECTS ? FUSE_OBJECTS : FUSE_GRAPH,
                          .model = unfused,
                          .checkpoint_objects = checkpoint_objects};
    TRY(saved_model_pick(unfused, NULL, &e->graph, err));
    TRY(check_signatures(c, err));
    TRY(take_inputs(&r, err));
    e->feature = (saved_tensor){.name = c->query, .type = INLAY_FLOAT32};
    if (e->form == FUSE_GRAPH) return INLAY_OK;
    bytes node;
    TRY(read_keywords(&r, err));
    TRY(find_extractor_node(&r, &node, err));
    TRY(read_body(&r, node, err));
    TRY(read_captures(&r, err));
    return read_objects(&r, err);
}

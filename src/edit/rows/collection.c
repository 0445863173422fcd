#include "edit/rows/collection.h"

#include "base/alloc.h"
#include "base/num.h"
#include "edit/fuse/fuse_extractor.h"
#include "edit/rows/graph_nodes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- names */

bool collection_owns(const char *prefix, bytes name, bytes *rest) {
    size_t n = strlen(prefix);
    if (name.size && name.data[0] == '^') name = bytes_make(name.data + 1, name.size - 1);
    if (name.size <= n || memcmp(name.data, prefix, n) != 0 || name.data[n] != '/') return false;
    *rest = bytes_make(name.data + n + 1, name.size - n - 1);
    const uint8_t *colon = rest->size ? memchr(rest->data, ':', rest->size) : NULL;
    if (colon) rest->size = (size_t)(colon - rest->data);
    return true;
}

/* Every collection has the node inlay_NAME/save/restore_all. */
static bool name_of_mark(bytes node, bytes *name) {
    static const char start[] = "inlay_", end[] = "/save/restore_all";
    size_t s = sizeof start - 1, e = sizeof end - 1;
    if (node.size <= s + e || memcmp(node.data, start, s) != 0 || memcmp(node.data + node.size - e, end, e) != 0)
        return false;
    *name = bytes_make(node.data + s, node.size - s - e);
    return !memchr(name->data, '/', name->size);
}

inlay_status collection_names(const saved_model *model, const saved_metagraph *graph, arena *a, const char ***names,
                              size_t *n, inlay_error *err) {
    for (int pass = 0; pass < 2; pass++) {
        saved_walk nodes = saved_nodes(model, graph);
        for (*n = 0;;) {
            wire_field node, name;
            bool got, found;
            bytes collection;
            TRY(saved_walk_next(&nodes, &node, &got, err));
            if (!got) break;
            TRY(wire_find(node.data, 1, model->file, &name, &found, err));
            if (!found || name.type != WIRE_BYTES || !name_of_mark(name.data, &collection)) continue;
            if (pass == 1 && !((*names)[*n] = arena_copy(a, collection))) return fail_memory(err);
            ++*n;
        }
        if (pass == 0 && !(*names = arena_zalloc(a, *n + 1, sizeof **names))) return fail_memory(err);
    }
    return INLAY_OK;
}

static inlay_status pick_name(collection *c, const char *wanted, arena *a, inlay_error *err) {
    const char **names;
    size_t n;
    const char *path = c->model->path;
    TRY(collection_names(c->model, c->graph, a, &names, &n, err));
    if (n == 0) return fail_at(err, INLAY_NOT_FOUND, path, -1, "the model holds no fused embeddings");
    char *all = arena_strdup(a, names[0]);
    for (size_t i = 1; i < n && all; i++) all = arena_format(a, "%s, %s", all, names[i]);
    if (!all) return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], wanted ? wanted : "search") == 0) c->name = names[i];
    if (!c->name && !wanted && n == 1) c->name = names[0];
    if (!c->name && !wanted)
        return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "name one of its collections (--name): %s", all);
    if (!c->name) return fail_at(err, INLAY_NOT_FOUND, path, -1, "no collection %s; the collections: %s", wanted, all);
    c->prefix = arena_format(a, "inlay_%s", c->name);
    return c->prefix ? INLAY_OK : fail_memory(err);
}

/* ---- the nodes of the search */

/* Nodes under the prefix by the rest of their names. */
static inlay_status list_main_nodes(const collection *c, graph_nodes *out, inlay_error *err) {
    saved_walk nodes = saved_nodes(c->model, c->graph);
    for (;;) {
        wire_field node, name;
        bool got, found;
        bytes rest;
        TRY(saved_walk_next(&nodes, &node, &got, err));
        if (!got) return INLAY_OK;
        TRY(wire_find(node.data, 1, c->model->file, &name, &found, err));
        if (found && name.type == WIRE_BYTES && collection_owns(c->prefix, name.data, &rest))
            TRY(graph_nodes_add(out, rest, node.data, err));
    }
}

/* FunctionDef: node_def 3. */
static inlay_status list_function_nodes(const collection *c, graph_nodes *out, inlay_error *err) {
    wire_reader r = wire_open(c->function, c->model->file, NULL);
    for (;;) {
        wire_field node, name;
        bool got, found;
        TRY(wire_next(&r, &node, &got, err));
        if (!got) return INLAY_OK;
        if (node.number != 3 || node.type != WIRE_BYTES) continue;
        TRY(wire_find(node.data, 1, c->model->file, &name, &found, err));
        if (found && name.type == WIRE_BYTES) TRY(graph_nodes_add(out, name.data, node.data, err));
    }
}

/* The name of the function that CALL, a node of the main graph, calls. */
static inlay_status called_name(const collection *c, bytes call, arena *a, const char **out, inlay_error *err) {
    bytes f;
    wire_field func, name;
    bool found;
    TRY(fuse_find_attr(call, "f", c->model->file, &f, err));
    TRY(wire_find(f, 10, c->model->file, &func, &found, err));
    if (found) TRY(wire_find(func.data, 1, c->model->file, &name, &found, err));
    if (!found || name.type != WIRE_BYTES)
        return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1, "a node call of %s calls no function", c->prefix);
    return (*out = arena_copy(a, name.data)) ? INLAY_OK : fail_memory(err);
}

/* Whether fuse gave FUNCTION its name: what goes with the collection must be its own. */
static bool is_made_for(const collection *c, const char *function) {
    static const char start[] = "__inference_";
    size_t n = strlen(c->prefix);
    return strncmp(function, start, sizeof start - 1) == 0 && strncmp(function + sizeof start - 1, c->prefix, n) == 0 &&
           function[sizeof start - 1 + n] == '_';
}

/* The functions of all parts that are there. */
static inlay_status list_functions(collection *c, const graph_nodes *main, arena *a, inlay_error *err) {
    size_t n = 0;
    for (int part = 0; part < FUSE_PARTS; part++) {
        char name[32];
        snprintf(name, sizeof name, "%scall", fuse_part_folders[part]);
        bytes call = graph_nodes_find(main, name);
        if (!call.data) continue;
        TRY(called_name(c, call, a, &c->functions[n], err));
        if (part != FUSE_SEARCH && !is_made_for(c, c->functions[n]))
            return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1, "node %s/%s calls a function of something else",
                           c->prefix, name);
        n++;
    }
    c->functions[n] = NULL;
    c->function_name = c->functions[0];
    return INLAY_OK;
}

static inlay_status find_function(collection *c, const graph_nodes *main, arena *a, inlay_error *err) {
    TRY(list_functions(c, main, a, err));
    saved_walk functions = saved_functions(c->model, c->graph);
    for (;;) {
        wire_field at;
        bool got;
        bytes label;
        TRY(saved_walk_next(&functions, &at, &got, err));
        if (!got)
            return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1, "the library has no function %s",
                           c->function_name);
        TRY(fuse_function_name(at.data, c->model->file, &label, err));
        if (!bytes_is(label, c->function_name)) continue;
        c->function = at.data;
        return INLAY_OK;
    }
}

/* The node PART of chunk I; data NULL when there is none. */
static bytes chunk_node(const graph_nodes *g, size_t i, const char *part) {
    char name[64];
    snprintf(name, sizeof name, "chunk_%zu_%s", i, part);
    return graph_nodes_find(g, name);
}

static inlay_status need(const collection *c, bytes node, size_t chunk, const char *what, inlay_error *err) {
    if (node.data) return INLAY_OK;
    return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1, "chunk %zu of %s has no %s", chunk, c->name, what);
}

/* The variable that ReadVariableOp NODE reads, and its entry. */
static inlay_status read_variable(collection *c, const graph_nodes *g, bytes node, arena *a, const char **name,
                                  const bundle_entry **stored, inlay_error *err) {
    bytes ref, rest;
    TRY(node_input(g, node, 0, &ref, err));
    if (c->form == FUSE_OBJECTS && bytes_start_with(ref, "var_"))
        rest = bytes_make(ref.data + 4, ref.size - 4);
    else if (c->form == FUSE_OBJECTS || !collection_owns(c->prefix, ref, &rest))
        return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1, "the search %s reads no variable of its own", c->name);
    if (!(*name = arena_copy(a, rest))) return fail_memory(err);
    const char *key = fuse_variable_key(c->form, c->prefix, *name, a);
    if (!key) return fail_memory(err);
    *stored = bundle_find(c->bundle, bytes_of(key));
    if (!*stored)
        return fail_at(err, INLAY_DATA_LOSS, c->bundle_prefix, -1, "the bundle has no %s, which search %s reads", key,
                       c->name);
    const char *digits = strrchr(*name, '_');
    char *end;
    unsigned long long number = digits ? strtoull(digits + 1, &end, 10) : 0;
    if (digits && digits[1] && !*end && number < INT32_MAX && number + 1 > c->next_variable)
        c->next_variable = (size_t)number + 1;
    return INLAY_OK;
}

static inlay_status check_chunk(const collection *c, size_t i, inlay_error *err) {
    const collection_chunk *k = &c->chunks[i];
    const bundle_entry *e = k->stored, *f = k->factor;
    if (e->type != c->type || e->dims.rank != 2 || e->dims.dims[!k->transposed] != c->dim || e->n_slices ||
        k->count < 1 || c->dim < 1)
        return fail_at(err, INLAY_DATA_LOSS, c->bundle_prefix, -1, "chunk %zu of %s has another shape or dtype", i,
                       c->name);
    if (f && (f->type != INLAY_FLOAT32 || f->dims.rank != 1 || f->dims.dims[0] != k->count || f->n_slices))
        return fail_at(err, INLAY_DATA_LOSS, c->bundle_prefix, -1, "chunk %zu of %s has factors of another shape", i,
                       c->name);
    if (k->first_row != c->rows)
        return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1,
                       "chunk %zu of %s begins at row %lld, those before it hold %lld", i, c->name,
                       (long long)k->first_row, (long long)c->rows);
    if (!f && c->metric != SEARCH_DOT)
        return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1, "chunk %zu of %s has no factors", i, c->name);
    return INLAY_OK;
}

static inlay_status read_chunk(collection *c, const graph_nodes *g, size_t i, arena *a, inlay_error *err) {
    collection_chunk *k = &c->chunks[i];
    bytes side = chunk_node(g, i, "side"), product = chunk_node(g, i, "product"), first = chunk_node(g, i, "first");
    wire_field flag;
    bool found;
    TRY(need(c, product, i, "product", err));
    TRY(need(c, first, i, "first row", err));
    TRY(read_variable(c, g, chunk_node(g, i, "rows"), a, &k->rows, &k->stored, err));
    if (side.data) TRY(read_variable(c, g, side, a, &k->side, &k->factor, err));
    TRY(node_attr_value(g, product, "transpose_b", 5, &flag, &found, err));
    k->transposed = !(found && flag.value);
    k->guarded = chunk_node(g, i, "is_nan").data != NULL;
    TRY(node_const_int(g, first, &k->first_row, err));
    if (i == 0) {
        c->type = k->stored->type;
        c->dim = k->stored->dims.rank == 2 ? k->stored->dims.dims[!k->transposed] : -1;
    }
    k->count = k->stored->dims.rank == 2 ? k->stored->dims.dims[k->transposed] : -1;
    TRY(check_chunk(c, i, err));
    if (__builtin_add_overflow(c->rows, k->count, &c->rows))
        return fail_at(err, INLAY_DATA_LOSS, c->bundle_prefix, -1, "%s has too many rows", c->name);
    return INLAY_OK;
}

static inlay_status read_chunks(collection *c, const graph_nodes *g, arena *a, inlay_error *err) {
    while (chunk_node(g, c->n_chunks, "rows").data) c->n_chunks++;
    if (c->n_chunks == 0)
        return fail_at(err, INLAY_UNIMPLEMENTED, c->model->file, -1,
                       "the graph of search %s is none that fuse writes: it has no chunks", c->name);
    c->chunks = arena_zalloc(a, c->n_chunks, sizeof *c->chunks);
    if (!c->chunks) return fail_memory(err);
    c->metric = graph_nodes_find(g, "query_unit").data    ? SEARCH_COSINE
                : graph_nodes_find(g, "query_twice").data ? SEARCH_L2
                                                          : SEARCH_DOT;
    for (size_t i = 0; i < c->n_chunks; i++) TRY(read_chunk(c, g, i, a, err));
    return INLAY_OK;
}

/* What the search is asked with: the input of the node that scales it for the metric. */
static inlay_status read_query(collection *c, const graph_nodes *g, arena *a, inlay_error *err) {
    bytes ref, rest,
        node = graph_nodes_find(g, c->metric == SEARCH_COSINE ? "query_unit"
                                   : c->metric == SEARCH_L2   ? "query_twice"
                                                              : "query_wide");
    if (!node.data) node = chunk_node(g, 0, "product");
    TRY(node_input(g, node, 0, &ref, err));
    c->own_query = c->form != FUSE_OBJECTS && collection_owns(c->prefix, ref, &rest) && bytes_is(rest, "query");
    if (c->own_query) c->form = FUSE_NO_EXTRACTOR;
    if (c->form == FUSE_GRAPH && collection_owns(c->prefix, ref, &rest))
        return fail_at(err, INLAY_DATA_LOSS, c->model->file, -1, "the search %s is asked with itself", c->name);
    return (c->query = arena_copy(a, ref)) ? INLAY_OK : fail_memory(err);
}

static inlay_status read_payload(collection *c, const graph_nodes *g, arena *a, inlay_error *err) {
    bytes node = graph_nodes_find(g, "payload");
    if (!node.data) return INLAY_OK;
    TRY(read_variable(c, g, node, a, &c->payload_variable, &c->payload_stored, err));
    const bundle_entry *e = c->payload_stored;
    c->payload = e->type == INLAY_STRING ? "labels" : "ids";
    if ((e->type != INLAY_STRING && e->type != INLAY_INT64) || e->dims.rank != 1 || e->dims.dims[0] != c->rows ||
        e->n_slices)
        return fail_at(err, INLAY_DATA_LOSS, c->bundle_prefix, -1, "%s has %lld rows, and %s for another number",
                       c->name, (long long)c->rows, c->payload);
    return INLAY_OK;
}

/* ---- signatures */

fuse_part collection_part(const collection *c, const saved_signature *s) {
    bytes rest;
    for (size_t i = 0; i < s->output_count; i++)
        if (collection_owns(c->prefix, bytes_of(s->outputs[i].name), &rest)) {
            fuse_part part = fuse_part_of(rest);
            if (part != FUSE_SEARCH || saved_find_tensor(s->outputs, s->output_count, "scores")) return part;
        }
    return FUSE_PARTS;
}

static inlay_status read_signatures(collection *c, inlay_error *err) {
    for (size_t i = 0; i < c->graph->signature_count; i++) {
        const saved_signature *s = &c->graph->signatures[i];
        fuse_part part = collection_part(c, s);
        if (part == FUSE_PARTS) continue;
        if (part != FUSE_SEARCH) {
            c->parts[part] = s->key;
            continue;
        }
        if (!c->signature || strcmp(s->key, c->name) == 0) c->signature = s;
        if (strcmp(s->key, "serving_default") == 0) c->is_default = true;
    }
    if (c->signature) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, c->model->path, -1, "no signature asks the search %s", c->name);
}

/* ---- the whole */

static inlay_status read_search(collection *c, arena *a, inlay_error *err) {
    graph_nodes main = {.file = c->model->file}, body = {.file = c->model->file};
    inlay_status status;
    const graph_nodes *search = &main;
    int64_t k;
    TRY_TO(done, list_main_nodes(c, &main, err));
    c->call = graph_nodes_find(&main, "call");
    c->form = c->call.data ? FUSE_OBJECTS : FUSE_GRAPH;
    if (c->form == FUSE_OBJECTS) {
        TRY_TO(done, find_function(c, &main, a, err));
        TRY_TO(done, list_function_nodes(c, &body, err));
        search = &body;
    }
    bytes default_k = graph_nodes_find(&main, "k_default");
    if (!default_k.data)
        TRY_TO(done, fail_at(err, INLAY_UNIMPLEMENTED, c->model->file, -1,
                             "the graph of search %s is none that fuse writes: it has no default k", c->name));
    TRY_TO(done, node_const_int(&main, default_k, &k, err));
    c->default_k = (int32_t)k;
    TRY_TO(done, read_chunks(c, search, a, err));
    TRY_TO(done, read_query(c, search, a, err));
    TRY_TO(done, read_payload(c, search, a, err));
    status = read_signatures(c, err);
done:
    graph_nodes_free(&main);
    graph_nodes_free(&body);
    return status;
}

static inlay_status open_model(const char *name, arena *a, collection *c, inlay_error *err) {
    if (c->model->kind != SAVED_MODEL || !c->model->folder)
        return fail_at(err, INLAY_INVALID_ARGUMENT, c->model->path, -1, "is no SavedModel folder");
    TRY(saved_model_pick(c->model, NULL, &c->graph, err));
    TRY(pick_name(c, name, a, err));
    TRY(saved_variables_prefix(c->model, &c->bundle_prefix, err));
    if (!c->bundle) TRY(bundle_open(c->bundle_prefix, false, &c->bundle, err));
    if (bundle_big_endian(c->bundle))
        return fail_at(err, INLAY_UNIMPLEMENTED, c->bundle_prefix, -1, "the variables are big-endian");
    return read_search(c, a, err);
}

inlay_status collection_open_model(saved_model *model, const char *name, arena *a, collection *c, inlay_error *err) {
    *c = (collection){.model = model};
    return open_model(name, a, c, err);
}

inlay_status collection_open_borrowed(saved_model *model, bundle *variables, const char *name, arena *a, collection *c,
                                      inlay_error *err) {
    *c = (collection){.model = model, .bundle = variables, .borrowed = true};
    return open_model(name, a, c, err);
}

inlay_status collection_open(const char *path, const char *name, arena *a, collection *c, inlay_error *err) {
    saved_model *model;
    *c = (collection){0};
    TRY(saved_model_open(path, false, &model, err));
    return collection_open_model(model, name, a, c, err);
}

inlay_status collection_move(collection *c, saved_model *model, arena *a, inlay_error *err) {
    graph_nodes main = {.file = model->file};
    c->model = model;
    c->signature = NULL;
    c->is_default = false;
    memset(c->parts, 0, sizeof c->parts);
    TRY(saved_model_pick(model, NULL, &c->graph, err));
    inlay_status status = list_main_nodes(c, &main, err);
    if (status == INLAY_OK && c->form == FUSE_OBJECTS) {
        c->call = graph_nodes_find(&main, "call");
        status = find_function(c, &main, a, err);
    }
    graph_nodes_free(&main);
    return status == INLAY_OK ? read_signatures(c, err) : status;
}

bool collection_is_tombstone(const collection *c, float side) {
    return c->metric == SEARCH_L2 ? isinf(side) : isnan(side);
}

inlay_status collection_tombstones(const collection *c, size_t chunk, int64_t *count, inlay_error *err) {
    const collection_chunk *k = &c->chunks[chunk];
    tensor *sides;
    *count = 0;
    if (!k->factor) return INLAY_OK;
    TRY(bundle_read(c->bundle, k->factor, &sides, err));
    for (int64_t i = 0; i < k->count; i++)
        *count += collection_is_tombstone(c, load_f32(sides->data + (size_t)i * sizeof(float)));
    tensor_release(sides);
    return INLAY_OK;
}

void collection_close(collection *c) {
    if (!c->borrowed) {
        bundle_close(c->bundle);
        saved_model_close(c->model);
    }
    mem_free(c->bundle_prefix);
    *c = (collection){0};
}

#include "edit/fuse/fuse_writer.h"

#include <stdlib.h>

const char *fuse_variable_key(fuse_form form, const char *prefix, const char *name, arena *a) {
    return arena_format(a, form == FUSE_OBJECTS ? "%s/%s/.ATTRIBUTES/VARIABLE_VALUE" : "%s/%s", prefix, name);
}

const char *const fuse_part_folders[FUSE_PARTS] = {
    [FUSE_SEARCH] = "", [FUSE_SIMILAR] = "similar/", [FUSE_LOOKUP] = "lookup/"};

fuse_part fuse_part_of(bytes name) {
    for (int part = FUSE_SEARCH + 1; part < FUSE_PARTS; part++)
        if (bytes_start_with(name, fuse_part_folders[part])) return (fuse_part)part;
    return FUSE_SEARCH;
}

const char *fuse_part_key(fuse_part part, const char *name, arena *a) {
    static const char *const words[FUSE_PARTS] = {
        [FUSE_SEARCH] = "search", [FUSE_SIMILAR] = "similar", [FUSE_LOOKUP] = "lookup"};
    return strcmp(name, "search") == 0 ? words[part] : arena_format(a, "%s_%s", name, words[part]);
}

static const char *kept(fuse_writer *w, const char *text) {
    if (!text) w->edit.failed = true;
    return text ? text : "";
}

const char *fuse_join(fuse_writer *w, const char *a, const char *b) {
    return kept(w, arena_format(w->a, "%s%s", a, b));
}
const char *fuse_node_name(fuse_writer *w, const char *name) {
    return fuse_join(w, w->nodes.prefix, name);
}

const char *fuse_without_zero(fuse_writer *w, const char *tensor_name) {
    size_t n = strlen(tensor_name);
    if (n > 2 && strcmp(tensor_name + n - 2, ":0") == 0) n -= 2;
    return kept(w, arena_copy(w->a, bytes_make(tensor_name, n)));
}

const char **fuse_names(fuse_writer *w, size_t n) {
    return arena_zalloc(w->a, n + 1, sizeof(char *));
}

const char *fuse_put_k(fuse_writer *w, node_writer *nodes) {
    const char *k = node_const_i32(nodes, "k_default", w->g->default_k);
    return node_put(nodes, &(node_spec){"k", "PlaceholderWithDefault", LIST(k), NULL,
                                        ATTRS({"dtype", ATTR_TYPE, .type = INLAY_INT32},
                                              {"shape", ATTR_SHAPE, .dims = &(shape){.rank = 0}})});
}

const char *fuse_put_placeholder(node_writer *nodes, const char *name, dtype type, const shape *dims) {
    return node_put(nodes,
                    &(node_spec){name, "Placeholder", NULL, NULL,
                                 ATTRS({"dtype", ATTR_TYPE, .type = type}, {"shape", ATTR_SHAPE, .dims = dims})});
}

node_writer fuse_part_nodes(fuse_writer *w, fuse_part part) {
    node_writer nodes = w->nodes;
    nodes.prefix = fuse_node_name(w, fuse_part_folders[part]);
    return nodes;
}

const saved_tensor fuse_index_input = {.key = "index", .type = INLAY_INT64, .dims = {.rank = 1, .dims = {-1}}};

static int compare_outputs(const void *a, const void *b) {
    return strcmp(((const fuse_output *)a)->key, ((const fuse_output *)b)->key);
}

/* One label or id a row: of one row for each number, of several for each query. */
static const char *payload_key(const fuse_graph *g, bool several) {
    if (several) return g->payload;
    return strcmp(g->payload, "labels") == 0 ? "label" : "id";
}

static size_t put_lookup(fuse_writer *w, node_writer *nodes, const search_graph *s, const char *index,
                         fuse_output out[FUSE_OUTPUTS]) {
    lookup_outputs found = lookup_graph_put(nodes, s, index);
    size_t n = 0;
    out[n++] = (fuse_output){"vector", found.vector, INLAY_FLOAT32, shape_matrix(-1, w->g->dim)};
    if (found.payload)
        out[n++] = (fuse_output){payload_key(w->g, false), found.payload, w->g->payload_type, shape_vector(-1)};
    return n;
}

static size_t put_winners(fuse_writer *w, const search_outputs *found, fuse_output out[FUSE_OUTPUTS]) {
    const shape any = shape_matrix(-1, -1);
    size_t n = 0;
    out[n++] = (fuse_output){"indices", found->indices, INLAY_INT64, any};
    out[n++] = (fuse_output){"scores", found->scores, INLAY_FLOAT32, any};
    if (w->g->payload) out[n++] = (fuse_output){payload_key(w->g, true), found->payload, w->g->payload_type, any};
    return n;
}

size_t fuse_put_part(fuse_writer *w, node_writer *nodes, const fuse_question *q, fuse_output out[FUSE_OUTPUTS]) {
    const fuse_graph *g = w->g;
    graph_chunk *chunks = arena_zalloc(w->a, g->n_chunks, sizeof *chunks);
    if (!chunks) return nodes->out->failed = true, 0;
    for (size_t i = 0; i < g->n_chunks; i++) {
        chunks[i] = g->chunks[i];
        chunks[i].rows = fuse_join(w, q->ref_prefix, g->chunks[i].rows);
        chunks[i].side = g->chunks[i].side ? fuse_join(w, q->ref_prefix, g->chunks[i].side) : NULL;
    }
    search_graph s = {.metric = g->metric,
                      .type = g->type,
                      .chunks = chunks,
                      .n_chunks = g->n_chunks,
                      .guard_nan = g->guard_nan,
                      .query = q->query,
                      .k = q->k,
                      .payload = g->payload ? fuse_join(w, q->ref_prefix, g->payload_variable) : NULL,
                      .payload_type = g->payload_type};
    size_t n;
    if (q->part == FUSE_LOOKUP) {
        n = put_lookup(w, nodes, &s, q->index, out);
    } else {
        search_outputs found =
            q->part == FUSE_SIMILAR ? similar_graph_put(nodes, &s, q->index) : search_graph_put(nodes, &s);
        n = put_winners(w, &found, out);
    }
    qsort(out, n, sizeof *out, compare_outputs);
    return n;
}

/* Beside the search in the main graph: what is asked with the numbers of rows. */
static void put_row_part(fuse_writer *w, fuse_part part) {
    node_writer nodes = fuse_part_nodes(w, part);
    saved_tensor input = fuse_index_input;
    const char *index = fuse_put_placeholder(&nodes, input.key, input.type, &input.dims);
    input.name = fuse_join(w, index, ":0");
    const char *k = part == FUSE_SIMILAR ? fuse_put_k(w, &nodes) : NULL;
    fuse_output outputs[FUSE_OUTPUTS];
    size_t n = fuse_put_part(
        w, &nodes, &(fuse_question){.part = part, .index = index, .k = k, .ref_prefix = w->nodes.prefix}, outputs);
    fuse_put_signatures(w, part, &input, 1, k, outputs, n);
}

/* No extractor, or a plain graph: the search is part of the main graph. */
static inlay_status put_in_graph(fuse_writer *w) {
    const fuse_extractor *e = w->e;
    const char *query, *feature = e->feature.name, *k = fuse_put_k(w, &w->nodes);
    const saved_tensor *inputs = e->inputs;
    size_t n_inputs = e->n_inputs;
    saved_tensor own = {.key = "query", .type = INLAY_FLOAT32, .dims = shape_matrix(-1, w->g->dim)};
    if (e->form == FUSE_NO_EXTRACTOR) {
        query = fuse_put_placeholder(&w->nodes, "query", INLAY_FLOAT32, &own.dims);
        own.name = fuse_join(w, query, ":0");
        inputs = &own;
        n_inputs = 1;
        feature = fuse_join(w,
                            node_put(&w->nodes, &(node_spec){"features", "Identity", LIST(query), NULL,
                                                             ATTRS({"T", ATTR_TYPE, .type = INLAY_FLOAT32})}),
                            ":0");
    } else {
        query = fuse_without_zero(w, e->feature.name);
    }
    fuse_output outputs[FUSE_OUTPUTS];
    size_t n =
        fuse_put_part(w, &w->nodes, &(fuse_question){.query = query, .k = k, .ref_prefix = w->nodes.prefix}, outputs);
    fuse_put_signatures(w, FUSE_SEARCH, inputs, n_inputs, k, outputs, n);
    if (e->feature_signature) fuse_put_feature_signature(w, inputs, n_inputs, feature);
    for (int part = FUSE_SEARCH + 1; part < FUSE_PARTS; part++)
        if (w->g->parts[part]) put_row_part(w, (fuse_part)part);
    return INLAY_OK;
}

/* A model of our own: meta_info_def {tags 4, tensorflow_version 5} and the graph's version (producer 1). */
static void put_new_model(fuse_writer *w) {
    enum { PRODUCER = 2474 }; /* what TensorFlow 2.21 writes */
    buffer info = {0}, version = {0};
    wire_put_text(&info, 4, "serve");
    wire_put_text(&info, 5, "2.21.0");
    wire_put_uint(&version, 1, PRODUCER);
    if (info.failed || version.failed) w->edit.failed = true;
    saved_edit_meta_info(&w->edit, buffer_bytes(&info));
    saved_edit_versions(&w->edit, buffer_bytes(&version));
    buffer_free(&info);
    buffer_free(&version);
}

inlay_status fuse_write_graph(const fuse_extractor *e, const fuse_graph *g, arena *a, buffer *saved_model,
                              buffer *checkpoint_objects, inlay_error *err) {
    fuse_writer w = {.e = e, .g = g, .a = a, .file = e->model ? e->model->file : "", .err = err};
    const char *prefix = arena_format(a, "%s/", g->prefix);
    if (!prefix) return fail_memory(err);
    saved_edit_begin(&w.edit, e->model, e->graph);
    w.nodes = (node_writer){.out = &w.edit.nodes, .field = 1, .in_function = false, .prefix = prefix, .names = a};
    inlay_status status;
    TRY_TO(failed, fuse_put_restore(&w));
    TRY_TO(failed, e->form == FUSE_OBJECTS ? fuse_put_functions(&w, checkpoint_objects) : put_in_graph(&w));
    if (e->form == FUSE_NO_EXTRACTOR) put_new_model(&w);
    return saved_edit_finish(&w.edit, saved_model, err);
failed:
    saved_edit_abandon(&w.edit);
    return status;
}

#include "edit/fuse/fuse_writer.h"

#include <stdlib.h>

const char *fuse_variable_key(fuse_form form, const char *prefix, const char *name, arena *a) {
    return arena_format(a, form == FUSE_OBJECTS ? "%s/%s/.ATTRIBUTES/VARIABLE_VALUE" : "%s/%s", prefix, name);
}

const shape fuse_any_matrix = {.rank = 2, .dims = {-1, -1}};

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

const char *fuse_put_k(fuse_writer *w) {
    const char *k = node_const_i32(&w->nodes, "k_default", w->g->default_k);
    return node_put(&w->nodes, &(node_spec){"k", "PlaceholderWithDefault", LIST(k), NULL,
                                            ATTRS({"dtype", ATTR_TYPE, .type = INLAY_INT32},
                                                  {"shape", ATTR_SHAPE, .dims = &(shape){.rank = 0}})});
}

const char *fuse_put_placeholder(fuse_writer *w, const char *name, dtype type, const shape *dims) {
    return node_put(&w->nodes,
                    &(node_spec){name, "Placeholder", NULL, NULL,
                                 ATTRS({"dtype", ATTR_TYPE, .type = type}, {"shape", ATTR_SHAPE, .dims = dims})});
}

/* The search nodes; REF names a variable's handle where they stand. */
search_outputs fuse_put_search(fuse_writer *w, node_writer *nodes, const char *query, const char *k,
                               const char *ref_prefix) {
    const fuse_graph *g = w->g;
    graph_chunk *chunks = arena_zalloc(w->a, g->n_chunks, sizeof *chunks);
    if (!chunks) return nodes->out->failed = true, (search_outputs){"", "", NULL};
    for (size_t i = 0; i < g->n_chunks; i++) {
        chunks[i] = g->chunks[i];
        chunks[i].rows = fuse_join(w, ref_prefix, g->chunks[i].rows);
        chunks[i].side = g->chunks[i].side ? fuse_join(w, ref_prefix, g->chunks[i].side) : NULL;
    }
    return search_graph_put(
        nodes, &(search_graph){.metric = g->metric,
                               .type = g->type,
                               .chunks = chunks,
                               .n_chunks = g->n_chunks,
                               .guard_nan = g->guard_nan,
                               .query = query,
                               .k = k,
                               .payload = g->payload ? fuse_join(w, ref_prefix, g->payload_variable) : NULL,
                               .payload_type = g->payload_type});
}

static int compare_outputs(const void *a, const void *b) {
    return strcmp(((const fuse_output *)a)->key, ((const fuse_output *)b)->key);
}

size_t fuse_sorted_outputs(const fuse_graph *g, const search_outputs *found, fuse_output out[FUSE_OUTPUTS]) {
    size_t n = 0;
    out[n++] = (fuse_output){"indices", found->indices, INLAY_INT64};
    out[n++] = (fuse_output){"scores", found->scores, INLAY_FLOAT32};
    if (g->payload) out[n++] = (fuse_output){g->payload, found->payload, g->payload_type};
    qsort(out, n, sizeof *out, compare_outputs);
    return n;
}

/* TensorInfo (name 1, dtype 2, tensor_shape 3) as the value of map entry KEY in field NUMBER. */
static void put_info(buffer *b, uint32_t number, const char *key, const char *tensor_name, dtype type,
                     const shape *dims) {
    size_t entry = wire_begin(b, number);
    wire_put_text(b, 1, key);
    size_t value = wire_begin(b, 2);
    wire_put_text(b, 1, tensor_name);
    wire_put_uint(b, 2, (uint64_t)type);
    put_shape(b, 3, dims);
    wire_end(b, value);
    wire_end(b, entry);
}

/* SignatureDef: inputs 1, outputs 2, method_name 3, defaults 4 (which TensorFlow Serving fills missing inputs from). */
static void put_signature(const fuse_writer *w, buffer *b, const saved_tensor *inputs, size_t n_inputs,
                          const char *k_tensor, const fuse_output *outputs, size_t n_outputs) {
    for (size_t i = 0; i < n_inputs; i++)
        put_info(b, 1, inputs[i].key, inputs[i].name, inputs[i].type, &inputs[i].dims);
    put_info(b, 1, "k", k_tensor, INLAY_INT32, &(shape){.rank = 0});
    for (size_t i = 0; i < n_outputs; i++)
        put_info(b, 2, outputs[i].key, outputs[i].ref, outputs[i].type, &fuse_any_matrix);
    wire_put_text(b, 3, "tensorflow/serving/predict");
    size_t defaults = wire_begin(b, 4);
    wire_put_text(b, 1, "k");
    size_t number = wire_begin(b, 2);
    wire_put_uint(b, 1, INLAY_INT32);
    put_shape(b, 2, &(shape){.rank = 0});
    wire_put_uint(b, 7, (uint64_t)w->g->default_k);
    wire_end(b, number);
    wire_end(b, defaults);
}

void fuse_put_signatures(fuse_writer *w, const saved_tensor *inputs, size_t n_inputs, const char *k,
                         fuse_output *outputs, size_t n_outputs) {
    for (size_t i = 0; i < n_outputs; i++)
        if (!strchr(outputs[i].ref, ':')) outputs[i].ref = fuse_join(w, outputs[i].ref, ":0");
    buffer message = {0};
    put_signature(w, &message, inputs, n_inputs, fuse_join(w, k, ":0"), outputs, n_outputs);
    if (message.failed) w->edit.failed = true;
    if (w->g->make_default) {
        const saved_signature *old = w->e->graph ? saved_find_signature(w->e->graph, "serving_default") : NULL;
        if (old && !w->e->default_is_search) saved_edit_signature(&w->edit, "features", old->message);
        saved_edit_signature(&w->edit, "serving_default", buffer_bytes(&message));
    }
    saved_edit_signature(&w->edit, w->g->name, buffer_bytes(&message));
    buffer_free(&message);
}

/* A signature that gives the vectors which the search is asked with, so that another collection can be fused to it. */
static void put_feature_signature(fuse_writer *w, const saved_tensor *inputs, size_t n_inputs, const char *feature) {
    shape dims = shape_matrix(-1, w->g->dim);
    buffer message = {0};
    for (size_t i = 0; i < n_inputs; i++)
        put_info(&message, 1, inputs[i].key, inputs[i].name, inputs[i].type, &inputs[i].dims);
    put_info(&message, 2, "features", feature, INLAY_FLOAT32, &dims);
    wire_put_text(&message, 3, "tensorflow/serving/predict");
    saved_edit_signature(&w->edit, w->e->feature_signature, buffer_bytes(&message));
    if (message.failed) w->edit.failed = true;
    buffer_free(&message);
}

/* No extractor, or a plain graph: the search is part of the main graph. */
static inlay_status put_in_graph(fuse_writer *w) {
    const fuse_extractor *e = w->e;
    const char *query, *feature = e->feature.name, *k = fuse_put_k(w);
    const saved_tensor *inputs = e->inputs;
    size_t n_inputs = e->n_inputs;
    saved_tensor own = {.key = "query", .type = INLAY_FLOAT32, .dims = shape_matrix(-1, w->g->dim)};
    if (e->form == FUSE_NO_EXTRACTOR) {
        query = fuse_put_placeholder(w, "query", INLAY_FLOAT32, &own.dims);
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
    search_outputs found = fuse_put_search(w, &w->nodes, query, k, w->nodes.prefix);
    fuse_output outputs[FUSE_OUTPUTS];
    size_t n = fuse_sorted_outputs(w->g, &found, outputs);
    fuse_put_signatures(w, inputs, n_inputs, k, outputs, n);
    if (e->feature_signature) put_feature_signature(w, inputs, n_inputs, feature);
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
    TRY_TO(failed, e->form == FUSE_OBJECTS ? fuse_put_function(&w, checkpoint_objects) : put_in_graph(&w));
    if (e->form == FUSE_NO_EXTRACTOR) put_new_model(&w);
    return saved_edit_finish(&w.edit, saved_model, err);
failed:
    saved_edit_abandon(&w.edit);
    return status;
}

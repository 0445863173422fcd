#include "edit/fuse/fuse_extractor.h"

#include <stdlib.h>

/* "a, b, c" of N keys that GET gives, for messages. */
static const char *listed(arena *a, size_t n, const char *(*get)(const void *list, size_t i), const void *list) {
    char *text = arena_strdup(a, n ? "" : "none");
    for (size_t i = 0; i < n && text; i++) text = arena_format(a, "%s%s%s", text, i ? ", " : "", get(list, i));
    return text ? text : "";
}

static const char *signature_key(const void *list, size_t i) {
    return ((const saved_signature *)list)[i].key;
}
static const char *tensor_key(const void *list, size_t i) {
    return ((const saved_tensor *)list)[i].key;
}

/* ---- the feature */

static bool may_be_vectors(const saved_tensor *t, int64_t dim) {
    if (t->form != SAVED_DENSE || t->type != INLAY_FLOAT32 || (t->dims.rank >= 0 && t->dims.rank != 2)) return false;
    return dim < 0 || t->dims.rank < 0 || t->dims.dims[1] < 0 || t->dims.dims[1] == dim;
}

static inlay_status unfit_feature(const saved_model *model, const saved_tensor *t, int64_t dim, const char *source,
                                  inlay_error *err) {
    char text[SHAPE_TEXT];
    if (t->form == SAVED_DENSE && t->type == INLAY_FLOAT32 && t->dims.rank == 2)
        return fail_at(err, INLAY_INVALID_ARGUMENT, model->path, -1,
                       "output %s has dimension %lld, the rows of %s have %lld", t->key, (long long)t->dims.dims[1],
                       source, (long long)dim);
    return fail_at(err, INLAY_INVALID_ARGUMENT, model->path, -1,
                   "output %s is %s %s; a feature is float32 [batch, dim]", t->key,
                   t->form == SAVED_DENSE ? dtype_name(t->type) : "not one dense tensor", shape_text(&t->dims, text));
}

inlay_status find_feature(const saved_model *model, const saved_signature *signature, const char *key, int64_t dim,
                          const char *source, const saved_tensor **out, inlay_error *err) {
    arena a;
    arena_init(&a, 0);
    inlay_status status = INLAY_OK;
    const saved_tensor *found = NULL;
    size_t fit = 0;
    for (size_t i = 0; i < signature->output_count; i++)
        if (may_be_vectors(&signature->outputs[i], dim)) found = &signature->outputs[i], fit++;
    const char *all = listed(&a, signature->output_count, tensor_key, signature->outputs);
    if (key) {
        found = saved_find_tensor(signature->outputs, signature->output_count, key);
        if (!found)
            status = fail_at(err, INLAY_NOT_FOUND, model->path, -1, "signature %s has no output %s; its outputs: %s",
                             signature->key, key, all);
        else if (!may_be_vectors(found, dim))
            status = unfit_feature(model, found, dim, source, err);
    } else if (fit == 0 && signature->output_count == 1) {
        status = unfit_feature(model, &signature->outputs[0], dim, source, err);
    } else if (fit != 1) {
        status = fail_at(err, INLAY_INVALID_ARGUMENT, model->path, -1,
                         "%s output of signature %s may be the feature; name one of: %s", fit ? "more than one" : "no",
                         signature->key, all);
    }
    arena_free(&a);
    *out = found;
    return status;
}

/* ---- frozen graphs: inputs and output are named by the caller */

/* NodeDef: name 1. */
inlay_status fuse_find_node(const fuse_extractor *e, bytes name, bytes *out, inlay_error *err) {
    *out = (bytes){0};
    saved_walk nodes = saved_nodes(e->model, e->graph);
    for (;;) {
        wire_field node, field;
        bool got, found;
        TRY(saved_walk_next(&nodes, &node, &got, err));
        if (!got) return INLAY_OK;
        TRY(wire_find(node.data, 1, e->model->file, &field, &found, err));
        if (!found || field.type != WIRE_BYTES || !bytes_equal(field.data, name)) continue;
        *out = node.data;
        return INLAY_OK;
    }
}

/* NodeDef: attr 5, a map. */
inlay_status fuse_find_attr(bytes node, const char *name, const char *file, bytes *out, inlay_error *err) {
    *out = bytes_make("", 0);
    wire_reader r = wire_open(node, file, NULL);
    for (;;) {
        wire_field f;
        bool got;
        bytes key, value;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != 5) continue;
        TRY(wire_map_entry(&r, &f, &key, &value, err));
        if (!bytes_is(key, name)) continue;
        *out = value;
        return INLAY_OK;
    }
}

/* The dtype that attribute NAME of NODE says (AttrValue type 6), or INLAY_INVALID_DTYPE. */
static inlay_status attr_dtype(bytes node, const char *name, const char *file, dtype *out, inlay_error *err) {
    bytes value;
    wire_field f;
    bool found;
    TRY(fuse_find_attr(node, name, file, &value, err));
    TRY(wire_find(value, 6, file, &f, &found, err));
    *out = found && f.type == WIRE_VARINT && dtype_is_valid((int)f.value) ? (dtype)f.value : INLAY_INVALID_DTYPE;
    return INLAY_OK;
}

/* The shape that a Placeholder's attribute "shape" says (AttrValue shape 7 {dim 2 {size 1}, unknown_rank 3}). */
static inlay_status placeholder_shape(bytes node, const char *file, shape *out, inlay_error *err) {
    bytes value;
    wire_field f;
    bool found;
    *out = (shape){.rank = -1};
    TRY(fuse_find_attr(node, "shape", file, &value, err));
    TRY(wire_find(value, 7, file, &f, &found, err));
    if (!found || f.type != WIRE_BYTES) return INLAY_OK;
    wire_reader r = wire_open(f.data, file, NULL);
    int rank = 0;
    for (;;) {
        wire_field dim, size;
        bool got;
        TRY(wire_next(&r, &dim, &got, err));
        if (!got) break;
        if (dim.number == 3 && dim.value) return INLAY_OK;
        if (dim.number != 2 || dim.type != WIRE_BYTES) continue;
        if (rank == INLAY_MAX_RANK) return INLAY_OK;
        TRY(wire_find(dim.data, 1, file, &size, &found, err));
        out->dims[rank++] = found ? (int64_t)size.value : 0;
    }
    out->rank = rank;
    return INLAY_OK;
}

/* NODE:0 (or NODE) of the graph, as a tensor called KEY. */
static inlay_status named_tensor(const fuse_extractor *e, const char *key, const char *text, arena *a,
                                 saved_tensor *out, inlay_error *err) {
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    bytes node;
    TRY(fuse_find_node(e, bytes_make(text, n), &node, err));
    if (!node.data)
        return fail_at(err, INLAY_NOT_FOUND, e->model->file, -1, "the graph has no node %.*s", (int)n, text);
    *out = (saved_tensor){.key = key, .form = SAVED_DENSE, .dims = {.rank = -1}};
    out->name = colon ? arena_strdup(a, text) : arena_format(a, "%s:0", text);
    if (!out->name || !out->key) return fail_memory(err);
    TRY(attr_dtype(node, "dtype", e->model->file, &out->type, err));
    if (out->type == INLAY_INVALID_DTYPE) return attr_dtype(node, "T", e->model->file, &out->type, err);
    return placeholder_shape(node, e->model->file, &out->dims, err);
}

static int compare_keys(const void *x, const void *y) {
    return strcmp(((const saved_tensor *)x)->key, ((const saved_tensor *)y)->key);
}

static inlay_status open_frozen(const inlay_fuse_options *o, arena *a, fuse_extractor *e, inlay_error *err) {
    if (o->n_graph_inputs == 0 || !o->graph_output || o->signature || o->feature)
        return fail_at(err, INLAY_INVALID_ARGUMENT, o->extractor, -1,
                       "is a frozen graph without signatures: name its inputs (KEY=NODE:0) and its output (NODE:0)");
    saved_tensor *inputs = arena_zalloc(a, o->n_graph_inputs, sizeof *inputs);
    if (!inputs) return fail_memory(err);
    for (size_t i = 0; i < o->n_graph_inputs; i++) {
        const char *equals = strchr(o->graph_inputs[i], '=');
        if (!equals || equals == o->graph_inputs[i])
            return fail(err, INLAY_INVALID_ARGUMENT, "input %s is not of the form KEY=NODE:0", o->graph_inputs[i]);
        const char *key = arena_copy(a, bytes_make(o->graph_inputs[i], (size_t)(equals - o->graph_inputs[i])));
        TRY(named_tensor(e, key, equals + 1, a, &inputs[i], err));
        if (inputs[i].type == INLAY_INVALID_DTYPE)
            return fail_at(err, INLAY_INVALID_ARGUMENT, e->model->file, -1,
                           "input %s does not say its dtype; name a Placeholder", equals + 1);
    }
    qsort(inputs, o->n_graph_inputs, sizeof *inputs, compare_keys);
    for (size_t i = 1; i < o->n_graph_inputs; i++)
        if (strcmp(inputs[i - 1].key, inputs[i].key) == 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "input %s is given twice", inputs[i].key);
    e->inputs = inputs;
    e->n_inputs = o->n_graph_inputs;
    TRY(named_tensor(e, "output", o->graph_output, a, &e->feature, err));
    if (e->feature.type != INLAY_INVALID_DTYPE && e->feature.type != INLAY_FLOAT32)
        return fail_at(err, INLAY_INVALID_ARGUMENT, e->model->file, -1,
                       "output %s is %s; a feature is float32 [batch, dim]", o->graph_output,
                       dtype_name(e->feature.type));
    return INLAY_OK;
}

/* ---- what must be free */

/* Whether S is what fuse makes: its scores look like features and are none. */
static bool is_search(const saved_signature *s) {
    return saved_find_tensor(s->inputs, s->input_count, "k") &&
           saved_find_tensor(s->outputs, s->output_count, "scores") &&
           saved_find_tensor(s->outputs, s->output_count, "indices");
}

/* Whether S is what fuse makes beside a search: its vectors are stored rows. */
static bool is_lookup(const saved_signature *s) {
    const saved_tensor *vector = saved_find_tensor(s->outputs, s->output_count, "vector");
    return vector && strncmp(vector->name, "inlay_", 6) == 0 && strstr(vector->name, "/lookup/");
}

static bool has_another_name(const saved_metagraph *graph, const saved_signature *s) {
    for (size_t i = 0; i < graph->signature_count; i++)
        if (&graph->signatures[i] != s && bytes_equal(graph->signatures[i].message, s->message)) return true;
    return false;
}

/* The keys of the signatures beside the search. */
static inlay_status check_parts_free(const fuse_extractor *e, const inlay_fuse_options *o, arena *a, inlay_error *err) {
    const bool wanted[FUSE_PARTS] = {[FUSE_SIMILAR] = o->similar, [FUSE_LOOKUP] = o->lookup};
    for (int part = 0; part < FUSE_PARTS; part++) {
        const char *key = wanted[part] ? fuse_part_key((fuse_part)part, o->name, a) : NULL;
        if (wanted[part] && !key) return fail_memory(err);
        if (key && saved_find_signature(e->graph, key))
            return fail_at(err, INLAY_ALREADY_EXISTS, e->model->path, -1,
                           "the model has a signature called %s; choose another name for the search", key);
    }
    return INLAY_OK;
}

static inlay_status check_free(fuse_extractor *e, const inlay_fuse_options *o, const char *prefix, arena *a,
                               inlay_error *err) {
    const char *path = e->model->path;
    if (saved_find_signature(e->graph, o->name))
        return fail_at(err, INLAY_ALREADY_EXISTS, path, -1, "the model has a signature called %s; choose another name",
                       o->name);
    TRY(check_parts_free(e, o, a, err));
    const saved_signature *old = saved_find_signature(e->graph, "serving_default");
    e->default_is_search = old && is_search(old) && has_another_name(e->graph, old);
    if (o->make_default && old && !e->default_is_search && saved_find_signature(e->graph, "features"))
        return fail_at(err, INLAY_ALREADY_EXISTS, path, -1,
                       "the model has a signature called features, which the old serving_default would become");
    for (size_t i = 0; i < e->n_inputs; i++) {
        if (strcmp(e->inputs[i].key, "k") == 0)
            return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1,
                           "the extractor has an input called k, which the search adds");
        if (e->inputs[i].form != SAVED_DENSE)
            return fail_at(err, INLAY_UNIMPLEMENTED, path, -1, "input %s is not one dense tensor", e->inputs[i].key);
    }
    size_t n = strlen(prefix);
    saved_walk nodes = saved_nodes(e->model, e->graph);
    for (;;) {
        wire_field node, name;
        bool got, found;
        TRY(saved_walk_next(&nodes, &node, &got, err));
        if (!got) return INLAY_OK;
        TRY(wire_find(node.data, 1, e->model->file, &name, &found, err));
        if (found && name.type == WIRE_BYTES && bytes_start_with(name.data, prefix) &&
            (name.data.size == n || name.data.data[n] == '/'))
            return fail_at(err, INLAY_ALREADY_EXISTS, path, -1, "the graph has nodes under %s; choose another name",
                           prefix);
    }
}

/* The signature KEY; when it is NULL serving_default, or features where that is a search or is not there. */
static inlay_status find_signature(const inlay_fuse_options *o, arena *a, const fuse_extractor *e,
                                   const saved_signature **out, inlay_error *err) {
    const char *key = o->signature ? o->signature : "serving_default";
    const saved_signature *s = saved_find_signature(e->graph, key), *features = NULL;
    if (!o->signature && (!s || is_search(s))) features = saved_find_signature(e->graph, "features");
    if (features) s = features;
    *out = s;
    const char *all = listed(a, e->graph->signature_count, signature_key, e->graph->signatures);
    if (!s) return fail_at(err, INLAY_NOT_FOUND, o->extractor, -1, "no signature %s; the signatures: %s", key, all);
    const char *reason = is_search(s)   ? "is a search, whose scores are no features"
                         : is_lookup(s) ? "gives stored rows, not features"
                                        : NULL;
    if (!reason) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, o->extractor, -1,
                   "signature %s %s; name the extractor's. The signatures: %s", key, reason, all);
}

static inlay_status open_signature(const inlay_fuse_options *o, int64_t dim, const char *source, arena *a,
                                   fuse_extractor *e, inlay_error *err) {
    const saved_signature *s;
    TRY(find_signature(o, a, e, &s, err));
    const saved_tensor *feature = NULL;
    TRY(find_feature(e->model, s, o->feature, dim, source, &feature, err));
    e->feature = *feature;
    e->signature = s->key;
    e->inputs = s->inputs;
    e->n_inputs = s->input_count;
    return INLAY_OK;
}

inlay_status fuse_extractor_open(const inlay_fuse_options *o, const char *prefix, int64_t dim, const char *source,
                                 arena *a, fuse_extractor *e, inlay_error *err) {
    *e = (fuse_extractor){.form = FUSE_NO_EXTRACTOR, .feature_signature = "features"};
    if (!o->extractor) return INLAY_OK;
    TRY(saved_model_open(o->extractor, false, &e->model, err));
    TRY(saved_model_pick(e->model, o->tag_set, &e->graph, err));
    e->form = FUSE_GRAPH;
    e->feature_signature = NULL;
    if (e->model->kind == SAVED_GRAPH) {
        bool taken = o->make_default || strcmp(o->name, "serving_default") == 0;
        e->feature_signature = taken ? "features" : "serving_default";
        TRY(open_frozen(o, a, e, err));
        TRY(fuse_check_feature(e, dim, source, a, err));
        return check_free(e, o, prefix, a, err);
    }
    if (o->n_graph_inputs || o->graph_output)
        return fail_at(err, INLAY_INVALID_ARGUMENT, o->extractor, -1,
                       "is a SavedModel: choose a signature and a feature, not inputs and outputs of the graph");
    TRY(open_signature(o, dim, source, a, e, err));
    TRY(check_free(e, o, prefix, a, err));
    if (!e->graph->has_object_graph) return INLAY_OK;
    e->form = FUSE_OBJECTS;
    return fuse_read_objects(e, prefix, a, err);
}

void fuse_extractor_close(fuse_extractor *e) {
    saved_model_close(e->model);
    e->model = NULL;
}

#include "edit/fuse/fuse_extractor.h"

#include "edit/object_graph.h"
#include "format/bundle.h"

#include <stdio.h>
#include <stdlib.h>

/* The name of a FunctionDef: signature 1 (an OpDef) {name 1}. */
inlay_status fuse_function_name(bytes function, const char *file, bytes *name, inlay_error *err) {
    wire_field signature, field;
    bool found;
    *name = bytes_make("", 0);
    TRY(wire_find(function, 1, file, &signature, &found, err));
    if (!found || signature.type != WIRE_BYTES) return INLAY_OK;
    TRY(wire_find(signature.data, 1, file, &field, &found, err));
    if (found && field.type == WIRE_BYTES) *name = field.data;
    return INLAY_OK;
}

/* ArgDef: type 3; the signature is an OpDef in field 1. */
static inlay_status function_types(const fuse_extractor *e, uint32_t number, arena *a, fuse_types *out,
                                   inlay_error *err) {
    wire_field signature;
    bool found;
    TRY(wire_find(e->function, 1, e->model->file, &signature, &found, err));
    for (int pass = 0; pass < 2; pass++) {
        wire_reader r = wire_open(found ? signature.data : bytes_make("", 0), e->model->file, NULL);
        out->n = 0;
        for (;;) {
            wire_field f, type;
            bool got, typed;
            TRY(wire_next(&r, &f, &got, err));
            if (!got) break;
            if (f.number != number || f.type != WIRE_BYTES) continue;
            TRY(wire_find(f.data, 3, e->model->file, &type, &typed, err));
            if (pass == 1) out->types[out->n] = typed ? (dtype)type.value : INLAY_INVALID_DTYPE;
            out->n++;
        }
        if (pass == 0 && !(out->types = arena_zalloc(a, out->n + 1, sizeof *out->types))) return fail_memory(err);
    }
    return INLAY_OK;
}

static inlay_status find_function(fuse_extractor *e, bytes name, inlay_error *err) {
    saved_walk functions = saved_functions(e->model, e->graph);
    for (;;) {
        wire_field f;
        bool got;
        bytes found;
        TRY(saved_walk_next(&functions, &f, &got, err));
        if (!got)
            return fail_at(err, INLAY_DATA_LOSS, e->model->file, -1, "the library has no function %s",
                           e->function_name);
        TRY(fuse_function_name(f.data, e->model->file, &found, err));
        if (!bytes_equal(found, name)) continue;
        e->function = f.data;
        return INLAY_OK;
    }
}

static const char *excerpt(bytes text, char out[120]) {
    snprintf(out, 120, "%.*s", (int)(text.size < 119 ? text.size : 119), (const char *)text.data);
    return out;
}

/* Which input of the signature each argument of the function is: the function's own order, which need not be that of
 * the keys (TensorFlow sorts by the keys' spelling as Python names). */
static inlay_status match_arguments(fuse_extractor *e, const bytes *keywords, size_t n, arena *a, inlay_error *err) {
    const char *file = e->model->file;
    char text[120];
    if (n != e->n_inputs)
        return fail_at(err, INLAY_DATA_LOSS, file, -1,
                       "function %s has %zu argument keywords, its signature %zu inputs", e->function_name, n,
                       e->n_inputs);
    bool *seen = arena_zalloc(a, n + 1, sizeof *seen);
    e->arguments = arena_zalloc(a, n + 1, sizeof *e->arguments);
    if (!seen || !e->arguments) return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < n && !bytes_is(keywords[i], e->inputs[j].key)) j++;
        if (j == n || seen[j])
            return fail_at(err, INLAY_DATA_LOSS, file, -1, "argument %s of function %s %s", excerpt(keywords[i], text),
                           e->function_name, j == n ? "is no input of its signature" : "is there twice");
        seen[j] = true;
        e->arguments[i] = j;
    }
    return INLAY_OK;
}

static inlay_status check_types(const fuse_extractor *e, inlay_error *err) {
    const char *file = e->model->file;
    if (e->takes.n != e->n_inputs + e->n_captures)
        return fail_at(err, INLAY_DATA_LOSS, file, -1,
                       "function %s takes %zu arguments, its signature and the object graph say %zu", e->function_name,
                       e->takes.n, e->n_inputs + e->n_captures);
    for (size_t i = 0; i < e->n_inputs; i++) {
        const saved_tensor *input = &e->inputs[e->arguments[i]];
        if (e->takes.types[i] != input->type)
            return fail_at(err, INLAY_DATA_LOSS, file, -1, "argument %s of function %s is %s, its signature says %s",
                           input->key, e->function_name, dtype_name(e->takes.types[i]), dtype_name(input->type));
    }
    if (e->feature_output < 0 || (size_t)e->feature_output >= e->gives.n)
        return fail_at(err, INLAY_DATA_LOSS, file, -1, "function %s has %zu outputs, the signature names output %d",
                       e->function_name, e->gives.n, e->feature_output);
    if (e->gives.types[e->feature_output] != e->feature.type)
        return fail_at(err, INLAY_DATA_LOSS, file, -1, "output %s of function %s is %s, its signature says %s",
                       e->feature.key, e->function_name, dtype_name(e->gives.types[e->feature_output]),
                       dtype_name(e->feature.type));
    return INLAY_OK;
}

/* What feeds argument I of the call must not be another input's tensor. */
static inlay_status check_fed(const fuse_extractor *e, size_t i, bytes reference, inlay_error *err) {
    const saved_tensor *wanted = &e->inputs[e->arguments[i]];
    for (size_t j = 0; j < e->n_inputs; j++) {
        bytes name = bytes_of(e->inputs[j].name);
        if (name.size > 2 && memcmp(name.data + name.size - 2, ":0", 2) == 0) name.size -= 2;
        if (j != e->arguments[i] && bytes_equal(name, reference) && strcmp(e->inputs[j].name, wanted->name) != 0)
            return fail_at(err, INLAY_DATA_LOSS, e->model->file, -1,
                           "argument %s of function %s is fed from input %s in the main graph", wanted->key,
                           e->function_name, e->inputs[j].key);
    }
    return INLAY_OK;
}

/* NodeDef input 3; attr f is a NameAttrList (AttrValue func 10) {name 1}. */
static inlay_status read_call(fuse_extractor *e, arena *a, inlay_error *err) {
    const char *colon = strrchr(e->feature.name, ':');
    size_t n = colon ? (size_t)(colon - e->feature.name) : strlen(e->feature.name);
    e->feature_output = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    bytes node, f;
    wire_field func, name;
    bool found;
    TRY(fuse_find_node(e, bytes_make(e->feature.name, n), &node, err));
    TRY(fuse_find_attr(node, "f", e->model->file, &f, err));
    TRY(wire_find(f, 10, e->model->file, &func, &found, err));
    if (found) TRY(wire_find(func.data, 1, e->model->file, &name, &found, err)); /* a number has no data */
    if (!found || !bytes_is(name.data, e->function_name))
        return fail_at(err, INLAY_UNIMPLEMENTED, e->model->file, -1,
                       "output tensor %s is no call of the signature's function %s", e->feature.name, e->function_name);
    e->captures = arena_zalloc(a, e->n_captures + 1, sizeof *e->captures);
    if (!e->captures) return fail_memory(err);
    size_t seen = 0;
    wire_reader r = wire_open(node, e->model->file, NULL);
    for (;;) {
        wire_field input;
        bool got;
        TRY(wire_next(&r, &input, &got, err));
        if (!got) break;
        if (input.number != 3 || input.type != WIRE_BYTES || bytes_start_with(input.data, "^")) continue;
        if (seen < e->n_inputs) TRY(check_fed(e, seen, input.data, err));
        if (seen >= e->n_inputs && seen - e->n_inputs < e->n_captures &&
            !(e->captures[seen - e->n_inputs] = arena_copy(a, input.data)))
            return fail_memory(err);
        seen++;
    }
    if (seen != e->n_inputs + e->n_captures)
        return fail_at(err, INLAY_DATA_LOSS, e->model->file, -1,
                       "the call of %s has %zu inputs, its function and the object graph say %zu", e->function_name,
                       seen, e->n_inputs + e->n_captures);
    return INLAY_OK;
}

static inlay_status read_saved_objects(fuse_extractor *e, const char *prefix, arena *a, inlay_error *err) {
    object_graph objects;
    inlay_status status;
    int64_t function_node, taken;
    bytes name, *keywords;
    size_t n_keywords;
    TRY(object_graph_open(e->graph->object_graph, e->model->file, a, &objects, err));
    TRY_TO(done, object_graph_child(&objects, 0, "signatures", &e->signature_map, err));
    if (e->signature_map < 0)
        TRY_TO(done, fail_at(err, INLAY_UNIMPLEMENTED, e->model->file, -1, "the object graph has no signatures"));
    TRY_TO(done, object_graph_child(&objects, e->signature_map, e->signature, &function_node, err));
    TRY_TO(done, object_graph_bare_function(&objects, function_node, &name, err));
    if (name.size == 0)
        TRY_TO(done, fail_at(err, INLAY_UNIMPLEMENTED, e->model->file, -1,
                             "the object graph has no function for signature %s", e->signature));
    TRY_TO(done, object_graph_child(&objects, 0, prefix, &taken, err));
    if (taken >= 0)
        TRY_TO(done, fail_at(err, INLAY_ALREADY_EXISTS, e->model->path, -1,
                             "the model has an object called %s; choose another name", prefix));
    if (!(e->function_name = arena_copy(a, name))) TRY_TO(done, fail_memory(err));
    TRY_TO(done, object_graph_bound_inputs(&objects, name, a, &e->bound_inputs, &e->n_captures, err));
    TRY_TO(done, object_graph_argument_keywords(&objects, function_node, a, &keywords, &n_keywords, err));
    TRY_TO(done, match_arguments(e, keywords, n_keywords, a, err));
    TRY_TO(done, find_function(e, name, err));
    TRY_TO(done, function_types(e, 2, a, &e->takes, err));
    TRY_TO(done, function_types(e, 3, a, &e->gives, err));
    TRY_TO(done, read_call(e, a, err));
    status = check_types(e, err);
done:
    object_graph_free(&objects);
    return status;
}

/* The checkpoint's own object graph, which tf.saved_model.load restores by. */
static inlay_status read_checkpoint_objects(fuse_extractor *e, arena *a, inlay_error *err) {
    static const char key[] = BUNDLE_OBJECTS_KEY;
    char *prefix = NULL;
    bundle *b = NULL;
    tensor *value = NULL;
    inlay_status status;
    TRY_TO(done, saved_variables_prefix(e->model, &prefix, err));
    TRY_TO(done, bundle_open(prefix, false, &b, err));
    const bundle_entry *entry = bundle_find(b, bytes_of(key));
    if (!entry) TRY_TO(done, fail_at(err, INLAY_DATA_LOSS, prefix, -1, "the checkpoint has no %s", key));
    TRY_TO(done, bundle_read(b, entry, &value, err));
    if (value->type != INLAY_STRING || value->count != 1)
        TRY_TO(done, fail_at(err, INLAY_DATA_LOSS, prefix, -1, "%s is no string", key));
    bytes text = tensor_string(value, 0);
    const char *kept = arena_copy(a, text);
    if (!kept) TRY_TO(done, fail_memory(err));
    e->checkpoint_objects = bytes_make(kept, text.size);
done:
    tensor_release(value);
    bundle_close(b);
    mem_free(prefix);
    return status;
}

inlay_status fuse_read_objects(fuse_extractor *e, const char *prefix, arena *a, inlay_error *err) {
    TRY(read_saved_objects(e, prefix, a, err));
    return read_checkpoint_objects(e, a, err);
}

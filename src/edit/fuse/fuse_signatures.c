#include "edit/fuse/fuse_writer.h"

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
    if (k_tensor) put_info(b, 1, "k", k_tensor, INLAY_INT32, &(shape){.rank = 0});
    for (size_t i = 0; i < n_outputs; i++)
        put_info(b, 2, outputs[i].key, outputs[i].ref, outputs[i].type, &outputs[i].dims);
    wire_put_text(b, 3, "tensorflow/serving/predict");
    if (!k_tensor) return;
    size_t defaults = wire_begin(b, 4);
    wire_put_text(b, 1, "k");
    size_t number = wire_begin(b, 2);
    wire_put_uint(b, 1, INLAY_INT32);
    put_shape(b, 2, &(shape){.rank = 0});
    wire_put_uint(b, 7, (uint64_t)w->g->default_k);
    wire_end(b, number);
    wire_end(b, defaults);
}

void fuse_put_signatures(fuse_writer *w, fuse_part part, const saved_tensor *inputs, size_t n_inputs, const char *k,
                         fuse_output *outputs, size_t n_outputs) {
    for (size_t i = 0; i < n_outputs; i++)
        if (!strchr(outputs[i].ref, ':')) outputs[i].ref = fuse_join(w, outputs[i].ref, ":0");
    buffer message = {0};
    put_signature(w, &message, inputs, n_inputs, k ? fuse_join(w, k, ":0") : NULL, outputs, n_outputs);
    if (message.failed) w->edit.failed = true;
    if (part == FUSE_SEARCH && w->g->make_default) {
        const saved_signature *old = w->e->graph ? saved_find_signature(w->e->graph, "serving_default") : NULL;
        if (old && !w->e->default_is_search) saved_edit_signature(&w->edit, "features", old->message);
        saved_edit_signature(&w->edit, "serving_default", buffer_bytes(&message));
    }
    saved_edit_signature(&w->edit, part == FUSE_SEARCH ? w->g->name : w->g->parts[part], buffer_bytes(&message));
    buffer_free(&message);
}

void fuse_put_feature_signature(fuse_writer *w, const saved_tensor *inputs, size_t n_inputs, const char *feature) {
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

#include "model/model.h"

/* Public handles are the inner ones under another name. */
static model *inner(const inlay_model *m) {
    return (model *)(uintptr_t)m;
}

void inlay_model_options_init(inlay_model_options *options) {
    *options = (inlay_model_options){.size = sizeof *options, .optimize = true};
}

inlay_status inlay_model_open(const char *path, const inlay_model_options *options, inlay_model **out,
                              inlay_error *error) {
    inlay_model_options own;
    inlay_model_options_init(&own);
    if (options) memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    model *opened = NULL;
    inlay_status status = model_open(path, &own, &opened, error);
    *out = (inlay_model *)opened;
    return status;
}

void inlay_model_close(inlay_model *m) {
    model_close(inner(m));
}
size_t inlay_model_signature_count(const inlay_model *m) {
    return model_signature_count(inner(m));
}
const inlay_signature *inlay_model_signature(const inlay_model *m, size_t index) {
    return model_signature(inner(m), index);
}
const inlay_signature *inlay_model_find_signature(const inlay_model *m, const char *key) {
    return model_find_signature(inner(m), key);
}
size_t inlay_model_variable_count(const inlay_model *m) {
    return model_variable_count(inner(m));
}
bool inlay_model_variable(const inlay_model *m, size_t index, inlay_variable *out) {
    return model_variable(inner(m), index, out);
}

void inlay_run_options_init(inlay_run_options *options) {
    *options = (inlay_run_options){.size = sizeof *options};
}

/* OPTIONS, of this or another version of the library, as *own and what the inner run takes. */
static model_run_options asked(const inlay_run_options *options, inlay_run_options *own) {
    inlay_run_options_init(own);
    if (options) memcpy(own, options, options->size < sizeof *own ? options->size : sizeof *own);
    return (model_run_options){.caller = own};
}

inlay_status inlay_model_run_with(inlay_model *m, const char *signature, const inlay_named_tensor *inputs,
                                  size_t n_inputs, inlay_named_tensor *outputs, size_t n_outputs,
                                  const inlay_run_options *options, inlay_error *error) {
    inlay_run_options own;
    model_run_options run = asked(options, &own);
    return model_run(inner(m), signature, inputs, n_inputs, outputs, n_outputs, &run, error);
}

inlay_status inlay_model_run(inlay_model *m, const char *signature, const inlay_named_tensor *inputs, size_t n_inputs,
                             inlay_named_tensor *outputs, size_t n_outputs, inlay_error *error) {
    return model_run(inner(m), signature, inputs, n_inputs, outputs, n_outputs, NULL, error);
}

inlay_status inlay_model_run_graph(inlay_model *m, const inlay_named_tensor *feeds, size_t n_feeds,
                                   inlay_named_tensor *fetches, size_t n_fetches, const inlay_run_options *options,
                                   inlay_error *error) {
    inlay_run_options own;
    model_run_options run = asked(options, &own);
    return model_run_graph(inner(m), feeds, n_feeds, fetches, n_fetches, NULL, 0, &run, error);
}

inlay_status inlay_model_tensor_dtype(inlay_model *m, const char *name, inlay_dtype *out, inlay_error *error) {
    return model_tensor_type(inner(m), name, out, error);
}

inlay_status inlay_model_describe(inlay_model *m, const char *signature, void (*fn)(void *user, const char *line),
                                  void *user, inlay_error *error) {
    return model_describe(inner(m), signature, fn, user, error);
}

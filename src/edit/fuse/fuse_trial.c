#include "edit/fuse/fuse_extractor.h"
#include "model/model.h"

enum { MOST_ELEMENTS = 1 << 20, TRIAL_BYTES = 32 << 20 };

/* A batch of none for INPUT, zeros when its first dimension is a number; NULL when its shape does not say enough. */
static inlay_status empty_batch(const saved_tensor *input, tensor **out, inlay_error *err) {
    static const uint64_t no_offsets[1] = {0};
    shape dims = input->dims;
    *out = NULL;
    if (dims.rank < 0) return INLAY_OK;
    if (dims.rank > 0 && dims.dims[0] < 0) dims.dims[0] = 0;
    int64_t count;
    for (int i = 0; i < dims.rank; i++)
        if (dims.dims[i] < 0) return INLAY_OK;
    if (!shape_elements(&dims, &count) || count > MOST_ELEMENTS) return INLAY_OK;
    if (input->type != INLAY_STRING) return tensor_new_zero(input->type, &dims, NULL, out, err);
    return count == 0 ? tensor_wrap_strings(&dims, "", 0, no_offsets, NULL, NULL, out, err) : INLAY_OK;
}

/* The feature of a batch of none; NULL when the graph cannot be run here. */
static tensor *run_trial(const fuse_extractor *e, const char *path, inlay_named_tensor *feeds) {
    inlay_error ignored;
    inlay_model_options options = {.size = sizeof options, .memory_budget = TRIAL_BYTES};
    inlay_named_tensor fetch = {e->feature.name, NULL};
    model *m = NULL;
    bool good = model_open(path, &options, &m, &ignored) == INLAY_OK;
    for (size_t i = 0; i < e->n_inputs && good; i++) {
        feeds[i].key = e->inputs[i].name;
        good = empty_batch(&e->inputs[i], &feeds[i].tensor, &ignored) == INLAY_OK && feeds[i].tensor;
    }
    if (good) good = model_run_graph(m, feeds, e->n_inputs, &fetch, 1, NULL, 0, NULL, &ignored) == INLAY_OK;
    for (size_t i = 0; i < e->n_inputs; i++) tensor_release(feeds[i].tensor);
    model_close(m);
    return good ? fetch.tensor : NULL;
}

inlay_status fuse_check_feature(const fuse_extractor *e, int64_t dim, const char *source, arena *a, inlay_error *err) {
    inlay_named_tensor *feeds = arena_zalloc(a, e->n_inputs + 1, sizeof *feeds);
    if (!feeds) return fail_memory(err);
    tensor *found = run_trial(e, e->model->path, feeds);
    if (!found) return INLAY_OK;
    char text[SHAPE_TEXT];
    inlay_status status = INLAY_OK;
    if (found->type != INLAY_FLOAT32 || found->dims.rank != 2)
        status = fail_at(err, INLAY_INVALID_ARGUMENT, e->model->path, -1,
                         "output %s gives %s %s for a batch of none; a feature is float32 [batch, dim]",
                         e->feature.name, dtype_name(found->type), shape_text(&found->dims, text));
    else if (dim >= 0 && found->dims.dims[1] != dim)
        status = fail_at(err, INLAY_INVALID_ARGUMENT, e->model->path, -1,
                         "output %s has dimension %lld, the rows of %s have %lld", e->feature.name,
                         (long long)found->dims.dims[1], source, (long long)dim);
    tensor_release(found);
    return status;
}

/* Models: a SavedModel directory, a .meta file or a frozen GraphDef, opened, restored, and run by signature or by
 * tensor. What api/ stands on. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "tensor/tensor.h"

typedef struct model model;

/* Opens PATH: imports the metagraph, restores variables by mapping, runs the initialisation op. Nodes whose op cannot
 * run are left out of that with a warning. GIVEN may be NULL. *out is the caller's (model_close).
 * Errors: NOT_FOUND, DATA_LOSS, INVALID_ARGUMENT, PERMISSION_DENIED (files outside the model), RESOURCE_EXHAUSTED. */
inlay_status model_open(const char *path, const inlay_model_options *given, model **out, inlay_error *err);
/* The same with usual options, without its indexes. */
inlay_status model_open_bare(const char *path, model **out, inlay_error *err);
void model_close(model *m); /* no run may be under way; NULL is fine */

/* Signatures by rising key, without those that only initialise. Valid as long as the model. */
size_t model_signature_count(const model *m);
const inlay_signature *model_signature(const model *m, size_t index); /* NULL beyond the last */
const inlay_signature *model_find_signature(const model *m, const char *key);

/* Tensors stored in variables/, by rising key. */
size_t model_variable_count(const model *m);
bool model_variable(const model *m, size_t index, inlay_variable *out);

/* What one run is given beside its tensors; its memory is bounded by the model's options. */
typedef struct model_run_options {
    const inlay_run_options *caller; /* what api/ was asked for; may be NULL */
    struct search_request *search;   /* what is asked of a search in the graph; may be NULL */
    uint64_t *peak_bytes;            /* when not NULL: most that the run's own tensors took at a time */
} model_run_options;

/* Runs SIGNATURE: INPUTS by its keys, those with a default may be left out; OUTPUTS by its keys, their tensors are the
 * caller's, all NULL on failure. May be called from many threads at once. OPTIONS may be NULL. */
inlay_status model_run(model *m, const char *signature, const inlay_named_tensor *inputs, size_t n_inputs,
                       inlay_named_tensor *outputs, size_t n_outputs, const model_run_options *options,
                       inlay_error *err);

/* The same by names of the graph's tensors ("x:0"), as a TensorFlow 1 session has it. TARGETS are ops to run. */
inlay_status model_run_graph(model *m, const inlay_named_tensor *feeds, size_t n_feeds, inlay_named_tensor *fetches,
                             size_t n_fetches, const char *const *targets, size_t n_targets,
                             const model_run_options *options, inlay_error *err);

/* What the graph says of its tensor NAME: INLAY_INVALID_DTYPE when nothing. NOT_FOUND. */
inlay_status model_tensor_type(const model *m, const char *name, dtype *out, inlay_error *err);

/* The nodes that a run of SIGNATURE with all inputs and outputs makes, a line each, in order, after all passes. */
inlay_status model_describe(model *m, const char *signature, void (*fn)(void *user, const char *line), void *user,
                            inlay_error *err);

#endif

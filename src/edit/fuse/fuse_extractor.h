/* Finds in a model what fuse builds on: the signature, its one output with vectors, and how the graph calls it. */
#ifndef EDIT_FUSE_EXTRACTOR_H
#define EDIT_FUSE_EXTRACTOR_H

#include "edit/fuse/fuse_graph.h"

/* Opens the extractor that OPTIONS name and checks that PREFIX and the signature's name are free. DIM is that of the
 * rows (-1: any), SOURCE the file that says so. *e is the caller's (fuse_extractor_close), also after a failure. */
inlay_status fuse_extractor_open(const inlay_fuse_options *o, const char *prefix, int64_t dim, const char *source,
                                 arena *a, fuse_extractor *e, inlay_error *err);
void fuse_extractor_close(fuse_extractor *e);

/* fuse_callee.c: of a TF2 model the function behind the signature, how the main graph calls it, and the objects. PREFIX
 * must be no child of the root. */
inlay_status fuse_read_objects(fuse_extractor *e, const char *prefix, arena *a, inlay_error *err);

/* fuse_trial.c: a frozen graph does not say the shape of its output, so it is run on a batch of none, where our runtime
 * has its ops and the shapes of its inputs are known. INVALID_ARGUMENT when the output is not float32 [batch, DIM]. */
inlay_status fuse_check_feature(const fuse_extractor *e, int64_t dim, const char *source, arena *a, inlay_error *err);

/* The NodeDef called NAME; data NULL when there is none. */
inlay_status fuse_find_node(const fuse_extractor *e, bytes name, bytes *out, inlay_error *err);
/* The AttrValue NAME of NODE; empty when it has none. */
inlay_status fuse_find_attr(bytes node, const char *name, const char *file, bytes *out, inlay_error *err);

/* The output of SIGNATURE that holds vectors: float32 [batch, dim]; KEY, or the only fit one when it is NULL. DIM -1:
 * any; SOURCE is the file that says it. */
inlay_status find_feature(const saved_model *model, const saved_signature *signature, const char *key, int64_t dim,
                          const char *source, const saved_tensor **out, inlay_error *err);

#endif

/* Finds in a model what fuse builds on: the signature, its one output with vectors, and how the graph calls it. */
#ifndef EDIT_FUSE_EXTRACTOR_H
#define EDIT_FUSE_EXTRACTOR_H

#include "edit/fuse_graph.h"

/* Opens the extractor that OPTIONS name and checks that PREFIX and the signature's name are free. DIM is that of the
 * rows. *e is the caller's (fuse_extractor_close), also after a failure. */
inlay_status fuse_extractor_open(const inlay_fuse_options *o, const char *prefix, int64_t dim, arena *a,
                                 fuse_extractor *e, inlay_error *err);
void fuse_extractor_close(fuse_extractor *e);

/* The output of SIGNATURE that holds vectors: float32 [batch, dim]; KEY, or the only fit one when it is NULL. DIM -1:
 * any. */
inlay_status find_feature(const saved_model *model, const saved_signature *signature, const char *key, int64_t dim,
                          const saved_tensor **out, inlay_error *err);

#endif

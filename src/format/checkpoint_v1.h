/* V1 checkpoints: tables of TensorProto slices, as TensorFlow wrote them before bundles (and its Save op still does).
 * Reading only. Format: docs/formats/checkpoint_v1.md. */
#ifndef FORMAT_CHECKPOINT_V1_H
#define FORMAT_CHECKPOINT_V1_H

#include "tensor/tensor.h"

typedef struct checkpoint_v1 checkpoint_v1;

/* What a checkpoint says of one tensor. */
typedef struct checkpoint_tensor {
    bytes key; /* with a NUL behind it; valid as long as the checkpoint */
    dtype type;
    shape dims;
    size_t n_slices; /* 0 or 1: stored whole */
} checkpoint_tensor;

/* Opens PATH, or the files PATH-00000-of-NNNNN and its siblings. The list of tensors is read, no values. *out is the
 * caller's (checkpoint_v1_close). Errors: NOT_FOUND (no file), DATA_LOSS (no table, no list, or malformed; a sibling
 * missing), INVALID_ARGUMENT (siblings of several numberings, or their lists disagree). */
inlay_status checkpoint_v1_open(const char *path, bool copy, checkpoint_v1 **out, inlay_error *err);
void checkpoint_v1_close(checkpoint_v1 *c); /* tensors that were read stay valid; NULL is fine */

size_t checkpoint_v1_count(const checkpoint_v1 *c);
const checkpoint_tensor *checkpoint_v1_at(const checkpoint_v1 *c, size_t index); /* by rising key; NULL beyond */
const checkpoint_tensor *checkpoint_v1_find(const checkpoint_v1 *c, bytes key);  /* NULL when there is none */

/* The tensor T of C, or with SPEC ("10 4 0,5:-") a part of it, put together from its slices. Blocks' checksums are
 * verified as they are read. From several threads at once. DATA_LOSS names file and key. */
inlay_status checkpoint_v1_read(checkpoint_v1 *c, const checkpoint_tensor *t, bytes spec, tensor **out,
                                inlay_error *err);

#endif

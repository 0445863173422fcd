/* A checkpoint of either kind, bundle or V1, to whoever only wants its tensors. */
#ifndef FORMAT_CHECKPOINT_H
#define FORMAT_CHECKPOINT_H

#include "format/bundle.h"
#include "format/checkpoint_v1.h"

typedef struct checkpoint checkpoint;

/* Opens PATH: a bundle's prefix (or its .index file), a V1 checkpoint's file or prefix, or a folder whose `checkpoint`
 * file names the latest one. Where both kinds are, the bundle. *out is the caller's (checkpoint_close). Errors:
 * NOT_FOUND; as checkpoint_latest, bundle_open and checkpoint_v1_open. */
inlay_status checkpoint_open(const char *path, bool copy, checkpoint **out, inlay_error *err);
/* B, which *out takes over, also on failure. */
inlay_status checkpoint_of_bundle(const char *path, bundle *b, checkpoint **out, inlay_error *err);
void checkpoint_close(checkpoint *c); /* tensors that were read stay valid; NULL is fine */

/* What it is called: the prefix of a bundle or of a V1 checkpoint. */
const char *checkpoint_prefix(const checkpoint *c);

size_t checkpoint_count(const checkpoint *c);
checkpoint_tensor checkpoint_at(const checkpoint *c, size_t index); /* by rising key; index < count */
uint64_t checkpoint_bytes(const checkpoint *c); /* about what its tensors take, for showing progress */
bool checkpoint_find(const checkpoint *c, bytes key, checkpoint_tensor *out);

/* The tensor KEY, or with SPEC ("10 4 0,5:-", else empty) a part of it. NOT_FOUND names KEY and the checkpoint. */
inlay_status checkpoint_read(checkpoint *c, bytes key, bytes spec, tensor **out, inlay_error *err);

/* Whichever of the two it is; the other is NULL. */
bundle *checkpoint_bundle(const checkpoint *c);
checkpoint_v1 *checkpoint_old(const checkpoint *c);

#endif

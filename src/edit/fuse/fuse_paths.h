/* Where a fused model goes, and what of the extractor's folder goes with it. */
#ifndef EDIT_FUSE_PATHS_H
#define EDIT_FUSE_PATHS_H

#include "edit/paths.h"
#include "format/shards.h"

/* Refuses a target that is there (unless FORCE and it is a model), and one that is, holds or lies inside the extractor
 * or a source. */
inlay_status fuse_check_target(const inlay_fuse_options *o, const shard_list *sources, inlay_error *err);

/* Copies what is in the SavedModel folder FROM to TO, but for the graph, the variables and the fingerprint, which are
 * written anew. INVALID_ARGUMENT for symbolic links: they may lead out of the model. */
inlay_status fuse_copy_rest(const char *from, const char *to, inlay_error *err);

#endif

/* What a collection was fused to, so that it can be fused again with other chunks. */
#ifndef EDIT_REBUILD_H
#define EDIT_REBUILD_H

#include "edit/rows/collection.h"

/* Fills *e for fuse_write_graph: UNFUSED is the model of C without it (UNFUSE_REBUILD), CHECKPOINT_OBJECTS what that
 * left of the checkpoint's object graph. All of them must outlive *e; what else it points to is the arena's.
 * Errors: FAILED_PRECONDITION (the model was changed so that the search cannot be put back as it is), DATA_LOSS. */
inlay_status collection_extractor(const collection *c, saved_model *unfused, bytes checkpoint_objects, arena *a,
                                  fuse_extractor *e, inlay_error *err);

#endif

/* The graph of a fused model without one of its collections: fuse undone. The extractor's parts keep their bytes. */
#ifndef EDIT_UNFUSE_H
#define EDIT_UNFUSE_H

#include "edit/rows/collection.h"

typedef enum unfuse_purpose {
    UNFUSE_REMOVE, /* the collection goes for good */
    UNFUSE_REBUILD /* it is fused again: an input that is its own stays, its saver's save goes */
} unfuse_purpose;

/* Appends the saved_model.pb to MODEL and, when there is an object graph, that of the checkpoint to CHECKPOINT_OBJECTS.
 * A signature that --default of fuse called features is serving_default again.
 * Errors: FAILED_PRECONDITION (something else in the model uses the collection), DATA_LOSS. */
inlay_status unfuse(const collection *c, unfuse_purpose purpose, arena *a, buffer *model, buffer *checkpoint_objects,
                    inlay_error *err);

/* The TrackableObjectGraph that the bundle of C keeps; data NULL when there is none. In the arena. */
inlay_status collection_checkpoint_objects(const collection *c, arena *a, bytes *out, inlay_error *err);

#endif

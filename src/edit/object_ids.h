/* Nodes of an object graph under other numbers: all that refers to them by number follows. */
#ifndef EDIT_OBJECT_IDS_H
#define EDIT_OBJECT_IDS_H

#include "base/buffer.h"

typedef enum object_kind {
    SAVED_OBJECTS,     /* SavedObjectGraph, of a SavedModel */
    CHECKPOINT_OBJECTS /* TrackableObjectGraph, of its checkpoint */
} object_kind;

/* Appends MESSAGE to OUT without the nodes that GONE [n] marks. Children that are such nodes go from those that stay,
 * and so do the concrete functions FUNCTIONS (names, NULL-terminated; NULL: none). What stays keeps its bytes where no
 * number changes. Errors: DATA_LOSS (malformed, or the number of no node), FAILED_PRECONDITION (what stays needs what
 * goes). */
inlay_status object_graph_without(bytes message, object_kind kind, const bool *gone, size_t n,
                                  const char *const *functions, const char *file, buffer *out, inlay_error *err);

/* Appends MESSAGE to OUT with TO[i] where it refers to node i of N; the nodes stay in their order. TO[0] must be 0,
 * since that number is seldom written. */
inlay_status object_graph_renumber(bytes message, object_kind kind, const uint64_t *to, size_t n, const char *file,
                                   buffer *out, inlay_error *err);

#endif

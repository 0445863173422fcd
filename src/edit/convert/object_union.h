/* The object graphs of two checkpoints (TrackableObjectGraph) as one. */
#ifndef EDIT_OBJECT_UNION_H
#define EDIT_OBJECT_UNION_H

#include "base/arena.h"
#include "base/buffer.h"

/* Appends to OUT the graph whose root has the children of both roots, and so on for children of one name: each object
 * is found by the path that it had. A keeps its numbers. Names that both give to a stored tensor of one object must
 * mean one key, unless FIRST_WINS: INVALID_ARGUMENT. Memory is SCRATCH's. */
inlay_status object_graph_union(bytes a, const char *a_file, bytes b, const char *b_file, bool first_wins,
                                arena *scratch, buffer *out, inlay_error *err);

#endif

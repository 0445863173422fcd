/* The object graph of a TF2 SavedModel (SavedObjectGraph) and its twin in the checkpoint (TrackableObjectGraph): looked
 * up and extended without unpacking. Existing nodes keep their numbers and, unless they gain a child, their bytes. */
#ifndef EDIT_OBJECT_GRAPH_H
#define EDIT_OBJECT_GRAPH_H

#include "base/arena.h"
#include "proto/wire.h"
#include "tensor/tensor.h"

/* Either of the two: both keep their nodes in field 1 and a node's children {node_id 1, local_name 2} in field 1. */
typedef struct object_graph {
    const char *file; /* named in errors */
    bytes *nodes;
    size_t n_nodes;
    bytes *others; /* fields that are no nodes, as they stood: the concrete functions */
    size_t n_others;
    buffer *children; /* [n_nodes] appended to each node */
    buffer tail;      /* nodes appended, as fields */
    size_t n_added;
} object_graph;

/* Reads MESSAGE, which must outlive G. All memory is the arena's but for what object_graph_free releases. */
inlay_status object_graph_open(bytes message, const char *file, arena *a, object_graph *g, inlay_error *err);
void object_graph_free(object_graph *g);

/* The child NAME of node NODE, or -1. */
inlay_status object_graph_child(const object_graph *g, int64_t node, const char *name, int64_t *child,
                                inlay_error *err);

void object_graph_add_child(object_graph *g, int64_t node, int64_t child, const char *name);

/* Gives the child of NODE that is called FROM the name TO, and puts CHILD in its place unless that is -1. */
inlay_status object_graph_change_child(object_graph *g, int64_t node, const char *from, int64_t child, const char *to,
                                       arena *a, inlay_error *err);

/* Removes that child. NOT_FOUND when there is none. */
inlay_status object_graph_remove_child(object_graph *g, int64_t node, const char *name, arena *a, inlay_error *err);

/* Appends a node (a serialized SavedObject or TrackableObject) and returns its number. */
int64_t object_graph_add_node(object_graph *g, const buffer *node);

/* A child reference as a field of a node that is being written. */
void put_child(buffer *node, int64_t child, const char *name);

/* The whole message; EXTRA is appended as it is (fields). */
inlay_status object_graph_finish(const object_graph *g, const buffer *extra, buffer *out, inlay_error *err);

/* ---- what only the SavedObjectGraph has */

/* Name of the concrete function of node NODE, a bare_concrete_function; empty when the node is something else. */
inlay_status object_graph_bare_function(const object_graph *g, int64_t node, bytes *name, inlay_error *err);

/* argument_keywords of that node, in order: the keys of the function's arguments. In the arena. */
inlay_status object_graph_argument_keywords(const object_graph *g, int64_t node, arena *a, bytes **out, size_t *n,
                                            inlay_error *err);

/* bound_inputs of the concrete function NAME: node numbers, in the arena. NOT_FOUND when there is no such function. */
inlay_status object_graph_bound_inputs(const object_graph *g, bytes name, arena *a, int64_t **out, size_t *n,
                                       inlay_error *err);

#endif

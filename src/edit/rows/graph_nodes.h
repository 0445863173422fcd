/* Nodes of a graph or of a function's body by their names. */
#ifndef EDIT_GRAPH_NODES_H
#define EDIT_GRAPH_NODES_H

#include "base/arena.h"
#include "base/map.h"
#include "proto/wire.h"
#include "tensor/tensor.h"

typedef struct graph_nodes {
    const char *file; /* named in errors */
    map by_name;
    bytes *list; /* NodeDefs */
    size_t count, capacity;
} graph_nodes;

inlay_status graph_nodes_add(graph_nodes *g, bytes name, bytes node, inlay_error *err);
void graph_nodes_free(graph_nodes *g);

/* The NodeDef called NAME; data NULL when there is none. */
bytes graph_nodes_find(const graph_nodes *g, const char *name);

/* Input INDEX of NODE as it stands; OUT_OF_RANGE is DATA_LOSS. Control inputs count. */
inlay_status node_input(const graph_nodes *g, bytes node, size_t index, bytes *out, inlay_error *err);

/* The attribute NAME as what it is; zero when it is not there. */
inlay_status node_attr_value(const graph_nodes *g, bytes node, const char *name, uint32_t field, wire_field *out,
                             bool *found, inlay_error *err);

/* The integer that the Const NODE holds: its value (TensorProto) is a scalar of int32 or int64. */
inlay_status node_const_int(const graph_nodes *g, bytes node, int64_t *out, inlay_error *err);

#endif

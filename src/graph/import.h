/* What the importers of GraphDef and of FunctionDef share. Private to graph/. */
#ifndef GRAPH_IMPORT_H
#define GRAPH_IMPORT_H

#include "graph/graph.h"

/* A node as read, its inputs still names. */
typedef struct import_node {
    graph_node *node;
    bytes *inputs; /* [n_inputs] as written */
    size_t n_inputs;
} import_node;

typedef struct import {
    graph *g;
    const char *prefix; /* put before node names */
    const attrs *call;  /* gives values to attribute placeholders; NULL: none */
    arena scratch;
    map local; /* name as written -> index in nodes */
    import_node *nodes;
    size_t count, capacity;
} import;

void import_begin(import *im, graph *g, const char *prefix, const attrs *call);
void import_end(import *im);

/* Adds a node called NAME (prefix to come) of op OP, without inputs. */
inlay_status import_add(import *im, bytes name, const char *op, import_node **out, inlay_error *err);

/* Reads the NodeDef of FIELD. */
inlay_status import_node_def(import *im, const wire_reader *outer, const wire_field *field, inlay_error *err);

/* Turns the names of all inputs into edges with RESOLVE. */
inlay_status import_link(import *im, inlay_status (*resolve)(import *im, bytes name, graph_edge *out, inlay_error *err),
                         inlay_error *err);

/* The node called NAME, as written; NULL when there is none. */
graph_node *import_find(const import *im, bytes name);

#endif

/* The intermediate form of models: nodes, edges, functions. Imported from GraphDef and FunctionDef messages without
 * unpacking; attributes stay the bytes they were. Knows nothing of running.
 *
 * A graph and everything in it lives in one arena. Passes over it are in transform/, plans in runtime/. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/map.h"
#include "format/tensor_proto.h"
#include "opdef/opdef.h"

typedef struct graph_node graph_node;

/* Output OUTPUT of NODE. */
typedef struct graph_edge {
    graph_node *node;
    int output;
} graph_edge;

struct graph_node {
    const char *name;
    const char *op;
    const op_def *def; /* NULL: unknown op */
    graph_edge *inputs;
    int n_inputs;
    graph_node **controls; /* nodes that must have run before */
    int n_controls;
    attr *attributes;
    int n_attributes;
    tensor *value; /* of a constant, once somebody asked (graph_constant); held by the graph */
    size_t index;  /* place in graph.nodes */
    int mark;      /* for whoever walks; 0 between walks */
};

typedef struct graph_library graph_library;

/* Where messages lie: named in errors, and held by tensors that use their bytes in place. */
typedef struct graph_source {
    const char *file;      /* not owned */
    const uint8_t *origin; /* start of the file in memory */
    tensor_proto_options tensors;
} graph_source;

typedef struct graph {
    arena memory;
    graph_node **nodes; /* NULL where one was removed */
    size_t n_nodes, capacity, node_limit;
    map by_name;
    const graph_library *functions; /* not owned; NULL: none */
    graph_source source;
} graph;

/* An empty graph. NODE_LIMIT 0: none. */
void graph_init(graph *g, const graph_library *library, const graph_source *source, size_t node_limit);
void graph_free(graph *g);

/* Adds the nodes of GraphDef message GRAPH_DEF (its functions are the library's). Errors: DATA_LOSS (malformed),
 * INVALID_ARGUMENT (a name given twice, an input that is not there), RESOURCE_EXHAUSTED (node limit, memory). */
inlay_status graph_import(graph *g, bytes graph_def, inlay_error *err);

/* A function's body: arguments as "_Arg" nodes, results as edges. */
typedef struct graph_function {
    graph_node **args; /* [n_args] */
    size_t n_args;
    graph_edge *rets; /* [n_rets] in the order of output_arg */
    size_t n_rets;
    graph_node **controls; /* nodes of control_ret [n_controls] */
    size_t n_controls;
    graph_node **body; /* every node that was added, args first [n_body] */
    size_t n_body;
} graph_function;

/* Adds the body of FunctionDef FUNCTION, node names prefixed with PREFIX (may be ""), attributes that the function
 * leaves to its caller taken from CALL. *out is in the graph's memory. */
inlay_status graph_import_function(graph *g, bytes function, const char *prefix, const attrs *call, graph_function *out,
                                   inlay_error *err);

/* The node called NAME; NULL when there is none. */
graph_node *graph_find(const graph *g, bytes name);

/* "node:2", "node" (output 0), "^node" (output -1). NOT_FOUND. */
inlay_status graph_find_tensor(const graph *g, bytes name, graph_edge *out, inlay_error *err);

static inline attrs graph_attrs(const graph_node *n) {
    return (attrs){n->attributes, (size_t)n->n_attributes, n->def ? n->def->attrs : NULL};
}

/* ---- building and rewriting */

/* A node without inputs yet; NAME gets a number behind it when it is taken. */
inlay_status graph_add(graph *g, const char *name, const char *op, graph_node **out, inlay_error *err);
inlay_status graph_set_inputs(graph *g, graph_node *n, const graph_edge *inputs, int count, inlay_error *err);
inlay_status graph_add_control(graph *g, graph_node *n, graph_node *before, inlay_error *err);

/* Sets attribute NAME; VALUE holds one AttrValue (attr_put_...) and is emptied. */
inlay_status graph_set_attr(graph *g, graph_node *n, const char *name, buffer *value, inlay_error *err);

/* A constant node with VALUE (retained). */
inlay_status graph_add_constant(graph *g, const char *name, tensor *value, graph_node **out, inlay_error *err);

/* The value of constant N, borrowed; *out is NULL when it is no constant. */
inlay_status graph_constant(graph *g, graph_node *n, tensor **out, inlay_error *err);

void graph_remove(graph *g, graph_node *n); /* nobody may use it any more */

/* ---- functions */

struct graph_library {
    map functions; /* name -> index in items */
    bytes *items;  /* FunctionDef messages */
    size_t count;
    map op_defs; /* rows that the model carries, by name: op_def * */
    arena memory;
};

/* Collects the functions of GRAPH_DEF and, when OP_LIST is not empty, the rows of ops that we have none for. */
inlay_status graph_library_init(graph_library *l, bytes graph_def, bytes op_list, const graph_source *source,
                                inlay_error *err);
void graph_library_free(graph_library *l);
bool graph_library_find(const graph_library *l, bytes name, bytes *function);

/* The row of op NAME: ours, else the model's, else NULL. */
const op_def *graph_op_def(const graph_library *l, bytes name);

#endif

/* A program: the part of a graph that one signature needs, functions inlined, ready for passes and for a plan. */
#ifndef GRAPH_PROGRAM_H
#define GRAPH_PROGRAM_H

#include "graph/graph.h"

/* A loop: a stretch of the order, run again as long as one of its NextIteration nodes hands on a value. */
typedef struct program_loop {
    size_t first, end; /* places in the order */
    size_t inside;     /* loops within it: those that follow it in the list */
} program_loop;

typedef struct program {
    graph g;
    graph_node **feeds; /* "_Arg" nodes, one for each feed, in its order; NULL when nothing needs it */
    size_t n_feeds;
    graph_edge *fetches; /* in the order asked */
    size_t n_fetches;
    graph_node **targets; /* run, whether or not a fetch needs them: those asked, and the effects of functions */
    size_t n_targets, target_capacity;
    program_loop *loops; /* of the last order, an outer one before those inside it */
    size_t n_loops;
    bool starved; /* memory was out when a pass looked for something: what it did not find may be there */
} program;

typedef struct program_request {
    const graph_edge *feeds; /* tensors of the model's graph that the caller gives */
    size_t n_feeds;
    const graph_edge *fetches;
    size_t n_fetches;
    graph_node *const *targets;
    size_t n_targets;
    size_t node_limit; /* 0: none */
} program_request;

/* Copies what REQUEST needs of MODEL, which must outlive *out, and inlines the functions that it calls.
 * Errors: INVALID_ARGUMENT (a cycle of calls, a call that does not fit its function), NOT_FOUND (a function that is not
 * in the library), RESOURCE_EXHAUSTED. */
inlay_status program_make(graph *model, const program_request *request, program *out, inlay_error *err);
void program_free(program *p);

inlay_status program_add_target(program *p, graph_node *n, inlay_error *err);

/* Every use of FROM (inputs and fetches; controls when CONTROLS) becomes a use of TO. Walks the whole program. */
inlay_status program_redirect(program *p, graph_edge from, graph_edge to, inlay_error *err);

/* The nodes that fetches and targets need, each after those it needs, in *order [*count] (in the program's memory); the
 * rest is removed. Nodes of a loop stand together (p->loops); a merge may stand before the node that closes its loop.
 * INVALID_ARGUMENT names a node of a cycle that is no loop, or one that enters and leaves loops as it cannot be. */
inlay_status program_order(program *p, graph_node ***order, size_t *count, inlay_error *err);

/* Whether N's input K closes a loop: it is there from the second time on. */
static inline bool program_closes_loop(const graph_node *n, int k) {
    const op_def *theirs = n->inputs[k].node->def;
    return theirs && (theirs->flags & OP_LOOP) && n->def && (n->def->flags & OP_MERGE);
}

#endif

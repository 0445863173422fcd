/* What inlining calls and inlining branches share. Private to graph/. */
#ifndef GRAPH_INLINE_PARTS_H
#define GRAPH_INLINE_PARTS_H

#include "graph/inline.h"

/* The functions that a node lies in, innermost first. */
typedef struct call_chain {
    const struct call_chain *outer;
    bytes function;
    bool in_branch; /* it may not run, or run again and again */
} call_chain;

typedef struct inliner {
    program *p;
    const call_chain **chains; /* by node index; grows with the graph */
    size_t n_chains;
    map exits; /* name of a call -> its exit node */
} inliner;

/* A function as a call names it. */
typedef struct called {
    bytes name, body;
    attrs given;
} called;

/* The function that NameAttrList LIST names. NOT_FOUND. */
inlay_status inline_find(const inliner *in, bytes list, called *out, arena *memory, inlay_error *err);

#define INLINE_ANY SIZE_MAX

typedef struct inline_request {
    const called *function;
    const char *prefix;
    const graph_edge *inputs;
    size_t n_inputs;
    size_t n_outputs;  /* that are wanted; INLINE_ANY: whatever it returns */
    graph_node *entry; /* holds back what has no inputs, and, but in a branch, the arguments; NULL: nothing does */
    bool in_branch;
} inline_request;

/* Puts the body of a function that CALL calls into the program. */
inlay_status inline_body(inliner *in, const graph_node *call, const inline_request *r, graph_function *f,
                         inlay_error *err);

/* A node that waits for what CALL waits for; *entry is NULL when that is nothing. */
inlay_status inline_entry(inliner *in, const graph_node *call, graph_node **entry, inlay_error *err);

/* N waits for the effects of F; *effects is set when there are any. */
inlay_status inline_wait(inliner *in, graph_node *n, const graph_function *f, bool *effects, inlay_error *err);

/* CALL gives way to VALUES, and to LEAVE for those who wait for it. */
inlay_status inline_finish(inliner *in, graph_node *call, const graph_edge *values, size_t n_values, graph_node *leave,
                           bool effects, inlay_error *err);

/* If, Case and While: branch.c. */
inlay_status inline_branches(inliner *in, graph_node *call, arena *scratch, inlay_error *err);

#endif

/* What a plan holds. Private to runtime/. */
#ifndef RUNTIME_PLAN_PRIVATE_H
#define RUNTIME_PLAN_PRIVATE_H

#include "runtime/plan.h"

/* Where a tensor is during a run: a slot when >= 0, else constant -1 - place. */
typedef int place;

typedef struct plan_input {
    place from;
    bool last;      /* nobody needs the slot afterwards: the call takes the tensor */
    bool read;      /* a reference whose value is wanted */
    uint8_t align;  /* bytes that the op wants its data aligned to; 1: any */
    dtype expected; /* INVALID_DTYPE: whatever comes */
} plan_input;

/* What a step has to do with branches and loops. A step is dead, and makes dead outputs, when one of its inputs or one
 * of the steps that it waits for is; a merge runs nevertheless. */
typedef struct plan_flow {
    place *waits; /* slots that say whether a step was dead [n_waits] */
    int n_waits;
    place signal; /* where the step itself says so; -1: nobody asks */
    bool merges, switches;
} plan_flow;

typedef struct plan_step {
    op_node node;
    const char *op; /* an unknown op has no row to name it */
    plan_input *in;
    int first_out;   /* slot of output 0 */
    bool *unused;    /* [outputs] nobody needs it */
    plan_flow *flow; /* NULL: it runs whenever it is reached */
} plan_step;

typedef struct plan_loop {
    size_t first, end; /* steps */
    size_t inside;     /* loops within it: those that follow it */
    place *back;       /* the next round's values: a loop ends when none is there */
    place *entries;    /* values that only the first round sees */
    place *drops;      /* of steps before the loop, needed last within it */
    size_t n_back, n_entries, n_drops;
} plan_loop;

struct plan {
    program p; /* its memory holds everything here */
    op_host *host;
    plan_step *steps;
    size_t n_steps, n_prepared;
    plan_loop *loops; /* an outer one before those inside it */
    size_t n_loops;
    tensor **constants; /* borrowed from the program's nodes */
    int n_constants;
    place *feeds; /* slot of each feed, or -1 when nothing needs it */
    place *fetches;
    int n_slots;
    int widest; /* most inputs and outputs of one step */
};

/* While a plan is made. */
typedef struct plan_maker {
    plan *made;
    graph_node **order;
    size_t count;
    place *first;         /* by node index: place of output 0 */
    op_values *outs;      /* by node index */
    int *asked;           /* by node index: outputs that somebody uses */
    plan_flow **flows;    /* by node index: of those that may be dead, constants too; NULL: never */
    unsigned char *roles; /* by node index: PLAN_... */
    size_t *steps_before; /* by place in the order [count + 1] */
} plan_maker;

enum { PLAN_AWAITED = 1, PLAN_MERGED = 2 }; /* a node waits for it; a merge or a fetch may find it dead */

/* Finds the flow of node N: what of it, if anything, may be dead. Those that it needs have theirs. */
inlay_status plan_find_flow(plan_maker *m, const graph_node *n, plan_flow **out, inlay_error *err);

/* Finds who needs each slot last, and what loops do with slots. */
inlay_status plan_find_lives(plan_maker *m, inlay_error *err);

#endif

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

typedef struct plan_step {
    op_node node;
    const char *op; /* an unknown op has no row to name it */
    plan_input *in;
    int first_out; /* slot of output 0 */
    bool *unused;  /* [outputs] nobody needs it */
} plan_step;

struct plan {
    program p; /* its memory holds everything here */
    op_host *host;
    plan_step *steps;
    size_t n_steps, n_prepared;
    tensor **constants; /* borrowed from the program's nodes */
    int n_constants;
    place *feeds; /* slot of each feed, or -1 when nothing needs it */
    place *fetches;
    int n_slots;
    int widest; /* most inputs and outputs of one step */
};

#endif

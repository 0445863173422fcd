/* Features of tf.Example messages as tensors: what the ops that parse them share. */
#ifndef OP_EXAMPLE_H
#define OP_EXAMPLE_H

#include "op/runs.h"

#include "base/map.h"
#include "kernel/example/example.h"

typedef enum slot_form { SPARSE, DENSE, RAGGED } slot_form;

/* One wanted feature. */
typedef struct slot {
    slot_form form;
    bytes name;
    dtype type;
    const tensor *fallback;    /* DENSE: empty when it is required */
    shape dims;                /* DENSE: of one example; first dim -1 when that many values may come */
    int64_t stride;            /* DENSE: values that make one row of the open first dim, else all of them */
    int out;                   /* SPARSE: indices; DENSE: the tensor; RAGGED: values */
    int out_values, out_extra; /* SPARSE: values and shape; RAGGED: splits in out_extra */
} slot;

/* What a run holds: for each example and slot the list found, and how many values are in it (-1: none). */
typedef struct parse {
    slot *slots;
    int n_slots;
    map by_name;
    int64_t n;
    bool single; /* the input is one example: outputs without a batch dimension */
    bool strict; /* a dense feature without a list is an error, not a missing one: in sequences */
    bytes *lists;
    int64_t *counts;
    example_feature *last; /* [n_slots] while one example is read */
    bool *seen;
} parse;

/* Adds *S, whose fields are set but for the stride, as the next slot of P, which has room for it. INVALID_ARGUMENT: a
 * shape or default that does not do. */
inlay_status example_add(const op_call *c, parse *p, const slot *s, inlay_error *err);

/* Room for what p->n examples hold, once all slots are there; and the features of example I, that W walks over (TEXT is
 * shown in errors). */
inlay_status example_begin_reading(parse *p, inlay_error *err);
inlay_status example_read(parse *p, example_walk w, bytes text, int64_t i, inlay_error *err);

/* The outputs of all slots. */
inlay_status example_put_all(op_call *c, const parse *p, inlay_error *err);
void example_free(parse *p);

/* Appends a list of COUNT values of dtype T to W; checks that a feature's list is of the dtype of S. */
inlay_status example_put_list(run_writer *w, dtype t, bytes list, int64_t count, inlay_error *err);
inlay_status example_check(const slot *s, const example_feature *f, int64_t i, int64_t *count, inlay_error *err);

#endif

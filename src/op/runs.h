/* Making an output of pieces of other tensors, whatever their dtype: numbers are copied, strings gathered. */
#ifndef OP_RUNS_H
#define OP_RUNS_H

#include "op/op.h"

/* Written from the first element to the last. */
typedef struct run_writer {
    op_call *call;
    int output;
    tensor *out;         /* numbers */
    string_builder text; /* strings */
    bool is_text;
    size_t width; /* bytes of an element */
    uint8_t *next;
} run_writer;

/* Begins output OUTPUT of the dtype that the node says; ended by runs_end, whatever happens between. UNIMPLEMENTED for
 * dtypes that are neither numbers nor strings. */
inlay_status runs_begin(run_writer *w, op_call *call, int output, const shape *dims, inlay_error *err);

/* Elements [first, first + n) of FROM, which has the output's dtype. */
inlay_status runs_copy_text(run_writer *w, const tensor *from, int64_t first, int64_t n, inlay_error *err);
static inline inlay_status runs_copy(run_writer *w, const tensor *from, int64_t first, int64_t n, inlay_error *err) {
    if (w->is_text) return runs_copy_text(w, from, first, n, err);
    memcpy(w->next, from->data + (size_t)first * w->width, (size_t)n * w->width);
    w->next += (size_t)n * w->width;
    return INLAY_OK;
}

/* Element INDEX of FROM, N times; FROM NULL: zeros, or empty strings. */
inlay_status runs_repeat(run_writer *w, const tensor *from, int64_t index, int64_t n, inlay_error *err);

/* A box of FROM: element START, then RANK loops of DIMS, outermost first, stepping STEPS elements (any sign, or 0). */
enum { RUNS_MAX_RANK = 2 * INLAY_MAX_RANK };
inlay_status runs_box(run_writer *w, const tensor *from, int64_t start, int rank, const int64_t *dims,
                      const int64_t *steps, inlay_error *err);

/* Gives the output when STATUS is INLAY_OK; else releases it. Returns STATUS, or its own failure. */
inlay_status runs_end(run_writer *w, inlay_status status, inlay_error *err);

#endif

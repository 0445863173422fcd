/* Splitting a run of elements over the pool. */
#ifndef OP_PARALLEL_H
#define OP_PARALLEL_H

#include "op/op.h"

/* Calls FN(ctx, first, n) for parts that make up [0, count), from several threads when there are more than GRAIN. */
void op_parallel(int64_t count, int64_t grain, void (*fn)(void *ctx, int64_t first, int64_t n), void *ctx);

/* The same where each part needs SCRATCH float32 numbers to work in, charged to the call's budget meanwhile.
 * RESOURCE_EXHAUSTED: what was computed is of no use then. */
typedef void (*scratch_fn)(void *ctx, int64_t first, int64_t n, float *scratch);
inlay_status op_parallel_scratch(const op_call *c, int64_t count, int64_t grain, int64_t scratch, scratch_fn fn,
                                 void *ctx, inlay_error *err);

#endif

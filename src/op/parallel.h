/* Splitting a run of elements over the pool. */
#ifndef OP_PARALLEL_H
#define OP_PARALLEL_H

#include <stdint.h>

/* Calls FN(ctx, first, n) for parts that make up [0, count), from several threads when there are more than GRAIN. */
void op_parallel(int64_t count, int64_t grain, void (*fn)(void *ctx, int64_t first, int64_t n), void *ctx);

#endif

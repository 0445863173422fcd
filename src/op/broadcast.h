/* Shapes brought together as NumPy does: dims of 1 stretch. */
#ifndef OP_BROADCAST_H
#define OP_BROADCAST_H

#include "base/error.h"
#include "tensor/shape.h"

enum { BROADCAST_MOST = 3 };

/* Loops over the result: dims outermost first, those that all inputs step through alike are one. */
typedef struct broadcast {
    shape out;
    int rank; /* of the loops, at least 1; the last is the innermost */
    int64_t dims[INLAY_MAX_RANK];
    int64_t steps[BROADCAST_MOST][INLAY_MAX_RANK]; /* elements; the innermost is 0 or 1 */
} broadcast;

/* N inputs, at most BROADCAST_MOST. INVALID_ARGUMENT names shapes that do not go together. */
inlay_status broadcast_make(const shape *const *inputs, int n, broadcast *out, inlay_error *err);

/* Calls FN(ctx, out, offsets) for each run of b->dims[rank - 1] results: the first is element OUT, that of input i is
 * offsets[i]. */
void broadcast_walk(const broadcast *b, int n, void (*fn)(void *ctx, int64_t out, const int64_t *offsets), void *ctx);

#endif

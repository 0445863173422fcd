/* The largest and the mean of what lies in each window, channels last. */
#ifndef KERNEL_CONV_POOL_H
#define KERNEL_CONV_POOL_H

#include "kernel/conv/conv.h"

/* Rows [first, first + n) of the output, a row being out[2] pixels of s->channels; s->filters and groups say nothing.
 * What lies outside the input takes no part; a window that is outside altogether gives the lowest number, or NaN. */
typedef void (*window_fn)(const conv_sizes *s, const void *in, void *out, int64_t first, int64_t n);

/* NULL: not for that dtype. Max: float32, float64 and integers but uint32 and uint64; mean: float32, float64. */
window_fn window_max(dtype t);
window_fn window_mean(dtype t);

#endif

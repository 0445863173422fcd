/* What the ways of computing a convolution share. Private to kernel/conv/. */
#ifndef KERNEL_CONV_PARTS_H
#define KERNEL_CONV_PARTS_H

#include "kernel/conv/conv.h"

double conv_flops(const conv_sizes *s); /* additions and products */

/* Calls FN for stretches of [0, count), on as many threads as FLOPS are worth. */
void conv_spread(int64_t count, double flops, void (*fn)(void *ctx, int64_t first, int64_t n), void *ctx);

/* Bias, addition and activation of N pixels, in place. */
void conv_finish(const conv_after *after, int64_t filters, int64_t n, const float *bias, const float *add, float *out);

/* The same convolution by oneDNN. NULL: it is not there, or has nothing fast for these sizes. */
typedef struct onednn_conv onednn_conv;
onednn_conv *onednn_conv_make(const conv_sizes *s, const conv_after *after, const float *filter);
bool onednn_conv_gathers(const onednn_conv *c); /* it copies each window, for a product: slow where filters are few */
void onednn_conv_free(onednn_conv *c);
bool onednn_conv_run(const onednn_conv *c, const float *in, const float *bias, const float *add, float *out);

#endif

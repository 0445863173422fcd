/* Convolutions of float32, float64 and int32, channels last. float32 goes to oneDNN when it is installed and has a
 * kernel for the sizes, else to matrix products over gathered windows, else to plain loops. */
#ifndef KERNEL_CONV_H
#define KERNEL_CONV_H

#include "tensor/dtype.h"

enum { CONV_DIMS = 3 }; /* depth, height, width; those that are missing are 1 */

/* Input [batch, in.., channels], filter [window.., channels / groups, filters], output [batch, out.., filters]. Output
 * filters [g * filters / groups ..) see input channels [g * channels / groups ..). */
typedef struct conv_sizes {
    int64_t batch, channels, filters, groups;
    int64_t in[CONV_DIMS], out[CONV_DIMS], window[CONV_DIMS], stride[CONV_DIMS], dilation[CONV_DIMS];
    int64_t before[CONV_DIMS]; /* zeros in front of the input */
} conv_sizes;

int64_t conv_pixels(const int64_t dims[CONV_DIMS]); /* their product */

typedef enum conv_act { CONV_LINEAR, CONV_RELU, CONV_RELU6, CONV_LEAKY_RELU, CONV_ELU, CONV_SWISH } conv_act;

/* What happens to each output: plus a bias, plus a tensor of the output's shape, then an activation. */
typedef struct conv_after {
    bool bias, add;
    conv_act act;
    float slope; /* of CONV_LEAKY_RELU below zero */
} conv_after;

/* A float32 convolution ready to run any number of times, from any number of threads at once. */
typedef struct conv_made conv_made;

/* FILTER must stay as it is as long as *out, which is the caller's (conv_free). RESOURCE_EXHAUSTED. */
inlay_status conv_make(const conv_sizes *sizes, const conv_after *after, const float *filter, conv_made **out,
                       inlay_error *err);
void conv_free(conv_made *c); /* NULL is fine */

/* Uses the thread pool. BIAS [filters] and ADD [batch, out.., filters] as `after` says. OUT may be ADD.
 * Errors: RESOURCE_EXHAUSTED (memory). */
inlay_status conv_run(const conv_made *c, const float *in, const float *bias, const float *add, float *out,
                      inlay_error *err);

/* One convolution of any of the dtypes, by plain loops over the pool. Integers wrap. False: another dtype. */
bool conv_direct(dtype t, const conv_sizes *sizes, const void *in, const void *filter, void *out);

/* The windows of pixels [first, first + n) of the whole output, as rows [window.., channels]; what lies outside is
 * zero. And the way back: rows are added to the input where they came from. float32 and float64. */
void conv_gather(dtype t, const conv_sizes *s, const void *in, int64_t first, int64_t n, void *rows);
void conv_scatter(dtype t, const conv_sizes *s, const void *rows, int64_t first, int64_t n, void *in);

/* For tests and benchmarks, while no convolution is made: whether oneDNN may be used ($INLAY_GEMM=portable: not). */
void conv_choose(bool onednn);

#endif

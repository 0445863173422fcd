/* Random numbers of laws with parameters: as many samples for each parameter as wanted, each from blocks of its own. */
#ifndef KERNEL_LAW_H
#define KERNEL_LAW_H

#include "kernel/random/philox.h"
#include "tensor/dtype.h"

typedef struct law_draw {
    const void *parameters; /* [n] */
    dtype parameter_type;
    int64_t n, samples; /* of each parameter; neither is 0 */
    philox start;
    void *out; /* [samples, n] */
    dtype type;
} law_draw;

/* Fills samples [first, first + count) in the order of parameters: sample s of parameter p is number
 * p * samples + s. */
typedef void (*law_fn)(const law_draw *d, int64_t first, int64_t count);

/* Both are computed in float64. Gamma of shape parameters, scale 1; Poisson of rates, none of which is NaN. */
void law_gamma(const law_draw *d, int64_t first, int64_t count);
void law_poisson(const law_draw *d, int64_t first, int64_t count);

/* Normal numbers of one mean and deviation within bounds. */
typedef struct bounded_normal {
    double mean, deviation, low, high; /* deviation > 0, low < high, one of them finite */
    int64_t count;
    void *out; /* [count] */
} bounded_normal;

/* Takes its numbers from P, which goes on. False when too many draws are refused one after another. NULL for dtypes
 * other than float16, float32 and float64. */
typedef bool (*bounded_fn)(const bounded_normal *b, philox *p);
bounded_fn law_bounded_normal(dtype t);

#endif

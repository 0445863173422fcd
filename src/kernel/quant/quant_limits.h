/* Limits of blocks, in plain C: compiled in each file that has wider vectors. */
#ifndef KERNEL_QUANT_QUANT_LIMITS_H
#define KERNEL_QUANT_QUANT_LIMITS_H

#include "kernel/quant/quant.h"

#include <math.h>

/* A row reaches THRESHOLD only if step * scale * estimate + bound - low does. All is computed in float32, whose
 * rounding, some units of 2^-24 of what is added, is less than the slack taken off. A limit that is NaN lets all
 * through. */
static inline void quant_limits_of(const quant_heads *heads, size_t n, const quant_bound *b, float threshold,
                                   float *out) {
    const float slack = 0x1p-20f, reach = fabsf(threshold);
    const float by_error = b->error, by_norm = b->norm, fixed = b->fixed, step = b->step;
    const float *scale = heads->scale, *error = heads->error, *norm = heads->norm, *low = heads->low;
    for (size_t i = 0; i < n; i++) {
        float bound = by_error * error[i] + by_norm * norm[i] + fixed;
        float least = threshold + low[i] - bound - slack * (reach + fabsf(low[i]) + bound);
        out[i] = least / (scale[i] * step);
    }
}

#endif

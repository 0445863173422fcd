/* Limits of blocks and estimates of single rows, in plain C: compiled in each file that has wider vectors. */
#ifndef KERNEL_QUANT_QUANT_LIMITS_H
#define KERNEL_QUANT_QUANT_LIMITS_H

#include "kernel/quant/quant.h"

#include "base/num.h"

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

static inline float quant_row_of(const quant_rows *rows, size_t row, const quant_query *q) {
    enum { STEP = QUANT_ROWS * QUANT_GROUP, CHUNK = 64 /* groups */ };
    const uint8_t *at = rows->codes + row / QUANT_ROWS * rows->groups * STEP + row % QUANT_ROWS * QUANT_GROUP;
    int32_t high = -q->offset[0], low = -q->offset[1];
    for (size_t first = 0; first < rows->groups; first += CHUNK) {
        size_t n = min_size(CHUNK, rows->groups - first);
        const int8_t *by_high = q->codes[0] + first * QUANT_GROUP, *by_low = q->codes[1] + first * QUANT_GROUP;
        uint8_t codes[CHUNK * QUANT_GROUP];
        for (size_t g = 0; g < n; g++) memcpy(codes + g * QUANT_GROUP, at + (first + g) * STEP, QUANT_GROUP);
        for (size_t j = 0; j < n * QUANT_GROUP; j++) {
            high += codes[j] * by_high[j];
            low += codes[j] * by_low[j];
        }
    }
    return (float)high * q->radix + (float)low;
}

#endif

/* The loops of the stats kernels, compiled once for each instruction set: the including file defines LEVEL(name). */
#include "kernel/stats/stats.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Over one type: T an element, BITS an integer as wide, LARGEST the largest finite T. */
#define FINITE(name, T, BITS, LARGEST)                                                        \
    static bool LEVEL(name)(stats_figures * f, const void *data, size_t n) {                  \
        T low[STATS_LANES], high[STATS_LANES];                                                \
        double sum[STATS_LANES];                                                              \
        BITS zeros[STATS_LANES], odd[STATS_LANES];                                            \
        for (int k = 0; k < STATS_LANES; k++) {                                               \
            low[k] = LARGEST;                                                                 \
            high[k] = -LARGEST;                                                               \
            sum[k] = 0;                                                                       \
            zeros[k] = odd[k] = 0;                                                            \
        }                                                                                     \
        for (size_t i = 0; i < n; i += STATS_LANES) {                                         \
            T v[STATS_LANES];                                                                 \
            memcpy(v, (const char *)data + i * sizeof *v, sizeof v);                          \
            for (int k = 0; k < STATS_LANES; k++) {                                           \
                low[k] = v[k] < low[k] ? v[k] : low[k];                                       \
                high[k] = v[k] > high[k] ? v[k] : high[k];                                    \
                sum[k] += (double)v[k];                                                       \
                zeros[k] += v[k] == 0;                                                        \
                odd[k] |= !(v[k] - v[k] == 0); /* infinity and NaN less themselves are NaN */ \
            }                                                                                 \
        }                                                                                     \
        BITS any = 0;                                                                         \
        *f = (stats_figures){.min = INFINITY, .max = -INFINITY, .finite = n};                 \
        for (int k = 0; n && k < STATS_LANES; k++) {                                          \
            any |= odd[k];                                                                    \
            f->min = (double)low[k] < f->min ? (double)low[k] : f->min;                       \
            f->max = (double)high[k] > f->max ? (double)high[k] : f->max;                     \
            f->sum += sum[k];                                                                 \
            f->zeros += zeros[k];                                                             \
        }                                                                                     \
        return !any;                                                                          \
    }

FINITE(finite_f32, float, uint32_t, FLT_MAX)
FINITE(finite_f64, double, uint64_t, DBL_MAX)

static void LEVEL(fill)(stats_kernels *k) {
    k->finite_f32 = LEVEL(finite_f32);
    k->finite_f64 = LEVEL(finite_f64);
}

/* Figures about runs of numbers: their range, their sum, and how many are zero or no number. */
#ifndef KERNEL_STATS_STATS_H
#define KERNEL_STATS_STATS_H

#include "tensor/dtype.h"

typedef struct stats_figures {
    double min, max, sum; /* of the finite elements; without any: infinity, -infinity, 0 */
    uint64_t finite, zeros, nans, positive_infinities, negative_infinities; /* elements */
} stats_figures;

/* Blocks of whole lanes, every element of which is finite; false, and nothing of use in *f, when one is not. DATA at
 * any alignment. The elements are summed in the same order at every level. */
enum { STATS_LANES = 16 };
typedef struct stats_kernels {
    bool (*finite_f32)(stats_figures *f, const void *data, size_t n); /* n: a multiple of STATS_LANES, at most 2^20 */
    bool (*finite_f64)(stats_figures *f, const void *data, size_t n);
} stats_kernels;

void stats_kernels_init(stats_kernels *k, unsigned cpu_flags);

extern const stats_figures stats_none;

/* Whether figures of that dtype can be made: floats from 16 bits on, integers, bool and quantised integers. */
bool stats_can(dtype t);

/* Adds N elements at DATA, at any alignment, to F. Integers of 64 bits are rounded to float64. */
void stats_add(stats_figures *f, const stats_kernels *k, dtype t, const void *data, size_t n);
void stats_merge(stats_figures *into, const stats_figures *from);

#endif

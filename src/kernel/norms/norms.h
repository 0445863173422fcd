/* Sums of squares of rows: what the side variables of a fused model are made of. */
#ifndef KERNEL_NORMS_NORMS_H
#define KERNEL_NORMS_NORMS_H

#include "tensor/dtype.h"

typedef struct norms_kernels {
    /* OUT [n] gets the sum of squares of each of N rows of DIM elements, at any alignment, in float32, the same bits at
     * every level: relative error below (dim / 16 + 8) 2^-24 while nothing over- or underflows. A result of 0 or one
     * that is not finite says nothing yet: ask norms_exact. */
    void (*rows_f32)(float *out, const void *rows, size_t n, size_t dim);
    void (*rows_f16)(float *out, const void *rows, size_t n, size_t dim);
    void (*rows_bf16)(float *out, const void *rows, size_t n, size_t dim);
    void (*rows_i8)(float *out, const void *rows, size_t n, size_t dim); /* rounded once */
    /* Adds the squares of N consecutive float32 to OUT [n]: one row of a transposed matrix. */
    void (*add_squares_f32)(float *out, const void *values, size_t n);
    /* Each of N values becomes 1/√value, made in float64 and rounded once: the same at every level. */
    void (*inverse_roots)(float *values, size_t n);
} norms_kernels;

void norms_kernels_init(norms_kernels *k, unsigned cpu_flags);

/* The sum of squares in float64 of DIM elements that are STRIDE bytes apart. Sets *finite to whether every element is.
 */
double norms_exact(const void *row, size_t dim, size_t stride, dtype type, bool *finite);

#endif

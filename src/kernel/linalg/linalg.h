/* Dense linear algebra of one matrix in float64, real or complex. Matrices are row-major without gaps; elements are
 * double, or double _Complex where the table is that of complex numbers. Small and plain: what TensorFlow's ops need,
 * at the sizes that models have. */
#ifndef KERNEL_LINALG_H
#define KERNEL_LINALG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct linalg_fns {
    /* A [n, n] becomes L (unit diagonal, below) and U, with the largest of each column as pivot. rows[i]: which row of
     * A is row i of the product. *sign: -1 where an odd number of rows changed places. False: a pivot is 0. */
    bool (*lu)(void *a, int64_t n, int64_t *rows, int *sign);

    /* B [n, columns] becomes X with A X = B; the other triangle of A is not read. UNIT: the diagonal counts as 1. */
    void (*triangular)(const void *a, int64_t n, bool lower, bool unit, void *b, int64_t columns);

    /* The lower triangle of A [n, n] becomes L with L L* = A, and the rest 0. False: A is not positive definite. */
    bool (*cholesky)(void *a, int64_t n);

    /* Householder: A [m, n] becomes R (on and above the diagonal) and the reflections, SCALES [min(m, n)]. */
    void (*qr)(void *a, int64_t m, int64_t n, void *scales);

    /* Q [m, columns], columns at most m, of the reflections that qr left in A [m, n]. */
    void (*qr_q)(const void *a, int64_t m, int64_t n, const void *scales, void *q, int64_t columns);

    /* A [n, n], of which the lower triangle counts, is used up. VALUES [n] rising, VECTORS [n, n] in columns (NULL: not
     * wanted). */
    void (*eigen)(void *a, int64_t n, double *values, void *vectors);

    /* A [m, n], m >= n, is used up: its columns become U times the singular values, VALUES [n] falling, V [n, n] in
     * columns. */
    void (*svd)(void *a, int64_t m, int64_t n, double *values, void *v);

    /* C [m, n] = A [m, k] B [k, n]; with ADJOINT A is [k, m] and A* is meant. */
    void (*product)(const void *a, bool adjoint, const void *b, int64_t m, int64_t k, int64_t n, void *c);

    void (*adjoint)(const void *a, int64_t m, int64_t n, void *to); /* [m, n] -> [n, m] */
} linalg_fns;

extern const linalg_fns linalg_real, linalg_complex;

#endif

/* A sparse matrix times a dense one. */
#ifndef KERNEL_PRODUCT_H
#define KERNEL_PRODUCT_H

#include "tensor/dtype.h"

/* OUT [.., columns] += the value of each of N entries times row k of B for row m. Everything aligned for its dtype. */
typedef struct sparse_product {
    const void *values;   /* [n] */
    const int64_t *m, *k; /* [n] in bounds */
    const void *b;
    void *out;
    int64_t n, columns;
    int64_t b_row, b_column;       /* strides in elements */
    bool conjugate_a, conjugate_b; /* of complex dtypes */
} sparse_product;
bool sparse_multiply(dtype t, const sparse_product *p); /* false: not for T */

#endif

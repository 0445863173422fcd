/* Folding runs of elements. Floats are summed and multiplied in float64, integers wrap. */
#ifndef KERNEL_REDUCE_H
#define KERNEL_REDUCE_H

#include "tensor/dtype.h"

typedef enum reduce_op { REDUCE_SUM, REDUCE_MEAN, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_COUNT } reduce_op;

typedef union reduce_acc {
    double real;
    int64_t whole;     /* signed */
    uint64_t counting; /* unsigned, bool */
} reduce_acc;

typedef struct reduce_kernel {
    reduce_acc first;                                                          /* what nothing folds to */
    void (*run)(reduce_acc *acc, const void *in, size_t n);                    /* n elements into one */
    void (*rows)(reduce_acc *acc, const void *in, size_t n);                   /* element i into acc[i] */
    void (*store)(void *out, const reduce_acc *acc, size_t n, double divisor); /* divisor: of means, else 1 */
} reduce_kernel;

/* False when there is none for that dtype. Max and min of floats: NaN wins. */
bool reduce_find(reduce_op op, dtype t, reduce_kernel *out);

#endif

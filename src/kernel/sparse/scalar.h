/* Arithmetic on single numbers of any dtype, for what visits numbers one by one: sparse tensors. Integers wrap around,
 * halves are computed in float32. */
#ifndef KERNEL_SCALAR_H
#define KERNEL_SCALAR_H

#include "tensor/dtype.h"

typedef enum scalar_op { SCALAR_ADD, SCALAR_MUL, SCALAR_DIV, SCALAR_MAX, SCALAR_MIN } scalar_op;

/* *out = a OP b, at any alignment; out may be one of them. An integer divided by zero is zero: scalar_is_zero asks
 * first. Of two numbers of which one is NaN the first is the greatest and the least. */
typedef void scalar_fn(void *out, const void *a, const void *b);
scalar_fn *scalar_find(scalar_op op, dtype t); /* NULL: none for T */

bool scalar_is_zero(dtype t, const void *a); /* of integers */

/* Absolute value, of complex numbers too; NaN for other dtypes. */
double scalar_size(dtype t, const void *a);

#endif

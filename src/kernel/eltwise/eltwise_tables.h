/* Private to kernel/eltwise. */
#ifndef KERNEL_ELTWISE_TABLES_H
#define KERNEL_ELTWISE_TABLES_H

#include "kernel/eltwise/eltwise.h"

/* NULL when T is no such type or has no such operation. */
unary_fn eltwise_float_unary(unary_op op, dtype t);
binary_fn eltwise_float_binary(binary_op op, dtype t);
unary_fn eltwise_int_unary(unary_op op, dtype t);
binary_fn eltwise_int_binary(binary_op op, dtype t);
unary_fn eltwise_complex_unary(unary_op op, dtype t);
binary_fn eltwise_complex_binary(binary_op op, dtype t);

#endif

/* Element by element: one function an operation and dtype, over runs of elements. Data is aligned for its dtype. What
 * integers do beyond their range is to wrap. float16 and bfloat16 are computed in float32 and rounded. */
#ifndef KERNEL_ELTWISE_H
#define KERNEL_ELTWISE_H

#include "tensor/dtype.h"

typedef enum unary_op {
    UNARY_NEG,
    UNARY_ABS,
    UNARY_SIGN,
    UNARY_SQUARE,
    UNARY_SQRT,
    UNARY_RSQRT,
    UNARY_RECIPROCAL,
    UNARY_EXP,
    UNARY_EXPM1,
    UNARY_LOG,
    UNARY_LOG1P,
    UNARY_TANH,
    UNARY_SIGMOID,
    UNARY_ERF,
    UNARY_ERFC,
    UNARY_FLOOR,
    UNARY_CEIL,
    UNARY_RINT, /* to nearest, ties to even */
    UNARY_SIN,
    UNARY_COS,
    UNARY_TAN,
    UNARY_ASIN,
    UNARY_ACOS,
    UNARY_ATAN,
    UNARY_SINH,
    UNARY_COSH,
    UNARY_ASINH,
    UNARY_ACOSH,
    UNARY_ATANH,
    UNARY_LGAMMA,
    UNARY_RELU,
    UNARY_RELU6,
    UNARY_LEAKY_RELU, /* parameter: slope below zero */
    UNARY_ELU,
    UNARY_SELU,
    UNARY_SOFTPLUS,
    UNARY_SOFTSIGN,
    UNARY_IS_NAN, /* these three give bools */
    UNARY_IS_INF,
    UNARY_IS_FINITE,
    UNARY_NOT,    /* of bools */
    UNARY_INVERT, /* bits */
    UNARY_COUNT
} unary_op;

typedef enum binary_op {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_MUL_NO_NAN, /* 0 where the second is 0 */
    BINARY_DIV,        /* integers: towards zero */
    BINARY_DIV_NO_NAN,
    BINARY_FLOOR_DIV,
    BINARY_FLOOR_MOD,
    BINARY_TRUNCATE_MOD,
    BINARY_MAXIMUM, /* NaN wins */
    BINARY_MINIMUM,
    BINARY_POW,
    BINARY_SQUARED_DIFFERENCE,
    BINARY_ATAN2,
    BINARY_XDIVY,
    BINARY_XLOGY,
    BINARY_XLOG1PY,
    BINARY_LOG_ADD_EXP, /* log(e^x + e^y) */
    BINARY_BIT_AND,     /* also of bools: logical */
    BINARY_BIT_OR,
    BINARY_BIT_XOR,
    BINARY_SHIFT_LEFT, /* the amount is brought into the width */
    BINARY_SHIFT_RIGHT,
    BINARY_LESS, /* from here on they give bools */
    BINARY_LESS_EQUAL,
    BINARY_GREATER,
    BINARY_GREATER_EQUAL,
    BINARY_EQUAL,
    BINARY_NOT_EQUAL,
    BINARY_COUNT
} binary_op;

/* out[i] = f(in[i]); OUT may be IN. */
typedef void (*unary_fn)(void *out, const void *in, size_t n, double parameter);

/* out[i] = f(a[i * step_a], b[i * step_b]), steps 0 or 1; OUT may be A or B where its step is 1. False: an integer was
 * divided by zero, or raised to a negative power (those elements are 0). */
typedef bool (*binary_fn)(void *out, const void *a, const void *b, size_t n, size_t step_a, size_t step_b);

/* NULL when there is none for that dtype. */
unary_fn eltwise_unary(unary_op op, dtype t);
binary_fn eltwise_binary(binary_op op, dtype t);

#endif

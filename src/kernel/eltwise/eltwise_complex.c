#include "kernel/eltwise/eltwise_tables.h"

#include <complex.h>

#define T float _Complex
#define M(function) function##f
#define NAME(x) x##_c64
#include "kernel/eltwise/complex_body.h"

#define T double _Complex
#define M(function) function
#define NAME(x) x##_c128
#include "kernel/eltwise/complex_body.h"

unary_fn eltwise_complex_unary(unary_op op, dtype t) {
    return t == INLAY_COMPLEX64 ? unary_c64[op] : t == INLAY_COMPLEX128 ? unary_c128[op] : NULL;
}

binary_fn eltwise_complex_binary(binary_op op, dtype t) {
    return t == INLAY_COMPLEX64 ? binary_c64[op] : t == INLAY_COMPLEX128 ? binary_c128[op] : NULL;
}

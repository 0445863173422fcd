/* Operations over one complex type; eltwise_complex.c includes this once a type, with
 *   T        float _Complex, or double _Complex     M(f)  f or ff (of <complex.h>)     NAME(x)  x with the suffix */

#define UNARY(name, expression)                                                     \
    static void NAME(name)(void *out, const void *in, size_t n, double parameter) { \
        T *o = out;                                                                 \
        const T *a = in;                                                            \
        (void)parameter;                                                            \
        for (size_t i = 0; i < n; i++) {                                            \
            T x = a[i];                                                             \
            o[i] = expression;                                                      \
        }                                                                           \
    }
#define LOOP(R, expression)                     \
    R *o = out;                                 \
    const T *p = a, *q = b;                     \
    for (size_t i = 0; i < n; i++) {            \
        T x = p[i * step_a], y = q[i * step_b]; \
        o[i] = expression;                      \
    }                                           \
    return true
#define BINARY(name, expression)                                                                              \
    static bool NAME(name)(void *out, const void *a, const void *b, size_t n, size_t step_a, size_t step_b) { \
        LOOP(T, expression);                                                                                  \
    }
#define COMPARE(name, expression)                                                                             \
    static bool NAME(name)(void *out, const void *a, const void *b, size_t n, size_t step_a, size_t step_b) { \
        LOOP(uint8_t, expression);                                                                            \
    }

static T NAME(direction)(T x) {
    return x == 0 ? 0 : x / M(cabs)(x);
}

UNARY(neg, -x)
UNARY(sign, NAME(direction)(x))
UNARY(square, x *x)
UNARY(sqrt, M(csqrt)(x))
UNARY(rsqrt, 1 / M(csqrt)(x))
UNARY(reciprocal, 1 / x)
UNARY(exp, M(cexp)(x))
UNARY(expm1, M(cexp)(x) - 1)
UNARY(log, M(clog)(x))
UNARY(log1p, M(clog)(1 + x))
UNARY(tanh, M(ctanh)(x))
UNARY(sigmoid, 1 / (1 + M(cexp)(-x)))
UNARY(sin, M(csin)(x))
UNARY(cos, M(ccos)(x))
UNARY(tan, M(ctan)(x))
UNARY(sinh, M(csinh)(x))
UNARY(cosh, M(ccosh)(x))
UNARY(asinh, M(casinh)(x))
UNARY(acosh, M(cacosh)(x))
UNARY(atanh, M(catanh)(x))
BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x *y)
BINARY(mul_no_nan, y == 0 ? 0 : x * y)
BINARY(div, x / y)
BINARY(div_no_nan, y == 0 ? 0 : x / y)
BINARY(pow, M(cpow)(x, y))
BINARY(squared_difference, (x - y) * M(conj)(x - y))
BINARY(xdivy, x == 0 ? 0 : x / y)
BINARY(xlogy, x == 0 ? 0 : x * M(clog)(y))
BINARY(xlog1py, x == 0 ? 0 : x * M(clog)(1 + y))
COMPARE(equal, x == y)
COMPARE(not_equal, x != y)

static const unary_fn NAME(unary)[UNARY_COUNT] = {
    [UNARY_NEG] = NAME(neg),     [UNARY_SIGN] = NAME(sign),   [UNARY_SQUARE] = NAME(square),
    [UNARY_SQRT] = NAME(sqrt),   [UNARY_RSQRT] = NAME(rsqrt), [UNARY_RECIPROCAL] = NAME(reciprocal),
    [UNARY_EXP] = NAME(exp),     [UNARY_EXPM1] = NAME(expm1), [UNARY_LOG] = NAME(log),
    [UNARY_LOG1P] = NAME(log1p), [UNARY_TANH] = NAME(tanh),   [UNARY_SIGMOID] = NAME(sigmoid),
    [UNARY_SIN] = NAME(sin),     [UNARY_COS] = NAME(cos),     [UNARY_TAN] = NAME(tan),
    [UNARY_SINH] = NAME(sinh),   [UNARY_COSH] = NAME(cosh),   [UNARY_ASINH] = NAME(asinh),
    [UNARY_ACOSH] = NAME(acosh), [UNARY_ATANH] = NAME(atanh),
};

static const binary_fn NAME(binary)[BINARY_COUNT] = {
    [BINARY_ADD] = NAME(add),
    [BINARY_SUB] = NAME(sub),
    [BINARY_MUL] = NAME(mul),
    [BINARY_MUL_NO_NAN] = NAME(mul_no_nan),
    [BINARY_DIV] = NAME(div),
    [BINARY_DIV_NO_NAN] = NAME(div_no_nan),
    [BINARY_POW] = NAME(pow),
    [BINARY_SQUARED_DIFFERENCE] = NAME(squared_difference),
    [BINARY_XDIVY] = NAME(xdivy),
    [BINARY_XLOGY] = NAME(xlogy),
    [BINARY_XLOG1PY] = NAME(xlog1py),
    [BINARY_EQUAL] = NAME(equal),
    [BINARY_NOT_EQUAL] = NAME(not_equal),
};

#undef UNARY
#undef LOOP
#undef BINARY
#undef COMPARE
#undef T
#undef M
#undef NAME

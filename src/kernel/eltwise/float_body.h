/* Operations over one floating type; eltwise_float.c includes this once a type, with
 *   T        how it is stored        V        how it is computed (float or double)
 *   LOAD(x)  V of a stored one       STORE(v) back                 M(f) f or ff
 *   NAME(x)  x with the type's suffix */

#define UNARY(name, expression)                                                     \
    static void NAME(name)(void *out, const void *in, size_t n, double parameter) { \
        T *o = out;                                                                 \
        const T *a = in;                                                            \
        (void)parameter;                                                            \
        for (size_t i = 0; i < n; i++) {                                            \
            V x = LOAD(a[i]);                                                       \
            o[i] = STORE((V)(expression));                                          \
        }                                                                           \
    }
#define TEST(name, expression)                                                      \
    static void NAME(name)(void *out, const void *in, size_t n, double parameter) { \
        uint8_t *o = out;                                                           \
        const T *a = in;                                                            \
        (void)parameter;                                                            \
        for (size_t i = 0; i < n; i++) {                                            \
            V x = LOAD(a[i]);                                                       \
            o[i] = (uint8_t)((expression) != 0);                                    \
        }                                                                           \
    }

/* The three ways of stepping are loops of their own: that is what compilers vectorise. */
#define LOOPS(R, store, expression)           \
    R *o = out;                               \
    const T *p = a, *q = b;                   \
    if (step_a && step_b)                     \
        for (size_t i = 0; i < n; i++) {      \
            V x = LOAD(p[i]), y = LOAD(q[i]); \
            o[i] = store(expression);         \
        }                                     \
    else if (step_a) {                        \
        V y = n ? LOAD(q[0]) : 0;             \
        for (size_t i = 0; i < n; i++) {      \
            V x = LOAD(p[i]);                 \
            o[i] = store(expression);         \
        }                                     \
    } else {                                  \
        V x = n ? LOAD(p[0]) : 0;             \
        for (size_t i = 0; i < n; i++) {      \
            V y = LOAD(q[i * step_b]);        \
            o[i] = store(expression);         \
        }                                     \
    }                                         \
    return true
#define BINARY(name, expression)                                                                              \
    static bool NAME(name)(void *out, const void *a, const void *b, size_t n, size_t step_a, size_t step_b) { \
        LOOPS(T, STORE, (V)(expression));                                                                     \
    }
#define COMPARE(name, expression)                                                                             \
    static bool NAME(name)(void *out, const void *a, const void *b, size_t n, size_t step_a, size_t step_b) { \
        LOOPS(uint8_t, , expression);                                                                         \
    }

UNARY(neg, -x)
UNARY(abs, M(fabs)(x))
UNARY(sign, x > 0 ? (V)1 : x < 0 ? (V)-1 : x)
UNARY(square, x *x)
UNARY(sqrt, M(sqrt)(x))
UNARY(rsqrt, 1 / M(sqrt)(x))
UNARY(reciprocal, 1 / x)
UNARY(exp, M(exp)(x))
UNARY(expm1, M(expm1)(x))
UNARY(log, M(log)(x))
UNARY(log1p, M(log1p)(x))
UNARY(tanh, M(tanh)(x))
UNARY(sigmoid, 1 / (1 + M(exp)(-x)))
UNARY(erf, M(erf)(x))
UNARY(erfc, M(erfc)(x))
UNARY(floor, M(floor)(x))
UNARY(ceil, M(ceil)(x))
UNARY(rint, M(rint)(x))
UNARY(sin, M(sin)(x))
UNARY(cos, M(cos)(x))
UNARY(tan, M(tan)(x))
UNARY(asin, M(asin)(x))
UNARY(acos, M(acos)(x))
UNARY(atan, M(atan)(x))
UNARY(sinh, M(sinh)(x))
UNARY(cosh, M(cosh)(x))
UNARY(asinh, M(asinh)(x))
UNARY(acosh, M(acosh)(x))
UNARY(atanh, M(atanh)(x))
UNARY(lgamma, M(log_gamma)(x))
UNARY(relu, x < 0 ? (V)0 : x)
UNARY(relu6, x<0 ? 0 : x> 6 ? 6 : x)
UNARY(leaky_relu, x < 0 ? x * (V)parameter : x)
UNARY(elu, x < 0 ? M(expm1)(x) : x)
/* Klambauer et al. 2017 */
UNARY(selu, x < 0 ? (V)(1.0507009873554804934193349852946 * 1.6732632423543772848170429916717) * M(expm1)(x)
                  : (V)1.0507009873554804934193349852946 * x)
/* log(1 + e^x), without overflow */
UNARY(softplus, x > 0 ? x + M(log1p)(M(exp)(-x)) : M(log1p)(M(exp)(x)))
UNARY(softsign, x / (1 + M(fabs)(x)))
TEST(is_nan, isnan(x))
TEST(is_inf, isinf(x))
TEST(is_finite, isfinite(x))

static V NAME(floor_mod_of)(V x, V y) {
    V r = M(fmod)(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x *y)
BINARY(mul_no_nan, y == 0 ? (V)0 : x * y)
BINARY(div, x / y)
BINARY(div_no_nan, y == 0 ? (V)0 : x / y)
BINARY(floor_div, M(floor)(x / y))
BINARY(floor_mod, NAME(floor_mod_of)(x, y))
BINARY(truncate_mod, M(fmod)(x, y))
BINARY(maximum, x > y || x != x ? x : y)
BINARY(minimum, x < y || x != x ? x : y)
BINARY(pow, M(pow)(x, y))
BINARY(squared_difference, (x - y) * (x - y))
BINARY(atan2, M(atan2)(x, y))
BINARY(xdivy, x == 0 ? (V)0 : x / y)
BINARY(xlogy, x == 0 ? (V)0 : x * M(log)(y))
BINARY(xlog1py, x == 0 ? (V)0 : x * M(log1p)(y))
BINARY(log_add_exp, x == y ? x + M(log)(2) : x > y ? x + M(log1p)(M(exp)(y - x)) : y + M(log1p)(M(exp)(x - y)))
COMPARE(less, x < y)
COMPARE(less_equal, x <= y)
COMPARE(greater, x > y)
COMPARE(greater_equal, x >= y)
COMPARE(equal, x == y)
COMPARE(not_equal, x != y)

static const unary_fn NAME(unary)[UNARY_COUNT] = {
    [UNARY_NEG] = NAME(neg),
    [UNARY_ABS] = NAME(abs),
    [UNARY_SIGN] = NAME(sign),
    [UNARY_SQUARE] = NAME(square),
    [UNARY_SQRT] = NAME(sqrt),
    [UNARY_RSQRT] = NAME(rsqrt),
    [UNARY_RECIPROCAL] = NAME(reciprocal),
    [UNARY_EXP] = NAME(exp),
    [UNARY_EXPM1] = NAME(expm1),
    [UNARY_LOG] = NAME(log),
    [UNARY_LOG1P] = NAME(log1p),
    [UNARY_TANH] = NAME(tanh),
    [UNARY_SIGMOID] = NAME(sigmoid),
    [UNARY_ERF] = NAME(erf),
    [UNARY_ERFC] = NAME(erfc),
    [UNARY_FLOOR] = NAME(floor),
    [UNARY_CEIL] = NAME(ceil),
    [UNARY_RINT] = NAME(rint),
    [UNARY_SIN] = NAME(sin),
    [UNARY_COS] = NAME(cos),
    [UNARY_TAN] = NAME(tan),
    [UNARY_ASIN] = NAME(asin),
    [UNARY_ACOS] = NAME(acos),
    [UNARY_ATAN] = NAME(atan),
    [UNARY_SINH] = NAME(sinh),
    [UNARY_COSH] = NAME(cosh),
    [UNARY_ASINH] = NAME(asinh),
    [UNARY_ACOSH] = NAME(acosh),
    [UNARY_ATANH] = NAME(atanh),
    [UNARY_LGAMMA] = NAME(lgamma),
    [UNARY_RELU] = NAME(relu),
    [UNARY_RELU6] = NAME(relu6),
    [UNARY_LEAKY_RELU] = NAME(leaky_relu),
    [UNARY_ELU] = NAME(elu),
    [UNARY_SELU] = NAME(selu),
    [UNARY_SOFTPLUS] = NAME(softplus),
    [UNARY_SOFTSIGN] = NAME(softsign),
    [UNARY_IS_NAN] = NAME(is_nan),
    [UNARY_IS_INF] = NAME(is_inf),
    [UNARY_IS_FINITE] = NAME(is_finite),
};

static const binary_fn NAME(binary)[BINARY_COUNT] = {
    [BINARY_ADD] = NAME(add),
    [BINARY_SUB] = NAME(sub),
    [BINARY_MUL] = NAME(mul),
    [BINARY_MUL_NO_NAN] = NAME(mul_no_nan),
    [BINARY_DIV] = NAME(div),
    [BINARY_DIV_NO_NAN] = NAME(div_no_nan),
    [BINARY_FLOOR_DIV] = NAME(floor_div),
    [BINARY_FLOOR_MOD] = NAME(floor_mod),
    [BINARY_TRUNCATE_MOD] = NAME(truncate_mod),
    [BINARY_MAXIMUM] = NAME(maximum),
    [BINARY_MINIMUM] = NAME(minimum),
    [BINARY_POW] = NAME(pow),
    [BINARY_SQUARED_DIFFERENCE] = NAME(squared_difference),
    [BINARY_ATAN2] = NAME(atan2),
    [BINARY_XDIVY] = NAME(xdivy),
    [BINARY_XLOGY] = NAME(xlogy),
    [BINARY_XLOG1PY] = NAME(xlog1py),
    [BINARY_LOG_ADD_EXP] = NAME(log_add_exp),
    [BINARY_LESS] = NAME(less),
    [BINARY_LESS_EQUAL] = NAME(less_equal),
    [BINARY_GREATER] = NAME(greater),
    [BINARY_GREATER_EQUAL] = NAME(greater_equal),
    [BINARY_EQUAL] = NAME(equal),
    [BINARY_NOT_EQUAL] = NAME(not_equal),
};

#undef UNARY
#undef TEST
#undef LOOPS
#undef BINARY
#undef COMPARE
#undef T
#undef V
#undef LOAD
#undef STORE
#undef M
#undef NAME

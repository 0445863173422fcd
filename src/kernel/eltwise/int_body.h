/* Operations over one integer type; eltwise_int.c includes this once a type, with T the type, SIGNED 0 or 1, BITS and
 * NAME(x). Arithmetic is done in uint64_t and cut, so that it wraps. */

#define UNARY(name, expression)                                                     \
    static void NAME(name)(void *out, const void *in, size_t n, double parameter) { \
        T *o = out;                                                                 \
        const T *a = in;                                                            \
        (void)parameter;                                                            \
        for (size_t i = 0; i < n; i++) {                                            \
            T x = a[i];                                                             \
            o[i] = (T)(expression);                                                 \
        }                                                                           \
    }
#define LOOPS(R, expression)                        \
    R *o = out;                                     \
    const T *p = a, *q = b;                         \
    bool fine = true;                               \
    if (step_a && step_b)                           \
        for (size_t i = 0; i < n; i++) {            \
            T x = p[i], y = q[i];                   \
            o[i] = (R)(expression);                 \
        }                                           \
    else                                            \
        for (size_t i = 0; i < n; i++) {            \
            T x = p[i * step_a], y = q[i * step_b]; \
            o[i] = (R)(expression);                 \
        }                                           \
    return fine
#define BINARY(name, expression)                                                                              \
    static bool NAME(name)(void *out, const void *a, const void *b, size_t n, size_t step_a, size_t step_b) { \
        LOOPS(T, expression);                                                                                 \
    }
#define COMPARE(name, expression)                                                                             \
    static bool NAME(name)(void *out, const void *a, const void *b, size_t n, size_t step_a, size_t step_b) { \
        LOOPS(uint8_t, expression);                                                                           \
    }
#define W(x) ((uint64_t)(x))

/* Division without the traps: by zero, and of the smallest number by -1. */
static T NAME(quotient)(T x, T y, bool *fine) {
    if (y == 0) {
        *fine = false;
        return 0;
    }
    if (SIGNED && y == (T)-1) return (T)(0 - W(x));
    return (T)(x / y);
}
static T NAME(remainder)(T x, T y, bool *fine) {
    if (y == 0) {
        *fine = false;
        return 0;
    }
    return SIGNED && y == (T)-1 ? 0 : (T)(x % y);
}
static T NAME(floor_quotient)(T x, T y, bool *fine) {
    T q = NAME(quotient)(x, y, fine), r = NAME(remainder)(x, y, fine);
    return SIGNED && r != 0 && (r < 0) != (y < 0) ? (T)(q - 1) : q;
}
static T NAME(floor_remainder)(T x, T y, bool *fine) {
    T r = NAME(remainder)(x, y, fine);
    return SIGNED && r != 0 && (r < 0) != (y < 0) ? (T)(r + y) : r;
}
static T NAME(power)(T x, T y, bool *fine) {
    if (SIGNED && y < 0) {
        *fine = false;
        return 0;
    }
    uint64_t result = 1, base = W(x);
    for (uint64_t left = W(y); left; left >>= 1, base *= base)
        if (left & 1) result *= base;
    return (T)result;
}
static unsigned NAME(shift)(T y) {
    return y < 0 ? 0 : W(y) > BITS - 1 ? BITS - 1 : (unsigned)y;
}

UNARY(neg, 0 - W(x))
UNARY(abs, SIGNED &&x < 0 ? 0 - W(x) : W(x))
UNARY(sign, (x > 0) - (x < 0))
UNARY(square, W(x) * W(x))
UNARY(relu, x < 0 ? 0 : x)
UNARY(relu6, x<0 ? 0 : x> 6 ? 6 : x)
UNARY(invert, ~W(x))
UNARY(same, x)

BINARY(add, W(x) + W(y))
BINARY(sub, W(x) - W(y))
BINARY(mul, W(x) * W(y))
BINARY(div, NAME(quotient)(x, y, &fine))
BINARY(div_no_nan, y == 0 ? 0 : NAME(quotient)(x, y, &fine))
BINARY(floor_div, NAME(floor_quotient)(x, y, &fine))
BINARY(floor_mod, NAME(floor_remainder)(x, y, &fine))
BINARY(truncate_mod, NAME(remainder)(x, y, &fine))
BINARY(maximum, x > y ? x : y)
BINARY(minimum, x < y ? x : y)
BINARY(pow, NAME(power)(x, y, &fine))
BINARY(squared_difference, (W(x) - W(y)) * (W(x) - W(y)))
BINARY(bit_and, x &y)
BINARY(bit_or, x | y)
BINARY(bit_xor, x ^ y)
BINARY(shift_left, W(x) << NAME(shift)(y))
BINARY(shift_right, x >> NAME(shift)(y))
COMPARE(less, x < y)
COMPARE(less_equal, x <= y)
COMPARE(greater, x > y)
COMPARE(greater_equal, x >= y)
COMPARE(equal, x == y)
COMPARE(not_equal, x != y)

static const unary_fn NAME(unary)[UNARY_COUNT] = {
    [UNARY_NEG] = NAME(neg),       [UNARY_ABS] = NAME(abs),    [UNARY_SIGN] = NAME(sign),
    [UNARY_SQUARE] = NAME(square), [UNARY_RELU] = NAME(relu),  [UNARY_RELU6] = NAME(relu6),
    [UNARY_INVERT] = NAME(invert), [UNARY_FLOOR] = NAME(same), [UNARY_CEIL] = NAME(same),
    [UNARY_RINT] = NAME(same),
};

static const binary_fn NAME(binary)[BINARY_COUNT] = {
    [BINARY_ADD] = NAME(add),
    [BINARY_SUB] = NAME(sub),
    [BINARY_MUL] = NAME(mul),
    [BINARY_DIV] = NAME(div),
    [BINARY_DIV_NO_NAN] = NAME(div_no_nan),
    [BINARY_FLOOR_DIV] = NAME(floor_div),
    [BINARY_FLOOR_MOD] = NAME(floor_mod),
    [BINARY_TRUNCATE_MOD] = NAME(truncate_mod),
    [BINARY_MAXIMUM] = NAME(maximum),
    [BINARY_MINIMUM] = NAME(minimum),
    [BINARY_POW] = NAME(pow),
    [BINARY_SQUARED_DIFFERENCE] = NAME(squared_difference),
    [BINARY_BIT_AND] = NAME(bit_and),
    [BINARY_BIT_OR] = NAME(bit_or),
    [BINARY_BIT_XOR] = NAME(bit_xor),
    [BINARY_SHIFT_LEFT] = NAME(shift_left),
    [BINARY_SHIFT_RIGHT] = NAME(shift_right),
    [BINARY_LESS] = NAME(less),
    [BINARY_LESS_EQUAL] = NAME(less_equal),
    [BINARY_GREATER] = NAME(greater),
    [BINARY_GREATER_EQUAL] = NAME(greater_equal),
    [BINARY_EQUAL] = NAME(equal),
    [BINARY_NOT_EQUAL] = NAME(not_equal),
};

#undef UNARY
#undef LOOPS
#undef BINARY
#undef COMPARE
#undef W
#undef T
#undef SIGNED
#undef BITS
#undef NAME

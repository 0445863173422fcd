#include "kernel/eltwise/eltwise.h"

#include "kernel/eltwise/eltwise_tables.h"

static void not_bool(void *out, const void *in, size_t n, double parameter) {
    uint8_t *o = out;
    const uint8_t *a = in;
    (void)parameter;
    for (size_t i = 0; i < n; i++) o[i] = !a[i];
}

unary_fn eltwise_unary(unary_op op, dtype t) {
    if (t == INLAY_BOOL) return op == UNARY_NOT ? not_bool : NULL;
    unary_fn fn = eltwise_float_unary(op, t);
    if (!fn) fn = eltwise_complex_unary(op, t);
    return fn ? fn : eltwise_int_unary(op, t);
}

/* Bools are bytes of 0 and 1: bits and order agree with those of uint8. */
static bool bool_has(binary_op op) {
    return (op >= BINARY_BIT_AND && op <= BINARY_BIT_XOR) || op >= BINARY_LESS;
}

binary_fn eltwise_binary(binary_op op, dtype t) {
    if (t == INLAY_BOOL) return bool_has(op) ? eltwise_int_binary(op, INLAY_UINT8) : NULL;
    binary_fn fn = eltwise_float_binary(op, t);
    if (!fn) fn = eltwise_complex_binary(op, t);
    return fn ? fn : eltwise_int_binary(op, t);
}

#include "kernel/eltwise/eltwise_tables.h"

#include <math.h>

/* Without the sign that lgamma leaves in a global variable. */
static float log_gammaf(float x) {
    int sign;
    return lgammaf_r(x, &sign);
}
static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

#define T float
#define V float
#define LOAD(x) (x)
#define STORE(v) (v)
#define M(function) function##f
#define NAME(x) x##_f32
#include "kernel/eltwise/float_body.h"

#define T double
#define V double
#define LOAD(x) (x)
#define STORE(v) (v)
#define M(function) function
#define NAME(x) x##_f64
#include "kernel/eltwise/float_body.h"

#define T uint16_t
#define V float
#define LOAD(x) f16_to_f32(x)
#define STORE(v) f32_to_f16(v)
#define M(function) function##f
#define NAME(x) x##_f16
#include "kernel/eltwise/float_body.h"

#define T uint16_t
#define V float
#define LOAD(x) bf16_to_f32(x)
#define STORE(v) f32_to_bf16(v)
#define M(function) function##f
#define NAME(x) x##_bf16
#include "kernel/eltwise/float_body.h"

unary_fn eltwise_float_unary(unary_op op, dtype t) {
    switch (t) {
    case INLAY_FLOAT32: return unary_f32[op];
    case INLAY_FLOAT64: return unary_f64[op];
    case INLAY_FLOAT16: return unary_f16[op];
    case INLAY_BFLOAT16: return unary_bf16[op];
    default: return NULL;
    }
}

binary_fn eltwise_float_binary(binary_op op, dtype t) {
    switch (t) {
    case INLAY_FLOAT32: return binary_f32[op];
    case INLAY_FLOAT64: return binary_f64[op];
    case INLAY_FLOAT16: return binary_f16[op];
    case INLAY_BFLOAT16: return binary_bf16[op];
    default: return NULL;
    }
}

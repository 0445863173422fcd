#include "kernel/sparse/scalar.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#define ONE(name, op, type, expression)                                       \
    static void name##_##op(void *out, const void *left, const void *right) { \
        type a, b, r;                                                         \
        memcpy(&a, left, sizeof a);                                           \
        memcpy(&b, right, sizeof b);                                          \
        r = (type)(expression);                                               \
        memcpy(out, &r, sizeof r);                                            \
    }
#define INTEGER(name, type)                                                            \
    ONE(name, add, type, (uint64_t)a + (uint64_t)b)                                    \
    ONE(name, mul, type, (uint64_t)a *(uint64_t)b)                                     \
    ONE(name, div, type, b == 0 ? 0 : b == (type)-1 ? (type)(0 - (uint64_t)a) : a / b) \
    ONE(name, max, type, a < b ? b : a)                                                \
    ONE(name, min, type, b < a ? b : a)
#define UNSIGNED(name, type)                        \
    ONE(name, add, type, (uint64_t)a + (uint64_t)b) \
    ONE(name, mul, type, (uint64_t)a *(uint64_t)b)  \
    ONE(name, div, type, b == 0 ? 0 : a / b)        \
    ONE(name, max, type, a < b ? b : a)             \
    ONE(name, min, type, b < a ? b : a)
#define COMPLEX(name, type)     \
    ONE(name, add, type, a + b) \
    ONE(name, mul, type, a *b)  \
    ONE(name, div, type, a / b)
#define REAL(name, type)                \
    COMPLEX(name, type)                 \
    ONE(name, max, type, a < b ? b : a) \
    ONE(name, min, type, b < a ? b : a)
#define HALF(name, op, read, write, expression)                               \
    static void name##_##op(void *out, const void *left, const void *right) { \
        uint16_t x, y;                                                        \
        memcpy(&x, left, sizeof x);                                           \
        memcpy(&y, right, sizeof y);                                          \
        float a = read(x), b = read(y);                                       \
        x = write(expression);                                                \
        memcpy(out, &x, sizeof x);                                            \
    }
#define HALVES(name, read, write)               \
    HALF(name, add, read, write, a + b)         \
    HALF(name, mul, read, write, a *b)          \
    HALF(name, div, read, write, a / b)         \
    HALF(name, max, read, write, a < b ? b : a) \
    HALF(name, min, read, write, b < a ? b : a)

REAL(f32, float)
REAL(f64, double)
COMPLEX(c64, float _Complex)
COMPLEX(c128, double _Complex)
HALVES(f16, f16_to_f32, f32_to_f16)
HALVES(bf16, bf16_to_f32, f32_to_bf16)
INTEGER(i8, int8_t)
INTEGER(i16, int16_t)
INTEGER(i32, int32_t)
INTEGER(i64, int64_t)
UNSIGNED(u8, uint8_t)
UNSIGNED(u16, uint16_t)
UNSIGNED(u32, uint32_t)
UNSIGNED(u64, uint64_t)

#define ROW(type, name)                                                \
    {                                                                  \
        type, {                                                        \
            name##_add, name##_mul, name##_div, name##_max, name##_min \
        }                                                              \
    }
static const struct {
    dtype type;
    scalar_fn *fns[5];
} rows[] = {
    ROW(INLAY_FLOAT32, f32),
    ROW(INLAY_FLOAT64, f64),
    ROW(INLAY_FLOAT16, f16),
    ROW(INLAY_BFLOAT16, bf16),
    ROW(INLAY_INT8, i8),
    ROW(INLAY_INT16, i16),
    ROW(INLAY_INT32, i32),
    ROW(INLAY_INT64, i64),
    ROW(INLAY_UINT8, u8),
    ROW(INLAY_UINT16, u16),
    ROW(INLAY_UINT32, u32),
    ROW(INLAY_UINT64, u64),
    {INLAY_COMPLEX64, {c64_add, c64_mul, c64_div, NULL, NULL}},
    {INLAY_COMPLEX128, {c128_add, c128_mul, c128_div, NULL, NULL}},
};

scalar_fn *scalar_find(scalar_op op, dtype t) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == t) return rows[i].fns[op];
    return NULL;
}

bool scalar_is_zero(dtype t, const void *a) {
    static const uint8_t zero[8] = {0};
    return dtype_is_integer(t) && memcmp(a, zero, dtype_size(t)) == 0;
}

#define SIZE_OF(type, expression)    \
    do {                             \
        type v;                      \
        memcpy(&v, a, sizeof v);     \
        return (double)(expression); \
    } while (0)

double scalar_size(dtype t, const void *a) {
    switch (t) {
    case INLAY_FLOAT32: SIZE_OF(float, fabsf(v));
    case INLAY_FLOAT64: SIZE_OF(double, fabs(v));
    case INLAY_COMPLEX64: SIZE_OF(float _Complex, cabsf(v));
    case INLAY_COMPLEX128: SIZE_OF(double _Complex, cabs(v));
    case INLAY_FLOAT16: SIZE_OF(uint16_t, fabsf(f16_to_f32(v)));
    case INLAY_BFLOAT16: SIZE_OF(uint16_t, fabsf(bf16_to_f32(v)));
    case INLAY_INT8: SIZE_OF(int8_t, fabs((double)v));
    case INLAY_INT16: SIZE_OF(int16_t, fabs((double)v));
    case INLAY_INT32: SIZE_OF(int32_t, fabs((double)v));
    case INLAY_INT64: SIZE_OF(int64_t, fabs((double)v));
    case INLAY_UINT8: SIZE_OF(uint8_t, v);
    case INLAY_UINT16: SIZE_OF(uint16_t, v);
    case INLAY_UINT32: SIZE_OF(uint32_t, v);
    case INLAY_UINT64: SIZE_OF(uint64_t, v);
    default: return (double)NAN;
    }
}

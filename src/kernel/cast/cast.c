#include "kernel/cast/cast.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Through one of three wide types, which hold every value of what they stand for exactly. */
enum { BLOCK = 256 };

static bool is_signed(dtype t) {
    return t == INLAY_INT8 || t == INLAY_INT16 || t == INLAY_INT32 || t == INLAY_INT64 || t == INLAY_QINT8 ||
           t == INLAY_QINT16 || t == INLAY_QINT32;
}

#define EACH(T, expression)              \
    {                                    \
        const T *a = in;                 \
        for (size_t i = 0; i < n; i++) { \
            T x = a[i];                  \
            wide[i] = expression;        \
        }                                \
        return true;                     \
    }

static bool load_double(double *wide, const void *in, dtype t, size_t n) {
    switch (t) {
    case INLAY_FLOAT32: EACH(float, (double)x)
    case INLAY_FLOAT64: EACH(double, x)
    case INLAY_FLOAT16: EACH(uint16_t, (double)f16_to_f32(x))
    case INLAY_BFLOAT16: EACH(uint16_t, (double)bf16_to_f32(x))
    default: return false;
    }
}

static bool load_int(int64_t *wide, const void *in, dtype t, size_t n) {
    switch (t) {
    case INLAY_INT8:
    case INLAY_QINT8: EACH(int8_t, x)
    case INLAY_UINT8:
    case INLAY_QUINT8: EACH(uint8_t, x)
    case INLAY_BOOL: EACH(uint8_t, x != 0)
    case INLAY_INT16:
    case INLAY_QINT16: EACH(int16_t, x)
    case INLAY_UINT16:
    case INLAY_QUINT16: EACH(uint16_t, x)
    case INLAY_INT32:
    case INLAY_QINT32: EACH(int32_t, x)
    case INLAY_UINT32: EACH(uint32_t, x)
    case INLAY_INT64: EACH(int64_t, x)
    case INLAY_UINT64: EACH(uint64_t, (int64_t)x)
    default: return false;
    }
}
#undef EACH

#define EACH(T, expression)              \
    {                                    \
        T *o = out;                      \
        for (size_t i = 0; i < n; i++) { \
            o[i] = (T)(expression);      \
        }                                \
        return true;                     \
    }

static bool store_int(void *out, dtype t, const int64_t *wide, size_t n, bool is_unsigned) {
    switch (t) {
    case INLAY_INT8:
    case INLAY_QINT8:
    case INLAY_UINT8:
    case INLAY_QUINT8: EACH(uint8_t, wide[i])
    case INLAY_BOOL: EACH(uint8_t, wide[i] != 0)
    case INLAY_INT16:
    case INLAY_QINT16:
    case INLAY_UINT16:
    case INLAY_QUINT16: EACH(uint16_t, wide[i])
    case INLAY_INT32:
    case INLAY_QINT32:
    case INLAY_UINT32: EACH(uint32_t, wide[i])
    case INLAY_INT64:
    case INLAY_UINT64: EACH(uint64_t, wide[i])
    case INLAY_FLOAT32: EACH(float, is_unsigned ? (float)(uint64_t)wide[i] : (float)wide[i])
    case INLAY_FLOAT64: EACH(double, is_unsigned ? (double)(uint64_t)wide[i] : (double)wide[i])
    case INLAY_FLOAT16: EACH(uint16_t, f32_to_f16(is_unsigned ? (float)(uint64_t)wide[i] : (float)wide[i]))
    case INLAY_BFLOAT16: EACH(uint16_t, f32_to_bf16(is_unsigned ? (float)(uint64_t)wide[i] : (float)wide[i]))
    default: return false;
    }
}

/* cvttsd2si, without C's undefined cases. */
static int32_t to_i32(double x) {
    return x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : INT32_MIN;
}
static int64_t to_i64(double x) {
    return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (int64_t)x : INT64_MIN;
}
static uint64_t to_u64(double x) {
    if (x >= 9223372036854775808.0) return x < 18446744073709551616.0 ? (uint64_t)x : 0;
    return (uint64_t)to_i64(x);
}

static bool store_double(void *out, dtype t, const double *wide, size_t n) {
    switch (t) {
    case INLAY_FLOAT32: EACH(float, wide[i])
    case INLAY_FLOAT64: EACH(double, wide[i])
    case INLAY_FLOAT16: EACH(uint16_t, f32_to_f16((float)wide[i]))
    case INLAY_BFLOAT16: EACH(uint16_t, f32_to_bf16((float)wide[i]))
    case INLAY_BOOL: EACH(uint8_t, wide[i] != 0)
    case INLAY_INT8:
    case INLAY_QINT8:
    case INLAY_UINT8:
    case INLAY_QUINT8: EACH(uint8_t, to_i32(wide[i]))
    case INLAY_INT16:
    case INLAY_QINT16:
    case INLAY_UINT16:
    case INLAY_QUINT16: EACH(uint16_t, to_i32(wide[i]))
    case INLAY_INT32:
    case INLAY_QINT32: EACH(int32_t, to_i32(wide[i]))
    case INLAY_UINT32: EACH(uint32_t, to_i64(wide[i]))
    case INLAY_INT64: EACH(int64_t, to_i64(wide[i]))
    case INLAY_UINT64: EACH(uint64_t, to_u64(wide[i]))
    default: return false;
    }
}
#undef EACH

static dtype part_of(dtype t) { /* itself when it is real */
    return t == INLAY_COMPLEX64 ? INLAY_FLOAT32 : t == INLAY_COMPLEX128 ? INLAY_FLOAT64 : t;
}

/* Between complex numbers and any: a real one has no imaginary part, and of a complex one the real part stays. */
static bool cast_complex(uint8_t *out, dtype to, const uint8_t *in, dtype from, size_t n) {
    double pairs[2 * BLOCK], reals[BLOCK];
    bool wide = part_of(from) != from, fine = true;
    for (size_t done = 0; fine && (done == 0 || done < n); done += BLOCK) {
        size_t part = n - done < BLOCK ? n - done : BLOCK;
        const uint8_t *p = in + done * dtype_size(from);
        uint8_t *q = out + done * dtype_size(to);
        if (wide)
            fine = load_double(pairs, p, part_of(from), 2 * part);
        else
            fine = cast_run(reals, INLAY_FLOAT64, p, from, part);
        for (size_t i = 0; i < part; i++) {
            if (wide)
                reals[i] = pairs[2 * i];
            else
                pairs[2 * i] = reals[i], pairs[2 * i + 1] = 0;
        }
        if (part_of(to) != to)
            fine = fine && store_double(q, part_of(to), pairs, 2 * part);
        else
            fine = fine && cast_run(q, to, reals, INLAY_FLOAT64, part);
    }
    return fine;
}

bool cast_run(void *out, dtype to, const void *in, dtype from, size_t n) {
    if (part_of(to) != to || part_of(from) != from) return cast_complex(out, to, in, from, n);
    union {
        double reals[BLOCK];
        int64_t ints[BLOCK];
    } wide;
    uint8_t *o = out;
    const uint8_t *a = in;
    size_t in_size = dtype_size(from), out_size = dtype_size(to);
    if (in_size == 0 || out_size == 0) return false;
    for (size_t done = 0; done == 0 || done < n; done += BLOCK) {
        size_t part = n - done < BLOCK ? n - done : BLOCK;
        const void *p = a + done * in_size;
        void *q = o + done * out_size;
        if (load_double(wide.reals, p, from, part)) {
            if (!store_double(q, to, wide.reals, part)) return false;
        } else if (!load_int(wide.ints, p, from, part) || !store_int(q, to, wide.ints, part, !is_signed(from))) {
            return false;
        }
    }
    return true;
}

bool cast_can(dtype to, dtype from) {
    uint64_t in[2] = {0}, out[2];
    return cast_run(out, to, in, from, 0);
}

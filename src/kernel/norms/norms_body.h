/* The vector loops of the norms kernels, compiled once for each instruction set: the including file defines
 * LEVEL(name). */
#include "base/num.h"
#include "kernel/norms/norms.h"

#include <math.h>

/* Sums are kept in LANES lanes at every level and added up in one order, so that they are the same bits everywhere; a
 * level holds the lanes in as many of its registers as that takes. */
enum { LANES = 16 };
#if defined(__AVX512F__)
enum { REGISTER = 16, PARTS = 1 };
#define EACH_PART(DO) DO(0)
#elif defined(__AVX__)
enum { REGISTER = 8, PARTS = 2 };
#define EACH_PART(DO) DO(0) DO(1)
#else
enum { REGISTER = 4, PARTS = 4 };
#define EACH_PART(DO) DO(0) DO(1) DO(2) DO(3)
#endif
typedef float lanes __attribute__((vector_size(REGISTER * 4)));
typedef uint32_t bits __attribute__((vector_size(REGISTER * 4)));
typedef uint16_t halves __attribute__((vector_size(REGISTER * 2)));
typedef float quarter __attribute__((vector_size(16)));

static inline float sum_lanes(const lanes sums[PARTS]) {
    quarter q[LANES / 4];
    memcpy(q, sums, sizeof q);
    quarter sum = (q[0] + q[2]) + (q[1] + q[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* A macro: a function would pass vectors that the baseline has no registers for. */
#define LOAD_LANES(p, v) memcpy(&(v), (p), sizeof(lanes))
#define ADD_SQUARES(sum, i, p)                      \
    do {                                            \
        lanes loaded;                               \
        LOAD_LANES((p) + 4 * (i)*REGISTER, loaded); \
        (sum)[i] += loaded * loaded;                \
    } while (0);

/* All ones in the lanes that the last, overlapping load of a row of DIM > LANES elements has not seen yet. */
static inline void set_tail_mask(bits mask[PARTS], size_t dim) {
    for (size_t i = 0; i < LANES; i++) mask[i / REGISTER][i % REGISTER] = i >= LANES - dim % LANES ? 0xffffffffu : 0;
}

static inline float sum_squares_f32(const uint8_t *row, size_t dim, const bits tail_mask[PARTS]) {
    lanes a[PARTS] = {{0}}, b[PARTS] = {{0}}, c[PARTS] = {{0}}, d[PARTS] = {{0}};
    size_t i = 0;
    for (; i + 4 * LANES <= dim; i += 4 * LANES) {
#define FOUR(k)                                  \
    ADD_SQUARES(a, k, row + 4 * i)               \
    ADD_SQUARES(b, k, row + 4 * (i + LANES))     \
    ADD_SQUARES(c, k, row + 4 * (i + 2 * LANES)) \
    ADD_SQUARES(d, k, row + 4 * (i + 3 * LANES))
        EACH_PART(FOUR)
    }
    for (; i + LANES <= dim; i += LANES) {
#define ONE(k) ADD_SQUARES(a, k, row + 4 * i)
        EACH_PART(ONE)
    }
    if (i < dim && dim > LANES) {
        bits last[PARTS];
        memcpy(last, row + 4 * (dim - LANES), sizeof last);
#define MASK(k) last[k] &= tail_mask[k];
        EACH_PART(MASK)
#define TAIL(k) ADD_SQUARES(b, k, (const uint8_t *)last)
        EACH_PART(TAIL)
    } else if (i < dim) {
        float last[LANES] = {0};
        memcpy(last, row + 4 * i, 4 * (dim - i));
        EACH_PART(TAIL)
    }
#define ADD_UP(k) a[k] = (a[k] + b[k]) + (c[k] + d[k]);
    EACH_PART(ADD_UP)
    return sum_lanes(a);
}

/* Rows shorter than a vector: squares of many elements at once, then the sums. WIDEN turns the elements at a place into
 * lanes. */
enum { NARROW_BLOCK = 64 * LANES };

static inline void sum_groups(float *out, const float *squares, size_t n, size_t dim) {
    if (dim == 1) {
        memcpy(out, squares, n * sizeof *out);
        return;
    }
    for (size_t r = 0; r < n; r++) {
        float sum = 0;
        for (size_t i = 0; i < dim; i++) sum += squares[r * dim + i];
        out[r] = sum;
    }
}

#define DEFINE_NARROW_ROWS(name, element, widen)                                             \
    static void LEVEL(name)(float *out, const uint8_t *rows, size_t n, size_t dim) {         \
        float squares[NARROW_BLOCK];                                                         \
        size_t step = NARROW_BLOCK / dim;                                                    \
        for (size_t r = 0; r < n; r += step) {                                               \
            size_t here = n - r < step ? n - r : step, elements = here * dim, i = 0;         \
            const uint8_t *p = rows + r * dim * sizeof(element);                             \
            for (; i < elements; i += REGISTER) {                                            \
                element part[REGISTER] = {0};                                                \
                lanes v;                                                                     \
                if (elements - i >= REGISTER)                                                \
                    memcpy(part, p + i * sizeof(element), sizeof part);                      \
                else                                                                         \
                    memcpy(part, p + i * sizeof(element), (elements - i) * sizeof(element)); \
                widen(part, &v);                                                             \
                v *= v;                                                                      \
                memcpy(squares + i, &v, sizeof v);                                           \
            }                                                                                \
            sum_groups(out + r, squares, here, dim);                                         \
        }                                                                                    \
    }

static inline void widen_f32(const float *p, lanes *out) {
    memcpy(out, p, sizeof *out);
}

DEFINE_NARROW_ROWS(narrow_f32, float, widen_f32)

static void LEVEL(rows_f32)(float *out, const void *rows, size_t n, size_t dim) {
    if (dim < LANES && dim > 0) {
        LEVEL(narrow_f32)(out, rows, n, dim);
        return;
    }
    bits tail_mask[PARTS];
    set_tail_mask(tail_mask, dim);
    for (size_t r = 0; r < n; r++) out[r] = sum_squares_f32((const uint8_t *)rows + 4 * r * dim, dim, tail_mask);
}

static inline void widen_bf16(const halves *h, lanes *out) {
    bits wide = __builtin_convertvector(*h, bits) << 16;
    memcpy(out, &wide, sizeof wide);
}

/* Exact for every half: the magnitude is placed in a float's bits and rescaled by 2^112; infinities and NaN get the
 * largest exponent back. */
static inline void widen_f16(const halves *h, lanes *out) {
    bits wide = __builtin_convertvector(*h, bits);
    bits magnitude = (wide & 0x7fff) << 13;
    bits special = (bits)(magnitude >= 0x0f800000u);
    memcpy(out, &magnitude, sizeof magnitude);
    *out *= 0x1p112f;
    memcpy(&magnitude, out, sizeof magnitude);
    magnitude |= special & 0x7f800000u;
    memcpy(out, &magnitude, sizeof magnitude);
}

static inline void widen_f16_at(const uint16_t *p, lanes *out) {
    halves h;
    memcpy(&h, p, sizeof h);
    widen_f16(&h, out);
}

static inline void widen_bf16_at(const uint16_t *p, lanes *out) {
    halves h;
    memcpy(&h, p, sizeof h);
    widen_bf16(&h, out);
}

DEFINE_NARROW_ROWS(narrow_f16, uint16_t, widen_f16_at)
DEFINE_NARROW_ROWS(narrow_bf16, uint16_t, widen_bf16_at)

#define DEFINE_HALF_ROWS(name, narrow, widen)                                       \
    static void LEVEL(name)(float *out, const void *rows, size_t n, size_t dim) {   \
        if (dim < LANES && dim > 0) {                                               \
            LEVEL(narrow)(out, rows, n, dim);                                       \
            return;                                                                 \
        }                                                                           \
        for (size_t r = 0; r < n; r++) {                                            \
            const uint8_t *row = (const uint8_t *)rows + 2 * r * dim;               \
            lanes sum[PARTS] = {{0}}, v;                                            \
            halves h[PARTS];                                                        \
            size_t i = 0;                                                           \
            for (; i < dim; i += LANES) {                                           \
                memset(h, 0, sizeof h);                                             \
                memcpy(h, row + 2 * i, dim - i < LANES ? 2 * (dim - i) : sizeof h); \
                for (int k = 0; k < PARTS; k++) {                                   \
                    widen(&h[k], &v);                                               \
                    sum[k] += v * v;                                                \
                }                                                                   \
            }                                                                       \
            out[r] = sum_lanes(sum);                                                \
        }                                                                           \
    }

DEFINE_HALF_ROWS(rows_f16, narrow_f16, widen_f16)
DEFINE_HALF_ROWS(rows_bf16, narrow_bf16, widen_bf16)

static void LEVEL(rows_i8)(float *out, const void *rows, size_t n, size_t dim) {
    enum { BLOCK = 1 << 16 }; /* squares that fit in 32 bits */
    const int8_t *row = rows;
    for (size_t r = 0; r < n; r++, row += dim) {
        uint64_t sum = 0;
        for (size_t i = 0; i < dim; i += BLOCK) {
            uint32_t part = 0;
            for (size_t j = i; j < min_size(i + BLOCK, dim); j++) part += (uint32_t)(row[j] * row[j]);
            sum += part;
        }
        out[r] = (float)sum;
    }
}

static void LEVEL(add_squares_f32)(float *out, const void *values, size_t n) {
    const uint8_t *p = values;
    for (size_t i = 0; i < n; i++) {
        float v = load_f32(p + 4 * i);
        out[i] += v * v;
    }
}

static void LEVEL(inverse_roots)(float *values, size_t n) {
    for (size_t i = 0; i < n; i++) values[i] = (float)(1 / sqrt((double)values[i]));
}

static void LEVEL(fill)(norms_kernels *k) {
    k->rows_f32 = LEVEL(rows_f32);
    k->rows_f16 = LEVEL(rows_f16);
    k->rows_bf16 = LEVEL(rows_bf16);
    k->rows_i8 = LEVEL(rows_i8);
    k->add_squares_f32 = LEVEL(add_squares_f32);
    k->inverse_roots = LEVEL(inverse_roots);
}

#define LEVEL(name) portable_##name
#include "kernel/stats/stats_body.h"

#include "base/cpu.h"
#include "base/num.h"

void stats_fill_avx2(stats_kernels *k);
void stats_fill_avx512(stats_kernels *k);

void stats_kernels_init(stats_kernels *k, unsigned cpu_flags) {
    portable_fill(k);
#if defined(__x86_64__)
    if (cpu_flags & CPU_AVX2) stats_fill_avx2(k);
    if (cpu_flags & CPU_AVX512) stats_fill_avx512(k);
#else
    (void)cpu_flags;
#endif
}

const stats_figures stats_none = {.min = INFINITY, .max = -INFINITY};

void stats_merge(stats_figures *into, const stats_figures *from) {
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
    into->sum += from->sum;
    into->finite += from->finite;
    into->zeros += from->zeros;
    into->nans += from->nans;
    into->positive_infinities += from->positive_infinities;
    into->negative_infinities += from->negative_infinities;
}

static void add_one(stats_figures *f, double v) {
    if (isnan(v)) {
        f->nans++;
    } else if (isinf(v)) {
        f->positive_infinities += v > 0;
        f->negative_infinities += v < 0;
    } else {
        stats_figures one = {.min = v, .max = v, .sum = v, .finite = 1, .zeros = v == 0};
        stats_merge(f, &one);
    }
}

enum { BLOCK = 1024 };

/* Whole lanes at once where all are finite. Returns how many elements that were; the others go one by one. */
static size_t add_lanes(stats_figures *f, bool (*finite)(stats_figures *out, const void *data, size_t n),
                        const void *data, size_t n) {
    stats_figures block;
    size_t whole = n - n % STATS_LANES;
    if (!finite(&block, data, whole)) return 0;
    stats_merge(f, &block);
    return whole;
}

static void add_f32(stats_figures *f, const stats_kernels *k, const void *data, size_t n) {
    for (size_t i = add_lanes(f, k->finite_f32, data, n); i < n; i++)
        add_one(f, (double)load_f32((const char *)data + 4 * i));
}

static void add_f64(stats_figures *f, const stats_kernels *k, const void *data, size_t n) {
    for (size_t i = add_lanes(f, k->finite_f64, data, n); i < n; i++) {
        double v;
        memcpy(&v, (const char *)data + 8 * i, 8);
        add_one(f, v);
    }
}

/* ---- the other dtypes, a block at a time */

#define WIDEN(name, T, expression)                                 \
    static void name(double *out, const uint8_t *data, size_t n) { \
        for (size_t i = 0; i < n; i++) {                           \
            T v;                                                   \
            memcpy(&v, data + i * sizeof v, sizeof v);             \
            out[i] = (double)(expression);                         \
        }                                                          \
    }
WIDEN(widen_f16, uint16_t, f16_to_f32(v))
WIDEN(widen_bf16, uint16_t, bf16_to_f32(v))
WIDEN(widen_i8, int8_t, v)
WIDEN(widen_i16, int16_t, v)
WIDEN(widen_i32, int32_t, v)
WIDEN(widen_i64, int64_t, v)
WIDEN(widen_u8, uint8_t, v)
WIDEN(widen_u16, uint16_t, v)
WIDEN(widen_u32, uint32_t, v)
WIDEN(widen_u64, uint64_t, v)
WIDEN(widen_bool, uint8_t, v != 0)
/* Only the low bits of the byte count. */
WIDEN(widen_i4, uint8_t, ((v & 15) ^ 8) - 8)
WIDEN(widen_u4, uint8_t, v & 15)
WIDEN(widen_i2, uint8_t, ((v & 3) ^ 2) - 2)
WIDEN(widen_u2, uint8_t, v & 3)

static void (*const wideners[])(double *out, const uint8_t *data, size_t n) = {
    [INLAY_FLOAT16] = widen_f16, [INLAY_BFLOAT16] = widen_bf16, [INLAY_INT8] = widen_i8,   [INLAY_INT16] = widen_i16,
    [INLAY_INT32] = widen_i32,   [INLAY_INT64] = widen_i64,     [INLAY_UINT8] = widen_u8,  [INLAY_UINT16] = widen_u16,
    [INLAY_UINT32] = widen_u32,  [INLAY_UINT64] = widen_u64,    [INLAY_BOOL] = widen_bool, [INLAY_QINT8] = widen_i8,
    [INLAY_QINT16] = widen_i16,  [INLAY_QINT32] = widen_i32,    [INLAY_QUINT8] = widen_u8, [INLAY_QUINT16] = widen_u16,
    [INLAY_INT4] = widen_i4,     [INLAY_UINT4] = widen_u4,      [INLAY_INT2] = widen_i2,   [INLAY_UINT2] = widen_u2,
};

static bool has_widener(dtype t) {
    return t > 0 && (size_t)t < sizeof wideners / sizeof *wideners && wideners[t];
}

bool stats_can(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || has_widener(t);
}

void stats_add(stats_figures *f, const stats_kernels *k, dtype t, const void *data, size_t n) {
    const uint8_t *p = data;
    size_t width = dtype_size(t);
    for (size_t done = 0, step; done < n; done += step, p += step * width) {
        step = min_size(n - done, BLOCK);
        if (t == INLAY_FLOAT32) {
            add_f32(f, k, p, step);
        } else if (t == INLAY_FLOAT64) {
            add_f64(f, k, p, step);
        } else if (has_widener(t)) {
            double wide[BLOCK];
            wideners[t](wide, p, step);
            add_f64(f, k, wide, step);
        }
    }
}

/* Figures of every level that this CPU has against a plain loop, for every dtype, length and alignment. */
#include "unit/random.h"
#include "unit/unit.h"

#include "base/cpu.h"
#include "kernel/stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const unsigned levels[] = {0, CPU_AVX2, CPU_AVX2 | CPU_AVX512};
static const dtype types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_FLOAT16, INLAY_BFLOAT16, INLAY_INT8,
                              INLAY_INT16,   INLAY_INT32,   INLAY_INT64,   INLAY_UINT8,    INLAY_UINT16,
                              INLAY_UINT32,  INLAY_UINT64,  INLAY_BOOL,    INLAY_INT4,     INLAY_UINT4};

/* Writes an element of T and returns its value. */
static double put(uint8_t *p, dtype t, bool odd) {
    static const double odd_values[] = {NAN, INFINITY, -INFINITY};
    uint64_t bits = next_random() >> 8;
    double real = odd ? odd_values[bits % 3] : bits % 5 == 0 ? 0 : (double)((int64_t)(bits % 2001) - 1000) / 64;
    float narrow = (float)real;
    uint16_t half = t == INLAY_FLOAT16 ? f32_to_f16(narrow) : f32_to_bf16(narrow);
    switch (t) {
    case INLAY_FLOAT32: memcpy(p, &narrow, 4); return real;
    case INLAY_FLOAT64: memcpy(p, &real, 8); return real;
    case INLAY_FLOAT16: memcpy(p, &half, 2); return f16_to_f32(half);
    case INLAY_BFLOAT16: memcpy(p, &half, 2); return bf16_to_f32(half);
    case INLAY_BOOL: *p = bits & 1; return *p;
    case INLAY_UINT4: *p = bits & 15; return *p;
    case INLAY_INT4: *p = (uint8_t)((int)(bits & 15) - 8); return (int8_t)*p;
    default: break;
    }
    size_t width = dtype_size(t);
    if (bits % 7 == 0) bits = 0;
    bits &= width == 8 ? 0xffffffffffff : ((uint64_t)1 << 8 * width) - 1;
    memcpy(p, &bits, width);
    bool is_signed = t == INLAY_INT8 || t == INLAY_INT16 || t == INLAY_INT32;
    if (is_signed && bits >> (8 * width - 1)) return (double)bits - ldexp(1, (int)(8 * width));
    return (double)bits;
}

static void check(const stats_kernels *k, dtype t, size_t n, size_t shift, size_t odd_every) {
    size_t width = dtype_size(t);
    uint8_t *memory = malloc(shift + n * width + 1);
    assert_non_null(memory);
    stats_figures want = stats_none, got = stats_none;
    for (size_t i = 0; i < n; i++) {
        double v = put(memory + shift + i * width, t, odd_every && next_random() % odd_every == 0);
        want.zeros += v == 0;
        want.nans += isnan(v) != 0;
        want.positive_infinities += v == INFINITY;
        want.negative_infinities += v == -INFINITY;
        if (!isfinite(v)) continue;
        want.finite++;
        want.sum += v;
        want.min = fmin(want.min, v);
        want.max = fmax(want.max, v);
    }
    stats_add(&got, k, t, memory + shift, n);
    free(memory);
    assert_true(got.min == want.min && got.max == want.max);
    assert_int_equal(got.finite, want.finite);
    assert_int_equal(got.zeros, want.zeros);
    assert_int_equal(got.nans, want.nans);
    assert_int_equal(got.positive_infinities, want.positive_infinities);
    assert_int_equal(got.negative_infinities, want.negative_infinities);
    assert_true(fabs(got.sum - want.sum) <= 1e-9 * (1 + (double)n * fmax(fabs(want.min), fabs(want.max))) || n == 0);
}

static void figures_are_those_of_a_plain_loop(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 2, 15, 16, 17, 31, 33, 1023, 1024, 1025, 5000};
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        if ((cpu_flags() & levels[l]) != levels[l]) continue;
        stats_kernels k;
        stats_kernels_init(&k, levels[l]);
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++)
                for (size_t shift = 0; shift < 4; shift++)
                    check(&k, types[t], lengths[n], shift, shift ? 40 * shift : 0);
    }
}

/* The same order of sums at every level: a model's figures do not depend on the machine. */
static void levels_agree_to_the_last_bit(void **state) {
    (void)state;
    static float values[4099];
    for (size_t i = 0; i < 4099; i++) put((uint8_t *)(values + i), INLAY_FLOAT32, false);
    for (size_t i = 0; i < 4099; i += 7) values[i] *= 1e-7f;
    stats_figures first = stats_none;
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        if ((cpu_flags() & levels[l]) != levels[l]) continue;
        stats_kernels k;
        stats_figures f = stats_none;
        stats_kernels_init(&k, levels[l]);
        stats_add(&f, &k, INLAY_FLOAT32, values, 4099);
        if (l == 0) first = f;
        assert_memory_equal(&f, &first, sizeof f);
    }
}

static void largest_floats_and_all_infinite(void **state) {
    (void)state;
    stats_kernels k;
    stats_kernels_init(&k, cpu_flags());
    float large[64], infinite[64];
    for (size_t i = 0; i < 64; i++) {
        large[i] = i % 2 ? 3.40282347e38f : -3.40282347e38f;
        infinite[i] = INFINITY;
    }
    stats_figures f = stats_none;
    stats_add(&f, &k, INLAY_FLOAT32, large, 64);
    assert_true(f.max == (double)3.40282347e38f && f.min == -f.max && f.sum == 0);
    f = stats_none;
    stats_add(&f, &k, INLAY_FLOAT32, infinite, 64);
    assert_int_equal(f.positive_infinities, 64);
    assert_int_equal(f.finite, 0);
}

static void strings_and_complex_numbers_have_none(void **state) {
    (void)state;
    static const dtype without[] = {INLAY_STRING, INLAY_COMPLEX64, INLAY_RESOURCE, INLAY_FLOAT8_E5M2, 0, 1000, -1};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) assert_false(stats_can(without[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_a_plain_loop),
        cmocka_unit_test(levels_agree_to_the_last_bit),
        cmocka_unit_test(largest_floats_and_all_infinite),
        cmocka_unit_test(strings_and_complex_numbers_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

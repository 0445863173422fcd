/* Sums of squares of every level that this CPU has: the same bits as portable C, for every length and alignment, and
 * near the sum in float64. */
#include "unit/random.h"
#include "unit/unit.h"

#include "base/cpu.h"
#include "kernel/norms/norms.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const unsigned levels[] = {CPU_AVX2, CPU_AVX2 | CPU_AVX512};
static const dtype types[] = {INLAY_FLOAT32, INLAY_FLOAT16, INLAY_BFLOAT16, INLAY_INT8};

/* Elements of one magnitude are what rounding in one direction adds up for; others are of any. */
static void fill(uint8_t *p, dtype t, size_t n, bool even) {
    for (size_t i = 0; i < n; i++) {
        float v = even ? 0.7f : (float)((int64_t)(next_random() >> 40) - (1 << 23)) / (1 << 20);
        if (next_random() & 1) v = -v;
        uint16_t half = t == INLAY_FLOAT16 ? f32_to_f16(v) : f32_to_bf16(v);
        if (t == INLAY_INT8)
            p[i] = even ? (uint8_t)-128 : (uint8_t)next_random();
        else if (t == INLAY_FLOAT32)
            memcpy(p + 4 * i, &v, 4);
        else
            memcpy(p + 2 * i, &half, 2);
    }
}

static void sum(const norms_kernels *k, dtype t, float *out, const void *rows, size_t n, size_t dim) {
    (t == INLAY_FLOAT32   ? k->rows_f32
     : t == INLAY_FLOAT16 ? k->rows_f16
     : t == INLAY_INT8    ? k->rows_i8
                          : k->rows_bf16)(out, rows, n, dim);
}

enum { ROWS = 3 };

static void check(const norms_kernels *portable, const norms_kernels *level, dtype t, size_t dim, size_t shift,
                  bool even) {
    size_t width = dtype_size(t);
    uint8_t *memory = malloc(shift + ROWS * dim * width + 1), *rows = memory + shift;
    float want[ROWS], got[ROWS];
    assert_non_null(memory);
    fill(rows, t, ROWS * dim, even);
    sum(portable, t, want, rows, ROWS, dim);
    sum(level, t, got, rows, ROWS, dim);
    for (size_t i = 0; i < ROWS; i++) {
        bool finite;
        double exact = norms_exact(rows + i * dim * width, dim, width, t, &finite);
        if (memcmp(&want[i], &got[i], sizeof *got) != 0)
            fail_msg("dim %zu, dtype %d: %.9g, portable %.9g", dim, t, (double)got[i], (double)want[i]);
        assert_true(fabs(got[i] - exact) <= ((double)dim / 16 + 8) * 0x1p-24 * exact);
    }
    free(memory);
}

static void sums_are_the_same_at_every_level(void **state) {
    (void)state;
    norms_kernels portable;
    norms_kernels_init(&portable, 0);
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        if ((cpu_flags() & levels[l]) != levels[l]) continue;
        norms_kernels level;
        norms_kernels_init(&level, levels[l]);
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            for (size_t dim = 1; dim < 300; dim++) check(&portable, &level, types[i], dim, dim % 5, dim % 2);
            for (size_t dim = 500; dim < 9000; dim = dim * 2 + 7) check(&portable, &level, types[i], dim, 1, true);
        }
    }
}

static void inverse_roots_are_the_same_at_every_level(void **state) {
    (void)state;
    enum { N = 1001 };
    norms_kernels portable;
    norms_kernels_init(&portable, 0);
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        if ((cpu_flags() & levels[l]) != levels[l]) continue;
        norms_kernels level;
        norms_kernels_init(&level, levels[l]);
        float want[N], got[N];
        for (size_t i = 0; i < N; i++)
            want[i] = got[i] = (float)ldexp((double)(next_random() >> 11) + 1, (int)(next_random() % 120) - 110);
        portable.inverse_roots(want, N);
        level.inverse_roots(got, N);
        assert_memory_equal(want, got, sizeof want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_the_same_at_every_level),
        cmocka_unit_test(inverse_roots_are_the_same_at_every_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

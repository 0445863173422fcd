#include "unit/unit.h"

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/num.h"
#include "kernel/gemm/gemm.h"
#include "kernel/gemm/gemm_block.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t seed = 88172645463325252u;
static uint64_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* Small integers: every sum is exact in every dtype, so any order of summation gives the same bits. */
static double small(void) {
    return (double)(int)(next() % 9) - 4;
}

static void put(dtype t, uint8_t *p, double v) {
    switch (t) {
    case INLAY_FLOAT32: memcpy(p, &(float){(float)v}, 4); break;
    case INLAY_FLOAT64: memcpy(p, &v, 8); break;
    case INLAY_BFLOAT16: store_u16(p, f32_to_bf16((float)v)); break;
    case INLAY_FLOAT16: store_u16(p, f32_to_f16((float)v)); break;
    case INLAY_INT32: store_u32(p, (uint32_t)(int32_t)v); break;
    default: store_u64(p, (uint64_t)(int64_t)v); break;
    }
}

static double get(dtype t, const uint8_t *p) {
    double d;
    switch (t) {
    case INLAY_FLOAT32: return load_f32(p);
    case INLAY_FLOAT64: memcpy(&d, p, 8); return d;
    case INLAY_BFLOAT16: return bf16_to_f32(load_u16(p));
    case INLAY_FLOAT16: return f16_to_f32(load_u16(p));
    case INLAY_INT32: return (int32_t)load_u32(p);
    default: return (double)(int64_t)load_u64(p);
    }
}

/* What T makes of V. */
static double rounded(dtype t, double v) {
    uint8_t room[8];
    put(t, room, v);
    return get(t, room);
}

static uint8_t *random_matrix(dtype t, int64_t count, size_t offset, uint8_t **memory) {
    size_t size = dtype_size(t);
    *memory = mem_alloc((size_t)count * size + 64);
    assert_non_null(*memory);
    for (int64_t i = 0; i < count; i++) put(t, *memory + offset + (size_t)i * size, small());
    return *memory + offset;
}

static void check(dtype t, int64_t m, int64_t n, int64_t k, bool trans_a, bool trans_b, size_t offset) {
    enum { BATCH = 2 };
    uint8_t *memory_a, *memory_b;
    size_t size = dtype_size(t);
    uint8_t *a = random_matrix(t, BATCH * m * k, offset, &memory_a),
            *b = random_matrix(t, 3 * k * n, offset, &memory_b);
    uint8_t *c = mem_aligned(64, (size_t)(BATCH * m * n) * size + 64);
    assert_non_null(c);
    memset(c, 0xee, (size_t)(BATCH * m * n) * size + 64);
    const int64_t take[BATCH] = {2, 0};
    gemm_call call = {t, trans_a, trans_b, m, n, k, a, b, c, BATCH, NULL, take};
    inlay_error err;
    assert_ok(gemm_run(&call, &err), &err);
    for (int64_t z = 0; z < BATCH; z++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double sum = 0;
                for (int64_t p = 0; p < k; p++)
                    sum += get(t, a + (size_t)(z * m * k + (trans_a ? p * m + i : i * k + p)) * size) *
                           get(t, b + (size_t)(take[z] * k * n + (trans_b ? j * k + p : p * n + j)) * size);
                double got = get(t, c + (size_t)((z * m + i) * n + j) * size);
                if (got != rounded(t, sum))
                    fail_msg("%s %ldx%ldx%ld trans %d %d offset %zu: [%ld, %ld, %ld] is %g, not %g", dtype_name(t),
                             (long)m, (long)n, (long)k, trans_a, trans_b, offset, (long)z, (long)i, (long)j, got, sum);
            }
    for (int i = 0; i < 64; i++) assert_int_equal(c[(size_t)(BATCH * m * n) * size + (size_t)i], 0xee);
    mem_free(c);
    mem_free(memory_b);
    mem_free(memory_a);
}

static void check_shapes(void) {
    static const int64_t shapes[][3] = {{1, 1, 1},    {1, 64, 33},  {3, 100, 17},   {5, 7, 3},
                                        {4, 3000, 9}, {33, 1, 50},  {17, 3, 300},   {48, 64, 32},
                                        {97, 65, 40}, {2, 2, 2000}, {100, 530, 30}, {13, 35, 600},
                                        {0, 4, 4},    {4, 0, 4},    {4, 5, 0},      {200, 6, 5}};
    static const dtype types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_BFLOAT16,
                                  INLAY_FLOAT16, INLAY_INT32,   INLAY_INT64};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int trans = 0; trans < 4; trans++)
                check(types[t], shapes[s][0], shapes[s][1], shapes[s][2], trans & 1, trans & 2,
                      next() % 2 ? 0 : 1 + next() % 9);
}

static void products_of_our_own_are_exact(void **state) {
    (void)state;
    assert_true(gemm_choose(GEMM_PORTABLE));
    check_shapes();
    gemm_choose(GEMM_AUTO);
}

static void products_of_onednn_are_exact(void **state) {
    (void)state;
    if (!gemm_choose(GEMM_ONEDNN)) {
        print_message("oneDNN is not installed\n");
        skip();
    }
    check_shapes();
    gemm_choose(GEMM_AUTO);
}

static void other_dtypes_are_refused(void **state) {
    (void)state;
    inlay_error err;
    gemm_call call = {.type = INLAY_BOOL, .batch = 1};
    assert_status(INLAY_UNIMPLEMENTED, gemm_run(&call, &err), &err);
    assert_contains(err.message, "bool");
}

/* NaN and infinity reach what they should, and nothing else: padding of blocks must not. */
static void non_finite_numbers_stay_in_their_row(void **state) {
    (void)state;
    enum { M = 30, N = 40, K = 50 };
    static float a[M * K], b[K * N], c[M * N];
    for (int i = 0; i < M * K; i++) a[i] = 1;
    for (int i = 0; i < K * N; i++) b[i] = 1;
    a[7 * K + 3] = NAN;
    a[8 * K + 3] = INFINITY;
    inlay_error err;
    gemm_call call = {INLAY_FLOAT32, false, false, M, N, K, a, b, c, 1, NULL, NULL};
    assert_ok(gemm_run(&call, &err), &err);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            if (i == 7)
                assert_true(isnan(c[i * N + j]));
            else
                assert_true(c[i * N + j] == (i == 8 ? INFINITY : K));
        }
}

/* Each level that this CPU has, against portable C. */
static void every_level_agrees_with_portable(void **state) {
    (void)state;
    static const unsigned levels[] = {0, CPU_AVX2, CPU_AVX2 | CPU_AVX512, CPU_NEON};
    enum { M = 29, N = 70, K = 41 };
    static float a[M * K], b[K * N], want[M * N], got[M * N];
    static double a64[M * K], b64[K * N], want64[M * N], got64[M * N];
    static uint16_t half[1000];
    static float wide[1000];
    for (int i = 0; i < M * K; i++) a64[i] = a[i] = (float)small();
    for (int i = 0; i < K * N; i++) b64[i] = b[i] = (float)small();
    for (int i = 0; i < 1000; i++) half[i] = (uint16_t)next();
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int p = 0; p < K; p++) sum += a64[i * K + p] * b64[p * N + j];
            want64[i * N + j] = want[i * N + j] = (float)sum;
        }
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        if ((levels[l] & cpu_flags()) != levels[l]) continue;
        gemm_kernels k;
        gemm_kernels_init(&k, levels[l]);
        gemm_source sa = {(uint8_t *)a, K, true, INLAY_FLOAT32}, sb = {(uint8_t *)b, N, false, INLAY_FLOAT32};
        assert_true(gemm_block_f32(&k, &sa, &sb, 0, M, 0, N, K, got, N));
        assert_memory_equal(got, want, sizeof got);
        assert_true(gemm_few_rows(&k, &sa, &sb, GEMM_FEW, 0, N, K, got, N));
        assert_memory_equal(got, want, GEMM_FEW * N * sizeof *got);
        sa = (gemm_source){(uint8_t *)a64, K, true, INLAY_FLOAT64};
        sb = (gemm_source){(uint8_t *)b64, N, false, INLAY_FLOAT64};
        assert_true(gemm_block_f64(&k, &sa, &sb, 0, M, 0, N, K, got64, N));
        assert_memory_equal(got64, want64, sizeof got64);
        k.widen_f16(999, half, wide);
        for (int i = 0; i < 999; i++) assert_true(wide[i] == f16_to_f32(half[i]) || isnan(wide[i]));
        k.widen_bf16(999, half, wide);
        for (int i = 0; i < 999; i++) assert_true(wide[i] == bf16_to_f32(half[i]) || isnan(wide[i]));
    }
}

/* `test_gemm time` prints speed by backend; not part of the test. */
static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void time_products(void) {
    static const int64_t shapes[][3] = {{1, 1024, 1024},    {4, 1024, 1024},    {16, 64, 64},
                                        {32, 256, 256},     {64, 512, 512},     {256, 512, 512},
                                        {1024, 1024, 1024}, {2048, 2048, 2048}, {32, 10000, 300}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int trans_b = 0; trans_b < 2; trans_b++) {
            int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
            float *a = mem_zalloc((size_t)(m * k), 4), *b = mem_zalloc((size_t)(n * k), 4),
                  *c = mem_zalloc((size_t)(m * n), 4);
            if (!a || !b || !c) exit(1);
            printf("%5ld x %5ld x %5ld trans_b %d:", (long)m, (long)n, (long)k, trans_b);
            for (int backend = 1; backend < 3; backend++) {
                if (!gemm_choose((gemm_backend)backend)) continue;
                gemm_call call = {INLAY_FLOAT32, false, trans_b, m, n, k, a, b, c, 1, NULL, NULL};
                double best = 1e9, begin = seconds();
                for (int i = 0; i < 3 || (seconds() - begin < 0.3); i++) {
                    double t = seconds();
                    gemm_run(&call, NULL);
                    t = seconds() - t;
                    best = t < best ? t : best;
                }
                printf("  %s %8.1f us %7.1f GFLOP/s", backend == 1 ? "own" : "oneDNN", best * 1e6,
                       2.0 * (double)m * (double)n * (double)k / best / 1e9);
            }
            printf("\n");
            mem_free(a), mem_free(b), mem_free(c);
        }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "time") == 0) return time_products(), 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_our_own_are_exact),    cmocka_unit_test(products_of_onednn_are_exact),
        cmocka_unit_test(other_dtypes_are_refused),         cmocka_unit_test(non_finite_numbers_stay_in_their_row),
        cmocka_unit_test(every_level_agrees_with_portable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The kernels, written once over a vector type. Who includes this defines
 *   V, W              vector of W float32
 *   D, DW             vector of DW float64
 *   LOAD STORE SET1 FMA SUM ZERO   on V; loads and stores at any alignment; FMA(a, b, c) = a * b + c
 *   DLOAD DSTORE DSET1 DFMA DZERO  on D
 *   MR NV             tile of MR rows by NV vectors
 *   WIDEN_BF16(p) WIDEN_F16(p)     W half-precision numbers at p as V, when the target can
 */
#include "kernel/gemm/gemm_kernels.h"

#include "base/num.h"
#include "tensor/dtype.h"

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

static void tile_f32(int64_t k, const float *a, const float *b, float *c, int64_t ldc, bool add) {
    V sum[MR][NV];
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++) sum[i][j] = ZERO;
    for (int64_t p = 0; p < k; p++, a += MR, b += NV * W) {
        V row[NV];
        UNROLL for (int j = 0; j < NV; j++) row[j] = LOAD(b + j * W);
        UNROLL for (int i = 0; i < MR; i++) {
            V x = SET1(a[i]);
            UNROLL for (int j = 0; j < NV; j++) sum[i][j] = FMA(x, row[j], sum[i][j]);
        }
    }
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++) {
        float *to = c + i * ldc + j * W;
        if (add) sum[i][j] = LOAD(to) + sum[i][j];
        STORE(to, sum[i][j]);
    }
}

static void tile_f64(int64_t k, const double *a, const double *b, double *c, int64_t ldc, bool add) {
    D sum[MR][NV];
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++) sum[i][j] = DZERO;
    for (int64_t p = 0; p < k; p++, a += MR, b += NV * DW) {
        D row[NV];
        UNROLL for (int j = 0; j < NV; j++) row[j] = DLOAD(b + j * DW);
        UNROLL for (int i = 0; i < MR; i++) {
            D x = DSET1(a[i]);
            UNROLL for (int j = 0; j < NV; j++) sum[i][j] = DFMA(x, row[j], sum[i][j]);
        }
    }
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++) {
        double *to = c + i * ldc + j * DW;
        if (add) sum[i][j] = DLOAD(to) + sum[i][j];
        DSTORE(to, sum[i][j]);
    }
}

/* One to four rows of B at a time keep as many streams of memory going. */
static void axpy_f32(int few, int64_t n, int rows, const float *a, const float *const *b, float *c, int64_t ldc) {
    int64_t j = 0;
    if (rows == GEMM_ROWS) {
        const float *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
        for (; j + W <= n; j += W) {
            V v0 = LOAD(b0 + j), v1 = LOAD(b1 + j), v2 = LOAD(b2 + j), v3 = LOAD(b3 + j);
            for (int i = 0; i < few; i++) {
                const float *x = a + i * GEMM_ROWS;
                float *to = c + i * ldc + j;
                STORE(to, FMA(SET1(x[3]), v3, FMA(SET1(x[2]), v2, FMA(SET1(x[1]), v1, FMA(SET1(x[0]), v0, LOAD(to))))));
            }
        }
    }
    for (int i = 0; i < few; i++)
        for (int r = 0; r < rows; r++) {
            float x = a[i * GEMM_ROWS + r];
            for (int64_t t = j; t < n; t++) c[i * ldc + t] += x * load_f32((const uint8_t *)b[r] + t * 4);
        }
}

static void dots_f32(int few, int64_t n, int64_t k, const float *rows, int64_t ld, const float *vectors, float *out,
                     int64_t out_row, int64_t out_vector) {
    enum { GROUP = 4 };
    for (int64_t r = 0; r < n; r += GROUP) {
        int group = (int)(n - r < GROUP ? n - r : GROUP);
        const float *row[GROUP];
        for (int g = 0; g < GROUP; g++) row[g] = rows + (r + (g < group ? g : 0)) * ld;
        for (int i = 0; i < few; i++) {
            const float *vector = vectors + i * k;
            V sum[GROUP];
            UNROLL for (int g = 0; g < GROUP; g++) sum[g] = ZERO;
            int64_t p = 0;
            for (; p + W <= k; p += W) {
                V x = LOAD(vector + p);
                UNROLL for (int g = 0; g < GROUP; g++) sum[g] = FMA(x, LOAD(row[g] + p), sum[g]);
            }
            for (int g = 0; g < group; g++) {
                float total = SUM(sum[g]);
                for (int64_t t = p; t < k; t++) total += vector[t] * load_f32((const uint8_t *)row[g] + t * 4);
                out[(r + g) * out_row + i * out_vector] = total;
            }
        }
    }
}

static void widen_bf16(int64_t n, const void *from, float *to) {
    const uint8_t *p = from;
    int64_t i = 0;
#ifdef WIDEN_BF16
    for (; i + W <= n; i += W) STORE(to + i, WIDEN_BF16(p + 2 * i));
#endif
    for (; i < n; i++) to[i] = bf16_to_f32(load_u16(p + 2 * i));
}

static void widen_f16(int64_t n, const void *from, float *to) {
    const uint8_t *p = from;
    int64_t i = 0;
#ifdef WIDEN_F16
    for (; i + W <= n; i += W) STORE(to + i, WIDEN_F16(p + 2 * i));
#endif
    for (; i < n; i++) to[i] = f16_to_f32(load_u16(p + 2 * i));
}

static void fill_kernels(gemm_kernels *k) {
    *k = (gemm_kernels){
        .mr = MR,
        .nr = NV * W,
        .mr64 = MR,
        .nr64 = NV * DW,
        .tile_f32 = tile_f32,
        .tile_f64 = tile_f64,
        .axpy_f32 = axpy_f32,
        .dots_f32 = dots_f32,
        .widen_bf16 = widen_bf16,
        .widen_f16 = widen_f16,
    };
}

/* Inner loops of the matrix product: portable C, overwritten by what the CPU has. */
#ifndef KERNEL_GEMM_KERNELS_H
#define KERNEL_GEMM_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    GEMM_MAX_MR = 12,
    GEMM_MAX_NR = 32,
    GEMM_FEW = 4,  /* vectors that the kernels for thin products take at most */
    GEMM_ROWS = 4, /* rows that axpy_f32 adds at a time at most */
};

typedef struct gemm_kernels {
    int mr, nr;     /* tile of tile_f32 */
    int mr64, nr64; /* tile of tile_f64 */

    /* C [mr, nr] (rows ldc apart) = or += A·B, with A packed as [k][mr] and B as [k][nr]. */
    void (*tile_f32)(int64_t k, const float *a, const float *b, float *c, int64_t ldc, bool add);
    void (*tile_f64)(int64_t k, const double *a, const double *b, double *c, int64_t ldc, bool add);

    /* C[i][j] += sum over r of A[i][r] * B[r][j]: FEW rows of C (ldc apart), N columns, ROWS rows of B at any
     * alignment; A [few][GEMM_ROWS]. */
    void (*axpy_f32)(int few, int64_t n, int rows, const float *a, const float *const *b, float *c, int64_t ldc);

    /* OUT[r * out_row + i * out_vector] = ROWS[r] · VECTORS[i]: N rows of K at any alignment, LD apart, against FEW
     * vectors of K, K apart. */
    void (*dots_f32)(int few, int64_t n, int64_t k, const float *rows, int64_t ld, const float *vectors, float *out,
                     int64_t out_row, int64_t out_vector);

    /* N half-precision numbers at any alignment as float32. */
    void (*widen_bf16)(int64_t n, const void *from, float *to);
    void (*widen_f16)(int64_t n, const void *from, float *to);
} gemm_kernels;

void gemm_kernels_init(gemm_kernels *k, unsigned cpu_flags);
void gemm_kernels_avx2(gemm_kernels *k);
void gemm_kernels_avx512(gemm_kernels *k);
void gemm_kernels_neon(gemm_kernels *k);

#endif

/* One part of a product on one thread, by packing blocks of A and B for the tile kernels. */
#ifndef KERNEL_GEMM_BLOCK_H
#define KERNEL_GEMM_BLOCK_H

#include "kernel/gemm/gemm_kernels.h"
#include "tensor/dtype.h"

/* A as [row, depth] or B as [column, depth]: element (w, p) is at w * ld + p when depth_runs, else at p * ld + w. */
typedef struct gemm_source {
    const uint8_t *data; /* any alignment */
    int64_t ld;          /* elements */
    bool depth_runs;
    dtype type;
} gemm_source;

static inline const uint8_t *gemm_at(const gemm_source *s, int64_t wide, int64_t depth) {
    int64_t index = s->depth_runs ? wide * s->ld + depth : depth * s->ld + wide;
    return s->data + (uint64_t)index * dtype_size(s->type);
}

/* Rows [m0, m0 + m) and columns [n0, n0 + n) of C, which points at that part with rows ldc apart, of depth K >= 1.
 * float32 C for sources of float32, bfloat16 and float16; float64 C for float64. False when memory is out. */
bool gemm_block_f32(const gemm_kernels *kernels, const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m,
                    int64_t n0, int64_t n, int64_t k, float *c, int64_t ldc);
bool gemm_block_f64(const gemm_kernels *kernels, const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m,
                    int64_t n0, int64_t n, int64_t k, double *c, int64_t ldc);

/* float32 C for few rows (m <= GEMM_FEW) or few columns, without packing. */
bool gemm_few_rows(const gemm_kernels *kernels, const gemm_source *a, const gemm_source *b, int64_t m, int64_t n0,
                   int64_t n, int64_t k, float *c, int64_t ldc);
bool gemm_few_columns(const gemm_kernels *kernels, const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m,
                      int64_t n, int64_t k, float *c, int64_t ldc);

#endif

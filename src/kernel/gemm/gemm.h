/* Matrix products. Large float32 products go to oneDNN when it is installed, everything else to kernels of our own.
 * Nothing is loaded or allocated before the first product. */
#ifndef KERNEL_GEMM_H
#define KERNEL_GEMM_H

#include "tensor/dtype.h"

/* C[i] = op(A[a_index[i]]) · op(B[b_index[i]]), each a matrix in row-major order without gaps. */
typedef struct gemm_call {
    dtype type;            /* of A, B and C: float32, float64, bfloat16, float16 (both summed in float32), int32, int64,
                              complex64, complex128 */
    bool trans_a, trans_b; /* A is stored as [k, m], B as [n, k] */
    int64_t m, n, k;
    const void *a, *b; /* any alignment */
    void *c;           /* [batch, m, n], aligned for its dtype, overwritten */
    int64_t batch;
    const int64_t *a_index, *b_index; /* [batch] number of the matrix to take; NULL: the same as C's */
} gemm_call;

/* Uses the thread pool. Sizes are taken as checked: A, B and C hold what the call says. Integers wrap.
 * Errors: UNIMPLEMENTED (another dtype), RESOURCE_EXHAUSTED (memory). */
inlay_status gemm_run(const gemm_call *call, inlay_error *err);

/* Who computes: by size, never oneDNN ($INLAY_GEMM=portable), or oneDNN whenever it can. */
typedef enum gemm_backend { GEMM_AUTO, GEMM_PORTABLE, GEMM_ONEDNN } gemm_backend;

/* For tests and benchmarks, while no product runs; false when oneDNN is wanted and cannot be loaded. */
bool gemm_choose(gemm_backend backend);

/* "oneDNN 2.6.3", or NULL when none is installed; loads it. */
const char *gemm_onednn_version(void);

#endif

#include <immintrin.h>

typedef __m512 V;
typedef __m512d D;
enum { W = 16, DW = 8, MR = 12, NV = 2 };

static inline __m512 widen(const void *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define SET1(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define SUM(v) _mm512_reduce_add_ps(v)
#define ZERO _mm512_setzero_ps()
#define DLOAD(p) _mm512_loadu_pd(p)
#define DSTORE(p, v) _mm512_storeu_pd(p, v)
#define DSET1(x) _mm512_set1_pd(x)
#define DFMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define DZERO _mm512_setzero_pd()
#define WIDEN_BF16(p) widen(p)
#define WIDEN_F16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(p)))

#include "kernel/gemm/gemm_tile.h"

void gemm_kernels_avx512(gemm_kernels *k) {
    fill_kernels(k);
}

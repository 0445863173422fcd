#include <immintrin.h>

typedef __m256 V;
typedef __m256d D;
enum { W = 8, DW = 4, MR = 6, NV = 2 };

static inline float add_up(__m256 v) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
static inline __m256 widen(const void *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define SET1(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SUM(v) add_up(v)
#define ZERO _mm256_setzero_ps()
#define DLOAD(p) _mm256_loadu_pd(p)
#define DSTORE(p, v) _mm256_storeu_pd(p, v)
#define DSET1(x) _mm256_set1_pd(x)
#define DFMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define DZERO _mm256_setzero_pd()
#define WIDEN_BF16(p) widen(p)
#define WIDEN_F16(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p)))

#include "kernel/gemm/gemm_tile.h"

void gemm_kernels_avx2(gemm_kernels *k) {
    fill_kernels(k);
}

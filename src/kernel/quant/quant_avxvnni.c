/* AVX-VNNI: vpdpbusd in its VEX form. Tiles of 3 queries by 32 rows in 12 of the 16 registers. */
#include "kernel/scan/scan_element.h"

#include <immintrin.h>

enum { LANES = 8, TILE = 3 };
typedef __m256i vec;
typedef __m256 fvec;

INLINE vec set1(int32_t a) {
    return _mm256_set1_epi32(a);
}
INLINE vec loaded(const uint8_t *p) {
    return _mm256_loadu_si256((const void *)p);
}
INLINE vec dot(vec sum, vec rows, vec query) {
    return _mm256_dpbusd_avx_epi32(sum, rows, query);
}
INLINE fvec to_float(vec a) {
    return _mm256_cvtepi32_ps(a);
}
INLINE fvec fset1(float a) {
    return _mm256_set1_ps(a);
}
INLINE fvec times(fvec a, fvec b) {
    return _mm256_mul_ps(a, b);
}
INLINE fvec plus(fvec a, fvec b) {
    return _mm256_add_ps(a, b);
}
INLINE void stored(float *p, fvec a) {
    _mm256_storeu_ps(p, a);
}
INLINE unsigned reach(fvec estimate, fvec limit) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(estimate, limit, _CMP_NLT_UQ));
}

#define LEVEL avxvnni
#define WIDEST_TILE 3
#include "kernel/quant/quant_vnni.inc"

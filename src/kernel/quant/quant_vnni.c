/* AVX-512 VNNI: tiles of 12 queries by 32 rows in 24 of the 32 registers. */
#include "kernel/scan/scan_element.h"

#include <immintrin.h>

enum { LANES = 16, TILE = 12 };
typedef __m512i vec;
typedef __m512 fvec;

INLINE vec set1(int32_t a) {
    return _mm512_set1_epi32(a);
}
INLINE vec loaded(const uint8_t *p) {
    return _mm512_loadu_si512(p);
}
/* GCC 12 spills the accumulators of the intrinsic in a tile as large as this. */
INLINE vec dot(vec sum, vec rows, vec query) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(rows), "v"(query));
    return sum;
}
INLINE fvec to_float(vec a) {
    return _mm512_cvtepi32_ps(a);
}
INLINE fvec fset1(float a) {
    return _mm512_set1_ps(a);
}
INLINE fvec times(fvec a, fvec b) {
    return _mm512_mul_ps(a, b);
}
INLINE fvec plus(fvec a, fvec b) {
    return _mm512_add_ps(a, b);
}
INLINE void stored(float *p, fvec a) {
    _mm512_storeu_ps(p, a);
}
INLINE unsigned reach(fvec estimate, fvec limit) {
    return _mm512_cmp_ps_mask(estimate, limit, _CMP_NLT_UQ);
}

#define LEVEL vnni
#define WIDEST_TILE 12
#include "kernel/quant/quant_vnni.inc"

/* AVX-512: tiles of 12 queries by 32 rows (16 of float64) in 24 of the 32 registers. */
#include "kernel/scan/scan_element.h"

#include <immintrin.h>

/* ---- eight float32 */

typedef __m256 eight;
INLINE eight eight_strided(const uint8_t *p, size_t floats) {
    size_t step = floats * sizeof(float);
    return _mm256_setr_ps(load_f32(p), load_f32(p + step), load_f32(p + 2 * step), load_f32(p + 3 * step),
                          load_f32(p + 4 * step), load_f32(p + 5 * step), load_f32(p + 6 * step),
                          load_f32(p + 7 * step));
}
INLINE eight eight_mul(eight a, eight b) {
    return _mm256_mul_ps(a, b);
}
INLINE eight eight_sub(eight a, eight b) {
    return _mm256_sub_ps(a, b);
}
INLINE unsigned eight_reach(eight a, float threshold) {
    return _mm256_cmp_ps_mask(a, _mm256_set1_ps(threshold), _CMP_NLT_UQ);
}
INLINE void eight_store(float *p, eight a) {
    _mm256_storeu_ps(p, a);
}

/* ---- float sums */

enum { vs_LANES = 16, vs_PANEL = 32, vs_TILE = 12, vs_FEW = 3, vs_MIN_DIM = 1 };
typedef float vs_sum;
typedef __m512 vs_t, vs_scores;
typedef struct vs_tail {
    size_t from;
    __mmask16 mask;
} vs_tail;

INLINE vs_t vs_zero(void) {
    return _mm512_setzero_ps();
}
INLINE vs_t vs_set1(float a) {
    return _mm512_set1_ps(a);
}
INLINE vs_t vs_load(const float *p) {
    return _mm512_loadu_ps(p);
}
INLINE void vs_store(float *p, vs_t a) {
    _mm512_storeu_ps(p, a);
}
INLINE vs_t vs_fma(vs_t a, vs_t b, vs_t c) {
    return _mm512_fmadd_ps(a, b, c);
}
INLINE vs_t vs_sub(vs_t a, vs_t b) {
    return _mm512_sub_ps(a, b);
}
INLINE vs_t vs_add(vs_t a, vs_t b) {
    return _mm512_add_ps(a, b);
}
INLINE vs_t vs_of_bf16(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
INLINE vs_t vs_load_f32(const uint8_t *p) {
    return _mm512_loadu_ps(p);
}
INLINE vs_t vs_load_f16(const uint8_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}
INLINE vs_t vs_load_bf16(const uint8_t *p) {
    return vs_of_bf16(_mm256_loadu_si256((const void *)p));
}
INLINE vs_t vs_of_i8(__m128i bytes) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}
INLINE vs_t vs_load_i8(const uint8_t *p) {
    return vs_of_i8(_mm_loadu_si128((const void *)p));
}
INLINE vs_tail vs_tail_of(size_t dim) {
    return (vs_tail){dim / 16 * 16, (__mmask16)((1u << dim % 16) - 1)};
}
INLINE vs_t vs_tail_sum(const float *p, vs_tail tail) {
    return _mm512_maskz_loadu_ps(tail.mask, p + tail.from);
}
INLINE vs_t vs_tail_f32(const uint8_t *p, vs_tail tail) {
    return _mm512_maskz_loadu_ps(tail.mask, p + 4 * tail.from);
}
INLINE vs_t vs_tail_f16(const uint8_t *p, vs_tail tail) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(tail.mask, p + 2 * tail.from));
}
INLINE vs_t vs_tail_bf16(const uint8_t *p, vs_tail tail) {
    return vs_of_bf16(_mm256_maskz_loadu_epi16(tail.mask, p + 2 * tail.from));
}
INLINE vs_t vs_tail_i8(const uint8_t *p, vs_tail tail) {
    return vs_of_i8(_mm_maskz_loadu_epi8(tail.mask, p + tail.from));
}

/* The same order for each of the eight: halves, then neighbours, then neighbours of those, then quarters. */
INLINE eight vs_reduce(const vs_t v[8]) {
    __m256 half[8];
    UNROLL for (int i = 0; i < 8; i++) half[i] =
        _mm256_add_ps(_mm512_castps512_ps256(v[i]), _mm512_extractf32x8_ps(v[i], 1));
    __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(half[0], half[1]), _mm256_hadd_ps(half[2], half[3]));
    __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(half[4], half[5]), _mm256_hadd_ps(half[6], half[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

/* By pairs, then by fours, then by 128-bit quarters. */
INLINE void vs_transpose(vs_t v[16]) {
    vs_t a[16], b[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4) UNROLL for (int h = 0; h < 2; h++) {
        __m512d low = _mm512_castps_pd(a[i + h]), high = _mm512_castps_pd(a[i + 2 + h]);
        b[i + 2 * h] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
        b[i + 2 * h + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
    UNROLL for (int i = 0; i < 4; i++) {
        vs_t even0 = _mm512_shuffle_f32x4(b[i], b[4 + i], 0x88), odd0 = _mm512_shuffle_f32x4(b[i], b[4 + i], 0xdd);
        vs_t even1 = _mm512_shuffle_f32x4(b[8 + i], b[12 + i], 0x88);
        vs_t odd1 = _mm512_shuffle_f32x4(b[8 + i], b[12 + i], 0xdd);
        v[i] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        v[4 + i] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        v[8 + i] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        v[12 + i] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
}

INLINE vs_scores vs_to_scores(vs_t a) {
    return a;
}
INLINE vs_scores vs_scores_load(const uint8_t *p) {
    return _mm512_loadu_ps(p);
}
INLINE vs_scores vs_scores_set1(float a) {
    return _mm512_set1_ps(a);
}
INLINE vs_scores vs_scores_mul(vs_scores a, vs_scores b) {
    return _mm512_mul_ps(a, b);
}
INLINE vs_scores vs_scores_sub(vs_scores a, vs_scores b) {
    return _mm512_sub_ps(a, b);
}
INLINE void vs_scores_store(float *p, vs_scores a) {
    _mm512_storeu_ps(p, a);
}
INLINE unsigned vs_scores_reach(vs_scores a, vs_scores threshold) {
    return _mm512_cmp_ps_mask(a, threshold, _CMP_NLT_UQ);
}

/* ---- double sums */

enum { vd_LANES = 8, vd_PANEL = 16, vd_TILE = 12, vd_FEW = 3, vd_MIN_DIM = 1 };
typedef double vd_sum;
typedef __m512d vd_t;
typedef __m256 vd_scores;
typedef struct vd_tail {
    size_t from;
    __mmask8 mask;
} vd_tail;

INLINE vd_t vd_zero(void) {
    return _mm512_setzero_pd();
}
INLINE vd_t vd_set1(double a) {
    return _mm512_set1_pd(a);
}
INLINE vd_t vd_load(const double *p) {
    return _mm512_loadu_pd(p);
}
INLINE void vd_store(double *p, vd_t a) {
    _mm512_storeu_pd(p, a);
}
INLINE vd_t vd_fma(vd_t a, vd_t b, vd_t c) {
    return _mm512_fmadd_pd(a, b, c);
}
INLINE vd_t vd_sub(vd_t a, vd_t b) {
    return _mm512_sub_pd(a, b);
}
INLINE vd_t vd_add(vd_t a, vd_t b) {
    return _mm512_add_pd(a, b);
}
INLINE vd_t vd_load_f64(const uint8_t *p) {
    return _mm512_loadu_pd(p);
}
INLINE vd_tail vd_tail_of(size_t dim) {
    return (vd_tail){dim / 8 * 8, (__mmask8)((1u << dim % 8) - 1)};
}
INLINE vd_t vd_tail_sum(const double *p, vd_tail tail) {
    return _mm512_maskz_loadu_pd(tail.mask, p + tail.from);
}
INLINE vd_t vd_tail_f64(const uint8_t *p, vd_tail tail) {
    return _mm512_maskz_loadu_pd(tail.mask, p + 8 * tail.from);
}

/* The same order for each of the eight: halves, then neighbours, then the two pairs. */
INLINE eight vd_reduce(const vd_t v[8]) {
    __m256 out[2];
    UNROLL for (int h = 0; h < 2; h++) {
        __m256d half[4];
        UNROLL for (int i = 0; i < 4; i++) half[i] =
            _mm256_add_pd(_mm512_castpd512_pd256(v[4 * h + i]), _mm512_extractf64x4_pd(v[4 * h + i], 1));
        __m256d a = _mm256_hadd_pd(half[0], half[1]), b = _mm256_hadd_pd(half[2], half[3]);
        out[h] = _mm256_castps128_ps256(
            _mm256_cvtpd_ps(_mm256_add_pd(_mm256_permute2f128_pd(a, b, 0x20), _mm256_permute2f128_pd(a, b, 0x31))));
    }
    return _mm256_insertf128_ps(out[0], _mm256_castps256_ps128(out[1]), 1);
}

/* By pairs, then by 128-bit quarters. */
INLINE void vd_transpose(vd_t v[8]) {
    vd_t a[8];
    UNROLL for (int i = 0; i < 8; i += 2) {
        a[i] = _mm512_unpacklo_pd(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_pd(v[i], v[i + 1]);
    }
    UNROLL for (int i = 0; i < 2; i++) {
        vd_t even0 = _mm512_shuffle_f64x2(a[i], a[2 + i], 0x88), odd0 = _mm512_shuffle_f64x2(a[i], a[2 + i], 0xdd);
        vd_t even1 = _mm512_shuffle_f64x2(a[4 + i], a[6 + i], 0x88);
        vd_t odd1 = _mm512_shuffle_f64x2(a[4 + i], a[6 + i], 0xdd);
        v[i] = _mm512_shuffle_f64x2(even0, even1, 0x88);
        v[2 + i] = _mm512_shuffle_f64x2(odd0, odd1, 0x88);
        v[4 + i] = _mm512_shuffle_f64x2(even0, even1, 0xdd);
        v[6 + i] = _mm512_shuffle_f64x2(odd0, odd1, 0xdd);
    }
}

INLINE vd_scores vd_to_scores(vd_t a) {
    return _mm512_cvtpd_ps(a);
}
INLINE vd_scores vd_scores_load(const uint8_t *p) {
    return _mm256_loadu_ps((const void *)p);
}
INLINE vd_scores vd_scores_set1(float a) {
    return _mm256_set1_ps(a);
}
INLINE vd_scores vd_scores_mul(vd_scores a, vd_scores b) {
    return _mm256_mul_ps(a, b);
}
INLINE vd_scores vd_scores_sub(vd_scores a, vd_scores b) {
    return _mm256_sub_ps(a, b);
}
INLINE void vd_scores_store(float *p, vd_scores a) {
    _mm256_storeu_ps(p, a);
}
INLINE unsigned vd_scores_reach(vd_scores a, vd_scores threshold) {
    return _mm256_cmp_ps_mask(a, threshold, _CMP_NLT_UQ);
}

#define LEVEL avx512
#define WIDEST_TILE 12
#include "kernel/scan/scan_simd.inc"

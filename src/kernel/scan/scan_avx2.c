/* AVX2 with FMA and F16C: tiles of 6 queries by 16 rows (8 of float64) in 12 of the 16 registers. */
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
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_set1_ps(threshold), _CMP_NLT_UQ));
}
INLINE void eight_store(float *p, eight a) {
    _mm256_storeu_ps(p, a);
}

/* ---- float sums */

enum { vs_LANES = 8, vs_PANEL = 16, vs_TILE = 6, vs_FEW = 1, vs_MIN_DIM = 8 };
typedef float vs_sum;
typedef __m256 vs_t, vs_scores;

/* The last eight elements of a row, of which those that are not in a whole vector count. */
typedef struct vs_tail {
    size_t from;
    __m256 mask;
} vs_tail;

INLINE vs_t vs_zero(void) {
    return _mm256_setzero_ps();
}
INLINE vs_t vs_set1(float a) {
    return _mm256_set1_ps(a);
}
INLINE vs_t vs_load(const float *p) {
    return _mm256_loadu_ps(p);
}
INLINE void vs_store(float *p, vs_t a) {
    _mm256_storeu_ps(p, a);
}
INLINE vs_t vs_fma(vs_t a, vs_t b, vs_t c) {
    return _mm256_fmadd_ps(a, b, c);
}
INLINE vs_t vs_sub(vs_t a, vs_t b) {
    return _mm256_sub_ps(a, b);
}
INLINE vs_t vs_add(vs_t a, vs_t b) {
    return _mm256_add_ps(a, b);
}
INLINE vs_t vs_load_f32(const uint8_t *p) {
    return _mm256_loadu_ps((const void *)p);
}
INLINE vs_t vs_load_f16(const uint8_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}
INLINE vs_t vs_load_bf16(const uint8_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16));
}
INLINE vs_t vs_load_i8(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}
INLINE vs_tail vs_tail_of(size_t dim) {
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), first = _mm256_set1_epi32(7 - (int)(dim % 8));
    return (vs_tail){dim - 8, _mm256_castsi256_ps(_mm256_cmpgt_epi32(lane, first))};
}
INLINE vs_t vs_tail_sum(const float *p, vs_tail tail) {
    return _mm256_and_ps(vs_load(p + tail.from), tail.mask);
}
INLINE vs_t vs_tail_f32(const uint8_t *p, vs_tail tail) {
    return _mm256_and_ps(vs_load_f32(p + 4 * tail.from), tail.mask);
}
INLINE vs_t vs_tail_f16(const uint8_t *p, vs_tail tail) {
    return _mm256_and_ps(vs_load_f16(p + 2 * tail.from), tail.mask);
}
INLINE vs_t vs_tail_bf16(const uint8_t *p, vs_tail tail) {
    return _mm256_and_ps(vs_load_bf16(p + 2 * tail.from), tail.mask);
}
INLINE vs_t vs_tail_i8(const uint8_t *p, vs_tail tail) {
    return _mm256_and_ps(vs_load_i8(p + tail.from), tail.mask);
}

/* The same order for each of the eight: neighbours, then neighbours of those, then halves. */
INLINE eight vs_reduce(const vs_t v[8]) {
    __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

/* By pairs, then by fours, then by halves. */
INLINE void vs_transpose(vs_t v[8]) {
    vs_t a[8], b[8];
    UNROLL for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL for (int i = 0; i < 8; i += 4) UNROLL for (int h = 0; h < 2; h++) {
        b[i + 2 * h] = _mm256_shuffle_ps(a[i + h], a[i + 2 + h], 0x44);
        b[i + 2 * h + 1] = _mm256_shuffle_ps(a[i + h], a[i + 2 + h], 0xee);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x20);
        v[4 + i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x31);
    }
}

INLINE vs_scores vs_to_scores(vs_t a) {
    return a;
}
INLINE vs_scores vs_scores_load(const uint8_t *p) {
    return _mm256_loadu_ps((const void *)p);
}
INLINE vs_scores vs_scores_set1(float a) {
    return _mm256_set1_ps(a);
}
INLINE vs_scores vs_scores_mul(vs_scores a, vs_scores b) {
    return _mm256_mul_ps(a, b);
}
INLINE vs_scores vs_scores_sub(vs_scores a, vs_scores b) {
    return _mm256_sub_ps(a, b);
}
INLINE void vs_scores_store(float *p, vs_scores a) {
    _mm256_storeu_ps(p, a);
}
INLINE unsigned vs_scores_reach(vs_scores a, vs_scores threshold) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, threshold, _CMP_NLT_UQ));
}

/* ---- double sums */

enum { vd_LANES = 4, vd_PANEL = 8, vd_TILE = 6, vd_FEW = 1, vd_MIN_DIM = 4 };
typedef double vd_sum;
typedef __m256d vd_t;
typedef __m128 vd_scores;
typedef struct vd_tail {
    size_t from;
    __m256d mask;
} vd_tail;

INLINE vd_t vd_zero(void) {
    return _mm256_setzero_pd();
}
INLINE vd_t vd_set1(double a) {
    return _mm256_set1_pd(a);
}
INLINE vd_t vd_load(const double *p) {
    return _mm256_loadu_pd(p);
}
INLINE void vd_store(double *p, vd_t a) {
    _mm256_storeu_pd(p, a);
}
INLINE vd_t vd_fma(vd_t a, vd_t b, vd_t c) {
    return _mm256_fmadd_pd(a, b, c);
}
INLINE vd_t vd_sub(vd_t a, vd_t b) {
    return _mm256_sub_pd(a, b);
}
INLINE vd_t vd_add(vd_t a, vd_t b) {
    return _mm256_add_pd(a, b);
}
INLINE vd_t vd_load_f64(const uint8_t *p) {
    return _mm256_loadu_pd((const void *)p);
}
INLINE vd_tail vd_tail_of(size_t dim) {
    __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3), first = _mm256_set1_epi64x(3 - (int)(dim % 4));
    return (vd_tail){dim - 4, _mm256_castsi256_pd(_mm256_cmpgt_epi64(lane, first))};
}
INLINE vd_t vd_tail_sum(const double *p, vd_tail tail) {
    return _mm256_and_pd(vd_load(p + tail.from), tail.mask);
}
INLINE vd_t vd_tail_f64(const uint8_t *p, vd_tail tail) {
    return _mm256_and_pd(vd_load_f64(p + 8 * tail.from), tail.mask);
}

/* The same order for each of the eight: neighbours, then halves. */
INLINE __m128 four_sums(const vd_t v[4]) {
    __m256d a = _mm256_hadd_pd(v[0], v[1]), b = _mm256_hadd_pd(v[2], v[3]);
    return _mm256_cvtpd_ps(_mm256_add_pd(_mm256_permute2f128_pd(a, b, 0x20), _mm256_permute2f128_pd(a, b, 0x31)));
}
INLINE eight vd_reduce(const vd_t v[8]) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(four_sums(v)), four_sums(v + 4), 1);
}

INLINE void vd_transpose(vd_t v[4]) {
    vd_t a = _mm256_unpacklo_pd(v[0], v[1]), b = _mm256_unpackhi_pd(v[0], v[1]);
    vd_t c = _mm256_unpacklo_pd(v[2], v[3]), d = _mm256_unpackhi_pd(v[2], v[3]);
    v[0] = _mm256_permute2f128_pd(a, c, 0x20);
    v[1] = _mm256_permute2f128_pd(b, d, 0x20);
    v[2] = _mm256_permute2f128_pd(a, c, 0x31);
    v[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

INLINE vd_scores vd_to_scores(vd_t a) {
    return _mm256_cvtpd_ps(a);
}
INLINE vd_scores vd_scores_load(const uint8_t *p) {
    return _mm_loadu_ps((const void *)p);
}
INLINE vd_scores vd_scores_set1(float a) {
    return _mm_set1_ps(a);
}
INLINE vd_scores vd_scores_mul(vd_scores a, vd_scores b) {
    return _mm_mul_ps(a, b);
}
INLINE vd_scores vd_scores_sub(vd_scores a, vd_scores b) {
    return _mm_sub_ps(a, b);
}
INLINE void vd_scores_store(float *p, vd_scores a) {
    _mm_storeu_ps(p, a);
}
INLINE unsigned vd_scores_reach(vd_scores a, vd_scores threshold) {
    return (unsigned)_mm_movemask_ps(_mm_cmp_ps(a, threshold, _CMP_NLT_UQ));
}

#define LEVEL avx2
#define WIDEST_TILE 6
#include "kernel/scan/scan_simd.inc"

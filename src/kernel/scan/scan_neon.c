/* NEON on AArch64: tiles of 12 queries by 8 rows (4 of float64) in 24 of the 32 registers. */
#include "kernel/scan/scan_element.h"

#include <arm_neon.h>

/* ---- eight float32 */

typedef struct eight {
    float32x4_t low, high;
} eight;
INLINE eight eight_strided(const uint8_t *p, size_t floats) {
    size_t step = floats * sizeof(float);
    float v[8];
    for (size_t i = 0; i < 8; i++) v[i] = load_f32(p + i * step);
    return (eight){vld1q_f32(v), vld1q_f32(v + 4)};
}
INLINE eight eight_mul(eight a, eight b) {
    return (eight){vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)};
}
INLINE eight eight_sub(eight a, eight b) {
    return (eight){vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)};
}
INLINE unsigned four_reach(float32x4_t a, float32x4_t threshold) {
    static const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vbicq_u32(vld1q_u32(bits), vcltq_f32(a, threshold)));
}
INLINE unsigned eight_reach(eight a, float threshold) {
    float32x4_t t = vdupq_n_f32(threshold);
    return four_reach(a.low, t) | four_reach(a.high, t) << 4;
}
INLINE void eight_store(float *p, eight a) {
    vst1q_f32(p, a.low);
    vst1q_f32(p + 4, a.high);
}

/* ---- float sums */

enum { vs_LANES = 4, vs_PANEL = 8, vs_TILE = 12, vs_FEW = 2, vs_MIN_DIM = 4 };
typedef float vs_sum;
typedef float32x4_t vs_t, vs_scores;

/* The last four elements of a row, of which those that are not in a whole vector count. */
typedef struct vs_tail {
    size_t from;
    uint32x4_t mask;
} vs_tail;

INLINE vs_t vs_zero(void) {
    return vdupq_n_f32(0);
}
INLINE vs_t vs_set1(float a) {
    return vdupq_n_f32(a);
}
INLINE vs_t vs_load(const float *p) {
    return vld1q_f32(p);
}
INLINE void vs_store(float *p, vs_t a) {
    vst1q_f32(p, a);
}
INLINE vs_t vs_fma(vs_t a, vs_t b, vs_t c) {
    return vfmaq_f32(c, a, b);
}
INLINE vs_t vs_sub(vs_t a, vs_t b) {
    return vsubq_f32(a, b);
}
INLINE vs_t vs_add(vs_t a, vs_t b) {
    return vaddq_f32(a, b);
}
INLINE vs_t vs_load_f32(const uint8_t *p) {
    vs_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE uint16x4_t load_halves(const uint8_t *p) {
    uint16x4_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE vs_t vs_load_f16(const uint8_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(load_halves(p)));
}
INLINE vs_t vs_load_bf16(const uint8_t *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(load_halves(p), 16));
}
INLINE vs_t vs_load_i8(const uint8_t *p) {
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(load_u32(p)))))));
}
INLINE vs_t vs_and(vs_t a, vs_tail tail) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), tail.mask));
}
INLINE vs_tail vs_tail_of(size_t dim) {
    static const uint32_t lane[4] = {0, 1, 2, 3};
    return (vs_tail){dim - 4, vcgtq_u32(vld1q_u32(lane), vdupq_n_u32(3 - (uint32_t)(dim % 4)))};
}
INLINE vs_t vs_tail_sum(const float *p, vs_tail tail) {
    return vs_and(vs_load(p + tail.from), tail);
}
INLINE vs_t vs_tail_f32(const uint8_t *p, vs_tail tail) {
    return vs_and(vs_load_f32(p + 4 * tail.from), tail);
}
INLINE vs_t vs_tail_f16(const uint8_t *p, vs_tail tail) {
    return vs_and(vs_load_f16(p + 2 * tail.from), tail);
}
INLINE vs_t vs_tail_bf16(const uint8_t *p, vs_tail tail) {
    return vs_and(vs_load_bf16(p + 2 * tail.from), tail);
}
INLINE vs_t vs_tail_i8(const uint8_t *p, vs_tail tail) {
    return vs_and(vs_load_i8(p + tail.from), tail);
}

/* The same order for each of the eight: neighbours, then the two pairs. */
INLINE eight vs_reduce(const vs_t v[8]) {
    return (eight){vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3])),
                   vpaddq_f32(vpaddq_f32(v[4], v[5]), vpaddq_f32(v[6], v[7]))};
}

INLINE float32x4_t zip_low(float32x4_t a, float32x4_t b) {
    return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
INLINE float32x4_t zip_high(float32x4_t a, float32x4_t b) {
    return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
INLINE void vs_transpose(vs_t v[4]) {
    vs_t a = vtrn1q_f32(v[0], v[1]), b = vtrn2q_f32(v[0], v[1]);
    vs_t c = vtrn1q_f32(v[2], v[3]), d = vtrn2q_f32(v[2], v[3]);
    v[0] = zip_low(a, c);
    v[1] = zip_low(b, d);
    v[2] = zip_high(a, c);
    v[3] = zip_high(b, d);
}

INLINE vs_scores vs_to_scores(vs_t a) {
    return a;
}
INLINE vs_scores vs_scores_load(const uint8_t *p) {
    return vs_load_f32(p);
}
INLINE vs_scores vs_scores_set1(float a) {
    return vdupq_n_f32(a);
}
INLINE vs_scores vs_scores_mul(vs_scores a, vs_scores b) {
    return vmulq_f32(a, b);
}
INLINE vs_scores vs_scores_sub(vs_scores a, vs_scores b) {
    return vsubq_f32(a, b);
}
INLINE void vs_scores_store(float *p, vs_scores a) {
    vst1q_f32(p, a);
}
INLINE unsigned vs_scores_reach(vs_scores a, vs_scores threshold) {
    return four_reach(a, threshold);
}

/* ---- double sums */

enum { vd_LANES = 2, vd_PANEL = 4, vd_TILE = 12, vd_FEW = 2, vd_MIN_DIM = 2 };
typedef double vd_sum;
typedef float64x2_t vd_t;
typedef float32x2_t vd_scores;

/* The last element of a row of odd length, in the upper lane. */
typedef struct vd_tail {
    size_t from;
} vd_tail;

INLINE vd_t vd_zero(void) {
    return vdupq_n_f64(0);
}
INLINE vd_t vd_set1(double a) {
    return vdupq_n_f64(a);
}
INLINE vd_t vd_load(const double *p) {
    return vld1q_f64(p);
}
INLINE void vd_store(double *p, vd_t a) {
    vst1q_f64(p, a);
}
INLINE vd_t vd_fma(vd_t a, vd_t b, vd_t c) {
    return vfmaq_f64(c, a, b);
}
INLINE vd_t vd_sub(vd_t a, vd_t b) {
    return vsubq_f64(a, b);
}
INLINE vd_t vd_add(vd_t a, vd_t b) {
    return vaddq_f64(a, b);
}
INLINE vd_t vd_load_f64(const uint8_t *p) {
    vd_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE vd_tail vd_tail_of(size_t dim) {
    return (vd_tail){dim - 1};
}
INLINE vd_t vd_tail_sum(const double *p, vd_tail tail) {
    return vsetq_lane_f64(p[tail.from], vdupq_n_f64(0), 1);
}
INLINE vd_t vd_tail_f64(const uint8_t *p, vd_tail tail) {
    return vsetq_lane_f64(element_f64(p + 8 * tail.from), vdupq_n_f64(0), 1);
}

INLINE float32x4_t four_sums(const vd_t v[4]) {
    return vcombine_f32(vcvt_f32_f64(vpaddq_f64(v[0], v[1])), vcvt_f32_f64(vpaddq_f64(v[2], v[3])));
}
INLINE eight vd_reduce(const vd_t v[8]) {
    return (eight){four_sums(v), four_sums(v + 4)};
}

INLINE void vd_transpose(vd_t v[2]) {
    vd_t a = vzip1q_f64(v[0], v[1]);
    v[1] = vzip2q_f64(v[0], v[1]);
    v[0] = a;
}

INLINE vd_scores vd_to_scores(vd_t a) {
    return vcvt_f32_f64(a);
}
INLINE vd_scores vd_scores_load(const uint8_t *p) {
    vd_scores v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE vd_scores vd_scores_set1(float a) {
    return vdup_n_f32(a);
}
INLINE vd_scores vd_scores_mul(vd_scores a, vd_scores b) {
    return vmul_f32(a, b);
}
INLINE vd_scores vd_scores_sub(vd_scores a, vd_scores b) {
    return vsub_f32(a, b);
}
INLINE void vd_scores_store(float *p, vd_scores a) {
    vst1_f32(p, a);
}
INLINE unsigned vd_scores_reach(vd_scores a, vd_scores threshold) {
    static const uint32_t bits[2] = {1, 2};
    return vaddv_u32(vbic_u32(vld1_u32(bits), vclt_f32(a, threshold)));
}

#define LEVEL neon
#define WIDEST_TILE 12
#include "kernel/scan/scan_simd.inc"

#include <arm_neon.h>

#include <string.h>

typedef float32x4_t V;
typedef float64x2_t D;
enum { W = 4, DW = 2, MR = 8, NV = 2 };

/* vld1 wants the alignment of an element; memcpy does not, and becomes the same load. */
static inline V load(const void *p) {
    V v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline D load_double(const void *p) {
    D v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint16x4_t load_half(const void *p) {
    uint16x4_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
#define LOAD(p) load(p)
#define STORE(p, v) vst1q_f32(p, v)
#define SET1(x) vdupq_n_f32(x)
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define SUM(v) vaddvq_f32(v)
#define ZERO vdupq_n_f32(0)
#define DLOAD(p) load_double(p)
#define DSTORE(p, v) vst1q_f64(p, v)
#define DSET1(x) vdupq_n_f64(x)
#define DFMA(a, b, c) vfmaq_f64(c, a, b)
#define DZERO vdupq_n_f64(0)
#define WIDEN_BF16(p) vreinterpretq_f32_u32(vshll_n_u16(load_half(p), 16))
#define WIDEN_F16(p) vcvt_f32_f16(vreinterpret_f16_u16(load_half(p)))

#include "kernel/gemm/gemm_tile.h"

void gemm_kernels_neon(gemm_kernels *k) {
    fill_kernels(k);
}

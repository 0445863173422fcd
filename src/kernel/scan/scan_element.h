/* Single elements and scores: what every level of the scan shares. */
#ifndef KERNEL_SCAN_SCAN_ELEMENT_H
#define KERNEL_SCAN_SCAN_ELEMENT_H

#include "base/num.h"
#include "kernel/scan/scan.h"

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define KEEP_IN_MEMORY(array) __asm__ volatile("" : : "r"(array) : "memory")
#define RARELY(condition) __builtin_expect(!!(condition), 0)

extern const scan_kernels scan_portable; /* scan.c */

/* scan_type by the suffix of functions */
enum { INDEX_f32 = SCAN_F32, INDEX_f64 = SCAN_F64, INDEX_f16 = SCAN_F16, INDEX_bf16 = SCAN_BF16, INDEX_i8 = SCAN_I8 };

static inline float element_f32(const uint8_t *p) {
    return load_f32(p);
}
static inline double element_f64(const uint8_t *p) {
    double v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline float float_of_bits(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
/* The exponent's bias differs by 112, which the product adds, exactly, for subnormal numbers too. Infinities and NaNs
 * get all bits of the exponent. */
static inline float element_f16(const uint8_t *p) {
    uint32_t half = load_u16(p), bits;
    float size = float_of_bits((half & 0x7fff) << 13) * 0x1p112f;
    memcpy(&bits, &size, sizeof bits);
    uint32_t special = (half & 0x7c00) == 0x7c00;
    return float_of_bits(bits | ((0 - special) & 0x7f800000) | (half & 0x8000) << 16);
}
static inline float element_bf16(const uint8_t *p) {
    return float_of_bits((uint32_t)load_u16(p) << 16);
}

static inline float element_i8(const uint8_t *p) {
    return (float)(int8_t)*p;
}

static inline float side_of(const scan_rows *r, size_t row) {
    return load_f32(r->side + sizeof(float) * row);
}

/* A NaN passes too: scan_top_offer knows what it counts as. */
static inline void scan_offer(const scan_rows *r, size_t row, float score, scan_top *top) {
    if (!(score < top->threshold)) scan_top_offer(top, score, r->first_row + (int64_t)row);
}

#endif

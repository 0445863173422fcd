/* Single elements and scores: what every level of the scan shares. */
#ifndef KERNEL_SCAN_SCAN_ELEMENT_H
#define KERNEL_SCAN_SCAN_ELEMENT_H

#include "base/num.h"
#include "kernel/scan/scan.h"
#include "tensor/dtype.h"

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define KEEP_IN_MEMORY(array) __asm__ volatile("" : : "r"(array) : "memory")
#define RARELY(condition) __builtin_expect(!!(condition), 0)

extern const scan_kernels scan_portable; /* scan.c */

/* scan_type by the suffix of functions */
enum { INDEX_f32 = SCAN_F32, INDEX_f64 = SCAN_F64, INDEX_f16 = SCAN_F16, INDEX_bf16 = SCAN_BF16 };

static inline float element_f32(const uint8_t *p) {
    return load_f32(p);
}
static inline double element_f64(const uint8_t *p) {
    double v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline float element_f16(const uint8_t *p) {
    return f16_to_f32(load_u16(p));
}
static inline float element_bf16(const uint8_t *p) {
    return bf16_to_f32(load_u16(p));
}

static inline float side_of(const scan_rows *r, size_t row) {
    return load_f32(r->side + sizeof(float) * row);
}

/* A NaN passes too: scan_top_offer knows what it counts as. */
static inline void scan_offer(const scan_rows *r, size_t row, float score, scan_top *top) {
    if (!(score < top->threshold)) scan_top_offer(top, score, r->first_row + (int64_t)row);
}

#endif

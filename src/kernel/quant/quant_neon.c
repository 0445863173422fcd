/* NEON: products of eight bits in 16, which two of them cannot overflow: 128 * 127 * 2 < 2^15. */
#include "kernel/scan/scan_element.h"

#include <arm_neon.h>

INLINE int32x4_t dot4(int32x4_t sum, int8x16_t x, int8x16_t query) {
    int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(query)), high = vmull_high_s8(x, query);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

#define LEVEL neon
#include "kernel/quant/quant_neon.inc"

/* The dot product instructions of AArch64. */
#include "kernel/scan/scan_element.h"

#include <arm_neon.h>

INLINE int32x4_t dot4(int32x4_t sum, int8x16_t x, int8x16_t query) {
    return vdotq_s32(sum, x, query);
}

#define LEVEL dotprod
#include "kernel/quant/quant_neon.inc"

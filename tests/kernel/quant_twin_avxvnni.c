#include "kernel/quant_twins.h"

#include <immintrin.h>
#include <string.h>

/* vpdpbusd: each of eight sums of 32 bits, wrapping, += four unsigned bytes of A times the signed ones of B. */
static inline __m256i twin_dpbusd(__m256i sum, __m256i a, __m256i b) {
    uint32_t sums[8];
    uint8_t left[32];
    int8_t right[32];
    memcpy(sums, &sum, sizeof sums);
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    for (int i = 0; i < 32; i++) sums[i / 4] += (uint32_t)(left[i] * right[i]);
    memcpy(&sum, sums, sizeof sums);
    return sum;
}

#define _mm256_dpbusd_avx_epi32 twin_dpbusd
#define quant_kernels_avxvnni quant_twin_avxvnni
#include "kernel/quant/quant_avxvnni.c"

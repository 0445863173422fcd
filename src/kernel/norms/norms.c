#define LEVEL(name) portable_##name
#include "kernel/norms/norms_body.h"

#include "base/cpu.h"

#include <math.h>

void norms_fill_avx2(norms_kernels *k);
void norms_fill_avx512(norms_kernels *k);

void norms_kernels_init(norms_kernels *k, unsigned cpu_flags) {
    portable_fill(k);
#if defined(__x86_64__)
    if (cpu_flags & CPU_AVX2) norms_fill_avx2(k);
    if (cpu_flags & CPU_AVX512) norms_fill_avx512(k);
#else
    (void)cpu_flags;
#endif
}

static double element(const uint8_t *p, dtype type) {
    double wide;
    switch (type) {
    case INLAY_FLOAT16: return f16_to_f32(load_u16(p));
    case INLAY_BFLOAT16: return bf16_to_f32(load_u16(p));
    case INLAY_INT8: return (int8_t)*p;
    case INLAY_FLOAT64: memcpy(&wide, p, sizeof wide); return wide;
    default: return load_f32(p);
    }
}

double norms_exact(const void *row, size_t dim, size_t stride, dtype type, bool *finite) {
    double sum = 0;
    *finite = true;
    for (size_t i = 0; i < dim; i++) {
        double v = element((const uint8_t *)row + i * stride, type);
        if (!isfinite(v)) *finite = false;
        sum += v * v;
    }
    return sum;
}

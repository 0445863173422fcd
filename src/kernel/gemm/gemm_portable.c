/* Four floats at a time by the compilers' vector types: SSE2 on x86-64, and whatever a target has. */
#include <string.h>

typedef float V __attribute__((vector_size(16)));
typedef double D __attribute__((vector_size(16)));
enum { W = 4, DW = 2, MR = 4, NV = 2 };

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
#define LOAD(p) load(p)
static inline void store(void *p, V v) {
    memcpy(p, &v, sizeof v);
}
static inline void store_double(void *p, D v) {
    memcpy(p, &v, sizeof v);
}
#define STORE(p, v) store(p, v)
#define SET1(x) ((V){(x), (x), (x), (x)})
#define FMA(a, b, c) ((a) * (b) + (c))
#define SUM(v) (((v)[0] + (v)[1]) + ((v)[2] + (v)[3]))
#define ZERO ((V){0})
#define DLOAD(p) load_double(p)
#define DSTORE(p, v) store_double(p, v)
#define DSET1(x) ((D){(x), (x)})
#define DFMA(a, b, c) ((a) * (b) + (c))
#define DZERO ((D){0})

#include "kernel/gemm/gemm_tile.h"

#include "base/cpu.h"

void gemm_kernels_init(gemm_kernels *k, unsigned cpu_flags) {
    fill_kernels(k);
    (void)cpu_flags;
#if defined(__x86_64__)
    if (cpu_flags & CPU_AVX2) gemm_kernels_avx2(k);
    if (cpu_flags & CPU_AVX512) gemm_kernels_avx512(k);
#elif defined(__aarch64__)
    if (cpu_flags & CPU_NEON) gemm_kernels_neon(k);
#endif
}

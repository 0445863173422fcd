#define LEVEL(name) avx512_##name
#include "kernel/norms/norms_body.h"

void norms_fill_avx512(norms_kernels *k);
void norms_fill_avx512(norms_kernels *k) {
    avx512_fill(k);
}

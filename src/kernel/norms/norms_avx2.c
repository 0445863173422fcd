#define LEVEL(name) avx2_##name
#include "kernel/norms/norms_body.h"

void norms_fill_avx2(norms_kernels *k);
void norms_fill_avx2(norms_kernels *k) {
    avx2_fill(k);
}

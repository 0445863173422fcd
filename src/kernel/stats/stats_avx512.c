#define LEVEL(name) avx512_##name
#include "kernel/stats/stats_body.h"

void stats_fill_avx512(stats_kernels *k);
void stats_fill_avx512(stats_kernels *k) {
    avx512_fill(k);
}

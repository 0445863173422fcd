#define LEVEL(name) avx2_##name
#include "kernel/stats/stats_body.h"

void stats_fill_avx2(stats_kernels *k);
void stats_fill_avx2(stats_kernels *k) {
    avx2_fill(k);
}

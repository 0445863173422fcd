/* bandwidth [MEGABYTES]: how fast the pool's threads read memory that no cache holds, one stream each or several. */
#include "base/pool.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

static void show(const bench_way *way) {
    printf("%2d streams in chunks of %4zu KiB  %6.1f GB/s\n", way->streams, way->chunk >> 10,
           way->gigabytes_per_second);
}

int main(int argc, char **argv) {
    size_t bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1024) << 20;
    void *memory = bench_memory(bytes);
    printf("%zu MiB, %d threads\n", bytes >> 20, pool_threads());
    bench_way best = bench_bandwidth(memory, bytes, 7, show);
    printf("best: %d streams in chunks of %zu KiB, %.1f GB/s\n", best.streams, best.chunk >> 10,
           best.gigabytes_per_second);
    bench_memory_free(memory, bytes);
    return 0;
}

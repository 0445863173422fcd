/* read FILE...: how fast the pool's threads read mapped files from the page cache, in the order of the bytes. Prints
 * GB/s, the median of five. */
#include "base/file.h"
#include "base/pool.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 1 << 20, RUNS = 5 };

static _Atomic uint64_t sink;

static void read_piece(void *ctx, size_t index, int worker) {
    (void)worker;
    const file_map *map = ctx;
    uint64_t first = (uint64_t)index * PIECE, size = map->size - first < PIECE ? map->size - first : PIECE, sum = 0;
    for (uint64_t i = 0; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, map->data + first + i, sizeof word);
        sum += word;
    }
    sink += sum;
}

static int compare(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv) {
    double rates[RUNS];
    for (int run = 0; run < RUNS; run++) {
        double start = bench_seconds();
        uint64_t bytes = 0;
        for (int i = 1; i < argc; i++) {
            file_map *map;
            inlay_error err;
            if (file_map_open(argv[i], false, &map, &err) != INLAY_OK) return fprintf(stderr, "%s\n", err.message), 1;
            pool_run((size_t)((map->size + PIECE - 1) / PIECE), read_piece, map);
            bytes += map->size;
            file_map_release(map);
        }
        rates[run] = (double)bytes / (bench_seconds() - start) * 1e-9;
    }
    qsort(rates, RUNS, sizeof *rates, compare);
    printf("%.2f\n", rates[RUNS / 2]);
    return 0;
}

/* scan [ROWS DIM [QUERIES...]]: exact search over float32 rows in memory, k = 10, beside the bandwidth of the machine,
 * both measured in turn within this run. */
#include "kernel/scan/scan.h"
#include "base/pool.h"
#include "probe.h"
#include "search/search.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { K = 10, MAX_QUERIES = 10000 };

typedef struct bench {
    search_view view;
    search_chunk chunk;
    bench_reading reading;
    const float *queries;
    int64_t n;
    float *scores;
    int64_t *rows;
} bench;

/* Gaussian numbers, near enough: sums of four uniform ones. */
static void fill(float *p, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        uint64_t x = (seed ^ seed >> 29) * 0xbf58476d1ce4e5b9;
        p[i] = (float)((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48)) / 65536 - 2;
    }
}

static void run_inlay(void *ctx) {
    bench *b = ctx;
    inlay_error err;
    if (search_topk(&b->view, b->queries, b->n, K, b->scores, b->rows, &err) != INLAY_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
}

static void measure(bench *b, int64_t n) {
    b->n = n;
    double bytes = (double)b->reading.bytes, bandwidth;
    bench_work works[] = {
        {bench_read, &b->reading, 0, 0},
        {run_inlay, b, 0, 0},
    };
    bench_measure(works, sizeof works / sizeof *works, n >= 1000 ? 3 : 9);
    bandwidth = bytes / works[0].median * 1e-9;
    double ms = works[1].median * 1e3, rate = bytes / works[1].median * 1e-9;
    printf("%" PRId64 " x %" PRId64 ", %4" PRId64
           " queries %9.2f ms  %5.1f GB/s of %5.1f = %.2f (best %.2f) %6.1f GFLOP/s\n",
           b->chunk.count, b->view.dim, n, ms, rate, bandwidth, rate / bandwidth, works[0].best / works[1].best,
           rate / 2 * (double)n);
    fflush(stdout);
}

int main(int argc, char **argv) {
    int64_t rows = argc > 1 ? atoll(argv[1]) : 1000000, dim = argc > 2 ? atoll(argv[2]) : 100;
    int64_t usual[] = {1, 10, 100, 1000};
    size_t bytes = (size_t)(rows * dim) * sizeof(float);
    float *data = bench_memory(bytes), *queries = malloc((size_t)(MAX_QUERIES * dim) * sizeof(float));
    bench b = {.queries = queries,
               .scores = malloc(MAX_QUERIES * K * sizeof(float)),
               .rows = malloc(MAX_QUERIES * K * sizeof(int64_t))};
    if (!queries || !b.scores || !b.rows) return 1;
    fill(data, (size_t)(rows * dim), 1);
    fill(queries, (size_t)(MAX_QUERIES * dim), 2);
    b.chunk = (search_chunk){.rows = data, .count = rows, .type = INLAY_FLOAT32};
    b.view = (search_view){.chunks = &b.chunk, .n_chunks = 1, .dim = dim, .metric = SEARCH_DOT};
    bench_way best = bench_bandwidth(data, bytes, 5, NULL);
    b.reading = (bench_reading){data, bytes, best};
    printf("%s, %d threads; best bandwidth %.1f GB/s (%d streams in %zu KiB)\n", scan_kernels_best()->name,
           pool_threads(), best.gigabytes_per_second, best.streams, best.chunk >> 10);
    for (int i = 3; i < argc; i++) measure(&b, atoll(argv[i]));
    for (size_t i = 0; argc <= 3 && i < sizeof usual / sizeof *usual; i++) measure(&b, usual[i]);
    bench_memory_free(data, bytes);
    return 0;
}

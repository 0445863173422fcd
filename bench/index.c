/* index [ROWS DIM [KIND [QUERIES...]]]: search by index beside the scan without one and the bandwidth of the machine,
 * all measured in turn within this run; k = 10, cosine over float32 rows in memory. KIND of rows: gaussian, clustered,
 * constant, twins, onehot, rising. */
#include "base/alloc.h"
#include "base/pool.h"
#include "kernel/quant/quant.h"
#include "probe.h"
#include "search/search_index.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { K = 10, MAX_QUERIES = 4000 };

typedef struct bench {
    const char *kind;
    float *data, *side;
    int64_t rows, dim;
    search_chunk chunk;
    search_metric metric;
    bool with;
    search_index *index;
    const float *queries;
    int64_t n;
    float *scores[2];
    int64_t *found[2];
} bench;

static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}
/* Gaussian numbers, near enough: sums of four uniform ones. */
static float gaussian(uint64_t i) {
    uint64_t x = mixed(i * 0x9e3779b97f4a7c15 + 1);
    return ((float)(x & 0xffff) + (float)(x >> 16 & 0xffff) + (float)(x >> 32 & 0xffff) + (float)(x >> 48)) / 65536 - 2;
}

/* Row ROW of a kind; clusters have a thousand rows each, in no order. */
static void make_row(const char *kind, uint64_t row, int64_t dim, float *out) {
    uint64_t n = (uint64_t)dim, cluster = mixed(row) % 1000;
    for (uint64_t j = 0; j < n; j++) {
        float own = gaussian(row * n + j);
        switch (kind[0] == 'c' ? kind[1] : kind[0]) {
        case 'l': out[j] = gaussian((cluster << 40) + j) + 0.1f * own; break;
        case 'o': out[j] = kind[1] == 'n' && j == mixed(row) % n; break;
        case 't': out[j] = gaussian(j) + 1e-3f * own; break;
        case 'r': out[j] = own * (float)(row + 1); break;
        default: out[j] = own;
        }
        if (kind[0] == 'c' && kind[1] == 'o') out[j] = gaussian(j);
    }
}

static void fill_part(void *ctx, size_t part, int worker) {
    (void)worker;
    bench *b = ctx;
    for (int64_t i = (int64_t)part * 1000; i < b->rows && i < (int64_t)part * 1000 + 1000; i++) {
        double squares = 0;
        float *row = b->data + i * b->dim;
        make_row(b->kind, (uint64_t)i, b->dim, row);
        for (int64_t j = 0; j < b->dim; j++) squares += (double)row[j] * (double)row[j];
        b->side[i] = (float)(b->metric == SEARCH_L2 ? squares : squares > 0 ? 1 / sqrt(squares) : 0);
    }
}

static void must(inlay_status status, const inlay_error *err) {
    if (status == INLAY_OK) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void run(bench *b, int with) {
    search_chunk chunk = b->chunk;
    inlay_error err;
    if (with) chunk.index = b->index;
    search_view view = {&chunk, 1, b->dim, b->metric};
    must(search_topk(&view, b->queries, b->n, K, b->scores[with], b->found[with], &err), &err);
}
static void run_scan(void *ctx) {
    run(ctx, 0);
}
static void run_index(void *ctx) {
    run(ctx, 1);
}

static void measure(bench *b, bench_reading *reading, int64_t n) {
    b->n = n;
    bench_work works[] = {{bench_read, reading, 0, 0}, {run_scan, b, 0, 0}, {run_index, b, 0, 0}};
    bench_measure(works, 3, n >= 1000 ? 3 : 9);
    double bytes = (double)reading->bytes, float_rate = bytes / works[1].median * 1e-9;
    double codes = bytes / 4 / works[2].median * 1e-9, bandwidth = bytes / works[0].median * 1e-9;
    int64_t wrong = 0;
    for (int64_t i = 0; i < n * K; i++) wrong += b->found[0][i] != b->found[1][i] || b->scores[0][i] != b->scores[1][i];
    printf("%-9s %4" PRId64 " queries: scan %9.2f ms (%5.1f GB/s), index %9.2f ms (%5.1f GB/s): %5.2f x;"
           " probe %5.1f GB/s; %" PRId64 " differ\n",
           b->kind, n, works[1].median * 1e3, float_rate, works[2].median * 1e3, codes,
           works[1].median / works[2].median, bandwidth, wrong);
    fflush(stdout);
}

static search_index *make_index(bench *b, file_map **map) {
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/inlay-bench-%d", b->dim > 0 ? (int)(bench_seconds() * 1000) : 0);
    inlay_error err;
    file_writer *out;
    search_index *index;
    search_tie tie = {.key = bytes_of("rows")};
    double began = bench_seconds();
    must(file_create(path, FILE_DIRECT, &out, &err), &err);
    must(search_index_build(&b->chunk, b->dim, b->metric, &tie, out, NULL, &err), &err);
    must(file_commit(out, &err), &err);
    double built = bench_seconds();
    must(file_map_open(path, false, map, &err), &err);
    must(file_remove(path, &err), &err);
    double opening = bench_seconds();
    must(search_index_open(file_map_bytes(*map), "index", &index, &err), &err);
    double opened = bench_seconds();
    must(search_index_check(index, NULL, &err), &err);
    printf("built in %.2f s, opened in %.2f ms, checked in %.2f s\n", built - began, (opened - opening) * 1e3,
           bench_seconds() - opened);
    return index;
}

int main(int argc, char **argv) {
    bench b = {.rows = argc > 1 ? atoll(argv[1]) : 1000000,
               .dim = argc > 2 ? atoll(argv[2]) : 100,
               .kind = argc > 3 ? argv[3] : "gaussian",
               .metric = getenv("METRIC") ? (search_metric)atoi(getenv("METRIC")) : SEARCH_COSINE};
    int64_t usual[] = {1, 10, 100, 1000};
    size_t bytes = (size_t)(b.rows * b.dim) * sizeof(float);
    float *queries = malloc((size_t)(MAX_QUERIES * b.dim) * sizeof *queries);
    b.data = bench_memory(bytes);
    b.side = malloc((size_t)b.rows * sizeof *b.side);
    for (int i = 0; i < 2; i++) {
        b.scores[i] = malloc(MAX_QUERIES * K * sizeof(float));
        b.found[i] = malloc(MAX_QUERIES * K * sizeof(int64_t));
        if (!b.scores[i] || !b.found[i]) return 1;
    }
    if (!queries || !b.side) return 1;
    pool_run((size_t)(b.rows + 999) / 1000, fill_part, &b);
    for (int64_t q = 0; q < MAX_QUERIES; q++)
        make_row(b.kind, (uint64_t)(b.rows + 12345 + q), b.dim, queries + q * b.dim);
    b.queries = queries;
    b.chunk = (search_chunk){
        .rows = b.data, .side = b.metric == SEARCH_DOT ? NULL : b.side, .count = b.rows, .type = INLAY_FLOAT32};
    file_map *map;
    b.index = make_index(&b, &map);
    bench_way best = bench_bandwidth(b.data, bytes, 3, NULL);
    bench_reading reading = {b.data, bytes, best};
    printf("%s, %d threads, %" PRId64 " x %" PRId64 "; best bandwidth %.1f GB/s (%d streams in %zu KiB)\n",
           quant_kernels_best()->name, pool_threads(), b.rows, b.dim, best.gigabytes_per_second, best.streams,
           best.chunk >> 10);
    for (int i = 4; i < argc; i++) measure(&b, &reading, atoll(argv[i]));
    for (size_t i = 0; argc <= 4 && i < sizeof usual / sizeof *usual; i++) measure(&b, &reading, usual[i]);
    search_index_close(b.index);
    file_map_release(map);
    bench_memory_free(b.data, bytes);
    return 0;
}

/* index [ROWS DIM [KIND [QUERIES...]]]: search by index beside the scan without one and the bandwidth of the machine,
 * all measured in turn within this run, and what each stage lets through; k = 10, float32 rows in memory, cosine unless
 * METRIC says 1 (dot product) or 2 (L2). KIND of rows: one of `kinds`, or all. */
#include "base/alloc.h"
#include "base/pool.h"
#include "kernel/quant/quant.h"
#include "probe.h"
#include "search/search_index.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 10, MAX_QUERIES = 4000 };

typedef struct bench {
    const struct kind *kind;
    float *data, *side;
    int64_t rows, dim;
    search_chunk chunk;
    search_metric metric;
    bool with;
    search_index *index;
    float *queries;
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

typedef struct place {
    uint64_t row, rows, dim;
} place;

static float own_number(const place *p, uint64_t j) {
    return gaussian(p->row * p->dim + j);
}
/* Clusters and originals lie in no order; they are far from any row's own numbers. */
static float number_of(uint64_t centre, uint64_t j) {
    return gaussian((centre + 1) << 40 | j);
}

static float plain(const place *p, uint64_t j, float amount) {
    return amount * own_number(p, j);
}
static float in_cluster(const place *p, uint64_t j, float noise) {
    return number_of(mixed(p->row) % 1000, j) + noise * own_number(p, j);
}
static float in_order(const place *p, uint64_t j, float noise) {
    return number_of((p->row < p->rows ? p->row : mixed(p->row) % p->rows) * 1000 / p->rows, j) +
           noise * own_number(p, j);
}
static float in_300(const place *p, uint64_t j, float noise) {
    return number_of(mixed(p->row) % 300, j) + noise * own_number(p, j);
}
static float in_100(const place *p, uint64_t j, float noise) {
    return number_of(mixed(p->row) % 100, j) + noise * own_number(p, j);
}
static float in_30(const place *p, uint64_t j, float noise) {
    return number_of(mixed(p->row) % 30, j) + noise * own_number(p, j);
}
static float in_few(const place *p, uint64_t j, float noise) {
    return number_of(mixed(p->row) % 8, j) + noise * own_number(p, j);
}
static float copy(const place *p, uint64_t j, float noise) {
    return number_of(mixed(p->row) % (p->rows / 100 + 1), j) + noise * own_number(p, j);
}
static float shifted(const place *p, uint64_t j, float noise) {
    return number_of(0, j) + noise * own_number(p, j);
}
static float one_hot(const place *p, uint64_t j, float value) {
    return j == mixed(p->row) % p->dim ? value : 0;
}
static float signs(const place *p, uint64_t j, float value) {
    return own_number(p, j) < 0 ? -value : value;
}
static float rising(const place *p, uint64_t j, float step) {
    return own_number(p, j) * (1 + step * (float)p->row);
}
/* Lengths whose mean is that of few. */
static float heavy(const place *p, uint64_t j, float most) {
    uint64_t draw = mixed(p->row ^ 0x5bd1e995) % 1000000 + 1;
    return own_number(p, j) * most / (float)draw;
}
/* Some elements far larger than others. */
static float spiked(const place *p, uint64_t j, float most) {
    float x = own_number(p, j);
    return j % 50 == 7 ? most * (number_of(0, j) + 0.1f * x) : x;
}

static const struct kind {
    const char *name;
    float (*element)(const place *p, uint64_t j, float amount);
    float amount;
} kinds[] = {
    {"gaussian", plain, 1},
    {"clustered", in_cluster, 0.1f},
    {"clustered-0.05", in_cluster, 0.05f},
    {"clustered-0.01", in_cluster, 0.01f},
    {"ordered-0.05", in_order, 0.05f},
    {"300-0.05", in_300, 0.05f},
    {"100-0.05", in_100, 0.05f},
    {"30-0.05", in_30, 0.05f},
    {"few-0.05", in_few, 0.05f},
    {"few-0.01", in_few, 0.01f},
    {"copies", copy, 1e-3f},
    {"shifted-1", shifted, 1},
    {"shifted-0.3", shifted, 0.3f},
    {"shifted-0.1", shifted, 0.1f},
    {"shifted-0.01", shifted, 0.01f},
    {"twins", shifted, 1e-3f},
    {"onehot", one_hot, 1},
    {"signs", signs, 1},
    {"constant", shifted, 0},
    {"rising", rising, 1},
    {"heavy", heavy, 1e6f},
    {"huge", plain, 1e15f},
    {"spiked", spiked, 20},
};

static void make_row(const struct kind *kind, uint64_t row, int64_t rows, int64_t dim, float *out) {
    place p = {row, (uint64_t)rows, (uint64_t)dim};
    for (uint64_t j = 0; j < p.dim; j++) out[j] = kind->element(&p, j, kind->amount);
}

static void fill_part(void *ctx, size_t part, int worker) {
    (void)worker;
    bench *b = ctx;
    for (int64_t i = (int64_t)part * 1000; i < b->rows && i < (int64_t)part * 1000 + 1000; i++) {
        double squares = 0;
        float *row = b->data + i * b->dim;
        make_row(b->kind, (uint64_t)i, b->rows, b->dim, row);
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
    search_view view = {.chunks = &chunk, .n_chunks = 1, .dim = b->dim, .metric = b->metric};
    must(search_topk(&view, b->queries, b->n, K, b->scores[with], b->found[with], &err), &err);
}
static void run_scan(void *ctx) {
    run(ctx, 0);
}
static void run_index(void *ctx) {
    run(ctx, 1);
}

/* The works are run one more time than is measured. */
static void measure(bench *b, bench_reading *reading, int64_t n) {
    int repeats = n >= 1000 ? 3 : 9;
    b->n = n;
    bench_work works[] = {{bench_read, reading, 0, 0}, {run_scan, b, 0, 0}, {run_index, b, 0, 0}};
    search_index_counts before, after;
    search_index_counted(&before);
    bench_measure(works, 3, repeats);
    search_index_counted(&after);
    double bandwidth = (double)reading->bytes / works[0].median * 1e-9, asked = (double)n * (repeats + 1);
    int64_t wrong = 0;
    for (int64_t i = 0; i < n * K; i++) wrong += b->found[0][i] != b->found[1][i] || b->scores[0][i] != b->scores[1][i];
    printf("%-14s %4" PRId64
           " queries: scan %9.2f (%.2f) ms, index %9.2f (%.2f) ms: %5.2f x; probe %5.1f GB/s; refined %6.2f %%,"
           " kept %8.4f %%, scored %8.4f %%, left %3.0f %%; %" PRId64 " differ\n",
           b->kind->name, n, works[1].median * 1e3, works[1].best * 1e3, works[2].median * 1e3, works[2].best * 1e3,
           works[1].median / works[2].median, bandwidth,
           100.0 * (double)(after.refined - before.refined) / asked / (double)b->rows,
           100.0 * (double)(after.kept - before.kept) / asked / (double)b->rows,
           100.0 * (double)(after.scored - before.scored) / asked / (double)b->rows,
           100.0 * (double)(after.left - before.left) / asked, wrong);
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
    printf("%s: %.0f MB built in %.2f s, opened in %.2f ms, checked in %.2f s\n", b->kind->name,
           (double)file_map_bytes(*map).size * 1e-6, built - began, (opened - opening) * 1e3, bench_seconds() - opened);
    return index;
}

static void bench_kind(bench *b, const struct kind *kind, bench_reading *reading, const int64_t *counts, int n) {
    file_map *map;
    b->kind = kind;
    pool_run((size_t)(b->rows + 999) / 1000, fill_part, b);
    for (int64_t q = 0; q < MAX_QUERIES; q++)
        make_row(kind, (uint64_t)(b->rows + 12345 + q), b->rows, b->dim, b->queries + q * b->dim);
    b->index = make_index(b, &map);
    for (int i = 0; i < n; i++) measure(b, reading, counts[i]);
    search_index_close(b->index);
    file_map_release(map);
}

int main(int argc, char **argv) {
    enum { MOST_COUNTS = 8 };
    bench b = {.rows = argc > 1 ? atoll(argv[1]) : 1000000,
               .dim = argc > 2 ? atoll(argv[2]) : 100,
               .metric = getenv("METRIC") ? (search_metric)atoi(getenv("METRIC")) : SEARCH_COSINE};
    const char *wanted = argc > 3 ? argv[3] : "gaussian";
    int64_t counts[MOST_COUNTS] = {1, 10, 100, 1000};
    int n = argc > 4 ? 0 : 4;
    for (int i = 4; i < argc && n < MOST_COUNTS; i++) counts[n++] = atoll(argv[i]);
    size_t bytes = (size_t)(b.rows * b.dim) * sizeof(float);
    b.data = bench_memory(bytes);
    b.side = malloc((size_t)b.rows * sizeof *b.side);
    b.queries = malloc((size_t)(MAX_QUERIES * b.dim) * sizeof *b.queries);
    for (int i = 0; i < 2; i++) {
        b.scores[i] = malloc(MAX_QUERIES * K * sizeof(float));
        b.found[i] = malloc(MAX_QUERIES * K * sizeof(int64_t));
        if (!b.scores[i] || !b.found[i]) return 1;
    }
    if (!b.queries || !b.side) return 1;
    b.chunk = (search_chunk){
        .rows = b.data, .side = b.metric == SEARCH_DOT ? NULL : b.side, .count = b.rows, .type = INLAY_FLOAT32};
    bench_way best = bench_bandwidth(b.data, bytes, 3, NULL);
    bench_reading reading = {b.data, bytes, best};
    printf("%s, %d threads, %" PRId64 " x %" PRId64 "; best bandwidth %.1f GB/s (%d streams in %zu KiB)\n",
           quant_kernels_best()->name, pool_threads(), b.rows, b.dim, best.gigabytes_per_second, best.streams,
           best.chunk >> 10);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(wanted, "all") == 0 || strcmp(wanted, kinds[i].name) == 0)
            bench_kind(&b, kinds + i, &reading, counts, n);
    bench_memory_free(b.data, bytes);
    return 0;
}

/* model MODEL... -- QUERIES.npy [N...]: searches of fused models with no extractor, k = 10, and readings of memory in
 * the machine's best way. Calls of N queries (default: all of the file at once) go through the file in a circle. Prints
 * as JSON the medians and the rows of the first call; ends with 1 when a model's answer is not that of the first, to
 * the last bit. $PROBE_MB: how much memory is read (default 2048). */
#include "base/pool.h"
#include "inlay/inlay.h"
#include "probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 10, MOST_MODELS = 4, OPENINGS = 11 };
static const double QUICK = 0.02; /* seconds: what is shorter finds part of its rows in a cache */

typedef struct searching {
    const char *path;
    inlay_model *model;
    const float *queries; /* [count, dim] */
    size_t count, dim, next, n;
    inlay_hits *first; /* answer of the first call of N */
    double opened;
} searching;

static void search(void *ctx) {
    searching *s = ctx;
    inlay_error err;
    inlay_hits *hits;
    if (s->next + s->n > s->count) s->next = 0;
    bench_need(inlay_search_vectors(s->model, "search", s->queries + s->next * s->dim, s->n, s->dim, K, &hits, &err),
               &err);
    s->next += s->n;
    if (!s->first)
        s->first = hits;
    else
        inlay_hits_release(hits);
}

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void open_model(searching *s) {
    double times[OPENINGS];
    inlay_error err;
    for (int i = 0; i < OPENINGS; i++) {
        if (i > 0) inlay_model_close(s->model);
        double start = bench_seconds();
        bench_need(inlay_model_open(s->path, NULL, &s->model, &err), &err);
        times[i] = bench_seconds() - start;
    }
    qsort(times, OPENINGS, sizeof *times, by_size);
    s->opened = times[OPENINGS / 2];
}

static int repeats(double seconds) {
    return seconds < 0.005 ? 99 : seconds < 0.1 ? 31 : seconds < 1 ? 15 : seconds < 10 ? 5 : 3;
}

/* In turn, so that what else the machine does falls on all alike; what is quick by itself. */
static void measure(bench_work *works, size_t n, double first) {
    if (first >= QUICK) {
        bench_measure(works, n, repeats(first));
        return;
    }
    for (size_t i = 0; i < n; i++) bench_measure(works + i, 1, repeats(first));
}

static bool same(const inlay_hits *a, const inlay_hits *b) {
    size_t n = a->n_queries * a->k;
    return a->n_queries == b->n_queries && a->k == b->k &&
           memcmp(a->indices, b->indices, n * sizeof *a->indices) == 0 &&
           memcmp(a->scores, b->scores, n * sizeof *a->scores) == 0;
}

static void print_rows(const inlay_hits *hits) {
    printf("\"rows\": [");
    for (size_t q = 0; q < hits->n_queries; q++)
        for (size_t i = 0; i < hits->k; i++)
            printf("%s%" PRId64 "%s",
                   i > 0   ? ", "
                   : q > 0 ? ", ["
                           : "[",
                   hits->indices[q * hits->k + i], i + 1 == hits->k ? "]" : "");
    printf("]");
}

/* Calls of N queries of each of the MODELS [n_models], beside the reading. */
static bool measure_calls(searching *models, size_t n_models, size_t n, bench_reading *reading, bool is_first) {
    bench_work works[MOST_MODELS + 1] = {{bench_read, reading, 0, 0}};
    bool differ = false;
    double start = bench_seconds();
    for (size_t i = 0; i < n_models; i++) {
        models[i].n = n;
        models[i].next = 0;
        search(models + i);
        works[i + 1] = (bench_work){search, models + i, 0, 0};
    }
    measure(works, n_models + 1, (bench_seconds() - start) / (double)n_models);
    printf("%s{\"n\": %zu, \"bandwidth\": %.3f, \"median_ms\": [", is_first ? "" : ", ", n,
           (double)reading->bytes / works[0].median * 1e-9);
    for (size_t i = 0; i < n_models; i++) printf("%s%.4f", i > 0 ? ", " : "", 1e3 * works[i + 1].median);
    printf("], ");
    print_rows(models[0].first);
    printf("}");
    for (size_t i = 0; i < n_models; i++) differ |= !same(models[0].first, models[i].first);
    for (size_t i = 0; i < n_models; i++) {
        inlay_hits_release(models[i].first);
        models[i].first = NULL;
    }
    if (differ) fprintf(stderr, "%zu queries: the models' answers differ\n", n);
    return !differ;
}

int main(int argc, char **argv) {
    searching models[MOST_MODELS];
    size_t n_models = 0;
    int at = 1;
    for (; at < argc && strcmp(argv[at], "--") != 0 && n_models < MOST_MODELS; at++)
        models[n_models++] = (searching){.path = argv[at]};
    if (n_models == 0 || argc < at + 2 || strcmp(argv[at], "--") != 0)
        return fprintf(stderr, "usage: model MODEL... -- QUERIES.npy [N...]\n"), 2;
    inlay_error err;
    inlay_tensor *queries;
    bench_need(inlay_tensor_load(argv[at + 1], INLAY_FLOAT32, &queries, &err), &err);
    const int64_t *dims = inlay_tensor_dims(queries);
    if (inlay_tensor_rank(queries) != 2 || dims[0] < 1) return fprintf(stderr, "%s: no queries\n", argv[at + 1]), 1;
    printf("{\"threads\": %d, \"open_ms\": [", pool_threads());
    for (size_t i = 0; i < n_models; i++) {
        open_model(models + i);
        models[i].queries = inlay_tensor_data(queries);
        models[i].count = (size_t)dims[0];
        models[i].dim = (size_t)dims[1];
        printf("%s%.3f", i > 0 ? ", " : "", 1e3 * models[i].opened);
    }
    size_t bytes = (getenv("PROBE_MB") ? strtoull(getenv("PROBE_MB"), NULL, 10) : 2048) << 20;
    void *memory = bench_memory(bytes);
    bench_reading reading = {memory, bytes, bench_bandwidth(memory, bytes, 3, NULL)};
    printf("], \"streams\": %d, \"calls\": [", reading.way.streams);
    bool good = true;
    for (int i = at + 2; i < argc; i++) {
        size_t n = strtoull(argv[i], NULL, 10);
        if (n < 1 || n > (size_t)dims[0]) return fprintf(stderr, "%s: no number of queries\n", argv[i]), 1;
        good &= measure_calls(models, n_models, n, &reading, i == at + 2);
    }
    if (argc == at + 2) good = measure_calls(models, n_models, (size_t)dims[0], &reading, true);
    printf("]}\n");
    bench_memory_free(memory, bytes);
    for (size_t i = 0; i < n_models; i++) inlay_model_close(models[i].model);
    inlay_tensor_release(queries);
    return good ? 0 : 1;
}

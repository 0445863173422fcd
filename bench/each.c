/* each MODEL N SEED [lock]: N queries of a fused model with no extractor, k = 10, one after another, each of its own,
 * so that what one brings into memory helps the next as little as it would for a service. Prints as JSON how long
 * opening took, the first query and the others, in ms, and how often a thread had to wait for the disk. */
#include "inlay/inlay.h"
#include "probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { K = 10 };

/* About normal: the sum of twelve even numbers, less their mean. */
static float gaussian(uint64_t *state) {
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*state >> 40) / (1 << 24);
    }
    return (float)sum;
}

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double ask(inlay_model *model, float *query, size_t dim, uint64_t *state) {
    inlay_error err;
    inlay_hits *hits;
    for (size_t i = 0; i < dim; i++) query[i] = gaussian(state);
    double start = bench_seconds();
    bench_need(inlay_search_vectors(model, "search", query, 1, dim, K, &hits, &err), &err);
    double seconds = bench_seconds() - start;
    inlay_hits_release(hits);
    return 1e3 * seconds;
}

int main(int argc, char **argv) {
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (argc < 4 || n < 1 || n > 1000000) return fprintf(stderr, "usage: each MODEL N SEED [lock]\n"), 2;
    uint64_t state = strtoul(argv[3], NULL, 10);
    inlay_model *model;
    inlay_error err;
    inlay_model_options options;
    inlay_model_options_init(&options);
    options.lock_indexes = argc > 4;
    double start = bench_seconds();
    bench_need(inlay_model_open(argv[1], &options, &model, &err), &err);
    double opened = 1e3 * (bench_seconds() - start);
    const inlay_signature *search = inlay_model_find_signature(model, "search");
    size_t dim = 0;
    for (size_t i = 0; search && i < search->n_inputs; i++)
        if (strcmp(search->inputs[i].key, "query") == 0 && search->inputs[i].rank == 2)
            dim = (size_t)search->inputs[i].dims[1];
    if (dim == 0 || dim > 65536) return fprintf(stderr, "%s has no search of vectors\n", argv[1]), 1;
    float *query = malloc(dim * sizeof *query);
    double *times = malloc(n * sizeof *times), first = query && times ? ask(model, query, dim, &state) : 0;
    for (size_t i = 0; query && times && i < n; i++) times[i] = ask(model, query, dim, &state);
    if (!query || !times) return 1;
    qsort(times, n, sizeof *times, by_size);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"open_ms\": %.2f, \"first_ms\": %.2f, \"median_ms\": %.2f, \"p90_ms\": %.2f, \"waits\": %ld}\n", opened,
           first, times[n / 2], times[n * 9 / 10], used.ru_majflt);
    free(times);
    free(query);
    inlay_model_close(model);
    return 0;
}

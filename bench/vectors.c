/* vectors QUERIES.npy ROWS.npy COUNT: searches of the first COUNT rows with an index, one query a call, k = 10. Prints
 * the median of a call as JSON, in microseconds: what bench/python_search.py stands beside. */
#include "inlay/inlay.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

enum { K = 10, CALLS = 200, REPEATS = 15 };

typedef struct searching {
    const inlay_vectors *vectors;
    const float *query;
    size_t dim;
    int calls;
} searching;

static void search(void *ctx) {
    const searching *s = ctx;
    inlay_error err;
    int64_t rows[K];
    float scores[K];
    for (int i = 0; i < s->calls; i++)
        bench_need(inlay_vectors_search(s->vectors, s->query, 1, s->dim, K, rows, scores, &err), &err);
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: vectors QUERIES.npy ROWS.npy COUNT\n"), 2;
    inlay_error err;
    inlay_tensor *queries, *rows;
    inlay_vectors *vectors;
    inlay_vectors_options options;
    inlay_vectors_options_init(&options);
    options.index = true;
    bench_need(inlay_tensor_load(argv[1], INLAY_FLOAT32, &queries, &err), &err);
    bench_need(inlay_tensor_load(argv[2], INLAY_FLOAT32, &rows, &err), &err);
    int64_t dim = inlay_tensor_dims(rows)[1], count = strtoll(argv[3], NULL, 10);
    if (count > inlay_tensor_dims(rows)[0]) count = inlay_tensor_dims(rows)[0];
    bench_need(inlay_vectors_open_rows(INLAY_FLOAT32, inlay_tensor_data(rows), count, dim, &options, &vectors, &err),
               &err);
    searching s = {vectors, inlay_tensor_data(queries), (size_t)dim, count > 100000 ? 1 : CALLS};
    bench_work work = {search, &s, 0, 0};
    bench_measure(&work, 1, REPEATS);
    printf("{\"us\": %.2f}\n", 1e6 * work.median / s.calls);
    inlay_vectors_close(vectors);
    inlay_tensor_release(rows);
    inlay_tensor_release(queries);
    return 0;
}

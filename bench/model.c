/* model MODEL QUERIES.npy: searches of a fused model, k = 10, and readings of memory in the machine's best way, in
 * turn. Prints the medians as JSON: of a search in ms, of the reading in GB/s. */
#include "inlay/inlay.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

enum { K = 10, REPEATS = 15 };
static const size_t PROBE_BYTES = (size_t)2 << 30;

typedef struct searching {
    inlay_model *model;
    inlay_named_tensor query;
} searching;

static void need(inlay_status status, const inlay_error *err) {
    if (status == INLAY_OK) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void search(void *ctx) {
    searching *s = ctx;
    inlay_error err;
    inlay_hits *hits;
    need(inlay_search(s->model, "search", &s->query, 1, K, &hits, &err), &err);
    inlay_hits_release(hits);
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: model MODEL QUERIES.npy\n"), 2;
    searching s = {.query.key = "query"};
    inlay_error err;
    need(inlay_model_open(argv[1], NULL, &s.model, &err), &err);
    need(inlay_tensor_load(argv[2], INLAY_FLOAT32, &s.query.tensor, &err), &err);
    void *memory = bench_memory(PROBE_BYTES);
    bench_reading reading = {memory, PROBE_BYTES, bench_bandwidth(memory, PROBE_BYTES, 3, NULL)};
    bench_work works[] = {{bench_read, &reading, 0, 0}, {search, &s, 0, 0}};
    bench_measure(works, 2, REPEATS);
    printf("{\"median_ms\": %.3f, \"bandwidth\": %.3f}\n", 1e3 * works[1].median,
           (double)PROBE_BYTES / works[0].median * 1e-9);
    bench_memory_free(memory, PROBE_BYTES);
    inlay_tensor_release(s.query.tensor);
    inlay_model_close(s.model);
    return 0;
}

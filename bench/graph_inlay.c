#include "base/pool.h"
#include "graph.h"
#include "model/model.h"
#include "probe.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };
static model *opened;
static inlay_named_tensor feeds[MOST], fetches[MOST];

static inlay_tensor *make(const graph_feed *f) {
    inlay_error err;
    inlay_tensor *made;
    if (f->dtype != GRAPH_STRING) {
        bench_need(inlay_tensor_wrap((inlay_dtype)f->dtype, f->dims, f->rank, f->data, NULL, NULL, &made, &err), &err);
        return made;
    }
    inlay_string *items = calloc(f->count + 1, sizeof *items);
    const char *at = f->data;
    for (size_t i = 0; i < f->count; i++) {
        uint64_t size;
        memcpy(&size, at, sizeof size);
        items[i].data = at + sizeof size;
        items[i].size = (size_t)size;
        at += sizeof size + size;
    }
    bench_need(inlay_tensor_from_strings(items, f->dims, f->rank, &made, &err), &err);
    free(items);
    return made;
}

void graph_open(const graph_job *job) {
    inlay_error err;
    pool_set_threads(job->threads);
    bench_need(model_open(job->path, NULL, &opened, &err), &err);
    for (size_t i = 0; i < job->n_feeds; i++) {
        feeds[i].key = job->feeds[i].name;
        feeds[i].tensor = make(&job->feeds[i]);
    }
}

void graph_run(const graph_job *job) {
    inlay_error err;
    for (size_t i = 0; i < job->n_fetches; i++) fetches[i].key = job->fetches[i];
    bench_need(model_run_graph(opened, feeds, job->n_feeds, fetches, job->n_fetches, NULL, 0, NULL, &err), &err);
    for (size_t i = 0; i < job->n_fetches; i++) inlay_tensor_release(fetches[i].tensor);
}

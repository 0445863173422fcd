/* What a measured runtime is to graph.c: opens a model, runs part of its graph. */
#ifndef BENCH_GRAPH_H
#define BENCH_GRAPH_H

#include <stddef.h>
#include <stdint.h>

/* A tensor to feed. Its file: int32 dtype (TensorFlow's number) and rank, int64 dims, then the elements, or for strings
 * a uint64 size and the bytes of each. */
typedef struct graph_feed {
    const char *name; /* "x:0" */
    int32_t dtype, rank;
    int64_t dims[8];
    size_t count, size; /* elements; bytes behind the dims */
    const void *data;
} graph_feed;

enum { GRAPH_STRING = 7 };

typedef struct graph_job {
    const char *path; /* a SavedModel's folder with the tag "serve", or a GraphDef */
    int threads;
    const graph_feed *feeds;
    size_t n_feeds;
    const char *const *fetches;
    size_t n_fetches;
} graph_job;

/* Both end the program on an error. */
void graph_open(const graph_job *job);
void graph_run(const graph_job *job);

#endif

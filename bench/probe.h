/* What the machine can do, for comparison in the same run, and how a run is measured. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include "inlay/inlay.h"

#include <stddef.h>
#include <stdint.h>

double bench_seconds(void);

/* Ends the program with the error when STATUS is one. */
void bench_need(inlay_status status, const inlay_error *err);

/* Something to measure, and its seconds: median and best. */
typedef struct bench_work {
    void (*run)(void *ctx);
    void *ctx;
    double median, best;
} bench_work;

/* Runs each of WORKS [n] once uncounted, then REPEATS times (at most 100) in turn, so that what else the machine does
 * falls on all alike. */
void bench_measure(bench_work *works, size_t n, int repeats);

/* Memory on huge pages where there are any, filled with numbers; never NULL (ends the program). */
void *bench_memory(size_t bytes);
void bench_memory_free(void *p, size_t bytes);

/* A way to read memory with the pool's threads: each takes CHUNK bytes at a time and reads them as STREAMS interleaved
 * streams. */
typedef struct bench_way {
    size_t chunk;
    int streams;
    double gigabytes_per_second; /* median */
} bench_way;

/* One reading of BYTES at P in the given way by all threads, as work to measure. */
typedef struct bench_reading {
    const void *p;
    size_t bytes;
    bench_way way;
} bench_reading;
void bench_read(void *reading);

/* Reads BYTES at P in every way and returns the fastest by median; calls SHOW (may be NULL) for each. */
bench_way bench_bandwidth(const void *p, size_t bytes, int repeats, void (*show)(const bench_way *way));

#endif

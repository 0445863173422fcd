#include "probe.h"

#include "base/pool.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

void bench_need(inlay_status status, const inlay_error *err) {
    if (status == INLAY_OK) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

double bench_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_measure(bench_work *works, size_t n, int repeats) {
    enum { MOST_WORKS = 8, MOST_REPEATS = 100 };
    static double taken[MOST_WORKS][MOST_REPEATS];
    if (repeats > MOST_REPEATS) repeats = MOST_REPEATS;
    for (int i = -1; i < repeats; i++)
        for (size_t w = 0; w < n; w++) {
            double began = bench_seconds();
            works[w].run(works[w].ctx);
            if (i >= 0) taken[w][i] = bench_seconds() - began;
        }
    for (size_t w = 0; w < n; w++) {
        qsort(taken[w], (size_t)repeats, sizeof **taken, compare);
        works[w].median = taken[w][repeats / 2];
        works[w].best = taken[w][0];
    }
}

enum { HUGE_PAGE = 2 << 20 };

static size_t rounded(size_t bytes) {
    return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

void *bench_memory(size_t bytes) {
    size_t room = rounded(bytes) + HUGE_PAGE;
    char *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (before) munmap(p, before);
    if (before < HUGE_PAGE) munmap(p + before + rounded(bytes), HUGE_PAGE - before);
    p += before;
    madvise(p, rounded(bytes), MADV_HUGEPAGE);
    for (size_t i = 0; i + 8 <= rounded(bytes); i += 8) {
        uint64_t number = i * 0x9e3779b97f4a7c15;
        memcpy(p + i, &number, 8);
    }
    return p;
}

void bench_memory_free(void *p, size_t bytes) {
    munmap(p, rounded(bytes));
}

/* As wide as the machine's registers when compiled for it. */
typedef uint64_t line __attribute__((vector_size(64), aligned(8), may_alias));

enum { STEP = 256, UNIT = 4 << 20 /* of one task */ };

static line read_streams(const char *p, size_t chunk, int streams) {
    line a = {0}, b = {0}, c = {0}, d = {0};
    size_t length = chunk / (size_t)streams;
    for (size_t i = 0; i < length; i += STEP)
        for (int s = 0; s < streams; s++) {
            const line *from = (const line *)(p + (size_t)s * length + i);
            a ^= from[0];
            b ^= from[1];
            c ^= from[2];
            d ^= from[3];
        }
    return a ^ b ^ c ^ d;
}

static line seen[POOL_MAX_THREADS];
static volatile uint64_t sink; /* so that nothing read is dropped */

static void read_unit(void *ctx, size_t index, int worker) {
    const bench_reading *r = ctx;
    const char *p = (const char *)r->p + index * UNIT;
    for (size_t done = 0; done + r->way.chunk <= UNIT; done += r->way.chunk)
        seen[worker] ^= read_streams(p + done, r->way.chunk, r->way.streams);
}

void bench_read(void *reading) {
    bench_reading *r = reading;
    pool_run(r->bytes / UNIT, read_unit, r);
    for (int t = 0; t < POOL_MAX_THREADS; t++) sink ^= seen[t][0];
}

bench_way bench_bandwidth(const void *p, size_t bytes, int repeats, void (*show)(const bench_way *way)) {
    static const size_t chunks[] = {64 << 10, 128 << 10, 256 << 10, 1 << 20, UNIT};
    static const int streams[] = {1, 2, 4, 8, 16};
    bench_way best = {0};
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++)
        for (size_t s = 0; s < sizeof streams / sizeof *streams; s++) {
            bench_reading r = {p, bytes, {.chunk = chunks[c], .streams = streams[s]}};
            if (streams[s] == 1 && chunks[c] != UNIT) continue; /* one stream is one stream */
            bench_work work = {.run = bench_read, .ctx = &r};
            bench_measure(&work, 1, repeats);
            r.way.gigabytes_per_second = (double)(bytes / UNIT * UNIT) / work.median * 1e-9;
            if (show) show(&r.way);
            if (r.way.gigabytes_per_second > best.gigabytes_per_second) best = r.way;
        }
    return best;
}

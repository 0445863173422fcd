#include "op/parallel.h"

#include "base/pool.h"

typedef struct parts {
    int64_t count, part;
    void (*fn)(void *ctx, int64_t first, int64_t n);
    void *ctx;
} parts;

static void run_part(void *ctx, size_t index, int worker) {
    const parts *p = ctx;
    (void)worker;
    int64_t first = (int64_t)index * p->part;
    p->fn(p->ctx, first, p->count - first < p->part ? p->count - first : p->part);
}

void op_parallel(int64_t count, int64_t grain, void (*fn)(void *ctx, int64_t first, int64_t n), void *ctx) {
    if (count <= grain) {
        if (count > 0) fn(ctx, 0, count);
        return;
    }
    int64_t most = (int64_t)pool_threads() * 4, n = (count + grain - 1) / grain;
    if (n > most) n = most;
    parts p = {count, (count + n - 1) / n, fn, ctx};
    pool_run((size_t)((count + p.part - 1) / p.part), run_part, &p);
}

#include "op/parallel.h"

#include "base/num.h"
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

typedef struct scratch_parts {
    scratch_fn fn;
    void *ctx;
    size_t scratch;
    _Atomic bool failed;
} scratch_parts;

static void run_scratch_part(void *ctx, int64_t first, int64_t n) {
    scratch_parts *p = ctx;
    float *scratch = mem_array(p->scratch, sizeof *scratch);
    if (scratch)
        p->fn(p->ctx, first, n, scratch);
    else
        atomic_store(&p->failed, true);
    mem_free(scratch);
}

inlay_status op_parallel_scratch(const op_call *c, int64_t count, int64_t grain, int64_t scratch, scratch_fn fn,
                                 void *ctx, inlay_error *err) {
    uint64_t size;
    if (!mul3_u64((uint64_t)scratch, sizeof(float), (uint64_t)pool_threads(), &size) ||
        (c->budget && !mem_budget_charge(c->budget, size)))
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "the session's memory limit is reached");
    scratch_parts p = {.fn = fn, .ctx = ctx, .scratch = (size_t)scratch};
    op_parallel(count, grain, run_scratch_part, &p);
    if (c->budget) mem_budget_return(c->budget, size);
    return p.failed ? fail_memory(err) : INLAY_OK;
}

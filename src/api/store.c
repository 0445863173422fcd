#include "format/store.h"

#include "base/cpu.h"
#include "base/num.h"
#include "base/pool.h"
#include "kernel/stats/stats.h"

#include <math.h>

struct inlay_store {
    store *of;
    store_tensor shown; /* what inlay_store_tensor last told: its dims are pointed to */
};

inlay_status inlay_store_open(const char *path, bool copy, inlay_store **out, inlay_error *error) {
    *out = NULL;
    inlay_store *s = mem_zalloc(1, sizeof *s);
    if (!s) return fail_memory(error);
    inlay_status status = store_open(path, copy, &s->of, error);
    if (status == INLAY_OK)
        *out = s;
    else
        mem_free(s);
    return status;
}

void inlay_store_close(inlay_store *s) {
    if (!s) return;
    store_close(s->of);
    mem_free(s);
}

size_t inlay_store_count(const inlay_store *s) {
    return store_count(s->of);
}

bool inlay_store_tensor(inlay_store *s, size_t index, inlay_stored *out) {
    if (index >= store_count(s->of)) return false;
    s->shown = store_at(s->of, index);
    const store_tensor *t = &s->shown;
    *out = (inlay_stored){.key = {(const char *)t->key.data, t->key.size},
                          .dtype = t->type,
                          .rank = t->dims.rank,
                          .dims = t->dims.dims,
                          .slices = t->slices,
                          .shard = t->shard,
                          .offset = t->offset,
                          .bytes = t->size};
    return true;
}

inlay_status inlay_store_find(const inlay_store *s, const char *key, size_t *index, inlay_error *error) {
    return store_find(s->of, bytes_of(key), index, error);
}

static inlay_status check_index(const inlay_store *s, size_t index, inlay_error *err) {
    if (index < store_count(s->of)) return INLAY_OK;
    return fail_at(err, INLAY_OUT_OF_RANGE, store_path(s->of), -1, "tensor %zu is asked for, there are %zu", index,
                   store_count(s->of));
}

inlay_status inlay_store_read(inlay_store *s, size_t index, inlay_tensor **out, inlay_error *error) {
    *out = NULL;
    TRY(check_index(s, index, error));
    return store_read(s->of, index, out, error);
}

/* ---- statistics */

/* A part of a tensor is cut into tasks of TASK elements, of which ROUND run at a time; their figures are merged in
 * order, so that sums do not depend on who came first. */
enum { TASK = 1 << 18, ROUND = 128 };

typedef struct stats_round {
    const tensor *part;
    stats_kernels kernels;
    int64_t first; /* element */
    stats_figures figures[ROUND];
} stats_round;

static void stats_task(void *ctx, size_t i, int worker) {
    (void)worker;
    stats_round *r = ctx;
    int64_t from = r->first + (int64_t)i * TASK, left = r->part->count - from;
    r->figures[i] = stats_none;
    stats_add(&r->figures[i], &r->kernels, r->part->type, r->part->data + (size_t)from * dtype_size(r->part->type),
              left < TASK ? (size_t)left : TASK);
}

static void add_part(stats_figures *sum, stats_round *r, const tensor *part) {
    r->part = part;
    for (r->first = 0; r->first < part->count; r->first += (int64_t)TASK * ROUND) {
        int64_t tasks = (part->count - r->first + TASK - 1) / TASK;
        size_t n = tasks < ROUND ? (size_t)tasks : ROUND;
        pool_run(n, stats_task, r);
        for (size_t i = 0; i < n; i++) stats_merge(sum, &r->figures[i]);
    }
}

inlay_status inlay_store_stats(inlay_store *s, size_t index, inlay_stats *out, inlay_error *error) {
    TRY(check_index(s, index, error));
    store_tensor head = store_at(s->of, index);
    if (!stats_can(head.type))
        return fail(error, INLAY_UNIMPLEMENTED, "there are no statistics of dtype %s", dtype_name(head.type));
    store_stream stream;
    const tensor *part;
    stats_round round;
    stats_figures sum = stats_none;
    inlay_status status;
    stats_kernels_init(&round.kernels, cpu_flags());
    store_stream_begin(s->of, index, &stream);
    do {
        TRY_TO(done, store_stream_next(&stream, &part, error));
        if (part) add_part(&sum, &round, part);
    } while (part);
    *out = (inlay_stats){.elements = sum.finite + sum.nans + sum.positive_infinities + sum.negative_infinities,
                         .min = sum.finite ? sum.min : NAN,
                         .max = sum.finite ? sum.max : NAN,
                         .mean = sum.finite ? sum.sum / (double)sum.finite : NAN,
                         .zeros = sum.zeros,
                         .nans = sum.nans,
                         .positive_infinities = sum.positive_infinities,
                         .negative_infinities = sum.negative_infinities};
done:
    store_stream_end(&stream);
    return status;
}

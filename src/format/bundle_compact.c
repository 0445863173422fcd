#include "format/bundle_private.h"
#include "format/bundle_rewrite_plan.h"

#include <stdlib.h>

/* A data file stays when it is large and at most a sixteenth of it is unused: copying it would cost more than it frees.
 */
enum { LARGE = 64 << 20, UNUSED_PART = 16 };

/* A run of bytes that a piece needs. */
typedef struct live_range {
    int32_t shard;
    uint64_t from, to;
} live_range;

static int by_file(const void *a, const void *b) {
    const live_range *x = a, *y = b;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static size_t list_ranges(const rewrite_plan *p, live_range *out) {
    size_t n = 0;
    for (size_t i = 0; i < p->n_pieces; i++) {
        const bundle_entry *e = p->pieces[i].entry;
        if (e->size) out[n++] = (live_range){e->shard, e->offset, e->offset + e->size};
    }
    if (n) qsort(out, n, sizeof *out, by_file);
    return n;
}

static inlay_status file_size(const bundle *b, int32_t shard, uint64_t *out, inlay_error *err) {
    file_info info;
    char *path = bundle_data_path(b->prefix, shard, b->shards);
    if (!path) return fail_memory(err);
    inlay_status status = file_stat(path, true, &info, err);
    mem_free(path);
    *out = status == INLAY_OK ? info.size : 0;
    return status;
}

static inlay_status keep(rewrite_plan *p, int32_t shard, inlay_error *err) {
    rewrite_kept *grown = mem_realloc(p->kept, (p->n_kept + 1) * sizeof *grown);
    if (!grown) return fail_memory(err);
    p->kept = grown;
    p->kept[p->n_kept] = (rewrite_kept){shard, (int32_t)p->n_kept};
    p->n_kept++;
    return INLAY_OK;
}

/* Whether a data file stays of which the ranges LIST [n] are needed, by rising start. */
static inlay_status look_at_file(rewrite_plan *p, const live_range *list, size_t n, inlay_error *err) {
    uint64_t used = 0, reached = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t from = list[i].from > reached ? list[i].from : reached;
        if (list[i].to > from) used += list[i].to - from;
        if (list[i].to > reached) reached = list[i].to;
    }
    TRY(file_size(checkpoint_bundle(p->from), list->shard, &size, err));
    if (used < LARGE || size - used > size / UNUSED_PART) return INLAY_OK;
    return keep(p, list->shard, err);
}

/* Number that file SHARD gets when it stays; else -1. */
static int32_t kept_as(const rewrite_plan *p, int32_t shard) {
    for (size_t i = 0; i < p->n_kept; i++)
        if (p->kept[i].from == shard) return p->kept[i].to;
    return -1;
}

inlay_status rewrite_plan_compact(rewrite_plan *p, inlay_error *err) {
    live_range *ranges = mem_array(p->n_pieces + 1, sizeof *ranges);
    if (!ranges) return fail_memory(err);
    size_t n = list_ranges(p, ranges), next;
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < n && status == INLAY_OK; i = next) {
        for (next = i; next < n && ranges[next].shard == ranges[i].shard;) next++;
        status = look_at_file(p, ranges + i, next - i, err);
    }
    mem_free(ranges);
    bool any = p->n_kept == 0;
    for (size_t i = 0; i < p->n_pieces; i++) {
        rewrite_piece *piece = &p->pieces[i];
        int32_t to = piece->entry->size ? kept_as(p, piece->entry->shard) : -1;
        piece->stays = to >= 0;
        piece->shard = to >= 0 ? to : (int32_t)p->n_kept;
        any |= to < 0;
    }
    p->shards = (int32_t)p->n_kept + any;
    return status;
}

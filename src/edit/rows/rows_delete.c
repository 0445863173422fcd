/* --delete: what is left of a chunk becomes chunks that lie where it lay, or, where that would make many, a new one. */
#include "edit/rows/rows_view.h"

#include "base/alloc.h"

#include <inttypes.h>

enum { FEW_PIECES = 2, LARGE_PIECE = 16 << 20 };

/* The rows that stay, as ranges; in the arena. */
static inlay_status list_kept(rows_edit *e, inlay_row_range **out, size_t *n, inlay_error *err) {
    inlay_row_range *kept = arena_zalloc(&e->a, e->o->n_ranges + 1, sizeof *kept);
    if (!kept) return fail_memory(err);
    int64_t at = 0;
    *n = 0;
    for (size_t i = 0; i < e->o->n_ranges; i++) { /* sorted, apart */
        if (e->o->ranges[i].begin > at) kept[(*n)++] = (inlay_row_range){at, e->o->ranges[i].begin};
        if (e->o->ranges[i].end > at) at = e->o->ranges[i].end;
    }
    if (at < e->c.rows) kept[(*n)++] = (inlay_row_range){at, e->c.rows};
    *out = kept;
    return INLAY_OK;
}

/* KEPT [n] lie in the chunk and are relative to it. */
static inlay_status add_views(rows_edit *e, size_t chunk, const inlay_row_range *kept, size_t n, inlay_error *err) {
    chunk_view v;
    inlay_status status;
    TRY_TO(done, chunk_view_open(e, chunk, &v, err));
    if (!v.sound) TRY_TO(done, chunk_view_damaged(&v, err));
    for (size_t i = 0; i < n; i++) TRY_TO(done, chunk_view_add(&v, kept[i].begin, kept[i].end, err));
done:
    chunk_view_close(&v);
    return status;
}

static inlay_status add_copy(rows_edit *e, size_t chunk, const inlay_row_range *kept, size_t n, inlay_error *err) {
    chunk_builder b = {0};
    int64_t most = chunk_most_rows(e, e->c.rows);
    inlay_status status;
    TRY_TO(done, rows_check_chunk(e, chunk, err));
    TRY_TO(done, chunk_begin(e, &b, err));
    for (size_t i = 0; i < n; i++)
        for (int64_t at = kept[i].begin; at < kept[i].end;) {
            if (b.count == most) {
                TRY_TO(done, chunk_end(&b, err));
                chunk_free(&b);
                TRY_TO(done, chunk_begin(e, &b, err));
            }
            int64_t rows = kept[i].end - at < most - b.count ? kept[i].end - at : most - b.count;
            TRY_TO(done, chunk_add_old(&b, chunk, at, rows, err));
            at += rows;
        }
    status = chunk_end(&b, err);
done:
    chunk_free(&b);
    return status;
}

/* Whether the parts of the chunk can be chunks by themselves. */
static bool may_view(const rows_edit *e, const collection_chunk *k, const inlay_row_range *kept, size_t n) {
    if (k->transposed) return false;
    if (n <= FEW_PIECES && e->n_chunks + e->c.n_chunks < ROWS_MANY_CHUNKS) return true;
    for (size_t i = 0; i < n; i++)
        if ((uint64_t)(kept[i].end - kept[i].begin) * rows_row_bytes(&e->c) < LARGE_PIECE) return false;
    return true;
}

inlay_status rows_delete(rows_edit *e, inlay_error *err) {
    collection *c = &e->c;
    inlay_row_range *kept = NULL, *own;
    size_t n_kept = 0, first = 0;
    TRY(list_kept(e, &kept, &n_kept, err));
    if (n_kept == 0)
        return fail_at(err, INLAY_INVALID_ARGUMENT, c->model->path, -1,
                       "no row of %s would be left; inlay defuse takes a collection out", c->name);
    if (!(own = arena_zalloc(&e->a, n_kept + 1, sizeof *own))) return fail_memory(err);
    e->report->changed = c->rows;
    for (size_t i = 0; i < n_kept; i++) e->report->changed -= kept[i].end - kept[i].begin;
    for (size_t i = 0; i < c->n_chunks; i++) {
        const collection_chunk *k = &c->chunks[i];
        size_t n = 0;
        while (first < n_kept && kept[first].end <= k->first_row) first++;
        for (size_t j = first; j < n_kept && kept[j].begin < k->first_row + k->count; j++) {
            int64_t from = kept[j].begin - k->first_row, to = kept[j].end - k->first_row;
            own[n++] = (inlay_row_range){from > 0 ? from : 0, to < k->count ? to : k->count};
        }
        if (n == 1 && own[0].end - own[0].begin == k->count) {
            TRY(rows_keep(e, i, err));
            continue;
        }
        if (n > 0) TRY(may_view(e, k, own, n) ? add_views(e, i, own, n, err) : add_copy(e, i, own, n, err));
        TRY(rows_drop(e, i, err));
    }
    e->graph_changed = true;
    change_note(e->change, "%" PRId64 " row%s of %s %s deleted; those behind get lower numbers", e->report->changed,
                e->report->changed == 1 ? "" : "s", c->name, e->report->changed == 1 ? "is" : "are");
    return rows_payload(e, kept, n_kept, err);
}

#include "edit/rows/rows_edit.h"

#include <inttypes.h>

enum { SMALL_BYTES = 4 << 20 };

/* Whether the last chunk is taken into a new one with the rows behind it: so that many small appends do not become as
 * many chunks, and each copies little. */
static bool takes_last(const rows_edit *e, int64_t most) {
    const collection_chunk *last = &e->c.chunks[e->c.n_chunks - 1];
    uint64_t size = last->stored->size, given = (uint64_t)e->source.rows * rows_row_bytes(&e->c);
    return (size <= SMALL_BYTES || size <= given) && last->count < most && !last->transposed;
}

static inlay_status add_chunks(rows_edit *e, inlay_error *err) {
    collection *c = &e->c;
    int64_t most = chunk_most_rows(e, c->rows + e->source.rows), given = e->source.rows, done = 0;
    size_t kept = c->n_chunks;
    chunk_builder b = {0};
    inlay_status status;
    if (takes_last(e, most)) kept--;
    for (size_t i = 0; i < kept; i++) TRY(rows_keep(e, i, err));
    TRY_TO(done, chunk_begin(e, &b, err));
    if (kept < c->n_chunks) {
        TRY_TO(done, rows_check_chunk(e, kept, err));
        TRY_TO(done, chunk_add_old(&b, kept, 0, c->chunks[kept].count, err));
        TRY_TO(done, rows_drop(e, kept, err));
    }
    while (done < given) {
        int64_t n = most - b.count < given - done ? most - b.count : given - done;
        TRY_TO(done, chunk_add_given(&b, done, n, done, err));
        done += n;
        TRY_TO(done, chunk_end(&b, err));
        chunk_free(&b);
        if (done < given) TRY_TO(done, chunk_begin(e, &b, err));
    }
done:
    chunk_free(&b);
    return status;
}

inlay_status rows_append(rows_edit *e, inlay_error *err) {
    TRY(rows_open_source(e, e->o->rows, err));
    TRY(rows_begin_pass(e, err));
    TRY(add_chunks(e, err));
    TRY(rows_check_finite(e, err));
    e->report->changed = e->source.rows;
    change_note(e->change, "%" PRId64 " row%s appended to %s, as %" PRId64 ":%" PRId64, e->source.rows,
                e->source.rows == 1 ? " is" : "s are", e->c.name, e->c.rows, e->c.rows + e->source.rows);
    inlay_row_range all = {0, e->c.rows};
    return rows_payload(e, &all, 1, err);
}

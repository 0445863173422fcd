#include "edit/rows/rows.h"

#include "base/alloc.h"
#include "edit/index/index.h"
#include "edit/rows/rows_edit.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- options */

static int compare_ranges(const void *a, const void *b) {
    const inlay_row_range *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : (x->end > y->end) - (x->end < y->end);
}

static inlay_status check_ranges(rows_edit *e, inlay_rows_options *o, inlay_error *err) {
    inlay_row_range *sorted = arena_zalloc(&e->a, o->n_ranges + 1, sizeof *sorted);
    if (!sorted) return fail_memory(err);
    if (o->n_ranges == 0) return fail(err, INLAY_INVALID_ARGUMENT, "no rows are named");
    memcpy(sorted, o->ranges, o->n_ranges * sizeof *sorted);
    qsort(sorted, o->n_ranges, sizeof *sorted, compare_ranges);
    for (size_t i = 0; i < o->n_ranges; i++) {
        if (sorted[i].begin < 0 || sorted[i].end < sorted[i].begin || sorted[i].end > e->c.rows)
            return fail_at(err, INLAY_OUT_OF_RANGE, e->c.model->path, -1,
                           "%" PRId64 ":%" PRId64 " is no range of the %" PRId64 " rows of %s", sorted[i].begin,
                           sorted[i].end, e->c.rows, e->c.name);
        if (i && sorted[i].begin < sorted[i - 1].end)
            return fail(err, INLAY_INVALID_ARGUMENT, "row %" PRId64 " is named twice", sorted[i].begin);
    }
    o->ranges = sorted;
    return INLAY_OK;
}

/* ---- the whole */

static inlay_status open_all(rows_edit *e, const char *model, const inlay_edit_options *options, inlay_error *err) {
    static const change_needs needs = {.keep_old_shards = true};
    TRY(change_begin(model, options, &needs, e->change, err));
    if (e->change->variables)
        TRY(collection_open_borrowed(e->change->model, e->change->variables, e->o->name, &e->a, &e->c, err));
    else
        TRY(collection_open(e->change->path, e->o->name, &e->a, &e->c, err));
    e->manifest = json_object_get(json_object_get(e->change->manifest, "collections"), e->c.name);
    if (!json_is_object(e->manifest)) e->manifest = NULL;
    e->next_variable = e->c.next_variable;
    json_int_t named = json_integer_value(json_object_get(e->manifest, "next_variable"));
    if (named > 0 && named < INT32_MAX && (size_t)named > e->next_variable) e->next_variable = (size_t)named;
    e->payload_variable = e->c.payload_variable;
    return INLAY_OK;
}

static inlay_status run(rows_edit *e, inlay_rows_options *o, inlay_error *err) {
    bool ranges = o->action == INLAY_ROWS_DELETE || o->action == INLAY_ROWS_TOMBSTONE;
    if (ranges) TRY(check_ranges(e, o, err));
    if (!ranges && !o->rows) return fail(err, INLAY_INVALID_ARGUMENT, "no file with rows is given");
    if (o->action != INLAY_ROWS_APPEND && (o->labels || o->ids))
        return fail(err, INLAY_INVALID_ARGUMENT, "labels and ids go with rows that are appended");
    switch (o->action) {
    case INLAY_ROWS_SET: TRY(rows_set(e, err)); break;
    case INLAY_ROWS_APPEND: TRY(rows_append(e, err)); break;
    case INLAY_ROWS_DELETE: TRY(rows_delete(e, err)); break;
    case INLAY_ROWS_TOMBSTONE: TRY(rows_tombstone(e, err)); break;
    default: return fail(err, INLAY_INVALID_ARGUMENT, "no such edit of rows");
    }
    for (size_t i = 0; i < e->n_chunks; i++) e->report->rows += e->chunks[i].count;
    e->report->total_chunks = e->n_chunks;
    if (e->graph_changed) TRY(rows_rebuild_graph(e, err));
    TRY(rows_edit_manifest(e, err));
    if (e->reader) TRY(shard_check_unchanged(&e->source.shards[0], err));
    return INLAY_OK;
}

inlay_status edit_rows(const char *model, const inlay_rows_options *options, const inlay_edit_options *how,
                       inlay_rows_report *report, inlay_error *err) {
    inlay_rows_options o = *options;
    inlay_rows_report unused;
    change c;
    rows_edit e = {.o = &o, .report = report ? report : &unused, .change = &c};
    *e.report = (inlay_rows_report){0};
    arena_init(&e.a, 0);
    inlay_status status = open_all(&e, model, how, err);
    if (status == INLAY_OK) status = run(&e, &o, err);
    if (status == INLAY_OK) {
        c.reindex = index_is_there(c.path);
        status = change_commit(&c, err);
    }
    change_abandon(&c);
    if (e.has_pass) row_pass_free(&e.pass);
    shard_reader_close(e.reader);
    shards_close(&e.source);
    for (size_t i = 0; i < e.n_chunks; i++) json_decref(e.chunks[i].json);
    mem_free(e.chunks);
    buffer_free(&e.sides);
    collection_close(&e.c);
    arena_free(&e.a);
    return status;
}

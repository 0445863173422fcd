#include "edit/rows/rows_edit.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "format/labels.h"
#include "format/labels_offsets.h"

#include <inttypes.h>
#include <stdio.h>

static const char *table_name(rows_edit *e, inlay_error *err) {
    const char *name = arena_format(&e->a, "assets.extra/%s.labels", e->c.prefix);
    if (!name) fail_memory(err);
    return name;
}

inlay_status rows_open_labels(const collection *c, tensor **out, inlay_error *err) {
    char table[160];
    inlay_error ignored;
    snprintf(table, sizeof table, "assets.extra/%s.labels", c->prefix);
    char *path = path_join(c->model->folder, table);
    if (!path) return fail_memory(err);
    inlay_status status =
        file_exists(path) ? labels_offsets_read(path, c->bundle, c->payload_stored, out, &ignored) : INLAY_NOT_FOUND;
    mem_free(path);
    return status == INLAY_OK ? status : bundle_read(c->bundle, c->payload_stored, out, err);
}

static inlay_status check_count(const rows_edit *e, const char *path, int64_t count, inlay_error *err) {
    if (count == e->source.rows) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "holds %" PRId64 " %s, the rows to append are %" PRId64,
                   count, e->c.payload, e->source.rows);
}

/* The variable, renamed because its shape changes. */
static inlay_status put_variable(rows_edit *e, dtype type, int64_t rows, int32_t shard, uint64_t offset, uint64_t size,
                                 uint32_t crc, inlay_error *err) {
    shape dims = shape_vector(rows);
    TRY(rows_variable(e, e->c.payload, e->next_variable++, &e->payload_variable, err));
    TRY(rows_put_entry(e, e->payload_variable, type, &dims, shard, offset, size, crc, err));
    bytes old = e->c.payload_stored->key;
    return bundle_edit_has(e->change->bundle, old) ? bundle_edit_drop(e->change->bundle, old, err) : INLAY_OK;
}

inlay_status rows_put_labels(rows_edit *e, const labels_piece *pieces, size_t n, inlay_error *err) {
    const char *table = table_name(e, err);
    labels *all = NULL;
    file_writer *out;
    int32_t shard;
    uint64_t size;
    uint32_t crc = 0;
    inlay_status status;
    if (!table) return INLAY_RESOURCE_EXHAUSTED;
    TRY_TO(done, change_put_file(e->change, table, (bytes){0}, err));
    const char *path = change_staged(e->change, table, err);
    if (!path) TRY_TO(done, err ? err->code : INLAY_RESOURCE_EXHAUSTED);
    TRY_TO(done, labels_join(pieces, n, "the labels", &all, err));
    TRY_TO(done, bundle_edit_data(e->change->bundle, &out, &shard, err));
    uint64_t offset = file_position(out);
    TRY_TO(done, labels_store(all, out, path, NULL, &size, &crc, err));
    status = put_variable(e, INLAY_STRING, labels_count(all), shard, offset, size, crc, err);
done:
    labels_close(all);
    return status;
}

/* The ranges KEPT of OLD, with room for one piece more; NULL when memory is out. */
static labels_piece *pieces_of(rows_edit *e, const tensor *old, const inlay_row_range *kept, size_t n,
                               inlay_error *err) {
    labels_piece *pieces = arena_zalloc(&e->a, n + 1, sizeof *pieces);
    if (!pieces) fail_memory(err);
    for (size_t i = 0; pieces && i < n; i++)
        pieces[i] = (labels_piece){old, kept[i].begin, kept[i].end - kept[i].begin, NULL};
    return pieces;
}

static inlay_status edit_labels(rows_edit *e, const inlay_row_range *kept, size_t n, inlay_error *err) {
    labels *added = NULL;
    tensor *old = NULL;
    labels_piece *pieces;
    inlay_status status;
    if (e->source.rows) {
        if (!e->o->labels)
            return fail(err, INLAY_INVALID_ARGUMENT, "collection %s has labels: give those of the new rows (--labels)",
                        e->c.name);
        TRY(labels_open(e->o->labels, NULL, &added, err));
        TRY_TO(done, check_count(e, e->o->labels, labels_count(added), err));
    }
    TRY_TO(done, bundle_check(e->c.bundle, e->c.payload_stored, err));
    TRY_TO(done, rows_open_labels(&e->c, &old, err));
    if (!(pieces = pieces_of(e, old, kept, n, err))) TRY_TO(done, INLAY_RESOURCE_EXHAUSTED);
    if (added) pieces[n++].file = added;
    status = rows_put_labels(e, pieces, n, err);
done:
    tensor_release(old);
    labels_close(added);
    return status;
}

static inlay_status append_bytes(file_writer *out, const void *data, size_t size, uint32_t *crc, inlay_error *err) {
    *crc = crc32c(*crc, data, size);
    return file_append(out, data, size, err);
}

static inlay_status append_ids(const ids *added, file_writer *out, uint32_t *crc, inlay_error *err) {
    enum { STEP = 1 << 16 };
    int64_t *part = mem_array(STEP, sizeof *part);
    if (!part) return fail_memory(err);
    inlay_status status = INLAY_OK;
    for (int64_t done = 0; done < ids_count(added) && status == INLAY_OK; done += STEP) {
        int64_t n = ids_count(added) - done < STEP ? ids_count(added) - done : STEP;
        status = ids_read(added, done, n, part, err);
        if (status == INLAY_OK) status = append_bytes(out, part, (size_t)n * sizeof *part, crc, err);
    }
    mem_free(part);
    return status;
}

inlay_status rows_put_ids(rows_edit *e, const labels_piece *pieces, size_t n, const ids *added, inlay_error *err) {
    file_writer *out;
    int32_t shard;
    uint32_t crc = 0;
    int64_t rows = added ? ids_count(added) : 0;
    TRY(bundle_edit_data(e->change->bundle, &out, &shard, err));
    uint64_t offset = file_position(out);
    for (size_t i = 0; i < n; i++) {
        rows += pieces[i].count;
        TRY(append_bytes(out, pieces[i].strings->data + (uint64_t)pieces[i].first * sizeof(int64_t),
                         (size_t)pieces[i].count * sizeof(int64_t), &crc, err));
    }
    if (added) TRY(append_ids(added, out, &crc, err));
    return put_variable(e, INLAY_INT64, rows, shard, offset, (uint64_t)rows * sizeof(int64_t), crc, err);
}

static inlay_status edit_ids(rows_edit *e, const inlay_row_range *kept, size_t n, inlay_error *err) {
    ids *added = NULL;
    tensor *old = NULL;
    labels_piece *pieces;
    inlay_status status;
    if (e->source.rows) {
        if (!e->o->ids)
            return fail(err, INLAY_INVALID_ARGUMENT, "collection %s has ids: give those of the new rows (--ids)",
                        e->c.name);
        TRY(ids_open(e->o->ids, &added, err));
        TRY_TO(done, check_count(e, e->o->ids, ids_count(added), err));
    }
    TRY_TO(done, bundle_check(e->c.bundle, e->c.payload_stored, err));
    TRY_TO(done, bundle_read(e->c.bundle, e->c.payload_stored, &old, err));
    if (!(pieces = pieces_of(e, old, kept, n, err))) TRY_TO(done, INLAY_RESOURCE_EXHAUSTED);
    status = rows_put_ids(e, pieces, n, added, err);
done:
    tensor_release(old);
    ids_close(added);
    return status;
}

inlay_status rows_payload(rows_edit *e, const inlay_row_range *kept, size_t n, inlay_error *err) {
    const char *payload = e->c.payload;
    bool labels = payload && strcmp(payload, "labels") == 0;
    if (e->o->labels && !labels)
        return fail(err, INLAY_INVALID_ARGUMENT, "collection %s has no labels; leave --labels out", e->c.name);
    if (e->o->ids && (labels || !payload))
        return fail(err, INLAY_INVALID_ARGUMENT, "collection %s has no ids; leave --ids out", e->c.name);
    if (!payload) return INLAY_OK;
    return labels ? edit_labels(e, kept, n, err) : edit_ids(e, kept, n, err);
}

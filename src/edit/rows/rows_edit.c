#include "edit/rows/rows_edit.h"

#include "base/alloc.h"
#include "edit/block_sums.h"
#include "edit/fuse/fuse_extractor.h"

#include <inttypes.h>
#include <math.h>

uint64_t rows_row_bytes(const collection *c) {
    return (uint64_t)c->dim * dtype_size(c->type);
}

/* ---- chunks as they will be */

inlay_status rows_add_chunk(rows_edit *e, const next_chunk *chunk, inlay_error *err) {
    if (e->n_chunks == e->capacity) {
        size_t wanted = e->capacity ? e->capacity * 2 : 64;
        next_chunk *grown = mem_realloc(e->chunks, wanted * sizeof *grown);
        if (!grown) {
            json_decref(chunk->json);
            return fail_memory(err);
        }
        e->chunks = grown;
        e->capacity = wanted;
    }
    e->chunks[e->n_chunks++] = *chunk;
    return INLAY_OK;
}

const json_t *rows_json(const collection *c, const json_t *manifest, size_t chunk) {
    const json_t *old;
    size_t i;
    const bundle_entry *stored = c->chunks[chunk].stored;
    json_array_foreach(json_object_get(manifest, "chunks"), i, old) {
        const char *key = json_string_value(json_object_get(old, "key"));
        if (key && bytes_is(stored->key, key)) return old;
    }
    return NULL;
}

json_t *rows_old_json(const collection *c, const json_t *manifest, size_t chunk) {
    return json_copy((json_t *)rows_json(c, manifest, chunk));
}

json_t *rows_new_json(rows_edit *e, const next_chunk *chunk, uint64_t step, const buffer *sums) {
    const collection *c = &e->c;
    const char *key = fuse_variable_key(c->form, c->prefix, chunk->rows, &e->a),
               *side = chunk->side ? fuse_variable_key(c->form, c->prefix, chunk->side, &e->a) : NULL;
    if (!key || (chunk->side && !side)) return NULL;
    json_t *json = json_pack("{sIsssb}", "rows", (json_int_t)chunk->count, "key", key, "transposed", 0);
    bool ok = json && (!side || manifest_set(json, "side", json_string(side)));
    if (ok && step && step < (uint64_t)chunk->count * rows_row_bytes(c))
        ok = !sums->failed && block_sums_set(json, step, sums->data, sums->size / sizeof(uint32_t));
    if (ok) return json;
    json_decref(json);
    return NULL;
}

inlay_status rows_keep(rows_edit *e, size_t chunk, inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    return rows_add_chunk(e,
                          &(next_chunk){.rows = k->rows,
                                        .side = k->side,
                                        .count = k->count,
                                        .transposed = k->transposed,
                                        .guarded = k->guarded,
                                        .json = rows_old_json(&e->c, e->manifest, chunk)},
                          err);
}

inlay_status rows_drop(rows_edit *e, size_t chunk, inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    TRY(bundle_edit_drop(e->change->bundle, k->stored->key, err));
    return k->factor ? bundle_edit_drop(e->change->bundle, k->factor->key, err) : INLAY_OK;
}

inlay_status rows_variable(rows_edit *e, const char *what, size_t number, const char **out, inlay_error *err) {
    *out = arena_format(&e->a, "%s_%zu", what, number);
    const char *key = *out ? fuse_variable_key(e->c.form, e->c.prefix, *out, &e->a) : NULL;
    if (!key) return fail_memory(err);
    if (!bundle_find(e->c.bundle, bytes_of(key))) return INLAY_OK;
    return fail_at(err, INLAY_DATA_LOSS, e->c.bundle_prefix, -1,
                   "there is a tensor %s already, which the search has not", key);
}

inlay_status rows_put_entry(rows_edit *e, const char *variable, dtype type, const shape *dims, int32_t shard,
                            uint64_t offset, uint64_t size, uint32_t crc, inlay_error *err) {
    const char *key = fuse_variable_key(e->c.form, e->c.prefix, variable, &e->a);
    if (!key) return fail_memory(err);
    return bundle_edit_entry(e->change->bundle, bytes_of(key), type, dims, shard, offset, size, crc, err);
}

static inlay_status put_part(rows_edit *e, const char *variable, dtype type, const shape *dims, const stored_part *part,
                             inlay_error *err) {
    return rows_put_entry(e, variable, type, dims, part->shard, part->offset, part->size, part->crc, err);
}

inlay_status rows_put_chunk(rows_edit *e, const placed_chunk *chunk, inlay_error *err) {
    size_t number = e->next_variable++;
    next_chunk next = {.count = chunk->count, .guarded = chunk->guarded};
    shape matrix = shape_matrix(chunk->count, e->c.dim), vector = shape_vector(chunk->count);
    TRY(rows_variable(e, "rows", number, &next.rows, err));
    TRY(put_part(e, next.rows, e->c.type, &matrix, &chunk->rows, err));
    if (chunk->sided) {
        TRY(rows_variable(e, "side", number, &next.side, err));
        TRY(put_part(e, next.side, INLAY_FLOAT32, &vector, &chunk->side, err));
    }
    if (e->manifest && !(next.json = rows_new_json(e, &next, chunk->step, chunk->sums))) return fail_memory(err);
    e->graph_changed = true;
    return rows_add_chunk(e, &next, err);
}

inlay_status rows_old_sides(rows_edit *e, size_t chunk, tensor **out, inlay_error *err) {
    return bundle_read(e->c.bundle, e->c.chunks[chunk].factor, out, err);
}

inlay_status rows_check_chunk(rows_edit *e, size_t chunk, inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    TRY(bundle_check(e->c.bundle, k->stored, err));
    return k->factor ? bundle_check(e->c.bundle, k->factor, err) : INLAY_OK;
}

/* ---- the rows given */

inlay_status rows_open_source(rows_edit *e, const char *path, inlay_error *err) {
    const collection *c = &e->c;
    shard_options options = {
        .as_listed = true, .dim = c->dim, .type = c->type == INLAY_BFLOAT16 ? c->type : e->o->dtype};
    TRY(shards_open(&path, 1, &options, &e->source, err));
    if (e->source.count != 1)
        return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "holds %zu arrays of rows; give one", e->source.count);
    const shard *s = &e->source.shards[0];
    if (s->rows > 0 && s->dim != c->dim)
        return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1,
                       "has rows of dimension %" PRId64 ", those of collection %s have %" PRId64, s->dim, c->name,
                       c->dim);
    if (s->type != c->type)
        return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "holds %s, collection %s %s", dtype_name(s->type),
                       c->name, dtype_name(c->type));
    if (s->rows == 0) return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "holds no rows");
    return shard_reader_open(s, c->type, &e->reader, err);
}

static inlay_status keep_sides(void *user, int64_t at, const float *sides, size_t rows, inlay_error *err) {
    (void)at;
    rows_edit *e = user;
    buffer_append(&e->sides, sides, rows * sizeof *sides);
    return buffer_check(&e->sides, err);
}

inlay_status rows_begin_pass(rows_edit *e, inlay_error *err) {
    row_sides sides = {.fn = e->c.metric == SEARCH_DOT ? NULL : keep_sides, .user = e};
    progress_start(&e->progress, e->change->options->progress, e->change->options->progress_user, "reading rows",
                   (uint64_t)e->source.rows * rows_row_bytes(&e->c));
    TRY(row_pass_init(&e->pass, e->c.metric, e->c.dim, e->c.type, sides, &e->progress, err));
    e->has_pass = true;
    return INLAY_OK;
}

inlay_status rows_check_finite(const rows_edit *e, inlay_error *err) {
    const row_counts *counts = &e->pass.counts;
    if (!e->has_pass || counts->non_finite == 0 || e->o->allow_non_finite) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, e->source.shards[0].name, -1,
                   "row %" PRId64 " is not finite (%" PRId64 " such rows in all); --allow-non-finite accepts them",
                   counts->first_non_finite, counts->non_finite);
}

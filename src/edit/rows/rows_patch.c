/* Edits that keep every row's number: --set and --tombstone. Checksums follow from the bytes that change alone. */
#include "edit/rows/rows_view.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "edit/block_sums.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* models are small there */
enum { LARGE_BYTES = 128 };
#else
enum { LARGE_BYTES = 4 << 20 /* of a chunk that is worth cutting, and of what is saved by it */ };
#endif

/* The sum of what CRC covers when SIZE bytes OLD in it become FRESH and TAIL bytes follow them: sums of equal length
 * differ by a function of the difference alone, which is linear. */
static uint32_t patched_crc(uint32_t crc, const uint8_t *old, const uint8_t *fresh, size_t size, uint64_t tail) {
    return crc ^ crc32c_combine(crc32c(0, old, size) ^ crc32c(0, fresh, size), 0, tail);
}

/* A copy of a chunk that is being changed. */
typedef struct patch {
    rows_edit *e;
    const collection_chunk *chunk;
    const uint8_t *old; /* its bytes */
    file_writer *out;
    uint64_t at; /* of its copy in OUT */
    uint32_t crc;
    json_t *json;
    block_sums known;
    uint32_t *sums; /* [known.n] of blocks */
} patch;

/* SIZE bytes at OFFSET of the chunk become FRESH: what that makes of the sums of blocks. */
static void patch_blocks(patch *p, uint64_t offset, const uint8_t *fresh, uint64_t size) {
    uint64_t step = p->known.step, total = p->chunk->stored->size;
    for (uint64_t done = 0; step && done < size;) {
        size_t block = (size_t)((offset + done) / step);
        uint64_t at = (offset + done) % step, bytes = block_bytes(total, step, block),
                 n = size - done < bytes - at ? size - done : bytes - at;
        p->sums[block] = patched_crc(p->sums[block], p->old + offset + done, fresh + done, (size_t)n, bytes - at - n);
        done += n;
    }
}

/* SIZE bytes at OFFSET of the chunk become FRESH. */
static inlay_status put_bytes(patch *p, uint64_t offset, const uint8_t *fresh, size_t size, inlay_error *err) {
    uint64_t total = p->chunk->stored->size;
    file_prefetch(p->old + offset, size);
    p->crc = patched_crc(p->crc, p->old + offset, fresh, size, total - offset - size);
    patch_blocks(p, offset, fresh, size);
    return file_patch(p->out, p->at + offset, fresh, size, err);
}

/* Rows [first, first + n) of a chunk in Fortran order: a piece of each of its lines. LINE has room for N elements. */
static inlay_status put_columns(patch *p, int64_t first, int64_t n, const uint8_t *rows, uint8_t *line,
                                inlay_error *err) {
    const collection *c = &p->e->c;
    size_t element = dtype_size(c->type);
    for (int64_t j = 0; j < c->dim; j++) {
        for (int64_t i = 0; i < n; i++)
            memcpy(line + (size_t)i * element, rows + (size_t)(i * c->dim + j) * element, element);
        TRY(put_bytes(p, (uint64_t)(j * p->chunk->count + first) * element, line, (size_t)n * element, err));
    }
    return INLAY_OK;
}

/* Given rows [from, from + count) replace those from FIRST on of the chunk. */
static inlay_status put_rows(patch *p, int64_t from, int64_t first, int64_t count, inlay_error *err) {
    rows_edit *e = p->e;
    uint64_t row_bytes = rows_row_bytes(&e->c);
    int64_t step = row_bytes < ROWS_STEP_BYTES ? (int64_t)(ROWS_STEP_BYTES / row_bytes) : 1;
    if (step > count) step = count;
    size_t most;
    uint8_t *rows = mul_size((size_t)step, (size_t)row_bytes, &most) ? mem_array(2, most) : NULL;
    if (!rows) return fail_memory(err);
    inlay_status status = INLAY_OK;
    for (int64_t done = 0; done < count && status == INLAY_OK; done += step) {
        int64_t n = count - done < step ? count - done : step;
        uint32_t ignored = 0;
        status = shard_reader_rows(e->reader, from + done, n, rows, err);
        row_pass_begin(&e->pass);
        if (status == INLAY_OK) status = row_pass_rows(&e->pass, rows, n, from + done, &ignored, err);
        if (status != INLAY_OK) break;
        status = p->chunk->transposed
                     ? put_columns(p, first + done, n, rows, rows + most, err)
                     : put_bytes(p, (uint64_t)(first + done) * row_bytes, rows, (size_t)n * (size_t)row_bytes, err);
    }
    mem_free(rows);
    return status;
}

/* Tensor STORED appended to OUT, at *at; unless MAY_COPY only where that costs no copy (*done). */
static inlay_status append_stored(const collection *c, const bundle_entry *stored, bool may_copy, file_writer *out,
                                  uint64_t *at, bool *done, inlay_error *err) {
    char *path = bundle_data_path(c->bundle_prefix, stored->shard, bundle_shards(c->bundle));
    if (!path) return fail_memory(err);
    inlay_status status = file_append_range(out, path, stored->offset, stored->size, may_copy, at, done, err);
    mem_free(path);
    return status;
}

/* The factors of a chunk with those from FIRST on replaced by FRESH [count], COUNT > 0. */
static inlay_status patch_sides(rows_edit *e, size_t chunk, int64_t first, const float *fresh, int64_t count,
                                inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    size_t begin = (size_t)first * sizeof *fresh, size = (size_t)count * sizeof *fresh;
    tensor *old = NULL;
    file_writer *out;
    int32_t shard;
    uint64_t at = 0;
    bool done;
    TRY(rows_old_sides(e, chunk, &old, err));
    file_prefetch(old->data + begin, size);
    uint32_t crc =
        patched_crc(k->factor->crc, old->data + begin, (const uint8_t *)fresh, size, k->factor->size - begin - size);
    tensor_release(old);
    TRY(bundle_edit_data(e->change->bundle, &out, &shard, err));
    TRY(append_stored(&e->c, k->factor, true, out, &at, &done, err));
    TRY(file_patch(out, at + begin, fresh, size, err));
    return rows_put_entry(e, k->side, INLAY_FLOAT32, &k->factor->dims, shard, at, k->factor->size, crc, err);
}

/* Factors SIDES, one a row, for a chunk that had none. */
static inlay_status write_sides(rows_edit *e, const char *name, const float *sides, int64_t count, inlay_error *err) {
    size_t size = (size_t)count * sizeof *sides;
    file_writer *out;
    int32_t shard;
    TRY(bundle_edit_data(e->change->bundle, &out, &shard, err));
    uint64_t offset = file_position(out);
    shape dims = shape_vector(count);
    TRY(file_append(out, sides, size, err));
    return rows_put_entry(e, name, INLAY_FLOAT32, &dims, shard, offset, size, crc32c(0, sides, size), err);
}

/* The sums of the chunk's blocks, as numbers. */
static inlay_status take_blocks(patch *p, inlay_error *err) {
    if (!block_sums_of(p->json, p->chunk->stored, &p->known)) return INLAY_OK;
    p->sums = arena_alloc(&p->e->a, p->known.n * sizeof *p->sums);
    if (!p->sums) return fail_memory(err);
    for (size_t i = 0; i < p->known.n; i++) p->sums[i] = block_sum(&p->known, i);
    return INLAY_OK;
}

/* Given rows [from, from + count) replace those from FIRST on of CHUNK, of which there is a copy at AT of the new data
 * file. */
static inlay_status set_chunk(rows_edit *e, size_t chunk, uint64_t at, int64_t from, int64_t first, int64_t count,
                              inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    const bundle_entry *stored = k->stored;
    patch p = {.e = e, .chunk = k, .at = at, .crc = stored->crc, .json = rows_old_json(&e->c, e->manifest, chunk)};
    tensor *old = NULL;
    int32_t shard;
    int64_t bad = e->pass.counts.non_finite;
    inlay_status status = take_blocks(&p, err);
    if (status == INLAY_OK) status = bundle_read(e->c.bundle, stored, &old, err);
    if (status == INLAY_OK) status = bundle_edit_data(e->change->bundle, &p.out, &shard, err);
    buffer_clear(&e->sides);
    if (status == INLAY_OK) {
        p.old = old->data;
        status = put_rows(&p, from, first, count, err);
    }
    if (status == INLAY_OK && p.sums && !block_sums_set(p.json, p.known.step, p.sums, p.known.n))
        status = fail_memory(err);
    if (status == INLAY_OK)
        status = rows_put_entry(e, k->rows, stored->type, &stored->dims, shard, p.at, stored->size, p.crc, err);
    /* A chunk with factors for dot has some for tombstones; rows that are set are none. */
    for (int64_t i = 0; k->factor && e->c.metric == SEARCH_DOT && i < count; i++) {
        float one = 1;
        buffer_append(&e->sides, &one, sizeof one);
    }
    if (status == INLAY_OK) status = buffer_check(&e->sides, err);
    if (status == INLAY_OK && k->factor)
        status = patch_sides(e, chunk, first, (const float *)(void *)e->sides.data, count, err);
    tensor_release(old);
    bool guarded = k->guarded || e->pass.counts.non_finite > bad;
    e->graph_changed |= guarded != k->guarded;
    e->report->chunks++;
    e->report->bytes += stored->size;
    next_chunk next = {k->rows, k->side, k->count, k->transposed, guarded, p.json};
    if (status == INLAY_OK) return rows_add_chunk(e, &next, err);
    json_decref(p.json);
    return status;
}

/* ---- a large chunk of which little changes is cut: what stays lies where it lay, and only the rest is written */

/* Whole blocks around rows [*first, *first + count), so that sums of blocks tell what is left of them. */
static int64_t widen(const chunk_view *v, int64_t *first, int64_t count) {
    int64_t block = (int64_t)(v->step / v->row_bytes), end = *first + count;
    *first = *first / block * block;
    end = (end + block - 1) / block * block;
    return end < v->chunk->count ? end : v->chunk->count;
}

/* The chunk in up to three: rows [begin, end) of it are written anew, and among them given rows [from, from + count)
 * replace those from FIRST on. */
static inlay_status write_parts(rows_edit *e, chunk_view *v, int64_t begin, int64_t end, int64_t from, int64_t first,
                                int64_t count, inlay_error *err) {
    chunk_builder b = {0};
    inlay_status status;
    TRY(chunk_view_add(v, 0, begin, err));
    TRY_TO(done, chunk_begin(e, &b, err));
    TRY_TO(done, chunk_add_old(&b, v->index, begin, first - begin, err));
    TRY_TO(done, chunk_add_given(&b, from, count, from, err));
    TRY_TO(done, chunk_add_old(&b, v->index, first + count, end - first - count, err));
    TRY_TO(done, chunk_end(&b, err));
    TRY_TO(done, chunk_view_add(v, end, v->chunk->count, err));
    status = rows_drop(e, v->index, err);
done:
    chunk_free(&b);
    return status;
}

/* Does what set_chunk does, if the chunk is worth cutting and sound where it is cut; *done says so. */
static inlay_status cut_chunk(rows_edit *e, size_t chunk, int64_t from, int64_t first, int64_t count, bool *done,
                              inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    size_t chunks = e->n_chunks + e->c.n_chunks - chunk + 2;
    *done = false;
    if (k->transposed || chunks > ROWS_MANY_CHUNKS || k->stored->size < LARGE_BYTES) return INLAY_OK;
    chunk_view v;
    inlay_status status = chunk_view_open(e, chunk, &v, err);
    int64_t begin = first, end = status == INLAY_OK ? widen(&v, &begin, count) : 0;
    uint64_t kept = (uint64_t)(k->count - (end - begin)) * v.row_bytes;
    if (status == INLAY_OK && kept >= LARGE_BYTES && v.sound && chunk_view_holds(&v, begin, end)) {
        *done = true;
        status = write_parts(e, &v, begin, end, from, first, count, err);
    }
    chunk_view_close(&v);
    return status;
}

/* A chunk whose copy costs nothing is patched there. Elsewhere a cut chunk costs the least to write, at the price of a
 * graph with more chunks. */
static inlay_status set_rows(rows_edit *e, size_t chunk, int64_t from, int64_t first, int64_t count, inlay_error *err) {
    const bundle_entry *stored = e->c.chunks[chunk].stored;
    file_writer *out;
    int32_t shard;
    uint64_t at;
    bool appended, cut = false;
    TRY(bundle_edit_data(e->change->bundle, &out, &shard, err));
    TRY(append_stored(&e->c, stored, false, out, &at, &appended, err));
    if (!appended) TRY(cut_chunk(e, chunk, from, first, count, &cut, err));
    if (cut) return INLAY_OK;
    if (!appended) TRY(append_stored(&e->c, stored, true, out, &at, &appended, err));
    return set_chunk(e, chunk, at, from, first, count, err);
}

inlay_status rows_set(rows_edit *e, inlay_error *err) {
    collection *c = &e->c;
    int64_t n, begin = e->o->set_at;
    TRY(rows_open_source(e, e->o->rows, err));
    n = e->source.rows;
    if (begin < 0 || begin > c->rows || n > c->rows - begin)
        return fail_at(err, INLAY_OUT_OF_RANGE, e->source.shards[0].name, -1,
                       "its %" PRId64 " rows would replace %" PRId64 ":%" PRId64 ", collection %s has %" PRId64, n,
                       begin, begin + n, c->name, c->rows);
    TRY(rows_begin_pass(e, err));
    for (size_t i = 0; i < c->n_chunks; i++) {
        const collection_chunk *k = &c->chunks[i];
        int64_t from = begin > k->first_row ? begin : k->first_row,
                to = begin + n < k->first_row + k->count ? begin + n : k->first_row + k->count;
        if (from >= to)
            TRY(rows_keep(e, i, err));
        else
            TRY(set_rows(e, i, from - begin, from - k->first_row, to - from, err));
    }
    e->report->changed = n;
    change_note(e->change, "rows %" PRId64 ":%" PRId64 " of %s are replaced, in %zu of %zu chunks", begin, begin + n,
                c->name, e->report->chunks, c->n_chunks);
    return rows_check_finite(e, err);
}

/* ---- tombstones */

/* Marks the rows of CHUNK that the ranges hold in SIDES [count]. Returns how many were none before. */
static int64_t mark(const rows_edit *e, const collection_chunk *k, float *sides) {
    float dead = e->c.metric == SEARCH_L2 ? INFINITY : NAN;
    int64_t fresh = 0;
    for (size_t i = 0; i < e->o->n_ranges; i++) {
        const inlay_row_range *r = &e->o->ranges[i];
        int64_t from = r->begin > k->first_row ? r->begin : k->first_row,
                to = r->end < k->first_row + k->count ? r->end : k->first_row + k->count;
        for (int64_t row = from; row < to; row++) {
            float *side = &sides[row - k->first_row];
            fresh += !collection_is_tombstone(&e->c, *side);
            *side = dead;
        }
    }
    return fresh;
}

static bool touches(const rows_edit *e, const collection_chunk *k) {
    for (size_t i = 0; i < e->o->n_ranges; i++) {
        const inlay_row_range *r = &e->o->ranges[i];
        if (r->begin < r->end && r->begin < k->first_row + k->count && r->end > k->first_row) return true;
    }
    return false;
}

/* The first factors of a chunk. */
static inlay_status add_sides(rows_edit *e, next_chunk *next, const float *sides, inlay_error *err) {
    TRY(rows_variable(e, "side", e->next_variable++, &next->side, err));
    const char *key = next->json ? fuse_variable_key(e->c.form, e->c.prefix, next->side, &e->a) : NULL;
    if (next->json && !manifest_set(next->json, "side", key ? json_string(key) : NULL)) return fail_memory(err);
    return write_sides(e, next->side, sides, next->count, err);
}

static inlay_status bury_chunk(rows_edit *e, size_t chunk, inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    next_chunk next = {k->rows, k->side, k->count, k->transposed, k->guarded, rows_old_json(&e->c, e->manifest, chunk)};
    tensor *old = NULL;
    inlay_status status = k->factor ? rows_old_sides(e, chunk, &old, err) : INLAY_OK;
    float *sides = mem_array((size_t)k->count, sizeof *sides);
    if (status == INLAY_OK && !sides) status = fail_memory(err);
    if (status == INLAY_OK) {
        for (int64_t i = 0; !old && i < k->count; i++) sides[i] = 1;
        if (old) memcpy(sides, old->data, (size_t)k->count * sizeof *sides);
        e->report->changed += mark(e, k, sides);
        status = old ? patch_sides(e, chunk, 0, sides, k->count, err) : add_sides(e, &next, sides, err);
    }
    next.guarded |= e->c.metric != SEARCH_L2;
    e->graph_changed |= next.guarded != k->guarded || !k->side;
    e->report->chunks++;
    mem_free(sides);
    tensor_release(old);
    if (status == INLAY_OK) return rows_add_chunk(e, &next, err);
    json_decref(next.json);
    return status;
}

inlay_status rows_tombstone(rows_edit *e, inlay_error *err) {
    for (size_t i = 0; i < e->c.n_chunks; i++)
        TRY(touches(e, &e->c.chunks[i]) ? bury_chunk(e, i, err) : rows_keep(e, i, err));
    change_note(e->change, "%" PRId64 " row%s of %s can no longer win; all keep their numbers", e->report->changed,
                e->report->changed == 1 ? "" : "s", e->c.name);
    return INLAY_OK;
}

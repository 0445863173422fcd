#include "edit/rows/rows_view.h"

#include "base/crc32c.h"
#include "edit/block_sums.h"
#include "edit/verify/sums.h"

static bool sums_hold(const chunk_view *v) {
    uint32_t all = 0;
    for (size_t i = 0; i < v->n_sums; i++)
        all = crc32c_combine(all, v->sums[i], block_bytes(v->chunk->stored->size, v->step, i));
    return all == v->chunk->stored->crc;
}

static inlay_status calculate_sums(chunk_view *v, inlay_error *err) {
    sum_range *ranges = arena_zalloc(&v->e->a, v->n_sums, sizeof *ranges);
    progress nobody = {0};
    if (!ranges) return fail_memory(err);
    for (size_t i = 0; i < v->n_sums; i++)
        ranges[i].data =
            bytes_make(v->rows->data + i * v->step, (size_t)block_bytes(v->chunk->stored->size, v->step, i));
    TRY(sums_run(ranges, v->n_sums, &nobody, err));
    for (size_t i = 0; i < v->n_sums; i++) v->sums[i] = ranges[i].crc;
    return INLAY_OK;
}

/* The sums of the chunk's blocks: the manifest's, or, where it has none that hold, calculated from all of it. */
static inlay_status take_sums(chunk_view *v, inlay_error *err) {
    const bundle_entry *stored = v->chunk->stored;
    const json_t *json = rows_json(&v->e->c, v->e->manifest, v->index);
    block_sums blocks;
    bool known = block_sums_of(json, stored, &blocks) && blocks.step % v->row_bytes == 0;
    v->step = known ? blocks.step : (uint64_t)row_block_rows(v->row_bytes) * v->row_bytes;
    v->n_sums = (size_t)((stored->size + v->step - 1) / v->step);
    v->sums = arena_zalloc(&v->e->a, v->n_sums, sizeof *v->sums);
    if (!v->sums) return fail_memory(err);
    for (size_t i = 0; known && i < v->n_sums; i++) v->sums[i] = block_sum(&blocks, i);
    if (!known) TRY(calculate_sums(v, err));
    v->sound = known || sums_hold(v);
    return INLAY_OK;
}

inlay_status chunk_view_open(rows_edit *e, size_t chunk, chunk_view *v, inlay_error *err) {
    const collection_chunk *k = &e->c.chunks[chunk];
    *v = (chunk_view){.e = e, .index = chunk, .chunk = k, .row_bytes = rows_row_bytes(&e->c)};
    TRY(bundle_read(e->c.bundle, k->stored, &v->rows, err));
    TRY(take_sums(v, err));
    if (!k->factor) return INLAY_OK;
    TRY(rows_old_sides(e, chunk, &v->sides, err));
    file_prefetch(v->sides->data, v->sides->size);
    v->sound = v->sound && crc32c(0, v->sides->data, v->sides->size) == k->factor->crc;
    return INLAY_OK;
}

void chunk_view_close(chunk_view *v) {
    tensor_release(v->rows);
    tensor_release(v->sides);
    *v = (chunk_view){0};
}

/* The sum of bytes [from, to): of whole blocks as known, of parts of blocks as they lie. Those must be sound. */
static uint32_t range_sum(const chunk_view *v, uint64_t from, uint64_t to, buffer *blocks) {
    uint32_t all = 0;
    for (uint64_t at = from; at < to;) {
        size_t block = (size_t)(at / v->step);
        uint64_t end = block * v->step + block_bytes(v->chunk->stored->size, v->step, block),
                 size = (end < to ? end : to) - at;
        uint32_t sum = at % v->step == 0 && end <= to ? v->sums[block] : crc32c(0, v->rows->data + at, (size_t)size);
        buffer_append(blocks, &sum, sizeof sum);
        all = crc32c_combine(all, sum, size);
        at += size;
    }
    return all;
}

static bool block_is_sound(const chunk_view *v, size_t block) {
    return crc32c(0, v->rows->data + block * v->step, (size_t)block_bytes(v->chunk->stored->size, v->step, block)) ==
           v->sums[block];
}

bool chunk_view_holds(const chunk_view *v, int64_t begin, int64_t end) {
    uint64_t from = (uint64_t)begin * v->row_bytes, to = (uint64_t)end * v->row_bytes;
    file_prefetch(v->rows->data + from, to - from);
    for (uint64_t block = from / v->step; block * v->step < to; block++)
        if (!block_is_sound(v, (size_t)block)) return false;
    return true;
}

inlay_status chunk_view_damaged(const chunk_view *v, inlay_error *err) {
    TRY(rows_check_chunk(v->e, v->index, err));
    return fail_at(err, INLAY_DATA_LOSS, v->e->c.bundle_prefix, -1, "%s: its sums do not match", v->chunk->rows);
}

/* The blocks that [begin, end) cuts are looked at: a sum made of what lies there would hide damage. */
static inlay_status check_edges(const chunk_view *v, int64_t begin, int64_t end, inlay_error *err) {
    uint64_t ends[] = {(uint64_t)begin * v->row_bytes, (uint64_t)end * v->row_bytes};
    for (size_t i = 0; i < 2; i++) {
        if (ends[i] % v->step == 0 || ends[i] == v->chunk->stored->size) continue;
        if (block_is_sound(v, (size_t)(ends[i] / v->step))) continue;
        return chunk_view_damaged(v, err);
    }
    return INLAY_OK;
}

inlay_status chunk_view_add(chunk_view *v, int64_t begin, int64_t end, inlay_error *err) {
    const collection_chunk *k = v->chunk;
    if (begin == end) return INLAY_OK;
    TRY(check_edges(v, begin, end, err));
    uint64_t from = (uint64_t)begin * v->row_bytes, to = (uint64_t)end * v->row_bytes;
    buffer blocks = {0};
    uint32_t crc = range_sum(v, from, to, &blocks);
    placed_chunk chunk = {.count = end - begin,
                          .guarded = k->guarded,
                          .sided = v->sides != NULL,
                          .rows = {k->stored->shard, k->stored->offset + from, to - from, crc},
                          .step = from % v->step ? 0 : v->step,
                          .sums = &blocks};
    if (v->sides) {
        size_t at = (size_t)begin * sizeof(float), size = (size_t)(end - begin) * sizeof(float);
        chunk.side =
            (stored_part){k->factor->shard, k->factor->offset + at, size, crc32c(0, v->sides->data + at, size)};
    }
    inlay_status status = buffer_check(&blocks, err);
    if (status == INLAY_OK) status = rows_put_chunk(v->e, &chunk, err);
    buffer_free(&blocks);
    return status;
}

#include "edit/rows/rows_edit.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"

#include <stdio.h>

enum { CHUNK_BYTES = 64 << 20, MANY_CHUNKS = 64 };

int64_t chunk_most_rows(const rows_edit *e, int64_t total) {
    uint64_t row_bytes = rows_row_bytes(&e->c), bytes = CHUNK_BYTES, all = (uint64_t)total * row_bytes;
    if (all / MANY_CHUNKS > bytes) bytes = all / MANY_CHUNKS + row_bytes;
    uint64_t rows = bytes / row_bytes, most = INT32_MAX / (uint64_t)e->c.dim;
    if (rows > most) rows = most;
    return rows ? (int64_t)rows : 1;
}

inlay_status chunk_begin(rows_edit *e, chunk_builder *b, inlay_error *err) {
    uint64_t row_bytes = rows_row_bytes(&e->c);
    *b = (chunk_builder){
        .e = e, .sided = e->c.metric != SEARCH_DOT, .block_bytes = (uint64_t)row_block_rows(row_bytes) * row_bytes};
    TRY(bundle_edit_data(e->change->bundle, &b->out, &b->shard, err));
    b->offset = file_position(b->out);
    if (e->has_pass) row_pass_begin(&e->pass);
    return INLAY_OK;
}

void chunk_free(chunk_builder *b) {
    buffer_free(&b->sides);
    buffer_free(&b->sums);
    *b = (chunk_builder){0};
}

static void put_ones(buffer *sides, int64_t n) {
    float one = 1;
    for (int64_t i = 0; i < n; i++) buffer_append(sides, &one, sizeof one);
}

/* Factors of N rows, SIDES or (NULL) ones. For dot they are only kept when a row has one of its own. */
static inlay_status add_sides(chunk_builder *b, const void *sides, int64_t n, inlay_error *err) {
    if (sides && !b->sided) {
        b->sided = true;
        put_ones(&b->sides, b->count);
    }
    if (sides)
        buffer_append(&b->sides, sides, (size_t)n * sizeof(float));
    else if (b->sided)
        put_ones(&b->sides, n);
    return buffer_check(&b->sides, err);
}

static void end_block(chunk_builder *b) {
    buffer_append(&b->sums, &b->block_crc, sizeof b->block_crc);
    b->crc = crc32c_combine(b->crc, b->block_crc, b->filled);
    b->block_crc = 0;
    b->filled = 0;
}

/* The next SIZE bytes of the chunk. */
static inlay_status add_bytes(chunk_builder *b, const uint8_t *data, size_t size, inlay_error *err) {
    for (size_t done = 0, n; done < size; done += n) {
        n = min_size(size - done, (size_t)(b->block_bytes - b->filled));
        b->block_crc = crc32c(b->block_crc, data + done, n);
        b->filled += n;
        if (b->filled == b->block_bytes) end_block(b);
    }
    b->e->report->bytes += size;
    return file_append(b->out, data, size, err);
}

/* Copies rows [first, first + count) that READER has, in parts; PASS: they are given ones. */
static inlay_status copy_rows(chunk_builder *b, shard_reader *reader, int64_t first, int64_t count, bool pass,
                              int64_t global, inlay_error *err) {
    rows_edit *e = b->e;
    uint64_t row_bytes = rows_row_bytes(&e->c);
    int64_t step = row_bytes < ROWS_STEP_BYTES ? (int64_t)(ROWS_STEP_BYTES / row_bytes) : 1;
    if (step > count) step = count;
    uint8_t *rows = mem_array((size_t)step, (size_t)row_bytes);
    if (!rows) return fail_memory(err);
    inlay_status status = INLAY_OK;
    for (int64_t done = 0; done < count && status == INLAY_OK; done += step) {
        int64_t n = count - done < step ? count - done : step;
        uint32_t ignored = 0; /* blocks go across calls */
        status = shard_reader_rows(reader, first + done, n, rows, err);
        if (status == INLAY_OK && pass) status = row_pass_rows(&e->pass, rows, n, global + done, &ignored, err);
        if (status == INLAY_OK) status = add_bytes(b, rows, (size_t)n * (size_t)row_bytes, err);
    }
    mem_free(rows);
    return status;
}

inlay_status chunk_add_old(chunk_builder *b, size_t chunk, int64_t first, int64_t count, inlay_error *err) {
    rows_edit *e = b->e;
    const collection_chunk *k = &e->c.chunks[chunk];
    if (count == 0) return INLAY_OK;
    char *path = bundle_data_path(e->c.bundle_prefix, k->stored->shard, bundle_shards(e->c.bundle));
    if (!path) return fail_memory(err);
    shard s = {.form = SHARD_TENSOR,
               .path = path,
               .name = path,
               .rows = k->count,
               .dim = e->c.dim,
               .stored = e->c.type,
               .type = e->c.type,
               .transposed = k->transposed,
               .linkable = true,
               .offset = k->stored->offset,
               .size = k->stored->size};
    shard_reader *reader = NULL;
    tensor *sides = NULL;
    inlay_status status;
    TRY_TO(done, shard_reader_open(&s, s.type, &reader, err));
    if (k->factor) TRY_TO(done, rows_old_sides(e, chunk, &sides, err));
    TRY_TO(done, add_sides(b, sides ? sides->data + (size_t)first * sizeof(float) : NULL, count, err));
    TRY_TO(done, copy_rows(b, reader, first, count, false, 0, err));
    b->count += count;
    b->guarded |= k->guarded;
done:
    tensor_release(sides);
    shard_reader_close(reader);
    mem_free(path);
    return status;
}

inlay_status chunk_add_given(chunk_builder *b, int64_t first, int64_t count, int64_t global, inlay_error *err) {
    rows_edit *e = b->e;
    int64_t bad = e->pass.counts.non_finite;
    buffer_clear(&e->sides);
    TRY(copy_rows(b, e->reader, first, count, true, global, err));
    TRY(add_sides(b, e->c.metric == SEARCH_DOT ? NULL : e->sides.data, count, err));
    b->count += count;
    b->guarded |= e->pass.counts.non_finite > bad;
    return INLAY_OK;
}

inlay_status chunk_end(chunk_builder *b, inlay_error *err) {
    if (b->count == 0) return INLAY_OK;
    if (b->filled) end_block(b);
    placed_chunk chunk = {.count = b->count,
                          .guarded = b->guarded,
                          .sided = b->sided,
                          .rows = {b->shard, b->offset, (uint64_t)b->count * rows_row_bytes(&b->e->c), b->crc},
                          .step = b->block_bytes,
                          .sums = &b->sums};
    if (b->sided) {
        const buffer *sides = &b->sides;
        chunk.side = (stored_part){b->shard, file_position(b->out), sides->size, crc32c(0, sides->data, sides->size)};
        TRY(file_append(b->out, sides->data, sides->size, err));
    }
    b->e->report->chunks++;
    return rows_put_chunk(b->e, &chunk, err);
}

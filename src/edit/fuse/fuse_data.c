#include "edit/fuse/fuse_data.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"

#include <stdio.h>

enum { DEFAULT_CHUNK = 64 << 20, MANY_CHUNKS = 64, CONVERT_BYTES = 4 << 20 };

static void *grown(arena *a, void *old, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return old;
    size_t wanted = *capacity ? *capacity * 2 : 64;
    void *fresh = arena_zalloc(a, wanted, size);
    if (!fresh) return NULL;
    if (count) memcpy(fresh, old, count * size);
    *capacity = wanted;
    return fresh;
}

inlay_status fuse_data_add_variable(fuse_data *d, const char *name, dtype type, const shape *dims, int32_t shard,
                                    uint64_t offset, uint64_t size, uint32_t crc, inlay_error *err) {
    d->variables = grown(d->a, d->variables, d->n_variables, &d->variable_capacity, sizeof *d->variables);
    const char *key = fuse_variable_key(d->extractor->form, d->prefix, name, d->a);
    if (!d->variables || !key || !name) return fail_memory(err);
    d->variables[d->n_variables++] = (fuse_variable){name, key, type, *dims};
    return bundle_index_add(d->index, bytes_of(key), type, dims, shard, offset, size, crc, err);
}

/* ---- chunks */

static bool fits_one_chunk(const shard *s) {
    uint64_t elements;
    return mul_u64((uint64_t)s->rows, (uint64_t)s->dim, &elements) && elements <= INT32_MAX;
}

bool fuse_must_convert(const shard *s) {
    return !s->linkable || (s->transposed && !fits_one_chunk(s));
}

/* Rows of a chunk: about the bytes asked for, fewer than 2^31 rows and elements. */
static int64_t chunk_rows(const fuse_data *d) {
    uint64_t dim = (uint64_t)d->sources->dim, row_bytes = dim * dtype_size(d->sources->type);
    uint64_t bytes = d->options->chunk_bytes;
    if (bytes == 0) {
        bytes = DEFAULT_CHUNK;
        uint64_t total = (uint64_t)d->sources->rows * row_bytes;
        if (total / MANY_CHUNKS > bytes) bytes = total / MANY_CHUNKS + row_bytes;
    }
    uint64_t rows = row_bytes ? bytes / row_bytes : bytes, most = INT32_MAX / (dim ? dim : 1);
    if (rows > most) rows = most;
    return rows ? (int64_t)rows : 1;
}

/* Sums of one block say no more than the chunk's own. */
static inlay_status keep_blocks(fuse_data *d, size_t number, uint64_t size, bool transposed, int64_t count,
                                inlay_error *err) {
    d->blocks = grown(d->a, d->blocks, number, &d->block_capacity, sizeof *d->blocks);
    if (!d->blocks) return fail_memory(err);
    fuse_blocks *kept = &d->blocks[number];
    *kept = (fuse_blocks){.step = row_pass_block_bytes(&d->pass, transposed, count)};
    if (kept->step == 0 || size <= kept->step) return INLAY_OK;
    TRY(buffer_check(&d->pass.blocks, err));
    kept->n = d->pass.blocks.size / sizeof(uint32_t);
    kept->sums = arena_copy(d->a, buffer_bytes(&d->pass.blocks));
    return kept->sums ? INLAY_OK : fail_memory(err);
}

/* Adds the variables of the rows that begin at OFFSET of data file SHARD and have just been passed over; their side
 * factors are the last in the small file. */
static inlay_status add_chunk(fuse_data *d, int32_t shard, uint64_t offset, int64_t count, int64_t first,
                              bool transposed, uint32_t crc, inlay_error *err) {
    size_t number = d->n_chunks;
    d->chunks = grown(d->a, d->chunks, number, &d->chunk_capacity, sizeof *d->chunks);
    const char *rows = arena_format(d->a, "rows_%zu", number), *side = NULL;
    if (!d->chunks || !rows) return fail_memory(err);
    int64_t dim = d->sources->dim;
    shape dims = transposed ? shape_matrix(dim, count) : shape_matrix(count, dim);
    TRY(fuse_data_add_variable(d, rows, d->sources->type, &dims, shard, offset,
                               (uint64_t)count * (uint64_t)dim * dtype_size(d->sources->type), crc, err));
    TRY(keep_blocks(d, number, (uint64_t)count * (uint64_t)dim * dtype_size(d->sources->type), transposed, count, err));
    if (d->pass.sides.fn) {
        uint64_t size = (uint64_t)count * sizeof(float);
        dims = shape_vector(count);
        if (!(side = arena_format(d->a, "side_%zu", number))) return fail_memory(err);
        TRY(fuse_data_add_variable(d, side, INLAY_FLOAT32, &dims, d->old_shards, file_position(d->small) - size, size,
                                   d->pass.side_crc, err));
    }
    d->chunks[d->n_chunks++] =
        (graph_chunk){.rows = rows, .side = side, .count = count, .first_row = first, .transposed = transposed};
    return INLAY_OK;
}

/* ---- passes */

static inlay_status pass_mapped(fuse_data *d, const fuse_file *f, const uint8_t *data, inlay_error *err) {
    const shard *s = f->source;
    uint64_t row_bytes = (uint64_t)s->dim * dtype_size(s->type);
    if (s->transposed) {
        uint32_t crc = 0;
        row_pass_begin(&d->pass);
        TRY(row_pass_transposed(&d->pass, data, s->rows, d->rows, &crc, err));
        return add_chunk(d, f->shard, s->offset, s->rows, d->rows, true, crc, err);
    }
    int64_t step = chunk_rows(d);
    for (int64_t done = 0; done < s->rows; done += step) {
        int64_t n = s->rows - done < step ? s->rows - done : step;
        uint32_t crc = 0;
        row_pass_begin(&d->pass);
        TRY(row_pass_rows(&d->pass, data + (uint64_t)done * row_bytes, n, d->rows + done, &crc, err));
        TRY(add_chunk(d, f->shard, s->offset + (uint64_t)done * row_bytes, n, d->rows + done, false, crc, err));
    }
    return INLAY_OK;
}

static inlay_status pass_placed(fuse_data *d, fuse_file *f, const char *path, inlay_error *err) {
    inlay_link how = d->options->link;
    TRY(file_place(f->source->path, path, how, &f->done, NULL, err));
    if (f->done == INLAY_LINK_REFLINK) d->reflinked++;
    if (f->done == INLAY_LINK_HARD) d->hard_linked++;
    if (f->done == INLAY_LINK_COPY) d->copied++;
    file_map *map;
    /* What is linked is read by the name that the user knows, should it be cut under us. */
    TRY(file_map_open(f->done == INLAY_LINK_HARD ? f->source->path : path, false, &map, err));
    inlay_status status;
    if (map->size < f->source->offset || map->size - f->source->offset < f->source->size)
        status = fail_at(err, INLAY_FAILED_PRECONDITION, f->source->path, -1, "became shorter since it was opened");
    else
        status = pass_mapped(d, f, map->data + f->source->offset, err);
    file_map_release(map);
    return status;
}

/* Rows that cannot be used where they lie: read, passed over and written, a buffer at a time. */
static inlay_status convert_rows(fuse_data *d, const fuse_file *f, shard_reader *reader, file_writer *out,
                                 inlay_error *err) {
    const shard *s = f->source;
    uint64_t row_bytes = (uint64_t)s->dim * dtype_size(s->type);
    int64_t per_buffer = row_bytes < CONVERT_BYTES ? (int64_t)(CONVERT_BYTES / (row_bytes ? row_bytes : 1)) : 1,
            step = chunk_rows(d);
    int64_t block = row_block_rows(row_bytes);
    if (per_buffer > block) per_buffer -= per_buffer % block;
    uint8_t *rows = mem_array((size_t)per_buffer, (size_t)row_bytes);
    if (!rows) return fail_memory(err);
    inlay_status status = INLAY_OK;
    for (int64_t done = 0; done < s->rows && status == INLAY_OK; done += step) {
        int64_t n = s->rows - done < step ? s->rows - done : step;
        uint64_t offset = file_position(out);
        uint32_t crc = 0;
        row_pass_begin(&d->pass);
        for (int64_t at = 0; at < n && status == INLAY_OK; at += per_buffer) {
            int64_t m = n - at < per_buffer ? n - at : per_buffer;
            status = shard_reader_rows(reader, done + at, m, rows, err);
            if (status == INLAY_OK) status = row_pass_rows(&d->pass, rows, m, d->rows + done + at, &crc, err);
            if (status == INLAY_OK) status = file_append(out, rows, (size_t)m * (size_t)row_bytes, err);
        }
        if (status == INLAY_OK) status = add_chunk(d, f->shard, offset, n, d->rows + done, false, crc, err);
    }
    mem_free(rows);
    return status;
}

static inlay_status pass_converted(fuse_data *d, fuse_file *f, const char *path, inlay_error *err) {
    if (d->options->link == INLAY_LINK_REFLINK || d->options->link == INLAY_LINK_HARD)
        return fail_at(err, INLAY_INVALID_ARGUMENT, f->source->name, -1, "cannot be linked: it %s",
                       f->source->obstacle ? f->source->obstacle : "is too large in Fortran order");
    log_note(INLAY_LOG_INFO, "%s: converted, because it %s", f->source->name,
             f->source->obstacle ? f->source->obstacle : "is too large in Fortran order");
    file_writer *out = NULL;
    shard_reader *reader = NULL;
    inlay_status status;
    TRY_TO(done, shard_reader_open(f->source, f->source->type, &reader, err));
    TRY_TO(done, file_create(path, FILE_DIRECT, &out, err));
    TRY_TO(done, convert_rows(d, f, reader, out, err));
    status = file_commit(out, err);
    out = NULL;
    f->converted = true;
    f->done = INLAY_LINK_COPY;
    d->converted++;
done:
    shard_reader_close(reader);
    file_abandon(out);
    return status;
}

static inlay_status pass_file(fuse_data *d, fuse_file *f, inlay_error *err) {
    char *path = bundle_data_path(d->bundle, f->shard, d->n_shards);
    if (!path) return fail_memory(err);
    inlay_status status = fuse_must_convert(f->source) ? pass_converted(d, f, path, err) : pass_placed(d, f, path, err);
    mem_free(path);
    TRY(status);
    d->rows += f->source->rows;
    return shard_check_unchanged(f->source, err);
}

/* ---- the extractor's part of the bundle */

static inlay_status place_old_files(fuse_data *d, const char *prefix, inlay_error *err) {
    inlay_link how = d->options->link == INLAY_LINK_MOVE ? INLAY_LINK_AUTO : d->options->link;
    inlay_status status = INLAY_OK;
    for (int32_t i = 0; i < d->old_shards && status == INLAY_OK; i++) {
        char *from = bundle_data_path(prefix, i, d->old_shards), *to = bundle_data_path(d->bundle, i, d->n_shards);
        if (!from || !to)
            status = fail_memory(err);
        else if (file_exists(from)) /* one that no entry needs may be missing */
            status = file_place(from, to, how, NULL, NULL, err);
        mem_free(from);
        mem_free(to);
    }
    return status;
}

static inlay_status copy_old_index(fuse_data *d, const char *prefix, const char *replaced, inlay_error *err) {
    bundle *b;
    TRY(bundle_open(prefix, false, &b, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < bundle_count(b) && status == INLAY_OK; i++) {
        const bundle_entry *e = bundle_at(b, i);
        if (!replaced || !bytes_is(e->key, replaced)) status = bundle_index_add_raw(d->index, e->key, e->value, err);
    }
    for (size_t i = 0; i < bundle_slice_count(b) && status == INLAY_OK; i++) {
        const bundle_entry *e = bundle_slice_at(b, i);
        status = bundle_index_add_raw(d->index, e->key, e->value, err);
    }
    bundle_close(b);
    return status;
}

static inlay_status count_old_shards(fuse_data *d, const char *prefix, inlay_error *err) {
    bundle *b;
    TRY(bundle_open(prefix, false, &b, err));
    inlay_status status = INLAY_OK;
    if (bundle_big_endian(b))
        status = fail_at(err, INLAY_UNIMPLEMENTED, prefix, -1, "the extractor's variables are big-endian");
    d->old_shards = bundle_shards(b);
    bundle_close(b);
    return status;
}

/* The extractor's variables, "" when it has none; on the heap. */
static inlay_status old_prefix(const fuse_data *d, char **out, inlay_error *err) {
    *out = NULL;
    const saved_model *model = d->extractor->model;
    if (!model || !model->folder || !model->has_variables) return INLAY_OK;
    return saved_variables_prefix(model, out, err);
}

/* ---- the whole */

static inlay_status lay_out(fuse_data *d, char **prefix, inlay_error *err) {
    TRY(old_prefix(d, prefix, err));
    if (*prefix) TRY(count_old_shards(d, *prefix, err));
    d->files = arena_zalloc(d->a, d->sources->count + 1, sizeof *d->files);
    if (!d->files) return fail_memory(err);
    for (size_t i = 0; i < d->sources->count; i++)
        if (d->sources->shards[i].rows > 0) d->files[d->n_files++].source = &d->sources->shards[i];
    if (d->n_files > 90000 || d->old_shards > 90000)
        return fail(err, INLAY_INVALID_ARGUMENT, "more data files than the names of a bundle can number");
    d->n_shards = d->old_shards + 1 + (int32_t)d->n_files;
    for (size_t i = 0; i < d->n_files; i++) d->files[i].shard = d->old_shards + 1 + (int32_t)i;
    return INLAY_OK;
}

static inlay_status write_sides(void *user, int64_t at, const float *sides, size_t rows, inlay_error *err) {
    (void)at;
    return file_append(user, sides, rows * sizeof *sides, err);
}

inlay_status fuse_data_write_rows(fuse_data *d, inlay_error *err) {
    char *prefix = NULL, *small_path = NULL;
    inlay_status status;
    TRY_TO(done, lay_out(d, &prefix, err));
    TRY_TO(done, bundle_index_open(&d->index, err));
    if (prefix) TRY_TO(done, place_old_files(d, prefix, err));
    if (!(small_path = bundle_data_path(d->bundle, d->old_shards, d->n_shards))) TRY_TO(done, fail_memory(err));
    TRY_TO(done, file_create(small_path, FILE_DIRECT, &d->small, err));
    d->row_bytes = (uint64_t)d->sources->rows * (uint64_t)d->sources->dim * dtype_size(d->sources->type);
    progress_start(&d->report, d->options->progress, d->options->progress_user, "reading rows", d->row_bytes);
    TRY_TO(done, row_pass_init(&d->pass, d->metric, d->sources->dim, d->sources->type,
                               (row_sides){.fn = d->metric == SEARCH_DOT ? NULL : write_sides, .user = d->small},
                               &d->report, err));
    for (size_t i = 0; i < d->n_files; i++) TRY_TO(done, pass_file(d, &d->files[i], err));
    if (d->n_chunks == 0) { /* no rows at all: one chunk of none keeps the graph whole */
        row_pass_begin(&d->pass);
        status = add_chunk(d, d->old_shards, 0, 0, 0, false, 0, err);
    }
done:
    row_pass_free(&d->pass);
    mem_free(prefix);
    mem_free(small_path);
    return status;
}

inlay_status fuse_data_add_string(fuse_data *d, const char *key, bytes text, inlay_error *err) {
    bundle_strings strings = {0};
    buffer head = {0};
    uint32_t crc;
    uint64_t offset = file_position(d->small);
    bundle_strings_add(&strings, text.size);
    bundle_strings_finish(&strings, &head, &crc);
    crc = crc32c(crc, text.data, text.size);
    inlay_status status = buffer_check(&head, err);
    if (status == INLAY_OK) status = file_append(d->small, head.data, head.size, err);
    if (status == INLAY_OK) status = file_append(d->small, text.data, text.size, err);
    if (status == INLAY_OK)
        status = bundle_index_add(d->index, bytes_of(key), INLAY_STRING, &(shape){.rank = 0}, d->old_shards, offset,
                                  file_position(d->small) - offset, crc, err);
    buffer_free(&head);
    return status;
}

inlay_status fuse_data_finish(fuse_data *d, const char *replaced, inlay_error *err) {
    char *prefix = NULL, *path = NULL;
    buffer index = {0};
    inlay_status status = file_commit(d->small, err);
    d->small = NULL;
    TRY_TO(done, status);
    TRY_TO(done, old_prefix(d, &prefix, err));
    if (prefix) TRY_TO(done, copy_old_index(d, prefix, replaced, err));
    TRY_TO(done, bundle_index_finish(d->index, d->n_shards, &index, err));
    if (!(path = bundle_index_path(d->bundle))) TRY_TO(done, fail_memory(err));
    status = file_write_all(path, FILE_DIRECT, buffer_bytes(&index), err);
done:
    buffer_free(&index);
    mem_free(prefix);
    mem_free(path);
    return status;
}

void fuse_data_free(fuse_data *d) {
    file_abandon(d->small);
    bundle_index_close(d->index);
    d->small = NULL;
    d->index = NULL;
}

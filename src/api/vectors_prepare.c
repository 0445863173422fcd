#include "api/vectors.h"
#include "edit/fuse/row_pass.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- side numbers and checksums: one pass */

static inlay_status keep_sides(void *user, int64_t at, const float *sides, size_t rows, inlay_error *err) {
    (void)err;
    memcpy((float *)user + at, sides, rows * sizeof *sides);
    return INLAY_OK;
}

static inlay_status read_rows(const inlay_vectors *v, matrix *m, const search_chunk *chunk, progress *report,
                              inlay_error *err) {
    row_pass pass;
    row_sides sides = {0};
    if (v->view.metric != SEARCH_DOT) {
        m->sides = mem_array((size_t)chunk->count + 1, sizeof *m->sides);
        if (!m->sides) return fail_memory(err);
        sides = (row_sides){.fn = keep_sides, .user = m->sides};
        m->tie.side_size = (uint64_t)chunk->count * sizeof *m->sides;
    }
    TRY(row_pass_init(&pass, v->view.metric, v->view.dim, chunk->type, sides, report, err));
    row_pass_begin(&pass);
    inlay_status status = (chunk->transposed ? row_pass_transposed : row_pass_rows)(&pass, chunk->rows, chunk->count, 0,
                                                                                    &m->tie.rows_crc, err);
    m->tie.rows_size = m->rows->size;
    m->tie.side_crc = pass.side_crc;
    row_pass_free(&pass);
    return status;
}

/* ---- indexes */

static inlay_status index_in_memory(const inlay_vectors *v, matrix *m, const search_chunk *chunk, progress *report,
                                    inlay_error *err) {
    enum { LINE = 64 };
    uint64_t size;
    TRY(search_index_size(chunk->count, v->view.dim, m->tie.key.size, &size, err));
    m->codes = mem_aligned(LINE, (size_t)size);
    if (!m->codes) return fail_memory(err);
    TRY(search_index_fill(chunk, v->view.dim, v->view.metric, &m->tie, m->codes, report, err));
    return search_index_open(bytes_make(m->codes, (size_t)size), m->name, &m->index, err);
}

static bool is_of(const search_index *index, const inlay_vectors *v, const matrix *m, const search_chunk *chunk) {
    const search_tie *a = &search_index_about(index)->tie, *b = &m->tie;
    return search_index_fits(index, chunk, v->view.dim, v->view.metric) && a->rows_crc == b->rows_crc &&
           a->rows_size == b->rows_size && a->side_crc == b->side_crc && a->side_size == b->side_size;
}

/* The index in the file PATH; m->index stays NULL when that is damaged or made from other numbers. */
static inlay_status open_index(const inlay_vectors *v, matrix *m, const search_chunk *chunk, const char *path,
                               inlay_error *err) {
    inlay_error what;
    TRY(file_map_open(path, false, &m->file, err));
    inlay_status status = search_index_open(file_map_bytes(m->file), m->file->path, &m->index, &what);
    if (status == INLAY_OK && is_of(m->index, v, m, chunk))
        status = search_index_check(m->index, NULL, &what);
    else if (status == INLAY_OK)
        status = fail_at(&what, INLAY_FAILED_PRECONDITION, path, -1, "of other vectors");
    if (status == INLAY_OK) return INLAY_OK;
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    log_note(INLAY_LOG_INFO, "an index is made anew: %s", what.message);
    search_index_close(m->index);
    file_map_release(m->file);
    m->index = NULL;
    m->file = NULL;
    return INLAY_OK;
}

static inlay_status write_index(const inlay_vectors *v, const matrix *m, const search_chunk *chunk, const char *path,
                                progress *report, inlay_error *err) {
    file_writer *out;
    TRY(file_create(path, FILE_ATOMIC, &out, err));
    inlay_status status = search_index_build(chunk, v->view.dim, v->view.metric, &m->tie, out, report, err);
    if (status == INLAY_OK) return file_commit(out, err);
    file_abandon(out);
    return status;
}

static inlay_status index_in_folder(const inlay_vectors *v, matrix *m, const search_chunk *chunk, progress *report,
                                    inlay_error *err) {
    const char *folder = v->options.index_folder;
    if (!file_exists(folder)) TRY(file_make_folder(folder, err));
    char *path = path_join(folder, m->name);
    inlay_status status = path ? INLAY_OK : fail_memory(err);
    if (path && file_exists(path)) TRY_TO(done, open_index(v, m, chunk, path, err));
    if (path && !m->index) {
        TRY_TO(done, write_index(v, m, chunk, path, report, err));
        TRY_TO(done, file_map_open(path, false, &m->file, err));
        TRY_TO(done, search_index_open(file_map_bytes(m->file), m->file->path, &m->index, err));
    }
done:
    mem_free(path);
    return status;
}

/* ---- all of it */

static inlay_status check_shape(const inlay_vectors *v, size_t i, const tensor *t, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (!search_can(t->type))
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "matrix %zu holds %s; vectors can be float32, float64, float16, bfloat16 or int8", i,
                    dtype_name(t->type));
    if (t->dims.rank != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "matrix %zu has the shape %s, not [rows, dim]", i,
                    shape_text(&t->dims, text));
    int64_t dim = t->dims.dims[!v->matrices[i].transposed];
    if (dim == 0) return fail(err, INLAY_INVALID_ARGUMENT, "matrix %zu has rows without numbers", i);
    if (i > 0 && dim != v->view.dim)
        return fail(err, INLAY_INVALID_ARGUMENT, "matrix %zu has rows of %" PRId64 " numbers, matrix 0 of %" PRId64, i,
                    dim, v->view.dim);
    return INLAY_OK;
}

static inlay_status list_chunks(inlay_vectors *v, inlay_error *err) {
    int64_t rows = 0;
    for (size_t i = 0; i < v->n; i++) {
        matrix *m = v->matrices + i;
        TRY(check_shape(v, i, m->rows, err));
        v->view.dim = m->rows->dims.dims[!m->transposed];
        v->view.n_chunks = i + 1;
        v->chunks[i] = (search_chunk){.rows = m->rows->data,
                                      .count = m->rows->dims.dims[m->transposed],
                                      .first_row = rows,
                                      .type = m->rows->type,
                                      .transposed = m->transposed};
        if (v->chunks[i].count > INT64_MAX - rows) return fail(err, INLAY_INVALID_ARGUMENT, "too many rows");
        rows += v->chunks[i].count;
        snprintf(m->name, sizeof m->name, "rows-%05zu.index", i);
        m->tie.key = bytes_of(m->name);
    }
    return INLAY_OK;
}

inlay_status vectors_prepare(inlay_vectors *v, inlay_error *err) {
    const inlay_vectors_options *o = &v->options;
    bool index = o->index || o->index_folder;
    uint64_t size = 0;
    progress report;
    TRY(list_chunks(v, err));
    for (size_t i = 0; i < v->n; i++) size += v->matrices[i].rows->size;
    progress_start(&report, o->progress, o->progress_user, "reading vectors", size);
    for (size_t i = 0; i < v->n; i++)
        if (v->view.metric != SEARCH_DOT || o->index_folder) {
            TRY(read_rows(v, v->matrices + i, v->chunks + i, &report, err));
            v->chunks[i].side = v->matrices[i].sides;
        }
    progress_start(&report, o->progress, o->progress_user, "indexing rows", (uint64_t)search_rows(&v->view));
    for (size_t i = 0; index && i < v->n; i++) {
        if (v->chunks[i].count == 0) continue;
        TRY((o->index_folder ? index_in_folder : index_in_memory)(v, v->matrices + i, v->chunks + i, &report, err));
        v->chunks[i].index = v->matrices[i].index;
    }
    return INLAY_OK;
}

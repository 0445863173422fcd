#include "api/vectors.h"
#include "format/shards.h"

void inlay_vectors_options_init(inlay_vectors_options *options) {
    *options = (inlay_vectors_options){.size = sizeof *options};
}

static inlay_status begin(const inlay_vectors_options *options, size_t n, inlay_vectors **out, inlay_error *err) {
    inlay_vectors *v = mem_zalloc(1, sizeof *v);
    *out = v;
    if (!v || !(v->chunks = mem_zalloc(n + 1, sizeof *v->chunks)) ||
        !(v->matrices = mem_zalloc(n + 1, sizeof *v->matrices)))
        return fail_memory(err);
    inlay_vectors_options_init(&v->options);
    if (options) memcpy(&v->options, options, options->size < sizeof v->options ? options->size : sizeof v->options);
    static const search_metric metrics[] = {
        [INLAY_COSINE] = SEARCH_COSINE, [INLAY_DOT] = SEARCH_DOT, [INLAY_L2] = SEARCH_L2};
    if ((unsigned)v->options.metric > INLAY_L2) return fail(err, INLAY_INVALID_ARGUMENT, "no such metric");
    v->view = (search_view){.chunks = v->chunks, .metric = metrics[v->options.metric]};
    return INLAY_OK;
}

void inlay_vectors_close(inlay_vectors *v) {
    if (!v) return;
    for (size_t i = 0; v->matrices && i < v->n; i++) {
        matrix *m = v->matrices + i;
        search_index_close(m->index);
        file_map_release(m->file);
        mem_free(m->codes);
        mem_free(m->sides);
        tensor_release(m->rows);
    }
    mem_free(v->matrices);
    mem_free(v->chunks);
    mem_free(v);
}

static inlay_status finish(inlay_status status, inlay_vectors *v, inlay_vectors **out, inlay_error *err) {
    if (status == INLAY_OK) status = vectors_prepare(v, err);
    if (status == INLAY_OK)
        *out = v;
    else
        inlay_vectors_close(v);
    return status;
}

inlay_status inlay_vectors_open(inlay_tensor *const *matrices, size_t n, const inlay_vectors_options *options,
                                inlay_vectors **out, inlay_error *error) {
    inlay_vectors *v;
    *out = NULL;
    inlay_status status = begin(options, n, &v, error);
    for (; status == INLAY_OK && v->n < n; v->n++) v->matrices[v->n].rows = tensor_retain(matrices[v->n]);
    if (status == INLAY_OK && n == 0) status = fail(error, INLAY_INVALID_ARGUMENT, "no matrices are given");
    return finish(status, v, out, error);
}

inlay_status inlay_vectors_open_rows(inlay_dtype type, const void *rows, int64_t n_rows, int64_t dim,
                                     const inlay_vectors_options *options, inlay_vectors **out, inlay_error *error) {
    inlay_tensor *matrix;
    int64_t dims[] = {n_rows, dim};
    *out = NULL;
    TRY(inlay_tensor_wrap(type, dims, 2, rows, NULL, NULL, &matrix, error));
    inlay_status status = inlay_vectors_open(&matrix, 1, options, out, error);
    tensor_release(matrix);
    return status;
}

/* ---- files */

static inlay_status convert_shard(const shard *s, tensor **out, inlay_error *err) {
    shape dims = shape_matrix(s->rows, s->dim);
    shard_reader *reader = NULL;
    TRY(tensor_new(s->type, &dims, NULL, out, err));
    inlay_status status = shard_reader_open(s, s->type, &reader, err);
    if (status == INLAY_OK) status = shard_reader_rows(reader, 0, s->rows, (*out)->data, err);
    shard_reader_close(reader);
    return status;
}

/* The dtype of S as its file holds it, where that can be searched as it is; models take no bytes, searches do. */
static dtype type_in_place(const shard *s) {
    bool bytes = s->stored == INLAY_INT8 && (s->form == SHARD_NPY || s->vectors.kind == VECTORS_I8BIN);
    return s->linkable ? s->type : bytes ? INLAY_INT8 : INLAY_INVALID_DTYPE;
}

static inlay_status map_shard(const shard *s, bool copy, tensor **out, inlay_error *err) {
    file_map *map;
    shape dims = s->transposed ? shape_matrix(s->dim, s->rows) : shape_matrix(s->rows, s->dim);
    TRY(file_map_open(s->path, copy, &map, err));
    if (s->offset <= map->size && s->size <= map->size - s->offset)
        return tensor_wrap(type_in_place(s), &dims, map->data + s->offset, file_map_release_any, map, out, err);
    file_map_release(map);
    return fail_at(err, INLAY_DATA_LOSS, s->path, -1, "the file has become shorter");
}

inlay_status inlay_vectors_open_files(const char *const *files, size_t n, const inlay_vectors_options *options,
                                      inlay_vectors **out, inlay_error *error) {
    inlay_vectors_options own;
    shard_list shards;
    inlay_vectors *v;
    *out = NULL;
    inlay_vectors_options_init(&own);
    if (options) memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    shard_options how = {.as_listed = own.as_listed, .dim = own.dim, .type = own.dtype};
    TRY(shards_open(files, n, &how, &shards, error));
    inlay_status status = begin(&own, shards.count, &v, error);
    for (size_t i = 0; status == INLAY_OK && i < shards.count; i++) {
        const shard *s = shards.shards + i;
        if (s->rows == 0) continue;
        matrix *m = v->matrices + v->n++;
        bool mapped = type_in_place(s) != INLAY_INVALID_DTYPE;
        m->transposed = mapped && s->transposed;
        status = mapped ? map_shard(s, own.copy, &m->rows, error) : convert_shard(s, &m->rows, error);
    }
    if (status == INLAY_OK && v->n == 0) status = fail(error, INLAY_INVALID_ARGUMENT, "the files hold no rows");
    shards_close(&shards);
    return finish(status, v, out, error);
}

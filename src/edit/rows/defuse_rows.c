#include "edit/rows/defuse.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "edit/manifest.h"
#include "format/npy.h"
#include "format/shards.h"

enum { STEP_BYTES = 4 << 20 };

/* Chunks [first, first + count) that lie one behind the other in one data file. */
typedef struct run {
    size_t first, count;
    int64_t rows;
    uint64_t size;
    char *path;
    bool whole; /* the file is a .npy that holds them and nothing else */
} run;

typedef struct run_list {
    run *runs;
    size_t count;
} run_list;

static inlay_status note_whole(const collection *c, run *r, inlay_error *err) {
    const collection_chunk *k = &c->chunks[r->first];
    file_map *map;
    npy_header h;
    inlay_error ignored;
    TRY(file_map_open(r->path, false, &map, err));
    if (npy_parse(file_map_bytes(map), map->size, r->path, &h, &ignored) == INLAY_OK) {
        bool type = h.type == c->type || (h.kind == 'V' && c->type == INLAY_BFLOAT16 && h.item_size == 2);
        bool shape = h.dims.rank == 2   ? h.dims.dims[0] == r->rows && h.dims.dims[1] == c->dim
                     : h.dims.rank == 1 ? h.dims.dims[0] == r->rows && c->dim == 1
                                        : false;
        r->whole = type && shape && !h.big_endian && h.fortran == k->transposed && h.data_offset == k->stored->offset &&
                   h.data_size == r->size && map->size - h.data_offset == h.data_size;
    }
    file_map_release(map);
    return INLAY_OK;
}

static inlay_status list_runs(defusing *d, run_list *out, inlay_error *err) {
    const collection *c = &d->c;
    out->runs = arena_zalloc(&d->a, c->n_chunks, sizeof *out->runs);
    if (!out->runs) return fail_memory(err);
    for (size_t i = 0; i < c->n_chunks; i++) {
        const collection_chunk *k = &c->chunks[i], *last = i ? &c->chunks[i - 1] : NULL;
        bool follows = last && !last->transposed && !k->transposed && last->stored->shard == k->stored->shard &&
                       last->stored->offset + last->stored->size == k->stored->offset;
        if (!follows) {
            run *r = &out->runs[out->count++];
            char *path = bundle_data_path(c->bundle_prefix, k->stored->shard, bundle_shards(c->bundle));
            r->first = i;
            r->path = path ? arena_strdup(&d->a, path) : NULL;
            mem_free(path);
            if (!r->path) return fail_memory(err);
        }
        run *r = &out->runs[out->count - 1];
        r->count++;
        r->rows += k->count;
        r->size += k->stored->size;
    }
    for (size_t i = 0; i < out->count; i++)
        if (out->runs[i].size) TRY(note_whole(c, &out->runs[i], err));
    return INLAY_OK;
}

/* ---- names */

/* What the manifest calls the source that became data file SHARD, without its folder; NULL when it does not say. */
static const char *source_name(const json_t *sources, int32_t shard) {
    const json_t *source;
    size_t i;
    json_array_foreach(sources, i, source) {
        const char *path = json_string_value(json_object_get(source, "path"));
        if (!path || json_integer_value(json_object_get(source, "shard")) != shard) continue;
        const char *name = path_name(path);
        size_t n = strlen(name);
        return n > 4 && n < 200 && name[0] != '.' && strcmp(name + n - 4, ".npy") == 0 && !strchr(path, '\\') ? name
                                                                                                              : NULL;
    }
    return NULL;
}

/* The sources' own names where all files are sources and their names put them in the order of their rows; else numbers.
 */
static inlay_status name_runs(defusing *d, const run_list *l, const char **names, inlay_error *err) {
    json_t *root = NULL;
    inlay_error error;
    inlay_status status = manifest_read(d->c.model->folder, &root, &error);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    bool good = status == INLAY_OK;
    const json_t *sources =
        json_object_get(json_object_get(json_object_get(root, "collections"), d->c.name), "sources");
    status = INLAY_OK;
    for (size_t i = 0; i < l->count && good && status == INLAY_OK; i++) {
        const run *r = &l->runs[i];
        const char *name = r->whole ? source_name(sources, d->c.chunks[r->first].stored->shard) : NULL;
        good = name && (i == 0 || natural_compare(names[i - 1], name) < 0);
        if (good && !(names[i] = arena_strdup(&d->a, name))) status = fail_memory(err);
    }
    json_decref(root);
    for (size_t i = 0; i < l->count && !good && status == INLAY_OK; i++)
        if (!(names[i] = arena_format(&d->a, "rows-%05zu.npy", i))) status = fail_memory(err);
    return status;
}

/* ---- writing */

static inlay_status append_mapped(defusing *d, const collection_chunk *k, const file_map *map, file_writer *out,
                                  inlay_error *err) {
    const bundle_entry *e = k->stored;
    uint32_t crc = 0;
    if (map->size < e->offset || map->size - e->offset < e->size)
        return fail_at(err, INLAY_DATA_LOSS, map->path, -1, "became shorter since it was opened");
    for (uint64_t done = 0; done < e->size;) {
        size_t n = e->size - done < STEP_BYTES ? (size_t)(e->size - done) : STEP_BYTES;
        const uint8_t *data = map->data + e->offset + done;
        crc = crc32c(crc, data, n);
        TRY(file_append(out, data, n, err));
        progress_add(&d->report_to, n);
        TRY(progress_check(&d->report_to, err));
        done += n;
    }
    if (crc == e->crc) return INLAY_OK;
    return fail_at(err, INLAY_DATA_LOSS, map->path, (int64_t)e->offset, "the checksum of %.*s is wrong",
                   (int)(e->key.size < 200 ? e->key.size : 200), (const char *)e->key.data);
}

static inlay_status append_transposed(defusing *d, const collection_chunk *k, const char *path, file_writer *out,
                                      inlay_error *err) {
    const bundle_entry *e = k->stored;
    uint64_t row_bytes = (uint64_t)d->c.dim * dtype_size(d->c.type);
    shard s = {.form = SHARD_TENSOR,
               .path = (char *)path,
               .name = (char *)path,
               .rows = k->count,
               .dim = d->c.dim,
               .stored = d->c.type,
               .type = d->c.type,
               .transposed = true,
               .linkable = true,
               .offset = e->offset,
               .size = e->size};
    TRY(bundle_check(d->c.bundle, e, err));
    int64_t step = row_bytes < STEP_BYTES ? (int64_t)(STEP_BYTES / row_bytes) : 1;
    uint8_t *rows = mem_array((size_t)step, (size_t)row_bytes);
    shard_reader *reader = NULL;
    inlay_status status = rows ? shard_reader_open(&s, s.type, &reader, err) : fail_memory(err);
    for (int64_t done = 0; done < k->count && status == INLAY_OK; done += step) {
        int64_t n = k->count - done < step ? k->count - done : step;
        status = shard_reader_rows(reader, done, n, rows, err);
        if (status == INLAY_OK) status = file_append(out, rows, (size_t)n * (size_t)row_bytes, err);
        progress_add(&d->report_to, (uint64_t)n * row_bytes);
        if (status == INLAY_OK) status = progress_check(&d->report_to, err);
    }
    shard_reader_close(reader);
    mem_free(rows);
    return status;
}

static inlay_status append_run(defusing *d, const run *r, file_writer *out, inlay_error *err) {
    file_map *map = NULL;
    inlay_status status = r->size ? file_map_open(r->path, false, &map, err) : INLAY_OK;
    for (size_t i = 0; i < r->count && map && status == INLAY_OK; i++) {
        const collection_chunk *k = &d->c.chunks[r->first + i];
        status = k->transposed ? append_transposed(d, k, r->path, out, err) : append_mapped(d, k, map, out, err);
    }
    file_map_release(map);
    return status;
}

/* Runs [0, n) that are no files by themselves become one. */
static inlay_status write_file(defusing *d, const run *runs, size_t n, const char *path, inlay_error *err) {
    int64_t rows = 0;
    for (size_t i = 0; i < n; i++) rows += runs[i].rows;
    shape dims = shape_matrix(rows, d->c.dim);
    buffer header = {0};
    file_writer *out = NULL;
    inlay_status status;
    TRY_TO(done, npy_header_text(d->c.type, &dims, false, &header, err));
    TRY_TO(done, file_create(path, FILE_DIRECT, &out, err));
    TRY_TO(done, file_append(out, header.data, header.size, err));
    for (size_t i = 0; i < n; i++) TRY_TO(done, append_run(d, &runs[i], out, err));
    status = file_commit(out, err);
    out = NULL;
    d->report->written++;
done:
    file_abandon(out);
    buffer_free(&header);
    return status;
}

static inlay_status place_file(defusing *d, const run *r, const char *path, inlay_error *err) {
    inlay_link done;
    TRY(file_place(r->path, path, d->o->link, &done, &d->report_to, err));
    if (done == INLAY_LINK_REFLINK) d->report->reflinked++;
    if (done == INLAY_LINK_HARD) d->report->hard_linked++;
    if (done == INLAY_LINK_COPY) d->report->copied++;
    return INLAY_OK;
}

inlay_status defuse_rows(defusing *d, inlay_error *err) {
    run_list l = {0};
    const char *folder = arena_format(&d->a, "%s/shards", d->folder);
    if (!folder) return fail_memory(err);
    TRY(file_make_folder(folder, err));
    TRY(list_runs(d, &l, err));
    const char **names = arena_zalloc(&d->a, l.count + 1, sizeof *names);
    if (!names) return fail_memory(err);
    TRY(name_runs(d, &l, names, err));
    for (size_t i = 0; i < l.count; i++) d->report->bytes += l.runs[i].size;
    for (size_t i = 0; i < d->c.n_chunks; i++) {
        int64_t dead;
        TRY(collection_tombstones(&d->c, i, &dead, err));
        d->report->tombstones += dead;
    }
    progress_start(&d->report_to, d->o->progress, d->o->progress_user, "writing rows", d->report->bytes);
    for (size_t i = 0, n; i < l.count; i += n) {
        const char *path = arena_format(&d->a, "%s/%s", folder, names[i]);
        if (!path) return fail_memory(err);
        for (n = 1; !l.runs[i].whole && i + n < l.count && !l.runs[i + n].whole;) n++;
        TRY(l.runs[i].whole ? place_file(d, &l.runs[i], path, err) : write_file(d, &l.runs[i], n, path, err));
        d->report->files++;
    }
    return INLAY_OK;
}

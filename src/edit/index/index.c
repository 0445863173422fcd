#include "edit/index/index.h"

#include "base/alloc.h"
#include "edit/index/index_file.h"
#include "edit/rows/collection.h"
#include "format/index_files.h"

/* ---- rows that inlay fuse placed */

static inlay_status write_chunk(const collection *c, size_t chunk, const char *folder, const char *path,
                                progress *progress, inlay_index_report *report, inlay_error *err) {
    const collection_chunk *k = &c->chunks[chunk];
    tensor *rows = NULL, *side = NULL;
    search_tie tie = {.key = k->stored->key, .rows_crc = k->stored->crc, .rows_size = k->stored->size};
    inlay_status status;
    TRY_TO(done, bundle_read(c->bundle, k->stored, &rows, err));
    if (k->factor) {
        TRY_TO(done, bundle_read(c->bundle, k->factor, &side, err));
        tie.side_crc = k->factor->crc;
        tie.side_size = k->factor->size;
    }
    search_chunk source = {.rows = rows->data,
                           .side = side ? side->data : NULL,
                           .count = k->count,
                           .type = c->type,
                           .transposed = k->transposed};
    status = index_write(folder, path, &(index_source_rows){&source, c->dim, c->metric, tie}, progress, report, err);
done:
    tensor_release(rows);
    tensor_release(side);
    return status;
}

static inlay_status make_chunk(const collection *c, size_t chunk, const char *folder, progress *progress,
                               inlay_index_report *report, inlay_error *err) {
    buffer relative = {0};
    inlay_status status = index_file_path(c->chunks[chunk].stored->key, &relative, err);
    char *path = status == INLAY_OK ? path_join(folder, (const char *)relative.data) : NULL;
    buffer_free(&relative);
    TRY(status);
    if (!path) return fail_memory(err);
    bool there = file_exists(path);
    index_verdict found = {0};
    if (there) status = index_judge(path, c->bundle, &found, err);
    if (status == INLAY_OK && found.right && found.sided == (c->chunks[chunk].factor != NULL)) {
        report->kept++;
    } else {
        if (status == INLAY_OK && there) status = file_remove(path, err);
        if (status == INLAY_OK) status = write_chunk(c, chunk, folder, path, progress, report, err);
    }
    mem_free(path);
    return status;
}

static inlay_status make_collection(const char *folder, const char *name, progress *progress,
                                    inlay_index_report *report, inlay_error *err) {
    collection c = {0};
    arena a;
    arena_init(&a, 0);
    inlay_status status;
    TRY_TO(done, collection_open(folder, name, &a, &c, err));
    for (size_t i = 0; i < c.n_chunks; i++)
        if (c.chunks[i].count > 0) TRY_TO(done, make_chunk(&c, i, folder, progress, report, err));
    status = INLAY_OK;
done:
    collection_close(&c);
    arena_free(&a);
    return status;
}

/* ---- all searches */

/* What NAME asks for: collections, or the plain searches of a signature, or, when it is NULL, both. */
typedef struct index_wish {
    const char **names; /* in the arena */
    size_t n;
    bool plain;
} index_wish;

static bool has_signature(const saved_metagraph *graph, const char *name) {
    for (size_t i = 0; i < graph->signature_count; i++)
        if (strcmp(graph->signatures[i].key, name) == 0) return true;
    return false;
}

static inlay_status find_name(const saved_model *model, const saved_metagraph *graph, const char *name, index_wish *out,
                              inlay_error *err) {
    for (size_t i = 0; i < out->n; i++)
        if (strcmp(out->names[i], name) == 0) {
            out->names[0] = out->names[i];
            out->n = 1;
            return INLAY_OK;
        }
    out->n = 0;
    out->plain = has_signature(graph, name);
    return out->plain ? INLAY_OK
                      : fail_at(err, INLAY_NOT_FOUND, model->path, -1, "has no collection and no signature %s", name);
}

static inlay_status find_wish(const char *folder, const char *name, arena *a, index_wish *out, inlay_error *err) {
    saved_model *model;
    const saved_metagraph *graph;
    *out = (index_wish){.plain = true};
    TRY(saved_model_open(folder, false, &model, err));
    inlay_status status = saved_model_pick(model, NULL, &graph, err);
    if (status == INLAY_OK) status = collection_names(model, graph, a, &out->names, &out->n, err);
    for (size_t i = 0; status == INLAY_OK && i < out->n; i++)
        if (!(out->names[i] = arena_strdup(a, out->names[i]))) status = fail_memory(err);
    if (status == INLAY_OK && name) {
        out->plain = false;
        status = find_name(model, graph, name, out, err);
    }
    saved_model_close(model);
    return status;
}

/* A model whose collections are found need not run here. */
static inlay_status forgive(inlay_status status, const inlay_error *what, bool fatal, inlay_error *err) {
    if (status == INLAY_OK) return INLAY_OK;
    if (fatal || status == INLAY_RESOURCE_EXHAUSTED || status == INLAY_CANCELLED) {
        if (err) *err = *what;
        return status;
    }
    log_note(INLAY_LOG_WARNING, "searches that inlay fuse did not make have no index: %s", what->message);
    return INLAY_OK;
}

inlay_status index_make(const char *folder, const char *name, progress *progress, inlay_index_report *report,
                        inlay_error *err) {
    index_wish wish;
    inlay_error what;
    arena a;
    arena_init(&a, 0);
    inlay_status status = find_wish(folder, name, &a, &wish, err);
    for (size_t i = 0; status == INLAY_OK && i < wish.n; i++)
        status = make_collection(folder, wish.names[i], progress, report, err);
    if (status == INLAY_OK && wish.plain)
        status = forgive(plain_index_make(folder, name, progress, report, &what), &what, wish.n == 0, err);
    arena_free(&a);
    return status;
}

inlay_status index_missing(const char *folder, bool plain, inlay_index_report *report, inlay_error *err) {
    index_wish wish;
    inlay_error what;
    progress nobody = {0};
    arena a;
    arena_init(&a, 0);
    inlay_status status = find_wish(folder, NULL, &a, &wish, err);
    for (size_t i = 0; status == INLAY_OK && i < wish.n; i++)
        status = make_collection(folder, wish.names[i], &nobody, report, err);
    if (status == INLAY_OK && plain)
        status = forgive(plain_index_make(folder, NULL, &nobody, report, &what), &what, false, err);
    arena_free(&a);
    return status;
}

static inlay_status count_collection(const char *folder, const char *name, arena *a, uint64_t *rows, inlay_error *err) {
    collection c = {0};
    inlay_status status = collection_open(folder, name, a, &c, err);
    *rows += status == INLAY_OK ? (uint64_t)c.rows : 0;
    collection_close(&c);
    return status;
}

static inlay_status fail_none(const char *folder, const index_count *count, inlay_error *err) {
    return fail_at(err, INLAY_NOT_FOUND, folder, -1, "holds no search whose rows could be indexed: %s",
                   count->refused[0] ? count->refused
                                     : "inlay fuse made none, and no signature ranks the rows of a stored variable");
}

inlay_status index_count_rows(const char *folder, const char *name, index_count *out, inlay_error *err) {
    index_wish wish;
    inlay_error what;
    *out = (index_count){0};
    arena a;
    arena_init(&a, 0);
    inlay_status status = find_wish(folder, name, &a, &wish, err);
    for (size_t i = 0; status == INLAY_OK && i < wish.n; i++)
        status = count_collection(folder, wish.names[i], &a, &out->rows, err);
    if (status == INLAY_OK && wish.plain)
        status = forgive(plain_index_count(folder, name, out, &what), &what, wish.n == 0, err);
    if (status == INLAY_OK && wish.n == 0 && out->rows == 0) status = fail_none(folder, out, err);
    arena_free(&a);
    return status;
}

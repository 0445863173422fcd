#include "edit/index/index.h"

#include "base/alloc.h"
#include "edit/rows/collection.h"
#include "format/index_files.h"
#include "search/index_tie.h"

/* ---- files that are there */

/* Whether the file PATH is an index of what B stores, and whether it was made with side numbers. */
typedef struct verdict {
    bool right, sided;
} verdict;

/* A file that cannot be read is not right; that memory is out says nothing. */
static inlay_status judge(const char *path, const bundle *b, verdict *out, inlay_error *err) {
    file_map *map = NULL;
    search_index *index = NULL;
    const bundle_entry *rows, *side;
    inlay_error what;
    *out = (verdict){0};
    inlay_status status = file_map_open(path, false, &map, &what);
    if (status == INLAY_OK) status = search_index_open(file_map_bytes(map), map->path, &index, &what);
    if (status == INLAY_OK) out->right = index_is_of(search_index_about(index), b, &rows, &side);
    if (status == INLAY_OK) out->sided = side != NULL;
    search_index_close(index);
    file_map_release(map);
    return status == INLAY_RESOURCE_EXHAUSTED ? fail_memory(err) : INLAY_OK;
}

bool index_is_there(const char *folder) {
    char *path = path_join(folder, INDEX_FOLDER);
    bool there = path && file_exists(path);
    mem_free(path);
    return there;
}

static inlay_status drop_from(const char *folder, const bundle *b, inlay_error *err) {
    file_names names;
    TRY(file_list(folder, &names, err));
    size_t left = names.count;
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        char *path = path_join(folder, names.names[i]);
        verdict found;
        status = path ? judge(path, b, &found, err) : fail_memory(err);
        if (status == INLAY_OK && !found.right) {
            status = file_remove(path, err);
            left--;
        }
        mem_free(path);
    }
    if (status == INLAY_OK && left == 0) status = file_remove_tree(folder, err);
    file_names_free(&names);
    return status;
}

inlay_status index_drop_stale(const char *folder, inlay_error *err) {
    if (!index_is_there(folder)) return INLAY_OK;
    char *indexes = path_join(folder, INDEX_FOLDER), *prefix = path_join(folder, "variables/variables");
    bundle *b = NULL;
    inlay_status status = indexes && prefix ? bundle_open(prefix, false, &b, err) : fail_memory(err);
    if (status == INLAY_OK) status = drop_from(indexes, b, err);
    bundle_close(b);
    mem_free(prefix);
    mem_free(indexes);
    return status;
}

/* ---- making them */

static inlay_status make_folders(const char *model, inlay_error *err) {
    static const char *const folders[] = {"assets.extra", INDEX_FOLDER};
    for (size_t i = 0; i < 2; i++) {
        char *path = path_join(model, folders[i]);
        inlay_status status = path ? INLAY_OK : fail_memory(err);
        if (path && !file_exists(path)) status = file_make_folder(path, err);
        mem_free(path);
        TRY(status);
    }
    return INLAY_OK;
}

static inlay_status write_index(const collection *c, size_t chunk, const char *path, progress *progress,
                                inlay_index_report *report, inlay_error *err) {
    const collection_chunk *k = &c->chunks[chunk];
    tensor *rows = NULL, *side = NULL;
    file_writer *out = NULL;
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
    TRY_TO(done, file_create(path, FILE_DIRECT, &out, err));
    TRY_TO(done, search_index_build(&source, c->dim, c->metric, &tie, out, progress, err));
    report->bytes += file_position(out);
    report->rows += k->count;
    report->made++;
    status = file_commit(out, err);
    out = NULL;
done:
    file_abandon(out);
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
    verdict found = {0};
    if (there) status = judge(path, c->bundle, &found, err);
    if (status == INLAY_OK && found.right && found.sided == (c->chunks[chunk].factor != NULL)) {
        report->kept++;
    } else {
        if (status == INLAY_OK && there) status = file_remove(path, err);
        if (status == INLAY_OK) status = write_index(c, chunk, path, progress, report, err);
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

/* The names of all searches of the model in FOLDER, in the arena. */
static inlay_status list_names(const char *folder, arena *a, const char ***names, size_t *n, inlay_error *err) {
    saved_model *model;
    const saved_metagraph *graph;
    TRY(saved_model_open(folder, false, &model, err));
    inlay_status status = saved_model_pick(model, NULL, &graph, err);
    if (status == INLAY_OK) status = collection_names(model, graph, a, names, n, err);
    for (size_t i = 0; status == INLAY_OK && i < *n; i++)
        if (!((*names)[i] = arena_strdup(a, (*names)[i]))) status = fail_memory(err);
    saved_model_close(model);
    return status;
}

inlay_status index_make(const char *folder, const char *name, progress *progress, inlay_index_report *report,
                        inlay_error *err) {
    TRY(make_folders(folder, err));
    if (name) return make_collection(folder, name, progress, report, err);
    const char **names;
    size_t n;
    arena a;
    arena_init(&a, 0);
    inlay_status status = list_names(folder, &a, &names, &n, err);
    for (size_t i = 0; status == INLAY_OK && i < n; i++)
        status = make_collection(folder, names[i], progress, report, err);
    arena_free(&a);
    return status;
}

inlay_status index_missing(void *unused, const char *folder, inlay_error *err) {
    (void)unused;
    progress nobody = {0};
    inlay_index_report ignored = {0};
    return index_make(folder, NULL, &nobody, &ignored, err);
}

inlay_status index_count_rows(const char *folder, const char *name, uint64_t *rows, inlay_error *err) {
    *rows = 0;
    const char **names = &name;
    size_t n = 1;
    arena a;
    arena_init(&a, 0);
    inlay_status status = name ? INLAY_OK : list_names(folder, &a, &names, &n, err);
    if (status == INLAY_OK && n == 0)
        status = fail_at(err, INLAY_NOT_FOUND, folder, -1,
                         "holds no search whose rows could be indexed: only those that inlay fuse made have such rows");
    for (size_t i = 0; status == INLAY_OK && i < n; i++) {
        collection c = {0};
        status = collection_open(folder, names[i], &a, &c, err);
        *rows += status == INLAY_OK ? (uint64_t)c.rows : 0;
        collection_close(&c);
    }
    arena_free(&a);
    return status;
}

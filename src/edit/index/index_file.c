/* The files of indexes: which are right, which go, how one is written. */
#include "edit/index/index_file.h"
#include "base/alloc.h"
#include "format/index_files.h"
#include "search/index_tie.h"

/* ---- files that are there */

inlay_status index_judge(const char *path, const bundle *b, index_verdict *out, inlay_error *err) {
    file_map *map = NULL;
    search_index *index = NULL;
    const bundle_entry *rows, *side;
    inlay_error what;
    *out = (index_verdict){0};
    inlay_status status = file_map_open(path, false, &map, &what);
    if (status == INLAY_OK) status = search_index_open(file_map_bytes(map), map->path, &index, &what);
    if (status == INLAY_OK) {
        const search_index_info *about = search_index_about(index);
        *out = (index_verdict){.right = index_is_of(about, b, &rows, &side),
                               .sided = about->side,
                               .computed = about->tie.computed,
                               .transposed = about->transposed,
                               .metric = about->metric,
                               .side_crc = about->tie.side_crc};
    }
    search_index_close(index);
    file_map_release(map);
    return status == INLAY_RESOURCE_EXHAUSTED ? fail_memory(err) : INLAY_OK;
}

bool index_is_there(const char *folder) {
    return file_exists_in(folder, INDEX_FOLDER);
}

/* Removes the files that GOES names; *gone of them. The folder goes when nothing is left. */
static inlay_status remove_some(const char *model, bool (*goes)(void *ctx, const char *name, const char *path),
                                void *ctx, size_t *gone, inlay_error *err) {
    file_names names = {0};
    inlay_status status;
    *gone = 0;
    if (!index_is_there(model)) return INLAY_OK;
    char *folder = path_join(model, INDEX_FOLDER);
    if (!folder) return fail_memory(err);
    TRY_TO(done, file_list(folder, &names, err));
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        char *path = path_join(folder, names.names[i]);
        bool go = path && goes(ctx, names.names[i], path);
        status = !path ? fail_memory(err) : go ? file_remove(path, err) : INLAY_OK;
        *gone += go;
        mem_free(path);
    }
    if (status == INLAY_OK && *gone == names.count) status = file_remove_tree(folder, err);
done:
    file_names_free(&names);
    mem_free(folder);
    return status;
}

typedef struct stale_of {
    const bundle *b;
    bool failed; /* memory is out */
} stale_of;

static bool is_stale(void *ctx, const char *name, const char *path) {
    (void)name;
    stale_of *s = ctx;
    index_verdict found;
    s->failed |= !s->failed && index_judge(path, s->b, &found, NULL) != INLAY_OK;
    return !s->failed && !found.right;
}

inlay_status index_drop_stale(const char *folder, size_t *gone, inlay_error *err) {
    stale_of s = {0};
    bundle *b = NULL;
    *gone = 0;
    if (!index_is_there(folder)) return INLAY_OK;
    char *prefix = path_join(folder, "variables/variables");
    inlay_status status = prefix ? bundle_open(prefix, false, &b, err) : fail_memory(err);
    s.b = b;
    if (status == INLAY_OK) status = remove_some(folder, is_stale, &s, gone, err);
    if (status == INLAY_OK && s.failed) status = fail_memory(err);
    bundle_close(b);
    mem_free(prefix);
    return status;
}

static bool is_unused(void *ctx, const char *name, const char *path) {
    (void)path;
    return index_is_plain(name) && !map_get(ctx, bytes_of(name), NULL);
}

inlay_status index_drop_unused(const char *folder, map *used, inlay_error *err) {
    size_t gone;
    return remove_some(folder, is_unused, used, &gone, err);
}

static bool note_plain(void *ctx, const char *name, const char *path) {
    (void)path;
    *(bool *)ctx |= index_is_plain(name);
    return false;
}

inlay_status index_has_plain(const char *folder, bool *out, inlay_error *err) {
    size_t gone;
    *out = false;
    return remove_some(folder, note_plain, out, &gone, err);
}

/* ---- writing one */

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

inlay_status index_write(const char *folder, const char *path, const index_source_rows *source, progress *progress,
                         inlay_index_report *report, inlay_error *err) {
    file_writer *out = NULL;
    inlay_status status;
    TRY(make_folders(folder, err));
    TRY_TO(done, file_create(path, FILE_DIRECT, &out, err));
    TRY_TO(done, search_index_build(source->chunk, source->dim, source->metric, &source->tie, out, progress, err));
    report->bytes += file_position(out);
    report->rows += source->chunk->count;
    report->made++;
    status = file_commit(out, err);
    out = NULL;
done:
    file_abandon(out);
    return status;
}

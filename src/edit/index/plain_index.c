/* Indexes of rows that plain searches read: one for each way in which rows are compared. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/crc32c.h"
#include "edit/index/index_file.h"
#include "format/index_files.h"
#include "model/plain_rows.h"

#include <stdio.h>

typedef struct plain_job {
    const char *folder;
    progress *progress;
    inlay_index_report *report;
    bundle *b;
    map used; /* names of the files that are right, in the arena */
    arena memory;
} plain_job;

static search_tie tie_of(const plain_rows *r) {
    const bundle_entry *e = r->stored;
    search_tie tie = {.key = e->key, .rows_crc = e->crc, .rows_size = e->size, .computed = r->chunk.side != NULL};
    if (!r->chunk.side) return tie;
    tie.side_size = (uint64_t)r->chunk.count * sizeof(float);
    tie.side_crc = crc32c(0, r->chunk.side, (size_t)tie.side_size);
    return tie;
}

/* The path of the index of R below the model's folder. */
static inlay_status path_of(const plain_rows *r, const search_tie *tie, buffer *out, inlay_error *err) {
    char way[32];
    const char *metric = r->metric == SEARCH_LESS ? "less" : tie->computed ? "times" : "dot";
    if (tie->computed)
        snprintf(way, sizeof way, "%s-%08x", metric, tie->side_crc);
    else
        snprintf(way, sizeof way, "%s", metric);
    return index_plain_path(r->stored->key, way, out, err);
}

static bool is_same(const index_verdict *found, const plain_rows *r, const search_tie *tie) {
    return found->right && found->metric == r->metric && found->transposed == r->chunk.transposed &&
           found->sided == tie->computed && found->computed == tie->computed && found->side_crc == tie->side_crc;
}

static inlay_status make_file(plain_job *j, const plain_rows *r, const search_tie *tie, const char *path,
                              inlay_error *err) {
    index_verdict found = {0};
    bool there = file_exists(path);
    if (there) TRY(index_judge(path, j->b, &found, err));
    if (is_same(&found, r, tie)) {
        j->report->kept++;
        return INLAY_OK;
    }
    if (there) TRY(file_remove(path, err));
    return index_write(j->folder, path,
                       &(index_source_rows){.chunk = &r->chunk, .dim = r->dim, .metric = r->metric, .tie = *tie},
                       j->progress, j->report, err);
}

static inlay_status make_one(void *user, const plain_rows *r, inlay_error *err) {
    plain_job *j = user;
    buffer relative = {0};
    if (r->why) return INLAY_OK;
    search_tie tie = tie_of(r);
    inlay_status status = path_of(r, &tie, &relative, err);
    const char *name = status == INLAY_OK ? arena_strdup(&j->memory, (const char *)relative.data) : NULL;
    const char *path = name ? arena_format(&j->memory, "%s/%s", j->folder, name) : NULL;
    buffer_free(&relative);
    TRY(status);
    if (!path) return fail_memory(err);
    name += sizeof INDEX_FOLDER;
    if (map_get(&j->used, bytes_of(name), NULL)) return INLAY_OK;
    TRY(map_put(&j->used, bytes_of(name), 1, err));
    return make_file(j, r, &tie, path, err);
}

inlay_status plain_index_make(const char *folder, const char *signature, progress *progress, inlay_index_report *report,
                              inlay_error *err) {
    plain_job j = {.folder = folder, .progress = progress, .report = report};
    char *prefix = path_join(folder, "variables/variables");
    arena_init(&j.memory, 0);
    inlay_status status = prefix ? bundle_open(prefix, false, &j.b, err) : fail_memory(err);
    if (status == INLAY_OK) status = plain_rows_find(folder, signature, true, make_one, &j, err);
    if (status == INLAY_OK && !signature) status = index_drop_unused(folder, &j.used, err);
    bundle_close(j.b);
    map_free(&j.used);
    arena_free(&j.memory);
    mem_free(prefix);
    return status;
}

static inlay_status count_one(void *user, const plain_rows *r, inlay_error *err) {
    (void)err;
    index_count *c = user;
    if (!r->why)
        c->rows += (uint64_t)r->chunk.count;
    else if (!c->refused[0])
        snprintf(c->refused, sizeof c->refused, "signature %.100s: %.280s", r->signature, r->why);
    return INLAY_OK;
}

inlay_status plain_index_count(const char *folder, const char *signature, index_count *out, inlay_error *err) {
    return plain_rows_find(folder, signature, false, count_one, out, err);
}

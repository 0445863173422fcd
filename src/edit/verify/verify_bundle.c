#include "base/alloc.h"
#include "base/num.h"
#include "edit/verify/verify_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the data files that entries name */

static data_file *find_file(const verify_job *j, int32_t id) {
    for (size_t i = 0; i < j->n_files; i++)
        if (j->files[i].id == id) return &j->files[i];
    return NULL;
}

static bool has_bytes(const bundle_entry *e) {
    return e->n_slices == 0 && e->size > 0;
}

static int by_shard(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static inlay_status list_files(verify_job *j, const char *prefix, inlay_error *err) {
    const bundle_survey *s = j->survey;
    int32_t *ids = arena_alloc(&j->a, (s->n_entries + 1) * sizeof *ids);
    if (!ids) return fail_memory(err);
    size_t n = 0, files = 0;
    for (size_t i = 0; i < s->n_entries; i++)
        if (has_bytes(&s->entries[i]) && s->entries[i].shard >= 0 && s->entries[i].shard < s->shards)
            ids[n++] = s->entries[i].shard;
    qsort(ids, n, sizeof *ids, by_shard);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || ids[i] != ids[i - 1]) ids[files++] = ids[i];
    j->files = arena_zalloc(&j->a, files + 1, sizeof *j->files);
    if (!j->files) return fail_memory(err);
    for (size_t i = 0; i < files; i++) {
        char *path = bundle_data_path(prefix, ids[i], s->shards);
        data_file *f = &j->files[j->n_files++];
        f->id = ids[i];
        f->path = path ? arena_strdup(&j->a, path) : NULL;
        mem_free(path);
        if (!f->path) return fail_memory(err);
    }
    return INLAY_OK;
}

/* Bytes [FROM, TO) of the data file PATH, of SIZE bytes, which no entry covers, less those that the manifest does. */
static void count_gap(verify_job *j, const char *path, uint64_t size, uint64_t from, uint64_t to) {
    if (to > size) to = size;
    if (from >= to) return;
    uint64_t open = to - from;
    for (size_t i = 0; i < j->n_others; i++) {
        const other_range *r = &j->others[i];
        if (strcmp(r->path, path) != 0) continue;
        uint64_t begin = r->offset > from ? r->offset : from, end = r->offset + r->size < to ? r->offset + r->size : to;
        if (begin < end) open -= end - begin < open ? end - begin : open;
    }
    j->report.uncovered += open;
}

/* What data files of PREFIX there are. */
typedef struct series {
    size_t own, foreign; /* of the header's number of files, of another one */
    size_t unnamed;      /* of either kind, that no entry names */
    const char *shown;   /* one of the foreign ones */
    const char *left;    /* one of the unnamed ones */
} series;

static inlay_status add_name(verify_job *j, const char *folder, const char *name, int32_t id, int32_t shards,
                             series *out, inlay_error *err) {
    bool own = shards == j->survey->shards;
    const char *kept = arena_strdup(&j->a, name);
    if (!kept) return fail_memory(err);
    ++*(own ? &out->own : &out->foreign);
    if (!own) out->shown = kept;
    if (own && find_file(j, id)) return INLAY_OK;
    char *path = path_join(folder, name);
    file_info info = {0};
    if (!path) return fail_memory(err);
    if (file_stat(path, true, &info, NULL) == INLAY_OK) count_gap(j, path, info.size, 0, info.size);
    mem_free(path);
    if (own && info.size == 0) return INLAY_OK;
    out->unnamed++;
    out->left = kept;
    return INLAY_OK;
}

static inlay_status list_series(verify_job *j, const char *prefix, series *out, inlay_error *err) {
    char *folder = path_parent(prefix);
    file_names names = {0};
    inlay_status status = folder ? file_list(folder, &names, err) : fail_memory(err);
    const char *base = path_name(prefix);
    size_t length = strlen(base);
    *out = (series){.shown = "", .left = ""};
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        int id, shards, used = 0;
        if (strncmp(names.names[i], base, length) == 0 &&
            sscanf(names.names[i] + length, ".data-%d-of-%d%n", &id, &shards, &used) == 2 &&
            names.names[i][length + (size_t)used] == 0)
            status = add_name(j, folder, names.names[i], id, shards, out, err);
    }
    file_names_free(&names);
    mem_free(folder);
    return status;
}

static void missing(verify_job *j, data_file *f, bool index_alone, size_t tensors) {
    const char *plural = tensors == 1 ? "" : "s";
    if (index_alone)
        findings_add(&j->found, INLAY_FINDING_UNSEEN, INLAY_CAUSE_MISSING, f->path,
                     "the data file is not there: its %zu tensor%s could not be looked at", tensors, plural);
    else
        findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_MISSING, f->path,
                     "the data file is missing, and with it %zu tensor%s", tensors, plural);
}

static size_t count_tensors(const verify_job *j, int32_t id) {
    size_t n = 0;
    for (size_t i = 0; i < j->survey->n_entries; i++)
        n += has_bytes(&j->survey->entries[i]) && j->survey->entries[i].shard == id;
    return n;
}

/* INDEX_ALONE: the index is what was asked for, and its data files may all be elsewhere. */
static inlay_status open_files(verify_job *j, const char *prefix, bool index_alone, inlay_error *err) {
    size_t absent = 0;
    series there;
    TRY(list_series(j, prefix, &there, err));
    for (size_t i = 0; i < j->n_files; i++) absent += !file_exists(j->files[i].path);
    if (there.foreign && absent)
        findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_OTHER_CHECKPOINT, j->survey->path,
                     "the header says %" PRId32 " data file%s, but there are files named like %s: index and data files "
                     "were not written together",
                     j->survey->shards, j->survey->shards == 1 ? "" : "s", there.shown);
    else if (there.unnamed)
        findings_add(&j->found, INLAY_FINDING_NOTE, INLAY_CAUSE_UNKNOWN, j->survey->path,
                     "no entry names %zu of the data files (%s): left by an edit, or by another checkpoint",
                     there.unnamed, there.left);
    bool alone = index_alone && there.own == 0 && there.foreign == 0;
    if (alone) j->report.kind = "index";
    for (size_t i = 0; i < j->n_files; i++) {
        data_file *f = &j->files[i];
        inlay_error what;
        inlay_status status = file_map_open(f->path, false, &f->map, &what);
        if (status == INLAY_NOT_FOUND)
            missing(j, f, alone, count_tensors(j, f->id));
        else if (status != INLAY_OK)
            findings_add_error(&j->found, f->path, &what);
        else
            j->report.files++;
    }
    return INLAY_OK;
}

/* ---- what lies in them */

static inlay_status list_tensors(verify_job *j, inlay_error *err) {
    const bundle_survey *s = j->survey;
    j->tensors = arena_zalloc(&j->a, s->n_entries + 1, sizeof *j->tensors);
    if (!j->tensors) return fail_memory(err);
    for (size_t i = 0; i < s->n_entries; i++) {
        const bundle_entry *e = &s->entries[i];
        checked *t = &j->tensors[j->n_tensors++];
        t->entry = e;
        j->report.tensors += !s->is_slice[i];
        if (!has_bytes(e)) continue;
        t->file = find_file(j, e->shard);
        if (!t->file) {
            findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, s->path,
                         "%s: data file %" PRId32 " of a bundle with %" PRId32, key_shown(&j->found, e->key), e->shard,
                         s->shards);
            continue;
        }
        t->file->tensors++;
        if (e->offset + e->size > t->file->end) t->file->end = e->offset + e->size;
    }
    return INLAY_OK;
}

checked *find_checked(const verify_job *j, bytes key) {
    const bundle_entry *e = j->survey ? bundle_survey_find(j->survey, key) : NULL;
    return e ? &j->tensors[e - j->survey->entries] : NULL;
}

static int by_place(const void *a, const void *b) {
    const checked *x = *(const checked *const *)a, *y = *(const checked *const *)b;
    if (x->entry->shard != y->entry->shard) return x->entry->shard < y->entry->shard ? -1 : 1;
    return (x->entry->offset > y->entry->offset) - (x->entry->offset < y->entry->offset);
}

/* Bytes of data files that no entry covers, and entries that share bytes. */
static inlay_status verify_layout(verify_job *j, inlay_error *err) {
    const checked **sorted = arena_alloc(&j->a, (j->n_tensors + 1) * sizeof *sorted);
    if (!sorted) return fail_memory(err);
    size_t n = 0;
    for (size_t i = 0; i < j->n_tensors; i++)
        if (j->tensors[i].file) sorted[n++] = &j->tensors[i];
    qsort(sorted, n, sizeof *sorted, by_place);
    uint64_t end = 0;
    for (size_t i = 0; i < n; i++) {
        const checked *t = sorted[i];
        const bundle_entry *e = t->entry;
        bool first = i == 0 || sorted[i - 1]->file != t->file;
        if (first) end = 0;
        if (e->offset > end) {
            if (t->file->map) count_gap(j, t->file->path, t->file->map->size, end, e->offset);
        } else if (e->offset < end) {
            finding *f =
                findings_add(&j->found, INLAY_FINDING_WARNING, INLAY_CAUSE_UNKNOWN, t->file->path,
                             "%s and %s overlap by %" PRIu64 " bytes", key_shown(&j->found, sorted[i - 1]->entry->key),
                             key_shown(&j->found, e->key), end - e->offset < e->size ? end - e->offset : e->size);
            f->shown.offset = (int64_t)e->offset;
            f->shown.bytes = (int64_t)(end - e->offset);
        }
        if (e->offset + e->size > end) end = e->offset + e->size;
        bool last = i + 1 == n || sorted[i + 1]->file != t->file;
        if (last && t->file->map) count_gap(j, t->file->path, t->file->map->size, end, UINT64_MAX);
    }
    return INLAY_OK;
}

inlay_status verify_bundle(verify_job *j, const char *prefix, bool index_alone, inlay_error *err) {
    char *path = bundle_index_path(prefix);
    if (!path || !(j->prefix = mem_strdup(prefix))) {
        mem_free(path);
        return fail_memory(err);
    }
    inlay_status status = bundle_survey_open(path, &j->survey, err);
    mem_free(path);
    TRY(status);
    j->report.files++;
    verify_index(j);
    TRY(list_files(j, prefix, err));
    TRY(list_tensors(j, err));
    if (j->survey->is_bundle) TRY(open_files(j, prefix, index_alone, err));
    for (size_t i = 0; i < j->n_tensors; i++) {
        checked *t = &j->tensors[i];
        if (t->file && t->file->map)
            t->readable =
                t->entry->offset <= t->file->map->size && t->entry->size <= t->file->map->size - t->entry->offset;
    }
    TRY(verify_layout(j, err));
    TRY(list_chunks(j, err));
    TRY(verify_data(j, err));
    verify_blocks(j);
    return j->folder ? INLAY_OK : verify_objects(j, NULL, err);
}

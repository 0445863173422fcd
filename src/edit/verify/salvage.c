#include "base/alloc.h"
#include "edit/export.h"
#include "edit/verify/repair.h"
#include "edit/verify/verify_parts.h"

#include <inttypes.h>

typedef struct salvaging {
    const inlay_salvage_options *o;
    inlay_salvage_report *report;
    verify_job j;
    store *from;
    staging stage;
    progress written;
    buffer name;
} salvaging;

/* Empty tensors have no bytes that could be wrong; whether all slices of a partitioned one are sound, reading tells. */
static bool is_sound(const verify_job *j, size_t i) {
    const checked *t = &j->tensors[i];
    if (t->entry->n_slices > 0 || t->entry->size == 0) return true;
    return t->file && t->readable && t->summed && !t->bad;
}

static inlay_status open_sound(salvaging *s, inlay_error *err) {
    const bundle_survey *index = s->j.survey;
    if (!index) return store_open(s->o->path, false, &s->from, err);
    bool *keep = arena_zalloc(&s->j.a, index->n_entries + 1, sizeof *keep);
    bundle *b;
    if (!keep) return fail_memory(err);
    for (size_t i = 0; i < index->n_entries; i++) {
        keep[i] = is_sound(&s->j, i);
        s->report->lost += !keep[i] && !index->is_slice[i];
    }
    TRY(bundle_open_part(s->j.prefix, index, keep, &b, err));
    return store_of_bundle(s->j.prefix, b, &s->from, err);
}

static bool is_damage(inlay_status status) {
    return status == INLAY_DATA_LOSS || status == INLAY_UNIMPLEMENTED || status == INLAY_INVALID_ARGUMENT;
}

static inlay_status save_one(salvaging *s, size_t index, inlay_error *err) {
    store_tensor t = store_at(s->from, index);
    inlay_error what;
    char *path = NULL;
    inlay_status status = export_file_name(&t, &s->name, &what);
    if (status == INLAY_OK && !(path = path_join(s->stage.path, (const char *)s->name.data))) return fail_memory(err);
    if (status == INLAY_OK) status = store_save(s->from, index, path, FILE_DIRECT, &s->written, &what);
    mem_free(path);
    if (status == INLAY_OK) {
        s->report->saved++;
        s->report->bytes += t.size;
        return INLAY_OK;
    }
    if (!is_damage(status)) return fail(err, status, "%s", what.message);
    s->report->lost++;
    finding *f = findings_add_error(&s->j.found, s->o->path, &what);
    f->shown.severity = INLAY_FINDING_UNSEEN;
    f->shown.key = (inlay_string){(const char *)t.key.data, t.key.size};
    return INLAY_OK;
}

static inlay_status save_all(salvaging *s, inlay_error *err) {
    file_info info;
    const char *output = s->o->output;
    if (file_stat(output, false, &info, NULL) == INLAY_OK) {
        if (!s->o->force) return fail_at(err, INLAY_ALREADY_EXISTS, output, -1, "is there already; force replaces it");
        if (!info.is_folder)
            return fail_at(err, INLAY_ALREADY_EXISTS, output, -1, "is no folder and not replaced by one");
        TRY(export_check_old_folder(output, err));
    }
    if (store_count(s->from) == 0)
        return fail_at(err, INLAY_NOT_FOUND, s->o->path, -1, "no tensor of it is sound, or none is stored");
    TRY(staging_begin(output, &s->stage, err));
    for (size_t i = 0; i < store_count(s->from); i++) TRY(save_one(s, i, err));
    if (s->report->saved == 0) return fail_at(err, INLAY_NOT_FOUND, s->o->path, -1, "no tensor of it is sound");
    return staging_commit(&s->stage, s->o->force, NULL, err);
}

inlay_status salvage(const inlay_salvage_options *o, inlay_salvage_report *report, inlay_error *err) {
    inlay_salvage_report unused;
    if (!report) report = &unused;
    *report = (inlay_salvage_report){0};
    if (!o->path || !o->output) return fail(err, INLAY_INVALID_ARGUMENT, "a source and an output are needed");
    inlay_verify_options look = {
        .size = sizeof look, .path = o->path, .progress = o->progress, .progress_user = o->progress_user};
    salvaging s = {.o = o, .report = report};
    verify_begin(&s.j, &look);
    progress_start(&s.written, o->progress, o->progress_user, "writing", 0);
    inlay_status status = verify_all(&s.j, err);
    if (status == INLAY_OK) status = open_sound(&s, err);
    if (status == INLAY_OK) status = save_all(&s, err);
    for (size_t i = 0; i < s.j.found.count && status == INLAY_OK && o->finding; i++)
        o->finding(o->finding_user, &s.j.found.list[i]->shown);
    staging_abandon(&s.stage);
    store_close(s.from);
    buffer_free(&s.name);
    verify_end(&s.j);
    return status;
}

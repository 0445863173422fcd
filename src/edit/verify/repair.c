#include "edit/verify/repair.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "edit/manifest.h"
#include "edit/verify/repair_index.h"
#include "format/fingerprint.h"
#include "format/json_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define INDEX "variables/variables.index"
#define RECORD "assets.extra/inlay_repair.json"
#define MANIFEST "assets.extra/inlay.json"
#define FINGERPRINT "fingerprint.pb"

typedef struct repairing {
    const inlay_repair_options *o;
    verify_job j;
    buffer index; /* as it will be */
    buffer record;
    staging stage;
    int lock; /* descriptor plus 1 */
} repairing;

/* ---- the record: an array, to which each repair appends */

/* What is no such array counts as empty. */
static inlay_status old_record(const char *path, json_t **out, inlay_error *err) {
    file_map *map;
    *out = NULL;
    inlay_status status = file_map_open(path, true, &map, NULL);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    if (status == INLAY_OK) {
        status = json_tree_read(file_map_bytes(map), 0, out, NULL, err);
        file_map_release(map);
        TRY(status);
    }
    if (json_is_array(*out)) return INLAY_OK;
    json_decref(*out);
    return (*out = json_array()) ? INLAY_OK : fail_memory(err);
}

static json_t *finding_json(const finding *f) {
    json_t *one = json_pack("{sIsIss}", "stored", (json_int_t)f->shown.stored, "calculated",
                            (json_int_t)f->shown.calculated, "cause", inlay_cause_name(f->shown.cause));
    bool ok = one && manifest_set(one, "text", manifest_text(f->shown.text));
    if (ok && f->repair == REPAIR_ENTRY) {
        char *key = mem_zalloc(f->entry->key.size + 1, 1);
        if (key) memcpy(key, f->entry->key.data, f->entry->key.size);
        ok = key && manifest_set(one, "key", manifest_text(key));
        mem_free(key);
    } else if (ok) {
        ok = manifest_set(one, "block", json_integer((json_int_t)f->block));
    }
    if (ok) return one;
    json_decref(one);
    return NULL;
}

static inlay_status make_record(repairing *r, const char *old_path, inlay_error *err) {
    char when[32];
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    const file_map *index = r->j.survey->index;
    json_t *all;
    TRY(old_record(old_path, &all, err));
    json_t *list = json_array();
    json_t *entry = json_pack("{sssssIsI}", "time", when, "generator", "inlay " INLAY_VERSION, "index_before",
                              (json_int_t)crc32c(0, index->data, (size_t)index->size), "index_after",
                              (json_int_t)crc32c(0, r->index.data, r->index.size));
    bool ok = list && entry;
    for (size_t i = 0; i < r->j.found.count && ok; i++) {
        const finding *f = r->j.found.list[i];
        if (f->shown.repairable) ok = json_array_append_new(list, finding_json(f)) == 0;
    }
    ok = ok && json_object_set(entry, "rewritten", list) == 0 && json_array_append(all, entry) == 0;
    char *text = ok ? json_dumps(all, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
    if (text) buffer_append_text(&r->record, text);
    buffer_append_byte(&r->record, '\n');
    free(text);
    json_decref(all);
    json_decref(list);
    json_decref(entry);
    return text ? buffer_check(&r->record, err) : fail_memory(err);
}

/* ---- a bundle by itself */

static inlay_status repair_bundle(repairing *r, inlay_error *err) {
    buffer path = {0};
    buffer_format(&path, "%s.repair.json", r->j.prefix);
    buffer_append_byte(&path, 0);
    inlay_status status = buffer_check(&path, err);
    if (status == INLAY_OK) status = make_record(r, (const char *)path.data, err);
    if (status == INLAY_OK)
        status = file_write_all((const char *)path.data, FILE_ATOMIC, buffer_bytes(&r->record), err);
    if (status == INLAY_OK) status = file_write_all(r->j.survey->path, FILE_ATOMIC, buffer_bytes(&r->index), err);
    buffer_free(&path);
    return status;
}

/* ---- a model: a folder beside it, in which all that stays is linked */

static bool is_written(const void *ctx, const char *relative) {
    (void)ctx;
    static const char *const names[] = {INDEX, RECORD, MANIFEST, FINGERPRINT};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(relative, names[i]) == 0) return true;
    return false;
}

static inlay_status put(repairing *r, const char *relative, bytes content, inlay_error *err) {
    char *path = path_join(r->stage.path, relative);
    inlay_status status = path ? file_write_all(path, FILE_DIRECT, content, err) : fail_memory(err);
    mem_free(path);
    return status;
}

/* A fingerprint that is there follows; where none can be made it goes. */
static inlay_status put_fingerprint(repairing *r, buffer *made, inlay_error *err) {
    char *old = path_join(r->j.folder, FINGERPRINT);
    if (!old) return fail_memory(err);
    bool there = file_exists(old);
    mem_free(old);
    fingerprint f;
    inlay_error ignored;
    if (!there || !r->j.model || r->j.model->is_text ||
        fingerprint_compute(file_map_bytes(r->j.model->map), buffer_bytes(&r->index), &f, &ignored) != INLAY_OK)
        return INLAY_OK;
    fingerprint_write(&f, made);
    TRY(buffer_check(made, err));
    return put(r, FINGERPRINT, buffer_bytes(made), err);
}

static bool set_file(json_t *files, const char *path, bytes content) {
    json_t *file = NULL, *found = NULL;
    size_t i;
    json_array_foreach(files, i, file) {
        const char *name = json_string_value(json_object_get(file, "path"));
        if (name && strcmp(name, path) == 0) found = file;
    }
    if (!found) {
        json_t *fresh = json_object();
        if (json_array_append_new(files, fresh) != 0) return false;
        found = fresh;
    }
    return manifest_set(found, "path", json_string(path)) &&
           manifest_set(found, "bytes", json_integer((json_int_t)content.size)) &&
           manifest_set(found, "crc32c", json_integer((json_int_t)crc32c(0, content.data, content.size)));
}

/* Sums of the blocks of rows whose checksum is rewritten become those of what is there. */
static bool set_blocks(const verify_job *j) {
    json_t *collections = json_object_get(j->manifest, "collections"), *c, *chunk;
    const char *name;
    size_t i;
    bool ok = true;
    json_object_foreach(collections, name, c) json_array_foreach(json_object_get(c, "chunks"), i, chunk) {
        const char *key = json_string_value(json_object_get(chunk, "key"));
        const checked *t = key ? find_checked(j, bytes_of(key)) : NULL;
        if (!t || !t->bad || !t->chunk || !t->chunk->calculated) continue;
        const block_sums *known = &t->chunk->blocks;
        ok = ok && block_sums_set(chunk, known->step, t->chunk->calculated, known->n);
    }
    return ok;
}

static inlay_status put_manifest(repairing *r, const buffer *fingerprint_bytes, inlay_error *err) {
    json_t *files = json_object_get(r->j.manifest, "files");
    if (!json_is_array(files)) return INLAY_OK;
    buffer sums = {0};
    inlay_status status = INLAY_OK;
    bool ok = set_file(files, INDEX, buffer_bytes(&r->index)) && set_file(files, RECORD, buffer_bytes(&r->record)) &&
              (fingerprint_bytes->size == 0 || set_file(files, FINGERPRINT, buffer_bytes(fingerprint_bytes))) &&
              set_blocks(&r->j);
    char *path = ok ? path_join(r->stage.path, MANIFEST) : NULL;
    if (!path) return fail_memory(err);
    TRY_TO(done, block_sums_save(r->stage.path, json_object_get(r->j.manifest, "collections"), &sums, err));
    if (sums.size && !set_file(files, BLOCK_SUMS_FILE, buffer_bytes(&sums))) TRY_TO(done, fail_memory(err));
    status = manifest_save(r->j.manifest, path, err);
done:
    buffer_free(&sums);
    mem_free(path);
    return status;
}

/* A manifest that is damaged itself stays as it is: another finding. */
static inlay_status keep_manifest(repairing *r, inlay_error *err) {
    char *from = path_join(r->j.folder, MANIFEST), *to = path_join(r->stage.path, MANIFEST);
    inlay_status status = from && to ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK && file_exists(from)) status = file_share(from, to, err);
    mem_free(from);
    mem_free(to);
    return status;
}

static inlay_status fill_stage(repairing *r, inlay_error *err) {
    buffer made = {0};
    char *extra = path_join(r->stage.path, "assets.extra"), *old = path_join(r->j.folder, RECORD);
    inlay_status status = extra && old ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) status = file_copy_mode(r->j.folder, r->stage.path, err);
    if (status == INLAY_OK) status = file_share_tree(r->j.folder, r->stage.path, is_written, NULL, err);
    if (status == INLAY_OK && !file_exists(extra)) status = file_make_folder(extra, err);
    if (status == INLAY_OK) status = make_record(r, old, err);
    if (status == INLAY_OK) status = put(r, RECORD, buffer_bytes(&r->record), err);
    if (status == INLAY_OK) status = put(r, INDEX, buffer_bytes(&r->index), err);
    if (status == INLAY_OK) status = put_fingerprint(r, &made, err);
    if (status == INLAY_OK) status = r->j.manifest ? put_manifest(r, &made, err) : keep_manifest(r, err);
    buffer_free(&made);
    mem_free(extra);
    mem_free(old);
    return status;
}

static inlay_status repair_model(repairing *r, inlay_error *err) {
    char *real;
    TRY(file_real_path(r->j.folder, &real, err));
    inlay_status status = staging_begin(real, &r->stage, err);
    mem_free(real);
    TRY(status);
    TRY(fill_stage(r, err));
    return staging_commit(&r->stage, true, NULL, err);
}

/* ---- all of it */

static inlay_status lock(repairing *r, inlay_error *err) {
    int fd;
    TRY(file_lock(r->j.folder ? r->j.folder : r->j.survey->path, &fd, err));
    r->lock = fd + 1;
    if (!r->j.folder) file_sweep(r->j.survey->path);
    return INLAY_OK;
}

/* Nobody edits between what was looked at and what is written: the index is still that one. */
static inlay_status check_unchanged(const repairing *r, inlay_error *err) {
    file_map *now;
    TRY(file_map_open(r->j.survey->path, true, &now, err));
    bool same = bytes_equal(file_map_bytes(now), file_map_bytes(r->j.survey->index));
    file_map_release(now);
    return same ? INLAY_OK : fail_at(err, INLAY_ABORTED, r->j.survey->path, -1, "was changed while it was looked at");
}

static inlay_status mend(repairing *r, inlay_error *err) {
    TRY(lock(r, err));
    TRY(check_unchanged(r, err));
    TRY(repair_index(&r->j, &r->index, err));
    return r->j.folder ? repair_model(r, err) : repair_bundle(r, err);
}

inlay_status repair(const inlay_repair_options *o, inlay_repair_report *report, inlay_error *err) {
    inlay_verify_options look;
    inlay_repair_report unused;
    if (!report) report = &unused;
    *report = (inlay_repair_report){0};
    if (!o->path) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to repair is named");
    look = (inlay_verify_options){
        .size = sizeof look, .path = o->path, .progress = o->progress, .progress_user = o->progress_user};
    repairing r = {.o = o};
    verify_begin(&r.j, &look);
    inlay_status status = verify_all(&r.j, err);
    if (status == INLAY_OK && r.j.survey) repair_settle(&r.j);
    for (size_t i = 0; i < r.j.found.count && status == INLAY_OK; i++) {
        const inlay_finding *f = &r.j.found.list[i]->shown;
        report->repairable += f->repairable;
        report->left += f->severity == INLAY_FINDING_DAMAGE && !f->repairable;
        if (o->finding) o->finding(o->finding_user, f);
    }
    if (status == INLAY_OK && o->yes && report->repairable) {
        status = mend(&r, err);
        if (status == INLAY_OK) report->repaired = report->repairable;
    }
    staging_abandon(&r.stage);
    if (r.lock) close(r.lock - 1);
    buffer_free(&r.index);
    buffer_free(&r.record);
    verify_end(&r.j);
    return status;
}

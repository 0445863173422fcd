#include "edit/verify/verify.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "edit/fuse/row_pass.h"
#include "edit/verify/verify_parts.h"
#include "format/checkpoint_state.h"
#include "format/checkpoint_v1.h"

#include <stdlib.h>
#include <unistd.h>

void verify_begin(verify_job *j, const inlay_verify_options *o) {
    *j = (verify_job){.o = o, .report = {.kind = ""}, .manifest_path = ""};
    arena_init(&j->a, 0);
    j->found.a = &j->a;
    long pages = sysconf(_SC_PAGESIZE);
    j->pages = pages > 0 ? (uint64_t)pages : 4096;
    progress_start(&j->progress, o->progress, o->progress_user, "verifying", 0);
}

void verify_end(verify_job *j) {
    for (size_t i = 0; i < j->n_files; i++) file_map_release(j->files[i].map);
    for (size_t i = 0; i < j->n_others; i++) file_map_release(j->others[i].map);
    mem_free(j->others);
    if (j->pass) row_pass_free(j->pass);
    bundle_survey_close(j->survey);
    saved_model_close(j->model);
    json_decref(j->manifest);
    mem_free(j->folder);
    mem_free(j->prefix);
    arena_free(&j->a);
}

/* ---- what PATH is */

static bool ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n > m && strcmp(text + n - m, ending) == 0;
}

static bool holds(const char *folder, const char *name) {
    char *path = path_join(folder, name);
    bool there = path && file_exists(path);
    mem_free(path);
    return there;
}

static bool is_model(const char *folder) {
    return holds(folder, "saved_model.pb") || holds(folder, "saved_model.pbtxt") || holds(folder, "saved_model.cpb") ||
           holds(folder, "variables/variables.index");
}

static bool is_table(const char *path) {
    file_map *map;
    if (file_map_open(path, false, &map, NULL) != INLAY_OK) return false;
    bool table = map->size >= 8 && load_u64(map->data + map->size - 8) == SSTABLE_MAGIC;
    file_map_release(map);
    return table;
}

/* ---- a V1 checkpoint: each of its blocks has a checksum, and is read */

static inlay_status verify_old(verify_job *j, const char *path, inlay_error *err) {
    j->report.kind = "V1 checkpoint";
    checkpoint_v1 *c;
    inlay_error what;
    inlay_status status = checkpoint_v1_open(path, false, &c, &what);
    if (status == INLAY_NOT_FOUND) return fail_at(err, status, path, -1, "there is no such model or checkpoint");
    if (status != INLAY_OK) return findings_add_error(&j->found, path, &what), INLAY_OK;
    j->report.files = 1;
    j->report.tensors = checkpoint_v1_count(c);
    for (size_t i = 0; i < checkpoint_v1_count(c) && !j->o->fast; i++) {
        const checkpoint_tensor *t = checkpoint_v1_at(c, i);
        tensor *value;
        status = checkpoint_v1_read(c, t, bytes_of(""), &value, &what);
        if (status == INLAY_OK) {
            j->report.bytes += value->size;
            tensor_release(value);
        } else {
            finding *f = findings_add_error(&j->found, path, &what);
            f->shown.key = (inlay_string){key_shown(&j->found, t->key), strlen(key_shown(&j->found, t->key))};
        }
        status = progress_check(&j->progress, err);
        if (status != INLAY_OK) break;
    }
    checkpoint_v1_close(c);
    return status == INLAY_CANCELLED ? status : INLAY_OK;
}

/* ---- folders and files */

static inlay_status verify_model(verify_job *j, const char *folder, inlay_error *err) {
    j->report.kind = "SavedModel";
    if (!(j->folder = mem_strdup(folder))) return fail_memory(err);
    TRY(verify_manifest(j, err));
    char *prefix = path_join(folder, "variables/variables"), *index = prefix ? bundle_index_path(prefix) : NULL;
    inlay_status status = index ? INLAY_OK : fail_memory(err);
    bool there = index && file_exists(index);
    if (status == INLAY_OK) status = there ? verify_bundle(j, prefix, false, err) : verify_data(j, err);
    if (status == INLAY_OK && there) status = verify_indexes(j, prefix, err);
    mem_free(index);
    mem_free(prefix);
    TRY(status);
    return verify_graphs(j, err);
}

static inlay_status verify_prefix(verify_job *j, const char *prefix, bool index_alone, inlay_error *err) {
    char *index = bundle_index_path(prefix);
    if (!index) return fail_memory(err);
    bool there = file_exists(index);
    mem_free(index);
    if (!there) return verify_old(j, prefix, err);
    j->report.kind = "bundle";
    return verify_bundle(j, prefix, index_alone, err);
}

static inlay_status verify_file(verify_job *j, const char *path, inlay_error *err) {
    if (ends_with(path, ".index")) {
        char *prefix = mem_strdup(path);
        if (!prefix) return fail_memory(err);
        prefix[strlen(prefix) - strlen(".index")] = 0;
        inlay_status status = verify_prefix(j, prefix, true, err);
        mem_free(prefix);
        return status;
    }
    char *index = bundle_index_path(path);
    if (!index) return fail_memory(err);
    bool beside = file_exists(index);
    mem_free(index);
    if (beside) return verify_prefix(j, path, false, err);
    if (is_table(path)) return verify_old(j, path, err);
    j->report.kind = "graph";
    TRY(verify_data(j, err));
    return verify_graphs(j, err);
}

static inlay_status verify_folder(verify_job *j, const char *folder, inlay_error *err) {
    if (is_model(folder)) return verify_model(j, folder, err);
    char *prefix;
    TRY(checkpoint_latest(folder, &prefix, err));
    inlay_status status = verify_prefix(j, prefix, false, err);
    mem_free(prefix);
    return status;
}

static void count_findings(verify_job *j) {
    inlay_verify_report *r = &j->report;
    size_t *counts[] = {&r->notes, &r->warnings, &r->unseen, &r->damages};
    for (size_t i = 0; i < j->found.count; i++) ++*counts[j->found.list[i]->shown.severity];
    for (size_t i = 0; i < 4; i++) *counts[i] += j->found.more[i];
}

inlay_status verify_all(verify_job *j, inlay_error *err) {
    double start = seconds_now();
    file_info info;
    inlay_error ignored;
    inlay_status status;
    if (file_stat(j->o->path, true, &info, &ignored) != INLAY_OK)
        status = verify_prefix(j, j->o->path, false, err);
    else
        status = info.is_folder ? verify_folder(j, j->o->path, err) : verify_file(j, j->o->path, err);
    TRY(status);
    if (j->found.failed) return fail_memory(err);
    count_findings(j);
    j->report.seconds = seconds_now() - start;
    return INLAY_OK;
}

inlay_status verify(const inlay_verify_options *o, inlay_verify_report *report, inlay_error *err) {
    if (!o->path) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to verify is named");
    verify_job j;
    verify_begin(&j, o);
    inlay_status status = verify_all(&j, err);
    for (size_t i = 0; i < j.found.count && status == INLAY_OK && o->finding; i++)
        o->finding(o->finding_user, &j.found.list[i]->shown);
    if (status == INLAY_OK && report) *report = j.report;
    verify_end(&j);
    return status;
}

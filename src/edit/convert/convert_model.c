#include "edit/convert/convert_model.h"

#include "base/alloc.h"
#include "edit/convert/graph_form.h"
#include "edit/manifest.h"
#include "edit/paths.h"
#include "format/fingerprint.h"

#include <unistd.h>

typedef struct model_job {
    const inlay_convert_options *o;
    const rewrite_options *rewrite;
    inlay_convert_report *report;
    saved_model *model;
    checkpoint *variables; /* NULL: none */
    bool anew;             /* the variables are written anew */
    json_t *manifest;      /* NULL: none */
    rewrite_report written;
    int lock; /* descriptor plus 1, of a source that is replaced */
    staging stage;
    progress counted;
} model_job;

/* ---- what stays is shared with the source */

/* What is written here, and not taken over. */
static bool is_left(const void *ctx, const char *name) {
    const model_job *j = ctx;
    static const char *const always[] = {"saved_model.pb", "saved_model.pbtxt"};
    static const char *const with_variables[] = {"variables", "fingerprint.pb"};
    for (size_t i = 0; i < 2; i++)
        if (strcmp(name, always[i]) == 0 || (j->anew && strcmp(name, with_variables[i]) == 0)) return true;
    return false;
}

/* ---- what is written */

static inlay_status write_graph(model_job *j, inlay_error *err) {
    bool text = j->o->form == INLAY_FORM_KEEP ? j->model->is_text : j->o->form == INLAY_FORM_TEXT, lost = false;
    buffer file = {0};
    char *path = path_join(j->stage.path, text ? "saved_model.pbtxt" : "saved_model.pb");
    inlay_status status = path ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK && text == j->model->is_text) {
        status = file_share(j->model->file, path, err);
    } else if (status == INLAY_OK) {
        status = text ? graph_to_text(j->model, j->o->lossy, &lost, &file, err) : graph_to_binary(j->model, &file, err);
        if (status == INLAY_OK) status = file_write_all(path, FILE_DIRECT, buffer_bytes(&file), err);
        j->report->bytes += file.size;
    }
    j->report->text = text;
    if (status == INLAY_OK && lost) log_note(INLAY_LOG_WARNING, "%s: left out what text cannot hold", j->o->output);
    mem_free(path);
    buffer_free(&file);
    return status;
}

static inlay_status write_variables(model_job *j, inlay_error *err) {
    char *folder = path_join(j->stage.path, "variables"), *prefix = path_join(j->stage.path, "variables/variables");
    inlay_status status = folder && prefix ? file_make_folder(folder, err) : fail_memory(err);
    if (status == INLAY_OK)
        status = checkpoint_rewrite(j->variables, prefix, FILE_DIRECT, j->rewrite, &j->counted, &j->written, err);
    if (status == INLAY_OK) convert_report_rewrite(&j->written, j->report);
    mem_free(folder);
    mem_free(prefix);
    return status;
}

/* What the manifest says of a file with rows: the number of its data file, when that stayed. */
static bool move_source(const model_job *j, json_t *source) {
    json_int_t shard = json_integer_value(json_object_get(source, "shard"));
    for (size_t i = 0; i < j->written.n_kept; i++)
        if (j->written.kept[i].from == shard) return manifest_set(source, "shard", json_integer(j->written.kept[i].to));
    return manifest_set(source, "shard", json_integer(-1)) && manifest_set(source, "how", json_string("converted"));
}

/* As the source has them: the fingerprint and, of a fused model, the manifest. */
static inlay_status write_companions(model_job *j, inlay_error *err) {
    char *old = path_join(j->model->folder, "fingerprint.pb");
    if (!old) return fail_memory(err);
    bool has_fingerprint = file_exists(old);
    mem_free(old);
    if (j->anew && has_fingerprint) TRY(fingerprint_write_file(j->stage.path, j->model->message, err));
    if (!j->manifest) return INLAY_OK;
    json_t *collections = json_object_get(j->manifest, "collections"), *collection, *source;
    const char *name;
    size_t i;
    bool ok = true;
    if (j->anew) {
        json_object_foreach(collections, name, collection) {
            json_array_foreach(json_object_get(collection, "sources"), i, source) ok &= move_source(j, source);
        }
    }
    if (!ok) return fail_memory(err);
    manifest_known known = {.folder = j->model->folder, .root = j->manifest};
    return manifest_write(j->stage.path, collections, j->anew ? NULL : &known, err);
}

/* ---- all of it */

static inlay_status open_source(model_job *j, inlay_error *err) {
    const inlay_convert_options *o = j->o;
    TRY(saved_model_open(o->source, false, &j->model, err));
    char *prefix;
    TRY(saved_variables_prefix(j->model, &prefix, err));
    inlay_status status = INLAY_OK;
    bool asked = o->shards || o->whole || o->slices;
    if (j->model->has_variables || file_exists(prefix)) status = checkpoint_open(prefix, false, &j->variables, err);
    mem_free(prefix);
    if (status != INLAY_OK) return status;
    if (!j->variables && asked)
        return fail_at(err, INLAY_INVALID_ARGUMENT, o->source, -1, "has no variables that could be written anew");
    const bundle *b = j->variables ? checkpoint_bundle(j->variables) : NULL;
    j->anew = j->variables && (asked || o->form == INLAY_FORM_KEEP || !b || bundle_big_endian(b));
    return manifest_read(j->model->folder, &j->manifest, err);
}

/* Where to: another folder, or, when only data files are made compact, the model itself. */
static inlay_status check_target(model_job *j, inlay_error *err) {
    const inlay_convert_options *o = j->o;
    if (!o->output) return INLAY_OK;
    TRY(paths_apart(o->output, o->source, err));
    return paths_check_target(o->output, o->force, err);
}

static inlay_status lock_source(model_job *j, const char *folder, inlay_error *err) {
    int fd;
    if (j->o->output) return INLAY_OK;
    TRY(file_lock(folder, &fd, err));
    j->lock = fd + 1;
    return INLAY_OK;
}

inlay_status convert_model(const inlay_convert_options *o, const rewrite_options *rewrite, inlay_convert_report *report,
                           inlay_error *err) {
    model_job j = {.o = o, .rewrite = rewrite, .report = report};
    inlay_status status;
    char *folder = NULL;
    TRY_TO(done, check_target(&j, err));
    TRY_TO(done, file_real_path(o->source, &folder, err));
    TRY_TO(done, lock_source(&j, folder, err));
    TRY_TO(done, open_source(&j, err));
    if (o->compact && !j.variables)
        TRY_TO(done, fail_at(err, INLAY_INVALID_ARGUMENT, o->source, -1, "has no variables"));
    progress_start(&j.counted, o->progress, o->progress_user, "converting", j.anew ? checkpoint_bytes(j.variables) : 0);
    TRY_TO(done, staging_begin(o->output ? o->output : folder, &j.stage, err));
    if (!o->output) TRY_TO(done, file_copy_mode(folder, j.stage.path, err));
    TRY_TO(done, file_share_tree(j.model->folder, j.stage.path, is_left, &j, err));
    TRY_TO(done, write_graph(&j, err));
    if (j.anew) TRY_TO(done, write_variables(&j, err));
    TRY_TO(done, write_companions(&j, err));
    TRY_TO(done, staging_commit(&j.stage, o->force || !o->output, NULL, err));
done:
    staging_abandon(&j.stage);
    rewrite_report_free(&j.written);
    checkpoint_close(j.variables);
    saved_model_close(j.model);
    json_decref(j.manifest);
    mem_free(folder);
    if (j.lock) close(j.lock - 1);
    return status;
}

#include "edit/export.h"

#include "format/store.h"

#include <stdlib.h>

typedef enum export_form { EXPORT_NPY, EXPORT_JSON, EXPORT_NPZ, EXPORT_FOLDER } export_form;

typedef struct export_job {
    const inlay_export_options *o;
    export_form form;
    store *from;
    size_t *indices, n, left_out;
    progress report;
} export_job;

static bool ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

static export_form form_of(const char *output) {
    if (ends_with(output, ".npy")) return EXPORT_NPY;
    if (ends_with(output, ".json")) return EXPORT_JSON;
    return ends_with(output, ".npz") ? EXPORT_NPZ : EXPORT_FOLDER;
}

/* ---- which tensors */

/* What TF2 stores beside the variables: how its objects hang together. */
static bool is_object_graph(const store *s, size_t index) {
    store_tensor t = store_at(s, index);
    return t.type == INLAY_STRING && bytes_is(t.key, BUNDLE_OBJECTS_KEY);
}

static int compare_indices(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static inlay_status find_keys(export_job *j, inlay_error *err) {
    for (size_t i = 0; i < j->o->n_keys; i++)
        TRY(store_find(j->from, bytes_of(j->o->keys[i]), &j->indices[j->n++], err));
    qsort(j->indices, j->n, sizeof *j->indices, compare_indices);
    for (size_t i = 1; i < j->n; i++)
        if (j->indices[i] == j->indices[i - 1])
            return fail(err, INLAY_INVALID_ARGUMENT, "the key %s is given twice",
                        (const char *)store_at(j->from, j->indices[i]).key.data);
    return INLAY_OK;
}

static inlay_status choose(export_job *j, inlay_error *err) {
    size_t stored = store_count(j->from), most = j->o->n_keys ? j->o->n_keys : stored;
    if (stored == 0) return fail_at(err, INLAY_NOT_FOUND, j->o->source, -1, "stores no tensors");
    j->indices = mem_array(most, sizeof *j->indices);
    if (!j->indices) return fail_memory(err);
    if (j->o->n_keys) return find_keys(j, err);
    for (size_t i = 0; i < stored; i++) {
        bool leave = j->form == EXPORT_NPZ && is_object_graph(j->from, i);
        j->left_out += leave;
        if (!leave) j->indices[j->n++] = i;
    }
    if (j->n == 0) return fail_at(err, INLAY_NOT_FOUND, j->o->source, -1, "stores no tensors that fit a .npz");
    return INLAY_OK;
}

/* ---- where to */

static inlay_status check_single(const export_job *j, inlay_error *err) {
    if (j->n != 1)
        return fail_at(err, INLAY_INVALID_ARGUMENT, j->o->output, -1,
                       "takes one tensor, not %zu: name one, or a folder or a .npz", j->n);
    bool strings = store_at(j->from, j->indices[0]).type == INLAY_STRING;
    if (strings == (j->form == EXPORT_JSON)) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, j->o->output, -1,
                   strings ? "strings go to a .json or a folder, not to a .npy"
                           : "numbers go to a .npy, not to a .json");
}

inlay_status export_check_old_folder(const char *path, inlay_error *err) {
    file_names names;
    TRY(file_list(path, &names, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++)
        if (!ends_with(names.names[i], ".npy") && !ends_with(names.names[i], ".json"))
            status = fail_at(err, INLAY_ALREADY_EXISTS, path, -1,
                             "is not replaced: it holds %s, which is none of an export's files", names.names[i]);
    file_names_free(&names);
    return status;
}

static inlay_status check_target(const export_job *j, inlay_error *err) {
    file_info info;
    inlay_error none;
    const char *path = j->o->output;
    if (file_stat(path, false, &info, &none) != INLAY_OK) return INLAY_OK;
    if (!j->o->force) return fail_at(err, INLAY_ALREADY_EXISTS, path, -1, "is there already; force replaces it");
    if (info.is_folder != (j->form == EXPORT_FOLDER))
        return fail_at(err, INLAY_ALREADY_EXISTS, path, -1,
                       info.is_folder ? "is a folder and not replaced by a file"
                                      : "is no folder and not replaced by one");
    return info.is_folder ? export_check_old_folder(path, err) : INLAY_OK;
}

/* ---- a folder */

enum { NAME_MOST = 255 }; /* bytes of a file's name that Linux takes */

inlay_status export_file_name(const store_tensor *t, buffer *out, inlay_error *err) {
    buffer_clear(out);
    for (size_t i = 0; i < t->key.size; i++) {
        uint8_t c = t->key.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || c == '_' || c == '-' || (c == '.' && i > 0))
            buffer_append_byte(out, c);
        else
            buffer_format(out, "%%%02X", c);
    }
    buffer_append_text(out, t->type == INLAY_STRING ? ".json" : ".npy");
    buffer_append_byte(out, 0);
    TRY(buffer_check(out, err));
    if (out->size - 1 <= NAME_MOST) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT,
                "the key %.300s makes a file name longer than %d bytes; a .npz can hold it", (const char *)t->key.data,
                NAME_MOST);
}

static inlay_status save_in_folder(export_job *j, const char *folder, size_t index, buffer *name, inlay_error *err) {
    store_tensor t = store_at(j->from, index);
    TRY(export_file_name(&t, name, err));
    char *path = path_join(folder, (const char *)name->data);
    if (!path) return fail_memory(err);
    inlay_status status = store_save(j->from, index, path, FILE_DIRECT, &j->report, err);
    mem_free(path);
    return status;
}

static inlay_status save_folder(export_job *j, inlay_error *err) {
    staging stage;
    buffer name = {0};
    TRY(staging_begin(j->o->output, &stage, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < j->n && status == INLAY_OK; i++)
        status = save_in_folder(j, stage.path, j->indices[i], &name, err);
    if (status == INLAY_OK) status = staging_commit(&stage, j->o->force, NULL, err);
    staging_abandon(&stage);
    buffer_free(&name);
    return status;
}

/* ---- all of it */

static inlay_status save(export_job *j, inlay_error *err) {
    if (j->form == EXPORT_FOLDER) return save_folder(j, err);
    if (j->form == EXPORT_NPZ) return store_save_npz(j->from, j->indices, j->n, j->o->output, &j->report, err);
    TRY(check_single(j, err));
    return store_save(j->from, j->indices[0], j->o->output, FILE_ATOMIC, &j->report, err);
}

inlay_status export_tensors(const inlay_export_options *options, inlay_export_report *report, inlay_error *err) {
    if (!options->source || !options->output)
        return fail(err, INLAY_INVALID_ARGUMENT, "an export needs a source and an output");
    export_job j = {.o = options, .form = form_of(options->output)};
    uint64_t total = 0;
    inlay_status status;
    TRY_TO(done, store_open(options->source, false, &j.from, err));
    TRY_TO(done, choose(&j, err));
    TRY_TO(done, check_target(&j, err));
    for (size_t i = 0; i < j.n; i++) total += store_at(j.from, j.indices[i]).size;
    progress_start(&j.report, options->progress, options->progress_user, "exporting", total);
    TRY_TO(done, save(&j, err));
    if (j.left_out) log_note(INLAY_LOG_INFO, "%s: left out " BUNDLE_OBJECTS_KEY ", a string", options->output);
    if (report) *report = (inlay_export_report){.tensors = j.n, .left_out = j.left_out, .bytes = total};
done:
    mem_free(j.indices);
    store_close(j.from);
    return status;
}

/* A model's folder, as fuzz_verify has it; the first two bytes choose an edit and what it does. A model that was sound
 * before an edit is sound after it, and one that could not be edited is as it was.
 * Covers: src/edit/change.c src/edit/rename.c src/edit/drop.c src/edit/swap.c src/edit/scope.c src/edit/stored_keys.c
 * src/edit/variables.c src/format/bundle_edit.c */
#include "inlay/inlay.h"
#include "model_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct job {
    const char *model;
    unsigned choice; /* which tensor, which rows */
} job;

/* The key of the tensor that JOB chooses; false when there is none. */
static bool choose_key(const job *j, char key[256], inlay_dtype *type) {
    inlay_store *store;
    inlay_error err;
    inlay_stored found;
    if (inlay_store_open(j->model, false, &store, &err) != INLAY_OK) return false;
    size_t n = inlay_store_count(store);
    bool got = n > 0 && inlay_store_tensor(store, j->choice % n, &found) && found.key.size < 256;
    if (got) snprintf(key, 256, "%.*s", (int)found.key.size, found.key.data);
    if (got) *type = found.dtype;
    inlay_store_close(store);
    return got;
}

static inlay_status rename_one(const job *j, inlay_error *err) {
    char key[256];
    inlay_dtype type;
    if (!choose_key(j, key, &type)) return INLAY_NOT_FOUND;
    const char *to = j->choice & 64 ? "renamed/.ATTRIBUTES/VARIABLE_VALUE" : "renamed";
    return inlay_edit_rename(j->model, key, to, NULL, err);
}

static inlay_status drop_one(const job *j, inlay_error *err) {
    char key[256];
    const char *keys[] = {key};
    inlay_dtype type;
    if (!choose_key(j, key, &type)) return INLAY_NOT_FOUND;
    return inlay_edit_drop(j->model, keys, 1, NULL, err);
}

/* What is stored, written out and put in again. */
static inlay_status swap_one(const job *j, inlay_error *err) {
    char key[256], file[512];
    const char *keys[] = {key};
    inlay_dtype type;
    if (!choose_key(j, key, &type)) return INLAY_NOT_FOUND;
    snprintf(file, sizeof file, "%s", scratch_path(type == INLAY_STRING ? "value.json" : "value.npy"));
    inlay_export_options o;
    inlay_export_options_init(&o);
    o.source = j->model;
    o.keys = keys;
    o.n_keys = 1;
    o.output = file;
    o.force = true;
    inlay_status status = inlay_export(&o, NULL, err);
    return status == INLAY_OK ? inlay_edit_swap(j->model, key, file, NULL, err) : status;
}

static inlay_status rows(const job *j, inlay_rows_action action, inlay_error *err) {
    static const char header[] = "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6), }";
    uint8_t file[128 + 48];
    char path[512];
    memset(file, ' ', 128);
    memcpy(file, header, sizeof header - 1);
    file[127] = '\n';
    for (size_t i = 0; i < 12; i++) memcpy(file + 128 + 4 * i, &(float){(float)i - 5.5f}, 4);
    snprintf(path, sizeof path, "%s", scratch_file("rows.npy", file, sizeof file));
    inlay_row_range ranges[] = {{j->choice % 50, j->choice % 50 + 1 + j->choice % 3}, {3, 5}};
    inlay_rows_options o;
    inlay_rows_options_init(&o);
    o.action = action;
    o.rows = action == INLAY_ROWS_SET || action == INLAY_ROWS_APPEND ? path : NULL;
    o.set_at = j->choice % 50;
    o.ranges = action == INLAY_ROWS_DELETE || action == INLAY_ROWS_TOMBSTONE ? ranges : NULL;
    o.n_ranges = o.ranges ? 1 + j->choice % 2 : 0;
    if (action == INLAY_ROWS_APPEND && j->choice & 1)
        o.labels = scratch_file("labels.txt", "one\ntwo\n", 8); /* the path is looked at at once */
    return inlay_edit_rows(j->model, &o, NULL, NULL, err);
}
static inlay_status set_rows(const job *j, inlay_error *err) {
    return rows(j, INLAY_ROWS_SET, err);
}
static inlay_status append_rows(const job *j, inlay_error *err) {
    return rows(j, INLAY_ROWS_APPEND, err);
}
static inlay_status delete_rows(const job *j, inlay_error *err) {
    return rows(j, INLAY_ROWS_DELETE, err);
}
static inlay_status bury_rows(const job *j, inlay_error *err) {
    return rows(j, INLAY_ROWS_TOMBSTONE, err);
}

static inlay_status signatures(const job *j, inlay_error *err) {
    static const char *const rename[] = {"serving_default=first"}, *const remove[] = {"lookup"},
                             *const add[] = {"again=serving_default"}, *const defaults[] = {"search.k=3"};
    inlay_signature_edits e;
    inlay_signature_edits_init(&e);
    if (j->choice & 1) e.rename = rename, e.n_rename = 1;
    if (j->choice & 2) e.remove = remove, e.n_remove = 1;
    if (j->choice & 4) e.add = add, e.n_add = 1;
    if (j->choice & 8) e.defaults = defaults, e.n_defaults = 1;
    if (j->choice & 16) e.tags = "serve,more";
    return inlay_edit_signatures(j->model, &e, NULL, err);
}

static inlay_status convert(const job *j, inlay_error *err) {
    char out[512];
    inlay_convert_options o;
    inlay_convert_options_init(&o);
    o.source = j->model;
    snprintf(out, sizeof out, "%s", scratch_path("out"));
    if (j->choice & 1) {
        o.compact = true;
    } else {
        o.output = out;
        o.force = true;
        o.shards = (int32_t)(j->choice >> 1 & 3);
        o.form = (inlay_form)((j->choice >> 3) % 3);
    }
    return inlay_bundle_convert(&o, NULL, err);
}

static inlay_status defuse(const job *j, inlay_error *err) {
    char out[512];
    inlay_defuse_options o;
    inlay_defuse_options_init(&o);
    o.model = j->model;
    snprintf(out, sizeof out, "%s", scratch_path("parts"));
    o.output = out;
    inlay_status status = inlay_bundle_defuse(&o, NULL, err);
    if (status == INLAY_OK) scratch_clear("parts");
    return status;
}

static inlay_status cast_one(const job *j, inlay_error *err) {
    char key[256];
    const char *keys[] = {key};
    inlay_dtype type;
    if (!choose_key(j, key, &type)) return INLAY_NOT_FOUND;
    return inlay_edit_cast(j->model, keys, 1, j->choice & 128 ? INLAY_BFLOAT16 : INLAY_FLOAT16, NULL, err);
}

/* The model's variables with themselves: every object, key and slice is in both. */
static inlay_status merge_twice(const job *j, inlay_error *err) {
    char out[512], prefix[600];
    snprintf(prefix, sizeof prefix, "%s/variables/variables", j->model);
    snprintf(out, sizeof out, "%s/", scratch_path("merged"));
    const char *sources[] = {prefix, prefix};
    inlay_merge_options o;
    inlay_merge_options_init(&o);
    o.sources = sources;
    o.n_sources = 2;
    o.output = out;
    o.first_wins = j->choice & 1;
    inlay_status status = inlay_bundle_merge(&o, NULL, err);
    if (status == INLAY_OK) scratch_clear("merged");
    return status;
}

/* The model behind itself, its first output feeding its first input. */
static inlay_status compose_twice(const job *j, inlay_error *err) {
    static const char *const maps[] = {"embedding=text", "y=x", "output_0=x", "scores=query"};
    char out[512];
    const char *map[] = {maps[j->choice & 3]};
    inlay_compose_options o;
    inlay_compose_options_init(&o);
    snprintf(out, sizeof out, "%s", scratch_path("composed"));
    o.first = o.second = j->model;
    o.first_signature = o.second_signature = j->choice & 8 ? "search" : NULL;
    o.map = map;
    o.n_map = j->choice & 4 ? 1 : 0;
    o.output = out;
    inlay_status status = inlay_bundle_compose(&o, NULL, err);
    if (status == INLAY_OK) scratch_clear("composed");
    return status;
}

static inlay_status (*const edits[])(const job *, inlay_error *) = {
    rename_one, drop_one, swap_one, set_rows, append_rows, delete_rows,   bury_rows,
    signatures, convert,  defuse,   cast_one, merge_twice, compose_twice,
};
enum { EDITS = sizeof edits / sizeof *edits };

static bool is_sound(const char *model) {
    inlay_verify_options o;
    inlay_verify_report report;
    inlay_error err;
    inlay_verify_options_init(&o);
    o.path = model;
    return inlay_bundle_verify(&o, &report, &err) == INLAY_OK && report.damages + report.unseen == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    write_model(data + 2, size - 2);
    char model[512];
    inlay_error err;
    snprintf(model, sizeof model, "%s", scratch_path("m"));
    job j = {.model = model, .choice = data[1]};
    bool sound = is_sound(model);
    inlay_status status = edits[data[0] % EDITS](&j, &err);
    if (sound && !is_sound(model)) {
        fprintf(stderr, "edit %d: %s: a sound model is none any more\n", data[0] % EDITS,
                status == INLAY_OK ? "done" : err.message);
        abort();
    }
    scratch_clear("m");
    return 0;
}

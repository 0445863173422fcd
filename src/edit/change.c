#include "edit/change.h"

#include "base/alloc.h"
#include "base/log.h"
#include "edit/block_sums.h"
#include "edit/index/index.h"

#include "format/fingerprint.h"
#include "format/store.h"
#include "proto/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define VARIABLES "variables/variables"

/* A file of the folder that is not linked from the old one. */
typedef struct change_file {
    const char *relative;
    bytes content; /* no data: none is written */
} change_file;

void change_note(change *c, const char *format, ...) {
    char line[1024];
    va_list args;
    if (!c->options->on_change) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    c->options->on_change(c->options->change_user, line);
}

/* ---- begin */

static bool is_folder(const char *path) {
    file_info info;
    inlay_error ignored;
    return file_stat(path, true, &info, &ignored) == INLAY_OK && info.is_folder;
}

static bool is_saved_model(const char *path) {
    return is_folder(path) && (file_exists_in(path, "saved_model.pb") || file_exists_in(path, "saved_model.pbtxt"));
}

static inlay_status lock(change *c, const char *path, inlay_error *err) {
    int fd;
    TRY(file_lock(path, &fd, err));
    c->lock = fd + 1;
    return INLAY_OK;
}

static inlay_status begin_bundle(change *c, const char *prefix, file_mode mode, const change_needs *needs,
                                 inlay_error *err) {
    bundle_edit_options o = {.mode = mode, .keep_old = needs->keep_old_shards && !c->options->output};
    o.files = needs->files;
    return bundle_edit_begin(c->old, prefix, &o, &c->bundle, err);
}

static inlay_status make_inner_folder(change *c, const char *name, inlay_error *err) {
    char *path = path_join(c->stage.path, name), *old = path_join(c->path, name);
    inlay_status status = path && old ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK && !file_exists(path)) {
        status = file_make_folder(path, err);
        if (status == INLAY_OK && is_folder(old)) status = file_copy_mode(old, path, err);
    }
    mem_free(path);
    mem_free(old);
    return status;
}

static inlay_status begin_model(change *c, const change_needs *needs, inlay_error *err) {
    TRY(lock(c, c->path, err));
    TRY(saved_model_open(c->path, false, &c->model, err));
    TRY(manifest_read(c->path, &c->manifest, err));
    TRY(staging_begin(c->target, &c->stage, err));
    /* What the model holds was put on the disk by who wrote it; what comes from elsewhere, or goes there, need not be.
     */
    c->stage.links_are_synced = !c->options->output && needs->files == 0;
    TRY(file_copy_mode(c->path, c->stage.path, err));
    if (!c->model->has_variables) return INLAY_OK;
    char *prefix = NULL, *next = path_join(c->stage.path, VARIABLES);
    inlay_status status = next ? saved_variables_prefix(c->model, &prefix, err) : fail_memory(err);
    if (status == INLAY_OK) status = bundle_open(prefix, false, &c->variables, err);
    c->old = c->variables;
    if (status == INLAY_OK) status = make_inner_folder(c, "variables", err);
    if (status == INLAY_OK) status = begin_bundle(c, next, FILE_DIRECT, needs, err);
    mem_free(prefix);
    mem_free(next);
    return status;
}

static inlay_status begin_checkpoint(change *c, const change_needs *needs, inlay_error *err) {
    TRY(checkpoint_open(c->path, false, &c->checkpoint, err));
    c->old = checkpoint_bundle(c->checkpoint);
    if (!c->old)
        return fail_at(err, INLAY_UNIMPLEMENTED, c->path, -1, "is a V1 checkpoint; inlay convert makes a bundle of it");
    char *index = bundle_index_path(bundle_prefix(c->old));
    inlay_status status = index ? lock(c, index, err) : fail_memory(err);
    mem_free(index);
    TRY(status);
    checkpoint_close(c->checkpoint); /* once more, now that nobody else writes */
    c->checkpoint = NULL;
    TRY(checkpoint_open(c->path, false, &c->checkpoint, err));
    c->old = checkpoint_bundle(c->checkpoint);
    if (!c->old) return fail_at(err, INLAY_ABORTED, c->path, -1, "was replaced while it was opened");
    if (!c->options->output && !(c->target = mem_strdup(bundle_prefix(c->old)))) return fail_memory(err);
    file_sweep(c->target);
    return begin_bundle(c, c->target, FILE_ATOMIC, needs, err);
}

static inlay_status begin_graph(change *c, inlay_error *err) {
    TRY(lock(c, c->path, err));
    file_sweep(c->target);
    return saved_model_open(c->path, false, &c->model, err);
}

/* An output must be free, and not inside what it is made from. */
static inlay_status check_output(const char *path, const char *output, bool checkpoint, inlay_error *err) {
    char *there = checkpoint ? bundle_index_path(output) : mem_strdup(output);
    if (!there) return fail_memory(err);
    bool taken = file_exists(there);
    mem_free(there);
    if (taken) return fail_at(err, INLAY_ALREADY_EXISTS, output, -1, "is there already");
    char *parent = path_parent(output), *inside = NULL;
    inlay_status status = parent ? file_real_path(parent, &inside, err) : fail_memory(err);
    size_t n = strlen(path);
    if (status == INLAY_OK && is_saved_model(path) && strncmp(inside, path, n) == 0 &&
        (inside[n] == '/' || inside[n] == 0))
        status = fail_at(err, INLAY_INVALID_ARGUMENT, output, -1, "lies inside the model that is edited");
    mem_free(parent);
    mem_free(inside);
    return status;
}

inlay_status change_begin(const char *path, const inlay_edit_options *options, const change_needs *needs, change *c,
                          inlay_error *err) {
    static const change_needs none = {.keep_old_shards = true};
    *c = (change){.options = options};
    arena_init(&c->a, 0);
    inlay_status status;
    store_kind kind;
    TRY_TO(failed, store_kind_of(path, &kind, err));
    bool model = kind == STORE_MODEL, checkpoint = kind == STORE_CHECKPOINT;
    if (checkpoint && !(c->path = mem_strdup(path))) TRY_TO(failed, fail_memory(err));
    if (!checkpoint) TRY_TO(failed, file_real_path(path, &c->path, err));
    if (options->output) TRY_TO(failed, check_output(c->path, options->output, checkpoint, err));
    if (options->output || !checkpoint) {
        c->target = mem_strdup(options->output ? options->output : c->path);
        if (!c->target) TRY_TO(failed, fail_memory(err));
    }
    if (!needs) needs = &none;
    status = model ? begin_model(c, needs, err) : checkpoint ? begin_checkpoint(c, needs, err) : begin_graph(c, err);
    if (status == INLAY_OK) return INLAY_OK;
failed:
    change_abandon(c);
    return status;
}

void change_abandon(change *c) {
    bundle_edit_abandon(c->bundle);
    staging_abandon(&c->stage);
    bundle_close(c->variables);
    checkpoint_close(c->checkpoint);
    saved_model_close(c->model);
    json_decref(c->manifest);
    splice_free(&c->graph);
    buffer_free(&c->whole_graph);
    buffer_free(&c->objects);
    arena_free(&c->a);
    if (c->lock) close(c->lock - 1);
    mem_free(c->files);
    mem_free(c->target);
    mem_free(c->path);
    *c = (change){0};
}

/* ---- what changes */

void change_graph(change *c, buffer *graph) {
    buffer_free(&c->whole_graph);
    c->whole_graph = *graph;
    c->has_whole_graph = true;
    *graph = (buffer){0};
}

inlay_status change_put_file(change *c, const char *relative, bytes content, inlay_error *err) {
    change_file *grown = mem_realloc(c->files, (c->n_files + 1) * sizeof *grown);
    if (!grown) return fail_memory(err);
    c->files = grown;
    change_file file = {.relative = arena_strdup(&c->a, relative)};
    if (!file.relative) return fail_memory(err);
    if (content.data) {
        const char *kept = arena_copy(&c->a, content);
        if (!kept) return fail_memory(err);
        file.content = bytes_make(kept, content.size);
    }
    c->files[c->n_files++] = file;
    return INLAY_OK;
}

const char *change_staged(change *c, const char *relative, inlay_error *err) {
    const char *slash = strrchr(relative, '/');
    const char *folder = slash ? arena_format(&c->a, "%.*s", (int)(slash - relative), relative) : NULL;
    if (slash && (!folder || make_inner_folder(c, folder, err) != INLAY_OK)) return NULL;
    const char *path = arena_format(&c->a, "%s/%s", c->stage.path, relative);
    if (!path) fail_memory(err);
    return path;
}

/* ---- commit */

static bool graph_changed(const change *c) {
    return c->has_whole_graph || c->graph.count > 0;
}

static inlay_status make_graph(change *c, inlay_error *err) {
    if (c->graph.failed) return fail_memory(err);
    if (c->has_whole_graph || c->graph.count == 0) return INLAY_OK;
    TRY(splice_to_buffer(&c->graph, c->model->message, c->model->file, &c->whole_graph, err));
    c->has_whole_graph = true;
    return INLAY_OK;
}

static inlay_status write_text_graph(change *c, const char *path, file_mode mode, inlay_error *err) {
    static const char *const types[] = {[SAVED_MODEL] = "tensorflow.SavedModel",
                                        [SAVED_METAGRAPH] = "tensorflow.MetaGraphDef",
                                        [SAVED_GRAPH] = "tensorflow.GraphDef"};
    const message_type *type = schema_find(bytes_of(types[c->model->kind]));
    buffer text = {0};
    if (!type) return fail(err, INLAY_INTERNAL, "no schema of %s", types[c->model->kind]);
    inlay_status status =
        text_print(wire_open(buffer_bytes(&c->whole_graph), c->model->file, NULL), type, NULL, &text, err);
    if (status == INLAY_OK) status = file_write_all(path, mode, buffer_bytes(&text), err);
    buffer_free(&text);
    return status;
}

static inlay_status write_graph(change *c, const char *path, file_mode mode, inlay_error *err) {
    if (c->model->is_text) return write_text_graph(c, path, mode, err);
    return file_write_all(path, mode, buffer_bytes(&c->whole_graph), err);
}

/* Whether the file RELATIVE of the old folder has no place in the new one, or is written there already. */
static bool is_replaced(const void *ctx, const char *relative) {
    const change *c = ctx;
    if (graph_changed(c) && strcmp(relative, path_name(c->model->file)) == 0) return true;
    if (c->bundle && (strcmp(relative, VARIABLES ".index") == 0 || strncmp(relative, VARIABLES ".data-", 25) == 0))
        return true;
    for (size_t i = 0; i < c->n_files; i++)
        if (strcmp(c->files[i].relative, relative) == 0) return true;
    if (strcmp(relative, "fingerprint.pb") == 0) return true;
    return c->manifest && strcmp(relative, "assets.extra/inlay.json") == 0;
}

static inlay_status write_files(change *c, inlay_error *err) {
    for (size_t i = 0; i < c->n_files; i++) {
        if (!c->files[i].content.data) continue;
        const char *path = change_staged(c, c->files[i].relative, err);
        if (!path) return err ? err->code : INLAY_RESOURCE_EXHAUSTED;
        TRY(file_write_all(path, FILE_DIRECT, c->files[i].content, err));
    }
    return INLAY_OK;
}

static inlay_status write_manifest(change *c, inlay_error *err) {
    if (!c->manifest) return INLAY_OK;
    manifest_known known = {.folder = c->path, .root = c->manifest, .bundle = c->old};
    return manifest_write(c->stage.path, json_object_get(c->manifest, "collections"), &known, err);
}

/* A file that was written anew has the permissions of the one that it replaces. */
static inlay_status keep_modes(const change *c, inlay_error *err) {
    static const char *const usual[] = {VARIABLES ".index", "fingerprint.pb", "assets.extra/inlay.json",
                                        BLOCK_SUMS_FILE};
    enum { USUAL = sizeof usual / sizeof *usual };
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i <= USUAL + c->n_files && status == INLAY_OK; i++) {
        const char *relative = i < USUAL                ? usual[i]
                               : i < USUAL + c->n_files ? c->files[i - USUAL].relative
                                                        : path_name(c->model->file);
        char *old = path_join(c->path, relative), *fresh = path_join(c->stage.path, relative);
        file_info before, after;
        inlay_error ignored;
        if (!old || !fresh)
            status = fail_memory(err);
        else if (file_stat(old, true, &before, &ignored) == INLAY_OK &&
                 file_stat(fresh, true, &after, &ignored) == INLAY_OK && before.inode != after.inode)
            status = file_copy_mode(old, fresh, err);
        mem_free(old);
        mem_free(fresh);
    }
    return status;
}

/* Indexes of what is stored no more go; plain searches may read something else after any change, so theirs are looked
 * at anew. UNCHANGED: the same variables. */
static inlay_status keep_indexes(change *c, bool unchanged, inlay_error *err) {
    size_t gone = 0;
    bool plain;
    TRY(index_has_plain(c->stage.path, &plain, err));
    if (!unchanged || c->finish) TRY(index_drop_stale(c->stage.path, &gone, err));
    plain = plain && (!unchanged || graph_changed(c));
    inlay_index_report made = {0};
    if (gone || plain || c->reindex) TRY(index_missing(c->stage.path, plain, &made, err));
    if ((gone || plain) && (gone || made.made))
        change_note(c, "indexes: %zu of rows that are no more removed, %zu made", gone, made.made);
    return INLAY_OK;
}

/* Everything in the staged folder; C->bundle is gone afterwards. */
static inlay_status fill_stage(change *c, inlay_error *err) {
    bundle_edit *bundle = c->bundle;
    bool unchanged = !bundle || !bundle_edit_changed(bundle);
    TRY(file_share_tree(c->path, c->stage.path, is_replaced, c, err));
    c->bundle = NULL;
    if (bundle) TRY(bundle_edit_commit(bundle, err));
    if (graph_changed(c)) {
        const char *path = change_staged(c, path_name(c->model->file), err);
        if (!path) return err ? err->code : INLAY_RESOURCE_EXHAUSTED;
        TRY(write_graph(c, path, FILE_DIRECT, err));
    }
    TRY(write_files(c, err));
    TRY(keep_indexes(c, unchanged, err));
    if (c->finish) TRY(c->finish(c->finish_user, c->stage.path, err));
    if (file_exists_in(c->path, "fingerprint.pb"))
        TRY(fingerprint_write_file(c->stage.path,
                                   c->has_whole_graph ? buffer_bytes(&c->whole_graph) : c->model->message, err));
    TRY(write_manifest(c, err));
    return keep_modes(c, err);
}

static inlay_status commit_model(change *c, inlay_error *err) {
    TRY(fill_stage(c, err));
    if (c->options->dry_run) return INLAY_OK;
    return staging_commit(&c->stage, c->options->output == NULL, NULL, err);
}

static inlay_status commit_graph(change *c, inlay_error *err) {
    if (c->options->dry_run) return INLAY_OK;
    if (graph_changed(c)) return write_graph(c, c->target, FILE_ATOMIC, err);
    if (!c->options->output) return INLAY_OK;
    return file_write_all(c->target, FILE_ATOMIC, file_map_bytes(c->model->map), err);
}

inlay_status change_commit(change *c, inlay_error *err) {
    inlay_status status = c->model ? make_graph(c, err) : INLAY_OK;
    if (status == INLAY_OK && c->objects.data && bundle_edit_has(c->bundle, bytes_of(BUNDLE_OBJECTS_KEY)))
        status = bundle_edit_put_string(c->bundle, bytes_of(BUNDLE_OBJECTS_KEY), buffer_bytes(&c->objects), err);
    if (status != INLAY_OK) {
        change_abandon(c);
        return status;
    }
    if (c->model && c->model->folder) {
        status = commit_model(c, err);
    } else if (c->model) {
        status = commit_graph(c, err);
    } else if (!c->options->dry_run) {
        bundle_edit *bundle = c->bundle;
        c->bundle = NULL;
        status = bundle_edit_commit(bundle, err);
    }
    change_abandon(c);
    return status;
}

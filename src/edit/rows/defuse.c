#include "edit/rows/defuse.h"

#include "base/alloc.h"
#include "edit/fuse/fuse_paths.h"
#include "edit/manifest.h"
#include "edit/rows/unfuse.h"
#include "format/bundle_edit.h"
#include "format/fingerprint.h"

/* ---- the extractor */

static inlay_status copy_entry(const char *from, const char *to, inlay_error *err);

/* What is in FROM but for what is written anew. */
static inlay_status copy_entries(const char *from, const char *to, const char *const *except, inlay_error *err) {
    file_names names;
    TRY(file_list(from, &names, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        bool skip = false;
        for (const char *const *e = except; *e; e++) skip |= strcmp(names.names[i], *e) == 0;
        if (skip) continue;
        char *inner_from = path_join(from, names.names[i]), *inner_to = path_join(to, names.names[i]);
        status = inner_from && inner_to ? copy_entry(inner_from, inner_to, err) : fail_memory(err);
        mem_free(inner_from);
        mem_free(inner_to);
    }
    file_names_free(&names);
    return status;
}

static inlay_status copy_entry(const char *from, const char *to, inlay_error *err) {
    static const char *const nothing[] = {NULL};
    file_info info;
    TRY(file_stat(from, false, &info, err));
    if (info.is_link)
        return fail_at(err, INLAY_INVALID_ARGUMENT, from, -1, "is a symbolic link; a model's files must lie inside it");
    if (!info.is_folder) return file_place(from, to, INLAY_LINK_AUTO, NULL, NULL, err);
    TRY(file_make_folder(to, err));
    return copy_entries(from, to, nothing, err);
}

/* Folder assets.extra without what is Inlay's; it is made only for what else there is. */
static inlay_status copy_extra(const defusing *d, const char *to, inlay_error *err) {
    const char *table = arena_format((arena *)&d->a, "%s.labels", d->c.prefix);
    const char *const except[] = {"inlay.json", table, NULL};
    char *from = path_join(d->c.model->folder, "assets.extra"), *target = path_join(to, "assets.extra");
    file_names names = {0};
    inlay_status status = from && target && table ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK && file_exists(from)) {
        status = file_list(from, &names, err);
        bool more = false;
        for (size_t i = 0; i < names.count; i++)
            more |= strcmp(names.names[i], except[0]) != 0 && strcmp(names.names[i], table) != 0;
        if (status == INLAY_OK && more) status = file_make_folder(target, err);
        if (status == INLAY_OK && more) status = copy_entries(from, target, except, err);
    }
    file_names_free(&names);
    mem_free(from);
    mem_free(target);
    return status;
}

static inlay_status drop_own(const collection *c, bundle_edit *e, inlay_error *err) {
    for (size_t i = 0; i < c->n_chunks; i++) {
        TRY(bundle_edit_drop(e, c->chunks[i].stored->key, err));
        if (c->chunks[i].factor) TRY(bundle_edit_drop(e, c->chunks[i].factor->key, err));
    }
    return c->payload ? bundle_edit_drop(e, c->payload_stored->key, err) : INLAY_OK;
}

static size_t own_entries(const collection *c) {
    size_t n = c->n_chunks + (c->payload != NULL);
    for (size_t i = 0; i < c->n_chunks; i++) n += c->chunks[i].factor != NULL;
    return n;
}

static inlay_status write_variables(defusing *d, const char *folder, const buffer *objects, inlay_error *err) {
    const char *variables = arena_format(&d->a, "%s/variables", folder),
               *prefix = arena_format(&d->a, "%s/variables/variables", folder);
    if (!variables || !prefix) return fail_memory(err);
    TRY(file_make_folder(variables, err));
    if (bundle_count(d->c.bundle) == own_entries(&d->c)) return INLAY_OK; /* TensorFlow makes the folder in any case */
    bundle_edit *e;
    TRY(bundle_edit_begin(d->c.bundle, prefix, &(bundle_edit_options){.mode = FILE_DIRECT}, &e, err));
    inlay_status status = drop_own(&d->c, e, err);
    if (status == INLAY_OK && objects->size)
        status = bundle_edit_put_string(e, bytes_of("_CHECKPOINTABLE_OBJECT_GRAPH"), buffer_bytes(objects), err);
    if (status == INLAY_OK) return bundle_edit_commit(e, err);
    bundle_edit_abandon(e);
    return status;
}

/* As the fused model has one: TensorFlow makes none where a function's name has no number. */
static inlay_status write_fingerprint(defusing *d, const char *folder, const buffer *graph, inlay_error *err) {
    const char *old = arena_format(&d->a, "%s/fingerprint.pb", d->c.model->folder),
               *path = arena_format(&d->a, "%s/fingerprint.pb", folder),
               *index_path = arena_format(&d->a, "%s/variables/variables.index", folder);
    if (!old || !path || !index_path) return fail_memory(err);
    if (!file_exists(old)) return INLAY_OK;
    file_map *index = NULL;
    buffer message = {0};
    fingerprint f;
    if (file_exists(index_path)) TRY(file_map_open(index_path, false, &index, err));
    inlay_status status = fingerprint_compute(buffer_bytes(graph), index ? file_map_bytes(index) : (bytes){0}, &f, err);
    if (status == INLAY_OK) {
        fingerprint_write(&f, &message);
        status = buffer_check(&message, err);
        if (status == INLAY_OK) status = file_write_all(path, FILE_DIRECT, buffer_bytes(&message), err);
    } else if (status == INLAY_FAILED_PRECONDITION) {
        status = INLAY_OK;
    }
    buffer_free(&message);
    file_map_release(index);
    return status;
}

/* Other collections that are in the model keep their manifest. */
static inlay_status write_manifest(defusing *d, const char *folder, inlay_error *err) {
    json_t *root;
    inlay_error error;
    inlay_status status = manifest_read(d->c.model->folder, &root, &error);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    if (status != INLAY_OK || !root) return INLAY_OK; /* a damaged one says nothing of the others */
    json_t *collections = json_object_get(root, "collections");
    if (json_is_object(collections)) json_object_del(collections, d->c.name);
    if (json_object_size(collections) > 0) {
        char *extra = path_join(folder, "assets.extra");
        status = !extra ? fail_memory(err) : file_exists(extra) ? INLAY_OK : file_make_folder(extra, err);
        mem_free(extra);
        manifest_known known = {.folder = d->c.model->folder, .root = root, .bundle = d->c.bundle};
        if (status == INLAY_OK) status = manifest_write(folder, collections, &known, err);
    }
    json_decref(root);
    return status;
}

/* Whether anything but the collection is in the model. Its own query is of it. */
static bool is_alone(const collection *c) {
    bytes rest;
    for (size_t i = 0; i < c->graph->signature_count; i++) {
        const saved_signature *s = &c->graph->signatures[i];
        bool own = s->output_count > 0;
        for (size_t j = 0; j < s->output_count; j++)
            own = own && collection_owns(c->prefix, bytes_of(s->outputs[j].name), &rest);
        if (!own) return false;
    }
    return c->own_query;
}

static inlay_status write_extractor(defusing *d, inlay_error *err) {
    static const char *const anew[] = {"saved_model.pb", "saved_model.pbtxt", "variables",
                                       "fingerprint.pb", "assets.extra",      NULL};
    buffer graph = {0}, objects = {0};
    inlay_status status;
    d->report->extractor = !is_alone(&d->c);
    if (!d->report->extractor) return INLAY_OK;
    const char *folder = arena_format(&d->a, "%s/extractor", d->folder),
               *path = arena_format(&d->a, "%s/extractor/saved_model.pb", d->folder);
    if (!folder || !path) return fail_memory(err);
    TRY_TO(done, unfuse(&d->c, UNFUSE_REMOVE, &d->a, &graph, &objects, err));
    TRY_TO(done, file_make_folder(folder, err));
    TRY_TO(done, copy_entries(d->c.model->folder, folder, anew, err));
    TRY_TO(done, copy_extra(d, folder, err));
    TRY_TO(done, write_variables(d, folder, &objects, err));
    TRY_TO(done, file_write_all(path, FILE_DIRECT, buffer_bytes(&graph), err));
    TRY_TO(done, write_fingerprint(d, folder, &graph, err));
    status = write_manifest(d, folder, err);
done:
    buffer_free(&graph);
    buffer_free(&objects);
    return status;
}

/* ---- the whole */

static inlay_status check_options(const inlay_defuse_options *o, inlay_error *err) {
    if (!o->model) return fail(err, INLAY_INVALID_ARGUMENT, "no model is given");
    if (!o->output || !*o->output) return fail(err, INLAY_INVALID_ARGUMENT, "no output folder is given");
    TRY(paths_apart(o->output, o->model, err));
    if (!file_exists(o->output)) return INLAY_OK;
    return fail_at(err, INLAY_ALREADY_EXISTS, o->output, -1, "is there already");
}

static inlay_status write_all(defusing *d, inlay_error *err) {
    TRY(write_extractor(d, err));
    TRY(defuse_rows(d, err));
    return defuse_payload(d, err);
}

inlay_status defuse(const inlay_defuse_options *o, inlay_defuse_report *report, inlay_error *err) {
    inlay_defuse_report unused;
    defusing d = {.o = o, .report = report ? report : &unused};
    staging stage = {0};
    *d.report = (inlay_defuse_report){0};
    arena_init(&d.a, 0);
    inlay_status status;
    TRY_TO(done, check_options(o, err));
    TRY_TO(done, collection_open(o->model, o->name, &d.a, &d.c, err));
    TRY_TO(done, staging_begin(o->output, &stage, err));
    d.folder = stage.path;
    d.report->rows = d.c.rows;
    d.report->dim = d.c.dim;
    d.report->dtype = d.c.type;
    TRY_TO(done, write_all(&d, err));
    status = staging_commit(&stage, false, NULL, err);
done:
    staging_abandon(&stage);
    collection_close(&d.c);
    arena_free(&d.a);
    return status;
}

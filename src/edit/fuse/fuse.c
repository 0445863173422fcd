#include "edit/fuse/fuse.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "edit/fuse/fuse_check.h"
#include "edit/fuse/fuse_data.h"
#include "edit/fuse/fuse_extractor.h"
#include "edit/fuse/fuse_manifest.h"
#include "edit/fuse/fuse_paths.h"
#include "edit/index/index.h"
#include "format/fingerprint.h"

#include <stdio.h>

/* What is held while a model is made. */
typedef struct fuse_job {
    const inlay_fuse_options *o;
    arena a;
    const char *prefix;
    shard_list sources;
    fuse_extractor extractor;
    staging stage;
    fuse_data data;
    buffer graph, checkpoint_objects;
} fuse_job;

/* Names become parts of keys, nodes and Python attributes. */
static inlay_status check_name(const char *name, inlay_error *err) {
    bool good = name && ((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')) && strlen(name) <= 100;
    for (const char *p = name; good && *p; p++)
        good = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_';
    if (good && strcmp(name, "features") == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "features is no name for a search: it is that of the query's vectors");
    if (good) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT,
                "%s is no name for a search: letters, digits and _, a letter first, at most 100",
                name ? name : "nothing");
}

/* What would be ignored is a mistake. */
static inlay_status check_extractor_options(const inlay_fuse_options *o, inlay_error *err) {
    const char *given = o->tag_set          ? "a tag set"
                        : o->signature      ? "a signature"
                        : o->feature        ? "a feature"
                        : o->n_graph_inputs ? "an input"
                        : o->graph_output   ? "an output"
                                            : NULL;
    if (!o->extractor && given)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is given, but no extractor that it could be of", given);
    return INLAY_OK;
}

static inlay_status check_options(const inlay_fuse_options *o, inlay_error *err) {
    TRY(check_name(o->name, err));
    if (o->n_embeddings == 0) return fail(err, INLAY_INVALID_ARGUMENT, "no embeddings are given");
    if (!o->output || !*o->output) return fail(err, INLAY_INVALID_ARGUMENT, "no output folder is given");
    if (o->labels && o->ids)
        return fail(err, INLAY_INVALID_ARGUMENT, "labels and ids are both given; a model has one or the other");
    if (o->k < 0) return fail(err, INLAY_INVALID_ARGUMENT, "the default k is negative");
    if ((unsigned)o->metric > INLAY_L2) return fail(err, INLAY_INVALID_ARGUMENT, "no such metric");
    return check_extractor_options(o, err);
}

/* CHECKPOINT#KEY: a tensor of a bundle, named by its prefix, by a SavedModel's folder or by its index. */
static inlay_status add_checkpoint_tensor(void *user, const char *prefix, const char *key, shard_list *list,
                                          inlay_error *err) {
    (void)user;
    file_info info;
    inlay_error ignored;
    bundle *b = NULL;
    char *path = NULL, *inside = NULL;
    inlay_status status;
    bool folder = file_stat(prefix, true, &info, &ignored) == INLAY_OK && info.is_folder;
    if (folder && !(inside = path_join(prefix, "variables/variables"))) TRY_TO(done, fail_memory(err));
    TRY_TO(done, bundle_open(inside ? inside : prefix, false, &b, err));
    const bundle_entry *entry = bundle_find(b, bytes_of(key));
    if (!entry) TRY_TO(done, fail_at(err, INLAY_NOT_FOUND, prefix, -1, "the checkpoint has no tensor %s", key));
    if (entry->n_slices)
        TRY_TO(done, fail_at(err, INLAY_UNIMPLEMENTED, prefix, -1, "tensor %s is stored in slices", key));
    if (!(path = bundle_data_path(inside ? inside : prefix, entry->shard, bundle_shards(b))))
        TRY_TO(done, fail_memory(err));
    char name[1024];
    snprintf(name, sizeof name, "%s#%s", prefix, key);
    status = shard_list_add_tensor(list, path, name, key, entry->offset, &entry->dims, entry->type,
                                   bundle_big_endian(b), err);
done:
    bundle_close(b);
    mem_free(path);
    mem_free(inside);
    return status;
}

static inlay_status open_sources(fuse_job *j, inlay_error *err) {
    shard_options options = {
        .as_listed = j->o->as_listed, .dim = j->o->dim, .type = j->o->dtype, .checkpoint = add_checkpoint_tensor};
    TRY(shards_open(j->o->embeddings, j->o->n_embeddings, &options, &j->sources, err));
    if (j->sources.dim <= 0 && j->sources.rows > 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "the stored vectors have no elements");
    return INLAY_OK;
}

static inlay_status make_folder(const char *base, const char *name, inlay_error *err) {
    char *path = path_join(base, name);
    if (!path) return fail_memory(err);
    inlay_status status = file_exists(path) ? INLAY_OK : file_make_folder(path, err);
    mem_free(path);
    return status;
}

static inlay_status begin(fuse_job *j, inlay_error *err) {
    TRY(staging_begin(j->o->output, &j->stage, err));
    const saved_model *model = j->extractor.model;
    if (model && model->folder) TRY(fuse_copy_rest(model->folder, j->stage.path, err));
    TRY(make_folder(j->stage.path, "variables", err));
    TRY(make_folder(j->stage.path, "assets.extra", err));
    static const search_metric metrics[] = {
        [INLAY_COSINE] = SEARCH_COSINE, [INLAY_DOT] = SEARCH_DOT, [INLAY_L2] = SEARCH_L2};
    j->data = (fuse_data){.options = j->o,
                          .extractor = &j->extractor,
                          .a = &j->a,
                          .prefix = j->prefix,
                          .folder = j->stage.path,
                          .bundle = arena_format(&j->a, "%s/variables/variables", j->stage.path),
                          .sources = &j->sources,
                          .metric = metrics[j->o->metric]};
    return j->data.bundle ? INLAY_OK : fail_memory(err);
}

/* Name of the source that holds global row ROW, and the number of the row in it. */
static const char *source_of_row(const fuse_job *j, int64_t row, int64_t *within) {
    int64_t first = 0;
    for (size_t i = 0; i < j->sources.count; first += j->sources.shards[i++].rows)
        if (row - first < j->sources.shards[i].rows) {
            *within = row - first;
            return j->sources.shards[i].name;
        }
    return "";
}

static inlay_status check_rows(const fuse_job *j, inlay_error *err) {
    const row_counts *counts = &j->data.pass.counts;
    int64_t within = 0;
    if (counts->non_finite == 0 || j->o->allow_non_finite) return INLAY_OK;
    const char *name = source_of_row(j, counts->first_non_finite, &within);
    return fail_at(err, INLAY_INVALID_ARGUMENT, name, -1,
                   "row %lld is not finite (%lld such rows in all); --allow-non-finite accepts them", (long long)within,
                   (long long)counts->non_finite);
}

static inlay_status write_graph(fuse_job *j, inlay_error *err) {
    fuse_data *d = &j->data;
    const bool wanted[FUSE_PARTS] = {[FUSE_SIMILAR] = j->o->similar, [FUSE_LOOKUP] = j->o->lookup};
    fuse_graph g = {.name = j->o->name,
                    .prefix = j->prefix,
                    .default_k = j->o->k,
                    .make_default = j->o->make_default,
                    .dim = j->sources.dim,
                    .metric = d->metric,
                    .type = j->sources.type,
                    .guard_nan = d->pass.counts.non_finite > 0,
                    .variables = d->variables,
                    .n_variables = d->n_variables,
                    .chunks = d->chunks,
                    .n_chunks = d->n_chunks,
                    .payload = d->payload,
                    .payload_variable = d->payload,
                    .payload_type = d->payload_type};
    for (int part = 0; part < FUSE_PARTS; part++)
        if (wanted[part] && !(g.parts[part] = fuse_part_key((fuse_part)part, j->o->name, &j->a)))
            return fail_memory(err);
    TRY(fuse_write_graph(&j->extractor, &g, &j->a, &j->graph, &j->checkpoint_objects, err));
    char *path = path_join(j->stage.path, "saved_model.pb");
    if (!path) return fail_memory(err);
    inlay_status status = file_write_all(path, FILE_DIRECT, buffer_bytes(&j->graph), err);
    mem_free(path);
    return status;
}

/* As the extractor has a fingerprint, of the model as it became. */
static inlay_status write_fingerprint(fuse_job *j, inlay_error *err) {
    const saved_model *model = j->extractor.model;
    char *old = model && model->folder ? path_join(model->folder, "fingerprint.pb") : NULL;
    bool wanted = old && file_exists(old);
    mem_free(old);
    return wanted ? fingerprint_write_file(j->stage.path, buffer_bytes(&j->graph), err) : INLAY_OK;
}

static inlay_status write_index(fuse_job *j, inlay_error *err) {
    progress counted;
    inlay_index_report ignored = {0};
    progress_start(&counted, j->o->progress, j->o->progress_user, "indexing rows", (uint64_t)j->data.rows);
    return index_make(j->stage.path, j->o->name, &counted, &ignored, err);
}

static inlay_status write_model(fuse_job *j, inlay_error *err) {
    static const char objects_key[] = BUNDLE_OBJECTS_KEY;
    TRY(begin(j, err));
    TRY(fuse_data_write_rows(&j->data, err));
    TRY(check_rows(j, err));
    TRY(fuse_data_write_payload(&j->data, err));
    TRY(write_graph(j, err));
    bool objects = j->extractor.form == FUSE_OBJECTS;
    if (objects) TRY(fuse_data_add_string(&j->data, objects_key, buffer_bytes(&j->checkpoint_objects), err));
    TRY(fuse_data_finish(&j->data, objects ? objects_key : NULL, err));
    TRY(write_fingerprint(j, err));
    TRY(fuse_write_manifest(&j->data, err));
    if (j->o->index) TRY(write_index(j, err));
    for (size_t i = 0; i < j->sources.count; i++) TRY(shard_check_unchanged(&j->sources.shards[i], err));
    return fuse_check(&j->data, j->o->check_rows, err);
}

/* Whether the file's bytes are in the model as they are: only then is it no loss to remove it. Archives and checkpoints
 * hold more than the rows that were taken from them, and a conversion may not be undone. */
static bool is_whole(const shard *s) {
    return s->rows == 0 ? s->form == SHARD_NPY || s->form == SHARD_VECTORS
                        : !fuse_must_convert(s) && s->form != SHARD_TENSOR;
}

/* What was copied from another file system must be there before its source goes. */
static inlay_status verify_copy(const fuse_job *j, const fuse_file *f, inlay_error *err) {
    char *bundle = path_join(j->o->output, "variables/variables");
    char *path = bundle ? bundle_data_path(bundle, f->shard, j->data.n_shards) : NULL;
    inlay_status status = path ? file_compare(f->source->path, path, err) : fail_memory(err);
    mem_free(path);
    mem_free(bundle);
    return status;
}

/* The model is in place: what was to be moved goes. */
static inlay_status remove_sources(const fuse_job *j, inlay_error *err) {
    for (size_t i = 0; i < j->data.n_files; i++) {
        const fuse_file *f = &j->data.files[i];
        if (is_whole(f->source) && f->done == INLAY_LINK_COPY) TRY(verify_copy(j, f, err));
    }
    for (size_t i = 0; i < j->sources.count; i++) {
        const shard *s = &j->sources.shards[i];
        if (!is_whole(s))
            log_note(INLAY_LOG_INFO, "%s: not removed, for the model does not hold the whole file as it is", s->name);
        else if (file_exists(s->path))
            TRY(file_remove(s->path, err));
    }
    return INLAY_OK;
}

static void fill_report(const fuse_job *j, inlay_fuse_report *report) {
    const fuse_data *d = &j->data;
    *report = (inlay_fuse_report){.rows = d->rows,
                                  .dim = j->sources.dim,
                                  .dtype = j->sources.type,
                                  .files = j->sources.count,
                                  .chunks = d->n_chunks,
                                  .reflinked = d->reflinked,
                                  .hard_linked = d->hard_linked,
                                  .copied = d->copied,
                                  .converted = d->converted,
                                  .bytes = d->row_bytes,
                                  .zero_rows = d->pass.counts.zero,
                                  .first_zero_row = d->pass.counts.first_zero,
                                  .non_finite_rows = d->pass.counts.non_finite,
                                  .first_non_finite_row = d->pass.counts.first_non_finite};
}

inlay_status fuse(const inlay_fuse_options *o, inlay_fuse_report *report, inlay_error *err) {
    fuse_job j = {.o = o};
    inlay_fuse_report unused;
    if (!report) report = &unused;
    *report = (inlay_fuse_report){.first_zero_row = -1, .first_non_finite_row = -1};
    arena_init(&j.a, 0);
    inlay_status status;
    TRY_TO(done, check_options(o, err));
    if (!(j.prefix = arena_format(&j.a, "inlay_%s", o->name))) TRY_TO(done, fail_memory(err));
    TRY_TO(done, open_sources(&j, err));
    TRY_TO(done, fuse_check_target(o, &j.sources, err));
    int64_t within, dim = j.sources.rows > 0 ? j.sources.dim : -1;
    TRY_TO(done, fuse_extractor_open(o, j.prefix, dim, source_of_row(&j, 0, &within), &j.a, &j.extractor, err));
    double start = seconds_now(), sync_seconds = 0;
    TRY_TO(done, write_model(&j, err));
    fill_report(&j, report);
    double written = seconds_now();
    report->write_seconds = written - start;
    TRY_TO(done, staging_commit(&j.stage, o->force, &sync_seconds, err));
    report->sync_seconds = sync_seconds;
    if (o->link == INLAY_LINK_MOVE)
        status = remove_sources(&j, err);
    else if (report->hard_linked)
        log_note(INLAY_LOG_WARNING,
                 "%s: the model shares its bytes with the hard-linked sources; np.save over one of "
                 "them would destroy the model (--shards copy is safe)",
                 o->output);
done:
    fuse_data_free(&j.data);
    staging_abandon(&j.stage);
    fuse_extractor_close(&j.extractor);
    shards_close(&j.sources);
    buffer_free(&j.graph);
    buffer_free(&j.checkpoint_objects);
    arena_free(&j.a);
    return status;
}

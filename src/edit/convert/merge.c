#include "edit/convert/merge.h"

#include "base/alloc.h"
#include "edit/convert/object_union.h"
#include "edit/convert/output.h"
#include "format/store.h"

#define OBJECTS_KEY "_CHECKPOINTABLE_OBJECT_GRAPH"
/* tf.train.Checkpoint counts its saves under this key in every checkpoint. */
#define SAVE_COUNTER "save_counter/.ATTRIBUTES/VARIABLE_VALUE"

typedef struct merge_job {
    const inlay_merge_options *o;
    checkpoint **parts;    /* [n_sources] */
    const char **prefixes; /* theirs */
    arena a;
    bytes objects; /* the union of the object graphs so far */
    tensor *extra[2];
    bundle_item items[2];
    bundle_merge_options how;
} merge_job;

static inlay_status check_kinds(const inlay_merge_options *o, bool *models, inlay_error *err) {
    size_t n = 0;
    if (o->n_sources < 2) return fail(err, INLAY_INVALID_ARGUMENT, "a merge needs two sources or more");
    if (!o->output || !*o->output) return fail(err, INLAY_INVALID_ARGUMENT, "a merge needs an output");
    for (size_t i = 0; i < o->n_sources; i++) {
        store_kind kind;
        TRY(store_kind_of(o->sources[i], &kind, err));
        n += kind == STORE_MODEL;
        if (kind == STORE_GRAPH) return fail_at(err, INLAY_INVALID_ARGUMENT, o->sources[i], -1, "is no checkpoint");
    }
    *models = n == o->n_sources;
    if (n == 0 || *models) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "models and checkpoints cannot be merged with each other");
}

static inlay_status open_parts(merge_job *j, inlay_error *err) {
    size_t n = j->o->n_sources;
    j->parts = arena_zalloc(&j->a, n, sizeof *j->parts);
    j->prefixes = arena_zalloc(&j->a, n, sizeof *j->prefixes);
    if (!j->parts || !j->prefixes) return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        TRY(checkpoint_open(j->o->sources[i], false, &j->parts[i], err));
        j->prefixes[i] = checkpoint_prefix(j->parts[i]);
        if (!checkpoint_bundle(j->parts[i]))
            return fail_at(err, INLAY_UNIMPLEMENTED, j->o->sources[i], -1,
                           "is a V1 checkpoint; inlay convert makes a bundle of it");
    }
    return INLAY_OK;
}

/* ---- object graphs */

static inlay_status read_objects(const merge_job *j, size_t part, tensor **out, inlay_error *err) {
    bundle *b = checkpoint_bundle(j->parts[part]);
    const bundle_entry *e = bundle_find(b, bytes_of(OBJECTS_KEY));
    *out = NULL;
    if (!e) return INLAY_OK;
    if (e->type != INLAY_STRING || e->dims.rank != 0)
        return fail_at(err, INLAY_DATA_LOSS, j->prefixes[part], -1, OBJECTS_KEY " is no string");
    TRY(bundle_check(b, e, err));
    return bundle_read(b, e, out, err);
}

/* Joins the graph of PART to what is there already. *FIRST is the first one, which the caller releases. */
static inlay_status join_objects(merge_job *j, size_t part, tensor **first, bool *joined, inlay_error *err) {
    tensor *t;
    buffer out = {0};
    TRY(read_objects(j, part, &t, err));
    if (!t) return INLAY_OK;
    if (!*first) {
        *first = t;
        j->objects = tensor_string(t, 0);
        return INLAY_OK;
    }
    inlay_status status = object_graph_union(j->objects, j->prefixes[0], tensor_string(t, 0), j->prefixes[part],
                                             j->o->first_wins, &j->a, &out, err);
    if (status == INLAY_OK) {
        const char *kept = arena_copy(&j->a, buffer_bytes(&out));
        j->objects = bytes_make(kept, out.size);
        *joined = true;
        if (!kept) status = fail_memory(err);
    }
    buffer_free(&out);
    tensor_release(t);
    return status;
}

static void add_extra(merge_job *j, const char *key, tensor *value) {
    size_t n = j->how.n_extra++;
    j->extra[n] = value;
    j->items[n] = (bundle_item){bytes_of(key), value};
}

/* The number of saves goes on from that of the first part that has one. */
static inlay_status take_counter(merge_job *j, inlay_error *err) {
    const bundle_entry *first = NULL;
    bundle *of = NULL;
    size_t parts = 0;
    tensor *t;
    for (size_t i = 0; i < j->o->n_sources; i++) {
        bundle *b = checkpoint_bundle(j->parts[i]);
        const bundle_entry *e = bundle_find(b, bytes_of(SAVE_COUNTER));
        if (!e || e->dims.rank != 0) continue;
        if (parts++ > 0) continue;
        first = e;
        of = b;
    }
    if (parts < 2 || j->o->first_wins) return INLAY_OK;
    TRY(bundle_check(of, first, err));
    TRY(bundle_read(of, first, &t, err));
    add_extra(j, SAVE_COUNTER, t);
    return INLAY_OK;
}

static inlay_status merge_objects(merge_job *j, inlay_error *err) {
    tensor *first = NULL, *text;
    bool joined = false;
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < j->o->n_sources && status == INLAY_OK; i++)
        status = join_objects(j, i, &first, &joined, err);
    if (status == INLAY_OK && joined) {
        status = tensor_from_string(j->objects, &text, err);
        if (status == INLAY_OK) add_extra(j, OBJECTS_KEY, text);
    }
    tensor_release(first);
    return status == INLAY_OK && joined ? take_counter(j, err) : status;
}

/* ---- all of it */

static inlay_status write_merged(merge_job *j, inlay_merge_report *report, inlay_error *err) {
    bool in_folder;
    char *prefix;
    bundle *merged = NULL;
    TRY(output_prefix(j->o->output, j->prefixes[0], &in_folder, &prefix, err));
    inlay_status status;
    if (in_folder && !file_exists(j->o->output)) TRY_TO(done, file_make_folder(j->o->output, err));
    TRY_TO(done, bundle_merge_as(j->prefixes, j->o->n_sources, prefix, &j->how, err));
    if (in_folder) TRY_TO(done, output_name_latest(j->o->output, path_name(prefix), err));
    TRY_TO(done, bundle_open(prefix, false, &merged, err));
    report->tensors = bundle_count(merged);
    report->shards = bundle_shards(merged);
done:
    bundle_close(merged);
    mem_free(prefix);
    return status;
}

inlay_status merge(const inlay_merge_options *o, inlay_merge_report *report, inlay_error *err) {
    inlay_merge_report unused;
    bool models = false;
    if (!report) report = &unused;
    *report = (inlay_merge_report){0};
    TRY(check_kinds(o, &models, err));
    if (models) return merge_models(o, report, err);
    merge_job j = {.o = o, .how = {.keep = true, .first_wins = o->first_wins}};
    j.how.extra = j.items;
    arena_init(&j.a, 0);
    inlay_status status;
    TRY_TO(done, open_parts(&j, err));
    TRY_TO(done, merge_objects(&j, err));
    TRY_TO(done, write_merged(&j, report, err));
done:
    for (size_t i = 0; i < j.how.n_extra; i++) tensor_release(j.extra[i]);
    for (size_t i = 0; j.parts && i < o->n_sources; i++) checkpoint_close(j.parts[i]);
    arena_free(&j.a);
    return status;
}

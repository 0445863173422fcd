#include "edit/encode.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pool.h"
#include "edit/encode_input.h"
#include "format/npy.h"
#include "model/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The note that says what a folder of shards was made of, so that a second call goes on only where it is the same.
 * Hidden: fuse does not take it for a shard. */
#define NOTE_NAME ".inlay-encode"

enum { BATCHES_A_WAVE = 64 };

typedef struct encode_job {
    const inlay_encode_options *o;
    model *m;
    const inlay_signature *signature;
    const char *feature;
    encode_input input;
    int64_t dim; /* -1 until the first batch is there */
    int lock;    /* descriptor of the folder while this call has it for its own; -1: none */
    progress report;
} encode_job;

/* A batch under way. */
typedef struct batch {
    encode_job *job;
    inlay_named_tensor *inputs; /* [input.n_keys] */
    tensor *result;             /* float32 [rows, dim] */
    int64_t rows;
    inlay_status status;
    inlay_error error;
} batch;

/* ---- the signature */

static bool may_be_vectors(const inlay_endpoint *e) {
    return e->dtype == INLAY_FLOAT32 && (e->rank < 0 || e->rank == 2);
}

static bool has_endpoint(const inlay_endpoint *list, size_t n, const char *key) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].key, key) == 0) return true;
    return false;
}

/* Whether S is what fuse makes: its scores look like features and are none. */
static bool is_search(const inlay_signature *s) {
    return has_endpoint(s->inputs, s->n_inputs, "k") && has_endpoint(s->outputs, s->n_outputs, "scores") &&
           has_endpoint(s->outputs, s->n_outputs, "indices");
}

/* The signature that was asked for; else serving_default, or features where that is a search or is not there. */
static inlay_status find_signature(encode_job *j, inlay_error *err) {
    const char *key = j->o->signature ? j->o->signature : "serving_default";
    const inlay_signature *s = model_find_signature(j->m, key), *features = NULL;
    if (!j->o->signature && (!s || is_search(s))) features = model_find_signature(j->m, "features");
    j->signature = features ? features : s;
    if (j->signature && !is_search(j->signature)) return INLAY_OK;
    buffer names = {0};
    for (size_t i = 0; i < model_signature_count(j->m); i++)
        buffer_format(&names, "%s%s", i ? ", " : "", model_signature(j->m, i)->key);
    buffer_append_byte(&names, 0);
    const char *all = names.failed ? "" : (const char *)names.data;
    inlay_status status =
        s ? fail_at(err, INLAY_INVALID_ARGUMENT, j->o->extractor, -1,
                    "signature %s is a search, whose scores are no features; name the extractor's. The signatures: %s",
                    key, all)
          : fail_at(err, INLAY_NOT_FOUND, j->o->extractor, -1, "no signature %s; the signatures: %s", key, all);
    buffer_free(&names);
    return status;
}

static inlay_status pick_feature(encode_job *j, inlay_error *err) {
    const inlay_signature *s = j->signature;
    size_t fit = 0;
    for (size_t i = 0; i < s->n_outputs; i++) {
        const inlay_endpoint *e = &s->outputs[i];
        bool named = j->o->feature && strcmp(j->o->feature, e->key) == 0;
        if (named && !may_be_vectors(e))
            return fail_at(err, INLAY_INVALID_ARGUMENT, j->o->extractor, -1, "output %s is no float32 [batch, dim]",
                           e->key);
        if (named || (!j->o->feature && may_be_vectors(e))) j->feature = e->key, fit++;
    }
    if (fit == 1) return INLAY_OK;
    char names[400] = "";
    for (size_t i = 0, used = 0; i < s->n_outputs && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", s->outputs[i].key);
    if (j->o->feature)
        return fail_at(err, INLAY_NOT_FOUND, j->o->extractor, -1, "signature %s has no output %s; its outputs:%s",
                       s->key, j->o->feature, names);
    return fail_at(err, INLAY_INVALID_ARGUMENT, j->o->extractor, -1,
                   "%s output of signature %s may be the feature; name one of:%s", fit ? "more than one" : "no", s->key,
                   names);
}

/* ---- batches */

static void run_batch(void *ctx, size_t index, int worker) {
    (void)worker;
    batch *b = (batch *)ctx + index;
    inlay_named_tensor output = {b->job->feature, NULL};
    b->status =
        model_run(b->job->m, b->job->signature->key, b->inputs, b->job->input.n_keys, &output, 1, NULL, &b->error);
    if (b->status == INLAY_OK) progress_add(&b->job->report, (uint64_t)b->rows);
    b->result = output.tensor;
}

static inlay_status check_batch(encode_job *j, const batch *b, inlay_error *err) {
    if (b->status != INLAY_OK) {
        if (err) *err = b->error;
        return b->status;
    }
    char text[SHAPE_TEXT];
    const tensor *t = b->result;
    bool good = t->type == INLAY_FLOAT32 && t->dims.rank == 2 && t->dims.dims[0] == b->rows;
    if (good && j->dim < 0) j->dim = t->dims.dims[1];
    if (good && t->dims.dims[1] == j->dim) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, j->o->extractor, -1,
                   "a batch of %" PRId64 " inputs gave %s %s of shape %s", b->rows, dtype_name(t->type), j->feature,
                   shape_text(&t->dims, text));
}

static void free_batches(batch *batches, size_t n, size_t n_keys) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; batches[i].inputs && k < n_keys; k++) tensor_release(batches[i].inputs[k].tensor);
        mem_free(batches[i].inputs);
        tensor_release(batches[i].result);
    }
}

/* Runs the next LEFT inputs at most and appends their vectors; *done is how many. */
static inlay_status run_wave(encode_job *j, int64_t left, batch *batches, buffer *rows, int64_t *done,
                             inlay_error *err) {
    size_t n = 0;
    inlay_status status = INLAY_OK;
    *done = 0;
    memset(batches, 0, BATCHES_A_WAVE * sizeof *batches);
    while (n < BATCHES_A_WAVE && *done < left && status == INLAY_OK) {
        batch *b = &batches[n++];
        *b = (batch){.job = j, .rows = left - *done < j->o->batch ? left - *done : j->o->batch};
        b->inputs = mem_zalloc(j->input.n_keys, sizeof *b->inputs);
        status = b->inputs ? encode_input_next(&j->input, b->rows, b->inputs, err) : fail_memory(err);
        *done += b->rows;
    }
    if (status == INLAY_OK) pool_run(n, run_batch, batches);
    for (size_t i = 0; i < n && status == INLAY_OK; i++) {
        status = check_batch(j, &batches[i], err);
        if (status == INLAY_OK) buffer_append(rows, batches[i].result->data, (size_t)batches[i].result->size);
    }
    free_batches(batches, n, j->input.n_keys);
    if (status == INLAY_OK) status = buffer_check(rows, err);
    return status == INLAY_OK ? progress_check(&j->report, err) : status;
}

/* ---- shards */

static inlay_status write_shard(encode_job *j, const char *path, int64_t rows, inlay_error *err) {
    file_writer *w = NULL;
    buffer text = {0};
    inlay_status status;
    batch *batches = mem_array(BATCHES_A_WAVE, sizeof *batches);
    if (!batches) return fail_memory(err);
    TRY_TO(done, file_create(path, FILE_ATOMIC, &w, err));
    for (int64_t at = 0; at < rows;) {
        int64_t n;
        buffer_clear(&text);
        if (at == 0 && j->dim < 0) { /* the first batches tell the dimension, which the header needs */
            buffer first = {0};
            status = run_wave(j, rows, batches, &first, &n, err);
            shape dims = shape_matrix(rows, j->dim);
            if (status == INLAY_OK) status = npy_header_text(INLAY_FLOAT32, &dims, false, &text, err);
            buffer_append_bytes(&text, buffer_bytes(&first));
            buffer_free(&first);
            TRY_TO(done, status);
        } else {
            shape dims = shape_matrix(rows, j->dim);
            if (at == 0) TRY_TO(done, npy_header_text(INLAY_FLOAT32, &dims, false, &text, err));
            TRY_TO(done, run_wave(j, rows - at, batches, &text, &n, err));
        }
        TRY_TO(done, buffer_check(&text, err));
        TRY_TO(done, file_append(w, text.data, text.size, err));
        at += n;
    }
    status = file_commit(w, err);
    w = NULL;
done:
    file_abandon(w);
    buffer_free(&text);
    mem_free(batches);
    return status;
}

/* A shard of an earlier call counts when it holds ROWS rows. */
static bool shard_is_done(const char *path, int64_t rows, int64_t *dim) {
    inlay_error ignored;
    tensor *t;
    if (!file_exists(path) || npy_read(path, INLAY_INVALID_DTYPE, false, &t, &ignored) != INLAY_OK) return false;
    bool done = t->type == INLAY_FLOAT32 && t->dims.rank == 2 && t->dims.dims[0] == rows;
    if (done) *dim = t->dims.dims[1];
    tensor_release(t);
    return done;
}

static inlay_status write_shards(encode_job *j, inlay_encode_report *report, inlay_error *err) {
    arena a;
    arena_init(&a, 0);
    inlay_status status = INLAY_OK;
    int64_t per_shard = j->o->rows_per_shard;
    for (int64_t first = 0; first < j->input.rows && status == INLAY_OK; first += per_shard, report->shards++) {
        int64_t rows = j->input.rows - first < per_shard ? j->input.rows - first : per_shard;
        const char *path = arena_format(&a, "%s/shard-%05zu.npy", j->o->output, report->shards);
        if (!path) {
            status = fail_memory(err);
        } else if (shard_is_done(path, rows, &j->dim)) {
            encode_input_skip(&j->input, rows);
            progress_add(&j->report, (uint64_t)rows);
            report->resumed_rows += rows;
        } else {
            status = write_shard(j, path, rows, err);
        }
    }
    arena_free(&a);
    return status;
}

/* ---- the folder */

/* Sizes and times of what the extractor computes by: one that was trained further is another. */
static inlay_status describe_extractor(const char *path, buffer *note, inlay_error *err) {
    static const char *const parts[] = {"saved_model.pb", "saved_model.pbtxt", "variables/variables.index"};
    file_info info;
    TRY(file_stat(path, true, &info, err));
    if (!info.is_folder) {
        buffer_format(note, "graph %" PRIu64 " %" PRId64 "\n", info.size, info.modified_ns);
        return INLAY_OK;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *part = path_join(path, parts[i]);
        if (!part) return fail_memory(err);
        inlay_error ignored;
        if (file_stat(part, true, &info, &ignored) == INLAY_OK)
            buffer_format(note, "%s %" PRIu64 " %" PRId64 "\n", parts[i], info.size, info.modified_ns);
        mem_free(part);
    }
    return INLAY_OK;
}

/* Makes the folder, or finds in it the note of an earlier call that was about the same. */
static inlay_status claim_folder(const encode_job *j, inlay_error *err) {
    const inlay_encode_options *o = j->o;
    buffer note = {0};
    file_map *old = NULL;
    char *path = path_join(o->output, NOTE_NAME);
    inlay_status status;
    if (!path) return fail_memory(err);
    buffer_format(&note, "extractor %s\nsignature %s\nfeature %s\nrows a shard %" PRId64 "\n", o->extractor,
                  j->signature->key, j->feature, o->rows_per_shard);
    TRY_TO(done, describe_extractor(o->extractor, &note, err));
    TRY_TO(done, encode_input_describe(&j->input, &note, err));
    TRY_TO(done, buffer_check(&note, err));
    if (!file_exists(o->output)) TRY_TO(done, file_make_folder(o->output, err));
    if (!file_exists(path)) {
        file_names names;
        TRY_TO(done, file_list(o->output, &names, err));
        bool empty = true;
        for (size_t i = 0; i < names.count; i++) empty &= names.names[i][0] == '.'; /* what a killed call left */
        file_names_free(&names);
        if (!empty)
            TRY_TO(done, fail_at(err, INLAY_ALREADY_EXISTS, o->output, -1,
                                 "holds files that are no shards of this extractor and these inputs"));
        status = file_write_all(path, FILE_ATOMIC, buffer_bytes(&note), err);
    } else {
        TRY_TO(done, file_map_open(path, true, &old, err));
        if (!bytes_equal(file_map_bytes(old), buffer_bytes(&note)))
            status = fail_at(err, INLAY_ALREADY_EXISTS, o->output, -1,
                             "holds shards of another extractor, of other inputs or of another size");
    }
done:
    file_map_release(old);
    buffer_free(&note);
    mem_free(path);
    return status;
}

/* Whether a file called NAME was being written here: a shard or the note, by the name that a file has before its
 * commit. */
static bool is_half_written(const char *name) {
    static const char note[] = "." NOTE_NAME ".inlay-";
    return (strncmp(name, ".shard-", 7) == 0 && strstr(name, ".npy.inlay-")) ||
           strncmp(name, note, sizeof note - 1) == 0;
}

/* What is half written in a folder that nobody else has locked was left by a call that was killed. */
static inlay_status sweep_folder(encode_job *j, inlay_error *err) {
    file_names names;
    j->lock = file_lock_folder(j->o->output);
    if (j->lock < 0) return INLAY_OK;
    TRY(file_list(j->o->output, &names, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        if (!is_half_written(names.names[i])) continue;
        char *path = path_join(j->o->output, names.names[i]);
        status = path ? file_remove(path, err) : fail_memory(err);
        mem_free(path);
    }
    file_names_free(&names);
    return status;
}

static inlay_status check_options(const inlay_encode_options *o, inlay_error *err) {
    if (!o->extractor || !o->output)
        return fail(err, INLAY_INVALID_ARGUMENT, "an extractor and an output folder are needed");
    if ((o->lines != NULL) == (o->n_inputs > 0))
        return fail(err, INLAY_INVALID_ARGUMENT, "give lines or inputs, one of the two");
    if (o->batch < 1 || o->rows_per_shard < 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "the batch and the rows of a shard are at least 1");
    return INLAY_OK;
}

inlay_status encode(const inlay_encode_options *o, inlay_encode_report *report, inlay_error *err) {
    encode_job j = {.o = o, .dim = -1, .lock = -1};
    inlay_encode_report unused;
    if (!report) report = &unused;
    *report = (inlay_encode_report){0};
    inlay_status status;
    double start = seconds_now();
    TRY_TO(done, check_options(o, err));
    TRY_TO(done, model_open(o->extractor, NULL, &j.m, err));
    TRY_TO(done, find_signature(&j, err));
    TRY_TO(done, pick_feature(&j, err));
    TRY_TO(done, encode_input_open(o, j.signature, &j.input, err));
    TRY_TO(done, claim_folder(&j, err));
    TRY_TO(done, sweep_folder(&j, err));
    progress_start(&j.report, o->progress, o->progress_user, "encoding", (uint64_t)j.input.rows);
    TRY_TO(done, write_shards(&j, report, err));
    report->rows = j.input.rows;
    report->dim = j.dim < 0 ? 0 : j.dim;
    report->seconds = seconds_now() - start;
done:
    if (j.lock >= 0) close(j.lock);
    encode_input_close(&j.input);
    model_close(j.m);
    return status;
}

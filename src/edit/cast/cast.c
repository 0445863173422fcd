#include "edit/cast/cast.h"

#include "base/crc32c.h"
#include "base/log.h"
#include "edit/cast/cast_graph.h"
#include "edit/tensors.h"
#include "kernel/cast/cast.h"

#include <inttypes.h>
#include <math.h>

enum { STEP = 1 << 18 }; /* numbers that are cast at a time */

typedef struct cast_job {
    change *c;
    dtype to;
    progress report;
    float *in;
    uint16_t *out;
} cast_job;

typedef struct cast_error {
    double largest;     /* of finite numbers that stay finite */
    uint64_t overflown; /* finite numbers that become infinite */
} cast_error;

/* ---- data */

static float widen(dtype t, uint16_t half) {
    return t == INLAY_FLOAT16 ? f16_to_f32(half) : bf16_to_f32(half);
}

static void measure(const cast_job *j, size_t n, cast_error *e) {
    for (size_t i = 0; i < n; i++) {
        float was = j->in[i], is = widen(j->to, j->out[i]);
        if (!isfinite(was)) continue;
        if (!isfinite(is))
            e->overflown++;
        else if (fabs((double)was - (double)is) > e->largest)
            e->largest = fabs((double)was - (double)is);
    }
}

static inlay_status append_numbers(cast_job *j, const tensor *t, file_writer *w, uint32_t *crc, cast_error *e,
                                   inlay_error *err) {
    for (int64_t at = 0; at < t->count;) {
        size_t n = (size_t)(t->count - at < STEP ? t->count - at : STEP);
        memcpy(j->in, t->data + (size_t)at * sizeof *j->in, n * sizeof *j->in);
        if (!cast_run(j->out, j->to, j->in, INLAY_FLOAT32, n)) return fail(err, INLAY_INTERNAL, "no such cast");
        measure(j, n, e);
        *crc = crc32c(*crc, j->out, n * sizeof *j->out);
        TRY(file_append(w, j->out, n * sizeof *j->out, err));
        progress_add(&j->report, n * sizeof *j->in);
        TRY(progress_check(&j->report, err));
        at += (int64_t)n;
    }
    return INLAY_OK;
}

static inlay_status find_entry(const cast_job *j, const char *key, const bundle_entry **out, inlay_error *err) {
    const bundle_entry *e = bundle_find(j->c->old, bytes_of(key));
    if (!e) return fail_at(err, INLAY_NOT_FOUND, j->c->path, -1, "no tensor %s", key);
    if (e->type != INLAY_FLOAT32)
        return fail_at(err, INLAY_INVALID_ARGUMENT, j->c->path, -1, "%s is stored as %s; float32 is cast", key,
                       dtype_name(e->type));
    if (e->n_slices)
        return fail_at(err, INLAY_UNIMPLEMENTED, j->c->path, -1,
                       "%s is stored in slices; inlay convert --whole puts it together", key);
    *out = e;
    return edit_refuse_owned(j->c, e->key, "; the dtype of its rows is chosen when it is fused", err);
}

static inlay_status cast_data(cast_job *j, const char *key, inlay_error *err) {
    const bundle_entry *e;
    file_writer *w;
    tensor *t;
    int32_t shard;
    uint32_t crc = 0;
    cast_error lost = {0};
    TRY(find_entry(j, key, &e, err));
    bundle *b = j->c->checkpoint ? checkpoint_bundle(j->c->checkpoint) : j->c->variables;
    TRY(bundle_check(b, e, err));
    TRY(bundle_edit_data(j->c->bundle, &w, &shard, err));
    TRY(bundle_read(b, e, &t, err));
    uint64_t offset = file_position(w);
    inlay_status status = append_numbers(j, t, w, &crc, &lost, err);
    tensor_release(t);
    TRY(status);
    TRY(bundle_edit_entry(j->c->bundle, e->key, j->to, &e->dims, shard, offset, file_position(w) - offset, crc, err));
    if (lost.overflown)
        change_note(j->c, "%s: %s, off by at most %g, %" PRIu64 " numbers too large for it", key, dtype_name(j->to),
                    lost.largest, lost.overflown);
    else
        change_note(j->c, "%s: %s, off by at most %g", key, dtype_name(j->to), lost.largest);
    if (lost.overflown)
        log_note(INLAY_LOG_WARNING, "%s: %" PRIu64 " numbers are too large for %s and become infinite", key,
                 lost.overflown, dtype_name(j->to));
    return INLAY_OK;
}

static inlay_status cast_all(cast_job *j, const char *const *keys, size_t n, inlay_error *err) {
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        const bundle_entry *e;
        TRY(find_entry(j, keys[i], &e, err));
        total += e->size;
        for (size_t k = 0; k < i; k++)
            if (strcmp(keys[k], keys[i]) == 0)
                return fail(err, INLAY_INVALID_ARGUMENT, "the key %s is given twice", keys[i]);
    }
    progress_start(&j->report, j->c->options->progress, j->c->options->progress_user, "casting", total);
    j->in = mem_array(STEP, sizeof *j->in);
    j->out = mem_array(STEP, sizeof *j->out);
    inlay_status status = j->in && j->out ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; i < n && status == INLAY_OK; i++) status = cast_data(j, keys[i], err);
    mem_free(j->in);
    mem_free(j->out);
    return status;
}

/* ---- graphs */

/* The checkpoint's object graph; data NULL: there is none. */
static inlay_status stored_objects(change *c, bytes *out, inlay_error *err) {
    const bundle_entry *e = bundle_find(c->old, bytes_of(BUNDLE_OBJECTS_KEY));
    tensor *t;
    *out = (bytes){0};
    if (!e) return INLAY_OK;
    if (e->type != INLAY_STRING || e->dims.rank != 0)
        return fail_at(err, INLAY_DATA_LOSS, c->path, -1, "%s is no string", BUNDLE_OBJECTS_KEY);
    TRY(bundle_read(c->variables, e, &t, err));
    bytes text = tensor_string(t, 0);
    const char *kept = arena_copy(&c->a, text);
    *out = bytes_make(kept, text.size);
    tensor_release(t);
    return kept ? INLAY_OK : fail_memory(err);
}

static inlay_status cast_in_graphs(change *c, const char *const *keys, size_t n, dtype to, inlay_error *err) {
    cast_graph g = {0};
    bytes objects, *names = arena_zalloc(&c->a, n, sizeof *names);
    inlay_status status;
    if (!names) return fail_memory(err);
    for (size_t i = 0; i < n; i++) names[i] = bytes_of(keys[i]);
    TRY(stored_objects(c, &objects, err));
    TRY_TO(done, cast_graph_open(&g, c, to, err));
    for (size_t i = 0; i < n; i++) TRY_TO(done, cast_graph_add_key(&g, names[i], err));
    if (objects.data) TRY_TO(done, cast_objects(&g, objects, names, n, false, err));
    TRY_TO(done, cast_graph_finish(&g, err));
    if (objects.data) TRY_TO(done, cast_objects(&g, objects, names, n, true, err));
    change_note(c, "the graphs cast them back where they are read: %zu nodes", g.casts);
done:
    cast_graph_close(&g);
    return status;
}

inlay_status edit_cast(const char *model, const char *const *keys, size_t n, inlay_dtype to,
                       const inlay_edit_options *options, inlay_error *err) {
    change c;
    if (to != INLAY_FLOAT16 && to != INLAY_BFLOAT16)
        return fail(err, INLAY_INVALID_ARGUMENT, "float32 is cast to float16 or bfloat16");
    if (n == 0) return fail(err, INLAY_INVALID_ARGUMENT, "no tensor to cast is named");
    TRY(change_begin(model, options, NULL, &c, err));
    cast_job j = {.c = &c, .to = to};
    inlay_status status;
    if (!c.bundle)
        TRY_TO(failed, fail_at(err, INLAY_UNIMPLEMENTED, c.path, -1,
                               "stores no variables; the constants of a graph are not cast"));
    if (bundle_big_endian(c.old))
        TRY_TO(failed, fail_at(err, INLAY_UNIMPLEMENTED, c.path, -1, "is big-endian; inlay convert turns it around"));
    TRY_TO(failed, cast_all(&j, keys, n, err));
    if (c.model) TRY_TO(failed, cast_in_graphs(&c, keys, n, to, err));
    return change_commit(&c, err);
failed:
    change_abandon(&c);
    return status;
}

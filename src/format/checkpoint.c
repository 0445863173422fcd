#include "format/checkpoint.h"

#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/checkpoint_state.h"

struct checkpoint {
    char *path;
    bundle *bundle;
    checkpoint_v1 *old;
};

/* What PATH stands for, as a prefix on the heap: of a folder its latest checkpoint, of P.index P. */
static inlay_status find_prefix(const char *path, char **out, inlay_error *err) {
    file_info info;
    bool there = file_stat(path, true, &info, err) == INLAY_OK;
    if (there && info.is_folder) return checkpoint_latest(path, out, err);
    size_t size = strlen(path);
    *out = mem_strdup(path);
    if (!*out) return fail_memory(err);
    if (there && size > 6 && strcmp(path + size - 6, ".index") == 0) (*out)[size - 6] = 0;
    return INLAY_OK;
}

inlay_status checkpoint_open(const char *path, bool copy, checkpoint **out, inlay_error *err) {
    *out = NULL;
    checkpoint *c = mem_zalloc(1, sizeof *c);
    if (!c) return fail_memory(err);
    inlay_status status;
    char *index = NULL;
    TRY_TO(done, find_prefix(path, &c->path, err));
    if (!(index = bundle_index_path(c->path))) TRY_TO(done, fail_memory(err));
    if (file_exists(index))
        TRY_TO(done, bundle_open(c->path, copy, &c->bundle, err));
    else
        TRY_TO(done, checkpoint_v1_open(c->path, copy, &c->old, err));
    *out = c;
done:
    mem_free(index);
    if (status != INLAY_OK) checkpoint_close(c);
    return status;
}

inlay_status checkpoint_of_bundle(const char *path, bundle *b, checkpoint **out, inlay_error *err) {
    checkpoint *c = mem_zalloc(1, sizeof *c);
    *out = NULL;
    if (c && (c->path = mem_strdup(path))) {
        c->bundle = b;
        *out = c;
        return INLAY_OK;
    }
    bundle_close(b);
    mem_free(c);
    return fail_memory(err);
}

void checkpoint_close(checkpoint *c) {
    if (!c) return;
    bundle_close(c->bundle);
    checkpoint_v1_close(c->old);
    mem_free(c->path);
    mem_free(c);
}

const char *checkpoint_prefix(const checkpoint *c) {
    return c->path;
}

static checkpoint_tensor tensor_of(const bundle_entry *e) {
    return (checkpoint_tensor){e->key, e->type, e->dims, e->n_slices};
}

size_t checkpoint_count(const checkpoint *c) {
    return c->bundle ? bundle_count(c->bundle) : checkpoint_v1_count(c->old);
}

checkpoint_tensor checkpoint_at(const checkpoint *c, size_t index) {
    return c->bundle ? tensor_of(bundle_at(c->bundle, index)) : *checkpoint_v1_at(c->old, index);
}

uint64_t checkpoint_bytes(const checkpoint *c) {
    uint64_t total = 0, size;
    for (size_t i = 0, n = checkpoint_count(c); i < n; i++) {
        checkpoint_tensor t = checkpoint_at(c, i);
        int64_t elements;
        if (t.type == INLAY_STRING)
            total += c->bundle ? bundle_at(c->bundle, i)->size : 0;
        else if (shape_elements(&t.dims, &elements) && mul_u64((uint64_t)elements, dtype_size(t.type), &size))
            total += size;
    }
    return total;
}

bool checkpoint_find(const checkpoint *c, bytes key, checkpoint_tensor *out) {
    if (c->bundle) {
        const bundle_entry *e = bundle_find(c->bundle, key);
        if (e) *out = tensor_of(e);
        return e;
    }
    const checkpoint_tensor *t = checkpoint_v1_find(c->old, key);
    if (t) *out = *t;
    return t;
}

inlay_status checkpoint_read(checkpoint *c, bytes key, bytes spec, tensor **out, inlay_error *err) {
    *out = NULL;
    if (c->bundle) {
        const bundle_entry *e = bundle_find(c->bundle, key);
        if (e) return bundle_read_slice(c->bundle, e, spec, out, err);
    } else {
        const checkpoint_tensor *t = checkpoint_v1_find(c->old, key);
        if (t) return checkpoint_v1_read(c->old, t, spec, out, err);
    }
    char text[KEY_TEXT];
    return fail_at(err, INLAY_NOT_FOUND, c->path, -1, "no tensor %s in the checkpoint", key_text(key, text));
}

bundle *checkpoint_bundle(const checkpoint *c) {
    return c->bundle;
}
checkpoint_v1 *checkpoint_old(const checkpoint *c) {
    return c->old;
}

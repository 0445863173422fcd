#include "format/bundle_entry.h"
#include "format/bundle_private.h"

#include <inttypes.h>

enum { MOST_SHARDS = 99999 };

typedef struct join {
    bundle_index *index;
    buffer key, value;
    int32_t shards;
} join;

/* The new key of an entry: with PREFIX before the tensor's name, also in that of a slice. */
static inlay_status new_key(join *j, const bundle_entry *e, bool is_slice, const char *prefix, inlay_error *err) {
    tensor_slice slice;
    buffer name = {0};
    buffer_clear(&j->key);
    buffer_append_text(is_slice ? &name : &j->key, prefix);
    if (is_slice && slice_key_parse(e->key, &name, &slice))
        slice_key_put(&j->key, buffer_bytes(&name), &slice);
    else
        buffer_append_bytes(&j->key, e->key);
    if (name.failed) j->key.failed = true;
    buffer_free(&name);
    return buffer_check(&j->key, err);
}

static inlay_status add_entries(join *j, const bundle *b, const entry_list *list, bool slices, const char *prefix,
                                int32_t first, inlay_error *err) {
    for (size_t i = 0; i < list->count; i++) {
        const bundle_entry *e = &list->entries[i];
        TRY(new_key(j, e, slices, prefix, err));
        TRY(bundle_entry_move(e->value, e->size && e->n_slices == 0 ? first + e->shard : 0, e->offset, b->index_path,
                              &j->value, err));
        TRY(bundle_index_add_raw(j->index, buffer_bytes(&j->key), buffer_bytes(&j->value), err));
    }
    return INLAY_OK;
}

static inlay_status share_files(const bundle *b, const char *prefix, int32_t first, int32_t shards, inlay_error *err) {
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < b->n_files && status == INLAY_OK; i++) {
        char *from = bundle_data_path(b->prefix, b->files[i].id, b->shards),
             *to = bundle_data_path(prefix, first + b->files[i].id, shards);
        status = from && to ? file_share(from, to, err) : fail_memory(err);
        mem_free(from);
        mem_free(to);
    }
    return status;
}

static inlay_status check_parts(const bundle *const *parts, size_t n, join *j, inlay_error *err) {
    for (size_t i = 0; i < n; i++) {
        const bundle *b = parts[i];
        if (b->big_endian != parts[0]->big_endian || b->min_consumer != parts[0]->min_consumer)
            return fail_at(err, INLAY_INVALID_ARGUMENT, b->index_path, -1, "has another byte order or version");
        if (b->shards > MOST_SHARDS - j->shards)
            return fail_at(err, INLAY_RESOURCE_EXHAUSTED, b->index_path, -1, "the data files would be more than %d",
                           MOST_SHARDS);
        j->shards += b->shards;
    }
    return INLAY_OK;
}

static inlay_status write_index(join *j, const bundle *first, const char *prefix, inlay_error *err) {
    buffer header = {0}, file = {0};
    char *path = bundle_index_path(prefix);
    bundle_header_put(&header, j->shards, first->big_endian, first->producer, first->min_consumer);
    inlay_status status = path ? buffer_check(&header, err) : fail_memory(err);
    if (status == INLAY_OK) status = bundle_index_finish_as(j->index, buffer_bytes(&header), &file, err);
    if (status == INLAY_OK) status = file_write_all(path, FILE_DIRECT, buffer_bytes(&file), err);
    buffer_free(&header);
    buffer_free(&file);
    mem_free(path);
    return status;
}

inlay_status bundle_join(const bundle *const *parts, const char *const *key_prefixes, size_t n, const char *prefix,
                         inlay_error *err) {
    join j = {0};
    int32_t first = 0;
    inlay_status status;
    TRY(check_parts(parts, n, &j, err));
    TRY(bundle_index_open(&j.index, err));
    for (size_t i = 0; i < n; first += parts[i++]->shards) {
        TRY_TO(done, add_entries(&j, parts[i], &parts[i]->tensors, false, key_prefixes[i], first, err));
        TRY_TO(done, add_entries(&j, parts[i], &parts[i]->slices, true, key_prefixes[i], first, err));
        TRY_TO(done, share_files(parts[i], prefix, first, j.shards, err));
    }
    TRY_TO(done, write_index(&j, parts[0], prefix, err));
done:
    bundle_index_close(j.index);
    buffer_free(&j.key);
    buffer_free(&j.value);
    return status;
}

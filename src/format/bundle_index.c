#include "format/bundle.h"

#include "base/arena.h"
#include "format/bundle_entry.h"

#include <stdlib.h>

typedef struct index_entry {
    bytes key, value;
} index_entry;

struct bundle_index {
    arena memory;
    index_entry *entries;
    size_t count, capacity;
    buffer value; /* the entry being made */
};

inlay_status bundle_index_open(bundle_index **out, inlay_error *err) {
    *out = mem_zalloc(1, sizeof **out);
    if (!*out) return fail_memory(err);
    arena_init(&(*out)->memory, 0);
    return INLAY_OK;
}

void bundle_index_close(bundle_index *x) {
    if (!x) return;
    arena_free(&x->memory);
    mem_free(x->entries);
    buffer_free(&x->value);
    mem_free(x);
}

inlay_status bundle_index_add_raw(bundle_index *x, bytes key, bytes value, inlay_error *err) {
    if (key.size == 0) return fail(err, INLAY_INVALID_ARGUMENT, "a tensor's key is empty");
    if (x->count == x->capacity) {
        size_t capacity = x->capacity ? x->capacity * 2 : 64;
        index_entry *grown = mem_realloc(x->entries, capacity * sizeof *grown);
        if (!grown) return fail_memory(err);
        x->entries = grown;
        x->capacity = capacity;
    }
    const char *kept_key = arena_copy(&x->memory, key), *kept_value = arena_copy(&x->memory, value);
    if (!kept_key || !kept_value) return fail_memory(err);
    x->entries[x->count++] = (index_entry){bytes_make(kept_key, key.size), bytes_make(kept_value, value.size)};
    return INLAY_OK;
}

inlay_status bundle_index_add(bundle_index *x, bytes key, dtype t, const shape *dims, int32_t shard, uint64_t offset,
                              uint64_t size, uint32_t crc, inlay_error *err) {
    buffer_clear(&x->value);
    bundle_entry_put(&x->value, t, dims, shard, offset, size, crc);
    TRY(buffer_check(&x->value, err));
    return bundle_index_add_raw(x, key, buffer_bytes(&x->value), err);
}

static int compare_keys(const void *a, const void *b) {
    return bytes_compare(((const index_entry *)a)->key, ((const index_entry *)b)->key);
}

inlay_status bundle_index_finish_as(bundle_index *x, bytes header, buffer *out, inlay_error *err) {
    if (x->count) qsort(x->entries, x->count, sizeof *x->entries, compare_keys);
    for (size_t i = 1; i < x->count; i++)
        if (bytes_equal(x->entries[i].key, x->entries[i - 1].key)) {
            char text[KEY_TEXT];
            return fail(err, INLAY_ALREADY_EXISTS, "the key %s is given twice", key_text(x->entries[i].key, text));
        }
    sstable_writer *w;
    TRY(sstable_writer_open(&w, err));
    inlay_status status;
    TRY_TO(done, sstable_add(w, bytes_of(""), header, err));
    for (size_t i = 0; i < x->count; i++) TRY_TO(done, sstable_add(w, x->entries[i].key, x->entries[i].value, err));
    TRY_TO(done, sstable_finish(w, out, err));
done:
    sstable_writer_close(w);
    return status;
}

inlay_status bundle_index_finish(bundle_index *x, int32_t shards, buffer *out, inlay_error *err) {
    buffer header = {0};
    bundle_header_put(&header, shards, false, 1, 0);
    inlay_status status = buffer_check(&header, err);
    if (status == INLAY_OK) status = bundle_index_finish_as(x, buffer_bytes(&header), out, err);
    buffer_free(&header);
    return status;
}

#include "base/crc32c.h"
#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"

#include <stdio.h>

void bundle_strings_add(bundle_strings *s, uint64_t length) {
    wire_put_varint(&s->lengths, length);
    /* Lengths below 4 GiB are summed as 4 bytes: so did the first writers, which knew no others. */
    uint32_t narrow = (uint32_t)length;
    s->crc = length <= UINT32_MAX ? crc32c(s->crc, &narrow, sizeof narrow) : crc32c(s->crc, &length, sizeof length);
    s->count++;
    s->bytes += length;
}

void bundle_strings_finish(bundle_strings *s, buffer *head, uint32_t *crc) {
    uint32_t masked = crc32c_mask(s->crc);
    if (s->lengths.failed) head->failed = true;
    buffer_append_bytes(head, buffer_bytes(&s->lengths));
    buffer_append(head, &masked, sizeof masked);
    *crc = crc32c(s->crc, &masked, sizeof masked);
    buffer_free(&s->lengths);
    *s = (bundle_strings){0};
}

/* ---- a whole bundle of one data file */

inlay_status bundle_append_lengths(file_writer *w, const tensor *t, uint32_t *crc, inlay_error *err) {
    bundle_strings lengths = {0};
    buffer head = {0};
    for (int64_t i = 0; i < t->count; i++) bundle_strings_add(&lengths, tensor_string(t, i).size);
    bundle_strings_finish(&lengths, &head, crc);
    inlay_status status = buffer_check(&head, err);
    if (status == INLAY_OK) status = file_append(w, head.data, head.size, err);
    buffer_free(&head);
    return status;
}

static inlay_status append_strings(file_writer *w, const tensor *t, uint32_t *crc, inlay_error *err) {
    TRY(bundle_append_lengths(w, t, crc, err));
    for (int64_t i = 0; i < t->count; i++) {
        bytes text = tensor_string(t, i);
        *crc = crc32c(*crc, text.data, text.size);
        TRY(file_append(w, text.data, text.size, err));
    }
    return INLAY_OK;
}

inlay_status bundle_append_tensor(file_writer *w, const tensor *t, uint32_t *crc, inlay_error *err) {
    if (t->type == INLAY_STRING) return append_strings(w, t, crc, err);
    if (dtype_size(t->type) == 0)
        return fail(err, INLAY_UNIMPLEMENTED, "tensors of dtype %s cannot be stored", dtype_name(t->type));
    *crc = crc32c(0, t->data, (size_t)t->size);
    return file_append(w, t->data, (size_t)t->size, err);
}

static inlay_status append_items(file_writer *w, const bundle_item *items, size_t n, bundle_index *index,
                                 inlay_error *err) {
    for (size_t i = 0; i < n; i++) {
        const tensor *t = items[i].value;
        uint64_t offset = file_position(w);
        uint32_t crc = 0;
        TRY(bundle_append_tensor(w, t, &crc, err));
        TRY(bundle_index_add(index, items[i].key, t->type, &t->dims, 0, offset, file_position(w) - offset, crc, err));
    }
    return INLAY_OK;
}

inlay_status bundle_write(const char *prefix, const bundle_item *items, size_t n, inlay_error *err) {
    bundle_index *index;
    TRY(bundle_index_open(&index, err));
    buffer file = {0};
    file_writer *data = NULL, *w;
    inlay_status status;
    bool fresh = false;
    char *data_path = bundle_data_path(prefix, 0, 1), *index_path = bundle_index_path(prefix);
    if (!data_path || !index_path) TRY_TO(done, fail_memory(err));
    fresh = !file_exists(data_path) && !file_exists(index_path);
    TRY_TO(done, file_create(data_path, FILE_ATOMIC, &data, err));
    TRY_TO(done, append_items(data, items, n, index, err));
    TRY_TO(done, bundle_index_finish(index, 1, &file, err)); /* before anything is put in place */
    w = data;
    data = NULL;
    status = file_commit(w, err);
    if (status == INLAY_OK) status = file_write_all(index_path, FILE_ATOMIC, buffer_bytes(&file), err);
    if (status != INLAY_OK && fresh) { /* a commit may fail when the file is there already, but not yet safe */
        inlay_error ignored;
        file_remove(index_path, &ignored);
        file_remove(data_path, &ignored);
    }
done:
    file_abandon(data);
    buffer_free(&file);
    mem_free(data_path);
    mem_free(index_path);
    bundle_index_close(index);
    return status;
}

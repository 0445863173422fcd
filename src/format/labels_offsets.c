#include "format/labels_offsets.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "base/num.h"
#include "format/bundle_private.h"

#include <inttypes.h>

/* Byte offsets of the head's fields. */
enum {
    AT_VERSION = 8,
    AT_COUNT = 16,
    AT_LENGTHS_SIZE = 24,
    AT_BYTES = 32,
    AT_TENSOR_CRC = 40,
    AT_TABLE_CRC = 44,
    AT_HEAD_CRC = 60,
    HEAD = 64,
    VERSION = 1
};
static const char MAGIC[8] = {'I', 'N', 'L', 'A', 'Y', 'O', 'F', 'S'};

/* ---- writing */

enum { GATHERED = 4096 }; /* offsets */

struct labels_offsets_writer {
    file_writer *file;
    uint64_t count, next; /* strings so far; where the next one begins */
    uint32_t crc;
    size_t gathered;
    uint64_t offsets[GATHERED];
};

static inlay_status flush(labels_offsets_writer *w, inlay_error *err) {
    size_t size = w->gathered * sizeof *w->offsets;
    w->crc = crc32c(w->crc, w->offsets, size);
    w->gathered = 0;
    return file_append(w->file, w->offsets, size, err);
}

static inlay_status put(labels_offsets_writer *w, uint64_t offset, inlay_error *err) {
    w->offsets[w->gathered++] = offset;
    return w->gathered == GATHERED ? flush(w, err) : INLAY_OK;
}

inlay_status labels_offsets_create(const char *path, labels_offsets_writer **out, inlay_error *err) {
    *out = NULL;
    labels_offsets_writer *w = mem_zalloc(1, sizeof *w);
    if (!w) return fail_memory(err);
    uint8_t head[HEAD] = {0};
    inlay_status status = file_create(path, FILE_DIRECT, &w->file, err);
    if (status == INLAY_OK) status = file_append(w->file, head, HEAD, err);
    if (status == INLAY_OK) status = put(w, 0, err);
    if (status == INLAY_OK)
        *out = w;
    else
        labels_offsets_abandon(w);
    return status;
}

inlay_status labels_offsets_add(labels_offsets_writer *w, uint64_t length, inlay_error *err) {
    if (!add_u64(w->next, length, &w->next)) return fail(err, INLAY_INVALID_ARGUMENT, "labels of more than 2^64 bytes");
    w->count++;
    return put(w, w->next, err);
}

inlay_status labels_offsets_commit(labels_offsets_writer *w, const labels_tie *tie, inlay_error *err) {
    inlay_status status;
    if (w->count != tie->count || w->next != tie->bytes)
        TRY_TO(failed,
               fail(err, INLAY_INTERNAL, "an offset table of %" PRIu64 " strings for %" PRIu64, w->count, tie->count));
    TRY_TO(failed, flush(w, err));
    uint8_t head[HEAD] = {0};
    memcpy(head, MAGIC, sizeof MAGIC);
    store_u32(head + AT_VERSION, VERSION);
    store_u64(head + AT_COUNT, tie->count);
    store_u64(head + AT_LENGTHS_SIZE, tie->lengths_size);
    store_u64(head + AT_BYTES, tie->bytes);
    store_u32(head + AT_TENSOR_CRC, crc32c_mask(tie->crc));
    store_u32(head + AT_TABLE_CRC, crc32c_mask(w->crc));
    store_u32(head + AT_HEAD_CRC, crc32c_mask(crc32c(0, head, AT_HEAD_CRC)));
    TRY_TO(failed, file_patch(w->file, 0, head, HEAD, err));
    status = file_commit(w->file, err);
    mem_free(w);
    return status;
failed:
    labels_offsets_abandon(w);
    return status;
}

void labels_offsets_abandon(labels_offsets_writer *w) {
    if (!w) return;
    file_abandon(w->file);
    mem_free(w);
}

/* ---- reading */

inlay_status labels_offsets_parse(bytes file, const char *path, labels_tie *tie, const void **offsets,
                                  inlay_error *err) {
    const uint8_t *head = file.data;
    uint64_t size;
    if (file.size < HEAD || memcmp(head, MAGIC, sizeof MAGIC) != 0)
        return fail_at(err, INLAY_DATA_LOSS, path, 0, "no table of label offsets");
    if (load_u32(head + AT_VERSION) != VERSION)
        return fail_at(err, INLAY_UNIMPLEMENTED, path, AT_VERSION, "version %" PRIu32 " of the table of label offsets",
                       load_u32(head + AT_VERSION));
    if (crc32c_mask(crc32c(0, head, AT_HEAD_CRC)) != load_u32(head + AT_HEAD_CRC))
        return fail_at(err, INLAY_DATA_LOSS, path, AT_HEAD_CRC, "the head of the table of label offsets is damaged");
    *tie = (labels_tie){.count = load_u64(head + AT_COUNT),
                        .lengths_size = load_u64(head + AT_LENGTHS_SIZE),
                        .bytes = load_u64(head + AT_BYTES),
                        .crc = crc32c_unmask(load_u32(head + AT_TENSOR_CRC))};
    if (tie->count > INT64_MAX / 16 || !mul_u64(tie->count + 1, 8, &size) || size != file.size - HEAD)
        return fail_at(err, INLAY_DATA_LOSS, path, HEAD,
                       "the offsets of %" PRIu64 " labels do not take %" PRIu64 " bytes", tie->count,
                       (uint64_t)file.size - HEAD);
    *offsets = head + HEAD;
    if (load_u64(head + HEAD) != 0 || load_u64(head + HEAD + tie->count * 8) != tie->bytes)
        return fail_at(err, INLAY_DATA_LOSS, path, HEAD, "the label offsets do not end where the labels do");
    return INLAY_OK;
}

inlay_status labels_offsets_check(bytes file, const char *path, inlay_error *err) {
    labels_tie tie;
    const void *offsets;
    TRY(labels_offsets_parse(file, path, &tie, &offsets, err));
    const uint8_t *table = offsets;
    uint64_t last = 0;
    for (uint64_t i = 0; i <= tie.count; i++) {
        uint64_t offset = load_u64(table + i * 8);
        if (offset < last)
            return fail_at(err, INLAY_DATA_LOSS, path, (int64_t)(HEAD + i * 8), "the offset of label %" PRIu64 " falls",
                           i);
        last = offset;
    }
    if (crc32c_mask(crc32c(0, table, (size_t)(tie.count + 1) * 8)) != load_u32(file.data + AT_TABLE_CRC))
        return fail_at(err, INLAY_DATA_LOSS, path, AT_TABLE_CRC, "the checksum of the label offsets is wrong");
    return INLAY_OK;
}

/* ---- as a tensor */

typedef struct hold {
    file_map *table, *data; /* data: NULL for no labels */
} hold;

static void release_hold(void *user) {
    hold *h = user;
    file_map_release(h->table);
    file_map_release(h->data);
    mem_free(h);
}

static inlay_status check_tie(const labels_tie *tie, const char *path, const bundle_entry *entry, inlay_error *err) {
    int64_t count;
    uint64_t size;
    bool fits = entry->type == INLAY_STRING && entry->n_slices == 0 && shape_elements(&entry->dims, &count) &&
                tie->count == (uint64_t)count && tie->crc == entry->crc;
    fits = fits && add_u64(tie->lengths_size, 4, &size) && add_u64(size, tie->bytes, &size) && size == entry->size;
    return fits ? INLAY_OK
                : fail_at(err, INLAY_FAILED_PRECONDITION, path, -1, "is the offset table of another tensor than %.*s",
                          (int)min_size(entry->key.size, 200), entry->key.data);
}

inlay_status labels_offsets_read(const char *path, bundle *b, const bundle_entry *entry, tensor **out,
                                 inlay_error *err) {
    *out = NULL;
    labels_tie tie;
    const void *offsets;
    bytes data;
    file_map *map;
    inlay_status status;
    hold *h = mem_zalloc(1, sizeof *h);
    if (!h) return fail_memory(err);
    TRY_TO(failed, file_map_open(path, b->copy, &h->table, err));
    TRY_TO(failed, labels_offsets_parse(file_map_bytes(h->table), path, &tie, &offsets, err));
    TRY_TO(failed, check_tie(&tie, path, entry, err));
    TRY_TO(failed, bundle_stored(b, entry, &map, &data, err));
    if (map) h->data = file_map_retain(map);
    return tensor_wrap_strings(&entry->dims, data.data + tie.lengths_size + 4, tie.bytes, offsets, release_hold, h, out,
                               err);
failed:
    release_hold(h);
    return status;
}

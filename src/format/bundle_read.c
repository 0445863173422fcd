#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"
#include "format/bundle_slice.h"

#include <inttypes.h>

/* ENTRY lies in no file of the bundle, or something is wrong with its bytes from AT on. */
static inlay_status bad_data(const bundle_entry *entry, const file_map *map, uint64_t at, const char *what,
                             inlay_error *err) {
    char text[KEY_TEXT];
    return fail_at(err, INLAY_DATA_LOSS, map->path, (int64_t)at, "%s: %s", key_text(entry->key, text), what);
}

inlay_status bundle_stored(bundle *b, const bundle_entry *entry, file_map **map, bytes *out, inlay_error *err) {
    *map = NULL;
    *out = bytes_of("");
    if (entry->size == 0) return INLAY_OK;
    TRY(bundle_map_shard(b, entry, map, err));
    if (entry->offset > (*map)->size || entry->size > (*map)->size - entry->offset) /* it was long enough at open */
        return bad_data(entry, *map, (*map)->size, "the data file became shorter", err);
    *out = bytes_make((*map)->data + entry->offset, (size_t)entry->size);
    return INLAY_OK;
}

inlay_status bundle_unsupported(const bundle *b, const bundle_entry *entry, inlay_error *err) {
    char text[KEY_TEXT];
    key_text(entry->key, text);
    if (dtype_is_valid((int)entry->type))
        return fail_at(err, INLAY_UNIMPLEMENTED, b->index_path, -1, "%s: tensors of dtype %s cannot be read", text,
                       dtype_name(entry->type));
    return fail_at(err, INLAY_UNIMPLEMENTED, b->index_path, -1, "%s: unknown dtype %d", text, (int)entry->type);
}

/* ---- numbers */

void bundle_swap_bytes(tensor *t) {
    size_t width = dtype_size(t->type);
    if (t->type == INLAY_COMPLEX64 || t->type == INLAY_COMPLEX128) width /= 2;
    for (uint64_t i = 0; width > 1 && i + width <= t->size; i += width)
        for (size_t j = 0; j < width / 2; j++) {
            uint8_t low = t->data[i + j];
            t->data[i + j] = t->data[i + width - 1 - j];
            t->data[i + width - 1 - j] = low;
        }
}

static inlay_status read_numbers(bundle *b, const bundle_entry *entry, tensor **out, inlay_error *err) {
    if (entry->size == 0) return tensor_new(entry->type, &entry->dims, NULL, out, err);
    file_map *map;
    bytes data;
    TRY(bundle_stored(b, entry, &map, &data, err));
    if (!b->big_endian || dtype_size(entry->type) == 1)
        return tensor_wrap(entry->type, &entry->dims, data.data, file_map_release_any, file_map_retain(map), out, err);
    TRY(tensor_new(entry->type, &entry->dims, NULL, out, err));
    memcpy((*out)->data, data.data, data.size);
    bundle_swap_bytes(*out);
    return INLAY_OK;
}

/* ---- strings */

typedef struct string_hold {
    file_map *map;
    uint64_t *offsets;
} string_hold;

static void release_strings(void *user) {
    string_hold *hold = user;
    file_map_release(hold->map);
    mem_free(hold->offsets);
    mem_free(hold);
}

/* Sums the lengths at the start of DATA up to OFFSETS [count + 1]; *head is where the strings begin. */
static inlay_status read_lengths(const bundle_entry *entry, const file_map *map, bytes data, uint64_t *offsets,
                                 uint64_t count, size_t *head, inlay_error *err) {
    size_t at = 0;
    offsets[0] = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t length;
        size_t used = wire_get_varint(data.data + at, data.data + data.size, &length);
        if (used == 0 || !add_u64(offsets[i], length, &offsets[i + 1]))
            return bad_data(entry, map, entry->offset + at, "string lengths are longer than the entry", err);
        at += used;
    }
    if (data.size - at < 4 || offsets[count] != data.size - at - 4)
        return bad_data(entry, map, entry->offset + at, "string lengths do not fit the entry's size", err);
    *head = at + 4;
    return INLAY_OK;
}

static inlay_status read_strings(bundle *b, const bundle_entry *entry, tensor **out, inlay_error *err) {
    int64_t count = 0;
    shape_elements(&entry->dims, &count);
    string_hold *hold = mem_zalloc(1, sizeof *hold);
    if (!hold) return fail_memory(err);
    inlay_status status;
    bytes data = bytes_of("");
    size_t head = 0;
    hold->offsets = mem_zalloc((size_t)count + 1, sizeof *hold->offsets);
    if (!hold->offsets) TRY_TO(failed, fail_memory(err));
    if (count > 0) {
        file_map *map;
        TRY_TO(failed, bundle_stored(b, entry, &map, &data, err));
        hold->map = file_map_retain(map);
        TRY_TO(failed, read_lengths(entry, map, data, hold->offsets, (uint64_t)count, &head, err));
    }
    return tensor_wrap_strings(&entry->dims, data.data + head, data.size - head, hold->offsets, release_strings, hold,
                               out, err);
failed:
    release_strings(hold);
    return status;
}

inlay_status bundle_read(bundle *b, const bundle_entry *entry, tensor **out, inlay_error *err) {
    *out = NULL;
    if (entry->n_slices > 0) return bundle_read_partitioned(b, entry, NULL, out, err);
    if (entry->type == INLAY_STRING) return read_strings(b, entry, out, err);
    if (dtype_size(entry->type) == 0) return bundle_unsupported(b, entry, err);
    return read_numbers(b, entry, out, err);
}

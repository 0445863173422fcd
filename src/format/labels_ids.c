#include "format/labels_file.h"

#include "base/num.h"

#include <inttypes.h>

struct ids {
    file_map *map;
    npy_header array;
};

inlay_status ids_open(const char *path, ids **out, inlay_error *err) {
    *out = NULL;
    inlay_status status;
    ids *i = mem_zalloc(1, sizeof *i);
    if (!i) return fail_memory(err);
    TRY_TO(failed, file_map_open(path, false, &i->map, err));
    TRY_TO(failed, npy_parse(file_map_bytes(i->map), i->map->size, path, &i->array, err));
    if (!dtype_is_integer(i->array.type))
        TRY_TO(failed, fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "holds %s; ids are integers",
                               i->array.type ? dtype_name(i->array.type) : "bytes of no dtype"));
    TRY_TO(failed, check_column(&i->array, path, "ids", err));
    *out = i;
    return INLAY_OK;
failed:
    ids_close(i);
    return status;
}

void ids_close(ids *i) {
    if (!i) return;
    file_map_release(i->map);
    mem_free(i);
}

int64_t ids_count(const ids *i) {
    return i->array.count;
}

bool ids_in_place(const ids *i, uint64_t *offset) {
    *offset = i->array.data_offset;
    return i->array.type == INLAY_INT64 && !i->array.big_endian;
}

/* The element at P, in the machine's byte order; false when it is beyond int64. */
static bool load_id(const uint8_t *p, dtype t, int64_t *out) {
    switch (t) {
    case INLAY_INT8: *out = (int8_t)*p; return true;
    case INLAY_UINT8: *out = *p; return true;
    case INLAY_INT16: *out = (int16_t)load_u16(p); return true;
    case INLAY_UINT16: *out = load_u16(p); return true;
    case INLAY_INT32: *out = (int32_t)load_u32(p); return true;
    case INLAY_UINT32: *out = load_u32(p); return true;
    default: *out = (int64_t)load_u64(p); return t == INLAY_INT64 || *out >= 0;
    }
}

inlay_status ids_read(const ids *i, int64_t first, int64_t n, int64_t *to, inlay_error *err) {
    if (first < 0 || n < 0 || first > i->array.count || n > i->array.count - first)
        return fail_at(err, INLAY_OUT_OF_RANGE, i->map->path, -1, "ids %" PRId64 " to %" PRId64 " of %" PRId64, first,
                       first + n, i->array.count);
    const uint8_t *from = i->map->data + i->array.data_offset + (uint64_t)first * i->array.item_size;
    for (int64_t k = 0; k < n; k++, from += i->array.item_size) {
        uint8_t item[8];
        npy_native(item, from, 1, &i->array);
        if (!load_id(item, i->array.type, &to[k]))
            return fail_at(err, INLAY_INVALID_ARGUMENT, i->map->path, from - i->map->data,
                           "id %" PRIu64 " of row %" PRId64 " is beyond int64", load_u64(item), first + k);
    }
    return INLAY_OK;
}

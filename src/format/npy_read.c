#include "base/num.h"
#include "format/npy.h"

/* ---- byte order */

static void swap_units(uint8_t *to, const uint8_t *from, size_t units, size_t unit) {
    for (size_t i = 0; i < units; i++, to += unit, from += unit) {
        if (unit == 2)
            store_u16(to, __builtin_bswap16(load_u16(from)));
        else if (unit == 4)
            store_u32(to, __builtin_bswap32(load_u32(from)));
        else
            store_u64(to, __builtin_bswap64(load_u64(from)));
    }
}

void npy_native(void *to, const void *from, size_t count, const npy_header *h) {
    size_t unit = h->kind == 'c' ? h->item_size / 2 : h->kind == 'U' ? 4 : h->item_size;
    if (h->big_endian)
        swap_units(to, from, count * (h->item_size / unit), unit);
    else if (count && to != from)
        memcpy(to, from, count * h->item_size);
}

/* ---- element order */

/* Walks the elements of a stored array in C order: gives the index of each as stored. */
typedef struct walk {
    const npy_header *h;
    int64_t at[INLAY_MAX_RANK], stride[INLAY_MAX_RANK]; /* elements */
    int64_t stored;
} walk;

static void walk_start(walk *w, const npy_header *h) {
    *w = (walk){.h = h};
    if (h->count == 0) return;
    int64_t stride = 1;
    for (int i = 0; i < h->dims.rank; i++) {
        int d = h->fortran ? i : h->dims.rank - 1 - i;
        w->stride[d] = stride;
        stride *= h->dims.dims[d];
    }
}

static void walk_next(walk *w) {
    for (int d = w->h->dims.rank - 1; d >= 0; d--) {
        w->stored += w->stride[d];
        if (++w->at[d] < w->h->dims.dims[d]) return;
        w->stored -= w->stride[d] * w->at[d];
        w->at[d] = 0;
    }
}

/* A matrix in tiles: both sides stay in the cache. */
static void transpose_matrix(uint8_t *to, const uint8_t *from, const npy_header *h) {
    enum { TILE = 64 };
    int64_t rows = h->dims.dims[0], cols = h->dims.dims[1];
    size_t item = h->item_size;
    for (int64_t r0 = 0; r0 < rows; r0 += TILE)
        for (int64_t c0 = 0; c0 < cols; c0 += TILE)
            for (int64_t r = r0; r < rows && r < r0 + TILE; r++)
                for (int64_t c = c0; c < cols && c < c0 + TILE; c++)
                    memcpy(to + (size_t)(r * cols + c) * item, from + (size_t)(c * rows + r) * item, item);
}

static inlay_status read_converted(const npy_header *h, const uint8_t *data, tensor **out, inlay_error *err) {
    TRY(tensor_new(h->type, &h->dims, NULL, out, err));
    uint8_t *to = (*out)->data;
    if (!h->fortran) {
        npy_native(to, data, (size_t)h->count, h);
        return INLAY_OK;
    }
    if (h->dims.rank == 2) {
        transpose_matrix(to, data, h);
    } else {
        walk w;
        walk_start(&w, h);
        for (int64_t i = 0; i < h->count; i++, walk_next(&w))
            memcpy(to + (size_t)i * h->item_size, data + (size_t)w.stored * h->item_size, h->item_size);
    }
    npy_native(to, to, (size_t)h->count, h);
    return INLAY_OK;
}

/* ---- strings */

static bool append_utf8(buffer *out, uint32_t c) {
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
    if (c < 0x80) {
        buffer_append_byte(out, (uint8_t)c);
        return true;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    buffer_append_byte(out, (uint8_t)(lead[more] | c >> (6 * more)));
    while (more-- > 0) buffer_append_byte(out, (uint8_t)(0x80 | (c >> (6 * more) & 0x3f)));
    return true;
}

inlay_status npy_string(const npy_header *h, const uint8_t *item, int64_t index, const char *path, buffer *out,
                        inlay_error *err) {
    size_t unit = h->kind == 'U' ? 4 : 1, n = h->item_size / unit;
    if (h->kind == 'S') {
        while (n > 0 && item[n - 1] == 0) n--;
        buffer_append(out, item, n);
        return buffer_check(out, err);
    }
    while (n > 0 && load_u32(item + (n - 1) * 4) == 0) n--;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = load_u32(item + i * 4);
        if (h->big_endian) c = __builtin_bswap32(c);
        if (!append_utf8(out, c))
            return fail_at(err, INLAY_DATA_LOSS, path, -1, "element %lld holds U+%04X, which is no character",
                           (long long)index, c);
    }
    return buffer_check(out, err);
}

static inlay_status read_strings(const npy_header *h, const uint8_t *data, const char *path, tensor **out,
                                 inlay_error *err) {
    inlay_status status;
    string_builder b;
    buffer text = {0};
    walk w;
    TRY(string_builder_init(&b, &h->dims, NULL, err));
    walk_start(&w, h);
    for (int64_t i = 0; i < h->count; i++, walk_next(&w)) {
        buffer_clear(&text);
        TRY_TO(failed, npy_string(h, data + (size_t)w.stored * h->item_size, i, path, &text, err));
        TRY_TO(failed, string_builder_add(&b, buffer_bytes(&text), err));
    }
    buffer_free(&text);
    return string_builder_finish(&b, out, err);
failed:
    buffer_free(&text);
    string_builder_free(&b);
    return status;
}

/* ---- whole files */

inlay_status npy_read_bytes(bytes file, const char *name, dtype as, void (*release)(void *), void *user, tensor **out,
                            inlay_error *err) {
    *out = NULL;
    npy_header h;
    inlay_status status;
    TRY_TO(done, npy_parse(file, file.size, name, &h, err));
    TRY_TO(done, npy_settle_type(&h, as, name, err));
    const uint8_t *data = file.data + h.data_offset;
    if (h.type == INLAY_STRING)
        status = read_strings(&h, data, name, out, err);
    else if (h.fortran || h.big_endian)
        status = read_converted(&h, data, out, err);
    else
        return tensor_wrap(h.type, &h.dims, data, release, user, out, err);
done:
    if (release) release(user);
    return status;
}

inlay_status npy_read(const char *path, dtype as, bool copy, tensor **out, inlay_error *err) {
    file_map *map;
    *out = NULL;
    TRY(file_map_open(path, copy, &map, err));
    return npy_read_bytes(file_map_bytes(map), path, as, file_map_release_any, map, out, err);
}

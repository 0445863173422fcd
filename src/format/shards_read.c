#include "format/shards.h"

#include "base/num.h"

#include <inttypes.h>

enum { SCRATCH = 256 << 10, SWAPPED = 4096, BLOCK_ROWS = 256 };

struct shard_reader {
    const shard *s;
    dtype type;
    size_t item, out_item; /* bytes of an element as stored, as given out */
    npy_header order;      /* for npy_native: item size and byte order */
    file_map *map;
    npz *archive;
    size_t member;
    npz_stream *stream;
    uint8_t *scratch; /* [SCRATCH] archives only */
};

/* ---- elements */

/* N elements of type FROM_TYPE, in the machine's byte order, to float32. */
static void to_floats(uint8_t *to, const uint8_t *from, dtype from_type, size_t n) {
#define CONVERT(type, size, value)                \
    case type:                                    \
        for (size_t i = 0; i < n; i++) {          \
            const uint8_t *p = from + i * (size); \
            float v = (float)(value);             \
            memcpy(to + i * 4, &v, 4);            \
        }                                         \
        break;
    double wide;
    switch (from_type) {
        CONVERT(INLAY_FLOAT16, 2, f16_to_f32(load_u16(p)))
        CONVERT(INLAY_BFLOAT16, 2, bf16_to_f32(load_u16(p)))
        CONVERT(INLAY_FLOAT64, 8, (memcpy(&wide, p, 8), wide))
        CONVERT(INLAY_INT8, 1, (int8_t)*p)
        CONVERT(INLAY_UINT8, 1, *p)
        CONVERT(INLAY_BOOL, 1, *p != 0)
        CONVERT(INLAY_INT16, 2, (int16_t)load_u16(p))
        CONVERT(INLAY_UINT16, 2, load_u16(p))
        CONVERT(INLAY_INT32, 4, (int32_t)load_u32(p))
        CONVERT(INLAY_UINT32, 4, load_u32(p))
        CONVERT(INLAY_INT64, 8, (int64_t)load_u64(p))
        CONVERT(INLAY_UINT64, 8, load_u64(p))
    default: break; /* shard_reader_open lets no other through */
    }
#undef CONVERT
}

static void convert(const shard_reader *r, uint8_t *to, const uint8_t *from, size_t n) {
    if (r->type == r->s->stored) {
        npy_native(to, from, n, &r->order);
        return;
    }
    if (!r->s->big_endian) {
        to_floats(to, from, r->s->stored, n);
        return;
    }
    uint8_t swapped[SWAPPED];
    for (size_t step; n > 0; n -= step, from += step * r->item, to += step * r->out_item) {
        step = min_size(n, SWAPPED / r->item);
        npy_native(swapped, from, step, &r->order);
        to_floats(to, swapped, r->s->stored, step);
    }
}

/* ---- mapped files */

static inlay_status rows_with_heads(shard_reader *r, int64_t first, int64_t n, uint8_t *to, inlay_error *err) {
    const vectors_header *h = &r->s->vectors;
    const uint8_t *row = r->map->data + (uint64_t)first * h->stride;
    TRY(vectors_check_rows(h, row, first, n, r->s->path, err));
    for (int64_t i = 0; i < n; i++, row += h->stride, to += (size_t)r->s->dim * r->out_item)
        convert(r, to, row + h->offset, (size_t)r->s->dim);
    return INLAY_OK;
}

/* One column's run of N elements into the rows at TO. */
static void scatter(const shard_reader *r, uint8_t *to, const uint8_t *from, size_t n) {
    uint8_t column[BLOCK_ROWS * 8];
    convert(r, column, from, n);
    size_t stride = (size_t)r->s->dim * r->out_item;
    for (size_t i = 0; i < n; i++) memcpy(to + i * stride, column + i * r->out_item, r->out_item);
}

static void rows_of_columns(const shard_reader *r, int64_t first, int64_t n, uint8_t *to) {
    const shard *s = r->s;
    const uint8_t *data = r->map->data + s->offset;
    for (int64_t done = 0; done < n; done += BLOCK_ROWS) {
        size_t step = min_size((size_t)(n - done), BLOCK_ROWS);
        uint8_t *block = to + (size_t)(done * s->dim) * r->out_item;
        for (int64_t c = 0; c < s->dim; c++)
            scatter(r, block + (size_t)c * r->out_item, data + (size_t)(c * s->rows + first + done) * r->item, step);
    }
}

/* ---- archives */

static inlay_status restart(shard_reader *r, inlay_error *err) {
    npz_stream_close(r->stream);
    return npz_stream_open(r->archive, r->member, &r->stream, err);
}

static inlay_status stream_rows(shard_reader *r, int64_t first, int64_t n, uint8_t *to, inlay_error *err) {
    uint64_t start = (uint64_t)first * (uint64_t)r->s->dim * r->item;
    if (start < npz_stream_position(r->stream)) TRY(restart(r, err));
    TRY(npz_stream_read(r->stream, NULL, start - npz_stream_position(r->stream), err));
    uint64_t left = (uint64_t)n * (uint64_t)r->s->dim;
    while (left > 0) {
        size_t step = left < SCRATCH / r->item ? (size_t)left : SCRATCH / r->item;
        TRY(npz_stream_read(r->stream, r->scratch, step * r->item, err));
        convert(r, to, r->scratch, step);
        to += step * r->out_item;
        left -= step;
    }
    return INLAY_OK;
}

/* The whole stream passes by: each column's elements of the wanted rows are picked out. */
static inlay_status stream_columns(shard_reader *r, int64_t first, int64_t n, uint8_t *to, inlay_error *err) {
    const shard *s = r->s;
    TRY(restart(r, err));
    for (int64_t c = 0; c < s->dim; c++) {
        TRY(npz_stream_read(r->stream, NULL, (uint64_t)first * r->item, err));
        for (int64_t done = 0; done < n; done += BLOCK_ROWS) {
            size_t step = min_size((size_t)(n - done), BLOCK_ROWS);
            TRY(npz_stream_read(r->stream, r->scratch, step * r->item, err));
            scatter(r, to + (size_t)(done * s->dim + c) * r->out_item, r->scratch, step);
        }
        TRY(npz_stream_read(r->stream, NULL, (uint64_t)(s->rows - first - n) * r->item, err));
    }
    return INLAY_OK;
}

/* ---- the reader */

static inlay_status open_archive(shard_reader *r, inlay_error *err) {
    TRY(npz_open(r->s->path, &r->archive, err));
    if (!npz_find(r->archive, r->s->member, &r->member))
        return fail_at(err, INLAY_FAILED_PRECONDITION, r->s->name, -1, "is no longer there");
    TRY(npz_stream_open(r->archive, r->member, &r->stream, err));
    r->scratch = mem_alloc(SCRATCH);
    return r->scratch ? INLAY_OK : fail_memory(err);
}

inlay_status shard_reader_open(const shard *s, dtype type, shard_reader **out, inlay_error *err) {
    *out = NULL;
    if (type != s->type && type != INLAY_FLOAT32)
        return fail_at(err, INLAY_INVALID_ARGUMENT, s->name, -1, "holds %s, which is not read as %s",
                       dtype_name(s->type), dtype_name(type));
    inlay_status status;
    shard_reader *r = mem_zalloc(1, sizeof *r);
    if (!r) return fail_memory(err);
    r->s = s;
    r->type = type;
    r->item = dtype_size(s->stored);
    r->out_item = dtype_size(type);
    r->order = (npy_header){.kind = 'f', .item_size = r->item, .big_endian = s->big_endian};
    if (s->form == SHARD_NPZ)
        TRY_TO(failed, open_archive(r, err));
    else
        TRY_TO(failed, file_map_open(s->path, false, &r->map, err));
    if (r->map && r->map->size < s->seen.size)
        TRY_TO(failed, fail_at(err, INLAY_FAILED_PRECONDITION, s->path, -1,
                               "changed while it was being read: %" PRIu64 " bytes before, %" PRIu64 " now",
                               s->seen.size, r->map->size));
    *out = r;
    return INLAY_OK;
failed:
    shard_reader_close(r);
    return status;
}

inlay_status shard_reader_rows(shard_reader *r, int64_t first, int64_t n, void *to, inlay_error *err) {
    const shard *s = r->s;
    if (first < 0 || n < 0 || first > s->rows || n > s->rows - first)
        return fail_at(err, INLAY_OUT_OF_RANGE, s->name, -1, "rows %" PRId64 " to %" PRId64 " of %" PRId64, first,
                       first + n, s->rows);
    if (n == 0) return INLAY_OK;
    if (s->form == SHARD_NPZ)
        return s->transposed ? stream_columns(r, first, n, to, err) : stream_rows(r, first, n, to, err);
    if (s->form == SHARD_VECTORS && (s->vectors.kind == VECTORS_FVECS || s->vectors.kind == VECTORS_BVECS))
        return rows_with_heads(r, first, n, to, err);
    if (s->transposed)
        rows_of_columns(r, first, n, to);
    else
        convert(r, to, r->map->data + s->offset + (uint64_t)first * (uint64_t)s->dim * r->item,
                (size_t)n * (size_t)s->dim);
    return INLAY_OK;
}

void shard_reader_close(shard_reader *r) {
    if (!r) return;
    file_map_release(r->map);
    npz_stream_close(r->stream);
    npz_close(r->archive);
    mem_free(r->scratch);
    mem_free(r);
}

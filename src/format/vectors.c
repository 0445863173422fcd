#include "format/vectors.h"

#include "base/num.h"

#include <inttypes.h>
#include <strings.h>

enum { ROW_HEAD = 4, BIN_HEAD = 8 };

static const struct {
    const char *extension;
    vectors_kind kind;
    dtype type;
} kinds[] = {
    {".fvecs", VECTORS_FVECS, INLAY_FLOAT32}, {".bvecs", VECTORS_BVECS, INLAY_UINT8},
    {".fbin", VECTORS_FBIN, INLAY_FLOAT32},   {".u8bin", VECTORS_U8BIN, INLAY_UINT8},
    {".i8bin", VECTORS_I8BIN, INLAY_INT8},    {".f32", VECTORS_RAW, INLAY_FLOAT32},
    {".raw", VECTORS_RAW, INLAY_FLOAT32},     {".bin", VECTORS_RAW, INLAY_FLOAT32},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

vectors_kind vectors_kind_of(const char *path) {
    size_t n = strlen(path);
    for (int i = 0; i < KINDS; i++) {
        size_t size = strlen(kinds[i].extension);
        if (n > size && strcasecmp(path + n - size, kinds[i].extension) == 0) return kinds[i].kind;
    }
    return VECTORS_NONE;
}

static dtype type_of(vectors_kind kind) {
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].kind == kind) return kinds[i].type;
    return INLAY_INVALID_DTYPE;
}

/* Rows of STRIDE bytes behind HEAD bytes must fill the file. */
static inlay_status count_rows(vectors_header *h, uint64_t head, uint64_t file_size, const char *path,
                               inlay_error *err) {
    if ((file_size - head) % h->stride != 0)
        return fail_at(err, INLAY_DATA_LOSS, path, -1,
                       "%" PRIu64 " bytes are no whole number of rows of %" PRId64 " %s (%" PRIu64 " bytes each)",
                       file_size - head, h->dim, dtype_name(h->type), h->stride);
    h->rows = (int64_t)((file_size - head) / h->stride);
    return INLAY_OK;
}

static inlay_status parse_bin(bytes start, uint64_t file_size, const char *path, vectors_header *h, inlay_error *err) {
    if (file_size < BIN_HEAD || start.size < BIN_HEAD)
        return fail_at(err, INLAY_DATA_LOSS, path, 0, "the header of 8 bytes (rows, dimension) is cut off");
    uint64_t rows = load_u32(start.data), dim = load_u32(start.data + 4), size = 0;
    h->rows = (int64_t)rows;
    h->dim = (int64_t)dim;
    h->offset = BIN_HEAD;
    h->stride = dim * dtype_size(h->type);
    if (!mul_u64(rows, h->stride, &size) || size != file_size - BIN_HEAD)
        return fail_at(err, INLAY_DATA_LOSS, path, 0,
                       "the header promises %" PRIu64 " rows of %" PRIu64 " %s, %" PRIu64
                       " bytes; the file has %" PRIu64,
                       rows, dim, dtype_name(h->type), size, file_size - BIN_HEAD);
    return INLAY_OK;
}

static inlay_status parse_vecs(bytes start, uint64_t file_size, const char *path, int64_t dim, vectors_header *h,
                               inlay_error *err) {
    if (file_size > 0 && start.size < ROW_HEAD)
        return fail_at(err, INLAY_DATA_LOSS, path, 0, "the first row's dimension is cut off");
    h->dim = file_size ? (int32_t)load_u32(start.data) : dim;
    if (h->dim < 1 && file_size)
        return fail_at(err, INLAY_DATA_LOSS, path, 0, "the first row has dimension %" PRId64, h->dim);
    h->offset = ROW_HEAD;
    h->stride = ROW_HEAD + (uint64_t)h->dim * dtype_size(h->type);
    return count_rows(h, 0, file_size, path, err);
}

inlay_status vectors_parse(vectors_kind kind, bytes start, uint64_t file_size, const char *path, int64_t dim,
                           dtype type, vectors_header *out, inlay_error *err) {
    vectors_header h = {.kind = kind, .type = type_of(kind)};
    *out = h;
    if (kind == VECTORS_FVECS || kind == VECTORS_BVECS) {
        TRY(parse_vecs(start, file_size, path, dim, &h, err));
    } else if (kind == VECTORS_RAW) {
        if (type != INLAY_INVALID_DTYPE) h.type = type;
        if (dim < 1)
            return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "a file of raw numbers needs the dimension told");
        h.dim = dim;
        if (dtype_size(h.type) == 0 || !mul_u64((uint64_t)dim, dtype_size(h.type), &h.stride))
            return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "rows of %" PRId64 " %s", dim, dtype_name(h.type));
        TRY(count_rows(&h, 0, file_size, path, err));
    } else {
        TRY(parse_bin(start, file_size, path, &h, err));
    }
    *out = h;
    return INLAY_OK;
}

inlay_status vectors_check_rows(const vectors_header *h, const uint8_t *rows, int64_t first, int64_t n,
                                const char *path, inlay_error *err) {
    if (h->kind != VECTORS_FVECS && h->kind != VECTORS_BVECS) return INLAY_OK;
    for (int64_t i = 0; i < n; i++) {
        int32_t dim = (int32_t)load_u32(rows + (uint64_t)i * h->stride);
        if (dim != h->dim)
            return fail_at(err, INLAY_DATA_LOSS, path, (int64_t)((uint64_t)(first + i) * h->stride),
                           "row %" PRId64 " has dimension %" PRId32 ", the first row has %" PRId64, first + i, dim,
                           h->dim);
    }
    return INLAY_OK;
}

#include "format/shards_open.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

const char known_kinds[] = "*.npy, *.npz, *.fvecs, *.bvecs, *.fbin, *.u8bin, *.i8bin; raw: *.f32, *.raw, *.bin";

static bool ends_in(const char *path, const char *extension) {
    size_t n = strlen(path), size = strlen(extension);
    return n > size && strcasecmp(path + n - size, extension) == 0;
}

file_kind file_kind_of(const char *path) {
    if (ends_in(path, ".npy")) return FILE_NPY;
    if (ends_in(path, ".npz")) return FILE_NPZ;
    return vectors_kind_of(path) == VECTORS_NONE ? FILE_UNKNOWN : FILE_VECTORS;
}

/* ---- the list */

/* Room for one more shard, zeroed, with its names; counted, so that shards_close releases it. SEEN was asked for before
 * the file was opened: a change in between must not go unnoticed. */
static inlay_status add_shard(shard_list *list, shard_form form, const char *path, const file_info *seen,
                              const char *name, const char *member, shard **out, inlay_error *err) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        shard *grown = mem_realloc(list->shards, capacity * sizeof *grown);
        if (!grown) return fail_memory(err);
        list->shards = grown;
        list->capacity = capacity;
    }
    shard *s = &list->shards[list->count++];
    *s = (shard){.form = form, .seen = *seen};
    s->path = mem_strdup(path);
    s->name = mem_strdup(name);
    s->member = member ? mem_strdup(member) : NULL;
    if (!s->path || !s->name || (member && !s->member)) return fail_memory(err);
    *out = s;
    return INLAY_OK;
}

/* ---- what kind of numbers */

static inlay_status settle_type(shard *s, dtype stored, const shard_options *o, inlay_error *err) {
    /* numpy has no bfloat16: people keep its bits in uint16. */
    if (stored == INLAY_UINT16 && o && o->type == INLAY_BFLOAT16) stored = INLAY_BFLOAT16;
    s->stored = stored;
    bool as_is =
        stored == INLAY_FLOAT32 || stored == INLAY_FLOAT64 || stored == INLAY_FLOAT16 || stored == INLAY_BFLOAT16;
    if (!as_is && !dtype_is_integer(stored) && stored != INLAY_BOOL)
        return fail_at(err, INLAY_INVALID_ARGUMENT, s->name, -1,
                       "holds %s; stored vectors are float32, float64, float16, bfloat16 or integers",
                       dtype_name(stored));
    s->type = as_is ? stored : INLAY_FLOAT32;
    if (o && o->type != INLAY_INVALID_DTYPE && o->type != s->type && o->type != stored)
        return fail_at(err, INLAY_INVALID_ARGUMENT, s->name, -1, "holds %s, not %s", dtype_name(stored),
                       dtype_name(o->type));
    return INLAY_OK;
}

/* ---- what may be linked */

static void settle_link(shard *s) {
    s->size = (uint64_t)s->rows * (uint64_t)s->dim * dtype_size(s->stored);
    if (s->form == SHARD_NPZ)
        s->obstacle = "is a member of an archive";
    else if (s->form == SHARD_VECTORS && (s->vectors.kind == VECTORS_FVECS || s->vectors.kind == VECTORS_BVECS))
        s->obstacle = "has the dimension before each row";
    else if (s->stored != s->type)
        s->obstacle = "holds integers";
    else if (s->big_endian)
        s->obstacle = "is big-endian";
    else if (s->transposed && s->rows >= (INT64_C(1) << 31) / s->dim)
        s->obstacle = "is in Fortran order with 2^31 elements or more";
    s->linkable = s->obstacle == NULL;
}

static inlay_status settle_shape(shard *s, const shape *dims, bool fortran, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (dims->rank != 1 && dims->rank != 2)
        return fail_at(err, INLAY_INVALID_ARGUMENT, s->name, -1,
                       "has the shape %s; stored vectors are [rows, dim], or [rows] of dimension 1",
                       shape_text(dims, text));
    s->rows = dims->dims[0];
    s->dim = dims->rank == 2 ? dims->dims[1] : 1;
    s->transposed = fortran;
    if (dims->rank == 1 && s->rows == 0) s->dim = 0; /* np.array([]): no rows of whatever dimension */
    if (s->dim == 0 && s->rows > 0)
        return fail_at(err, INLAY_INVALID_ARGUMENT, s->name, -1, "has the shape %s: rows without numbers",
                       shape_text(dims, text));
    return INLAY_OK;
}

static inlay_status use_npy_header(shard *s, npy_header *h, const shard_options *o, inlay_error *err) {
    TRY(npy_settle_type(h, o->type, s->name, err));
    TRY(settle_type(s, h->type, o, err));
    TRY(settle_shape(s, &h->dims, h->fortran, err));
    s->big_endian = h->big_endian;
    s->offset = h->data_offset;
    settle_link(s);
    return INLAY_OK;
}

/* ---- plain files */

static inlay_status use_vectors(shard *s, vectors_kind kind, bytes file, const shard_options *o, inlay_error *err) {
    TRY(vectors_parse(kind, file, file.size, s->path, o->dim, o->type, &s->vectors, err));
    TRY(settle_type(s, s->vectors.type, kind == VECTORS_RAW ? NULL : o, err));
    s->rows = s->vectors.rows;
    s->dim = s->vectors.dim;
    s->offset = s->vectors.offset;
    if (s->dim == 0 && s->rows > 0) return fail_at(err, INLAY_INVALID_ARGUMENT, s->name, 0, "has rows without numbers");
    settle_link(s);
    return INLAY_OK;
}

/* What a file is whose extension does not say it. */
static file_kind kind_by_content(bytes file, const shard_options *o) {
    if (bytes_start_with(file, "\x93NUMPY")) return FILE_NPY;
    if (bytes_start_with(file, "PK\x03\x04")) return FILE_NPZ;
    return o->dim > 0 ? FILE_VECTORS : FILE_UNKNOWN;
}

inlay_status shards_add_file(shard_list *list, const char *path, const shard_options *o, inlay_error *err) {
    file_kind kind = file_kind_of(path);
    if (kind == FILE_NPZ) return shards_add_archive(list, path, NULL, o, err);
    file_info seen;
    file_map *map;
    TRY(file_stat(path, true, &seen, err));
    TRY(file_map_open(path, false, &map, err));
    inlay_status status;
    shard *s;
    vectors_kind vectors = vectors_kind_of(path);
    if (kind == FILE_UNKNOWN) {
        kind = kind_by_content(file_map_bytes(map), o);
        vectors = VECTORS_RAW;
    }
    if (kind == FILE_UNKNOWN)
        TRY_TO(done, fail_at(err, INLAY_INVALID_ARGUMENT, path, -1,
                             "is of no known kind (%s); raw numbers need the dimension told", known_kinds));
    if (kind == FILE_NPZ) TRY_TO(done, shards_add_archive(list, path, NULL, o, err));
    if (kind == FILE_NPY) {
        npy_header h;
        TRY_TO(done, add_shard(list, SHARD_NPY, path, &seen, path, NULL, &s, err));
        TRY_TO(done, npy_parse(file_map_bytes(map), map->size, path, &h, err));
        TRY_TO(done, use_npy_header(s, &h, o, err));
    }
    if (kind == FILE_VECTORS) {
        TRY_TO(done, add_shard(list, SHARD_VECTORS, path, &seen, path, NULL, &s, err));
        TRY_TO(done, use_vectors(s, vectors, file_map_bytes(map), o, err));
    }
    status = INLAY_OK;
done:
    file_map_release(map);
    return status;
}

/* ---- archives */

typedef struct archive {
    const char *path;
    file_info seen;
    npz *z;
} archive;

static inlay_status add_member(shard_list *list, const archive *a, size_t member, npz_stream *stream,
                               const shard_options *o, inlay_error *err) {
    shard *s;
    npy_header h = *npz_stream_header(stream);
    TRY(add_shard(list, SHARD_NPZ, a->path, &a->seen, npz_stream_name(stream), npz_name(a->z, member), &s, err));
    return use_npy_header(s, &h, o, err);
}

static bool holds_floats(const npy_header *h, const shard_options *o) {
    return h->type == INLAY_FLOAT32 || h->type == INLAY_FLOAT64 || h->type == INLAY_FLOAT16 ||
           (h->kind == 'V' && dtype_size(o->type) == h->item_size);
}

/* Adds the member when it holds floats; arrays that have no equal here (objects, records) are no floats. */
static inlay_status add_if_float(shard_list *list, const archive *a, size_t member, const shard_options *o,
                                 inlay_error *err) {
    npz_stream *stream;
    inlay_status status = npz_stream_open(a->z, member, &stream, err);
    if (status == INLAY_UNIMPLEMENTED) return INLAY_OK;
    TRY(status);
    if (holds_floats(npz_stream_header(stream), o)) status = add_member(list, a, member, stream, o, err);
    npz_stream_close(stream);
    return status;
}

static inlay_status fail_members(const char *path, npz *z, const char *what, inlay_error *err) {
    buffer names = {0};
    for (size_t i = 0; i < npz_count(z) && names.size < 400; i++)
        buffer_format(&names, "%s%s", i ? ", " : "", npz_name(z, i));
    buffer_append_byte(&names, 0);
    fail_at(err, INLAY_NOT_FOUND, path, -1, "%s (arrays there: %s)", what, names.failed ? "" : (char *)names.data);
    buffer_free(&names);
    return INLAY_NOT_FOUND;
}

static int compare_shards(const void *a, const void *b) {
    return natural_compare(((const shard *)a)->name, ((const shard *)b)->name);
}

inlay_status shards_add_archive(shard_list *list, const char *path, const char *member, const shard_options *o,
                                inlay_error *err) {
    archive a = {.path = path};
    TRY(file_stat(path, true, &a.seen, err));
    TRY(npz_open(path, &a.z, err));
    inlay_status status = INLAY_OK;
    size_t first = list->count, index;
    if (member) {
        npz_stream *stream;
        if (!npz_find(a.z, member, &index)) TRY_TO(done, fail_members(path, a.z, "has no such array", err));
        TRY_TO(done, npz_stream_open(a.z, index, &stream, err));
        status = add_member(list, &a, index, stream, o, err);
        npz_stream_close(stream);
    } else {
        for (size_t i = 0; i < npz_count(a.z); i++) TRY_TO(done, add_if_float(list, &a, i, o, err));
        if (list->count == first) TRY_TO(done, fail_members(path, a.z, "holds no array of floats", err));
        qsort(list->shards + first, list->count - first, sizeof *list->shards, compare_shards);
    }
done:
    npz_close(a.z);
    return status;
}

/* ---- checkpoint tensors */

inlay_status shard_list_add_tensor(shard_list *list, const char *path, const char *name, const char *key,
                                   uint64_t offset, const shape *dims, dtype t, bool big_endian, inlay_error *err) {
    shard *s;
    file_info seen;
    char text[SHAPE_TEXT];
    int64_t count;
    uint64_t size;
    TRY(file_stat(path, true, &seen, err));
    TRY(add_shard(list, SHARD_TENSOR, path, &seen, name, key, &s, err));
    TRY(settle_type(s, t, NULL, err));
    TRY(settle_shape(s, dims, false, err));
    s->big_endian = big_endian;
    s->offset = offset;
    if (!shape_elements(dims, &count) || !mul_u64((uint64_t)count, dtype_size(t), &size) || offset > s->seen.size ||
        size > s->seen.size - offset)
        return fail_at(err, INLAY_DATA_LOSS, path, (int64_t)offset,
                       "tensor %s of shape %s and dtype %s reaches beyond the file's %" PRIu64 " bytes", name,
                       shape_text(dims, text), dtype_name(t), s->seen.size);
    settle_link(s);
    return INLAY_OK;
}

inlay_status shard_check_unchanged(const shard *s, inlay_error *err) {
    file_info seen;
    TRY(file_stat(s->path, true, &seen, err));
    if (seen.size != s->seen.size)
        return fail_at(err, INLAY_FAILED_PRECONDITION, s->path, -1,
                       "changed while it was being read: %" PRIu64 " bytes before, %" PRIu64 " now", s->seen.size,
                       seen.size);
    if (!file_info_equal(&seen, &s->seen))
        return fail_at(err, INLAY_FAILED_PRECONDITION, s->path, -1, "changed while it was being read");
    return INLAY_OK;
}

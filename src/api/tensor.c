#include "tensor/tensor.h"

#include "format/npy.h"
#include "format/tensor_json.h"

static inlay_status make_shape(const int64_t *dims, int rank, shape *out, inlay_error *err) {
    if (rank < 0 || rank > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "a rank of %d is not from 0 to %d", rank, INLAY_MAX_RANK);
    *out = (shape){.rank = rank};
    if (rank) memcpy(out->dims, dims, (size_t)rank * sizeof *dims);
    return INLAY_OK;
}

inlay_status inlay_tensor_new(inlay_dtype type, const int64_t *dims, int rank, inlay_tensor **out, inlay_error *error) {
    shape s;
    *out = NULL;
    TRY(make_shape(dims, rank, &s, error));
    return tensor_new_zero(type, &s, NULL, out, error);
}

inlay_status inlay_tensor_wrap(inlay_dtype type, const int64_t *dims, int rank, const void *data,
                               void (*release)(void *), void *user, inlay_tensor **out, inlay_error *error) {
    shape s;
    *out = NULL;
    inlay_status status = make_shape(dims, rank, &s, error);
    if (status == INLAY_OK && dtype_size(type) == 0)
        status = fail(error, INLAY_INVALID_ARGUMENT, "dtype %s has no elements of a fixed size", dtype_name(type));
    if (status == INLAY_OK) return tensor_wrap(type, &s, data, release, user, out, error);
    if (release) release(user);
    return status;
}

inlay_status inlay_tensor_from_strings(const inlay_string *items, const int64_t *dims, int rank, inlay_tensor **out,
                                       inlay_error *error) {
    shape s;
    string_builder b;
    *out = NULL;
    TRY(make_shape(dims, rank, &s, error));
    TRY(string_builder_init(&b, &s, NULL, error));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < b.count && status == INLAY_OK; i++)
        status = string_builder_add(&b, bytes_make(items[i].data, items[i].size), error);
    if (status == INLAY_OK) return string_builder_finish(&b, out, error);
    string_builder_free(&b);
    return status;
}

static bool ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

inlay_status inlay_tensor_load(const char *path, inlay_dtype type, inlay_tensor **out, inlay_error *error) {
    if (ends_with(path, ".json")) return tensor_json_read(path, type, out, error);
    return npy_read(path, type, false, out, error);
}

inlay_status inlay_tensor_save(const inlay_tensor *t, const char *path, inlay_error *error) {
    return t->type == INLAY_STRING ? tensor_json_write(t, path, error) : npy_write(t, path, error);
}

inlay_dtype inlay_tensor_dtype(const inlay_tensor *t) {
    return t->type;
}
int inlay_tensor_rank(const inlay_tensor *t) {
    return t->dims.rank;
}
const int64_t *inlay_tensor_dims(const inlay_tensor *t) {
    return t->dims.dims;
}
const void *inlay_tensor_data(const inlay_tensor *t) {
    return t->data;
}

inlay_string inlay_tensor_string(const inlay_tensor *t, int64_t index) {
    if (t->type != INLAY_STRING || index < 0 || index >= t->count) return (inlay_string){NULL, 0};
    bytes text = tensor_string(t, index);
    return (inlay_string){(const char *)text.data, text.size};
}

void inlay_tensor_release(inlay_tensor *t) {
    tensor_release(t);
}

#include "tensor/tensor.h"

#include "base/blocks.h"
#include "base/num.h"

static inlay_status check_dims(dtype t, const shape *dims, int64_t *count, uint64_t *size, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (!shape_elements(dims, count))
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is no shape of a tensor",
                    dims->rank > INLAY_MAX_RANK ? "rank beyond 16" : shape_text(dims, text));
    if (!mul_u64((uint64_t)*count, dtype_size(t), size) || *size > INT64_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "a tensor of shape %s and dtype %s is too large",
                    shape_text(dims, text), dtype_name(t));
    return INLAY_OK;
}

/* A tensor without data, charged with SIZE to BUDGET. */
static inlay_status make(dtype t, const shape *dims, int64_t count, uint64_t size, mem_budget *budget, tensor **out,
                         inlay_error *err) {
    *out = NULL;
    char text[SHAPE_TEXT];
    if (budget && !mem_budget_charge(budget, size))
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "a tensor of shape %s and dtype %s does not fit the memory budget",
                    shape_text(dims, text), dtype_name(t));
    tensor *made = mem_zalloc(1, sizeof *made);
    if (!made) {
        if (budget) mem_budget_return(budget, size);
        return fail_memory(err);
    }
    static uint8_t nothing[1];
    atomic_init(&made->refs, 1);
    made->type = t;
    made->dims = *dims;
    made->count = count;
    made->data = nothing;
    made->budget = size ? budget : NULL; /* what is not charged must not reach for a budget that may be gone */
    made->charged = budget ? size : 0;
    *out = made;
    return INLAY_OK;
}

static void give_block(void *user) {
    const tensor *t = user;
    block_give(t->budget->blocks, t->data, (size_t)t->charged, atomic_load(&t->budget->peak));
}

inlay_status tensor_new(dtype t, const shape *dims, mem_budget *budget, tensor **out, inlay_error *err) {
    *out = NULL;
    int64_t count;
    uint64_t size;
    if (dtype_size(t) == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "dtype %s has no elements of a fixed size", dtype_name(t));
    TRY(check_dims(t, dims, &count, &size, err));
    TRY(make(t, dims, count, size, budget, out, err));
    bool block = budget && budget->blocks && size >= BLOCK_LEAST;
    void *data = block ? block_take(budget->blocks, (size_t)size) : mem_aligned(64, (size_t)size);
    if (!data) {
        tensor_release(*out);
        *out = NULL;
        char text[SHAPE_TEXT];
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "out of memory for a tensor of shape %s and dtype %s",
                    shape_text(dims, text), dtype_name(t));
    }
    (*out)->data = data;
    (*out)->size = size;
    (*out)->owned = true;
    (*out)->release = block ? give_block : mem_free;
    (*out)->user = block ? (void *)*out : data;
    return INLAY_OK;
}

inlay_status tensor_new_zero(dtype t, const shape *dims, mem_budget *budget, tensor **out, inlay_error *err) {
    TRY(tensor_new(t, dims, budget, out, err));
    memset((*out)->data, 0, (size_t)(*out)->size);
    return INLAY_OK;
}

static inlay_status wrap(dtype t, const shape *dims, const void *data, uint64_t given, const void *offsets,
                         void (*release)(void *), void *user, tensor **out, inlay_error *err) {
    *out = NULL;
    int64_t count;
    uint64_t size;
    inlay_status status = check_dims(t, dims, &count, &size, err);
    if (status == INLAY_OK) status = make(t, dims, count, 0, NULL, out, err);
    if (status != INLAY_OK) {
        if (release) release(user);
        return status;
    }
    if (data) (*out)->data = (uint8_t *)(uintptr_t)data;
    (*out)->size = t == INLAY_STRING ? given : size;
    (*out)->offsets = offsets;
    (*out)->release = release;
    (*out)->user = user;
    return INLAY_OK;
}

inlay_status tensor_wrap(dtype t, const shape *dims, const void *data, void (*release)(void *), void *user,
                         tensor **out, inlay_error *err) {
    if (t != INLAY_STRING && dtype_is_valid((int)t)) return wrap(t, dims, data, 0, NULL, release, user, out, err);
    *out = NULL;
    if (release) release(user);
    return fail(err, INLAY_INVALID_ARGUMENT, "a tensor of dtype %s cannot be made over memory", dtype_name(t));
}

inlay_status tensor_wrap_strings(const shape *dims, const void *data, uint64_t size, const void *offsets,
                                 void (*release)(void *), void *user, tensor **out, inlay_error *err) {
    return wrap(INLAY_STRING, dims, data, size, offsets, release, user, out, err);
}

static void release_held(void *held) {
    tensor_release(held);
}

/* A view that holds T. */
static inlay_status view(tensor *t, const shape *dims, const uint8_t *data, uint64_t size, const void *offsets,
                         tensor **out, inlay_error *err) {
    return wrap(t->type, dims, data, size, offsets, release_held, tensor_retain(t), out, err);
}

inlay_status tensor_reshape(tensor *t, const shape *dims, tensor **out, inlay_error *err) {
    *out = NULL;
    int64_t count;
    char from[SHAPE_TEXT], to[SHAPE_TEXT];
    if (!shape_elements(dims, &count) || count != t->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "cannot reshape %s to %s", shape_text(&t->dims, from),
                    shape_text(dims, to));
    return view(t, dims, t->data, t->size, t->offsets, out, err);
}

inlay_status tensor_rows(tensor *t, int64_t first, int64_t n, tensor **out, inlay_error *err) {
    *out = NULL;
    if (t->dims.rank < 1 || first < 0 || n < 0 || first > t->dims.dims[0] || n > t->dims.dims[0] - first)
        return fail(err, INLAY_OUT_OF_RANGE, "%lld rows from row %lld of a tensor with %lld", (long long)n,
                    (long long)first, (long long)(t->dims.rank < 1 ? 0 : t->dims.dims[0]));
    int64_t per_row = t->dims.dims[0] ? t->count / t->dims.dims[0] : 0;
    shape dims = t->dims;
    dims.dims[0] = n;
    if (t->type == INLAY_STRING)
        return view(t, &dims, t->data, t->size, (const uint8_t *)t->offsets + (size_t)(first * per_row) * 8, out, err);
    return view(t, &dims, t->data + (size_t)(first * per_row) * dtype_size(t->type), 0, NULL, out, err);
}

inlay_status tensor_copy(const tensor *t, mem_budget *budget, tensor **out, inlay_error *err) {
    *out = NULL;
    if (t->type != INLAY_STRING) {
        TRY(tensor_new(t->type, &t->dims, budget, out, err));
        memcpy((*out)->data, t->data, (size_t)t->size);
        return INLAY_OK;
    }
    string_builder b;
    TRY(string_builder_init(&b, &t->dims, budget, err));
    for (int64_t i = 0; i < t->count; i++) {
        inlay_status status = string_builder_add(&b, tensor_string(t, i), err);
        if (status != INLAY_OK) {
            string_builder_free(&b);
            return status;
        }
    }
    return string_builder_finish(&b, out, err);
}

tensor *tensor_retain(tensor *t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tensor_release(tensor *t) {
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1) return;
    if (t->release) t->release(t->user);
    if (t->budget) mem_budget_return(t->budget, t->charged);
    mem_free(t);
}

bool tensor_is_writable(const tensor *t) {
    return t->owned && atomic_load_explicit(&t->refs, memory_order_acquire) == 1;
}

bytes tensor_string(const tensor *t, int64_t index) {
    const uint8_t *entry = (const uint8_t *)t->offsets + (size_t)index * 8;
    uint64_t start = load_u64(entry), end = load_u64(entry + 8);
    if (start > end || end > t->size) return bytes_make("", 0);
    return bytes_make(t->data + start, (size_t)(end - start));
}

inlay_status tensor_as_int(const tensor *t, int64_t index, const char *what, int64_t *out, inlay_error *err) {
    if (index < 0 || index >= t->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s has no element %lld", what, (long long)index);
    const uint8_t *p = t->data + (size_t)index * dtype_size(t->type);
    switch (t->type) {
    case INLAY_INT8: *out = (int8_t)*p; return INLAY_OK;
    case INLAY_BOOL:
    case INLAY_UINT8: *out = *p; return INLAY_OK;
    case INLAY_INT16: *out = (int16_t)load_u16(p); return INLAY_OK;
    case INLAY_UINT16: *out = load_u16(p); return INLAY_OK;
    case INLAY_INT32: *out = (int32_t)load_u32(p); return INLAY_OK;
    case INLAY_UINT32: *out = load_u32(p); return INLAY_OK;
    case INLAY_INT64: *out = (int64_t)load_u64(p); return INLAY_OK;
    default: return fail(err, INLAY_INVALID_ARGUMENT, "%s must be an integer, not %s", what, dtype_name(t->type));
    }
}

inlay_status tensor_scalar_int(const tensor *t, const char *what, int64_t *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (t->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be a scalar, not %s", what, shape_text(&t->dims, text));
    return tensor_as_int(t, 0, what, out, err);
}

static inlay_status scalar(dtype t, const void *value, tensor **out, inlay_error *err) {
    shape dims = shape_scalar();
    TRY(tensor_new(t, &dims, NULL, out, err));
    memcpy((*out)->data, value, dtype_size(t));
    return INLAY_OK;
}

inlay_status tensor_from_f32(float value, tensor **out, inlay_error *err) {
    return scalar(INLAY_FLOAT32, &value, out, err);
}
inlay_status tensor_from_i32(int32_t value, tensor **out, inlay_error *err) {
    return scalar(INLAY_INT32, &value, out, err);
}
inlay_status tensor_from_i64(int64_t value, tensor **out, inlay_error *err) {
    return scalar(INLAY_INT64, &value, out, err);
}

inlay_status tensor_from_string(bytes value, tensor **out, inlay_error *err) {
    shape dims = shape_scalar();
    string_builder b;
    *out = NULL;
    TRY(string_builder_init(&b, &dims, NULL, err));
    inlay_status status = string_builder_add(&b, value, err);
    if (status == INLAY_OK) return string_builder_finish(&b, out, err);
    string_builder_free(&b);
    return status;
}

inlay_status tensor_aligned(tensor *t, mem_budget *budget, tensor **out, inlay_error *err) {
    size_t size = dtype_size(t->type), alignment = size == 16 ? 8 : size;
    if (alignment > 1 && (uintptr_t)t->data % alignment != 0) return tensor_copy(t, budget, out, err);
    *out = tensor_retain(t);
    return INLAY_OK;
}

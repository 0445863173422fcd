/* Tensors: reference-counted arrays in C order over memory that is owned, mapped or the caller's. No alignment is
 * promised.
 *
 * Strings are held as one run of bytes and an offset table (element i is data[offsets[i] .. offsets[i + 1])), so that a
 * mapped table of a hundred million labels is a tensor without being read. */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

typedef struct inlay_tensor tensor;
struct inlay_tensor {
    _Atomic int refs;
    dtype type;
    shape dims;
    int64_t count;       /* elements */
    uint8_t *data;       /* never NULL; read-only unless the holder made it and is the only one */
    uint64_t size;       /* bytes at data */
    const void *offsets; /* strings: uint64 [count + 1], any alignment */
    bool owned;          /* data is memory of the tensor's own and may be written while it is held once */
    void (*release)(void *user);
    void *user;
    mem_budget *budget; /* charged with `charged` bytes until the end */
    uint64_t charged;
};

/* All below: *out is the caller's (tensor_release), NULL on failure. BUDGET may be NULL.
 * Errors: INVALID_ARGUMENT (bad dims or dtype), RESOURCE_EXHAUSTED (memory, budget). */

/* Elements are not initialised. Not for strings. Data is 64-byte aligned. */
inlay_status tensor_new(dtype t, const shape *dims, mem_budget *budget, tensor **out, inlay_error *err);
inlay_status tensor_new_zero(dtype t, const shape *dims, mem_budget *budget, tensor **out, inlay_error *err);

/* Over DATA [product of DIMS elements], which RELEASE(USER) gives back once: at the end, or at once when this call
 * fails. Not for strings; of a resource, DATA is whatever its maker says. */
inlay_status tensor_wrap(dtype t, const shape *dims, const void *data, void (*release)(void *), void *user,
                         tensor **out, inlay_error *err);

/* Strings over DATA and OFFSETS uint64 [elements + 1], rising, none beyond SIZE: the caller has checked them or checks
 * at each use. */
inlay_status tensor_wrap_strings(const shape *dims, const void *data, uint64_t size, const void *offsets,
                                 void (*release)(void *), void *user, tensor **out, inlay_error *err);

/* A view of T with other dims (the same number of elements) that holds T. */
inlay_status tensor_reshape(tensor *t, const shape *dims, tensor **out, inlay_error *err);

/* Elements [first, first + n) of the first dimension as a view that holds T. Rank at least 1. Strings too. */
inlay_status tensor_rows(tensor *t, int64_t first, int64_t n, tensor **out, inlay_error *err);

/* An owned copy. */
inlay_status tensor_copy(const tensor *t, mem_budget *budget, tensor **out, inlay_error *err);

tensor *tensor_retain(tensor *t);
void tensor_release(tensor *t);           /* NULL is fine */
bool tensor_is_writable(const tensor *t); /* owned and held once: an op may write its result over it */

/* Element INDEX in C order, 0 <= index < count. An offset table that does not fit the data gives an empty string. */
bytes tensor_string(const tensor *t, int64_t index);

/* Scalars and small integers, whatever integer dtype they have. INVALID_ARGUMENT names WHAT when T is unfit. */
inlay_status tensor_as_int(const tensor *t, int64_t index, const char *what, int64_t *out, inlay_error *err);
inlay_status tensor_scalar_int(const tensor *t, const char *what, int64_t *out, inlay_error *err);
inlay_status tensor_from_f32(float value, tensor **out, inlay_error *err);
inlay_status tensor_from_i32(int32_t value, tensor **out, inlay_error *err);
inlay_status tensor_from_i64(int64_t value, tensor **out, inlay_error *err);
inlay_status tensor_from_string(bytes value, tensor **out, inlay_error *err);

/* Any numeric T (bool too) as float32 or float64 of the same shape; retains T when it is of that type already. Values
 * that do not fit round or become infinite as a C cast would. INVALID_ARGUMENT for strings, complex and what is not
 * numeric. */
inlay_status tensor_to_float(tensor *t, dtype wanted, mem_budget *budget, tensor **out, inlay_error *err);

/* ---- building a string tensor element by element, in C order */
typedef struct string_builder {
    uint64_t *offsets;
    int64_t count, done;
    uint8_t *data;
    uint64_t size, capacity;
    shape dims;
    mem_budget *budget;
    uint64_t charged;
} string_builder;
/* BUDGET (may be NULL) is charged as the strings grow; RESOURCE_EXHAUSTED beyond it. */
inlay_status string_builder_init(string_builder *b, const shape *dims, mem_budget *budget, inlay_error *err);
inlay_status string_builder_add(string_builder *b, bytes text, inlay_error *err); /* INTERNAL beyond the count */
/* The tensor takes the charge over. B is empty afterwards, whatever the result. */
inlay_status string_builder_finish(string_builder *b, tensor **out, inlay_error *err);
void string_builder_free(string_builder *b);

/* Typed access to data that is aligned (made by tensor_new). Data of files may not be: copy with memcpy, or
 * tensor_aligned. */
static inline float *tensor_f32(const tensor *t) {
    return (float *)(void *)t->data;
}
static inline int32_t *tensor_i32(const tensor *t) {
    return (int32_t *)(void *)t->data;
}
static inline int64_t *tensor_i64(const tensor *t) {
    return (int64_t *)(void *)t->data;
}

/* T itself (retained) when its data is aligned for its dtype, else an aligned copy. */
inlay_status tensor_aligned(tensor *t, mem_budget *budget, tensor **out, inlay_error *err);

#endif

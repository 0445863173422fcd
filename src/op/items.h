/* Tensors in a row, as tensor arrays, lists and stacks hold them. Private to op/. */
#ifndef OP_ITEMS_H
#define OP_ITEMS_H

#include "op/op.h"

typedef struct items {
    dtype type;
    shape element; /* what each one fits; may be partly unknown */
    tensor **at;   /* [count] NULL: not written; held */
    int64_t count, capacity;
    tensor *memory; /* of `at`, so that a budget bounds it */
} items;

/* COUNT of them: new ones are not written, those beyond go. Repeated growth costs no more than the largest size. */
inlay_status items_resize(items *s, int64_t count, mem_budget *budget, inlay_error *err);
void items_free(items *s);

/* The same tensors. *to is empty before. */
inlay_status items_copy(const items *from, items *to, mem_budget *budget, inlay_error *err);

/* Place I holds T, retained. */
void items_put(items *s, int64_t i, tensor *t);

/* INVALID_ARGUMENT unless T may be one of S. */
inlay_status items_check(const items *s, const tensor *t, inlay_error *err);

/* What A and B say together; false when they contradict each other. */
bool items_merge_shapes(shape *a, const shape *b);
bool items_shape_known(const shape *s);

/* A shape from a tensor: a vector of dims, or a scalar -1 for unknown rank. */
inlay_status items_shape_of(const tensor *t, shape *out, inlay_error *err);

/* Output I: a tensor of zeros, or of empty strings. */
inlay_status items_zeros(op_call *c, int i, const shape *dims, inlay_error *err);

/* Output I [n, element…] of PARTS [n]; NULL ones are zeros. ELEMENT: what the op says of them; where it leaves dims
 * open the parts say them. */
inlay_status items_stack(op_call *c, int i, tensor *const *parts, int64_t n, const shape *element, inlay_error *err);

/* Outputs I [sum of rows, rest…] and I + 1 [n], the number of rows of each. ELEMENT as above, of rank 1 at least;
 * LEADING [n] are the rows of parts that are NULL; may be NULL. */
inlay_status items_join(op_call *c, int i, tensor *const *parts, int64_t n, const shape *element, const tensor *leading,
                        inlay_error *err);

/* Element I of the first dimension of T, a view. */
inlay_status items_row(tensor *t, int64_t i, tensor **out, inlay_error *err);

/* The number of rows that LENGTHS ask for, which must be those of T. */
inlay_status items_check_lengths(const tensor *t, const tensor *lengths, inlay_error *err);

#endif

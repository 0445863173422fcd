/* The tables of op implementations, one a family. A family is a file with `const op_impl NAME_impls[]` and its count;
 * adding one is a line here. */
#ifndef OP_FAMILIES_H
#define OP_FAMILIES_H

#include "op/op.h"

#define OP_FAMILIES(X) \
    X(binary)          \
    X(cast)            \
    X(fill)            \
    X(forward)         \
    X(gather)          \
    X(join)            \
    X(layout)          \
    X(matmul)          \
    X(nn)              \
    X(order)           \
    X(reduce)          \
    X(reshape)         \
    X(restore)         \
    X(segment)         \
    X(select)          \
    X(slice)           \
    X(state)           \
    X(string)          \
    X(string_join)     \
    X(string_number)   \
    X(string_split)    \
    X(table)           \
    X(unary)

#define OP_DECLARE(name)                 \
    extern const op_impl name##_impls[]; \
    extern const size_t name##_impls_count;
OP_FAMILIES(OP_DECLARE)
#undef OP_DECLARE

/* Ends a family's file. */
#define OP_FAMILY_END(name) const size_t name##_impls_count = sizeof name##_impls / sizeof *name##_impls

#endif

/* The tables of op implementations, one a family. A family is a file with `const op_impl NAME_impls[]` and its count;
 * adding one is a
 * line in families.def. */
#ifndef OP_FAMILIES_H
#define OP_FAMILIES_H

#include "op/op.h"

#define FAMILY(name)                     \
    extern const op_impl name##_impls[]; \
    extern const size_t name##_impls_count;
#include "op/families.def"
#undef FAMILY

/* Ends a family's file. */
#define OP_FAMILY_END(name) const size_t name##_impls_count = sizeof name##_impls / sizeof *name##_impls

#endif

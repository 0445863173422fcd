/* The tables of op rows, one a family. A family is a file with `const op_def NAME_defs[]` and its count; adding one is
 * a line here. */
#ifndef OPDEF_FAMILIES_H
#define OPDEF_FAMILIES_H

#include "opdef/opdef.h"

#define OPDEF_FAMILIES(X) \
    X(array)              \
    X(control)            \
    X(count)              \
    X(example)            \
    X(math)               \
    X(nn)                 \
    X(ragged)             \
    X(reduce)             \
    X(search)             \
    X(segment)            \
    X(sparse)             \
    X(state)              \
    X(string)             \
    X(table)

#define OPDEF_DECLARE(name)            \
    extern const op_def name##_defs[]; \
    extern const size_t name##_defs_count;
OPDEF_FAMILIES(OPDEF_DECLARE)
#undef OPDEF_DECLARE

#endif

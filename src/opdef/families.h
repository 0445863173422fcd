/* The tables of op rows, one a family. A family is a file with `const op_def NAME_defs[]` and its count; adding one is
 * a line in families.def. */
#ifndef OPDEF_FAMILIES_H
#define OPDEF_FAMILIES_H

#include "opdef/opdef.h"

#define FAMILY(name)                   \
    extern const op_def name##_defs[]; \
    extern const size_t name##_defs_count;
#include "opdef/families.def"
#undef FAMILY

#endif

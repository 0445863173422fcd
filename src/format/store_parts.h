/* What the files of the store share. */
#ifndef FORMAT_STORE_PARTS_H
#define FORMAT_STORE_PARTS_H

#include "format/saved_model.h"
#include "format/store.h"

/* A Const node. */
typedef struct store_constant {
    store_tensor head;
    bytes message; /* TensorProto */
} store_constant;

struct store {
    char *path;
    checkpoint *checkpoint; /* or */
    saved_model *graph;     /* or neither: a model without variables */
    store_constant *constants;
    size_t count, capacity; /* of constants */
    arena memory;           /* their names */
};

/* Lists the Const nodes of s->graph. */
inlay_status store_list_constants(store *s, inlay_error *err);

#endif

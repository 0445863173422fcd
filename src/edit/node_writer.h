/* Writes NodeDefs, for a graph or for the body of a function: the one difference is how an output is named. */
#ifndef EDIT_NODE_WRITER_H
#define EDIT_NODE_WRITER_H

#include "base/arena.h"
#include "proto/wire.h"
#include "tensor/tensor.h"

typedef struct node_writer {
    buffer *out;        /* gets one field FIELD per node */
    uint32_t field;     /* 1 in a GraphDef, 3 in a FunctionDef */
    bool in_function;   /* "node:arg:i" instead of "node:i" */
    const char *prefix; /* put before every name; "" for none */
    arena *names;
} node_writer;

typedef enum attr_kind {
    ATTR_TYPE,
    ATTR_TYPES,
    ATTR_INT,
    ATTR_BOOL,
    ATTR_TEXT,
    ATTR_SHAPE,
    ATTR_TENSOR,
    ATTR_FUNC
} attr_kind;

/* One attribute; give them in order of their names. */
typedef struct node_attr {
    const char *name;
    attr_kind kind;
    union {
        dtype type;
        int64_t number;   /* ATTR_INT, ATTR_BOOL */
        const char *text; /* ATTR_TEXT, ATTR_FUNC */
        const shape *dims;
        bytes tensor; /* a serialized TensorProto */
        struct {
            const dtype *list;
            size_t count;
        } types;
    };
} node_attr;

typedef struct node_spec {
    const char *name, *op;
    const char *const *inputs; /* references; NULL-terminated, may be NULL */
    const char *const *after;  /* names of nodes for control edges; NULL-terminated, may be NULL */
    const node_attr *attrs;
    size_t n_attrs;
} node_spec;

/* Writes the node and returns its name, prefix included. A failure of memory sticks to the buffer; names are then "".
 */
const char *node_put(node_writer *w, const node_spec *spec);

/* How another node names output INDEX of argument ARG of NODE (OUTPUT is its index among all outputs of the node). */
const char *node_output(node_writer *w, const char *node, const char *arg, int index, int output);

/* The common case: a node with one output, ARG; returns the reference to it. */
const char *node_put_ref(node_writer *w, const node_spec *spec, const char *arg);

/* Ops whose one attribute is T, and casts; OUT is the argument that they yield. The reference is returned. */
const char *node_unary(node_writer *w, const char *name, const char *op, const char *a, dtype type, const char *out);
const char *node_binary(node_writer *w, const char *name, const char *op, const char *a, const char *b, dtype type,
                        const char *out);
const char *node_cast(node_writer *w, const char *name, const char *a, dtype from, dtype to);

/* Const nodes; the reference is returned. */
const char *node_const_i32(node_writer *w, const char *name, int32_t value);
const char *node_const_i32s(node_writer *w, const char *name, const int32_t *values, int64_t n);
const char *node_const_i64(node_writer *w, const char *name, int64_t value);
const char *node_const_i64s(node_writer *w, const char *name, const int64_t *values, int64_t n);
const char *node_const_f32(node_writer *w, const char *name, float value);
const char *node_const_strings(node_writer *w, const char *name, const char *const *values,
                               int64_t n); /* n < 0: a scalar */

/* TensorShapeProto as field NUMBER. */
void put_shape(buffer *b, uint32_t number, const shape *dims);

#define ATTR_TYPE_OF(attr_name, value) \
    { attr_name, ATTR_TYPE, .type = (value) }
#define ATTR_FLAG(attr_name, value) \
    { attr_name, ATTR_BOOL, .number = (value) }
#define ATTR_NUMBER(attr_name, value) \
    { attr_name, ATTR_INT, .number = (value) }

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ATTRS(...) ((const node_attr[]){__VA_ARGS__}), sizeof((const node_attr[]){__VA_ARGS__}) / sizeof(node_attr)

#endif

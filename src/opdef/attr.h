/* Attributes of a node: names with their serialized AttrValue, read by type when somebody asks. What the node leaves
 * out comes from the op's row.
 *
 * Format: AttrValue of tensorflow/core/framework/attr_value.proto. */
#ifndef OPDEF_ATTR_H
#define OPDEF_ATTR_H

#include "base/arena.h"
#include "base/buffer.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

typedef struct attr {
    bytes name;
    bytes value; /* serialized AttrValue */
} attr;

typedef struct attrs {
    const attr *items;
    size_t count;
    const char *declared; /* the row's attribute text with its defaults (opdef.h); NULL for an unknown op */
} attrs;

/* The value that the node itself gives; false when it gives none. */
bool attr_given(const attrs *a, const char *name, bytes *value);

/* Each reads attribute NAME, or its default. INVALID_ARGUMENT names it when it is missing or of another type. What is
 * returned by pointer is valid as long as the node's bytes (and the arena). */
inlay_status attr_int(const attrs *a, const char *name, int64_t *out, inlay_error *err);
inlay_status attr_float(const attrs *a, const char *name, float *out, inlay_error *err);
inlay_status attr_bool(const attrs *a, const char *name, bool *out, inlay_error *err);
inlay_status attr_text(const attrs *a, const char *name, bytes *out, inlay_error *err);
inlay_status attr_type(const attrs *a, const char *name, dtype *out, inlay_error *err); /* a reference counts as its
                                                                                             base type */
inlay_status attr_shape(const attrs *a, const char *name, shape *out, inlay_error *err);
inlay_status attr_tensor(const attrs *a, const char *name, bytes *proto, inlay_error *err); /* the TensorProto */
/* The function's name, and the bytes of its NameAttrList. */
inlay_status attr_func(const attrs *a, const char *name, bytes *function, bytes *list, inlay_error *err);
inlay_status attr_func_name(bytes list, bytes *function, inlay_error *err); /* of a NameAttrList */

/* Lists: *out [*count] in the arena. */
inlay_status attr_ints(const attrs *a, const char *name, arena *memory, int64_t **out, size_t *count, inlay_error *err);
inlay_status attr_floats(const attrs *a, const char *name, arena *memory, float **out, size_t *count, inlay_error *err);
inlay_status attr_types(const attrs *a, const char *name, arena *memory, dtype **out, size_t *count, inlay_error *err);
inlay_status attr_texts(const attrs *a, const char *name, arena *memory, bytes **out, size_t *count, inlay_error *err);
/* The bytes of each function's NameAttrList. */
inlay_status attr_funcs(const attrs *a, const char *name, arena *memory, bytes **out, size_t *count, inlay_error *err);
inlay_status attr_shapes(const attrs *a, const char *name, arena *memory, shape **out, size_t *count, inlay_error *err);

/* TensorShapeProto. */
inlay_status shape_of_proto(bytes proto, shape *out, inlay_error *err);

/* One word of declared attributes: "name:type=default". False at the end; *next moves on. */
typedef struct attr_decl {
    bytes name, type, fallback; /* fallback.data NULL: none; quotes are removed */
} attr_decl;
bool attr_decl_next(const char **next, attr_decl *out);

/* ---- writing: AttrValue messages appended to a buffer */
void attr_put_int(buffer *b, int64_t value);
void attr_put_float(buffer *b, float value);
void attr_put_bool(buffer *b, bool value);
void attr_put_type(buffer *b, dtype value);
void attr_put_text(buffer *b, bytes value);
void attr_put_ints(buffer *b, const int64_t *values, size_t count);

#endif

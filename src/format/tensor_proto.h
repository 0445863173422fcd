/* TensorProto and TensorShapeProto, read from and written to wire bytes, without unpacking. */
#ifndef FORMAT_TENSOR_PROTO_H
#define FORMAT_TENSOR_PROTO_H

#include "base/file.h"
#include "proto/wire.h"
#include "tensor/tensor.h"

/* How a tensor may be read. All zero: everything is copied, the limit is 1 GiB. */
typedef struct tensor_proto_options {
    uint64_t limit;     /* bytes that a tensor may take when its message does not spell all of them out (a few values
                           may stand for billions); 0: 1 GiB */
    mem_budget *budget; /* charged with what is allocated; may be NULL */
    bool exact;         /* a list of values that is too short is DATA_LOSS: none are repeated or taken as zero */

    /* Who keeps the message's bytes. With RETAIN, large contents are used in place, at whatever alignment they have:
     * RETAIN(USER) is called once for each such tensor, RELEASE(USER) at its end. */
    void (*retain)(void *user);
    void (*release)(void *user);
    void *user;
} tensor_proto_options;

/* For messages inside MAP, which such tensors hold. */
tensor_proto_options tensor_proto_in_map(file_map *mapped);

/* Reads the TensorProto that MESSAGE walks (wire_open, wire_enter): tensor_content, or the dtype's list of values, of
 * which the last repeats and the absent are zero, as TensorFlow does it. Contents of at most 4 KiB are always copied,
 * so they are aligned. *out is the caller's.
 * Errors: DATA_LOSS (malformed, content of another size than shape and dtype say), INVALID_ARGUMENT (no such dtype, a
 * shape that is not fully known), RESOURCE_EXHAUSTED (limit, budget, memory), UNIMPLEMENTED (resource and variant
 * values, rank beyond 16). */
inlay_status tensor_proto_read(wire_reader message, const tensor_proto_options *options, tensor **out,
                               inlay_error *err);

/* The same for a message that does not say dtype and shape (V1 checkpoints keep them elsewhere): what it says of them
 * is ignored. */
inlay_status tensor_proto_read_values(wire_reader message, dtype type, const shape *dims,
                                      const tensor_proto_options *options, tensor **out, inlay_error *err);

/* The dtype and shape alone, whatever the values are. The shape may be partly unknown. */
inlay_status tensor_proto_read_header(wire_reader message, dtype *type, shape *dims, inlay_error *err);

/* Appends the fields of the TensorProto of T (string_val for strings, else tensor_content). UNIMPLEMENTED for dtypes
 * without plain values. */
inlay_status tensor_proto_write(buffer *b, const tensor *t, inlay_error *err);

/* Reads the TensorShapeProto that MESSAGE walks. Unknown rank and dims are -1. INVALID_ARGUMENT for a dim below -1,
 * UNIMPLEMENTED for rank beyond 16. */
inlay_status shape_proto_read(wire_reader message, shape *out, inlay_error *err);

/* Appends the fields of the TensorShapeProto of DIMS. */
void shape_proto_write(buffer *b, const shape *dims);

#endif

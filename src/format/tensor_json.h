/* Tensors as JSON: nested lists of numbers, booleans and strings; bytes that are no text as {"b64": "…"}; and, beyond
 * JSON, the bare words NaN, Infinity and -Infinity, as TensorFlow Serving has them. What is read and written:
 * docs/formats/tensor_json.md. */
#ifndef FORMAT_TENSOR_JSON_H
#define FORMAT_TENSOR_JSON_H

#include "base/buffer.h"
#include "tensor/tensor.h"

/* Makes a tensor of the JSON text TEXT, called NAME in errors. WANTED is what its elements become; INLAY_INVALID_DTYPE
 * lets them decide: whole numbers are int32 when all fit, else int64; numbers with others among them, and no elements
 * at all, float32; strings; booleans. Memory used is that of the tensor and of one element. Errors: INVALID_ARGUMENT
 * (not JSON, ragged lists, mixed or unfit elements: names the index and the byte). */
inlay_status tensor_from_json(bytes text, const char *name, dtype wanted, tensor **out, inlay_error *err);

/* The same for the file PATH. */
inlay_status tensor_json_read(const char *path, dtype wanted, tensor **out, inlay_error *err);

/* Appends T as JSON on one line. Floats are written with as few digits as give the same value back. UNIMPLEMENTED for
 * complex numbers, resources, variants, and floats of 8 bits. */
inlay_status tensor_to_json(const tensor *t, buffer *out, inlay_error *err);

/* Writes that and a newline to PATH, whole or not at all. */
inlay_status tensor_json_write(const tensor *t, const char *path, inlay_error *err);

#endif

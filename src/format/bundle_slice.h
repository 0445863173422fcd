/* Slices of partitioned tensors: TensorSliceProto, the ordered-code keys under which bundles and V1 checkpoints store
 * them, the text form of RestoreV2's shape_and_slices, and boxes: slices whose shape is known. Inside format/ only. */
#ifndef FORMAT_BUNDLE_SLICE_H
#define FORMAT_BUNDLE_SLICE_H

#include "proto/wire.h"
#include "tensor/shape.h"

/* As stored. Dimension i is [start, start + length), or all of it (start 0, length SLICE_FULL). */
enum { SLICE_FULL = -1 };
typedef struct tensor_slice {
    int rank;
    int64_t start[INLAY_MAX_RANK], length[INLAY_MAX_RANK];
} tensor_slice;

/* TensorSliceProto. UNIMPLEMENTED above INLAY_MAX_RANK. */
inlay_status slice_proto_parse(const wire_reader *outer, const wire_field *field, tensor_slice *out, inlay_error *err);
void slice_proto_put(buffer *out, uint32_t number, const tensor_slice *s);

/* The key of SLICE of the tensor NAME: byte 0, the name, the rank, start and length of each dimension, each in
 * TensorFlow's ordered code. */
void slice_key_put(buffer *out, bytes name, const tensor_slice *slice);

/* False when KEY is no such key. Appends the tensor's name to NAME (may be NULL); SLICE may be NULL. */
bool slice_key_parse(bytes key, buffer *name, tensor_slice *slice);
static inline bool slice_key_is(bytes key) {
    return key.size > 0 && key.data[0] == 0 && slice_key_parse(key, NULL, NULL);
}

/* "10 4 0,5:-": the shape of the whole, then start,length or - for each dimension. INVALID_ARGUMENT quotes SPEC. */
inlay_status slice_spec_parse(bytes spec, shape *dims, tensor_slice *slice, inlay_error *err);
const char *slice_text(const tensor_slice *s, char text[SHAPE_TEXT]); /* "0,5:-", cut where it does not fit */

/* A part of a tensor of known shape: dimension i is [start, start + dims.dims[i]). */
typedef struct box {
    shape dims;
    int64_t start[INLAY_MAX_RANK];
} box;

/* False when the slice does not lie within a tensor of shape WHOLE. */
bool box_of_slice(const tensor_slice *slice, const shape *whole, box *out);
box box_of_shape(const shape *whole);
bool box_equal(const box *a, const box *b);
bool box_intersect(const box *a, const box *b, box *out); /* false when they share no element */
int64_t box_elements(const box *b);                       /* of a box within a tensor */

/* False when two of N boxes (of one tensor) share an element. Sorts BOXES. */
bool boxes_are_apart(box *boxes, size_t n);

/* NULL when the N boxes (of one tensor) hold every element of WANTED and no two of them share one; else what is wrong.
 * Sorts BOXES. */
const char *boxes_cover(box *boxes, size_t n, const box *wanted);

/* The part of a tensor of shape WHOLE that SPEC asks for; all of it when SPEC is empty. INVALID_ARGUMENT says what is
 * wrong with SPEC. */
inlay_status box_of_spec(bytes spec, const shape *whole, box *out, inlay_error *err);

/* Copies the elements of PART, each of WIDTH bytes, from FROM, which holds the box FROM_BOX in C order, to TO, which
 * holds TO_BOX. PART lies in both. */
void box_copy(const box *part, size_t width, const uint8_t *from, const box *from_box, uint8_t *to, const box *to_box);

#endif

/* What ops on strings share. */
#ifndef OP_TEXT_H
#define OP_TEXT_H

#include "base/buffer.h"
#include "op/op.h"

/* Output I, of shape DIMS: element after element the text that FN appends to TO (empty before). */
typedef inlay_status (*text_maker)(const op_call *c, void *user, int64_t element, buffer *to, inlay_error *err);
inlay_status text_make(op_call *c, int i, const shape *dims, text_maker fn, void *user, inlay_error *err);

/* Output I: for each element of input IN the text that FN appends to TO (empty before). */
typedef inlay_status (*text_map)(const op_call *c, bytes text, buffer *to, inlay_error *err);
inlay_status text_each(op_call *c, int in, int i, text_map fn, inlay_error *err);

/* Output I: the texts that B holds. B is empty afterwards, whatever the result. */
inlay_status text_give(op_call *c, int i, string_builder *b, inlay_error *err);

/* The one string of input IN, which the error calls WHAT. */
inlay_status text_scalar(const op_call *c, int in, const char *what, bytes *out, inlay_error *err);

#endif

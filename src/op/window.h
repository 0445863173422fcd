/* Windows that move over the spatial dimensions of images [batch, height, width, channels] or [batch, channels, height,
 * width], and of volumes, which have a depth in front: what convolutions, pools and patches have in common. */
#ifndef OP_WINDOW_H
#define OP_WINDOW_H

#include "kernel/conv/conv.h"
#include "op/op.h"

/* Attributes. Spatial dimensions are counted as in kernel/conv/: the last `dims` of three, the others are 1. */
typedef struct window_attrs {
    int dims;
    bool channels_first;
    bytes padding; /* SAME, VALID, EXPLICIT */
    int64_t window[CONV_DIMS], stride[CONV_DIMS], dilation[CONV_DIMS];
    int64_t before[CONV_DIMS], after[CONV_DIMS]; /* EXPLICIT */
} window_attrs;

/* Reads data_format, padding, strides, and dilations, explicit_paddings and ksize (the window) where the op has them.
 * DIMS 2 or 3. INVALID_ARGUMENT; UNIMPLEMENTED for a data_format of another kind. */
enum { WINDOW_DILATIONS = 1, WINDOW_EXPLICIT = 2, WINDOW_KSIZE = 4 };
inlay_status window_prepare(const attrs *a, int dims, int what, arena *memory, window_attrs *w, inlay_error *err);

/* A list of one number for each dimension of the tensor, into spatial order; those of batch and channels must be 1.
 * Empty: all are 1. */
inlay_status window_list(const window_attrs *w, const char *name, const int64_t *list, size_t count,
                         int64_t out[CONV_DIMS], inlay_error *err);

/* Where W's window, of sizes WINDOW, comes to lie over an input of sizes s->in: fills s->window, stride, dilation,
 * before and out. INVALID_ARGUMENT when the output has no size. */
inlay_status window_place(const window_attrs *w, const int64_t window[CONV_DIMS], conv_sizes *s, inlay_error *err);

/* The parts of a shape, and a shape of such parts. */
inlay_status window_parts(const window_attrs *w, const shape *dims, int64_t *batch, int64_t *channels,
                          int64_t spatial[CONV_DIMS], inlay_error *err);
shape window_shape(const window_attrs *w, int64_t batch, int64_t channels, const int64_t spatial[CONV_DIMS]);

/* T with channels last, or back as C's output I (T is given away): T itself when W has them last anyway. Any dtype that
 * has a width. */
inlay_status window_channels_last(const window_attrs *w, tensor *t, mem_budget *budget, tensor **out, inlay_error *err);
inlay_status window_give(op_call *c, int i, const window_attrs *w, tensor *t, inlay_error *err);

/* [outer, rows, columns] to [outer, columns, rows], of elements of WIDTH bytes, over the pool. */
void transpose_inner(int64_t outer, int64_t rows, int64_t columns, size_t width, const uint8_t *in, uint8_t *out);

#endif

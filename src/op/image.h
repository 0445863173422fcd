/* What ops on images share. Images are [batch, rows, columns, channels]. */
#ifndef OP_IMAGE_H
#define OP_IMAGE_H

#include "op/op.h"

typedef struct image_dims {
    int64_t batch, rows, cols, channels;
} image_dims;

/* Of a tensor of rank 4. */
inlay_status image_dims_of(const tensor *t, image_dims *out, inlay_error *err);

/* Two positive numbers, rows and columns, from an int32 vector. */
inlay_status image_size_of(const tensor *t, int64_t *rows, int64_t *cols, inlay_error *err);

/* A float32 scalar. WHAT names it. */
inlay_status image_scalar(const tensor *t, const char *what, float *out, inlay_error *err);

/* How many units of UNIT numbers make a part worth a thread. */
static inline int64_t image_grain(int64_t unit) {
    return 16384 / (unit + 1) + 1;
}

#endif

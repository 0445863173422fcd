#include "op/image.h"

inlay_status image_dims_of(const tensor *t, image_dims *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (t->dims.rank != 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "images must be [batch, rows, columns, channels], not %s",
                    shape_text(&t->dims, text));
    const int64_t *d = t->dims.dims;
    *out = (image_dims){d[0], d[1], d[2], d[3]};
    return INLAY_OK;
}

inlay_status image_size_of(const tensor *t, int64_t *rows, int64_t *cols, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (t->dims.rank != 1 || t->count != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "a size must be two numbers, not of shape %s",
                    shape_text(&t->dims, text));
    *rows = tensor_i32(t)[0];
    *cols = tensor_i32(t)[1];
    if (*rows <= 0 || *cols <= 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "a size of %lld x %lld: it must be positive", (long long)*rows,
                    (long long)*cols);
    return INLAY_OK;
}

inlay_status image_scalar(const tensor *t, const char *what, float *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (t->dims.rank != 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be a scalar, not of shape %s", what,
                    shape_text(&t->dims, text));
    *out = *tensor_f32(t);
    return INLAY_OK;
}

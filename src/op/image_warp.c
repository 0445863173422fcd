/* Projective transforms of images. */
#include "kernel/image/pixels.h"
#include "op/families.h"
#include "op/image.h"
#include "op/parallel.h"

#include <math.h>

typedef enum { OUTSIDE_FILL, OUTSIDE_NEAREST, OUTSIDE_REFLECT, OUTSIDE_WRAP } outside;

typedef struct warp_work {
    const tensor *in;
    uint8_t *out;
    image_dims d;
    int64_t rows, cols;
    const float *transforms; /* [transforms, 8] */
    int64_t step;            /* from one image's transform to the next */
    outside outside;
    bool nearest;
    float fill;                   /* as the dtype holds it */
    _Alignas(8) uint8_t value[8]; /* the same in the dtype */
} warp_work;

static float clamp(float at, int64_t size) {
    return at < 0 ? 0 : at > (float)(size - 1) ? (float)(size - 1) : at;
}

/* Largest whole multiples are cut by hand: what does not fit an integer is beyond all images. */
static float whole(float x) {
    return fabsf(x) < 9e18f ? (float)(int64_t)x : x;
}

/* Position AT of a dimension of SIZE brought inside, as scipy.ndimage's modes do. */
static float bring_inside(float at, int64_t size, outside mode) {
    float n = (float)size;
    if (mode == OUTSIDE_FILL) return at;
    if (mode == OUTSIDE_NEAREST) return clamp(at, size);
    if (at >= 0 && at <= n - 1) return at;
    if (size <= 1) return 0;
    if (mode == OUTSIDE_WRAP) {
        if (at < 0)
            at += n * (whole(-at / (n - 1)) + 1);
        else
            at -= n * whole(at / (n - 1));
        return clamp(at, size);
    }
    float twice = 2 * n;
    if (at < 0) {
        at = twice * whole(-at / twice) + at;
        at = at < -n ? at + twice : -at - 1;
    } else {
        at -= twice * whole(at / twice);
        if (at >= n) at = twice - at - 1;
    }
    return clamp(at, size);
}

static const uint8_t *pixel_at(const warp_work *w, int64_t image, int64_t y, int64_t x) {
    size_t pixel = (size_t)w->d.channels * dtype_size(w->in->type);
    return w->in->data + (size_t)((image * w->d.rows + y) * w->d.cols + x) * pixel;
}

static void fill_pixel(const warp_work *w, uint8_t *out) {
    size_t size = dtype_size(w->in->type);
    for (int64_t c = 0; c < w->d.channels; c++) memcpy(out + (size_t)c * size, w->value, size);
}

/* Whether a whole position is in the image: what is not counts as filled. */
static bool inside(const warp_work *w, float y, float x) {
    return y >= 0 && y < (float)w->d.rows && x >= 0 && x < (float)w->d.cols;
}

static void load_corner(const warp_work *w, int64_t image, float y, float x, float *out) {
    if (inside(w, y, x))
        pixels_load(out, pixel_at(w, image, (int64_t)y, (int64_t)x), w->in->type, (size_t)w->d.channels);
    else
        for (int64_t c = 0; c < w->d.channels; c++) out[c] = w->fill;
}

/* Far outside too, where rounding may make something else of four equal corners. */
static void mixed_pixel(const warp_work *w, int64_t image, float y, float x, uint8_t *out, float *scratch) {
    int64_t depth = w->d.channels;
    float top = floorf(y), left = floorf(x), bottom = top + 1, right = left + 1;
    float *corner[4] = {scratch, scratch + depth, scratch + 2 * depth, scratch + 3 * depth};
    for (int k = 0; k < 4; k++) load_corner(w, image, k / 2 ? bottom : top, k % 2 ? right : left, corner[k]);
    for (int64_t c = 0; c < depth; c++) {
        float upper = (right - x) * corner[0][c] + (x - left) * corner[1][c];
        float lower = (right - x) * corner[2][c] + (x - left) * corner[3][c];
        corner[0][c] = (bottom - y) * upper + (y - top) * lower;
    }
    pixels_store(out, w->in->type, corner[0], (size_t)depth);
}

/* Output pixel at ROW, COL of IMAGE. */
static void warp_pixel(const warp_work *w, int64_t image, int64_t row, int64_t col, uint8_t *out, float *scratch) {
    const float *t = w->transforms + image * w->step;
    float across = (float)col, down = (float)row, projection = t[6] * across + t[7] * down + 1.0f;
    float x = bring_inside((t[0] * across + t[1] * down + t[2]) / projection, w->d.cols, w->outside);
    float y = bring_inside((t[3] * across + t[4] * down + t[5]) / projection, w->d.rows, w->outside);
    if (projection == 0 || (w->nearest && !inside(w, roundf(y), roundf(x))))
        fill_pixel(w, out);
    else if (w->nearest)
        memcpy(out, pixel_at(w, image, (int64_t)roundf(y), (int64_t)roundf(x)),
               (size_t)w->d.channels * dtype_size(w->in->type));
    else
        mixed_pixel(w, image, y, x, out, scratch);
}

static void warp_rows(void *ctx, int64_t first, int64_t n, float *scratch) {
    const warp_work *w = ctx;
    size_t pixel = (size_t)w->d.channels * dtype_size(w->in->type);
    for (int64_t r = first; r < first + n; r++)
        for (int64_t x = 0; x < w->cols; x++)
            warp_pixel(w, r / w->rows, r % w->rows, x, w->out + (size_t)(r * w->cols + x) * pixel, scratch);
}

static inlay_status warp_modes(const op_call *c, warp_work *w, inlay_error *err) {
    static const char *const modes[] = {"CONSTANT", "NEAREST", "REFLECT", "WRAP"};
    bytes method, mode;
    TRY(attr_text(&c->node->attributes, "interpolation", &method, err));
    TRY(attr_text(&c->node->attributes, "fill_mode", &mode, err));
    w->nearest = bytes_is(method, "NEAREST");
    if (!w->nearest && !bytes_is(method, "BILINEAR"))
        return fail(err, INLAY_INVALID_ARGUMENT, "interpolation is NEAREST or BILINEAR, not '%.*s'", (int)method.size,
                    (const char *)method.data);
    for (int i = 0; i < 4; i++)
        if (bytes_is(mode, modes[i])) {
            w->outside = (outside)i;
            return INLAY_OK;
        }
    return fail(err, INLAY_INVALID_ARGUMENT, "no fill_mode '%.*s'", (int)mode.size, (const char *)mode.data);
}

static inlay_status warp_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    const shape *t = &c->in[1]->dims;
    warp_work w = {.in = in, .transforms = tensor_f32(c->in[1])};
    char text[SHAPE_TEXT];
    TRY(warp_modes(c, &w, err));
    TRY(image_dims_of(in, &w.d, err));
    if (t->rank != 2 || t->dims[1] != 8 || (t->dims[0] != 1 && t->dims[0] != w.d.batch))
        return fail(err, INLAY_INVALID_ARGUMENT, "transforms must be [images or 1, 8], not %s", shape_text(t, text));
    TRY(image_size_of(c->in[2], &w.rows, &w.cols, err));
    if (c->node->in.count == 4) TRY(image_scalar(c->in[3], "fill_value", &w.fill, err));
    if (!pixels_can(in->type) || in->type == INLAY_INT8 || in->type == INLAY_INT16 || in->type == INLAY_UINT16)
        return op_unsupported(c, in->type, err);
    pixels_store(w.value, in->type, &w.fill, 1);
    pixels_load(&w.fill, w.value, in->type, 1);
    TRY(op_output(c, 0, &(shape){4, {w.d.batch, w.rows, w.cols, w.d.channels}}, &out, err));
    if (out->count == 0) return INLAY_OK;
    w.out = out->data;
    w.step = t->dims[0] == 1 ? 0 : 8;
    return op_parallel_scratch(c, w.d.batch * w.rows, image_grain(4 * w.cols * w.d.channels), 4 * w.d.channels,
                               warp_rows, &w, err);
}

const op_impl image_warp_impls[] = {
    {"ImageProjectiveTransformV2", .run = warp_run},
    {"ImageProjectiveTransformV3", .run = warp_run},
};
OP_FAMILY_END(image_warp);

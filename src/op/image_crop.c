/* Parts of images: crops of another size, glimpses, projective transforms, boxes drawn. */
#include "base/num.h"
#include "kernel/image/pixels.h"
#include "op/families.h"
#include "op/image.h"
#include "op/parallel.h"

#include <math.h>

/* ---- CropAndResize: boxes [boxes, 4], corners y1 x1 y2 x2 from 0 to 1 */

typedef struct crop_work {
    const tensor *image;
    const float *boxes;
    const int32_t *images; /* of each box */
    image_dims d;
    int64_t rows, cols;
    bool nearest;
    float outside;
    float *out;
} crop_work;

/* Where position I of N lies between LOW and HIGH of a dimension of SIZE. */
static float crop_position(float low, float high, int64_t size, int64_t i, int64_t n) {
    if (n == 1) return (float)(0.5 * (double)(low + high) * (double)(size - 1));
    float scale = (high - low) * (float)(size - 1) / (float)(n - 1);
    return low * (float)(size - 1) + (float)i * scale;
}

static void fill(float *out, float value, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = value;
}

/* One pixel at Y, X, which lie in the image; SCRATCH [4, channels]. */
static void crop_pixel(const crop_work *w, int64_t image, float y, float x, float *out, float *scratch) {
    int64_t depth = w->d.channels;
    dtype t = w->image->type;
    int64_t ys[2] = {(int64_t)floorf(y), (int64_t)ceilf(y)}, xs[2] = {(int64_t)floorf(x), (int64_t)ceilf(x)};
    if (w->nearest) ys[0] = (int64_t)roundf(y), xs[0] = (int64_t)roundf(x);
    for (int k = 0; k < (w->nearest ? 1 : 4); k++) {
        size_t at = (size_t)(((image * w->d.rows + ys[k / 2]) * w->d.cols + xs[k % 2]) * depth);
        pixels_load(w->nearest ? out : scratch + k * depth, w->image->data + at * dtype_size(t), t, (size_t)depth);
    }
    if (w->nearest) return;
    const float *corner[4] = {scratch, scratch + depth, scratch + 2 * depth, scratch + 3 * depth};
    float across = x - (float)xs[0], down = y - (float)ys[0];
    for (int64_t c = 0; c < depth; c++) {
        float top = corner[0][c] + (corner[1][c] - corner[0][c]) * across;
        float bottom = corner[2][c] + (corner[3][c] - corner[2][c]) * across;
        out[c] = top + (bottom - top) * down;
    }
}

/* Rows of all crops. */
static void crop_rows(void *ctx, int64_t first, int64_t n, float *scratch) {
    const crop_work *w = ctx;
    int64_t depth = w->d.channels;
    for (int64_t r = first; r < first + n; r++) {
        int64_t box = r / w->rows;
        const float *corner = w->boxes + 4 * box;
        float y = crop_position(corner[0], corner[2], w->d.rows, r % w->rows, w->rows);
        float *out = w->out + r * w->cols * depth;
        bool above = !(y >= 0 && y <= (float)(w->d.rows - 1));
        for (int64_t i = 0; i < w->cols; i++, out += depth) {
            float x = crop_position(corner[1], corner[3], w->d.cols, i, w->cols);
            if (above || !(x >= 0 && x <= (float)(w->d.cols - 1)))
                fill(out, w->outside, depth);
            else
                crop_pixel(w, w->images[box], y, x, out, scratch);
        }
    }
}

static inlay_status check_boxes(const tensor *boxes, const tensor *images, int64_t batch, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    bool none = boxes->count == 0 && images->count == 0;
    if (boxes->dims.rank != 2 || images->dims.rank != 1 ||
        (!none && (boxes->dims.dims[1] != 4 || boxes->dims.dims[0] != images->count)))
        return fail(err, INLAY_INVALID_ARGUMENT, "boxes of shape %s with indices of shape %s",
                    shape_text(&boxes->dims, a), shape_text(&images->dims, b));
    for (int64_t i = 0; i < images->count; i++)
        if (tensor_i32(images)[i] < 0 || tensor_i32(images)[i] >= batch)
            return fail(err, INLAY_OUT_OF_RANGE, "box %lld is of image %d of %lld", (long long)i,
                        (int)tensor_i32(images)[i], (long long)batch);
    for (int64_t i = 0; i < boxes->count; i++)
        if (!isfinite(tensor_f32(boxes)[i])) return fail(err, INLAY_INVALID_ARGUMENT, "a box is not finite");
    return INLAY_OK;
}

static inlay_status crop_method(const op_call *c, bool *nearest, inlay_error *err) {
    bytes method;
    TRY(attr_text(&c->node->attributes, "method", &method, err));
    *nearest = bytes_is(method, "nearest");
    if (!*nearest && !bytes_is(method, "bilinear"))
        return fail(err, INLAY_INVALID_ARGUMENT, "method is 'bilinear' or 'nearest', not '%.*s'", (int)method.size,
                    (const char *)method.data);
    return INLAY_OK;
}

static inlay_status crop_run(op_call *c, inlay_error *err) {
    tensor *out;
    crop_work w = {.image = c->in[0], .boxes = tensor_f32(c->in[1]), .images = tensor_i32(c->in[2])};
    TRY(crop_method(c, &w.nearest, err));
    TRY(attr_float(&c->node->attributes, "extrapolation_value", &w.outside, err));
    TRY(image_dims_of(c->in[0], &w.d, err));
    if (!pixels_can(c->in[0]->type) || c->in[0]->type == INLAY_BFLOAT16) return op_unsupported(c, c->in[0]->type, err);
    if (w.d.rows == 0 || w.d.cols == 0) return fail(err, INLAY_INVALID_ARGUMENT, "an image without pixels");
    TRY(image_size_of(c->in[3], &w.rows, &w.cols, err));
    TRY(check_boxes(c->in[1], c->in[2], w.d.batch, err));
    TRY(op_output(c, 0, &(shape){4, {c->in[2]->count, w.rows, w.cols, w.d.channels}}, &out, err));
    if (out->count == 0) return INLAY_OK;
    w.out = tensor_f32(out);
    return op_parallel_scratch(c, c->in[2]->count * w.rows, image_grain(4 * w.cols * w.d.channels), 4 * w.d.channels,
                               crop_rows, &w, err);
}

/* ---- ExtractGlimpse: a window of each image; what lies outside is zero */

typedef struct window {
    int64_t from, to, n; /* copied: N from input position FROM to output position TO */
} window;

/* The window of SIZE at OFFSET in a dimension of LENGTH. As TensorFlow has it, what starts before the image ends at the
 * window's end. */
static window window_of(float offset, int64_t size, int64_t length) {
    window w = {.n = size < length ? size : length};
    if (!(offset > -1e9f)) return (window){0};
    if (offset > 1e9f) return (window){0};
    int64_t at = (int64_t)offset;
    w.from = at < 0 ? 0 : at;
    if (at < 0) {
        w.n = size + at > 0 ? size + at : 0;
        w.to = size - w.n;
        if (w.n > length) w.n = length;
    } else if (at + size >= length) {
        w.n = length - at > 0 ? length - at : 0;
    }
    return w;
}

typedef struct glimpse_frame {
    bool centered, normalized;
    bool first; /* the op's first version: offsets are of the window's centre */
} glimpse_frame;

static float glimpse_offset(float at, int64_t size, int64_t length, glimpse_frame f) {
    if (f.normalized) at *= (float)length;
    if (f.centered && (f.normalized || f.first)) at /= 2;
    if (f.centered) at += (float)length / 2;
    return f.first || (f.normalized && f.centered) ? at - (float)size / 2 : at;
}

/* Noise would be other than TensorFlow's in any case: it is refused where it would be seen. */
static inlay_status glimpse_noise(const op_call *c, bool *zero, inlay_error *err) {
    bytes noise;
    bool uniform;
    TRY(attr_bool(&c->node->attributes, "uniform_noise", &uniform, err));
    TRY(attr_text(&c->node->attributes, "noise", &noise, err));
    if (uniform && noise.size && !bytes_is(noise, "uniform"))
        return fail(err, INLAY_INVALID_ARGUMENT, "uniform_noise and noise exclude each other");
    *zero = bytes_is(noise, "zero");
    if (noise.size && !*zero && !bytes_is(noise, "uniform") && !bytes_is(noise, "gaussian"))
        return fail(err, INLAY_INVALID_ARGUMENT, "noise is 'uniform', 'gaussian' or 'zero', not '%.*s'",
                    (int)noise.size, (const char *)noise.data);
    return INLAY_OK;
}

static inlay_status glimpse_image(const op_call *c, tensor *out, const image_dims *d, int64_t image, glimpse_frame f,
                                  bool zero, inlay_error *err) {
    int64_t rows = out->dims.dims[1], cols = out->dims.dims[2];
    const float *offset = tensor_f32(c->in[2]) + 2 * image;
    window y = window_of(glimpse_offset(offset[0], rows, d->rows, f), rows, d->rows);
    window x = window_of(glimpse_offset(offset[1], cols, d->cols, f), cols, d->cols);
    if (!zero && (y.n != rows || x.n != cols))
        return fail(err, INLAY_UNIMPLEMENTED, "a glimpse that reaches out of its image needs noise='zero'");
    float *to = tensor_f32(out) + image * rows * cols * d->channels;
    const float *from = tensor_f32(c->in[0]) + image * d->rows * d->cols * d->channels;
    for (int64_t r = 0; r < y.n && x.n; r++)
        memcpy(to + ((y.to + r) * cols + x.to) * d->channels, from + ((y.from + r) * d->cols + x.from) * d->channels,
               (size_t)(x.n * d->channels) * sizeof *to);
    return INLAY_OK;
}

static inlay_status glimpse_run(op_call *c, inlay_error *err) {
    image_dims d;
    int64_t rows, cols;
    glimpse_frame f = {.first = c->node->impl->detail == 1};
    bool zero;
    tensor *out;
    TRY(attr_bool(&c->node->attributes, "centered", &f.centered, err));
    TRY(attr_bool(&c->node->attributes, "normalized", &f.normalized, err));
    TRY(glimpse_noise(c, &zero, err));
    TRY(image_dims_of(c->in[0], &d, err));
    TRY(image_size_of(c->in[1], &rows, &cols, err));
    shape pairs = shape_matrix(d.batch, 2);
    if (!shape_equal(&c->in[2]->dims, &pairs)) return fail(err, INLAY_INVALID_ARGUMENT, "offsets must be two an image");
    if (d.rows == 0 || d.cols == 0) return fail(err, INLAY_INVALID_ARGUMENT, "an image without pixels");
    TRY(op_output(c, 0, &(shape){4, {d.batch, rows, cols, d.channels}}, &out, err));
    memset(out->data, 0, (size_t)out->size);
    for (int64_t i = 0; i < d.batch; i++) TRY(glimpse_image(c, out, &d, i, f, zero, err));
    return INLAY_OK;
}

/* ---- DrawBoundingBoxes: the outline of each box, one pixel wide */

static const float colors[10][4] = {{1, 1, 0, 1},     {0, 0, 1, 1},   {1, 0, 0, 1},   {0, 1, 0, 1}, {0.5, 0, 0.5, 1},
                                    {0.5, 0.5, 0, 1}, {0.5, 0, 0, 1}, {0, 0, 0.5, 1}, {0, 1, 1, 1}, {1, 0, 1, 1}};

typedef struct canvas {
    uint8_t *image;
    int64_t rows, cols;
    size_t pixel;
    _Alignas(8) uint8_t color[16];
} canvas;

static void draw_row(const canvas *v, int64_t row, int64_t first, int64_t last) {
    for (int64_t x = first; x <= last; x++)
        memcpy(v->image + (size_t)(row * v->cols + x) * v->pixel, v->color, v->pixel);
}
static void draw_col(const canvas *v, int64_t col, int64_t first, int64_t last) {
    for (int64_t y = first; y <= last; y++)
        memcpy(v->image + (size_t)(y * v->cols + col) * v->pixel, v->color, v->pixel);
}

/* In pixels; far outside where it does not fit. */
static int64_t corner_of(float at, int64_t size) {
    float v = at * (float)(size - 1);
    return v > -1e12f && v < 1e12f ? (int64_t)v : v > 0 ? INT64_MAX : INT64_MIN;
}

static void draw_box(const canvas *v, const float *box) {
    int64_t top = corner_of(box[0], v->rows), left = corner_of(box[1], v->cols);
    int64_t bottom = corner_of(box[2], v->rows), right = corner_of(box[3], v->cols);
    if (top > bottom || left > right || top >= v->rows || bottom < 0 || left >= v->cols || right < 0) return;
    int64_t first_row = top > 0 ? top : 0, last_row = bottom < v->rows ? bottom : v->rows - 1;
    int64_t first_col = left > 0 ? left : 0, last_col = right < v->cols ? right : v->cols - 1;
    if (top >= 0) draw_row(v, top, first_col, last_col);
    if (bottom < v->rows) draw_row(v, bottom, first_col, last_col);
    if (left >= 0) draw_col(v, left, first_row, last_row);
    if (right < v->cols) draw_col(v, right, first_row, last_row);
}

/* Color I of CHANNELS in the image's dtype. */
static void color_of(const tensor *given, int64_t i, dtype t, int64_t channels, uint8_t *out) {
    float color[4];
    if (given) {
        memcpy(color, tensor_f32(given) + i % given->dims.dims[0] * given->dims.dims[1],
               (size_t)channels * sizeof *color);
    } else {
        memcpy(color, colors[i % 10], sizeof color);
        if (channels == 1) color[0] = 1;
    }
    pixels_store(out, t, color, (size_t)channels);
}

static inlay_status draw_check(const op_call *c, const image_dims *d, inlay_error *err) {
    const tensor *boxes = c->in[1];
    char text[SHAPE_TEXT];
    if (d->channels != 1 && d->channels != 3 && d->channels != 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "images to draw on have 1, 3 or 4 channels, not %lld",
                    (long long)d->channels);
    if (boxes->dims.rank != 3 || boxes->dims.dims[0] != d->batch || boxes->dims.dims[2] != 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "boxes must be [images, boxes, 4], not %s",
                    shape_text(&boxes->dims, text));
    if (c->node->in.count == 3 && (c->in[2]->dims.rank != 2 || c->in[2]->dims.dims[1] < d->channels))
        return fail(err, INLAY_INVALID_ARGUMENT, "colors must be [colors, channels], not %s",
                    shape_text(&c->in[2]->dims, text));
    return INLAY_OK;
}

static inlay_status draw_run(op_call *c, inlay_error *err) {
    image_dims d;
    tensor *in = c->in[0], *out;
    TRY(image_dims_of(in, &d, err));
    TRY(draw_check(c, &d, err));
    if (in->type != INLAY_FLOAT32 && in->type != INLAY_FLOAT16) return op_unsupported(c, in->type, err);
    const tensor *given = c->node->in.count == 3 && c->in[2]->count ? c->in[2] : NULL;
    TRY(op_output_over(c, 0, 0, &in->dims, &out, err));
    if (out != in) memcpy(out->data, in->data, (size_t)in->size);
    canvas v = {.rows = d.rows, .cols = d.cols, .pixel = (size_t)d.channels * dtype_size(in->type)};
    int64_t boxes = c->in[1]->dims.dims[1];
    for (int64_t i = 0; i < d.batch * boxes && out->count; i++) {
        v.image = out->data + (size_t)(i / boxes * d.rows * d.cols) * v.pixel;
        color_of(given, i % boxes, in->type, d.channels, v.color);
        draw_box(&v, tensor_f32(c->in[1]) + 4 * i);
    }
    return INLAY_OK;
}

const op_impl image_crop_impls[] = {
    {"CropAndResize", .run = crop_run},
    {"ExtractGlimpse", .run = glimpse_run, .detail = 1},
    {"ExtractGlimpseV2", .run = glimpse_run, .detail = 2},
    {"DrawBoundingBoxes", .run = draw_run},
    {"DrawBoundingBoxesV2", .run = draw_run},
};
OP_FAMILY_END(image_crop);

/* Colours of images: hue, saturation, contrast. */
#include "kernel/image/color.h"
#include "kernel/image/pixels.h"
#include "op/families.h"
#include "op/image.h"
#include "op/parallel.h"

enum { GRAIN = 4096 }; /* pixels */

static inlay_status check_rgb(const tensor *t, int rank, inlay_error *err) {
    char text[SHAPE_TEXT];
    bool ranked = t->dims.rank >= rank; /* an op that takes any rank says the other error as TensorFlow does */
    if (!ranked || t->dims.dims[t->dims.rank - 1] != 3)
        return fail(err, ranked && rank == 1 ? INLAY_FAILED_PRECONDITION : INLAY_INVALID_ARGUMENT,
                    "images with three channels are needed, not of shape %s", shape_text(&t->dims, text));
    return INLAY_OK;
}

typedef struct color_work {
    color_fn convert;
    void (*adjust)(float *out, const float *in, size_t n, float amount);
    float amount;
    const tensor *in;
    tensor *out;
} color_work;

static void convert_part(void *ctx, int64_t first, int64_t n) {
    const color_work *w = ctx;
    size_t at = (size_t)first * 3 * dtype_size(w->in->type);
    w->convert(w->out->data + at, w->in->data + at, (size_t)n);
}

enum { TO_HSV, TO_RGB };

static inlay_status convert_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0];
    color_work w = {.in = in};
    w.convert = c->node->impl->detail == TO_HSV ? color_rgb_to_hsv(in->type) : color_hsv_to_rgb(in->type);
    if (!w.convert) return op_unsupported(c, in->type, err);
    TRY(check_rgb(in, 1, err));
    TRY(op_output_over(c, 0, 0, &in->dims, &w.out, err));
    op_parallel(in->count / 3, GRAIN, convert_part, &w);
    return INLAY_OK;
}

static void adjust_part(void *ctx, int64_t first, int64_t n) {
    const color_work *w = ctx;
    w->adjust(tensor_f32(w->out) + 3 * first, tensor_f32(w->in) + 3 * first, (size_t)n, w->amount);
}

enum { HUE, SATURATION };

static inlay_status adjust_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0];
    color_work w = {.in = in, .adjust = c->node->impl->detail == HUE ? color_turn_hue : color_saturate};
    if (in->type != INLAY_FLOAT32) return op_unsupported(c, in->type, err);
    TRY(check_rgb(in, 3, err));
    TRY(image_scalar(c->in[1], "the change", &w.amount, err));
    TRY(op_output_over(c, 0, 0, &in->dims, &w.out, err));
    op_parallel(in->count / 3, GRAIN, adjust_part, &w);
    return INLAY_OK;
}

/* ---- contrast: distances from each image's mean */

typedef struct contrast_work {
    const tensor *in;
    float *out;
    int64_t pixels, channels; /* of an image */
    float factor, least, most;
    bool clip;
} contrast_work;

/* Of integers too, through the output. */
static void clipped_image(const contrast_work *w, int64_t image, float *means) {
    int64_t n = w->pixels * w->channels;
    float *out = w->out + image * n;
    pixels_load(out, w->in->data + (size_t)(image * n) * dtype_size(w->in->type), w->in->type, (size_t)n);
    for (int64_t c = 0; c < w->channels; c++) {
        double sum = 0;
        for (int64_t i = 0; i < w->pixels; i++) sum += (double)out[i * w->channels + c];
        means[c] = (float)sum / (float)w->pixels;
    }
    for (int64_t i = 0; i < n; i++) {
        float mean = means[i % w->channels], x = (out[i] - mean) * w->factor + mean;
        x = x > w->most ? w->most : x;
        out[i] = x < w->least ? w->least : x;
    }
}

static void contrast_images(void *ctx, int64_t first, int64_t n, float *scratch) {
    const contrast_work *w = ctx;
    int64_t size = w->pixels * w->channels;
    for (int64_t i = first; i < first + n; i++) {
        if (w->clip) {
            clipped_image(w, i, scratch);
            continue;
        }
        const float *in = tensor_f32(w->in) + i * size;
        color_means(scratch, in, w->pixels, w->channels, scratch + w->channels);
        color_contrast(w->out + i * size, in, scratch, w->pixels, w->channels, w->factor);
    }
}

static inlay_status contrast_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    contrast_work w = {.in = in, .clip = c->node->impl->detail};
    bool fits = w.clip ? pixels_can(in->type) && in->type != INLAY_FLOAT16 && in->type != INLAY_BFLOAT16 &&
                             in->type != INLAY_UINT16 && in->type != INLAY_INT64
                       : in->type == INLAY_FLOAT32;
    int rank = in->dims.rank;
    if (!fits) return op_unsupported(c, in->type, err);
    if (rank < 3) return fail(err, INLAY_INVALID_ARGUMENT, "an image must have rows, columns and channels");
    TRY(image_scalar(c->in[1], "contrast_factor", &w.factor, err));
    if (w.clip) TRY(image_scalar(c->in[2], "min_value", &w.least, err));
    if (w.clip) TRY(image_scalar(c->in[3], "max_value", &w.most, err));
    TRY(op_output(c, 0, &in->dims, &out, err));
    if (in->count == 0) return INLAY_OK;
    w.out = tensor_f32(out);
    w.channels = in->dims.dims[rank - 1];
    w.pixels = op_span(&in->dims, rank - 3, rank - 1);
    return op_parallel_scratch(c, op_span(&in->dims, 0, rank - 3), image_grain(w.pixels * w.channels),
                               w.channels * ((w.pixels + 1) / 2 + 1), contrast_images, &w, err);
}

const op_impl image_color_impls[] = {
    {"RGBToHSV", .run = convert_run, .detail = TO_HSV},   {"HSVToRGB", .run = convert_run, .detail = TO_RGB},
    {"AdjustHue", .run = adjust_run, .detail = HUE},      {"AdjustSaturation", .run = adjust_run, .detail = SATURATION},
    {"AdjustContrast", .run = contrast_run, .detail = 1}, {"AdjustContrastv2", .run = contrast_run, .detail = 0},
};
OP_FAMILY_END(image_color);

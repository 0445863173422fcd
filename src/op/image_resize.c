/* Images of another size. */
#include "kernel/image/pixels.h"
#include "kernel/image/resize.h"
#include "kernel/image/sample.h"
#include "op/families.h"
#include "op/image.h"
#include "op/parallel.h"

static inlay_status check_image(const op_call *c, const image_dims *d, inlay_error *err) {
    if (!pixels_can(c->in[0]->type)) return op_unsupported(c, c->in[0]->type, err);
    if (d->channels == 0) return fail(err, INLAY_INVALID_ARGUMENT, "an image must have a channel");
    if (d->rows == 0 || d->cols == 0 || d->rows >= INT32_MAX || d->cols >= INT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "an image of %lld x %lld", (long long)d->rows, (long long)d->cols);
    return INLAY_OK;
}

typedef struct resize_work {
    resize_kind kind;
    resize_job job;
} resize_work;

static void resize_part(void *ctx, int64_t first, int64_t n, float *scratch) {
    const resize_work *w = ctx;
    resize_rows(w->kind, &w->job, first, n, scratch);
}

/* The job's axes from the node's attributes. */
static inlay_status resize_axes(op_call *c, const image_dims *d, int64_t rows, int64_t cols, resize_job *job,
                                inlay_error *err) {
    bool align = false, half = false;
    TRY(attr_bool(&c->node->attributes, "align_corners", &align, err));
    if (c->node->impl->detail != RESIZE_AREA) TRY(attr_bool(&c->node->attributes, "half_pixel_centers", &half, err));
    if (align && half)
        return fail(err, INLAY_INVALID_ARGUMENT, "align_corners and half_pixel_centers exclude each other");
    job->y = resize_axis_of(d->rows, rows, align, half);
    job->x = resize_axis_of(d->cols, cols, align, half);
    return INLAY_OK;
}

static inlay_status resize_run(op_call *c, inlay_error *err) {
    image_dims d;
    int64_t rows, cols;
    tensor *out;
    resize_work w = {.kind = (resize_kind)c->node->impl->detail, .job = {.in = c->in[0]->data, .type = c->in[0]->type}};
    TRY(image_dims_of(c->in[0], &d, err));
    TRY(image_size_of(c->in[1], &rows, &cols, err));
    TRY(resize_axes(c, &d, rows, cols, &w.job, err));
    TRY(check_image(c, &d, err));
    TRY(op_output(c, 0, &(shape){4, {d.batch, rows, cols, d.channels}}, &out, err));
    if (out->count == 0) return INLAY_OK;
    resize_tap *taps = mem_array((size_t)cols, sizeof *taps);
    if (!taps) return fail_memory(err);
    for (int64_t i = 0; i < cols; i++) taps[i] = resize_tap_of(w.kind, &w.job.x, i);
    w.job.taps = taps;
    w.job.channels = d.channels;
    w.job.out = out->data;
    int64_t unit = cols * d.channels * (w.kind == RESIZE_AREA ? 1 + (int64_t)w.job.y.scale : 1);
    inlay_status status =
        op_parallel_scratch(c, d.batch * rows, image_grain(unit), resize_scratch(w.kind, &w.job), resize_part, &w, err);
    mem_free(taps);
    return status;
}

/* ---- ScaleAndTranslate: rows first, then columns */

typedef struct sample_work {
    sample_axis y, x;
    int64_t *y_starts, *x_starts; /* [rows], [columns] */
    float *y_weights, *x_weights;
    const tensor *in;
    float *out;
    int64_t channels;
} sample_work;

static void sample_part(void *ctx, int64_t first, int64_t n, float *scratch) {
    const sample_work *w = ctx;
    int64_t width = w->x.in * w->channels;
    float *sum = scratch, *row = scratch + width;
    for (int64_t r = first; r < first + n; r++) {
        int64_t y = r % w->y.out, start = w->y_starts[y], image = r / w->y.out;
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int64_t k = 0; k < w->y.span && start + k < w->y.in; k++) {
            size_t at = (size_t)((image * w->y.in + start + k) * width);
            float weight = w->y_weights[y * w->y.span + k];
            pixels_load(row, w->in->data + at * dtype_size(w->in->type), w->in->type, (size_t)width);
            for (int64_t i = 0; i < width; i++) sum[i] += row[i] * weight;
        }
        sample_across(&w->x, w->x_starts, w->x_weights, sum, w->channels, w->out + r * w->x.out * w->channels);
    }
}

/* Spans of one dimension in a tensor of [out * span] weights and one of [out] starts. */
static inlay_status make_spans(op_call *c, const sample_kernel *kernel, sample_axis *axis, tensor **starts,
                               tensor **weights, inlay_error *err) {
    shape one = shape_vector(axis->out), all = shape_matrix(axis->out, axis->span);
    TRY(tensor_new(INLAY_INT64, &one, c->budget, starts, err));
    TRY(tensor_new(INLAY_FLOAT32, &all, c->budget, weights, err));
    sample_spans(kernel, axis, tensor_i64(*starts), tensor_f32(*weights));
    return INLAY_OK;
}

static inlay_status sample_axes(op_call *c, const image_dims *d, sample_work *w, inlay_error *err) {
    TRY(image_size_of(c->in[1], &w->y.out, &w->x.out, err));
    for (int i = 2; i < 4; i++)
        if (c->in[i]->dims.rank != 1 || c->in[i]->count != 2)
            return fail(err, INLAY_INVALID_ARGUMENT, "scale and translation must be two numbers each");
    const float *scale = tensor_f32(c->in[2]), *shift = tensor_f32(c->in[3]);
    if (!(scale[0] > 0 && scale[1] > 0)) return fail(err, INLAY_INVALID_ARGUMENT, "a scale must be greater than zero");
    bool antialias;
    TRY(attr_bool(&c->node->attributes, "antialias", &antialias, err));
    w->y = (sample_axis){d->rows, w->y.out, scale[0], shift[0], antialias, 0};
    w->x = (sample_axis){d->cols, w->x.out, scale[1], shift[1], antialias, 0};
    return INLAY_OK;
}

static inlay_status sample_run(op_call *c, inlay_error *err) {
    image_dims d;
    bytes name;
    tensor *out, *parts[4] = {0};
    sample_work w = {.in = c->in[0]};
    TRY(attr_text(&c->node->attributes, "kernel_type", &name, err));
    const sample_kernel *kernel = sample_kernel_named(name);
    if (!kernel)
        return fail(err, INLAY_INVALID_ARGUMENT, "no kernel_type '%.*s'", (int)name.size, (const char *)name.data);
    TRY(image_dims_of(c->in[0], &d, err));
    TRY(sample_axes(c, &d, &w, err));
    TRY(check_image(c, &d, err));
    TRY(op_output(c, 0, &(shape){4, {d.batch, w.y.out, w.x.out, d.channels}}, &out, err));
    if (out->count == 0) return INLAY_OK;
    inlay_status status;
    sample_measure(kernel, &w.y);
    sample_measure(kernel, &w.x);
    TRY_TO(done, make_spans(c, kernel, &w.y, &parts[0], &parts[1], err));
    TRY_TO(done, make_spans(c, kernel, &w.x, &parts[2], &parts[3], err));
    w.y_starts = tensor_i64(parts[0]);
    w.y_weights = tensor_f32(parts[1]);
    w.x_starts = tensor_i64(parts[2]);
    w.x_weights = tensor_f32(parts[3]);
    w.out = tensor_f32(out);
    w.channels = d.channels;
    int64_t width = d.cols * d.channels;
    status = op_parallel_scratch(c, d.batch * w.y.out, image_grain(width * w.y.span), 2 * width, sample_part, &w, err);
done:
    for (int i = 0; i < 4; i++) tensor_release(parts[i]);
    return status;
}

const op_impl image_resize_impls[] = {
    {"ResizeNearestNeighbor", .run = resize_run, .detail = RESIZE_NEAREST},
    {"ResizeBilinear", .run = resize_run, .detail = RESIZE_LINEAR},
    {"ResizeBicubic", .run = resize_run, .detail = RESIZE_CUBIC},
    {"ResizeArea", .run = resize_run, .detail = RESIZE_AREA},
    {"ScaleAndTranslate", .run = sample_run},
};
OP_FAMILY_END(image_resize);

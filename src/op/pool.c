/* Pools and what else looks at windows without a filter of weights. */
#include "kernel/conv/pool.h"

#include "base/num.h"
#include "kernel/cast/cast.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/top.h"
#include "op/window.h"

#include <math.h>

enum { MAX = 0, MEAN = 1, VOLUME = 2, SIZED_BY_INPUT = 4, EXPLICIT = 8 }; /* op_impl.detail */
enum { GRAIN = 8192 };                                                    /* numbers looked at */

static inlay_status pool_prepare(op_node *node, op_setting *s, inlay_error *err) {
    int detail = node->impl->detail, what = detail & SIZED_BY_INPUT ? 0 : WINDOW_KSIZE;
    window_attrs *w = arena_zalloc(s->memory, 1, sizeof *w);
    if (!w) return fail_memory(err);
    node->state = w;
    if (detail & EXPLICIT) what |= WINDOW_EXPLICIT;
    return window_prepare(&node->attributes, detail & VOLUME ? 3 : 2, what, s->memory, w, err);
}

/* MaxPoolV2 is told sizes and strides by tensors. */
static inlay_status read_sizes(const tensor *t, const char *name, const window_attrs *w, int64_t out[CONV_DIMS],
                               inlay_error *err) {
    int64_t list[CONV_DIMS + 2];
    if (t->count > CONV_DIMS + 2 || t->count == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s has %lld elements", name, (long long)t->count);
    for (int64_t i = 0; i < t->count; i++) TRY(tensor_as_int(t, i, name, &list[i], err));
    return window_list(w, name, list, (size_t)t->count, out, err);
}

typedef struct pool_work {
    const conv_sizes *s;
    window_fn fn;
    const void *in;
    void *out;
} pool_work;

static void pool_rows(void *ctx, int64_t first, int64_t n) {
    const pool_work *w = ctx;
    w->fn(w->s, w->in, w->out, first, n);
}

/* Rows that a thread should have at least. */
static int64_t grain_of(const conv_sizes *s) {
    int64_t work = s->out[2] * s->channels * conv_pixels(s->window);
    return GRAIN / (work ? work : 1) + 1;
}

/* OUT, of IN's dtype; half precision by way of float32. */
static inlay_status pool_into(op_call *c, const conv_sizes *s, tensor *in, tensor *out, inlay_error *err) {
    bool narrow = in->type == INLAY_FLOAT16 || in->type == INLAY_BFLOAT16;
    dtype t = narrow ? INLAY_FLOAT32 : in->type;
    window_fn fn = c->node->impl->detail & MEAN ? window_mean(t) : window_max(t);
    tensor *wide_in = NULL, *wide_out = NULL;
    if (!fn) return op_unsupported(c, in->type, err);
    inlay_status status = narrow ? tensor_to_float(in, t, c->budget, &wide_in, err) : INLAY_OK;
    if (status == INLAY_OK && narrow) status = tensor_new(t, &out->dims, c->budget, &wide_out, err);
    if (status == INLAY_OK) {
        pool_work w = {s, fn, narrow ? wide_in->data : in->data, narrow ? wide_out->data : out->data};
        op_parallel(s->batch * s->out[0] * s->out[1], grain_of(s), pool_rows, &w);
        if (narrow) cast_run(out->data, out->type, wide_out->data, t, (size_t)out->count);
    }
    tensor_release(wide_in);
    tensor_release(wide_out);
    return status;
}

static inlay_status place_pool(op_call *c, window_attrs *w, conv_sizes *s, shape *dims, inlay_error *err) {
    int64_t count;
    if (c->node->impl->detail & SIZED_BY_INPUT) {
        TRY(read_sizes(c->in[1], "ksize", w, w->window, err));
        TRY(read_sizes(c->in[2], "strides", w, w->stride, err));
    }
    *s = (conv_sizes){0};
    TRY(window_parts(w, &c->in[0]->dims, &s->batch, &s->channels, s->in, err));
    TRY(window_place(w, w->window, s, err));
    w->channels_first = false;
    *dims = window_shape(w, s->batch, s->channels, s->out);
    return shape_elements(dims, &count) ? INLAY_OK : fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
}

static inlay_status pool_run_op(op_call *c, inlay_error *err) {
    const window_attrs *as_given = c->node->state;
    window_attrs w = *as_given;
    conv_sizes s;
    shape dims;
    tensor *in, *out;
    TRY(place_pool(c, &w, &s, &dims, err));
    TRY(window_channels_last(as_given, c->in[0], c->budget, &in, err));
    inlay_status status = tensor_new(in->type, &dims, c->budget, &out, err);
    if (status == INLAY_OK) {
        status = pool_into(c, &s, in, out, err);
        if (status == INLAY_OK)
            status = window_give(c, 0, as_given, out, err);
        else
            tensor_release(out);
    }
    tensor_release(in);
    return status;
}

/* ---- with the places of the largest */

typedef struct argmax_work {
    const conv_sizes *s;
    const tensor *in;
    tensor *values, *places;
    bool with_batch;
} argmax_work;

/* Channel C of the window that begins at (Y0, X0) of the image whose first pixel is IMAGE: where its largest lies. */
static int64_t largest_at(const argmax_work *w, int64_t image, int64_t y0, int64_t x0, int64_t c) {
    const conv_sizes *s = w->s;
    int64_t found = -1, most = 0;
    for (int64_t y = max_i64(y0, 0); y < y0 + s->window[1] && y < s->in[1]; y++)
        for (int64_t x = max_i64(x0, 0); x < x0 + s->window[2] && x < s->in[2]; x++) {
            int64_t at = (image + y * s->in[2] + x) * s->channels + c, key = order_key(w->in, at);
            if (found >= 0 && key <= most) continue;
            most = key;
            found = at;
        }
    return found;
}

static void argmax_pixels(void *ctx, int64_t first, int64_t n) {
    const argmax_work *w = ctx;
    const conv_sizes *s = w->s;
    size_t width = dtype_size(w->in->type);
    for (int64_t p = first; p < first + n; p++) {
        int64_t image = p / s->out[2] / s->out[1] * s->in[1] * s->in[2];
        int64_t y0 = p / s->out[2] % s->out[1] * s->stride[1] - s->before[1];
        int64_t x0 = p % s->out[2] * s->stride[2] - s->before[2];
        for (int64_t c = 0; c < s->channels; c++) {
            int64_t at = largest_at(w, image, y0, x0, c), to = p * s->channels + c;
            memcpy(w->values->data + (size_t)to * width, w->in->data + (size_t)at * width, width);
            order_put_place(w->places, to, w->with_batch ? at : at - image * s->channels);
        }
    }
}

static inlay_status argmax_run(op_call *c, inlay_error *err) {
    window_attrs w = *(const window_attrs *)c->node->state;
    conv_sizes s;
    shape dims;
    argmax_work work = {.s = &s, .in = c->in[0]};
    TRY(attr_bool(&c->node->attributes, "include_batch_in_index", &work.with_batch, err));
    if (w.channels_first) return fail(err, INLAY_UNIMPLEMENTED, "data_format NCHW is not supported");
    if (c->in[0]->count == 0) return fail(err, INLAY_INVALID_ARGUMENT, "the input must not be empty");
    if (!order_known(c->in[0]->type)) return op_unsupported(c, c->in[0]->type, err);
    TRY(place_pool(c, &w, &s, &dims, err));
    TRY(op_output(c, 0, &dims, &work.values, err));
    TRY(op_output(c, 1, &dims, &work.places, err));
    op_parallel(s.batch * s.out[1] * s.out[2], grain_of(&s) / 8 + 1, argmax_pixels, &work);
    return INLAY_OK;
}

/* ---- the largest of sums with a filter */

static inlay_status dilation_prepare(op_node *node, op_setting *s, inlay_error *err) {
    window_attrs *w = arena_zalloc(s->memory, 1, sizeof *w);
    int64_t *rates;
    size_t count;
    if (!w) return fail_memory(err);
    node->state = w;
    TRY(window_prepare(&node->attributes, 2, 0, s->memory, w, err));
    TRY(attr_ints(&node->attributes, "rates", s->memory, &rates, &count, err));
    return window_list(w, "rates", rates, count, w->dilation, err);
}

typedef struct dilation_work {
    const conv_sizes *s;
    const double *in, *filter;
    double *out;
} dilation_work;

static void dilate_pixels(void *ctx, int64_t first, int64_t n) {
    const dilation_work *w = ctx;
    const conv_sizes *s = w->s;
    for (int64_t p = first; p < first + n; p++) {
        int64_t x0 = p % s->out[2] * s->stride[2] - s->before[2];
        int64_t y0 = p / s->out[2] % s->out[1] * s->stride[1] - s->before[1], b = p / s->out[2] / s->out[1];
        double *to = w->out + p * s->channels;
        for (int64_t c = 0; c < s->channels; c++) to[c] = -INFINITY;
        for (int64_t i = 0; i < s->window[1]; i++)
            for (int64_t j = 0; j < s->window[2]; j++) {
                int64_t y = y0 + i * s->dilation[1], x = x0 + j * s->dilation[2];
                if (y < 0 || y >= s->in[1] || x < 0 || x >= s->in[2]) continue;
                const double *from = w->in + ((b * s->in[1] + y) * s->in[2] + x) * s->channels;
                const double *plus = w->filter + (i * s->window[2] + j) * s->channels;
                for (int64_t c = 0; c < s->channels; c++) to[c] = fmax(to[c], from[c] + plus[c]);
            }
    }
}

static inlay_status dilation_run(op_call *c, inlay_error *err) {
    const window_attrs *w = c->node->state;
    const shape *filter = &c->in[1]->dims;
    conv_sizes s = {0};
    tensor *out, *wide = NULL, *wide_filter = NULL, *most = NULL;
    char text[SHAPE_TEXT];
    if (c->in[0]->type == INLAY_INT64 || c->in[0]->type == INLAY_UINT64) return op_unsupported(c, c->in[0]->type, err);
    TRY(window_parts(w, &c->in[0]->dims, &s.batch, &s.channels, s.in, err));
    if (filter->rank != 3 || filter->dims[2] != s.channels)
        return fail(err, INLAY_INVALID_ARGUMENT, "a filter of shape %s for %lld channels", shape_text(filter, text),
                    (long long)s.channels);
    TRY(window_place(w, (int64_t[]){1, filter->dims[0], filter->dims[1]}, &s, err));
    shape dims = window_shape(w, s.batch, s.channels, s.out);
    TRY(op_output(c, 0, &dims, &out, err));
    inlay_status status = tensor_to_float(c->in[0], INLAY_FLOAT64, c->budget, &wide, err);
    if (status == INLAY_OK) status = tensor_to_float(c->in[1], INLAY_FLOAT64, c->budget, &wide_filter, err);
    if (status == INLAY_OK) status = tensor_new(INLAY_FLOAT64, &dims, c->budget, &most, err);
    if (status == INLAY_OK) {
        dilation_work work = {&s, (const double *)(const void *)wide->data,
                              (const double *)(const void *)wide_filter->data, (double *)(void *)most->data};
        op_parallel(s.batch * s.out[1] * s.out[2], grain_of(&s), dilate_pixels, &work);
        cast_run(out->data, out->type, most->data, INLAY_FLOAT64, (size_t)out->count);
    }
    tensor_release(wide);
    tensor_release(wide_filter);
    tensor_release(most);
    return status;
}

#define POOL(op, what) \
    { op, .run = pool_run_op, .prepare = pool_prepare, .detail = what }
const op_impl pool_impls[] = {
    POOL("MaxPool", MAX | EXPLICIT),
    POOL("MaxPoolV2", MAX | SIZED_BY_INPUT),
    POOL("AvgPool", MEAN),
    POOL("MaxPool3D", MAX | VOLUME),
    POOL("AvgPool3D", MEAN | VOLUME),
    {"MaxPoolWithArgmax", .run = argmax_run, .prepare = pool_prepare, .detail = MAX},
    {"Dilation2D", .run = dilation_run, .prepare = dilation_prepare},
};
OP_FAMILY_END(pool);

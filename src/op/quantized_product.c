/* Sums of products of quantised numbers, windows over them, and their concatenation. */
#include "base/num.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/quantized.h"

/* ---- QuantizedMatMul: a [m, k], b [k, n], either transposed */

typedef struct product_work {
    const uint8_t *a, *b;
    int32_t *out;
    int64_t n, k, a_row, a_step, b_row, b_step; /* steps in elements */
    uint32_t zero_a, zero_b;
} product_work;

static void product_rows(void *ctx, int64_t first, int64_t count) {
    const product_work *w = ctx;
    for (int64_t i = first; i < first + count; i++) {
        uint32_t *out = (uint32_t *)(void *)w->out + i * w->n;
        memset(out, 0, (size_t)w->n * sizeof *out);
        for (int64_t k = 0; k < w->k; k++) {
            uint32_t x = w->a[i * w->a_row + k * w->a_step] - w->zero_a;
            const uint8_t *b = w->b + k * w->b_row;
            if (w->b_step == 1)
                for (int64_t j = 0; j < w->n; j++) out[j] += x * (b[j] - w->zero_b);
            else
                for (int64_t j = 0; j < w->n; j++) out[j] += x * (b[j * w->b_step] - w->zero_b);
        }
    }
}

static inlay_status read_ranges(const op_call *c, quantized_range r[2], inlay_error *err) {
    for (int i = 0; i < 2; i++) {
        TRY(quantized_expect(c, i, INLAY_QUINT8, err));
        TRY(quantized_input(c, 2 + 2 * i, INLAY_QUINT8, &r[i], err));
        if (!(r[i].max > r[i].min))
            return fail(err, INLAY_INVALID_ARGUMENT, "a range from %g to %g", (double)r[i].min, (double)r[i].max);
    }
    dtype t = c->node->out.items[0].type;
    return t == INLAY_QINT32 ? INLAY_OK : op_unsupported(c, t, err);
}

static inlay_status product_run(op_call *c, inlay_error *err) {
    const shape *a = &c->in[0]->dims, *b = &c->in[1]->dims;
    char x[SHAPE_TEXT], y[SHAPE_TEXT];
    quantized_range r[2], range = {.type = INLAY_QINT32};
    bool ta, tb;
    tensor *out;
    TRY(attr_bool(&c->node->attributes, "transpose_a", &ta, err));
    TRY(attr_bool(&c->node->attributes, "transpose_b", &tb, err));
    TRY(read_ranges(c, r, err));
    if (a->rank != 2 || b->rank != 2 || a->dims[!ta] != b->dims[tb])
        return fail(err, INLAY_INVALID_ARGUMENT, "matrices of shape %s and %s cannot be multiplied", shape_text(a, x),
                    shape_text(b, y));
    shape dims = shape_matrix(a->dims[ta], b->dims[!tb]);
    TRY(op_output(c, 0, &dims, &out, err));
    product_work w = {.a = c->in[0]->data, .b = c->in[1]->data, .out = tensor_i32(out), .n = b->dims[!tb]};
    w.k = a->dims[!ta];
    w.a_row = ta ? 1 : a->dims[1];
    w.a_step = ta ? a->dims[1] : 1;
    w.b_row = tb ? 1 : b->dims[1];
    w.b_step = tb ? b->dims[1] : 1;
    w.zero_a = (uint32_t)quantized_code(0, &r[0]);
    w.zero_b = (uint32_t)quantized_code(0, &r[1]);
    if (out->count) op_parallel(dims.dims[0], 65536 / (w.n * w.k + 1) + 1, product_rows, &w);
    quantized_product_range(&r[0], &r[1], &range);
    return quantized_output(c, 1, &range, err);
}

/* ---- windows over [batch, rows, columns, channels] */

typedef struct windows {
    int64_t in[4], out[4];
    int64_t size[2], stride[2], before[2]; /* of rows and columns */
} windows;

static inlay_status read_four(const op_call *c, const char *name, arena *memory, int64_t out[2], inlay_error *err) {
    int64_t *values;
    size_t count;
    TRY(attr_ints(&c->node->attributes, name, memory, &values, &count, err));
    if (count != 4 || values[1] < 1 || values[2] < 1 || values[1] > INT32_MAX || values[2] > INT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be four positive numbers", name);
    if (values[0] != 1 || values[3] != 1)
        return fail(err, INLAY_UNIMPLEMENTED, "%s over images or channels are not supported", name);
    out[0] = values[1];
    out[1] = values[2];
    return INLAY_OK;
}

/* w->size is known. CHANNELS of the output. */
static inlay_status place_windows(const op_call *c, windows *w, int64_t channels, inlay_error *err) {
    const shape *in = &c->in[0]->dims;
    char text[SHAPE_TEXT];
    bytes padding;
    TRY(attr_text(&c->node->attributes, "padding", &padding, err));
    bool same = bytes_is(padding, "SAME");
    if (!same && !bytes_is(padding, "VALID"))
        return fail(err, INLAY_INVALID_ARGUMENT, "padding is SAME or VALID, not '%.*s'", (int)padding.size,
                    (const char *)padding.data);
    if (in->rank != 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "images must be [batch, rows, columns, channels], not %s",
                    shape_text(in, text));
    memcpy(w->in, in->dims, sizeof w->in);
    w->out[0] = w->in[0];
    w->out[3] = channels;
    for (int i = 0; i < 2; i++) {
        int64_t n = w->in[1 + i], places = same ? n + w->stride[i] - 1 : n - w->size[i] + w->stride[i];
        if (places < 0) return fail(err, INLAY_INVALID_ARGUMENT, "a window is larger than the image");
        w->out[1 + i] = places / w->stride[i];
        int64_t covered = (w->out[1 + i] - 1) * w->stride[i] + w->size[i] - n;
        w->before[i] = same && covered > 0 ? covered / 2 : 0;
    }
    return INLAY_OK;
}

/* The part of window number AT along dimension I that is in the image: [*first, *end). */
static void inside(const windows *w, int i, int64_t at, int64_t *first, int64_t *end) {
    *first = at * w->stride[i] - w->before[i];
    *end = *first + w->size[i] < w->in[1 + i] ? *first + w->size[i] : w->in[1 + i];
    if (*first < 0) *first = 0;
}

/* ---- QuantizedConv2D: filter [rows, columns, in, out] */

typedef struct conv_work {
    windows w;
    const uint8_t *in, *filter;
    uint32_t *out;
    uint32_t zero_in, zero_filter;
} conv_work;

static void conv_at(const conv_work *k, int64_t image, int64_t y, int64_t x, uint32_t *out) {
    const windows *w = &k->w;
    int64_t depth = w->in[3], channels = w->out[3], y0, y1, x0, x1;
    inside(w, 0, y, &y0, &y1);
    inside(w, 1, x, &x0, &x1);
    memset(out, 0, (size_t)channels * sizeof *out);
    for (int64_t r = y0; r < y1; r++)
        for (int64_t col = x0; col < x1; col++) {
            int64_t fy = r - (y * w->stride[0] - w->before[0]), fx = col - (x * w->stride[1] - w->before[1]);
            const uint8_t *in = k->in + ((image * w->in[1] + r) * w->in[2] + col) * depth;
            const uint8_t *filter = k->filter + (fy * w->size[1] + fx) * depth * channels;
            for (int64_t d = 0; d < depth; d++, filter += channels)
                for (int64_t o = 0; o < channels; o++) out[o] += (in[d] - k->zero_in) * (filter[o] - k->zero_filter);
        }
}

static void conv_rows(void *ctx, int64_t first, int64_t n) {
    const conv_work *k = ctx;
    int64_t rows = k->w.out[1], cols = k->w.out[2];
    for (int64_t r = first; r < first + n; r++)
        for (int64_t x = 0; x < cols; x++) conv_at(k, r / rows, r % rows, x, k->out + (r * cols + x) * k->w.out[3]);
}

static inlay_status conv_shapes(op_call *c, windows *w, inlay_error *err) {
    const shape *filter = &c->in[1]->dims;
    char text[SHAPE_TEXT];
    int64_t dilations[2];
    arena memory;
    arena_init(&memory, 1 << 16);
    inlay_status status = read_four(c, "strides", &memory, w->stride, err);
    if (status == INLAY_OK) status = read_four(c, "dilations", &memory, dilations, err);
    arena_free(&memory);
    TRY(status);
    if (dilations[0] != 1 || dilations[1] != 1)
        return fail(err, INLAY_UNIMPLEMENTED, "QuantizedConv2D does not dilate its filter");
    if (filter->rank != 4 || c->in[0]->dims.rank != 4 || filter->dims[2] != c->in[0]->dims.dims[3] ||
        c->in[1]->count == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "a filter of shape %s does not fit", shape_text(filter, text));
    w->size[0] = filter->dims[0];
    w->size[1] = filter->dims[1];
    return place_windows(c, w, filter->dims[3], err);
}

static inlay_status conv_run(op_call *c, inlay_error *err) {
    quantized_range r[2], range = {.type = INLAY_QINT32};
    conv_work k = {.in = c->in[0]->data, .filter = c->in[1]->data};
    shape dims = {.rank = 4};
    tensor *out;
    TRY(read_ranges(c, r, err));
    TRY(conv_shapes(c, &k.w, err));
    memcpy(dims.dims, k.w.out, sizeof k.w.out);
    TRY(op_output(c, 0, &dims, &out, err));
    k.out = (uint32_t *)(void *)out->data;
    k.zero_in = (uint32_t)quantized_code(0, &r[0]);
    k.zero_filter = (uint32_t)quantized_code(0, &r[1]);
    if (out->count) op_parallel(k.w.out[0] * k.w.out[1], 1, conv_rows, &k);
    quantized_product_range(&r[0], &r[1], &range);
    return quantized_output(c, 1, &range, err);
}

/* ---- pools of quint8 and qint8: codes are compared and averaged as they are */

enum { MAX_POOL, AVERAGE_POOL };

static int code_at(const tensor *t, int64_t i) {
    return t->type == INLAY_QUINT8 ? t->data[i] : (int8_t)t->data[i];
}

static int pool_at(const op_call *c, const windows *w, int64_t image, int64_t y, int64_t x, int64_t channel) {
    int64_t y0, y1, x0, x1, sum = 0;
    int most = INT32_MIN;
    inside(w, 0, y, &y0, &y1);
    inside(w, 1, x, &x0, &x1);
    for (int64_t r = y0; r < y1; r++)
        for (int64_t col = x0; col < x1; col++) {
            int code = code_at(c->in[0], ((image * w->in[1] + r) * w->in[2] + col) * w->in[3] + channel);
            most = code > most ? code : most;
            sum += code;
        }
    int64_t n = (y1 - y0) * (x1 - x0);
    return c->node->impl->detail == MAX_POOL ? most : n ? (int)(sum / n) : 0;
}

static inlay_status pool_run(op_call *c, inlay_error *err) {
    windows w;
    quantized_range r;
    tensor *out;
    shape dims = {.rank = 4};
    dtype t = c->in[0]->type;
    if (t != INLAY_QUINT8 && t != INLAY_QINT8) return op_unsupported(c, t, err);
    arena memory;
    arena_init(&memory, 1 << 16);
    inlay_status status = read_four(c, "ksize", &memory, w.size, err);
    if (status == INLAY_OK) status = read_four(c, "strides", &memory, w.stride, err);
    arena_free(&memory);
    TRY(status);
    TRY(place_windows(c, &w, c->in[0]->dims.rank == 4 ? c->in[0]->dims.dims[3] : 0, err));
    TRY(quantized_input(c, 1, t, &r, err));
    memcpy(dims.dims, w.out, sizeof w.out);
    TRY(op_output(c, 0, &dims, &out, err));
    for (int64_t i = 0; i < out->count; i++) {
        int64_t pixel = i / w.out[3], row = pixel / w.out[2];
        out->data[i] = (uint8_t)pool_at(c, &w, row / w.out[1], row % w.out[1], pixel % w.out[2], i % w.out[3]);
    }
    return quantized_output(c, 1, &r, err);
}

/* ---- QuantizedConcat: axis, values, their lowest and highest */

static inlay_status concat_shape(const op_call *c, int n, int *axis, shape *dims, inlay_error *err) {
    int64_t wanted;
    TRY(tensor_scalar_int(c->in[0], "concat_dim", &wanted, err));
    *dims = c->in[1]->dims;
    if (wanted < 0 || wanted >= dims->rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "concat_dim is %lld of %d dimensions", (long long)wanted, dims->rank);
    *axis = (int)wanted;
    dims->dims[*axis] = 0;
    for (int i = 0; i < n; i++) {
        const shape *s = &c->in[1 + i]->dims;
        char a[SHAPE_TEXT], b[SHAPE_TEXT];
        bool fits = s->rank == dims->rank;
        for (int k = 0; fits && k < s->rank; k++) fits = k == *axis || s->dims[k] == dims->dims[k];
        if (!fits || __builtin_add_overflow(dims->dims[*axis], s->dims[*axis], &dims->dims[*axis]))
            return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s cannot be joined",
                        shape_text(&c->in[1]->dims, a), shape_text(s, b));
    }
    return INLAY_OK;
}

static inlay_status concat_range(const op_call *c, int n, dtype t, quantized_range *all, inlay_error *err) {
    for (int i = 0; i < 2 * n; i++)
        if (c->in[1 + n + i]->count != 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "the ends of a range must be one number each");
    *all = (quantized_range){t, *tensor_f32(c->in[1 + n]), *tensor_f32(c->in[1 + 2 * n])};
    for (int i = 1; i < n; i++) {
        float low = *tensor_f32(c->in[1 + n + i]), high = *tensor_f32(c->in[1 + 2 * n + i]);
        all->min = low < all->min ? low : all->min;
        all->max = high > all->max ? high : all->max;
    }
    if (t == INLAY_QUINT8) return INLAY_OK; /* signed numbers are symmetric */
    float low = all->min < 0 ? -all->min : all->min, high = all->max < 0 ? -all->max : all->max;
    all->max = low > high ? low : high;
    all->min = -all->max;
    return INLAY_OK;
}

static inlay_status concat_run(op_call *c, inlay_error *err) {
    int n = (c->node->in.count - 1) / 3, axis = 0;
    shape dims;
    tensor *out;
    quantized_range all;
    if (n < 1) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to join");
    dtype t = c->in[1]->type;
    if (t != INLAY_QUINT8 && t != INLAY_QINT32) return op_unsupported(c, t, err);
    TRY(concat_shape(c, n, &axis, &dims, err));
    TRY(concat_range(c, n, t, &all, err));
    TRY(op_output(c, 0, &dims, &out, err));
    int64_t outer = op_span(&dims, 0, axis), inner = op_span(&dims, axis + 1, dims.rank);
    size_t size = dtype_size(t);
    uint8_t *to = out->data;
    for (int64_t o = 0; o < outer && out->count; o++)
        for (int i = 0; i < n; i++) {
            int64_t run = c->in[1 + i]->dims.dims[axis] * inner;
            const uint8_t *from = c->in[1 + i]->data + (size_t)(o * run) * size;
            quantized_range r = {t, *tensor_f32(c->in[1 + n + i]), *tensor_f32(c->in[1 + 2 * n + i])};
            if (r.min == all.min && r.max == all.max)
                memcpy(to, from, (size_t)run * size);
            else
                quantized_convert(to, &all, from, &r, (size_t)run);
            to += (size_t)run * size;
        }
    return quantized_output(c, 1, &all, err);
}

const op_impl quantized_product_impls[] = {
    {"QuantizedMatMul", .run = product_run},
    {"QuantizedConv2D", .run = conv_run},
    {"QuantizedMaxPool", .run = pool_run, .detail = MAX_POOL},
    {"QuantizedAvgPool", .run = pool_run, .detail = AVERAGE_POOL},
    {"QuantizedConcat", .run = concat_run},
};
OP_FAMILY_END(quantized_product);

#include "op/window.h"

#include "base/num.h"
#include "op/parallel.h"

static int shift(const window_attrs *w) {
    return CONV_DIMS - w->dims;
}

/* Dimension D of three in a tensor's shape. */
static int place_of(const window_attrs *w, int d) {
    return d - shift(w) + (w->channels_first ? 2 : 1);
}

inlay_status window_list(const window_attrs *w, const char *name, const int64_t *list, size_t count,
                         int64_t out[CONV_DIMS], inlay_error *err) {
    int rank = w->dims + 2, channels = w->channels_first ? 1 : rank - 1;
    for (int d = 0; d < CONV_DIMS; d++) out[d] = 1;
    if (count == 0) return INLAY_OK;
    if (count != (size_t)rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s has %zu elements, %d are needed", name, count, rank);
    if (list[0] != 1 || list[channels] != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s of batch and channels must be 1", name);
    for (int d = shift(w); d < CONV_DIMS; d++) {
        out[d] = list[place_of(w, d)];
        if (out[d] < 1 || out[d] > INT32_MAX)
            return fail(err, INLAY_INVALID_ARGUMENT, "%s has an element of %lld", name, (long long)out[d]);
    }
    return INLAY_OK;
}

static inlay_status read_list(const attrs *a, const window_attrs *w, const char *name, arena *memory,
                              int64_t out[CONV_DIMS], inlay_error *err) {
    int64_t *list;
    size_t count;
    TRY(attr_ints(a, name, memory, &list, &count, err));
    return window_list(w, name, list, count, out, err);
}

static inlay_status read_explicit(const attrs *a, arena *memory, window_attrs *w, inlay_error *err) {
    int64_t *list;
    size_t count;
    int rank = w->dims + 2, channels = w->channels_first ? 1 : rank - 1;
    TRY(attr_ints(a, "explicit_paddings", memory, &list, &count, err));
    if (!bytes_is(w->padding, "EXPLICIT"))
        return count == 0 ? INLAY_OK
                          : fail(err, INLAY_INVALID_ARGUMENT, "explicit_paddings go with padding EXPLICIT only");
    if (count != 2 * (size_t)rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "explicit_paddings has %zu elements, %d are needed", count, 2 * rank);
    for (size_t i = 0; i < count; i++)
        if (list[i] < 0 || list[i] > INT32_MAX)
            return fail(err, INLAY_INVALID_ARGUMENT, "explicit_paddings has an element of %lld", (long long)list[i]);
    if (list[0] || list[1] || list[2 * channels] || list[2 * channels + 1])
        return fail(err, INLAY_INVALID_ARGUMENT, "explicit_paddings of batch and channels must be 0");
    for (int d = shift(w); d < CONV_DIMS; d++) {
        w->before[d] = list[2 * place_of(w, d)];
        w->after[d] = list[2 * place_of(w, d) + 1];
    }
    return INLAY_OK;
}

inlay_status window_prepare(const attrs *a, int dims, int what, arena *memory, window_attrs *w, inlay_error *err) {
    bytes format = bytes_of(dims == 2 ? "NHWC" : "NDHWC");
    *w = (window_attrs){.dims = dims};
    if (a->declared && strstr(a->declared, "data_format:")) TRY(attr_text(a, "data_format", &format, err));
    TRY(attr_text(a, "padding", &w->padding, err));
    w->channels_first = bytes_is(format, dims == 2 ? "NCHW" : "NCDHW");
    if (!w->channels_first && !bytes_is(format, dims == 2 ? "NHWC" : "NDHWC"))
        return fail(err, INLAY_UNIMPLEMENTED, "data_format %.*s is not supported", (int)min_size(format.size, 40),
                    (const char *)format.data);
    if (!bytes_is(w->padding, "SAME") && !bytes_is(w->padding, "VALID") &&
        !(bytes_is(w->padding, "EXPLICIT") && (what & WINDOW_EXPLICIT)))
        return fail(err, INLAY_INVALID_ARGUMENT, "padding %.*s is not known", (int)min_size(w->padding.size, 40),
                    (const char *)w->padding.data);
    for (int d = 0; d < CONV_DIMS; d++) w->stride[d] = w->dilation[d] = w->window[d] = 1;
    if (a->declared && strstr(a->declared, "strides:")) TRY(read_list(a, w, "strides", memory, w->stride, err));
    if (what & WINDOW_DILATIONS) TRY(read_list(a, w, "dilations", memory, w->dilation, err));
    if (what & WINDOW_KSIZE) TRY(read_list(a, w, "ksize", memory, w->window, err));
    return what & WINDOW_EXPLICIT ? read_explicit(a, memory, w, err) : INLAY_OK;
}

inlay_status window_place(const window_attrs *w, const int64_t window[CONV_DIMS], conv_sizes *s, inlay_error *err) {
    for (int d = 0; d < CONV_DIMS; d++) {
        int64_t in = s->in[d], stride = w->stride[d], reach = (window[d] - 1) * w->dilation[d] + 1, padded = in;
        s->window[d] = window[d];
        s->stride[d] = stride;
        s->dilation[d] = w->dilation[d];
        s->before[d] = w->before[d];
        if (bytes_is(w->padding, "SAME") && d >= shift(w)) {
            s->out[d] = (in + stride - 1) / stride;
            int64_t margin = (s->out[d] - 1) * stride + reach - in;
            s->before[d] = (w->dims == 2 ? max_i64(0, margin) : margin) / 2; /* over volumes windows may start inside */
            continue;
        }
        padded += w->before[d] + w->after[d];
        s->out[d] = (padded - reach + stride) / stride;
        if (window[d] < 1 || s->out[d] < 0 || in >= INT64_MAX / 8)
            return fail(err, INLAY_INVALID_ARGUMENT, "a window of %lld does not fit into an input of %lld",
                        (long long)reach, (long long)padded);
    }
    return INLAY_OK;
}

inlay_status window_parts(const window_attrs *w, const shape *dims, int64_t *batch, int64_t *channels,
                          int64_t spatial[CONV_DIMS], inlay_error *err) {
    char text[SHAPE_TEXT];
    int rank = w->dims + 2;
    if (dims->rank != rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "an input of shape %s must have %d dimensions", shape_text(dims, text),
                    rank);
    *batch = dims->dims[0];
    *channels = dims->dims[w->channels_first ? 1 : rank - 1];
    for (int d = 0; d < CONV_DIMS; d++) spatial[d] = d < shift(w) ? 1 : dims->dims[place_of(w, d)];
    return INLAY_OK;
}

shape window_shape(const window_attrs *w, int64_t batch, int64_t channels, const int64_t spatial[CONV_DIMS]) {
    shape s = {.rank = w->dims + 2, .dims = {batch}};
    s.dims[w->channels_first ? 1 : s.rank - 1] = channels;
    for (int d = shift(w); d < CONV_DIMS; d++) s.dims[place_of(w, d)] = spatial[d];
    return s;
}

/* ---- channels first and last */

typedef struct transposition {
    int64_t rows, columns;
    size_t width;
    const uint8_t *in;
    uint8_t *out;
} transposition;

enum { TILE = 16 };

#define TRANSPOSE_TILE(T)                 \
    for (int64_t r = r0; r < r1; r++)     \
        for (int64_t k = k0; k < k1; k++) \
    ((T *)(void *)out)[k * t->rows + r] = ((const T *)(const void *)in)[r * t->columns + k]

static void transpose_tiles(void *ctx, int64_t first, int64_t n) {
    const transposition *t = ctx;
    int64_t tiles = (t->rows + TILE - 1) / TILE, matrix = t->rows * t->columns;
    for (int64_t i = first; i < first + n; i++) {
        const uint8_t *in = t->in + (size_t)(i / tiles * matrix) * t->width;
        uint8_t *out = t->out + (size_t)(i / tiles * matrix) * t->width;
        int64_t r0 = i % tiles * TILE, r1 = min_i64(r0 + TILE, t->rows);
        for (int64_t k0 = 0; k0 < t->columns; k0 += TILE) {
            int64_t k1 = min_i64(k0 + TILE, t->columns);
            switch (t->width) {
            case 1: TRANSPOSE_TILE(uint8_t); break;
            case 2: TRANSPOSE_TILE(uint16_t); break;
            case 4: TRANSPOSE_TILE(uint32_t); break;
            case 8: TRANSPOSE_TILE(uint64_t); break;
            default:
                for (int64_t r = r0; r < r1; r++)
                    for (int64_t k = k0; k < k1; k++)
                        memcpy(out + (size_t)(k * t->rows + r) * t->width, in + (size_t)(r * t->columns + k) * t->width,
                               t->width);
            }
        }
    }
}

void transpose_inner(int64_t outer, int64_t rows, int64_t columns, size_t width, const uint8_t *in, uint8_t *out) {
    transposition t = {rows, columns, width, in, out};
    if (rows == 0 || columns == 0) return;
    op_parallel(outer * ((rows + TILE - 1) / TILE), 16384 / (TILE * columns) + 1, transpose_tiles, &t);
}

inlay_status window_channels_last(const window_attrs *w, tensor *t, mem_budget *budget, tensor **out,
                                  inlay_error *err) {
    if (!w->channels_first) {
        *out = tensor_retain(t);
        return INLAY_OK;
    }
    shape dims = {.rank = t->dims.rank, .dims = {t->dims.dims[0]}};
    for (int i = 1; i < dims.rank; i++) dims.dims[i] = t->dims.dims[i + 1 < dims.rank ? i + 1 : 1];
    TRY(tensor_new(t->type, &dims, budget, out, err));
    int64_t pixels = op_span(&t->dims, 2, t->dims.rank);
    transpose_inner(t->dims.dims[0], t->dims.dims[1], pixels, dtype_size(t->type), t->data, (*out)->data);
    return INLAY_OK;
}

inlay_status window_give(op_call *c, int i, const window_attrs *w, tensor *t, inlay_error *err) {
    if (!w->channels_first) {
        op_give(c, i, t);
        return INLAY_OK;
    }
    int rank = t->dims.rank;
    shape dims = {.rank = rank, .dims = {t->dims.dims[0], t->dims.dims[rank - 1]}};
    for (int d = 2; d < rank; d++) dims.dims[d] = t->dims.dims[d - 1];
    tensor *out;
    inlay_status status = op_output(c, i, &dims, &out, err);
    if (status == INLAY_OK)
        transpose_inner(dims.dims[0], op_span(&dims, 2, rank), dims.dims[1], dtype_size(t->type), t->data, out->data);
    tensor_release(t);
    return status;
}

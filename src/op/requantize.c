/* Quantised numbers in another range, and which range they use. */
#include "op/families.h"
#include "op/parallel.h"
#include "op/quantized.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { GRAIN = 16384 };

typedef struct convert_work {
    const tensor *in;
    tensor *out;
    quantized_range from, to;
} convert_work;

static void convert_part(void *ctx, int64_t first, int64_t n) {
    const convert_work *w = ctx;
    quantized_convert(w->out->data + (size_t)first * dtype_size(w->to.type), &w->to,
                      w->in->data + (size_t)first * dtype_size(w->from.type), &w->from, (size_t)n);
}

/* The range from the lowest to the highest code that is used; zero is in it. */
static quantized_range used_range(const tensor *in, const quantized_range *r) {
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (int64_t i = 0; i < in->count; i++) {
        int32_t code = tensor_i32(in)[i];
        low = code < low ? code : low;
        high = code > high ? code : high;
    }
    float least = quantized_value(low, r);
    return (quantized_range){r->type, least < 0 ? least : 0, quantized_value(high, r)};
}

static inlay_status range_run(op_call *c, inlay_error *err) {
    quantized_range r;
    TRY(quantized_expect(c, 0, INLAY_QINT32, err));
    TRY(quantized_input(c, 1, INLAY_QINT32, &r, err));
    r = used_range(c->in[0], &r);
    return quantized_output(c, 0, &r, err);
}

enum { GIVEN, SHRUNK };

static inlay_status requantize_run(op_call *c, inlay_error *err) {
    convert_work w = {.in = c->in[0]};
    dtype t = c->node->out.items[0].type;
    bool given = c->node->impl->detail == GIVEN;
    TRY(quantized_expect(c, 0, INLAY_QINT32, err));
    if (t != INLAY_QUINT8 && (t != INLAY_QINT8 || !given)) return op_unsupported(c, t, err);
    TRY(quantized_input(c, 1, INLAY_QINT32, &w.from, err));
    if (given) {
        TRY(quantized_input(c, 3, t, &w.to, err));
        if (w.to.min > 0 || !(w.to.max >= w.to.min))
            return fail(err, INLAY_INVALID_ARGUMENT, "a requested range from %g to %g must begin at most at 0 and rise",
                        (double)w.to.min, (double)w.to.max);
    } else {
        w.to = used_range(c->in[0], &w.from);
        w.to.type = t;
    }
    TRY(op_output(c, 0, &c->in[0]->dims, &w.out, err));
    op_parallel(w.in->count, GRAIN, convert_part, &w);
    return quantized_output(c, 1, &w.to, err);
}

/* ---- each channel of the last dimension with a range of its own, all symmetric */

static inlay_status channel_ranges(const op_call *c, int64_t *depth, inlay_error *err) {
    const tensor *in = c->in[0];
    char text[SHAPE_TEXT];
    TRY(quantized_expect(c, 0, INLAY_QINT32, err));
    *depth = c->in[2]->count;
    if (in->count == 0 || in->dims.rank != 4 || in->dims.dims[3] != *depth || c->in[1]->count != *depth ||
        c->in[1]->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld ranges for numbers of shape %s", (long long)*depth,
                    shape_text(&in->dims, text));
    return INLAY_OK;
}

static float reach(float a, float b) {
    return fmaxf(fabsf(a), fabsf(b));
}

static inlay_status channel_range_run(op_call *c, inlay_error *err) {
    int64_t depth;
    float clip, most = FLT_MIN;
    bool negative = false;
    TRY(attr_float(&c->node->attributes, "clip_value_max", &clip, err));
    TRY(channel_ranges(c, &depth, err));
    for (int64_t k = 0; k < depth; k++) {
        int64_t largest = 0;
        for (int64_t i = k; i < c->in[0]->count; i += depth) {
            int64_t code = tensor_i32(c->in[0])[i];
            negative = negative || code < 0;
            largest = llabs(code) > largest ? llabs(code) : largest;
        }
        float range = reach(tensor_f32(c->in[1])[k], tensor_f32(c->in[2])[k]) * (float)largest / 0x1p31f;
        most = range > most ? range : most;
    }
    if (most > clip) most = clip;
    quantized_range r = {INLAY_QINT32, negative ? -most : 0, most};
    return quantized_output(c, 0, &r, err);
}

static inlay_status per_channel_run(op_call *c, inlay_error *err) {
    int64_t depth;
    quantized_range to;
    tensor *out;
    dtype t = c->node->out.items[0].type;
    TRY(channel_ranges(c, &depth, err));
    if (t != INLAY_QUINT8 && t != INLAY_QINT8) return op_unsupported(c, t, err);
    TRY(quantized_input(c, 3, t, &to, err));
    TRY(op_output(c, 0, &c->in[0]->dims, &out, err));
    float whole = t == INLAY_QINT8 ? 127.0f : 255.0f, least = t == INLAY_QINT8 ? -128.0f : 0;
    float most = t == INLAY_QINT8 ? 127.0f : 255.0f, target = reach(to.min, to.max);
    for (int64_t i = 0; i < out->count; i++) {
        int64_t k = i % depth;
        float range = reach(tensor_f32(c->in[1])[k], tensor_f32(c->in[2])[k]);
        float code = (float)tensor_i32(c->in[0])[i] * (whole * (range / target / 0x1p31f));
        code = code > least ? code : least;
        out->data[i] = (uint8_t)(int32_t)rintf(code < most ? code : most);
    }
    return quantized_output(c, 1, &to, err);
}

const op_impl requantize_impls[] = {
    {"RequantizationRange", .run = range_run},
    {"Requantize", .run = requantize_run, .detail = GIVEN},
    {"QuantizeDownAndShrinkRange", .run = requantize_run, .detail = SHRUNK},
    {"RequantizationRangePerChannel", .run = channel_range_run},
    {"RequantizePerChannel", .run = per_channel_run},
};
OP_FAMILY_END(requantize);

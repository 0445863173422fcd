/* Numbers to quantised ones and back, and both at once to see what is lost. */
#include "kernel/cast/cast.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/quantized.h"

#include <float.h>
#include <math.h>

enum { GRAIN = 16384, BLOCK = 256 };

/* A tensor as [outer, slices, inner]: one slice for all, or one for each position of an axis. */
typedef struct slices {
    int64_t outer, count, inner;
} slices;

static inlay_status slices_of(const op_call *c, slices *s, inlay_error *err) {
    const shape *dims = &c->in[0]->dims;
    int64_t axis;
    TRY(attr_int(&c->node->attributes, "axis", &axis, err));
    if (axis < -1 || axis >= dims->rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "axis is %lld of %d dimensions", (long long)axis, dims->rank);
    *s = (slices){1, 1, c->in[0]->count};
    if (axis >= 0)
        *s = (slices){op_span(dims, 0, (int)axis), dims->dims[axis], op_span(dims, (int)axis + 1, dims->rank)};
    return INLAY_OK;
}

static inlay_status check_ranges(const op_call *c, const slices *s, inlay_error *err) {
    for (int i = 1; i < 3; i++)
        if (c->in[i]->count != s->count)
            return fail(err, INLAY_INVALID_ARGUMENT, "%lld numbers for the ranges of %lld slices",
                        (long long)c->in[i]->count, (long long)s->count);
    return INLAY_OK;
}

typedef enum { MIN_COMBINED, MIN_FIRST, SCALED } mode;

static inlay_status mode_of(const op_call *c, mode *out, inlay_error *err) {
    static const char *const names[] = {"MIN_COMBINED", "MIN_FIRST", "SCALED"};
    bytes text;
    TRY(attr_text(&c->node->attributes, "mode", &text, err));
    for (int i = 0; i < 3; i++)
        if (bytes_is(text, names[i])) {
            *out = (mode)i;
            return INLAY_OK;
        }
    return fail(err, INLAY_INVALID_ARGUMENT, "mode is MIN_COMBINED, MIN_FIRST or SCALED, not '%.*s'", (int)text.size,
                (const char *)text.data);
}

/* One slice's conversion: element I of FLOATS and of CODES, both at I numbers from their first. */
typedef struct line {
    mode mode;
    bool narrow, to_even; /* SCALED: the lowest code is left out; halves go to the even one */
    quantized_range r;
} line;

static float half_range(dtype t) {
    return quantized_lowest(t) ? (float)quantized_steps(t) / 2 : 0;
}
static float code_span(dtype t) {
    return (float)(quantized_steps(t) - 1);
}

/* ---- Dequantize */

static float scaled_step(const line *l) {
    int64_t low = quantized_lowest(l->r.type);
    float step = l->r.max / (float)quantized_highest(l->r.type);
    if (low == 0) return step;
    float other = l->r.min / (float)(low + l->narrow);
    return other < step ? step : other;
}

static void to_floats(float *out, const void *in, const line *l, size_t n) {
    if (l->mode == MIN_FIRST) {
        quantized_to_float(out, in, &l->r, n);
        return;
    }
    cast_run(out, INLAY_FLOAT32, in, l->r.type, n);
    bool scaled = l->mode == SCALED;
    float scale = scaled ? scaled_step(l) : (l->r.max - l->r.min) / code_span(l->r.type);
    float before = half_range(l->r.type);
    for (size_t i = 0; i < n; i++) out[i] = scaled ? out[i] * scale : (out[i] + before) * scale + l->r.min;
}

/* ---- QuantizeV2 */

/* The range that the codes will have, which holds zero and is not too small. */
static void widen_range(quantized_range *r, float least) {
    float most = fmaxf(1.0f, fmaxf(fabsf(r->min), fabsf(r->max))), low = r->min < 0 ? r->min : 0;
    float high = low + most * least;
    r->max = fmaxf(0, r->max > high ? r->max : high);
    r->min = low;
}

/* SCALED: zero is code 0. The range grows to what the codes can hold. */
static float scale_range(line *l) {
    float low = (float)(quantized_lowest(l->r.type) + l->narrow), high = (float)quantized_highest(l->r.type);
    float from_low = low * l->r.min > 0 ? low / l->r.min : FLT_MAX;
    float from_high = high * l->r.max > 0 ? high / l->r.max : FLT_MAX;
    float scale = from_low < from_high ? from_low : from_high;
    l->r.min = low / scale;
    l->r.max = high / scale;
    return scale;
}

static void from_floats(void *out, const float *in, const line *l, float scale, size_t n) {
    if (l->mode == MIN_FIRST) {
        quantized_from_float(out, in, &l->r, n);
        return;
    }
    uint8_t *to = out;
    float codes[BLOCK], before = half_range(l->r.type), low = l->r.min, high = l->r.max;
    bool is_signed = quantized_lowest(l->r.type) != 0;
    for (size_t done = 0; done < n; done += BLOCK) {
        size_t part = n - done < BLOCK ? n - done : BLOCK;
        for (size_t i = 0; i < part; i++) {
            float x = in[done + i];
            x = x > high ? high : x;
            x = x < low ? low : x;
            if (l->mode == SCALED)
                codes[i] = l->to_even ? rintf(x * scale) : roundf(x * scale);
            else
                codes[i] = is_signed ? roundf((x - low) * scale - before) : (x - low) * scale + 0.5f;
        }
        cast_run(to + done * dtype_size(l->r.type), l->r.type, codes, INLAY_FLOAT32, part);
    }
}

/* ---- both, slice by slice */

typedef struct lines_work {
    const line *line;
    float scale;
    bool quantize;
    const uint8_t *in;
    uint8_t *out;
} lines_work;

static void lines_part(void *ctx, int64_t first, int64_t n) {
    const lines_work *w = ctx;
    size_t width = dtype_size(w->line->r.type), from = w->quantize ? sizeof(float) : width;
    const uint8_t *in = w->in + (size_t)first * from;
    uint8_t *out = w->out + (size_t)first * (w->quantize ? width : sizeof(float));
    if (w->quantize)
        from_floats(out, (const float *)(const void *)in, w->line, w->scale, (size_t)n);
    else
        to_floats((float *)(void *)out, in, w->line, (size_t)n);
}

static void run_slice(lines_work w, const slices *s, int64_t slice, const tensor *in, tensor *out) {
    for (int64_t o = 0; o < s->outer; o++) {
        size_t at = (size_t)((o * s->count + slice) * s->inner);
        w.in = in->data + at * dtype_size(in->type);
        w.out = out->data + at * dtype_size(out->type);
        op_parallel(s->inner, GRAIN, lines_part, &w);
    }
}

static inlay_status dequantize_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    line l = {.r = {.type = in->type}};
    slices s;
    tensor *out, *wide = NULL;
    dtype t = c->node->out.items[0].type;
    if (!quantized_is(in->type)) return op_unsupported(c, in->type, err);
    if (t != INLAY_FLOAT32 && t != INLAY_BFLOAT16) return op_unsupported(c, t, err);
    TRY(mode_of(c, &l.mode, err));
    TRY(attr_bool(&c->node->attributes, "narrow_range", &l.narrow, err));
    TRY(slices_of(c, &s, err));
    TRY(check_ranges(c, &s, err));
    if (t == INLAY_BFLOAT16 && l.mode != MIN_COMBINED)
        return fail(err, INLAY_INVALID_ARGUMENT, "bfloat16 numbers need mode MIN_COMBINED");
    if (s.count != 1 && l.mode == MIN_FIRST)
        return fail(err, INLAY_UNIMPLEMENTED, "mode MIN_FIRST does not go with an axis");
    TRY(op_output(c, 0, &in->dims, &out, err));
    if (t == INLAY_BFLOAT16) TRY(tensor_new(INLAY_FLOAT32, &in->dims, c->budget, &wide, err));
    for (int64_t i = 0; i < s.count; i++) {
        l.r.min = tensor_f32(c->in[1])[i];
        l.r.max = tensor_f32(c->in[2])[i];
        run_slice((lines_work){.line = &l}, &s, i, in, wide ? wide : out);
    }
    if (wide) cast_run(out->data, t, wide->data, INLAY_FLOAT32, (size_t)in->count);
    tensor_release(wide);
    return INLAY_OK;
}

static inlay_status rounding_of(const op_call *c, line *l, inlay_error *err) {
    bytes text;
    TRY(attr_text(&c->node->attributes, "round_mode", &text, err));
    l->to_even = bytes_is(text, "HALF_TO_EVEN");
    if (!l->to_even && !bytes_is(text, "HALF_AWAY_FROM_ZERO"))
        return fail(err, INLAY_INVALID_ARGUMENT, "no round_mode '%.*s'", (int)text.size, (const char *)text.data);
    if (l->to_even && l->mode != SCALED)
        return fail(err, INLAY_INVALID_ARGUMENT, "round_mode HALF_TO_EVEN needs mode SCALED");
    return INLAY_OK;
}

static inlay_status quantize_run(op_call *c, inlay_error *err) {
    line l = {.r = {.type = c->node->out.items[0].type}};
    slices s;
    int64_t axis;
    float least;
    tensor *out, *ends[2];
    if (!quantized_is(l.r.type)) return op_unsupported(c, l.r.type, err);
    TRY(mode_of(c, &l.mode, err));
    TRY(rounding_of(c, &l, err));
    TRY(attr_bool(&c->node->attributes, "narrow_range", &l.narrow, err));
    TRY(attr_float(&c->node->attributes, "ensure_minimum_range", &least, err));
    TRY(attr_int(&c->node->attributes, "axis", &axis, err));
    TRY(slices_of(c, &s, err));
    TRY(check_ranges(c, &s, err));
    if (s.count != 1 && l.mode == MIN_FIRST)
        return fail(err, INLAY_UNIMPLEMENTED, "mode MIN_FIRST does not go with an axis");
    TRY(op_output(c, 0, &c->in[0]->dims, &out, err));
    shape one = {.rank = axis >= 0 && s.count != 1, .dims = {s.count}}; /* one slice: scalars */
    for (int i = 0; i < 2; i++) TRY(op_output(c, 1 + i, &one, &ends[i], err));
    for (int64_t i = 0; i < s.count; i++) {
        l.r.min = tensor_f32(c->in[1])[i];
        l.r.max = tensor_f32(c->in[2])[i];
        if (l.r.max < l.r.min)
            return fail(err, INLAY_INVALID_ARGUMENT, "a range from %g to %g", (double)l.r.min, (double)l.r.max);
        widen_range(&l.r, least);
        float scale = code_span(l.r.type) / (l.r.max - l.r.min);
        if (l.mode == SCALED) scale = scale_range(&l);
        run_slice((lines_work){.line = &l, .scale = scale, .quantize = true}, &s, i, c->in[0], out);
        tensor_f32(ends[0])[i] = l.r.min;
        tensor_f32(ends[1])[i] = l.r.max;
    }
    return INLAY_OK;
}

const op_impl quantize_impls[] = {
    {"Dequantize", .run = dequantize_run},
    {"QuantizeV2", .run = quantize_run},
};
OP_FAMILY_END(quantize);

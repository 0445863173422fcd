/* Numbers rounded to those that quantising would leave, for graphs that were trained so. */
#include "op/families.h"
#include "op/parallel.h"

#include <float.h>
#include <math.h>

enum { GRAIN = 16384 };

/* ---- FakeQuantWithMinMax…: the range is moved so that zero is a step */

typedef struct fake_range {
    float min, max, scale, inverse, zero;
    bool empty; /* all becomes zero */
} fake_range;

static fake_range fake_range_of(float min, float max, int64_t bits, bool narrow, bool given) {
    float low = narrow ? 1 : 0, high = (float)(((int64_t)1 << bits) - 1);
    fake_range r = {.scale = (max - min) / (high - low), .empty = min == 0 && max == 0};
    float zero = low - min / r.scale;
    zero = zero < low ? low : zero > high ? high : roundf(zero);
    r.min = (low - zero) * r.scale;
    r.max = (high - zero) * r.scale;
    r.inverse = given ? (high - low) / (max - min) : 1.0f / r.scale; /* as TensorFlow rounds the two */
    r.zero = floorf(-r.min * r.inverse + 0.5f);
    return r;
}

static inline float fake(const fake_range *r, float x) {
    x = x > r->max ? r->max : x;
    x = x < r->min ? r->min : x;
    return r->empty ? 0 : floorf((x - r->min) * r->inverse - r->zero + 0.5f) * r->scale;
}

typedef struct fake_work {
    const fake_range *ranges;
    int64_t count; /* one, or one a channel of the last dimension */
    const float *in;
    float *out;
} fake_work;

static void fake_part(void *ctx, int64_t first, int64_t n) {
    const fake_work *w = ctx;
    const float *in = w->in + first;
    float *out = w->out + first;
    if (w->count == 1)
        for (int64_t i = 0; i < n; i++) out[i] = fake(w->ranges, in[i]);
    else
        for (int64_t i = 0, k = first % w->count; i < n; i++, k = k + 1 == w->count ? 0 : k + 1)
            out[i] = fake(&w->ranges[k], in[i]);
}

enum { ARGUMENTS, VARIABLES, CHANNELS };

static inlay_status fake_shapes(const op_call *c, int64_t *count, inlay_error *err) {
    const shape *dims = &c->in[0]->dims;
    char text[SHAPE_TEXT];
    *count = 1;
    if (c->node->impl->detail == CHANNELS) {
        if (dims->rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "inputs must have channels");
        *count = dims->dims[dims->rank - 1];
    }
    for (int i = 1; i < c->node->in.count; i++)
        if (c->in[i]->count != *count || c->in[i]->dims.rank != (c->node->impl->detail == CHANNELS))
            return fail(err, INLAY_INVALID_ARGUMENT, "a range of shape %s for %lld channels",
                        shape_text(&c->in[i]->dims, text), (long long)*count);
    return INLAY_OK;
}

static inlay_status fake_run(op_call *c, inlay_error *err) {
    const attrs *a = &c->node->attributes;
    int64_t bits, count;
    bool narrow, given = c->node->impl->detail == ARGUMENTS;
    float low = 0, high = 0;
    tensor *out;
    TRY(attr_int(a, "num_bits", &bits, err));
    TRY(attr_bool(a, "narrow_range", &narrow, err));
    if (bits < 2 || bits > 16)
        return fail(err, INLAY_INVALID_ARGUMENT, "num_bits is %lld, not in [2, 16]", (long long)bits);
    if (given) TRY(attr_float(a, "min", &low, err));
    if (given) TRY(attr_float(a, "max", &high, err));
    if (given && !(low < high))
        return fail(err, INLAY_INVALID_ARGUMENT, "a range from %g to %g", (double)low, (double)high);
    TRY(fake_shapes(c, &count, err));
    TRY(op_output_over(c, 0, 0, &c->in[0]->dims, &out, err));
    fake_range *ranges = mem_array((size_t)count + 1, sizeof *ranges);
    if (!ranges) return fail_memory(err);
    for (int64_t i = 0; i < count; i++) {
        ranges[i] = given ? fake_range_of(low, high, bits, narrow, true)
                          : fake_range_of(tensor_f32(c->in[1])[i], tensor_f32(c->in[2])[i], bits, narrow, false);
    }
    fake_work w = {ranges, count, tensor_f32(c->in[0]), tensor_f32(out)};
    op_parallel(out->count, GRAIN, fake_part, &w);
    mem_free(ranges);
    return INLAY_OK;
}

/* ---- QuantizeAndDequantize: float32, or float64 with its own steps */

typedef struct round_trip {
    bool is_signed, given, narrow, up; /* up: halves go up, else to even */
    int64_t bits, axis;
} round_trip;

#define ROUND_TRIP(NUMBER, NAME, MOST, FLOOR, RINT)                                                           \
    static void NAME(const round_trip *q, NUMBER min, NUMBER max, const void *from, void *to, int64_t n) {    \
        const NUMBER *in = from;                                                                              \
        NUMBER *out = to;                                                                                     \
        if (!q->given) {                                                                                      \
            min = max = in[0];                                                                                \
            for (int64_t i = 1; i < n; i++) {                                                                 \
                min = in[i] < min ? in[i] : min;                                                              \
                max = in[i] > max ? in[i] : max;                                                              \
            }                                                                                                 \
        }                                                                                                     \
        int64_t half = (int64_t)1 << (q->bits - 1);                                                           \
        NUMBER low = (NUMBER)(q->is_signed ? -half + q->narrow : 0);                                          \
        NUMBER high = (NUMBER)(q->is_signed ? half - 1 : 2 * half - 1);                                       \
        NUMBER by_min = low * min > 0 ? low / min : MOST, by_max = high * max > 0 ? high / max : MOST;        \
        NUMBER scale = by_min < by_max ? by_min : by_max, inverse = by_min < by_max ? min / low : max / high; \
        if (by_min < by_max)                                                                                  \
            max = high * inverse;                                                                             \
        else                                                                                                  \
            min = low * inverse;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                                     \
            NUMBER x = in[i];                                                                                 \
            if (q->given) x = x > max ? max : x;                                                              \
            if (q->given) x = x < min ? min : x;                                                              \
            out[i] = (q->up ? FLOOR(x * scale + (NUMBER)0.5) : RINT(x * scale)) * inverse;                    \
        }                                                                                                     \
    }
ROUND_TRIP(float, round_trip_f32, FLT_MAX, floorf, rintf)
ROUND_TRIP(double, round_trip_f64, DBL_MAX, floor, rint)
#undef ROUND_TRIP

enum { FIRST, SECOND, THIRD }; /* where the range and the bits are: attributes, bits an attribute, inputs */

static inlay_status read_bits(const op_call *c, round_trip *q, inlay_error *err) {
    if (c->node->impl->detail == THIRD)
        TRY(tensor_scalar_int(c->in[3], "num_bits", &q->bits, err));
    else
        TRY(attr_int(&c->node->attributes, "num_bits", &q->bits, err));
    if (q->bits <= 0 || q->bits >= (q->is_signed ? 62 : 63))
        return fail(err, INLAY_INVALID_ARGUMENT, "num_bits is %lld", (long long)q->bits);
    return INLAY_OK;
}

static inlay_status read_round_trip(const op_call *c, round_trip *q, inlay_error *err) {
    const attrs *a = &c->node->attributes;
    int detail = c->node->impl->detail;
    bytes text;
    *q = (round_trip){.axis = -1};
    TRY(attr_bool(a, "signed_input", &q->is_signed, err));
    TRY(attr_bool(a, "range_given", &q->given, err));
    TRY(read_bits(c, q, err));
    if (detail == FIRST) return INLAY_OK;
    TRY(attr_bool(a, "narrow_range", &q->narrow, err));
    TRY(attr_int(a, "axis", &q->axis, err));
    if (q->axis < -1 || q->axis >= c->in[0]->dims.rank || (detail == THIRD && c->in[0]->dims.rank == 0))
        return fail(err, INLAY_INVALID_ARGUMENT, "axis is %lld of %d dimensions", (long long)q->axis,
                    c->in[0]->dims.rank);
    if (detail == THIRD) return INLAY_OK;
    TRY(attr_text(a, "round_mode", &text, err));
    q->up = bytes_is(text, "HALF_UP");
    if (!q->up && !bytes_is(text, "HALF_TO_EVEN"))
        return fail(err, INLAY_INVALID_ARGUMENT, "round_mode is HALF_UP or HALF_TO_EVEN, not '%.*s'", (int)text.size,
                    (const char *)text.data);
    return INLAY_OK;
}

static double end_of(const tensor *t, int64_t i) {
    double wide;
    if (t->type == INLAY_FLOAT32) return (double)tensor_f32(t)[i];
    memcpy(&wide, t->data + 8 * i, sizeof wide);
    return wide;
}

static inlay_status read_ends(const op_call *c, const round_trip *q, int64_t count, int64_t i, double ends[2],
                              inlay_error *err) {
    float narrow[2] = {0};
    if (!q->given) return INLAY_OK;
    if (c->node->impl->detail == FIRST) {
        TRY(attr_float(&c->node->attributes, "input_min", &narrow[0], err));
        TRY(attr_float(&c->node->attributes, "input_max", &narrow[1], err));
    }
    for (int k = 0; k < 2; k++) {
        if (c->node->impl->detail != FIRST && c->in[1 + k]->count != count)
            return fail(err, INLAY_INVALID_ARGUMENT, "%lld numbers for the ranges of %lld slices",
                        (long long)c->in[1 + k]->count, (long long)count);
        ends[k] = c->node->impl->detail == FIRST ? (double)narrow[k] : end_of(c->in[1 + k], i);
    }
    if (ends[0] > ends[1]) return fail(err, INLAY_INVALID_ARGUMENT, "a range from %g to %g", ends[0], ends[1]);
    return INLAY_OK;
}

static void round_slice(const round_trip *q, const double ends[2], dtype t, const void *in, void *out, int64_t n) {
    if (t == INLAY_FLOAT32)
        round_trip_f32(q, (float)ends[0], (float)ends[1], in, out, n);
    else
        round_trip_f64(q, ends[0], ends[1], in, out, n);
}

/* Slices lie scattered where the axis is not the first: each is gathered into SCRATCH and put back. */
static inlay_status round_slices(op_call *c, const round_trip *q, tensor *out, uint8_t *scratch, inlay_error *err) {
    const tensor *in = c->in[0];
    int axis = (int)q->axis, rank = in->dims.rank;
    size_t size = dtype_size(in->type);
    int64_t outer = axis < 0 ? 1 : op_span(&in->dims, 0, axis), count = axis < 0 ? 1 : in->dims.dims[axis];
    int64_t inner = axis < 0 ? in->count : op_span(&in->dims, axis + 1, rank);
    for (int64_t i = 0; i < count; i++) {
        double ends[2] = {0};
        TRY(read_ends(c, q, count, i, ends, err));
        if (outer * inner == 0) continue;
        for (int64_t o = 0; o < outer; o++)
            memcpy(scratch + (size_t)(o * inner) * size, in->data + (size_t)((o * count + i) * inner) * size,
                   (size_t)inner * size);
        round_slice(q, ends, in->type, scratch, scratch, outer * inner);
        for (int64_t o = 0; o < outer; o++)
            memcpy(out->data + (size_t)((o * count + i) * inner) * size, scratch + (size_t)(o * inner) * size,
                   (size_t)inner * size);
    }
    return INLAY_OK;
}

static inlay_status round_trip_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    round_trip q;
    if (in->type != INLAY_FLOAT32 && in->type != INLAY_FLOAT64) return op_unsupported(c, in->type, err);
    TRY(read_round_trip(c, &q, err));
    TRY(op_output(c, 0, &in->dims, &out, err));
    tensor *scratch;
    TRY(tensor_new(in->type, &in->dims, c->budget, &scratch, err));
    inlay_status status = round_slices(c, &q, out, scratch->data, err);
    tensor_release(scratch);
    return status;
}

const op_impl quantize_fake_impls[] = {
    {"FakeQuantWithMinMaxArgs", .run = fake_run, .detail = ARGUMENTS},
    {"FakeQuantWithMinMaxVars", .run = fake_run, .detail = VARIABLES},
    {"FakeQuantWithMinMaxVarsPerChannel", .run = fake_run, .detail = CHANNELS},
    {"QuantizeAndDequantize", .run = round_trip_run, .detail = FIRST},
    {"QuantizeAndDequantizeV2", .run = round_trip_run, .detail = SECOND},
    {"QuantizeAndDequantizeV3", .run = round_trip_run, .detail = THIRD},
    {"QuantizeAndDequantizeV4", .run = round_trip_run, .detail = SECOND},
};
OP_FAMILY_END(quantize_fake);

/* Arithmetic with quantised numbers: sums, products, activations, pools. */
#include "op/quantized.h"

#include "base/num.h"
#include "op/families.h"

inlay_status quantized_input(const op_call *c, int min, dtype t, quantized_range *out, inlay_error *err) {
    for (int i = min; i < min + 2; i++)
        if (c->in[i]->count != 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "the ends of a range must be one number each");
    *out = (quantized_range){t, *tensor_f32(c->in[min]), *tensor_f32(c->in[min + 1])};
    return INLAY_OK;
}

inlay_status quantized_output(op_call *c, int min, const quantized_range *r, inlay_error *err) {
    tensor *out;
    TRY(op_output(c, min, &(shape){0}, &out, err));
    *tensor_f32(out) = r->min;
    TRY(op_output(c, min + 1, &(shape){0}, &out, err));
    *tensor_f32(out) = r->max;
    return INLAY_OK;
}

inlay_status quantized_expect(const op_call *c, int i, dtype t, inlay_error *err) {
    return c->in[i]->type == t ? INLAY_OK : op_unsupported(c, c->in[i]->type, err);
}

/* ---- QuantizedAdd, QuantizedMul: equal shapes, or one is repeated along the other's first dimensions */

static int leading_ones(const shape *s) {
    int n = 0;
    while (n < s->rank && s->dims[n] == 1) n++;
    return n;
}

/* Which of the two is repeated: 0 or 1; its shape must be the other's last dimensions. */
static inlay_status find_small(const op_call *c, int *small, shape *dims, inlay_error *err) {
    const shape *a = &c->in[0]->dims, *b = &c->in[1]->dims;
    char x[SHAPE_TEXT], y[SHAPE_TEXT];
    int64_t x_count = c->in[0]->count, y_count = c->in[1]->count;
    bool first = a->rank == b->rank && y_count != 1 && (x_count == 1 || x_count < y_count);
    *small = a->rank < b->rank || first ? 0 : 1;
    const shape *less = *small == 0 ? a : b, *more = *small == 0 ? b : a;
    *dims = *more;
    for (int i = leading_ones(less); i < less->rank; i++)
        if (less->dims[i] != more->dims[more->rank - less->rank + i])
            return fail(err, INLAY_UNIMPLEMENTED, "%s does not combine shapes %s and %s", c->node->def->name,
                        shape_text(a, x), shape_text(b, y));
    return INLAY_OK;
}

/* A range in which codes of both can be added: symmetric, and with ROOM bits to spare. */
static quantized_range sum_range(const quantized_range *a, const quantized_range *b, int room) {
    float most = a->max > -a->min ? a->max : -a->min, other = b->max > -b->min ? b->max : -b->min;
    most = (most > other ? most : other) * (float)(1 << room);
    return (quantized_range){INLAY_QINT32, -most, most};
}

/* Codes of QUINT8 as codes of SUM: the code of 0 and the step to the next. */
typedef struct in_sum {
    int64_t zero, step;
} in_sum;

static in_sum in_sum_of(const quantized_range *from, const quantized_range *sum) {
    int64_t zero = quantized_code(quantized_value(0, from), sum), one = quantized_code(quantized_value(1, from), sum);
    return (in_sum){zero, (int32_t)(uint32_t)(uint64_t)(one - zero)};
}

static uint32_t sum_code(in_sum s, uint8_t x) {
    int64_t code;
    if (__builtin_add_overflow(s.zero, x * s.step, &code)) code = s.zero;
    return (uint32_t)(int32_t)(code < INT32_MIN ? INT32_MIN : code > INT32_MAX ? INT32_MAX : code);
}

enum { ADD, MUL };

typedef struct pair_work {
    quantized_range range[2], out;
    int64_t zero[2]; /* codes */
} pair_work;

/* Of two single numbers the first counts as the repeated one. */
static void add_codes(const op_call *c, const pair_work *w, int small, int32_t *out) {
    if (c->in[0]->count == 1) small = 0;
    const tensor *less = c->in[small], *more = c->in[1 - small];
    in_sum few = in_sum_of(&w->range[small], &w->out), many = in_sum_of(&w->range[1 - small], &w->out);
    int32_t one = (int32_t)quantized_clamped(quantized_value(less->data[0], &w->range[small]), &w->out);
    for (int64_t i = 0; i < more->count; i++) {
        uint32_t other = less->count == 1 ? (uint32_t)one : sum_code(few, less->data[i % less->count]);
        out[i] = (int32_t)(sum_code(many, more->data[i]) + other);
    }
}

static void multiply_codes(const op_call *c, const pair_work *w, int small, int32_t *out) {
    const tensor *less = c->in[small], *more = c->in[1 - small];
    uint32_t few = (uint32_t)w->zero[small], many = (uint32_t)w->zero[1 - small];
    for (int64_t i = 0; i < more->count; i++)
        out[i] = (int32_t)((more->data[i] - many) * (less->data[i % less->count] - few));
}

static inlay_status pair_run(op_call *c, inlay_error *err) {
    pair_work w = {.out = {.type = INLAY_QINT32}};
    int small;
    shape dims;
    tensor *out;
    for (int i = 0; i < 2; i++) {
        TRY(quantized_expect(c, i, INLAY_QUINT8, err));
        TRY(quantized_input(c, 2 + 2 * i, INLAY_QUINT8, &w.range[i], err));
        if (!(w.range[i].max > w.range[i].min))
            return fail(err, INLAY_INVALID_ARGUMENT, "a range from %g to %g", (double)w.range[i].min,
                        (double)w.range[i].max);
        w.zero[i] = quantized_code(0, &w.range[i]);
    }
    if (c->node->out.items[0].type != INLAY_QINT32) return op_unsupported(c, c->node->out.items[0].type, err);
    TRY(find_small(c, &small, &dims, err));
    TRY(op_output(c, 0, &dims, &out, err));
    bool adds = c->node->impl->detail == ADD;
    if (adds)
        w.out = sum_range(&w.range[0], &w.range[1], 14);
    else
        quantized_product_range(&w.range[0], &w.range[1], &w.out);
    if (out->count && adds) add_codes(c, &w, small, tensor_i32(out));
    if (out->count && !adds) multiply_codes(c, &w, small, tensor_i32(out));
    return quantized_output(c, 1, &w.out, err);
}

/* ---- QuantizedBiasAdd: as TensorFlow's, in float32 between */

static inlay_status bias_add_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0], *bias = c->in[1];
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    quantized_range from, of_bias;
    tensor *out, *wide = NULL;
    if (in->type != INLAY_QUINT8 && in->type != INLAY_QINT8) return op_unsupported(c, in->type, err);
    TRY(quantized_expect(c, 1, in->type, err));
    if (c->node->out.items[0].type != INLAY_QINT32) return op_unsupported(c, c->node->out.items[0].type, err);
    TRY(quantized_input(c, 2, in->type, &from, err));
    TRY(quantized_input(c, 4, in->type, &of_bias, err));
    if (in->dims.rank < 2 || bias->dims.rank != 1 || bias->count != in->dims.dims[in->dims.rank - 1] ||
        bias->count == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "a bias of shape %s for values of shape %s",
                    shape_text(&bias->dims, b), shape_text(&in->dims, a));
    quantized_range sum = sum_range(&from, &of_bias, 17);
    TRY(op_output(c, 0, &in->dims, &out, err));
    TRY(tensor_new(INLAY_QINT32, &bias->dims, c->budget, &wide, err));
    uint32_t zero = (uint32_t)quantized_clamped(0, &sum);
    int32_t *codes = tensor_i32(out);
    quantized_convert(codes, &sum, in->data, &from, (size_t)in->count);
    quantized_convert(wide->data, &sum, bias->data, &of_bias, (size_t)bias->count);
    for (int64_t i = 0; i < out->count; i++)
        codes[i] = (int32_t)((uint32_t)codes[i] + (uint32_t)tensor_i32(wide)[i % bias->count] + zero);
    tensor_release(wide);
    return quantized_output(c, 1, &sum, err);
}

/* ---- activations: codes between those of two numbers */

enum { RELU, RELU6, RELU_X };

static inlay_status relu_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    int detail = c->node->impl->detail, first = detail == RELU_X ? 2 : 1;
    quantized_range r;
    if ((in->type != INLAY_QUINT8 && in->type != INLAY_QINT32) || c->node->out.items[0].type != in->type)
        return op_unsupported(c, in->type, err);
    TRY(quantized_input(c, first, in->type, &r, err));
    if (detail == RELU_X && c->in[1]->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "max_value must be one number");
    int64_t low = quantized_clamped(0, &r), high = quantized_highest(in->type);
    if (detail == RELU6) high = quantized_clamped(6, &r);
    if (detail == RELU_X) high = quantized_clamped(*tensor_f32(c->in[1]), &r);
    TRY(op_output_over(c, 0, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        int64_t code = in->type == INLAY_QUINT8 ? in->data[i] : tensor_i32(in)[i];
        code = code < low ? low : code;
        code = code > high ? high : code;
        if (in->type == INLAY_QUINT8)
            out->data[i] = (uint8_t)code;
        else
            tensor_i32(out)[i] = (int32_t)code;
    }
    return quantized_output(c, 1, &r, err);
}

static inlay_status reshape_run(op_call *c, inlay_error *err) {
    quantized_range r;
    shape dims;
    int64_t known = 1;
    int free_dim = -1;
    char text[SHAPE_TEXT];
    TRY(quantized_input(c, 2, c->in[0]->type, &r, err));
    TRY(op_shape_of(c->in[1], "shape", &dims, err));
    for (int i = 0; i < dims.rank; i++) {
        if (dims.dims[i] == -1 && free_dim >= 0) return fail(err, INLAY_INVALID_ARGUMENT, "two dimensions are -1");
        if (dims.dims[i] == -1)
            free_dim = i;
        else if (!mul_i64(known, dims.dims[i], &known))
            return fail(err, INLAY_INVALID_ARGUMENT, "a shape is too large");
    }
    if (free_dim >= 0) dims.dims[free_dim] = known ? c->in[0]->count / known : 0;
    if (!shape_elements(&dims, &known) || known != c->in[0]->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld elements do not fill shape %s", (long long)c->in[0]->count,
                    shape_text(&dims, text));
    TRY(op_give_reshaped(c, 0, 0, &dims, err));
    return quantized_output(c, 1, &r, err);
}

const op_impl quantized_impls[] = {
    {"QuantizedAdd", .run = pair_run, .detail = ADD},
    {"QuantizedMul", .run = pair_run, .detail = MUL},
    {"QuantizedBiasAdd", .run = bias_add_run},
    {"QuantizedRelu", .run = relu_run, .detail = RELU},
    {"QuantizedRelu6", .run = relu_run, .detail = RELU6},
    {"QuantizedReluX", .run = relu_run, .detail = RELU_X},
    {"QuantizedReshape", .run = reshape_run},
};
OP_FAMILY_END(quantized);

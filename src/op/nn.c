/* Biases, softmax, sums of many, clipping. */
#include "kernel/cast/cast.h"
#include "kernel/eltwise/eltwise.h"
#include "op/families.h"
#include "op/parallel.h"

#include <math.h>

/* ---- BiasAdd: value [.., channels] or [batch, channels, ..] */

static inlay_status bias_run(op_call *c, inlay_error *err) {
    const tensor *value = c->in[0], *bias = c->in[1];
    bytes format = bytes_of("NHWC");
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (c->node->impl->detail) TRY(attr_text(&c->node->attributes, "data_format", &format, err));
    int rank = value->dims.rank, channel = bytes_start_with(format, "NC") ? 1 : rank - 1;
    if (rank < 2 || bias->dims.rank != 1 || bias->count != value->dims.dims[channel])
        return fail(err, INLAY_INVALID_ARGUMENT, "a bias of shape %s for values of shape %s",
                    shape_text(&bias->dims, b), shape_text(&value->dims, a));
    binary_fn add = eltwise_binary(BINARY_ADD, value->type);
    if (!add) return op_unsupported(c, value->type, err);
    tensor *out;
    TRY(op_output_over(c, 0, 0, &value->dims, &out, err));
    size_t width = dtype_size(value->type);
    int64_t inner = op_span(&value->dims, channel + 1, rank), rows = op_span(&value->dims, 0, channel);
    for (int64_t r = 0; r < rows && value->count; r++) {
        if (inner == 1) {
            size_t at = (size_t)(r * bias->count) * width;
            add(out->data + at, value->data + at, bias->data, (size_t)bias->count, 1, 1);
            continue;
        }
        for (int64_t k = 0; k < bias->count; k++) {
            size_t at = (size_t)((r * bias->count + k) * inner) * width;
            add(out->data + at, value->data + at, bias->data + (size_t)k * width, (size_t)inner, 1, 0);
        }
    }
    return INLAY_OK;
}

/* ---- softmax over the last dimension */

enum { SOFTMAX, LOG_SOFTMAX };

typedef struct softmax_work {
    const tensor *in;
    tensor *out;
    int64_t n;
    bool log;
} softmax_work;

static void softmax_f32(float *o, const float *x, int64_t n, bool log) {
    float most = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (x[i] > most || isnan(x[i])) most = x[i];
    if (log) {
        for (int64_t i = 0; i < n; i++) sum += (double)expf(x[i] - most);
        float shift = (float)logf((float)sum);
        for (int64_t i = 0; i < n; i++) o[i] = x[i] - most - shift;
        return;
    }
    for (int64_t i = 0; i < n; i++) sum += (double)(o[i] = expf(x[i] - most));
    float scale = (float)(1 / sum);
    for (int64_t i = 0; i < n; i++) o[i] *= scale;
}

static void softmax_f64(double *o, const double *x, int64_t n, bool log_too) {
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (x[i] > most || isnan(x[i])) most = x[i];
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] - most);
    double shift = log(sum);
    for (int64_t i = 0; i < n; i++) o[i] = log_too ? x[i] - most - shift : exp(x[i] - most) / sum;
}

static void softmax_rows(void *ctx, int64_t first, int64_t rows) {
    const softmax_work *w = ctx;
    for (int64_t r = first; r < first + rows; r++) {
        int64_t at = r * w->n;
        if (w->in->type == INLAY_FLOAT32)
            softmax_f32(tensor_f32(w->out) + at, tensor_f32(w->in) + at, w->n, w->log);
        else
            softmax_f64((double *)(void *)w->out->data + at, (const double *)(const void *)w->in->data + at, w->n,
                        w->log);
    }
}

static inlay_status softmax_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out, *wide;
    dtype t = in->type;
    if (in->dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "logits must have a dimension");
    if (t != INLAY_FLOAT32 && t != INLAY_FLOAT64 && t != INLAY_FLOAT16 && t != INLAY_BFLOAT16)
        return op_unsupported(c, t, err);
    bool narrow = t == INLAY_FLOAT16 || t == INLAY_BFLOAT16;
    if (narrow)
        TRY(tensor_to_float(in, INLAY_FLOAT32, c->budget, &wide, err));
    else
        wide = tensor_retain(in);
    inlay_status status = op_output(c, 0, &in->dims, &out, err);
    if (status == INLAY_OK && in->count) {
        int64_t n = in->dims.dims[in->dims.rank - 1];
        softmax_work w = {wide, narrow ? wide : out, n, c->node->impl->detail == LOG_SOFTMAX};
        op_parallel(in->count / n, 16384 / n + 1, softmax_rows, &w);
        if (narrow) cast_run(out->data, t, wide->data, INLAY_FLOAT32, (size_t)in->count);
    }
    tensor_release(wide);
    return status;
}

/* ---- sums of many tensors of one shape */

static inlay_status add_n_run(op_call *c, inlay_error *err) {
    int n = c->node->in.count;
    if (n < 1) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to add");
    const shape *dims = &c->in[0]->dims;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    binary_fn add = eltwise_binary(BINARY_ADD, c->in[0]->type);
    if (!add) return op_unsupported(c, c->in[0]->type, err);
    for (int i = 1; i < n; i++)
        if (!shape_equal(dims, &c->in[i]->dims))
            return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s cannot be added", shape_text(dims, a),
                        shape_text(&c->in[i]->dims, b));
    if (n == 1) {
        op_give(c, 0, tensor_retain(c->in[0]));
        return INLAY_OK;
    }
    tensor *out;
    TRY(op_output_over(c, 0, 0, dims, &out, err));
    for (int i = 1; i < n; i++)
        add(out->data, i == 1 ? c->in[0]->data : out->data, c->in[i]->data, (size_t)out->count, 1, 1);
    return INLAY_OK;
}

/* Between two bounds, each a scalar or of the values' shape. */
static inlay_status clip_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    binary_fn most = eltwise_binary(BINARY_MINIMUM, in->type), least = eltwise_binary(BINARY_MAXIMUM, in->type);
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    tensor *out;
    if (!most || !least) return op_unsupported(c, in->type, err);
    for (int i = 1; i < 3; i++)
        if (c->in[i]->dims.rank != 0 && !shape_equal(&c->in[i]->dims, &in->dims))
            return fail(err, INLAY_INVALID_ARGUMENT, "a bound of shape %s for values of shape %s",
                        shape_text(&c->in[i]->dims, b), shape_text(&in->dims, a));
    TRY(op_output_over(c, 0, 0, &in->dims, &out, err));
    most(out->data, in->data, c->in[2]->data, (size_t)in->count, 1, c->in[2]->dims.rank != 0);
    least(out->data, out->data, c->in[1]->data, (size_t)in->count, 1, c->in[1]->dims.rank != 0);
    return INLAY_OK;
}

const op_impl nn_impls[] = {
    {"BiasAdd", .run = bias_run, .detail = 1},
    {"BiasAddV1", .run = bias_run, .detail = 0},
    {"Softmax", .run = softmax_run, .detail = SOFTMAX},
    {"LogSoftmax", .run = softmax_run, .detail = LOG_SOFTMAX},
    {"AddN", .run = add_n_run},
    {"AccumulateNV2", .run = add_n_run},
    {"ClipByValue", .run = clip_run},
};
OP_FAMILY_END(nn);

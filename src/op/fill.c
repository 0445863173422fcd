/* Tensors made from a size, a value or a rule. */
#include "kernel/cast/cast.h"
#include "op/families.h"
#include "op/runs.h"

#include <math.h>

static inlay_status known_dims(const tensor *t, shape *dims, inlay_error *err) {
    TRY(op_shape_of(t, "dims", dims, err));
    for (int i = 0; i < dims->rank; i++)
        if (dims->dims[i] < 0) return fail(err, INLAY_INVALID_ARGUMENT, "a dimension is negative");
    return INLAY_OK;
}

static inlay_status fill_run(op_call *c, inlay_error *err) {
    shape dims;
    int64_t count;
    if (c->in[1]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "value must be a scalar");
    TRY(known_dims(c->in[0], &dims, err));
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    shape_elements(&dims, &count);
    return runs_end(&w, runs_repeat(&w, c->in[1], 0, count, err), err);
}

static inlay_status empty_run(op_call *c, inlay_error *err) {
    shape dims;
    int64_t count;
    TRY(known_dims(c->in[0], &dims, err));
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    shape_elements(&dims, &count);
    return runs_end(&w, runs_repeat(&w, NULL, 0, count, err), err);
}

enum { ZEROS, ONES };

static inlay_status like_run(op_call *c, inlay_error *err) {
    run_writer w;
    const tensor *in = c->in[0];
    int32_t one = c->node->impl->detail;
    uint8_t value[16] = {0};
    if (one && !cast_run(value, in->type, &one, INLAY_INT32, 1)) return op_unsupported(c, in->type, err);
    tensor like = {.type = in->type, .data = value, .count = 1};
    TRY(runs_begin(&w, c, 0, &in->dims, err));
    return runs_end(&w, runs_repeat(&w, one ? &like : NULL, 0, in->count, err), err);
}

/* How many of start, start + delta, … come before limit. */
static inlay_status range_count(double start, double limit, double delta, int64_t *count, inlay_error *err) {
    if (delta == 0 || !isfinite(start) || !isfinite(limit) || !isfinite(delta))
        return fail(err, INLAY_INVALID_ARGUMENT, "no range from %g to %g by %g", start, limit, delta);
    double n = ceil((limit - start) / delta);
    if (n < 0) return fail(err, INLAY_INVALID_ARGUMENT, "no range from %g to %g by %g", start, limit, delta);
    if (n > 1e15) return fail(err, INLAY_RESOURCE_EXHAUSTED, "a range of %g numbers", n);
    *count = (int64_t)n;
    return INLAY_OK;
}

static inlay_status range_int(op_call *c, inlay_error *err) {
    int64_t start, limit, delta;
    TRY(tensor_scalar_int(c->in[0], "start", &start, err));
    TRY(tensor_scalar_int(c->in[1], "limit", &limit, err));
    TRY(tensor_scalar_int(c->in[2], "delta", &delta, err));
    if (delta == 0) return fail(err, INLAY_INVALID_ARGUMENT, "delta is 0");
    if ((delta > 0) != (limit > start) && limit != start)
        return fail(err, INLAY_INVALID_ARGUMENT, "no range from %lld to %lld by %lld", (long long)start,
                    (long long)limit, (long long)delta);
    uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    uint64_t count = span / step + (span % step != 0);
    if (count > INT64_MAX) return fail(err, INLAY_RESOURCE_EXHAUSTED, "the range is too long");
    shape dims = shape_vector((int64_t)count);
    tensor *out;
    TRY(op_output(c, 0, &dims, &out, err));
    uint64_t value = (uint64_t)start;
    for (int64_t i = 0; i < out->count; i++, value += (uint64_t)delta) {
        int64_t v = (int64_t)value;
        cast_run(out->data + (size_t)i * dtype_size(out->type), out->type, &v, INLAY_INT64, 1);
    }
    return INLAY_OK;
}

static inlay_status range_run(op_call *c, inlay_error *err) {
    dtype t = c->node->out.items[0].type;
    for (int i = 0; i < 3; i++)
        if (c->in[i]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "start, limit and delta must be scalars");
    if (dtype_is_integer(t)) return range_int(c, err);
    double v[3];
    int64_t count = 0;
    for (int i = 0; i < 3; i++)
        if (!cast_run(&v[i], INLAY_FLOAT64, c->in[i]->data, c->in[i]->type, 1)) return op_unsupported(c, t, err);
    TRY(range_count(v[0], v[1], v[2], &count, err));
    shape dims = shape_vector(count);
    tensor *out;
    TRY(op_output(c, 0, &dims, &out, err));
    /* As TensorFlow: start + i * delta in the dtype's own precision. */
    for (int64_t i = 0; i < count; i++) {
        double value = t == INLAY_FLOAT64 ? v[0] + (double)i * v[2] : (double)((float)v[0] + (float)i * (float)v[2]);
        cast_run(out->data + (size_t)i * dtype_size(t), t, &value, INLAY_FLOAT64, 1);
    }
    return INLAY_OK;
}

static inlay_status lin_space_run(op_call *c, inlay_error *err) {
    dtype t = c->node->out.items[0].type;
    double start, stop;
    int64_t n;
    if (c->in[0]->count != 1 || c->in[1]->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "start and stop must be scalars");
    if (!cast_run(&start, INLAY_FLOAT64, c->in[0]->data, t, 1) || !cast_run(&stop, INLAY_FLOAT64, c->in[1]->data, t, 1))
        return op_unsupported(c, t, err);
    TRY(tensor_scalar_int(c->in[2], "num", &n, err));
    if (n <= 0) return fail(err, INLAY_INVALID_ARGUMENT, "num is %lld", (long long)n);
    shape dims = shape_vector(n);
    tensor *out;
    TRY(op_output(c, 0, &dims, &out, err));
    double step = n > 1 ? (stop - start) / (double)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++) {
        double value = i == n - 1 && n > 1 ? stop : start + (double)i * step;
        cast_run(out->data + (size_t)i * dtype_size(t), t, &value, INLAY_FLOAT64, 1);
    }
    return INLAY_OK;
}

/* indices, depth, on, off -> a dimension of DEPTH at axis. */
static inlay_status one_hot_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    int64_t depth, axis_given;
    TRY(tensor_scalar_int(c->in[1], "depth", &depth, err));
    TRY(attr_int(&c->node->attributes, "axis", &axis_given, err));
    if (depth < 0) return fail(err, INLAY_INVALID_ARGUMENT, "depth is %lld", (long long)depth);
    if (c->in[2]->count != 1 || c->in[3]->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "on_value and off_value must be scalars");
    shape dims = in->dims;
    int axis;
    if (dims.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    TRY(op_axis(axis_given, dims.rank + 1, &axis, err));
    for (int i = dims.rank++; i > axis; i--) dims.dims[i] = dims.dims[i - 1];
    dims.dims[axis] = depth;
    int64_t inner = op_span(&in->dims, axis, in->dims.rank), outer = op_span(&in->dims, 0, axis);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t o = 0; o < outer && status == INLAY_OK; o++)
        for (int64_t d = 0; d < depth && status == INLAY_OK; d++)
            for (int64_t i = 0; i < inner && status == INLAY_OK; i++) {
                int64_t index;
                status = tensor_as_int(in, o * inner + i, "indices", &index, err);
                if (status == INLAY_OK) status = runs_copy(&w, c->in[index == d ? 2 : 3], 0, 1, err);
            }
    return runs_end(&w, status, err);
}

const op_impl fill_impls[] = {
    {"Fill", .run = fill_run},
    {"Empty", .run = empty_run},
    {"ZerosLike", .run = like_run, .detail = ZEROS},
    {"OnesLike", .run = like_run, .detail = ONES},
    {"Range", .run = range_run},
    {"LinSpace", .run = lin_space_run},
    {"OneHot", .run = one_hot_run},
};
OP_FAMILY_END(fill);

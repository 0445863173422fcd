/* Counting, buckets, places in sorted rows. */
#include "op/families.h"

#include "base/num.h"

/* ---- bins */

typedef struct bins {
    tensor *out; /* [rows, size] */
    int64_t size;
    const tensor *weights; /* empty: each counts 1 */
    bool binary;           /* 1 where there is any */
} bins;

static void add(const bins *b, int64_t bin, int64_t i) {
    bool weighted = b->weights->count != 0;
    const uint8_t *w = weighted ? b->weights->data + (uint64_t)i * dtype_size(b->out->type) : NULL;
    uint8_t *to = b->out->data + (uint64_t)bin * dtype_size(b->out->type);
    double wide, more;
    switch (b->out->type) {
    case INLAY_INT32: store_u32(to, b->binary ? 1 : load_u32(to) + (weighted ? load_u32(w) : 1)); break;
    case INLAY_INT64: store_u64(to, b->binary ? 1 : load_u64(to) + (weighted ? load_u64(w) : 1)); break;
    case INLAY_FLOAT32: {
        float sum = b->binary ? 1 : load_f32(to) + (weighted ? load_f32(w) : 1);
        memcpy(to, &sum, sizeof sum);
        break;
    }
    default:
        memcpy(&wide, to, sizeof wide);
        memcpy(&more, weighted ? w : to, sizeof more);
        wide = b->binary ? 1 : wide + (weighted ? more : 1);
        memcpy(to, &wide, sizeof wide);
        break;
    }
}

/* Reads size and weights (of VALUES elements, or none) and makes the output, [rows, size], or [size] when ROWS is -1.
 */
static inlay_status bins_begin(op_call *c, int size_at, int weights_at, const tensor *values, int64_t rows, bins *b,
                               inlay_error *err) {
    dtype t = c->node->out.items[0].type;
    char text[SHAPE_TEXT];
    *b = (bins){.weights = c->in[weights_at]};
    if (c->in[size_at]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "size must be a scalar");
    TRY(tensor_scalar_int(c->in[size_at], "size", &b->size, err));
    if (b->size < 0) return fail(err, INLAY_INVALID_ARGUMENT, "size (%lld) must be non-negative", (long long)b->size);
    if (b->weights->count != 0 && b->weights->count != values->count)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "`weights` must be the same shape as `arr` or a length-0 `Tensor`. Received %s",
                    shape_text(&b->weights->dims, text));
    if (t != INLAY_INT32 && t != INLAY_INT64 && t != INLAY_FLOAT32 && t != INLAY_FLOAT64)
        return op_unsupported(c, t, err);
    shape dims = rows < 0 ? shape_vector(b->size) : shape_matrix(rows, b->size);
    TRY(op_output(c, 0, &dims, &b->out, err));
    memset(b->out->data, 0, (size_t)b->out->count * dtype_size(t));
    return INLAY_OK;
}

static inlay_status put(const bins *b, const tensor *values, int64_t row, int64_t i, inlay_error *err) {
    int64_t value;
    TRY(tensor_as_int(values, i, "input", &value, err));
    if (value < 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "Input must be non-negative! Negative input value found: %lld",
                    (long long)value);
    if (value < b->size) add(b, row * b->size + value, i);
    return INLAY_OK;
}

static inlay_status bincount_run(op_call *c, inlay_error *err) {
    bins b;
    TRY(bins_begin(c, 1, 2, c->in[0], -1, &b, err));
    for (int64_t i = 0; i < c->in[0]->count; i++) TRY(put(&b, c->in[0], 0, i, err));
    return INLAY_OK;
}

static inlay_status dense_bincount_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    bins b;
    if (in->dims.rank > 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "Shape must be at most rank 2 but is rank %d", in->dims.rank);
    int64_t rows = in->dims.rank == 2 ? in->dims.dims[0] : -1, width = in->dims.rank == 2 ? in->dims.dims[1] : 0;
    TRY(bins_begin(c, 1, 2, in, rows, &b, err));
    TRY(attr_bool(&c->node->attributes, "binary_output", &b.binary, err));
    for (int64_t i = 0; i < in->count; i++) TRY(put(&b, in, width ? i / width : 0, i, err));
    return INLAY_OK;
}

static inlay_status ragged_bincount_run(op_call *c, inlay_error *err) {
    const tensor *splits = c->in[0], *values = c->in[1];
    bins b;
    if (splits->count == 0) return fail(err, INLAY_INVALID_ARGUMENT, "Splits must be non-empty");
    int64_t rows = splits->count - 1, row = 0;
    const int64_t *split = tensor_i64(splits);
    if (split[0] != 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "Splits must start with 0, not with %lld", (long long)split[0]);
    if (split[rows] != values->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "Splits must end with the number of values, got %lld instead of %lld",
                    (long long)split[rows], (long long)values->count);
    TRY(bins_begin(c, 2, 3, values, rows, &b, err));
    TRY(attr_bool(&c->node->attributes, "binary_output", &b.binary, err));
    for (int64_t i = 0; i < values->count; i++) {
        while (row < rows && i >= split[row + 1]) row++;
        TRY(put(&b, values, row, i, err));
    }
    return INLAY_OK;
}

static inlay_status sparse_bincount_run(op_call *c, inlay_error *err) {
    const tensor *indices = c->in[0], *values = c->in[1], *dense = c->in[2];
    bins b;
    if (dense->dims.rank != 1 || dense->count < 1 || dense->count > 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "dense_shape must have one or two dimensions");
    if (indices->dims.rank != 2 || indices->dims.dims[0] != values->count || indices->dims.dims[1] != dense->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "indices do not fit values and dense_shape");
    bool flat = dense->count == 1;
    int64_t rows = tensor_i64(dense)[0];
    if (rows < 0) return fail(err, INLAY_INVALID_ARGUMENT, "dense_shape has a dimension of %lld", (long long)rows);
    TRY(bins_begin(c, 3, 4, values, flat ? -1 : rows, &b, err));
    TRY(attr_bool(&c->node->attributes, "binary_output", &b.binary, err));
    for (int64_t i = 0; i < values->count; i++) {
        int64_t row = flat ? 0 : tensor_i64(indices)[2 * i];
        for (int64_t d = 0; d < dense->count; d++) {
            int64_t at = tensor_i64(indices)[i * dense->count + d];
            if (at < 0 || at >= tensor_i64(dense)[d])
                return fail(err, INLAY_INVALID_ARGUMENT, "Sparse index tuple indices[%lld, :] is out of bounds",
                            (long long)i);
        }
        TRY(put(&b, values, row, i, err));
    }
    return INLAY_OK;
}

/* ---- buckets */

typedef struct bucket_state {
    float *boundaries;
    size_t count;
} bucket_state;

static inlay_status bucketize_prepare(op_node *node, op_setting *s, inlay_error *err) {
    bucket_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    TRY(attr_floats(&node->attributes, "boundaries", s->memory, &state->boundaries, &state->count, err));
    for (size_t i = 1; i < state->count; i++)
        if (state->boundaries[i] < state->boundaries[i - 1])
            return fail(err, INLAY_INVALID_ARGUMENT, "Expected sorted boundaries");
    node->state = state;
    return INLAY_OK;
}

/* Boundaries that VALUE is not below; float32 and integers are compared in float32. NaN is below none. */
static int32_t bucket_of(const bucket_state *s, double value, bool wide) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        bool below = wide ? value < (double)s->boundaries[middle] : (float)value < s->boundaries[middle];
        if (below)
            high = middle;
        else
            low = middle + 1;
    }
    return (int32_t)low;
}

static inlay_status bucketize_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *out;
    TRY(op_output(c, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        int64_t whole;
        double value;
        if (in->type == INLAY_FLOAT32) {
            value = load_f32(in->data + 4 * i);
        } else if (in->type == INLAY_FLOAT64) {
            memcpy(&value, in->data + 8 * i, 8);
        } else {
            TRY(tensor_as_int(in, i, "input", &whole, err));
            value = (double)(float)whole;
        }
        tensor_i32(out)[i] = bucket_of(c->node->state, value, in->type == INLAY_FLOAT64);
    }
    return INLAY_OK;
}

/* ---- places in sorted rows: how many elements are below a value (LowerBound), or not above it (UpperBound) */

enum { LOWER, UPPER };

/* Whether element I of A comes before element J of B; for UPPER, does not come after it. */
static bool before(const tensor *a, int64_t i, const tensor *b, int64_t j, bool upper) {
    double x, y;
    int64_t m = 0, n = 0;
    switch (a->type) {
    case INLAY_STRING: {
        int order = bytes_compare(tensor_string(a, i), tensor_string(b, j));
        return upper ? order <= 0 : order < 0;
    }
    case INLAY_FLOAT32:
        x = load_f32(a->data + 4 * i);
        y = load_f32(b->data + 4 * j);
        break;
    case INLAY_FLOAT64:
        memcpy(&x, a->data + 8 * i, 8);
        memcpy(&y, b->data + 8 * j, 8);
        break;
    default: /* dtypes are checked before */
        tensor_as_int(a, i, "", &m, NULL);
        tensor_as_int(b, j, "", &n, NULL);
        return upper ? m <= n : m < n;
    }
    return upper ? !(y < x) : x < y;
}

static inlay_status bound_run(op_call *c, inlay_error *err) {
    const tensor *sorted = c->in[0], *values = c->in[1];
    tensor *out;
    dtype t = sorted->type;
    bool upper = c->node->impl->detail == UPPER;
    if (t != INLAY_STRING && t != INLAY_FLOAT32 && t != INLAY_FLOAT64 && (!dtype_is_integer(t) || t == INLAY_UINT64))
        return op_unsupported(c, t, err);
    if (sorted->dims.rank != 2 || values->dims.rank != 2 || sorted->dims.dims[0] != values->dims.dims[0])
        return fail(err, INLAY_INVALID_ARGUMENT, "sorted_inputs and values must be matrices with as many rows");
    int64_t length = sorted->dims.dims[1], width = values->dims.dims[1];
    TRY(op_output(c, 0, &values->dims, &out, err));
    for (int64_t i = 0; i < values->count; i++) {
        int64_t begin = i / width * length, low = 0, high = length;
        while (low < high) {
            int64_t middle = (low + high) / 2;
            if (before(sorted, begin + middle, values, i, upper))
                low = middle + 1;
            else
                high = middle;
        }
        if (out->type == INLAY_INT64)
            tensor_i64(out)[i] = low;
        else
            tensor_i32(out)[i] = (int32_t)low;
    }
    return INLAY_OK;
}

/* ---- HistogramFixedWidth: equal bins between two values; what lies outside goes to the bins at the ends */

static inlay_status histogram_run(op_call *c, inlay_error *err) {
    int64_t bins;
    tensor *values, *range, *out;
    TRY(tensor_scalar_int(c->in[2], "nbins", &bins, err));
    if (bins <= 0) return fail(err, INLAY_INVALID_ARGUMENT, "nbins (%lld) must be positive", (long long)bins);
    if (c->in[1]->dims.rank != 1 || c->in[1]->count != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "value_range must have 2 elements");
    shape dims = shape_vector(bins);
    TRY(op_output(c, 0, &dims, &out, err));
    if (out->type != INLAY_INT32 && out->type != INLAY_INT64) return op_unsupported(c, out->type, err);
    memset(out->data, 0, (size_t)out->size);
    TRY(tensor_to_float(c->in[1], INLAY_FLOAT64, c->budget, &range, err));
    double low = ((const double *)(const void *)range->data)[0], high = ((const double *)(const void *)range->data)[1];
    tensor_release(range);
    if (!(low < high)) return fail(err, INLAY_INVALID_ARGUMENT, "value_range must rise, not %g to %g", low, high);
    TRY(tensor_to_float(c->in[0], INLAY_FLOAT64, c->budget, &values, err));
    double step = (high - low) / (double)bins;
    for (int64_t i = 0; i < values->count; i++) {
        double at = (((const double *)(const void *)values->data)[i] - low) / step;
        int64_t bin = !(at > 0) ? 0 : at > (double)(bins - 1) ? bins - 1 : (int64_t)at;
        if (out->type == INLAY_INT64)
            tensor_i64(out)[bin]++;
        else
            tensor_i32(out)[bin]++;
    }
    tensor_release(values);
    return INLAY_OK;
}

const op_impl count_impls[] = {
    {"HistogramFixedWidth", .run = histogram_run},
    {"Bincount", .run = bincount_run},
    {"DenseBincount", .run = dense_bincount_run},
    {"RaggedBincount", .run = ragged_bincount_run},
    {"SparseBincount", .run = sparse_bincount_run},
    {"Bucketize", .run = bucketize_run, .prepare = bucketize_prepare},
    {"LowerBound", .run = bound_run, .detail = LOWER},
    {"UpperBound", .run = bound_run, .detail = UPPER},
};
OP_FAMILY_END(count);

/* Ragged tensors: values [n, ...] and, for each ragged dimension, row splits: row r holds items [splits[r], splits[r +
 * 1]) of the level below. */
#include "op/families.h"
#include "op/runs.h"

#include "base/num.h"

#include <math.h>

static int64_t at(const tensor *t, int64_t i) {
    return t->type == INLAY_INT64 ? tensor_i64(t)[i] : tensor_i32(t)[i];
}

static void put(tensor *t, int64_t i, int64_t value) {
    if (t->type == INLAY_INT64)
        tensor_i64(t)[i] = value;
    else
        tensor_i32(t)[i] = (int32_t)value;
}

/* Splits must be a rising vector from 0 to ITEMS; with LOOSE it may begin and end anywhere in [0, ITEMS]. */
static inlay_status check_splits(const tensor *splits, int64_t items, bool loose, inlay_error *err) {
    if (splits->dims.rank != 1 || splits->count == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "ragged splits may not be empty.");
    if (at(splits, 0) < 0 || (!loose && at(splits, 0) != 0))
        return fail(err, INLAY_INVALID_ARGUMENT, "First value of ragged splits must be 0.");
    for (int64_t i = 1; i < splits->count; i++)
        if (at(splits, i) < at(splits, i - 1))
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Ragged splits should be non decreasing, but we got %lld followed by %lld",
                        (long long)at(splits, i - 1), (long long)at(splits, i));
    int64_t last = at(splits, splits->count - 1);
    if (loose ? last > items : last != items)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "Final value of ragged splits must match the length the corresponding ragged values: %lld, %lld",
                    (long long)last, (long long)items);
    return INLAY_OK;
}

/* Levels of splits over VALUES, the outermost first. */
static inlay_status check_levels(tensor *const *splits, int levels, const tensor *values, bool loose,
                                 inlay_error *err) {
    if (values->dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "ragged values must not be a scalar");
    for (int i = 0; i < levels; i++)
        TRY(check_splits(splits[i], i + 1 < levels ? splits[i + 1]->count - 1 : values->dims.dims[0], loose, err));
    return INLAY_OK;
}

/* ---- to sparse */

/* Index tuples of all values, [values, levels + 1 + inner rank]. */
static void fill_indices(tensor *const *splits, int levels, const tensor *values, int64_t *out) {
    const shape *dims = &values->dims;
    int64_t index[2 * INLAY_MAX_RANK] = {0}, row[INLAY_MAX_RANK] = {0}; /* row: at each level, counted through */
    int width = levels + dims->rank;
    int64_t inner = op_span(dims, 1, dims->rank);
    for (int64_t v = 0; v < dims->dims[0]; v++) {
        int64_t child = v;
        for (int l = levels - 1; l >= 0; l--) {
            while (child >= at(splits[l], row[l] + 1)) row[l]++;
            index[l + 1] = child - at(splits[l], row[l]);
            child = row[l];
        }
        index[0] = child;
        for (int64_t i = 0; i < inner; i++) {
            int64_t rest = i;
            for (int d = dims->rank - 1; d >= 1; d--) {
                index[levels + d] = rest % dims->dims[d];
                rest /= dims->dims[d];
            }
            memcpy(out, index, (size_t)width * sizeof *out);
            out += width;
        }
    }
}

static inlay_status to_sparse_run(op_call *c, inlay_error *err) {
    int levels = c->node->in.count - 1;
    tensor *const *splits = c->in;
    tensor *values = c->in[levels], *indices, *dense;
    if (levels < 1 || levels + values->dims.rank > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "%d ragged dimensions", levels);
    TRY(check_levels(splits, levels, values, false, err));
    int width = levels + values->dims.rank;
    shape dims = shape_matrix(values->count, width), flat = shape_vector(values->count), rank = shape_vector(width);
    TRY(op_output(c, 0, &dims, &indices, err));
    TRY(op_output(c, 2, &rank, &dense, err));
    fill_indices(splits, levels, values, tensor_i64(indices));
    tensor_i64(dense)[0] = splits[0]->count - 1;
    for (int l = 0; l < levels; l++) {
        int64_t widest = 0;
        for (int64_t r = 0; r + 1 < splits[l]->count; r++) {
            int64_t length = at(splits[l], r + 1) - at(splits[l], r);
            widest = length > widest ? length : widest;
        }
        tensor_i64(dense)[l + 1] = widest;
    }
    for (int d = 1; d < values->dims.rank; d++) tensor_i64(dense)[levels + d] = values->dims.dims[d];
    return op_give_reshaped(c, 1, levels, &flat, err);
}

/* ---- gather */

/* For each index the items [from, to) of one level; at first, of the rows themselves. */
typedef struct span {
    int64_t from, to;
} span;

/* Output OUT: the splits of LEVEL's rows that the N spans pick; the spans become those of the level below. */
static inlay_status gather_level(op_call *c, const tensor *level, span *spans, int64_t n, int out, inlay_error *err) {
    int64_t rows = 0;
    for (int64_t i = 0; i < n; i++)
        if (__builtin_add_overflow(rows, spans[i].to - spans[i].from, &rows) || rows > INT64_MAX / 16)
            return fail_memory(err);
    tensor *made = NULL;
    shape dims = shape_vector(rows + 1);
    if (out >= 0) {
        TRY(op_output(c, out, &dims, &made, err));
        put(made, 0, 0);
    }
    int64_t row = 0, total = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t r = spans[i].from; made && r < spans[i].to; r++) {
            total += at(level, r + 1) - at(level, r);
            put(made, ++row, total);
        }
        spans[i] = (span){at(level, spans[i].from), at(level, spans[i].to)};
    }
    return INLAY_OK;
}

/* Splits of the dimensions that the indices have beyond one: all rows of one dimension are equally long. */
static inlay_status index_splits(op_call *c, const shape *indices, inlay_error *err) {
    int64_t rows = 1;
    for (int d = 1; d < indices->rank; d++) {
        rows *= indices->dims[d - 1];
        tensor *made;
        shape dims = shape_vector(rows + 1);
        TRY(op_output(c, d - 1, &dims, &made, err));
        for (int64_t r = 0; r <= rows; r++) put(made, r, r * indices->dims[d]);
    }
    return INLAY_OK;
}

static inlay_status copy_spans(op_call *c, const tensor *values, const span *spans, int64_t n, int out,
                               inlay_error *err) {
    shape dims = values->dims;
    int64_t inner = op_span(&dims, 1, dims.rank);
    dims.dims[0] = 0;
    for (int64_t i = 0; i < n; i++)
        if (__builtin_add_overflow(dims.dims[0], spans[i].to - spans[i].from, &dims.dims[0])) return fail_memory(err);
    run_writer w;
    inlay_status status = INLAY_OK;
    TRY(runs_begin(&w, c, out, &dims, err));
    for (int64_t i = 0; status == INLAY_OK && i < n; i++)
        status = runs_copy(&w, values, spans[i].from * inner, (spans[i].to - spans[i].from) * inner, err);
    return runs_end(&w, status, err);
}

static inlay_status gather_run(op_call *c, inlay_error *err) {
    int levels = c->node->in.count - 2, outputs = c->node->out.count - 1;
    const tensor *values = c->in[levels], *indices = c->in[levels + 1];
    if (levels < 1 || outputs != indices->dims.rank - 1 + levels)
        return fail(err, INLAY_INVALID_ARGUMENT, "%d ragged dimensions of params and indices of rank %d cannot give %d",
                    levels, indices->dims.rank, outputs);
    TRY(check_levels(c->in, levels, values, true, err));
    int64_t rows = c->in[0]->count - 1;
    span *spans = mem_array((size_t)indices->count, sizeof *spans);
    inlay_status status = INLAY_OK;
    if (!spans) return fail_memory(err);
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t row = at(indices, i);
        if (row < 0 || row >= rows)
            TRY_TO(done, fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld] = %lld is not in [0, %lld)", (long long)i,
                              (long long)row, (long long)rows));
        spans[i] = (span){row, row + 1};
    }
    TRY_TO(done, index_splits(c, &indices->dims, err));
    for (int l = 0; l < levels; l++)
        TRY_TO(done, gather_level(c, c->in[l], spans, indices->count, indices->dims.rank - 1 + l, err));
    status = copy_spans(c, values, spans, indices->count, outputs, err);
done:
    mem_free(spans);
    return status;
}

/* ---- ranges */

/* Numbers from START by DELTA (not 0) before LIMIT. */
static int64_t int_steps(int64_t start, int64_t limit, int64_t delta) {
    if (delta > 0 ? start >= limit : start <= limit) return 0;
    uint64_t distance = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    uint64_t steps = (distance - 1) / step + 1;
    return steps > INT64_MAX ? INT64_MAX : (int64_t)steps;
}

static double real_at(const tensor *t, int64_t i) {
    double d;
    if (t->type == INLAY_FLOAT32) return load_f32(t->data + 4 * i);
    if (t->type == INLAY_BFLOAT16) return bf16_to_f32(load_u16(t->data + 2 * i));
    memcpy(&d, t->data + 8 * i, 8);
    return d;
}

static int64_t real_steps(double start, double limit, double delta, bool narrow) {
    if (delta > 0 ? start >= limit : start <= limit) return 0;
    double steps =
        ceil(fabs(narrow ? (double)((float)((float)(limit - start) / (float)delta)) : (limit - start) / delta));
    return steps < 9e18 ? (int64_t)steps : INT64_MAX; /* NaN too is too many */
}

static inlay_status count_steps(const tensor *start, const tensor *limit, const tensor *delta, const int64_t place[3],
                                int64_t *out, inlay_error *err) {
    if (start->type == INLAY_INT32 || start->type == INLAY_INT64) {
        if (at(delta, place[2]) == 0) return fail(err, INLAY_INVALID_ARGUMENT, "Requires delta != 0");
        *out = int_steps(at(start, place[0]), at(limit, place[1]), at(delta, place[2]));
    } else {
        if (real_at(delta, place[2]) == 0) return fail(err, INLAY_INVALID_ARGUMENT, "Requires delta != 0");
        *out = real_steps(real_at(start, place[0]), real_at(limit, place[1]), real_at(delta, place[2]),
                          start->type != INLAY_FLOAT64);
    }
    return INLAY_OK;
}

/* Each number is the one before plus DELTA, rounded as the dtype is. */
static void fill_range(tensor *out, int64_t first, int64_t n, const tensor *start, const tensor *delta, int64_t i,
                       int64_t j) {
    if (out->type == INLAY_INT32 || out->type == INLAY_INT64) {
        uint64_t value = (uint64_t)at(start, i), step = (uint64_t)at(delta, j);
        for (int64_t k = 0; k < n; k++, value += step) put(out, first + k, (int64_t)value);
        return;
    }
    double value = real_at(start, i), step = real_at(delta, j);
    for (int64_t k = 0; k < n; k++) {
        if (out->type == INLAY_FLOAT64) {
            memcpy(out->data + 8 * (first + k), &value, 8);
            value += step;
        } else if (out->type == INLAY_FLOAT32) {
            tensor_f32(out)[first + k] = (float)value;
            value = (double)((float)value + (float)step);
        } else {
            store_u16(out->data + 2 * (first + k), f32_to_bf16((float)value));
            value = bf16_to_f32(f32_to_bf16((float)value + (float)step));
        }
    }
}

static inlay_status range_run(op_call *c, inlay_error *err) {
    int64_t rows = -1, step[3];
    dtype t = c->in[0]->type;
    if (t != INLAY_INT32 && t != INLAY_INT64 && t != INLAY_FLOAT32 && t != INLAY_FLOAT64 && t != INLAY_BFLOAT16)
        return op_unsupported(c, t, err);
    for (int i = 0; i < 3; i++) {
        if (c->in[i]->dims.rank > 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "starts, limits and deltas must be scalars or vectors");
        step[i] = c->in[i]->dims.rank;
        if (step[i] && rows >= 0 && c->in[i]->count != rows)
            return fail(err, INLAY_INVALID_ARGUMENT, "starts, limits, and deltas must have the same shape");
        if (step[i]) rows = c->in[i]->count;
    }
    if (rows < 0) rows = 1;
    tensor *splits, *values;
    shape dims = shape_vector(rows + 1);
    TRY(op_output(c, 0, &dims, &splits, err));
    int64_t total = 0;
    put(splits, 0, 0);
    for (int64_t r = 0; r < rows; r++) {
        int64_t steps = 0, place[3] = {r * step[0], r * step[1], r * step[2]};
        TRY(count_steps(c->in[0], c->in[1], c->in[2], place, &steps, err));
        if (__builtin_add_overflow(total, steps, &total) || total > INT64_MAX / 16)
            return fail(err, INLAY_INVALID_ARGUMENT, "Requires fewer numbers than that: row %lld", (long long)r);
        put(splits, r + 1, total);
    }
    dims = shape_vector(total);
    TRY(op_output(c, 1, &dims, &values, err));
    for (int64_t r = 0; r < rows; r++)
        fill_range(values, at(splits, r), at(splits, r + 1) - at(splits, r), c->in[0], c->in[2], r * step[0],
                   r * step[2]);
    return INLAY_OK;
}

const op_impl ragged_impls[] = {
    {"RaggedTensorToSparse", .run = to_sparse_run},
    {"RaggedGather", .run = gather_run},
    {"RaggedRange", .run = range_run},
};
OP_FAMILY_END(ragged);

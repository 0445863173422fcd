/* Sparse tensors reduced along axes, and the softmax of their rows. */
#include "op/families.h"
#include "op/sparse.h"

#include "base/num.h"
#include "kernel/sparse/scalar.h"

#include <math.h>

/* Entries by the axes that stay, those of one result together. */
typedef struct reduction {
    sparse s;
    int order[INLAY_MAX_RANK]; /* axes that stay, then those that go */
    int stay;
    bool keep_dims;
    shape dims; /* of the result */
    int64_t *sorted;
} reduction;

static inlay_status read_axes(const tensor *t, int rank, bool gone[INLAY_MAX_RANK], inlay_error *err) {
    if (t->dims.rank > 1) return fail(err, INLAY_INVALID_ARGUMENT, "the axes must be a scalar or a vector");
    for (int64_t i = 0; i < t->count; i++) {
        int64_t axis;
        int at;
        TRY(tensor_as_int(t, i, "reduction_axes", &axis, err));
        TRY(op_axis(axis, rank, &at, err));
        gone[at] = true;
    }
    return INLAY_OK;
}

static inlay_status read_reduction(const op_call *c, reduction *r, inlay_error *err) {
    bool gone[INLAY_MAX_RANK] = {false};
    TRY(sparse_read(c, 0, 1, 2, &r->s, err));
    TRY(attr_bool(&c->node->attributes, "keep_dims", &r->keep_dims, err));
    TRY(read_axes(c->in[3], r->s.rank, gone, err));
    TRY(sparse_check(&r->s, err));
    int last = 0;
    for (int k = 0; k < r->s.rank; k++)
        if (!gone[k]) r->order[r->stay++] = k;
    last = r->stay;
    for (int k = 0; k < r->s.rank; k++)
        if (gone[k]) r->order[last++] = k;
    for (int k = 0; k < r->s.rank; k++)
        if (!gone[k] || r->keep_dims) r->dims.dims[r->dims.rank++] = gone[k] ? 1 : r->s.dims.dims[k];
    r->sorted = mem_array((size_t)r->s.n, sizeof *r->sorted);
    if (!r->sorted) return fail_memory(err);
    return sparse_sort(&r->s, r->order, r->sorted, err);
}

static bool same_result(const reduction *r, int64_t i, int64_t j) {
    const int64_t *x = sparse_at(&r->s, r->sorted[i]), *y = sparse_at(&r->s, r->sorted[j]);
    for (int k = 0; k < r->stay; k++)
        if (x[r->order[k]] != y[r->order[k]]) return false;
    return true;
}

/* The end of the run of entries from I on that have one result, which goes to OUT. */
static int64_t reduce_run_of(const reduction *r, int64_t i, scalar_fn *fn, uint8_t *out) {
    size_t width = dtype_size(r->s.values->type);
    int64_t first = i;
    memcpy(out, r->s.values->data + (size_t)r->sorted[i] * width, width);
    for (i++; i < r->s.n && same_result(r, first, i); i++)
        fn(out, out, r->s.values->data + (size_t)r->sorted[i] * width);
    return i;
}

static inlay_status give_dense(op_call *c, const reduction *r, scalar_fn *fn, inlay_error *err) {
    tensor *out;
    TRY(op_output(c, 0, &r->dims, &out, err));
    size_t width = dtype_size(out->type);
    memset(out->data, 0, (size_t)out->count * width);
    for (int64_t i = 0; i < r->s.n;) {
        int64_t flat = 0;
        for (int k = 0; k < r->stay; k++)
            flat = flat * r->s.dims.dims[r->order[k]] + sparse_at(&r->s, r->sorted[i])[r->order[k]];
        i = reduce_run_of(r, i, fn, out->data + (size_t)flat * width);
    }
    return INLAY_OK;
}

static inlay_status give_sparse(op_call *c, const reduction *r, scalar_fn *fn, inlay_error *err) {
    int64_t n = 0, *out;
    tensor *values;
    for (int64_t i = 0; i < r->s.n; i++) n += i == 0 || !same_result(r, i - 1, i);
    shape dims = shape_vector(n);
    TRY(sparse_put_indices(c, 0, n, r->dims.rank, &out, err));
    TRY(op_output(c, 1, &dims, &values, err));
    TRY(sparse_put_dims(c, 2, &r->dims, err));
    size_t width = dtype_size(values->type);
    uint8_t *to = values->data;
    for (int64_t i = 0; i < r->s.n; to += width) {
        const int64_t *index = sparse_at(&r->s, r->sorted[i]);
        if (r->keep_dims) {
            memset(out, 0, (size_t)r->dims.rank * sizeof *out);
            for (int k = 0; k < r->stay; k++) out[r->order[k]] = index[r->order[k]];
        } else {
            for (int k = 0; k < r->stay; k++) out[k] = index[r->order[k]];
        }
        out += r->dims.rank;
        i = reduce_run_of(r, i, fn, to);
    }
    return INLAY_OK;
}

static inlay_status reduce_run(op_call *c, inlay_error *err) {
    reduction r = {0};
    scalar_fn *fn = scalar_find((scalar_op)c->node->impl->detail, c->in[1]->type);
    if (!fn) return op_unsupported(c, c->in[1]->type, err);
    inlay_status status = read_reduction(c, &r, err);
    if (status == INLAY_OK) status = c->node->out.count == 1 ? give_dense(c, &r, fn, err) : give_sparse(c, &r, fn, err);
    mem_free(r.sorted);
    return status;
}

/* ---- softmax of each row, over the entries that it has; entries of a row stand together */

static double value_at(const tensor *t, int64_t i) {
    double wide;
    switch (t->type) {
    case INLAY_FLOAT32: return (double)load_f32(t->data + 4 * i);
    case INLAY_FLOAT16: return (double)f16_to_f32(load_u16(t->data + 2 * i));
    case INLAY_BFLOAT16: return (double)bf16_to_f32(load_u16(t->data + 2 * i));
    default: memcpy(&wide, t->data + 8 * i, 8); return wide;
    }
}

static void put_value(tensor *t, int64_t i, double value) {
    switch (t->type) {
    case INLAY_FLOAT32: tensor_f32(t)[i] = (float)value; break;
    case INLAY_FLOAT16: store_u16(t->data + 2 * i, f32_to_f16((float)value)); break;
    case INLAY_BFLOAT16: store_u16(t->data + 2 * i, f32_to_bf16((float)value)); break;
    default: memcpy(t->data + 8 * i, &value, 8); break;
    }
}

static void softmax_row(const tensor *in, tensor *out, int64_t first, int64_t end) {
    double most = (double)-INFINITY, sum = 0;
    for (int64_t i = first; i < end; i++) most = fmax(most, value_at(in, i));
    for (int64_t i = first; i < end; i++) sum += exp(value_at(in, i) - most);
    for (int64_t i = first; i < end; i++) put_value(out, i, exp(value_at(in, i) - most) / sum);
}

static inlay_status softmax_run(op_call *c, inlay_error *err) {
    sparse s;
    tensor *out;
    if (!dtype_is_float(c->in[1]->type) || dtype_size(c->in[1]->type) < 2)
        return op_unsupported(c, c->in[1]->type, err);
    TRY(sparse_read(c, 0, 1, 2, &s, err));
    if (s.rank < 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "Input should have rank >= 2, but received shape of rank %d", s.rank);
    TRY(sparse_check(&s, err));
    TRY(op_output(c, 0, &s.values->dims, &out, err));
    for (int64_t first = 0, end; first < s.n; first = end) {
        for (end = first + 1; end < s.n; end++)
            if (sparse_compare(sparse_at(&s, first), sparse_at(&s, end), s.rank - 1) != 0) break;
        softmax_row(s.values, out, first, end);
    }
    return INLAY_OK;
}

const op_impl sparse_reduce_impls[] = {
    {"SparseReduceSum", .run = reduce_run, .detail = SCALAR_ADD},
    {"SparseReduceMax", .run = reduce_run, .detail = SCALAR_MAX},
    {"SparseReduceSumSparse", .run = reduce_run, .detail = SCALAR_ADD},
    {"SparseReduceMaxSparse", .run = reduce_run, .detail = SCALAR_MAX},
    {"SparseSoftmax", .run = softmax_run},
};
OP_FAMILY_END(sparse_reduce);

/* Putting tensors together and taking them apart along one axis. */
#include "op/families.h"
#include "op/runs.h"

/* Pieces [n] of equal dims but for AXIS, their sizes there summed in *dims. */
static inlay_status joined_dims(tensor *const *pieces, int n, int axis, shape *dims, inlay_error *err) {
    *dims = pieces[0]->dims;
    for (int i = 1; i < n; i++) {
        const shape *d = &pieces[i]->dims;
        bool fits = d->rank == dims->rank;
        for (int k = 0; fits && k < dims->rank; k++) fits = k == axis || d->dims[k] == dims->dims[k];
        if (!fits) {
            char a[SHAPE_TEXT], b[SHAPE_TEXT];
            return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s cannot be joined along axis %d",
                        shape_text(&pieces[0]->dims, a), shape_text(d, b), axis);
        }
        if (__builtin_add_overflow(dims->dims[axis], d->dims[axis], &dims->dims[axis]))
            return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    }
    return INLAY_OK;
}

static inlay_status join(op_call *c, tensor *const *pieces, int n, int axis, inlay_error *err) {
    shape dims;
    TRY(joined_dims(pieces, n, axis, &dims, err));
    int64_t outer = op_span(&dims, 0, axis);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t o = 0; o < outer && status == INLAY_OK; o++)
        for (int i = 0; i < n && status == INLAY_OK; i++) {
            int64_t run = op_span(&pieces[i]->dims, axis, dims.rank);
            status = runs_copy(&w, pieces[i], o * run, run, err);
        }
    return runs_end(&w, status, err);
}

/* ConcatV2 has the axis last, Concat first. */
static inlay_status concat_run(op_call *c, inlay_error *err) {
    int n = c->node->in.count - 1, first = c->node->impl->detail, axis;
    if (n < 1) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to join");
    TRY(op_axis_of(c->in[first ? 0 : n], c->in[first]->dims.rank, &axis, err));
    if (n == 1) {
        op_give(c, 0, tensor_retain(c->in[first]));
        return INLAY_OK;
    }
    return join(c, c->in + first, n, axis, err);
}

static inlay_status pack_run(op_call *c, inlay_error *err) {
    int n = c->node->in.count, axis;
    int64_t given;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (n < 1) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to pack");
    TRY(attr_int(&c->node->attributes, "axis", &given, err));
    shape in = c->in[0]->dims, dims = in;
    if (in.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    TRY(op_axis(given, in.rank + 1, &axis, err));
    for (int i = 1; i < n; i++)
        if (!shape_equal(&in, &c->in[i]->dims))
            return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s cannot be packed", shape_text(&in, a),
                        shape_text(&c->in[i]->dims, b));
    for (int i = dims.rank++; i > axis; i--) dims.dims[i] = dims.dims[i - 1];
    dims.dims[axis] = n;
    int64_t outer = op_span(&in, 0, axis), run = op_span(&in, axis, in.rank);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t o = 0; o < outer && status == INLAY_OK; o++)
        for (int i = 0; i < n && status == INLAY_OK; i++) status = runs_copy(&w, c->in[i], o * run, run, err);
    return runs_end(&w, status, err);
}

/* Output I is elements [first, first + size) of IN along AXIS, with DIMS. */
static inlay_status cut(op_call *c, int i, tensor *in, int axis, int64_t first, int64_t size, const shape *dims,
                        inlay_error *err) {
    if (c->unused[i]) return INLAY_OK;
    int64_t outer = op_span(&in->dims, 0, axis), inner = op_span(&in->dims, axis + 1, in->dims.rank);
    if (outer == 1) { /* one run: a view */
        tensor *flat, *rows, *view;
        shape whole = shape_matrix(in->dims.dims[axis], inner);
        TRY(tensor_reshape(in, &whole, &flat, err));
        inlay_status status = tensor_rows(flat, first, size, &rows, err);
        tensor_release(flat);
        TRY(status);
        status = tensor_reshape(rows, dims, &view, err);
        tensor_release(rows);
        if (status == INLAY_OK) op_give(c, i, view);
        return status;
    }
    run_writer w;
    TRY(runs_begin(&w, c, i, dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t o = 0; o < outer && status == INLAY_OK; o++)
        status = runs_copy(&w, in, (o * in->dims.dims[axis] + first) * inner, size * inner, err);
    return runs_end(&w, status, err);
}

static inlay_status unpack_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0];
    int axis;
    int64_t given;
    TRY(attr_int(&c->node->attributes, "axis", &given, err));
    TRY(op_axis(given, in->dims.rank, &axis, err));
    if (in->dims.dims[axis] != c->node->out.count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld elements are unpacked into %d", (long long)in->dims.dims[axis],
                    c->node->out.count);
    shape dims = in->dims;
    dims.rank--;
    for (int i = axis; i < dims.rank; i++) dims.dims[i] = dims.dims[i + 1];
    for (int i = 0; i < c->node->out.count; i++) TRY(cut(c, i, in, axis, i, 1, &dims, err));
    return INLAY_OK;
}

static inlay_status split_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[1];
    int n = c->node->out.count, axis;
    TRY(op_axis_of(c->in[0], in->dims.rank, &axis, err));
    if (n == 0 || in->dims.dims[axis] % n)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld elements cannot be split in %d", (long long)in->dims.dims[axis],
                    n);
    shape dims = in->dims;
    dims.dims[axis] /= n;
    for (int i = 0; i < n; i++) TRY(cut(c, i, in, axis, i * dims.dims[axis], dims.dims[axis], &dims, err));
    return INLAY_OK;
}

/* Sizes of the pieces; one of them may be -1: the rest. */
static inlay_status piece_sizes(const tensor *sizes, int64_t whole, int64_t i, int64_t *out, inlay_error *err) {
    int64_t sum = 0, unknown = -1;
    for (int64_t k = 0; k < sizes->count; k++) {
        int64_t size;
        TRY(tensor_as_int(sizes, k, "size_splits", &size, err));
        if (k == i) *out = size;
        if (size == -1 && unknown < 0) {
            unknown = k;
            continue;
        }
        if (size < 0 || size > whole - sum)
            return fail(err, INLAY_INVALID_ARGUMENT, "size_splits do not add up to %lld", (long long)whole);
        sum += size;
    }
    if (unknown < 0 && sum != whole)
        return fail(err, INLAY_INVALID_ARGUMENT, "size_splits add up to %lld, not %lld", (long long)sum,
                    (long long)whole);
    if (unknown == i) *out = whole - sum;
    return INLAY_OK;
}

static inlay_status split_v_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0];
    int axis;
    TRY(op_axis_of(c->in[2], in->dims.rank, &axis, err));
    if (c->in[1]->count != c->node->out.count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld sizes for %d pieces", (long long)c->in[1]->count,
                    c->node->out.count);
    int64_t first = 0;
    for (int i = 0; i < c->node->out.count; i++) {
        shape dims = in->dims;
        TRY(piece_sizes(c->in[1], in->dims.dims[axis], i, &dims.dims[axis], err));
        TRY(cut(c, i, in, axis, first, dims.dims[axis], &dims, err));
        first += dims.dims[axis];
    }
    return INLAY_OK;
}

const op_impl join_impls[] = {
    {"ConcatV2", .run = concat_run, .detail = 0, .flags = OP_ANY_ALIGNMENT},
    {"Concat", .run = concat_run, .detail = 1, .flags = OP_ANY_ALIGNMENT},
    {"Pack", .run = pack_run, .flags = OP_ANY_ALIGNMENT},
    {"Unpack", .run = unpack_run, .flags = OP_ANY_ALIGNMENT},
    {"Split", .run = split_run, .flags = OP_ANY_ALIGNMENT},
    {"SplitV", .run = split_v_run, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(join);

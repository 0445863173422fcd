/* The same elements in another order, again and again, or with a margin. */
#include "op/families.h"
#include "op/runs.h"

static void strides_of(const shape *s, int64_t *strides) {
    int64_t stride = 1;
    for (int i = s->rank; i-- > 0; stride *= s->dims[i]) strides[i] = stride;
}

static inlay_status write_box(op_call *c, const shape *out, int64_t start, int rank, const int64_t *dims,
                              const int64_t *steps, inlay_error *err) {
    run_writer w;
    TRY(runs_begin(&w, c, 0, out, err));
    return runs_end(&w, runs_box(&w, c->in[0], start, rank, dims, steps, err), err);
}

static inlay_status transpose_run(op_call *c, inlay_error *err) {
    const shape *in = &c->in[0]->dims;
    int64_t strides[INLAY_MAX_RANK], steps[INLAY_MAX_RANK];
    shape dims = {.rank = in->rank};
    bool seen[INLAY_MAX_RANK] = {false}, moved = false;
    if (c->in[1]->count != in->rank) return fail(err, INLAY_INVALID_ARGUMENT, "perm must have %d elements", in->rank);
    strides_of(in, strides);
    for (int i = 0; i < in->rank; i++) {
        int64_t from;
        TRY(tensor_as_int(c->in[1], i, "perm", &from, err));
        if (from < 0) from += in->rank;
        if (from < 0 || from >= in->rank || seen[from])
            return fail(err, INLAY_INVALID_ARGUMENT, "perm is no permutation of %d dimensions", in->rank);
        seen[from] = true;
        moved = moved || from != i;
        dims.dims[i] = in->dims[from];
        steps[i] = strides[from];
    }
    if (!moved) {
        op_give(c, 0, tensor_retain(c->in[0]));
        return INLAY_OK;
    }
    return write_box(c, &dims, 0, dims.rank, dims.dims, steps, err);
}

static inlay_status invert_permutation_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *out;
    int64_t n = in->count;
    if (in->dims.rank != 1) return fail(err, INLAY_INVALID_ARGUMENT, "a permutation must be a vector");
    TRY(op_output(c, 0, &in->dims, &out, err));
    bool wide = out->type == INLAY_INT64;
    if (!wide && out->type != INLAY_INT32) return op_unsupported(c, out->type, err);
    memset(out->data, 0xff, (size_t)out->size);
    for (int64_t i = 0; i < n; i++) {
        int64_t to;
        TRY(tensor_as_int(in, i, "x", &to, err));
        bool fits = to >= 0 && to < n && (wide ? tensor_i64(out)[to] : tensor_i32(out)[to]) < 0;
        if (!fits) return fail(err, INLAY_INVALID_ARGUMENT, "no permutation of %lld elements", (long long)n);
        if (wide)
            tensor_i64(out)[to] = i;
        else
            tensor_i32(out)[to] = (int32_t)i;
    }
    return INLAY_OK;
}

static inlay_status tile_run(op_call *c, inlay_error *err) {
    const shape *in = &c->in[0]->dims;
    int64_t strides[INLAY_MAX_RANK], dims[RUNS_MAX_RANK], steps[RUNS_MAX_RANK], count;
    shape out = *in;
    if (c->in[1]->count != in->rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "multiples must have %d elements", in->rank);
    strides_of(in, strides);
    for (int i = 0; i < in->rank; i++) {
        int64_t times;
        TRY(tensor_as_int(c->in[1], i, "multiples", &times, err));
        if (times < 0) return fail(err, INLAY_INVALID_ARGUMENT, "multiples[%d] is negative", i);
        if (__builtin_mul_overflow(out.dims[i], times, &out.dims[i]))
            return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
        dims[2 * i] = times;
        steps[2 * i] = 0;
        dims[2 * i + 1] = in->dims[i];
        steps[2 * i + 1] = strides[i];
    }
    if (!shape_elements(&out, &count)) return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    return write_box(c, &out, 0, 2 * in->rank, dims, steps, err);
}

static inlay_status broadcast_to_run(op_call *c, inlay_error *err) {
    const shape *in = &c->in[0]->dims;
    int64_t strides[INLAY_MAX_RANK], steps[INLAY_MAX_RANK] = {0};
    shape out;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    TRY(op_shape_of(c->in[1], "shape", &out, err));
    strides_of(in, strides);
    bool fits = in->rank <= out.rank;
    for (int i = 0; fits && i < in->rank; i++) {
        int to = out.rank - in->rank + i;
        fits = in->dims[i] == out.dims[to] || in->dims[i] == 1;
        steps[to] = in->dims[i] == 1 ? 0 : strides[i];
    }
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "cannot broadcast %s to %s", shape_text(in, a), shape_text(&out, b));
    if (shape_equal(in, &out)) {
        op_give(c, 0, tensor_retain(c->in[0]));
        return INLAY_OK;
    }
    return write_box(c, &out, 0, out.rank, out.dims, steps, err);
}

/* The shape that two shapes come to together. */
static inlay_status broadcast_args_run(op_call *c, inlay_error *err) {
    const tensor *a = c->in[0], *b = c->in[1];
    int64_t n = a->count > b->count ? a->count : b->count;
    shape dims = shape_vector(n);
    tensor *out;
    TRY(op_output(c, 0, &dims, &out, err));
    for (int64_t i = 0; i < n; i++) {
        int64_t x = 1, y = 1;
        if (i >= n - a->count) TRY(tensor_as_int(a, i - (n - a->count), "s0", &x, err));
        if (i >= n - b->count) TRY(tensor_as_int(b, i - (n - b->count), "s1", &y, err));
        if (x != y && x != 1 && y != 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "dimensions %lld and %lld do not go together", (long long)x,
                        (long long)y);
        int64_t d = x == 1 ? y : x;
        if (out->type == INLAY_INT64)
            tensor_i64(out)[i] = d;
        else
            tensor_i32(out)[i] = (int32_t)d;
    }
    return INLAY_OK;
}

static inlay_status reverse_run(op_call *c, inlay_error *err) {
    const shape *in = &c->in[0]->dims;
    int64_t steps[INLAY_MAX_RANK], start = 0;
    bool done[INLAY_MAX_RANK] = {false};
    strides_of(in, steps);
    for (int64_t i = 0; i < c->in[1]->count; i++) {
        int64_t given;
        int axis;
        TRY(tensor_as_int(c->in[1], i, "axis", &given, err));
        TRY(op_axis(given, in->rank, &axis, err));
        if (done[axis]) return fail(err, INLAY_INVALID_ARGUMENT, "axis %d is named twice", axis);
        done[axis] = true;
        if (in->dims[axis] > 1) {
            start += (in->dims[axis] - 1) * steps[axis];
            steps[axis] = -steps[axis];
        }
    }
    return write_box(c, in, start, in->rank, in->dims, steps, err);
}

/* ---- margins */

enum { CONSTANT, MIRROR };

typedef struct margins {
    int64_t before[INLAY_MAX_RANK], after[INLAY_MAX_RANK], strides[INLAY_MAX_RANK];
    int64_t offset; /* MIRROR: 1 leaves the border out (REFLECT), 0 repeats it (SYMMETRIC); -1: constant */
    const tensor *in, *value;
} margins;

/* Where in the input index I of dim D of the output comes from; -1: from the margin. */
static int64_t source_index(const margins *m, int d, int64_t i) {
    int64_t n = m->in->dims.dims[d], at = i - m->before[d];
    if (at >= 0 && at < n) return at;
    if (m->offset < 0) return -1;
    if (at < 0) return -at - 1 + m->offset;
    return 2 * n - 1 - at - m->offset;
}

static inlay_status pad_dim(run_writer *w, const margins *m, const shape *out, int d, int64_t from, inlay_error *err) {
    const shape *in = &m->in->dims;
    if (d == in->rank) return runs_copy(w, m->in, from, 1, err);
    bool innermost = d == in->rank - 1;
    int64_t inner = op_span(out, d + 1, out->rank);
    for (int64_t i = 0; i < out->dims[d]; i++) {
        int64_t at = source_index(m, d, i);
        if (at < 0) {
            TRY(runs_repeat(w, m->value, 0, inner, err));
        } else if (innermost && i == m->before[d]) {
            TRY(runs_copy(w, m->in, from, in->dims[d], err));
            i += in->dims[d] - 1;
        } else {
            TRY(pad_dim(w, m, out, d + 1, from + at * m->strides[d], err));
        }
    }
    return INLAY_OK;
}

static inlay_status read_margins(op_call *c, margins *m, shape *out, inlay_error *err) {
    const shape *in = &c->in[0]->dims;
    const tensor *paddings = c->in[1];
    *out = *in;
    if (paddings->count != 2 * in->rank) return fail(err, INLAY_INVALID_ARGUMENT, "paddings must be [%d, 2]", in->rank);
    m->in = c->in[0];
    strides_of(in, m->strides);
    for (int i = 0; i < in->rank; i++) {
        TRY(tensor_as_int(paddings, 2 * i, "paddings", &m->before[i], err));
        TRY(tensor_as_int(paddings, 2 * i + 1, "paddings", &m->after[i], err));
        int64_t most = m->offset < 0 ? INT64_MAX / 4 : in->dims[i] - m->offset;
        if (m->before[i] < 0 || m->after[i] < 0 || m->before[i] > most || m->after[i] > most)
            return fail(err, INLAY_INVALID_ARGUMENT, "paddings of %lld and %lld for a dimension of %lld",
                        (long long)m->before[i], (long long)m->after[i], (long long)in->dims[i]);
        if (__builtin_add_overflow(out->dims[i], m->before[i] + m->after[i], &out->dims[i]))
            return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    }
    return INLAY_OK;
}

static inlay_status pad_run(op_call *c, inlay_error *err) {
    margins m = {.offset = -1};
    shape out;
    if (c->node->impl->detail == MIRROR) {
        bytes mode;
        TRY(attr_text(&c->node->attributes, "mode", &mode, err));
        m.offset = bytes_is(mode, "REFLECT");
    } else if (c->node->in.count > 2) {
        if (c->in[2]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "constant_values must be a scalar");
        m.value = c->in[2];
    }
    TRY(read_margins(c, &m, &out, err));
    run_writer w;
    TRY(runs_begin(&w, c, 0, &out, err));
    int64_t count;
    inlay_status status = INLAY_OK;
    if (shape_elements(&out, &count) && count) status = pad_dim(&w, &m, &out, 0, 0, err);
    return runs_end(&w, status, err);
}

const op_impl layout_impls[] = {
    {"Transpose", .run = transpose_run, .flags = OP_ANY_ALIGNMENT},
    {"InvertPermutation", .run = invert_permutation_run},
    {"Tile", .run = tile_run, .flags = OP_ANY_ALIGNMENT},
    {"BroadcastTo", .run = broadcast_to_run, .flags = OP_ANY_ALIGNMENT},
    {"BroadcastArgs", .run = broadcast_args_run},
    {"ReverseV2", .run = reverse_run, .flags = OP_ANY_ALIGNMENT},
    {"Pad", .run = pad_run, .detail = CONSTANT, .flags = OP_ANY_ALIGNMENT},
    {"PadV2", .run = pad_run, .detail = CONSTANT, .flags = OP_ANY_ALIGNMENT},
    {"MirrorPad", .run = pad_run, .detail = MIRROR, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(layout);

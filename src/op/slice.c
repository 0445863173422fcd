/* Boxes cut out of a tensor. */
#include "op/families.h"
#include "op/runs.h"

static inlay_status slice_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0];
    int rank = in->dims.rank;
    if (c->in[1]->count != rank || c->in[2]->count != rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "begin and size must have %d elements", rank);
    int64_t start = 0, stride = 1, steps[INLAY_MAX_RANK];
    shape dims = {.rank = rank};
    for (int i = rank; i-- > 0;) {
        int64_t begin, size, have = in->dims.dims[i];
        TRY(tensor_as_int(c->in[1], i, "begin", &begin, err));
        TRY(tensor_as_int(c->in[2], i, "size", &size, err));
        if (begin < 0 || begin > have || size < -1 || (size >= 0 && size > have - begin))
            return fail(err, INLAY_INVALID_ARGUMENT, "elements %lld to %lld of dimension %d, which has %lld",
                        (long long)begin, (long long)begin + (long long)size, i, (long long)have);
        dims.dims[i] = size < 0 ? have - begin : size;
        steps[i] = stride;
        start += begin * stride;
        stride *= have;
    }
    if (shape_equal(&dims, &in->dims)) {
        op_give(c, 0, tensor_retain(in));
        return INLAY_OK;
    }
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    return runs_end(&w, runs_box(&w, in, start, rank, dims.dims, steps, err), err);
}

/* ---- StridedSlice, as tensorflow/core/util/strided_slice_op.cc documents its masks */

typedef struct slice_masks {
    int64_t begin, end, ellipsis, new_axis, shrink;
} slice_masks;

static inlay_status masks_prepare(op_node *node, op_setting *s, inlay_error *err) {
    slice_masks *m = arena_zalloc(s->memory, 1, sizeof *m);
    if (!m) return fail_memory(err);
    node->state = m;
    TRY(attr_int(&node->attributes, "begin_mask", &m->begin, err));
    TRY(attr_int(&node->attributes, "end_mask", &m->end, err));
    TRY(attr_int(&node->attributes, "ellipsis_mask", &m->ellipsis, err));
    TRY(attr_int(&node->attributes, "new_axis_mask", &m->new_axis, err));
    TRY(attr_int(&node->attributes, "shrink_axis_mask", &m->shrink, err));
    if (m->ellipsis & (m->ellipsis - 1)) return fail(err, INLAY_INVALID_ARGUMENT, "more than one ellipsis");
    return INLAY_OK;
}

/* The box that a slice comes to: one entry an input dim for the loops, and the dims of the result. */
typedef struct slice_box {
    int64_t start, dims[INLAY_MAX_RANK], steps[INLAY_MAX_RANK];
    int rank;
    shape out;
} slice_box;

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

/* Entry I of the specification applied to a dim of SIZE elements STRIDE apart. */
static inlay_status cut_dim(op_call *c, const slice_masks *m, int i, int64_t size, int64_t stride, slice_box *box,
                            inlay_error *err) {
    int64_t begin, end, step, bit = (int64_t)1 << i;
    TRY(tensor_as_int(c->in[1], i, "begin", &begin, err));
    TRY(tensor_as_int(c->in[2], i, "end", &end, err));
    TRY(tensor_as_int(c->in[3], i, "strides", &step, err));
    if (step == 0) return fail(err, INLAY_INVALID_ARGUMENT, "strides[%d] is 0", i);
    int d = box->rank++;
    if (m->shrink & bit) { /* one element: begin counts, whatever begin_mask says */
        int64_t at = begin < 0 ? begin + size : begin;
        if (step < 0) return fail(err, INLAY_INVALID_ARGUMENT, "strides[%d] must be 1 for a single index", i);
        if (at < 0 || at >= size)
            return fail(err, INLAY_INVALID_ARGUMENT, "slice index %lld of dimension %d is out of bounds",
                        (long long)begin, d);
        box->start += at * stride;
        box->dims[d] = 1;
        box->steps[d] = stride;
        return INLAY_OK;
    }
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    int64_t from = m->begin & bit ? (step > 0 ? 0 : size - 1) : clamp(begin < 0 ? begin + size : begin, low, high);
    int64_t to = m->end & bit ? (step > 0 ? size : -1) : clamp(end < 0 ? end + size : end, low, high);
    int64_t span = step > 0 ? to - from : from - to;
    uint64_t pace = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    int64_t n = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / pace) + 1;
    if (n) box->start += from * stride;
    box->dims[d] = n;
    box->steps[d] = n > 1 ? step * stride : stride;
    if (box->out.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    box->out.dims[box->out.rank++] = n;
    return INLAY_OK;
}

static inlay_status keep_dims(const shape *in, const int64_t *strides, int count, slice_box *box, inlay_error *err) {
    for (int k = 0; k < count; k++) {
        int d = box->rank++;
        box->dims[d] = in->dims[d];
        box->steps[d] = strides[d];
        if (box->out.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
        box->out.dims[box->out.rank++] = in->dims[d];
    }
    return INLAY_OK;
}

static inlay_status find_box(op_call *c, const slice_masks *m, const shape *in, slice_box *box, inlay_error *err) {
    int64_t strides[INLAY_MAX_RANK], stride = 1, n = c->in[1]->count;
    for (int i = in->rank; i-- > 0; stride *= in->dims[i]) strides[i] = stride;
    *box = (slice_box){0};
    if (n > 32 || c->in[2]->count != n || c->in[3]->count != n)
        return fail(err, INLAY_INVALID_ARGUMENT, "begin, end and strides must have the same number of elements");
    int taken = 0; /* input dims that the entries name */
    for (int i = 0; i < n; i++) taken += !((m->new_axis | m->ellipsis) >> i & 1);
    if (taken > in->rank) return fail(err, INLAY_INVALID_ARGUMENT, "%d dimensions are sliced of %d", taken, in->rank);
    bool filled = false;
    for (int i = 0; i < n; i++) {
        int64_t bit = (int64_t)1 << i;
        if (m->ellipsis & bit) {
            filled = true;
            TRY(keep_dims(in, strides, in->rank - taken, box, err));
        } else if (m->new_axis & bit) {
            if (box->out.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
            box->out.dims[box->out.rank++] = 1;
        } else {
            TRY(cut_dim(c, m, i, in->dims[box->rank], strides[box->rank], box, err));
        }
    }
    return filled ? INLAY_OK : keep_dims(in, strides, in->rank - taken, box, err);
}

static inlay_status strided_slice_run(op_call *c, inlay_error *err) {
    slice_box box;
    TRY(find_box(c, c->node->state, &c->in[0]->dims, &box, err));
    run_writer w;
    TRY(runs_begin(&w, c, 0, &box.out, err));
    return runs_end(&w, runs_box(&w, c->in[0], box.start, box.rank, box.dims, box.steps, err), err);
}

const op_impl slice_impls[] = {
    {"Slice", .run = slice_run, .flags = OP_ANY_ALIGNMENT},
    {"StridedSlice", .run = strided_slice_run, .prepare = masks_prepare, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(slice);

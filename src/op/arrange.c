/* Elements put elsewhere: turned round, reversed in part, joined, left out, added up where they belong. */
#include "base/map.h"
#include "base/num.h"
#include "kernel/eltwise/eltwise.h"
#include "op/families.h"
#include "op/runs.h"
#include "op/top.h"

#include <stdlib.h>

/* ---- Roll */

/* Dimension D of an output whose element i along d is the input's i - shifts[d]. */
static inlay_status roll_dim(run_writer *w, const tensor *in, const int64_t *shifts, int last, int d, int64_t from,
                             inlay_error *err) {
    int64_t n = in->dims.dims[d], inner = op_span(&in->dims, d + 1, in->dims.rank), start = n - shifts[d];
    from *= n;
    if (d == last) {
        TRY(runs_copy(w, in, (from + start) * inner, shifts[d] * inner, err));
        return runs_copy(w, in, from * inner, start * inner, err);
    }
    for (int64_t i = 0; i < n; i++) TRY(roll_dim(w, in, shifts, last, d + 1, from + (i + start) % n, err));
    return INLAY_OK;
}

static inlay_status roll_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0];
    const tensor *shift = c->in[1], *axes = c->in[2];
    int64_t shifts[INLAY_MAX_RANK] = {0};
    int last = 0;
    if (in->dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "input must be 1-D or higher");
    if (shift->dims.rank > 1 || axes->dims.rank > 1 || shift->count != axes->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "shift and axis must have the same size");
    for (int64_t i = 0; i < shift->count; i++) {
        int64_t by, given;
        int axis;
        TRY(tensor_as_int(shift, i, "shift", &by, err));
        TRY(tensor_as_int(axes, i, "axis", &given, err));
        TRY(op_axis(given, in->dims.rank, &axis, err));
        int64_t n = max_i64(in->dims.dims[axis], 1);
        shifts[axis] = ((shifts[axis] + by % n) % n + n) % n;
        if (axis > last) last = axis;
    }
    run_writer w;
    TRY(runs_begin(&w, c, 0, &in->dims, err));
    return runs_end(&w, in->count ? roll_dim(&w, in, shifts, last, 0, 0, err) : INLAY_OK, err);
}

/* ---- ReverseSequence: the first so many along one dimension, for each index of another */

static inlay_status reverse_sequence_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0], *lengths = c->in[1];
    const shape *dims = &in->dims;
    int64_t s, b;
    TRY(attr_int(&c->node->attributes, "seq_dim", &s, err));
    TRY(attr_int(&c->node->attributes, "batch_dim", &b, err));
    if (s < 0 || s >= dims->rank || b < 0 || b >= dims->rank || s == b)
        return fail(err, INLAY_INVALID_ARGUMENT, "seq_dim %lld and batch_dim %lld of %d dimensions", (long long)s,
                    (long long)b, dims->rank);
    if (lengths->dims.rank != 1 || lengths->count != dims->dims[b])
        return fail(err, INLAY_INVALID_ARGUMENT, "seq_lengths must have %lld elements", (long long)dims->dims[b]);
    for (int64_t i = 0; i < lengths->count; i++) {
        int64_t length;
        TRY(tensor_as_int(lengths, i, "seq_lengths", &length, err));
        if (length < 0 || length > dims->dims[s])
            return fail(err, INLAY_INVALID_ARGUMENT, "a sequence of %lld in a dimension of %lld", (long long)length,
                        (long long)dims->dims[s]);
    }
    int later = (int)max_i64(s, b);
    int64_t inner = op_span(dims, later + 1, dims->rank), after_s = op_span(dims, (int)s + 1, dims->rank);
    int64_t after_b = op_span(dims, (int)b + 1, dims->rank), n = dims->dims[s], length = 0;
    run_writer w;
    TRY(runs_begin(&w, c, 0, dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t at = 0; at < in->count && status == INLAY_OK; at += inner) {
        int64_t i = at / after_s % n;
        tensor_as_int(lengths, at / after_b % dims->dims[b], "", &length, NULL);
        status = runs_copy(&w, in, i < length ? at + (length - 1 - 2 * i) * after_s : at, inner, err);
    }
    return runs_end(&w, status, err);
}

/* ---- ParallelConcat: tensors of one row each */

static inlay_status stack_run(op_call *c, inlay_error *err) {
    int n = c->node->in.count;
    if (n < 1) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to join");
    shape dims = c->in[0]->dims;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "a scalar has no rows");
    for (int i = 0; i < n; i++)
        if (!shape_equal(&c->in[0]->dims, &c->in[i]->dims) || dims.dims[0] != 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s cannot be joined as rows",
                        shape_text(&c->in[0]->dims, a), shape_text(&c->in[i]->dims, b));
    dims.dims[0] = n;
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int i = 0; i < n && status == INLAY_OK; i++) status = runs_copy(&w, c->in[i], 0, c->in[i]->count, err);
    return runs_end(&w, status, err);
}

/* ---- ListDiff: what is in x and not in y */

static bytes element_bytes(const tensor *t, int64_t i) {
    size_t width = dtype_size(t->type);
    return t->type == INLAY_STRING ? tensor_string(t, i) : bytes_make(t->data + (size_t)i * width, width);
}

static inlay_status write_kept(op_call *c, const int64_t *kept, int64_t count, inlay_error *err) {
    shape dims = shape_vector(count);
    tensor *places;
    run_writer w;
    TRY(op_output(c, 1, &dims, &places, err));
    for (int64_t i = 0; i < count; i++) order_put_place(places, i, kept[i]);
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < count && status == INLAY_OK; i++) status = runs_copy(&w, c->in[0], kept[i], 1, err);
    return runs_end(&w, status, err);
}

static inlay_status list_diff_run(op_call *c, inlay_error *err) {
    const tensor *x = c->in[0], *y = c->in[1];
    map there = {0};
    int64_t count = 0;
    if (x->dims.rank != 1 || y->dims.rank != 1) return fail(err, INLAY_INVALID_ARGUMENT, "x and y must be vectors");
    if (x->type != INLAY_STRING && dtype_size(x->type) == 0) return op_unsupported(c, x->type, err);
    int64_t *kept = mem_array((size_t)x->count, sizeof *kept);
    inlay_status status = kept ? INLAY_OK : fail_memory(err);
    for (int64_t i = 0; i < y->count && status == INLAY_OK; i++) status = map_put(&there, element_bytes(y, i), 0, err);
    for (int64_t i = 0; i < x->count && status == INLAY_OK; i++)
        if (!map_get(&there, element_bytes(x, i), NULL)) kept[count++] = i;
    if (status == INLAY_OK) status = write_kept(c, kept, count, err);
    map_free(&there);
    mem_free(kept);
    return status;
}

/* ---- NthElement of each row, in rising or falling order */

static int compare_keys(const void *a, const void *b) {
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Keys with the place of each: pairs of int64. */
static int64_t place_of_nth(const tensor *in, int64_t row, int64_t width, int64_t n, int64_t *pairs) {
    for (int64_t i = 0; i < width; i++) {
        pairs[2 * i] = order_key(in, row * width + i);
        pairs[2 * i + 1] = row * width + i;
    }
    qsort(pairs, (size_t)width, 2 * sizeof *pairs, compare_keys);
    return pairs[2 * n + 1];
}

static inlay_status nth_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = in->dims;
    int64_t n;
    bool reverse;
    TRY(attr_bool(&c->node->attributes, "reverse", &reverse, err));
    if (c->in[1]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "N must be scalar");
    TRY(tensor_scalar_int(c->in[1], "n", &n, err));
    if (n < 0) return fail(err, INLAY_INVALID_ARGUMENT, "n must be non-negative but is %lld", (long long)n);
    if (dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have a dimension");
    int64_t width = dims.dims[--dims.rank], rows = op_span(&dims, 0, dims.rank);
    if (n >= width) return fail(err, INLAY_INVALID_ARGUMENT, "Input must have last dimension > n = %lld", (long long)n);
    if (!order_known(in->type)) return op_unsupported(c, in->type, err);
    int64_t *pairs = mem_array((size_t)width, 2 * sizeof *pairs);
    if (!pairs) return fail_memory(err);
    run_writer w;
    inlay_status status = runs_begin(&w, c, 0, &dims, err);
    if (status == INLAY_OK) {
        for (int64_t r = 0; r < rows && status == INLAY_OK; r++)
            status = runs_copy(&w, in, place_of_nth(in, r, width, reverse ? width - 1 - n : n, pairs), 1, err);
        status = runs_end(&w, status, err);
    }
    mem_free(pairs);
    return status;
}

const op_impl arrange_impls[] = {
    {"Roll", .run = roll_run, .flags = OP_ANY_ALIGNMENT},
    {"ReverseSequence", .run = reverse_sequence_run, .flags = OP_ANY_ALIGNMENT},
    {"ParallelConcat", .run = stack_run, .flags = OP_ANY_ALIGNMENT},
    {"ListDiff", .run = list_diff_run},
    {"NthElement", .run = nth_run},
};
OP_FAMILY_END(arrange);

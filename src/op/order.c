/* What depends on the order of elements: extremes by place, the k largest, running sums, what is unique. */
#include "base/map.h"
#include "kernel/eltwise/eltwise.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/top.h"

#include <math.h>

/* ---- ArgMax, ArgMin */

enum { GREATEST, LEAST };

typedef struct arg_work {
    const tensor *in;
    tensor *out;
    int64_t n, inner;
    bool least;
} arg_work;

static void arg_part(void *ctx, int64_t first, int64_t count) {
    const arg_work *w = ctx;
    for (int64_t i = first; i < first + count; i++) {
        int64_t start = i / w->inner * w->n * w->inner + i % w->inner, best = 0, key = 0;
        bool any = false;
        for (int64_t k = 0; k < w->n; k++) {
            int64_t other = order_key(w->in, start + k * w->inner);
            if (other == INT64_MIN && dtype_is_float(w->in->type)) continue;
            if (any && (w->least ? other >= key : other <= key)) continue;
            any = true;
            best = k;
            key = other;
        }
        order_put_place(w->out, i, best);
    }
}

static inlay_status arg_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = in->dims;
    int axis;
    tensor *out;
    if (!order_known(in->type)) return op_unsupported(c, in->type, err);
    TRY(op_axis_of(c->in[1], in->dims.rank, &axis, err));
    int64_t n = in->dims.dims[axis];
    for (int i = axis; i + 1 < dims.rank; i++) dims.dims[i] = dims.dims[i + 1];
    dims.rank--;
    TRY(op_output(c, 0, &dims, &out, err));
    if (out->count && n == 0) return fail(err, INLAY_INVALID_ARGUMENT, "dimension %d has no elements", axis);
    if (out->count == 0) return INLAY_OK;
    arg_work w = {in, out, n, op_span(&in->dims, axis + 1, in->dims.rank), c->node->impl->detail == LEAST};
    op_parallel(out->count, 16384 / n + 1, arg_part, &w);
    return INLAY_OK;
}

/* ---- TopK */

static inlay_status top_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = in->dims;
    int64_t k;
    if (!order_known(in->type)) return op_unsupported(c, in->type, err);
    if (dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "input must have a dimension");
    if (c->node->in.count > 1)
        TRY(tensor_scalar_int(c->in[1], "k", &k, err));
    else
        TRY(attr_int(&c->node->attributes, "k", &k, err));
    int64_t n = dims.dims[dims.rank - 1];
    if (k < 0) return fail(err, INLAY_INVALID_ARGUMENT, "k is %lld, it must not be negative", (long long)k);
    if (k > n)
        return fail(err, INLAY_INVALID_ARGUMENT, "input has %lld columns, k is %lld", (long long)n, (long long)k);
    dims.dims[dims.rank - 1] = k;
    tensor *values, *indices;
    TRY(op_output(c, 0, &dims, &values, err));
    TRY(op_output(c, 1, &dims, &indices, err));
    return top_find(in, k, values, indices, err);
}

/* ---- running sums and products */

static inlay_status cumulate_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    bool exclusive, reverse;
    int axis;
    TRY(attr_bool(&c->node->attributes, "exclusive", &exclusive, err));
    TRY(attr_bool(&c->node->attributes, "reverse", &reverse, err));
    TRY(op_axis_of(c->in[1], in->dims.rank, &axis, err));
    binary_op op = (binary_op)c->node->impl->detail;
    binary_fn fold = eltwise_binary(op, in->type);
    if (!fold) return op_unsupported(c, in->type, err);
    tensor *out;
    TRY(op_output(c, 0, &in->dims, &out, err));
    if (in->count == 0) return INLAY_OK;
    size_t width = dtype_size(in->type);
    int64_t n = in->dims.dims[axis], inner = op_span(&in->dims, axis + 1, in->dims.rank);
    size_t row = (size_t)inner * width;
    for (int64_t o = 0; o < op_span(&in->dims, 0, axis); o++)
        for (int64_t i = 0; i < n; i++) {
            int64_t at = reverse ? n - 1 - i : i, before_at = reverse ? at + 1 : at - 1;
            uint8_t *to = out->data + (size_t)(o * n + at) * row;
            const uint8_t *last = out->data + (size_t)(o * n + before_at) * row;
            const uint8_t *from = in->data + (size_t)(o * n + (exclusive ? before_at : at)) * row;
            if (i > 0) {
                fold(to, last, from, (size_t)inner, 1, 1);
            } else if (!exclusive) {
                memcpy(to, from, row);
            } else { /* what is neutral: 0, x to the power 0, or the logarithm of 0 */
                const uint8_t *own = in->data + (size_t)(o * n + at) * row;
                memset(to, 0, row);
                if (op == BINARY_MUL) eltwise_binary(BINARY_POW, in->type)(to, own, to, (size_t)inner, 1, 1);
                if (op == BINARY_LOG_ADD_EXP) eltwise_unary(UNARY_LOG, in->type)(to, to, (size_t)inner, 0);
            }
        }
    return INLAY_OK;
}

/* ---- Unique: values in the order they first come, and the place of each element's value among them */

static bytes element_bytes(const tensor *t, int64_t i) {
    size_t width = dtype_size(t->type);
    return t->type == INLAY_STRING ? tensor_string(t, i) : bytes_make(t->data + (size_t)i * width, width);
}

/* FIRSTS [count]: where each value first comes. */
static inlay_status find_unique(const tensor *in, tensor *places, int64_t *firsts, int64_t *count, inlay_error *err) {
    map seen = {0};
    inlay_status status = INLAY_OK;
    *count = 0;
    for (int64_t i = 0; i < in->count && status == INLAY_OK; i++) {
        uint64_t at;
        bytes key = element_bytes(in, i);
        if (!map_get(&seen, key, &at)) {
            at = (uint64_t)*count;
            status = map_put(&seen, key, at, err);
            firsts[(*count)++] = i;
        }
        order_put_place(places, i, (int64_t)at);
    }
    map_free(&seen);
    return status;
}

/* Output 2: how often each value comes. */
static inlay_status count_places(op_call *c, const tensor *places, const shape *dims, inlay_error *err) {
    tensor *counts;
    TRY(op_output(c, 2, dims, &counts, err));
    memset(counts->data, 0, (size_t)counts->count * dtype_size(counts->type));
    for (int64_t i = 0; i < places->count; i++) {
        if (places->type == INLAY_INT64)
            tensor_i64(counts)[tensor_i64(places)[i]]++;
        else
            tensor_i32(counts)[tensor_i32(places)[i]]++;
    }
    return INLAY_OK;
}

static inlay_status unique_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *places, *values = NULL;
    if (in->dims.rank != 1) return fail(err, INLAY_INVALID_ARGUMENT, "the input must be a vector");
    if (c->node->in.count > 1 && c->in[1]->count != 0) {
        int axis;
        TRY(op_axis_of(c->in[1], 1, &axis, err));
    }
    if (in->type != INLAY_STRING && dtype_size(in->type) == 0) return op_unsupported(c, in->type, err);
    TRY(op_output(c, 1, &in->dims, &places, err));
    int64_t *firsts = mem_array((size_t)in->count, sizeof *firsts), count;
    if (!firsts) return fail_memory(err);
    inlay_status status = find_unique(in, places, firsts, &count, err);
    shape dims = shape_vector(count);
    if (status == INLAY_OK && in->type == INLAY_STRING) {
        string_builder b;
        status = string_builder_init(&b, &dims, c->budget, err);
        for (int64_t i = 0; i < count && status == INLAY_OK; i++)
            status = string_builder_add(&b, tensor_string(in, firsts[i]), err);
        if (status == INLAY_OK)
            status = string_builder_finish(&b, &values, err);
        else
            string_builder_free(&b);
        if (status == INLAY_OK) op_give(c, 0, values);
    } else if (status == INLAY_OK) {
        size_t width = dtype_size(in->type);
        status = op_output(c, 0, &dims, &values, err);
        for (int64_t i = 0; i < count && status == INLAY_OK; i++)
            memcpy(values->data + (size_t)i * width, in->data + (size_t)firsts[i] * width, width);
    }
    mem_free(firsts);
    if (status == INLAY_OK && c->node->out.count == 3) status = count_places(c, places, &dims, err);
    return status;
}

const op_impl order_impls[] = {
    {"ArgMax", .run = arg_run, .detail = GREATEST},
    {"ArgMin", .run = arg_run, .detail = LEAST},
    {"TopK", .run = top_run},
    {"TopKV2", .run = top_run},
    {"Cumsum", .run = cumulate_run, .detail = BINARY_ADD},
    {"Cumprod", .run = cumulate_run, .detail = BINARY_MUL},
    {"CumulativeLogsumexp", .run = cumulate_run, .detail = BINARY_LOG_ADD_EXP},
    {"Unique", .run = unique_run},
    {"UniqueV2", .run = unique_run},
    {"UniqueWithCounts", .run = unique_run},
    {"UniqueWithCountsV2", .run = unique_run},
};
OP_FAMILY_END(order);

/* What depends on the order of elements: extremes by place, the k largest, running sums, what is unique. */
#include "base/map.h"
#include "kernel/eltwise/eltwise.h"
#include "op/families.h"
#include "op/parallel.h"

#include <math.h>

/* Keys that sort as numbers of any dtype do: signed order of int64. Floats keep their order as bits; NaN is below all
 * numbers, and -0 equals 0. */
static int64_t float_key(double v) {
    if (isnan(v)) return INT64_MIN;
    if (v == 0) return 0;
    int64_t bits;
    memcpy(&bits, &v, 8);
    return bits < 0 ? INT64_MIN - bits : bits;
}

static int64_t key_at(const tensor *t, int64_t i) {
    const uint8_t *p = t->data + (size_t)i * dtype_size(t->type);
    float f;
    double d;
    uint64_t u;
    uint32_t w;
    uint16_t h;
    switch (t->type) {
    case INLAY_FLOAT32: memcpy(&f, p, 4); return float_key((double)f);
    case INLAY_FLOAT64: memcpy(&d, p, 8); return float_key(d);
    case INLAY_FLOAT16: memcpy(&h, p, 2); return float_key((double)f16_to_f32(h));
    case INLAY_BFLOAT16: memcpy(&h, p, 2); return float_key((double)bf16_to_f32(h));
    case INLAY_UINT64: memcpy(&u, p, 8); return (int64_t)(u ^ (uint64_t)1 << 63);
    case INLAY_INT64: memcpy(&u, p, 8); return (int64_t)u;
    case INLAY_INT32: memcpy(&w, p, 4); return (int32_t)w;
    case INLAY_UINT32: memcpy(&w, p, 4); return w;
    case INLAY_INT16: memcpy(&h, p, 2); return (int16_t)h;
    case INLAY_UINT16: memcpy(&h, p, 2); return h;
    case INLAY_INT8: return (int8_t)*p;
    default: return *p;
    }
}

static bool has_order(dtype t) {
    return dtype_is_integer(t) || t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 ||
           t == INLAY_BFLOAT16 || t == INLAY_BOOL;
}

static void put_index(tensor *out, int64_t i, int64_t value) {
    switch (out->type) {
    case INLAY_INT64: tensor_i64(out)[i] = value; break;
    case INLAY_INT16:
    case INLAY_UINT16: ((int16_t *)(void *)out->data)[i] = (int16_t)value; break;
    default: tensor_i32(out)[i] = (int32_t)value; break;
    }
}

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
            int64_t other = key_at(w->in, start + k * w->inner);
            if (other == INT64_MIN && dtype_is_float(w->in->type)) continue;
            if (any && (w->least ? other >= key : other <= key)) continue;
            any = true;
            best = k;
            key = other;
        }
        put_index(w->out, i, best);
    }
}

static inlay_status arg_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = in->dims;
    int axis;
    tensor *out;
    if (!has_order(in->type)) return op_unsupported(c, in->type, err);
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

/* ---- TopK: the k largest of each row, larger first, equal ones by rising place */

typedef struct place_key {
    int64_t key, place;
} place_key;

static bool before(place_key a, place_key b) {
    return a.key > b.key || (a.key == b.key && a.place < b.place);
}

/* HEAP [n] has its last at the top. */
static void sift_down(place_key *heap, int64_t n, int64_t i) {
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child >= n) return;
        if (child + 1 < n && before(heap[child], heap[child + 1])) child++;
        if (!before(heap[i], heap[child])) return;
        place_key held = heap[i];
        heap[i] = heap[child];
        heap[child] = held;
        i = child;
    }
}

static void top_of_row(const tensor *in, int64_t first, int64_t n, int64_t k, place_key *heap) {
    int64_t held = 0;
    for (int64_t i = 0; i < n; i++) {
        place_key x = {key_at(in, first + i), i};
        if (held < k) {
            heap[held++] = x;
            if (held == k)
                for (int64_t j = k / 2; j-- > 0;) sift_down(heap, k, j);
        } else if (before(x, heap[0])) {
            heap[0] = x;
            sift_down(heap, k, 0);
        }
    }
    for (int64_t left = k; left-- > 1;) { /* the last goes to the end, and so on */
        place_key worst = heap[0];
        heap[0] = heap[left];
        heap[left] = worst;
        sift_down(heap, left, 0);
    }
}

typedef struct top_work {
    const tensor *in;
    tensor *values, *indices;
    int64_t n, k;
    _Atomic bool no_memory;
} top_work;

static void top_part(void *ctx, int64_t first, int64_t rows) {
    top_work *w = ctx;
    size_t width = dtype_size(w->in->type);
    place_key *heap = mem_array((size_t)w->k, sizeof *heap);
    if (!heap) {
        w->no_memory = true;
        return;
    }
    for (int64_t r = first; r < first + rows; r++) {
        top_of_row(w->in, r * w->n, w->n, w->k, heap);
        for (int64_t i = 0; i < w->k; i++) {
            memcpy(w->values->data + (size_t)(r * w->k + i) * width,
                   w->in->data + (size_t)(r * w->n + heap[i].place) * width, width);
            put_index(w->indices, r * w->k + i, heap[i].place);
        }
    }
    mem_free(heap);
}

static inlay_status top_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = in->dims;
    int64_t k;
    if (!has_order(in->type)) return op_unsupported(c, in->type, err);
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
    top_work w = {.in = in, .n = n, .k = k};
    TRY(op_output(c, 0, &dims, &w.values, err));
    TRY(op_output(c, 1, &dims, &w.indices, err));
    if (w.values->count) op_parallel(w.values->count / k, 16384 / n + 1, top_part, &w);
    return w.no_memory ? fail_memory(err) : INLAY_OK;
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
            } else { /* what is neutral: x - x, or x to the power 0 */
                const uint8_t *own = in->data + (size_t)(o * n + at) * row;
                memset(to, 0, row);
                if (op == BINARY_MUL) eltwise_binary(BINARY_POW, in->type)(to, own, to, (size_t)inner, 1, 1);
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
        put_index(places, i, (int64_t)at);
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
    {"Unique", .run = unique_run},
    {"UniqueV2", .run = unique_run},
    {"UniqueWithCounts", .run = unique_run},
    {"UniqueWithCountsV2", .run = unique_run},
};
OP_FAMILY_END(order);

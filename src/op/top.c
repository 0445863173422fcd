#include "op/top.h"

#include "op/parallel.h"

#include <math.h>

static int64_t float_key(double v) {
    if (isnan(v)) return INT64_MIN;
    if (v == 0) return 0;
    int64_t bits;
    memcpy(&bits, &v, 8);
    return bits < 0 ? INT64_MIN - bits : bits;
}

int64_t order_key(const tensor *t, int64_t i) {
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

bool order_known(dtype t) {
    return dtype_is_integer(t) || t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 ||
           t == INLAY_BFLOAT16 || t == INLAY_BOOL;
}

void order_put_place(tensor *out, int64_t i, int64_t place) {
    switch (out->type) {
    case INLAY_INT64: tensor_i64(out)[i] = place; break;
    case INLAY_INT16:
    case INLAY_UINT16: ((int16_t *)(void *)out->data)[i] = (int16_t)place; break;
    default: tensor_i32(out)[i] = (int32_t)place; break;
    }
}

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
        place_key x = {order_key(in, first + i), i};
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
    tensor *values, *places;
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
            order_put_place(w->places, r * w->k + i, heap[i].place);
        }
    }
    mem_free(heap);
}

inlay_status top_find(const tensor *in, int64_t k, tensor *values, tensor *places, inlay_error *err) {
    int64_t n = in->dims.dims[in->dims.rank - 1];
    top_work w = {.in = in, .values = values, .places = places, .n = n, .k = k};
    if (values->count) op_parallel(values->count / k, 16384 / n + 1, top_part, &w);
    return w.no_memory ? fail_memory(err) : INLAY_OK;
}

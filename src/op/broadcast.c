#include "op/broadcast.h"

/* Dim I of S when it is given RANK dims. */
static int64_t dim_at(const shape *s, int rank, int i) {
    int own = i - (rank - s->rank);
    return own < 0 ? 1 : s->dims[own];
}

static inlay_status find_shape(const shape *const *inputs, int n, shape *out, inlay_error *err) {
    *out = shape_scalar();
    for (int k = 0; k < n; k++)
        if (inputs[k]->rank > out->rank) out->rank = inputs[k]->rank;
    for (int i = 0; i < out->rank; i++) {
        out->dims[i] = 1;
        for (int k = 0; k < n; k++) {
            int64_t d = dim_at(inputs[k], out->rank, i);
            if (d == 1 || d == out->dims[i]) continue;
            if (out->dims[i] != 1) {
                char a[SHAPE_TEXT], b[SHAPE_TEXT];
                return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s do not go together",
                            shape_text(inputs[0], a), shape_text(inputs[k], b));
            }
            out->dims[i] = d;
        }
    }
    return INLAY_OK;
}

/* Whether every input steps from dim I of the loops to the next as through one longer dim. */
static bool can_join(const broadcast *b, int n, int i, const int64_t *steps, int64_t dim) {
    for (int k = 0; k < n; k++)
        if (b->steps[k][i] != steps[k] * dim) return false;
    return true;
}

inlay_status broadcast_make(const shape *const *inputs, int n, broadcast *out, inlay_error *err) {
    *out = (broadcast){0};
    TRY(find_shape(inputs, n, &out->out, err));
    int64_t strides[BROADCAST_MOST][INLAY_MAX_RANK];
    for (int k = 0; k < n; k++) {
        int64_t stride = 1;
        for (int i = out->out.rank; i-- > 0;) {
            int64_t d = dim_at(inputs[k], out->out.rank, i);
            strides[k][i] = d == 1 ? 0 : stride;
            stride *= d;
        }
    }
    for (int i = 0; i < out->out.rank; i++) {
        int64_t dim = out->out.dims[i], steps[BROADCAST_MOST] = {0};
        if (dim == 1) continue;
        for (int k = 0; k < n; k++) steps[k] = strides[k][i];
        if (out->rank && can_join(out, n, out->rank - 1, steps, dim))
            out->dims[out->rank - 1] *= dim;
        else
            out->dims[out->rank++] = dim;
        for (int k = 0; k < n; k++) out->steps[k][out->rank - 1] = steps[k];
    }
    if (out->rank == 0) out->dims[out->rank++] = 1;
    return INLAY_OK;
}

void broadcast_walk(const broadcast *b, int n, void (*fn)(void *ctx, int64_t out, const int64_t *offsets), void *ctx) {
    int64_t at[INLAY_MAX_RANK] = {0}, offsets[BROADCAST_MOST] = {0}, out = 0;
    for (int i = 0; i < b->rank; i++)
        if (b->dims[i] == 0) return;
    for (;;) {
        fn(ctx, out, offsets);
        out += b->dims[b->rank - 1];
        int i = b->rank - 2;
        for (; i >= 0; i--) {
            for (int k = 0; k < n; k++) offsets[k] += b->steps[k][i];
            if (++at[i] < b->dims[i]) break;
            for (int k = 0; k < n; k++) offsets[k] -= b->steps[k][i] * b->dims[i];
            at[i] = 0;
        }
        if (i < 0) return;
    }
}

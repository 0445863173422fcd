/* Choosing elements by a condition. */
#include "op/broadcast.h"
#include "op/families.h"
#include "op/runs.h"

typedef struct select_work {
    const tensor *in[3]; /* condition, then, else */
    const broadcast *together;
    run_writer *writer;
    inlay_status status;
    inlay_error *err;
} select_work;

static void select_inner(void *ctx, int64_t out, const int64_t *offsets) {
    (void)out;
    select_work *w = ctx;
    int last = w->together->rank - 1;
    const int64_t *steps[3] = {w->together->steps[0], w->together->steps[1], w->together->steps[2]};
    int64_t at[3] = {offsets[0], offsets[1], offsets[2]};
    for (int64_t i = 0; i < w->together->dims[last] && w->status == INLAY_OK; i++) {
        int from = w->in[0]->data[at[0]] ? 1 : 2;
        w->status = runs_copy(w->writer, w->in[from], at[from], 1, w->err);
        for (int k = 0; k < 3; k++) at[k] += steps[k][last];
    }
}

static inlay_status select_by(op_call *c, const broadcast *together, inlay_error *err) {
    run_writer writer;
    TRY(runs_begin(&writer, c, 0, &together->out, err));
    select_work w = {{c->in[0], c->in[1], c->in[2]}, together, &writer, INLAY_OK, err};
    broadcast_walk(together, 3, select_inner, &w);
    return runs_end(&writer, w.status, err);
}

static inlay_status select_v2_run(op_call *c, inlay_error *err) {
    broadcast together;
    TRY(broadcast_make((const shape *[]){&c->in[0]->dims, &c->in[1]->dims, &c->in[2]->dims}, 3, &together, err));
    return select_by(c, &together, err);
}

/* The old form: the condition has the shape of the values, or is a scalar, or a vector that chooses rows. */
static inlay_status select_run(op_call *c, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    shape condition = c->in[0]->dims;
    const shape *values = &c->in[1]->dims;
    if (!shape_equal(values, &c->in[2]->dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "values of shapes %s and %s", shape_text(values, a),
                    shape_text(&c->in[2]->dims, b));
    if (condition.rank == 1 && values->rank > 1 && condition.dims[0] == values->dims[0]) {
        for (condition.rank = 1; condition.rank < values->rank; condition.rank++) condition.dims[condition.rank] = 1;
    } else if (condition.rank != 0 && !shape_equal(&condition, values)) {
        return fail(err, INLAY_INVALID_ARGUMENT, "a condition of shape %s for values of shape %s",
                    shape_text(&condition, a), shape_text(values, b));
    }
    broadcast together;
    TRY(broadcast_make((const shape *[]){&condition, values, values}, 3, &together, err));
    return select_by(c, &together, err);
}

/* Coordinates of what is not zero, int64 [found, rank]. */
static inlay_status where_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    size_t width = dtype_size(in->type);
    bool is_float = dtype_is_float(in->type) || in->type == INLAY_COMPLEX64 || in->type == INLAY_COMPLEX128;
    if (width == 0) return op_unsupported(c, in->type, err);
    int64_t found = 0;
    for (int pass = 0; pass < 2; pass++) {
        tensor *out = c->out[0];
        int64_t at[INLAY_MAX_RANK] = {0}, row = 0;
        for (int64_t i = 0; i < in->count; i++) {
            bool set = false;
            const uint8_t *p = in->data + (size_t)i * width;
            /* Only the sign bit of a float does not make it true. */
            for (size_t k = 0; k < width; k++) {
                size_t part = in->type == INLAY_COMPLEX64 ? 4 : in->type == INLAY_COMPLEX128 ? 8 : width;
                uint8_t mask = is_float && k % part == part - 1 ? 0x7f : 0xff;
                set = set || (p[k] & mask);
            }
            if (set && pass)
                for (int d = 0; d < in->dims.rank; d++) tensor_i64(out)[row * in->dims.rank + d] = at[d];
            row += set;
            for (int d = in->dims.rank - 1; d >= 0 && ++at[d] == in->dims.dims[d]; d--) at[d] = 0;
        }
        found = row;
        shape dims = shape_matrix(found, in->dims.rank);
        if (pass == 0) TRY(op_output(c, 0, &dims, &out, err));
    }
    return INLAY_OK;
}

const op_impl select_impls[] = {
    {"Select", .run = select_run},
    {"SelectV2", .run = select_v2_run},
    {"Where", .run = where_run},
};
OP_FAMILY_END(select);

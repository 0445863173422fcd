/* Changes of dtype. */
#include "kernel/cast/cast.h"

#include "op/families.h"
#include "op/parallel.h"

enum { GRAIN = 32768 };

typedef struct cast_work {
    const tensor *in;
    tensor *out;
} cast_work;

static void run_part(void *ctx, int64_t first, int64_t n) {
    const cast_work *w = ctx;
    cast_run(w->out->data + (size_t)first * dtype_size(w->out->type), w->out->type,
             w->in->data + (size_t)first * dtype_size(w->in->type), w->in->type, (size_t)n);
}

static inlay_status cast_op_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    dtype to = c->node->out.items[0].type;
    if (to == in->type) {
        op_give(c, 0, tensor_retain(in));
        return INLAY_OK;
    }
    if (!cast_can(to, in->type))
        return fail(err, INLAY_UNIMPLEMENTED, "Cast from %s to %s is not supported", dtype_name(in->type),
                    dtype_name(to));
    TRY(op_output(c, 0, &in->dims, &out, err));
    cast_work w = {in, out};
    op_parallel(in->count, GRAIN, run_part, &w);
    return INLAY_OK;
}

/* The same bytes: [..., n] of a wide dtype is [..., n, k] of one a k-th as wide. */
static inlay_status bitcast_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    dtype to = c->node->out.items[0].type;
    size_t from_size = dtype_size(in->type), to_size = dtype_size(to);
    if (from_size == 0 || to_size == 0) return op_unsupported(c, from_size ? to : in->type, err);
    shape dims = in->dims;
    if (to_size < from_size) {
        if (dims.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
        dims.dims[dims.rank++] = (int64_t)(from_size / to_size);
    } else if (to_size > from_size) {
        if (dims.rank == 0 || dims.dims[dims.rank - 1] != (int64_t)(to_size / from_size))
            return fail(err, INLAY_INVALID_ARGUMENT, "the last dimension must be %zu", to_size / from_size);
        dims.rank--;
    }
    TRY(op_output(c, 0, &dims, &out, err));
    memcpy(out->data, in->data, (size_t)out->size);
    return INLAY_OK;
}

const op_impl cast_impls[] = {
    {"Cast", .run = cast_op_run},
    {"Bitcast", .run = bitcast_run},
};
OP_FAMILY_END(cast);

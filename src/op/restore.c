/* Reading checkpoints. */
#include "op/families.h"

static inlay_status restore_one(op_call *c, int i, bytes prefix, bytes name, bytes slice, inlay_error *err) {
    if (!c->host->restore) return fail(err, INLAY_FAILED_PRECONDITION, "there are no checkpoints here");
    tensor *t;
    TRY(c->host->restore(c->host, prefix, name, slice, &t, err));
    op_give(c, i, t);
    dtype wanted = c->node->out.items[i].type;
    if (t->type != wanted)
        return fail(err, INLAY_INVALID_ARGUMENT, "tensor '%.*s' is %s in the checkpoint, the graph wants %s",
                    (int)(name.size < 200 ? name.size : 200), (const char *)name.data, dtype_name(t->type),
                    dtype_name(wanted));
    return INLAY_OK;
}

static inlay_status scalar_string(const tensor *t, const char *what, bytes *out, inlay_error *err) {
    if (t->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "%s must be one string", what);
    *out = tensor_string(t, 0);
    return INLAY_OK;
}

/* prefix, tensor_names [n], shape_and_slices [n] -> n tensors */
static inlay_status restore_v2_run(op_call *c, inlay_error *err) {
    bytes prefix;
    int n = c->node->out.count;
    TRY(scalar_string(c->in[0], "prefix", &prefix, err));
    if (c->in[1]->count != n || c->in[2]->count != n)
        return fail(err, INLAY_INVALID_ARGUMENT, "%d tensors are wanted by %lld names and %lld slices", n,
                    (long long)c->in[1]->count, (long long)c->in[2]->count);
    for (int i = 0; i < n; i++)
        if (!c->unused[i]) TRY(restore_one(c, i, prefix, tensor_string(c->in[1], i), tensor_string(c->in[2], i), err));
    return INLAY_OK;
}

/* Restore, RestoreSlice: one tensor by a file pattern, which is its prefix. */
static inlay_status restore_v1_run(op_call *c, inlay_error *err) {
    bytes prefix, name, slice = {0};
    TRY(scalar_string(c->in[0], "file_pattern", &prefix, err));
    TRY(scalar_string(c->in[1], "tensor_name", &name, err));
    if (c->node->in.count > 2) TRY(scalar_string(c->in[2], "shape_and_slice", &slice, err));
    return restore_one(c, 0, prefix, name, slice, err);
}

const op_impl restore_impls[] = {
    {"RestoreV2", .run = restore_v2_run},
    {"Restore", .run = restore_v1_run},
    {"RestoreSlice", .run = restore_v1_run},
};
OP_FAMILY_END(restore);

/* Other dims over the same elements, and what dims there are. */
#include "op/families.h"

static inlay_status reshape_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    char from[SHAPE_TEXT], to[SHAPE_TEXT];
    shape dims;
    TRY(op_shape_of(c->in[1], "shape", &dims, err));
    int unknown = -1;
    for (int i = 0; i < dims.rank; i++) {
        if (dims.dims[i] >= 0) continue;
        if (unknown >= 0) return fail(err, INLAY_INVALID_ARGUMENT, "only one dimension may be -1");
        unknown = i;
    }
    if (unknown >= 0) {
        int64_t rest;
        dims.dims[unknown] = 1;
        bool fine = shape_elements(&dims, &rest) && (rest ? in->count % rest == 0 : in->count == 0);
        dims.dims[unknown] = fine && rest ? in->count / rest : fine ? 0 : -1;
        if (!fine)
            return fail(err, INLAY_INVALID_ARGUMENT, "cannot reshape %s to %s", shape_text(&in->dims, from),
                        shape_text(&dims, to));
    }
    return op_give_reshaped(c, 0, 0, &dims, err);
}

static inlay_status expand_dims_run(op_call *c, inlay_error *err) {
    shape dims = c->in[0]->dims;
    int axis;
    if (dims.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    TRY(op_axis_of(c->in[1], dims.rank + 1, &axis, err));
    for (int i = dims.rank++; i > axis; i--) dims.dims[i] = dims.dims[i - 1];
    dims.dims[axis] = 1;
    return op_give_reshaped(c, 0, 0, &dims, err);
}

typedef struct squeeze_state {
    int64_t *axes;
    size_t count;
} squeeze_state;

static inlay_status squeeze_prepare(op_node *node, op_setting *s, inlay_error *err) {
    squeeze_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    node->state = state;
    return attr_ints(&node->attributes, "squeeze_dims", s->memory, &state->axes, &state->count, err);
}

static inlay_status squeeze_run(op_call *c, inlay_error *err) {
    const squeeze_state *state = c->node->state;
    shape in = c->in[0]->dims, out = shape_scalar();
    bool drop[INLAY_MAX_RANK] = {false};
    for (int i = 0; i < in.rank && state->count == 0; i++) drop[i] = in.dims[i] == 1;
    for (size_t i = 0; i < state->count; i++) {
        int axis;
        TRY(op_axis(state->axes[i], in.rank, &axis, err));
        if (in.dims[axis] != 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "dimension %d is %lld, not 1", axis, (long long)in.dims[axis]);
        drop[axis] = true;
    }
    for (int i = 0; i < in.rank; i++)
        if (!drop[i]) out.dims[out.rank++] = in.dims[i];
    return op_give_reshaped(c, 0, 0, &out, err);
}

static inlay_status ensure_shape_run(op_call *c, inlay_error *err) {
    shape wanted;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    TRY(attr_shape(&c->node->attributes, "shape", &wanted, err));
    if (!shape_fits(&c->in[0]->dims, &wanted))
        return fail(err, INLAY_INVALID_ARGUMENT, "shape %s is not %s", shape_text(&c->in[0]->dims, a),
                    shape_text(&wanted, b));
    op_give(c, 0, tensor_retain(c->in[0]));
    return INLAY_OK;
}

/* Element I of an int32 or int64 output. */
static inlay_status put_int(tensor *out, int64_t i, int64_t value, inlay_error *err) {
    if (out->type == INLAY_INT64) {
        tensor_i64(out)[i] = value;
        return INLAY_OK;
    }
    if (out->type != INLAY_INT32) return fail(err, INLAY_UNIMPLEMENTED, "sizes as %s", dtype_name(out->type));
    if (value > INT32_MAX) return fail(err, INLAY_INVALID_ARGUMENT, "%lld does not fit int32", (long long)value);
    tensor_i32(out)[i] = (int32_t)value;
    return INLAY_OK;
}

static inlay_status give_dims(op_call *c, int i, const shape *dims, inlay_error *err) {
    shape out_dims = shape_vector(dims->rank);
    tensor *out;
    TRY(op_output(c, i, &out_dims, &out, err));
    for (int k = 0; k < dims->rank; k++) TRY(put_int(out, k, dims->dims[k], err));
    return INLAY_OK;
}

static inlay_status shape_run(op_call *c, inlay_error *err) {
    for (int i = 0; i < c->node->out.count; i++) TRY(give_dims(c, i, &c->in[i]->dims, err));
    return INLAY_OK;
}

enum { SIZE, RANK };

static inlay_status scalar_run(op_call *c, inlay_error *err) {
    shape dims = shape_scalar();
    tensor *out;
    TRY(op_output(c, 0, &dims, &out, err));
    return put_int(out, 0, c->node->impl->detail == SIZE ? c->in[0]->count : c->in[0]->dims.rank, err);
}

static inlay_status variable_shape_run(op_call *c, inlay_error *err) {
    variable *v;
    tensor *value;
    TRY(variable_of(c->in[0], &v, err));
    TRY(variable_read(v, &value, err));
    inlay_status status = give_dims(c, 0, &value->dims, err);
    tensor_release(value);
    return status;
}

/* Where each of N pieces begins along one axis: their shapes' element there, summed. */
static inlay_status concat_offset_run(op_call *c, inlay_error *err) {
    int n = c->node->out.count, axis;
    TRY(op_axis_of(c->in[0], c->node->in.count > 1 ? (int)c->in[1]->count : 0, &axis, err));
    int64_t offset = 0;
    for (int i = 0; i < n; i++) {
        tensor *out;
        const tensor *piece = c->in[i + 1];
        if (piece->count != c->in[1]->count)
            return fail(err, INLAY_INVALID_ARGUMENT, "shapes of %lld and %lld dimensions", (long long)c->in[1]->count,
                        (long long)piece->count);
        TRY(op_output(c, i, &piece->dims, &out, err));
        memset(out->data, 0, (size_t)out->size);
        TRY(put_int(out, axis, offset, err));
        int64_t size;
        TRY(tensor_as_int(piece, axis, "shape", &size, err));
        offset += size;
    }
    return INLAY_OK;
}

const op_impl reshape_impls[] = {
    {"Reshape", .run = reshape_run, .flags = OP_ANY_ALIGNMENT},
    {"ExpandDims", .run = expand_dims_run, .flags = OP_ANY_ALIGNMENT},
    {"Squeeze", .run = squeeze_run, .prepare = squeeze_prepare, .flags = OP_ANY_ALIGNMENT},
    {"EnsureShape", .run = ensure_shape_run, .flags = OP_ANY_ALIGNMENT},
    {"Shape", .run = shape_run, .flags = OP_ANY_ALIGNMENT},
    {"ShapeN", .run = shape_run, .flags = OP_ANY_ALIGNMENT},
    {"Size", .run = scalar_run, .detail = SIZE, .flags = OP_ANY_ALIGNMENT},
    {"Rank", .run = scalar_run, .detail = RANK, .flags = OP_ANY_ALIGNMENT},
    {"VariableShape", .run = variable_shape_run},
    {"ConcatOffset", .run = concat_offset_run},
};
OP_FAMILY_END(reshape);

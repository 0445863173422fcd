/* Taking rows by number. */
#include "op/families.h"
#include "op/runs.h"

static inlay_status out_of_bounds(int64_t at, int64_t index, int64_t n, inlay_error *err) {
    return fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld] = %lld is not in [0, %lld)", (long long)at,
                (long long)index, (long long)n);
}

static inlay_status index_at(const tensor *indices, int64_t i, int64_t n, int64_t *out, inlay_error *err) {
    TRY(tensor_as_int(indices, i, "indices", out, err));
    return *out >= 0 && *out < n ? INLAY_OK : out_of_bounds(i, *out, n, err);
}

/* Of PARAMS [batch…, outer…, n, inner…] the elements that INDICES [batch…, rest…] say. */
static inlay_status gather(op_call *c, const tensor *params, const tensor *indices, int axis, int batch,
                           inlay_error *err) {
    const shape *p = &params->dims, *q = &indices->dims;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (batch < 0 || batch > axis || batch > q->rank || p->rank - 1 + q->rank - batch > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "batch_dims %d and axis %d for shapes %s and %s", batch, axis,
                    shape_text(p, a), shape_text(q, b));
    shape dims = {0};
    for (int i = 0; i < batch; i++)
        if (p->dims[i] != q->dims[i])
            return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s differ in their batch", shape_text(p, a),
                        shape_text(q, b));
    for (int i = 0; i < axis; i++) dims.dims[dims.rank++] = p->dims[i];
    for (int i = batch; i < q->rank; i++) dims.dims[dims.rank++] = q->dims[i];
    for (int i = axis + 1; i < p->rank; i++) dims.dims[dims.rank++] = p->dims[i];
    int64_t batches = op_span(p, 0, batch), outer = op_span(p, batch, axis), n = p->dims[axis];
    int64_t inner = op_span(p, axis + 1, p->rank), rest = op_span(q, batch, q->rank);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < batches && status == INLAY_OK; i++)
        for (int64_t o = 0; o < outer && status == INLAY_OK; o++)
            for (int64_t r = 0; r < rest && status == INLAY_OK; r++) {
                int64_t index;
                status = index_at(indices, i * rest + r, n, &index, err);
                if (status == INLAY_OK)
                    status = runs_copy(&w, params, (((i * outer) + o) * n + index) * inner, inner, err);
            }
    return runs_end(&w, status, err);
}

static inlay_status gather_run(op_call *c, inlay_error *err) {
    if (c->in[0]->dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "params must have a dimension");
    return gather(c, c->in[0], c->in[1], 0, 0, err);
}

static inlay_status gather_v2_run(op_call *c, inlay_error *err) {
    int axis;
    int64_t batch;
    TRY(op_axis_of(c->in[2], c->in[0]->dims.rank, &axis, err));
    TRY(attr_int(&c->node->attributes, "batch_dims", &batch, err));
    if (batch < 0) batch += c->in[1]->dims.rank;
    return gather(c, c->in[0], c->in[1], axis, (int)(batch > INLAY_MAX_RANK ? INLAY_MAX_RANK : batch), err);
}

static inlay_status gather_nd(op_call *c, const tensor *params, const tensor *indices, inlay_error *err) {
    const shape *p = &params->dims, *q = &indices->dims;
    if (q->rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "indices must have a dimension");
    int64_t depth = q->dims[q->rank - 1];
    if (depth > p->rank || q->rank - 1 + p->rank - depth > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "indices of %lld numbers into %d dimensions", (long long)depth,
                    p->rank);
    shape dims = *q;
    dims.rank--;
    for (int i = (int)depth; i < p->rank; i++) dims.dims[dims.rank++] = p->dims[i];
    int64_t inner = op_span(p, (int)depth, p->rank), n = op_span(q, 0, q->rank - 1);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < n && status == INLAY_OK; i++) {
        int64_t at = 0, index = 0;
        for (int64_t d = 0; d < depth && status == INLAY_OK; d++) {
            status = index_at(indices, i * depth + d, p->dims[d], &index, err);
            at = at * p->dims[d] + index;
        }
        if (status == INLAY_OK) status = runs_copy(&w, params, at * inner, inner, err);
    }
    return runs_end(&w, status, err);
}

static inlay_status gather_nd_run(op_call *c, inlay_error *err) {
    return gather_nd(c, c->in[0], c->in[1], err);
}

/* From a variable, whose value is not copied. */
static inlay_status read_params(op_call *c, tensor **value, inlay_error *err) {
    variable *v;
    TRY(variable_of(c->in[0], &v, err));
    if (v->type != c->node->out.items[0].type)
        return fail(err, INLAY_INVALID_ARGUMENT, "variable '%s' is %s, not %s", v->base.name, dtype_name(v->type),
                    dtype_name(c->node->out.items[0].type));
    return variable_read(v, value, err);
}

static inlay_status resource_gather_run(op_call *c, inlay_error *err) {
    int64_t batch;
    tensor *value;
    TRY(attr_int(&c->node->attributes, "batch_dims", &batch, err));
    TRY(read_params(c, &value, err));
    inlay_status status = INLAY_OK;
    if (value->dims.rank < 1 || batch < 0 || batch >= value->dims.rank)
        status = fail(err, INLAY_INVALID_ARGUMENT, "batch_dims %lld of a variable with %d dimensions", (long long)batch,
                      value->dims.rank);
    else
        status = gather(c, value, c->in[1], (int)batch, (int)batch, err);
    tensor_release(value);
    return status;
}

static inlay_status resource_gather_nd_run(op_call *c, inlay_error *err) {
    tensor *value;
    TRY(read_params(c, &value, err));
    inlay_status status = gather_nd(c, value, c->in[1], err);
    tensor_release(value);
    return status;
}

const op_impl gather_impls[] = {
    {"Gather", .run = gather_run, .flags = OP_ANY_ALIGNMENT},
    {"GatherV2", .run = gather_v2_run, .flags = OP_ANY_ALIGNMENT},
    {"GatherNd", .run = gather_nd_run, .flags = OP_ANY_ALIGNMENT},
    {"ResourceGather", .run = resource_gather_run, .flags = OP_ANY_ALIGNMENT},
    {"ResourceGatherNd", .run = resource_gather_nd_run, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(gather);

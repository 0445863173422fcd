/* Variables, new and old, and what restores them. */
#include "kernel/eltwise/eltwise.h"
#include "op/families.h"

/* The handle is made when the plan is: a run only hands it out. */
static inlay_status handle_prepare(op_node *node, op_setting *s, inlay_error *err) {
    bytes container, name;
    dtype type;
    shape dims;
    TRY(attr_text(&node->attributes, "container", &container, err));
    TRY(attr_text(&node->attributes, "shared_name", &name, err));
    TRY(attr_type(&node->attributes, "dtype", &type, err));
    TRY(attr_shape(&node->attributes, "shape", &dims, err));
    if (name.size == 0) name = bytes_of(node->name);
    variable *v;
    TRY(variable_find_or_make(s->host->resources, container, name, type, &dims, &v, err));
    tensor *handle;
    inlay_status status = resource_handle(&v->base, &handle, err);
    resource_release(&v->base);
    node->state = handle;
    return status;
}

static void handle_dispose(op_node *node) {
    tensor_release(node->state);
}

static inlay_status handle_run(op_call *c, inlay_error *err) {
    (void)err;
    op_give(c, 0, tensor_retain(c->node->state));
    return INLAY_OK;
}

static inlay_status read_run(op_call *c, inlay_error *err) {
    variable *v;
    TRY(variable_of(c->in[0], &v, err));
    if (v->type != c->node->out.items[0].type)
        return fail(err, INLAY_INVALID_ARGUMENT, "variable '%s' is %s, not %s", v->base.name, dtype_name(v->type),
                    dtype_name(c->node->out.items[0].type));
    return variable_read(v, &c->out[0], err);
}

static inlay_status assign_run(op_call *c, inlay_error *err) {
    variable *v;
    bool validate;
    TRY(variable_of(c->in[0], &v, err));
    TRY(attr_bool(&c->node->attributes, "validate_shape", &validate, err));
    TRY(variable_assign(v, c->in[1], validate, err));
    if (c->node->out.count) op_give(c, 0, tensor_retain(c->in[0]));
    return INLAY_OK;
}

static inlay_status is_set_run(op_call *c, inlay_error *err) {
    variable *v;
    shape dims = shape_scalar();
    tensor *out;
    TRY(variable_of(c->in[0], &v, err));
    TRY(op_output(c, 0, &dims, &out, err));
    out->data[0] = variable_is_set(v);
    return INLAY_OK;
}

/* ---- changing what is there */

typedef struct sum_work {
    const tensor *by;
    binary_fn combine;
} sum_work;

static inlay_status add_to(void *ctx, tensor *value, inlay_error *err) {
    const sum_work *w = ctx;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (!shape_equal(&value->dims, &w->by->dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "a variable of shape %s is to change by one of shape %s",
                    shape_text(&value->dims, a), shape_text(&w->by->dims, b));
    (void)w->combine(value->data, value->data, w->by->data, (size_t)value->count, 1, 1);
    return INLAY_OK;
}

static inlay_status assign_sum_run(op_call *c, inlay_error *err) {
    variable *v;
    TRY(variable_of(c->in[0], &v, err));
    sum_work w = {c->in[1], eltwise_binary((binary_op)c->node->impl->detail, c->in[1]->type)};
    if (!w.combine) return op_unsupported(c, c->in[1]->type, err);
    TRY(variable_change(v, c->in[1]->type, c->budget, add_to, &w, err));
    if (c->node->out.count) op_give(c, 0, tensor_retain(c->in[0]));
    return INLAY_OK;
}

typedef struct count_work {
    int64_t limit, before;
} count_work;

static inlay_status count_on(void *ctx, tensor *value, inlay_error *err) {
    count_work *w = ctx;
    TRY(tensor_scalar_int(value, "the counter", &w->before, err));
    if (w->before >= w->limit) return fail(err, INLAY_OUT_OF_RANGE, "reached the limit of %lld", (long long)w->limit);
    if (value->type == INLAY_INT64)
        tensor_i64(value)[0]++;
    else
        tensor_i32(value)[0]++;
    return INLAY_OK;
}

static inlay_status count_run(op_call *c, inlay_error *err) {
    variable *v;
    count_work w = {0};
    dtype type = c->node->out.items[0].type;
    if (type != INLAY_INT32 && type != INLAY_INT64) return op_unsupported(c, type, err);
    TRY(variable_of(c->in[0], &v, err));
    TRY(attr_int(&c->node->attributes, "limit", &w.limit, err));
    TRY(variable_change(v, type, c->budget, count_on, &w, err));
    return type == INLAY_INT64 ? tensor_from_i64(w.before, &c->out[0], err)
                               : tensor_from_i32((int32_t)w.before, &c->out[0], err);
}

/* The resource stays, without a value: other plans hold it. */
static inlay_status destroy_run(op_call *c, inlay_error *err) {
    variable *v;
    TRY(variable_of(c->in[0], &v, err));
    variable_clear(v);
    return INLAY_OK;
}

static inlay_status nothing_run(op_call *c, inlay_error *err) {
    (void)c;
    (void)err;
    return INLAY_OK;
}

const op_impl state_impls[] = {
    {"VarHandleOp", .run = handle_run, .prepare = handle_prepare, .dispose = handle_dispose},
    {"Variable", .run = handle_run, .prepare = handle_prepare, .dispose = handle_dispose},
    {"VariableV2", .run = handle_run, .prepare = handle_prepare, .dispose = handle_dispose},
    {"ReadVariableOp", .run = read_run},
    {"AssignVariableOp", .run = assign_run, .flags = OP_ANY_ALIGNMENT},
    {"Assign", .run = assign_run, .flags = OP_ANY_ALIGNMENT},
    {"VarIsInitializedOp", .run = is_set_run},
    {"IsVariableInitialized", .run = is_set_run},
    {"AssignAdd", .run = assign_sum_run, .detail = BINARY_ADD},
    {"AssignSub", .run = assign_sum_run, .detail = BINARY_SUB},
    {"AssignAddVariableOp", .run = assign_sum_run, .detail = BINARY_ADD},
    {"AssignSubVariableOp", .run = assign_sum_run, .detail = BINARY_SUB},
    {"CountUpTo", .run = count_run},
    {"ResourceCountUpTo", .run = count_run},
    {"DestroyResourceOp", .run = destroy_run},
    {"DisableCopyOnRead", .run = nothing_run},
};
OP_FAMILY_END(state);

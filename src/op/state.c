/* Variables, new and old, and what restores them. */
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
    {"DisableCopyOnRead", .run = nothing_run},
};
OP_FAMILY_END(state);

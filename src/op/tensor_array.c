/* Tensor arrays and stacks: resources of one run, gone with the last tensor that stands for them. */
#include "op/families.h"
#include "op/items.h"

typedef struct tensor_array {
    resource base;
    items held;
    bool dynamic, clears, same_shapes; /* grows; forgets what was read; the first shape holds for all */
    bool closed;
    int64_t most; /* of a stack; -1: any number */
} tensor_array;

static void array_destroy(resource *r) {
    tensor_array *a = (tensor_array *)r;
    items_free(&a->held);
    mem_free(a);
}

static const resource_kind array_kind = {"tensor array", array_destroy};
static const resource_kind stack_kind = {"stack", array_destroy};

/* A new one as output 0. */
static inlay_status make(op_call *c, const resource_kind *kind, dtype type, tensor_array **out, inlay_error *err) {
    tensor_array *a = mem_zalloc(1, sizeof *a);
    if (!a) return fail_memory(err);
    atomic_init(&a->base.refs, 1);
    a->base.kind = kind;
    a->held.type = type;
    a->held.element = (shape){.rank = -1};
    inlay_status status = (a->base.name = mem_strdup(c->node->name)) ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) status = resource_handle(&a->base, &c->out[0], err);
    resource_release(&a->base);
    *out = a;
    return status;
}

static inlay_status array_of(const op_call *c, tensor_array **out, inlay_error *err) {
    resource *r;
    TRY(resource_of(c->in[0], &array_kind, &r, err));
    *out = (tensor_array *)r;
    return (*out)->closed ? fail(err, INLAY_INVALID_ARGUMENT, "tensor array '%s' is closed", r->name) : INLAY_OK;
}

static inlay_status make_run(op_call *c, inlay_error *err) {
    const attrs *given = &c->node->attributes;
    int64_t size;
    dtype type;
    tensor_array *a;
    TRY(tensor_scalar_int(c->in[0], "size", &size, err));
    TRY(attr_type(given, "dtype", &type, err));
    TRY(make(c, &array_kind, type, &a, err));
    TRY(attr_shape(given, "element_shape", &a->held.element, err));
    TRY(attr_bool(given, "dynamic_size", &a->dynamic, err));
    TRY(attr_bool(given, "clear_after_read", &a->clears, err));
    TRY(attr_bool(given, "identical_element_shapes", &a->same_shapes, err));
    TRY(items_resize(&a->held, size, c->budget, err));
    return tensor_from_f32(0, &c->out[1], err);
}

/* ---- one element */

/* What stands in place of an element that was read and forgotten. Its count of holders starts high enough that it is
 * never given back. */
static tensor forgotten = {.refs = 1};

static inlay_status array_write(op_call *c, tensor_array *a, int64_t i, tensor *t, inlay_error *err) {
    if (i < 0 || (i >= a->held.count && !a->dynamic))
        return fail(err, INLAY_INVALID_ARGUMENT, "index %lld of tensor array '%s', which has %lld elements",
                    (long long)i, a->base.name, (long long)a->held.count);
    inlay_status status = items_check(&a->held, t, err);
    if (status != INLAY_OK) return status;
    if (i >= a->held.count) TRY(items_resize(&a->held, i + 1, c->budget, err));
    if (a->held.at[i])
        return fail(err, INLAY_INVALID_ARGUMENT, "element %lld of tensor array '%s' is written twice", (long long)i,
                    a->base.name);
    if (a->same_shapes) a->held.element = t->dims;
    items_put(&a->held, i, t);
    return INLAY_OK;
}

/* *out is held for the caller, NULL for one that was never written: zeros, when the shape is known. */
static inlay_status array_read(tensor_array *a, int64_t i, tensor **out, inlay_error *err) {
    *out = NULL;
    if (i < 0 || i >= a->held.count)
        return fail(err, INLAY_INVALID_ARGUMENT, "index %lld of tensor array '%s', which has %lld elements",
                    (long long)i, a->base.name, (long long)a->held.count);
    tensor *t = a->held.at[i];
    if (t == &forgotten)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "element %lld of tensor array '%s' was read before, and forgotten then", (long long)i,
                    a->base.name);
    if (!t && !items_shape_known(&a->held.element))
        return fail(err, INLAY_INVALID_ARGUMENT, "element %lld of tensor array '%s' was never written", (long long)i,
                    a->base.name);
    if (t) *out = tensor_retain(t);
    return INLAY_OK;
}

/* Once the caller has it. */
static void forget(tensor_array *a, int64_t i) {
    if (!a->clears || !a->held.at[i] || a->held.at[i] == &forgotten) return;
    items_put(&a->held, i, &forgotten);
}

static inlay_status write_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    int64_t index;
    TRY(array_of(c, &a, err));
    TRY(tensor_scalar_int(c->in[1], "index", &index, err));
    TRY(array_write(c, a, index, c->in[2], err));
    op_give(c, 0, tensor_retain(c->in[3]));
    return INLAY_OK;
}

static inlay_status read_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    int64_t index;
    TRY(array_of(c, &a, err));
    TRY(tensor_scalar_int(c->in[1], "index", &index, err));
    if (a->held.type != c->node->out.items[0].type)
        return fail(err, INLAY_INVALID_ARGUMENT, "tensor array '%s' is %s, not %s", a->base.name,
                    dtype_name(a->held.type), dtype_name(c->node->out.items[0].type));
    TRY(array_read(a, index, &c->out[0], err));
    if (!c->out[0]) return items_zeros(c, 0, &a->held.element, err);
    forget(a, index);
    return INLAY_OK;
}

/* ---- all at once */

/* Elements that INDICES (NULL: all in turn) say, held in *parts [*n]. */
static inlay_status take_parts(op_call *c, tensor_array *a, const tensor *indices, items *parts, inlay_error *err) {
    int64_t n = indices ? indices->count : a->held.count;
    *parts = (items){0};
    TRY(items_resize(parts, n, c->budget, err));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        inlay_status status = indices ? tensor_as_int(indices, i, "indices", &at, err) : INLAY_OK;
        if (status == INLAY_OK) status = array_read(a, at, &parts->at[i], err);
        if (status != INLAY_OK) {
            items_free(parts);
            return status;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        if (indices) (void)tensor_as_int(indices, i, "indices", &at, NULL);
        forget(a, at);
    }
    return INLAY_OK;
}

static inlay_status element_of(const op_call *c, const tensor_array *a, const char *attribute, shape *out,
                               inlay_error *err) {
    char x[SHAPE_TEXT], y[SHAPE_TEXT];
    TRY(attr_shape(&c->node->attributes, attribute, out, err));
    if (items_merge_shapes(out, &a->held.element)) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "elements of tensor array '%s' have shape %s, not %s", a->base.name,
                shape_text(&a->held.element, x), shape_text(out, y));
}

static inlay_status gather_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    items parts;
    shape element;
    TRY(array_of(c, &a, err));
    TRY(element_of(c, a, "element_shape", &element, err));
    TRY(take_parts(c, a, c->in[1], &parts, err));
    inlay_status status = items_stack(c, 0, parts.at, parts.count, &element, err);
    items_free(&parts);
    return status;
}

static inlay_status concat_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    items parts;
    shape rest, element = {.rank = -1};
    TRY(array_of(c, &a, err));
    TRY(attr_shape(&c->node->attributes, "element_shape_except0", &rest, err));
    if (rest.rank >= 0 && rest.rank < INLAY_MAX_RANK) {
        element = shape_vector(-1);
        for (int i = 0; i < rest.rank; i++) element.dims[element.rank++] = rest.dims[i];
    }
    TRY(take_parts(c, a, NULL, &parts, err));
    inlay_status status = items_join(c, 0, parts.at, parts.count, &element, NULL, err);
    items_free(&parts);
    return status;
}

static inlay_status scatter_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    const tensor *indices = c->in[1];
    tensor *value = c->in[2];
    TRY(array_of(c, &a, err));
    if (value->dims.rank < 1 || indices->dims.rank != 1 || value->dims.dims[0] != indices->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld indices for a value with another number of rows",
                    (long long)indices->count);
    for (int64_t i = 0; i < indices->count; i++) {
        tensor *row;
        int64_t at;
        TRY(tensor_as_int(indices, i, "indices", &at, err));
        TRY(items_row(value, i, &row, err));
        inlay_status status = array_write(c, a, at, row, err);
        tensor_release(row);
        TRY(status);
    }
    op_give(c, 0, tensor_retain(c->in[3]));
    return INLAY_OK;
}

static inlay_status split_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    const tensor *lengths = c->in[2];
    TRY(array_of(c, &a, err));
    TRY(items_check_lengths(c->in[1], lengths, err));
    if (lengths->count != a->held.count && !a->dynamic)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld lengths for tensor array '%s', which has %lld elements",
                    (long long)lengths->count, a->base.name, (long long)a->held.count);
    int64_t first = 0;
    for (int64_t i = 0; i < lengths->count; first += tensor_i64(lengths)[i++]) {
        tensor *part;
        TRY(tensor_rows(c->in[1], first, tensor_i64(lengths)[i], &part, err));
        inlay_status status = array_write(c, a, i, part, err);
        tensor_release(part);
        TRY(status);
    }
    op_give(c, 0, tensor_retain(c->in[3]));
    return INLAY_OK;
}

static inlay_status size_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    TRY(array_of(c, &a, err));
    return tensor_from_i32((int32_t)a->held.count, &c->out[0], err);
}

static inlay_status close_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    TRY(array_of(c, &a, err));
    items_free(&a->held);
    a->closed = true;
    return INLAY_OK;
}

/* ---- stacks */

static inlay_status stack_of(const op_call *c, tensor_array **out, inlay_error *err) {
    resource *r;
    TRY(resource_of(c->in[0], &stack_kind, &r, err));
    *out = (tensor_array *)r;
    return (*out)->closed ? fail(err, INLAY_INVALID_ARGUMENT, "stack '%s' is closed", r->name) : INLAY_OK;
}

static inlay_status stack_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    dtype type;
    int64_t most;
    TRY(tensor_scalar_int(c->in[0], "max_size", &most, err));
    TRY(attr_type(&c->node->attributes, "elem_type", &type, err));
    TRY(make(c, &stack_kind, type, &a, err));
    a->most = most;
    return INLAY_OK;
}

static inlay_status push_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    TRY(stack_of(c, &a, err));
    TRY(items_check(&a->held, c->in[1], err));
    if (a->most >= 0 && a->held.count >= a->most)
        return fail(err, INLAY_INVALID_ARGUMENT, "stack '%s' is full: it holds %lld", a->base.name, (long long)a->most);
    TRY(items_resize(&a->held, a->held.count + 1, c->budget, err));
    items_put(&a->held, a->held.count - 1, c->in[1]);
    op_give(c, 0, tensor_retain(c->in[1]));
    return INLAY_OK;
}

static inlay_status pop_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    TRY(stack_of(c, &a, err));
    if (a->held.count == 0) return fail(err, INLAY_INVALID_ARGUMENT, "stack '%s' is empty", a->base.name);
    if (a->held.type != c->node->out.items[0].type)
        return fail(err, INLAY_INVALID_ARGUMENT, "stack '%s' is %s, not %s", a->base.name, dtype_name(a->held.type),
                    dtype_name(c->node->out.items[0].type));
    op_give(c, 0, tensor_retain(a->held.at[a->held.count - 1]));
    return items_resize(&a->held, a->held.count - 1, c->budget, err);
}

static inlay_status close_stack_run(op_call *c, inlay_error *err) {
    tensor_array *a;
    TRY(stack_of(c, &a, err));
    items_free(&a->held);
    a->closed = true;
    return INLAY_OK;
}

const op_impl tensor_array_impls[] = {
    {"TensorArrayV3", .run = make_run},
    {"TensorArrayWriteV3", .run = write_run, .flags = OP_ANY_ALIGNMENT},
    {"TensorArrayReadV3", .run = read_run},
    {"TensorArrayGatherV3", .run = gather_run},
    {"TensorArrayScatterV3", .run = scatter_run, .flags = OP_ANY_ALIGNMENT},
    {"TensorArrayConcatV3", .run = concat_run},
    {"TensorArraySplitV3", .run = split_run},
    {"TensorArraySizeV3", .run = size_run},
    {"TensorArrayCloseV3", .run = close_run},
    {"StackV2", .run = stack_run},
    {"StackPushV2", .run = push_run, .flags = OP_ANY_ALIGNMENT},
    {"StackPopV2", .run = pop_run},
    {"StackCloseV2", .run = close_stack_run},
};
OP_FAMILY_END(tensor_array);

/* Lists of tensors: values, like any tensor. An op that changes a list which nobody else holds changes it in place, so
 * that a loop of n writes costs n. */
#include "op/families.h"
#include "op/items.h"

typedef struct tensor_list {
    items held;
    int64_t most; /* elements; -1: any number */
} tensor_list;

static void release_list(void *user) {
    tensor_list *l = user;
    items_free(&l->held);
    mem_free(l);
}

/* The list that T is, borrowed. */
static inlay_status list_of(const tensor *t, tensor_list **out, inlay_error *err) {
    *out = NULL;
    if (t->type != INLAY_VARIANT || t->release != release_list)
        return fail(err, INLAY_INVALID_ARGUMENT, "an input is no list of tensors");
    *out = t->user;
    return INLAY_OK;
}

/* The list of input I, whose elements must have the dtype that the node says. */
static inlay_status list_input(const op_call *c, int i, tensor_list **out, inlay_error *err) {
    dtype type;
    TRY(list_of(c->in[i], out, err));
    if (attr_type(&c->node->attributes, "element_dtype", &type, NULL) != INLAY_OK || type == (*out)->held.type)
        return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "the list's elements are %s, not %s", dtype_name((*out)->held.type),
                dtype_name(type));
}

/* Output 0: a new list. */
static inlay_status new_list(op_call *c, dtype type, const shape *element, tensor_list **out, inlay_error *err) {
    shape dims = shape_scalar();
    tensor_list *l = mem_zalloc(1, sizeof *l);
    if (!l) return fail_memory(err);
    l->held.type = type;
    l->held.element = *element;
    l->most = -1;
    *out = l;
    return tensor_wrap(INLAY_VARIANT, &dims, l, release_list, l, &c->out[0], err);
}

/* The same by what the node and the tensor of its element shape say. */
static inlay_status new_shaped(op_call *c, const tensor *element_shape, tensor_list **out, inlay_error *err) {
    dtype type;
    shape element;
    TRY(attr_type(&c->node->attributes, "element_dtype", &type, err));
    TRY(items_shape_of(element_shape, &element, err));
    return new_list(c, type, &element, out, err);
}

/* Output 0: the list of input 0, to be changed. */
static inlay_status change_list(op_call *c, tensor_list **out, inlay_error *err) {
    tensor_list *l;
    TRY(list_input(c, 0, &l, err));
    if (atomic_load_explicit(&c->in[0]->refs, memory_order_acquire) == 1) {
        op_give(c, 0, tensor_retain(c->in[0]));
        *out = l;
        return INLAY_OK;
    }
    TRY(new_list(c, l->held.type, &l->held.element, out, err));
    (*out)->most = l->most;
    return items_copy(&l->held, &(*out)->held, c->budget, err);
}

/* What the list and the op's input I say of its elements. */
static inlay_status element_shape(const op_call *c, const tensor_list *l, int i, shape *out, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    TRY(items_shape_of(c->in[i], out, err));
    if (items_merge_shapes(out, &l->held.element)) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "the list's elements have shape %s, not %s",
                shape_text(&l->held.element, a), shape_text(out, b));
}

static inlay_status check_index(const tensor_list *l, int64_t index, inlay_error *err) {
    if (index >= 0 && index < l->held.count) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "index %lld of a list of %lld elements", (long long)index,
                (long long)l->held.count);
}

/* ---- making */

static inlay_status empty_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    int64_t most;
    TRY(tensor_scalar_int(c->in[1], "max_num_elements", &most, err));
    TRY(new_shaped(c, c->in[0], &l, err));
    l->most = most;
    return INLAY_OK;
}

static inlay_status reserve_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    int64_t count;
    TRY(tensor_scalar_int(c->in[1], "num_elements", &count, err));
    TRY(new_shaped(c, c->in[0], &l, err));
    return items_resize(&l->held, count, c->budget, err);
}

static inlay_status put_row(tensor_list *l, int64_t at, tensor *rows, int64_t row, inlay_error *err) {
    tensor *t;
    TRY(items_row(rows, row, &t, err));
    inlay_status status = items_check(&l->held, t, err);
    if (status == INLAY_OK) items_put(&l->held, at, t);
    tensor_release(t);
    return status;
}

static inlay_status from_tensor_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    tensor *rows = c->in[0];
    if (rows->dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "a scalar has no rows to be listed");
    TRY(new_shaped(c, c->in[1], &l, err));
    TRY(items_resize(&l->held, rows->dims.dims[0], c->budget, err));
    for (int64_t i = 0; i < l->held.count; i++) TRY(put_row(l, i, rows, i, err));
    return INLAY_OK;
}

/* Row I of ROWS becomes element INDICES[I]; the list grows as needed unless FIXED. */
static inlay_status scatter(op_call *c, tensor_list *l, tensor *rows, const tensor *indices, bool fixed,
                            inlay_error *err) {
    if (rows->dims.rank < 1 || indices->dims.rank != 1 || indices->count != rows->dims.dims[0])
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld indices for a tensor with another number of rows",
                    (long long)indices->count);
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t at = tensor_i32(indices)[i];
        if (at < 0 || (fixed && at >= l->held.count))
            return fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld] is %lld, the list has %lld elements", (long long)i,
                        (long long)at, (long long)l->held.count);
        if (at >= l->held.count) TRY(items_resize(&l->held, at + 1, c->budget, err));
        TRY(put_row(l, at, rows, i, err));
    }
    return INLAY_OK;
}

static inlay_status scatter_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    int64_t count = -1;
    if (c->node->in.count > 3) TRY(tensor_scalar_int(c->in[3], "num_elements", &count, err));
    TRY(new_shaped(c, c->in[2], &l, err));
    if (count >= 0) TRY(items_resize(&l->held, count, c->budget, err));
    return scatter(c, l, c->in[0], c->in[1], count >= 0, err);
}

static inlay_status scatter_into_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    TRY(change_list(c, &l, err));
    return scatter(c, l, c->in[1], c->in[2], false, err);
}

static inlay_status split_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    tensor *rows = c->in[0];
    const tensor *lengths = c->in[2];
    TRY(items_check_lengths(rows, lengths, err));
    TRY(new_shaped(c, c->in[1], &l, err));
    TRY(items_resize(&l->held, lengths->count, c->budget, err));
    int64_t first = 0;
    for (int64_t i = 0; i < lengths->count; first += tensor_i64(lengths)[i++]) {
        tensor *part;
        TRY(tensor_rows(rows, first, tensor_i64(lengths)[i], &part, err));
        inlay_status status = items_check(&l->held, part, err);
        if (status == INLAY_OK) items_put(&l->held, i, part);
        tensor_release(part);
        TRY(status);
    }
    return INLAY_OK;
}

/* ---- changing */

static inlay_status set_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    int64_t index;
    bool grows;
    TRY(tensor_scalar_int(c->in[1], "index", &index, err));
    TRY(attr_bool(&c->node->attributes, "resize_if_index_out_of_bounds", &grows, err));
    TRY(list_input(c, 0, &l, err));
    TRY(items_check(&l->held, c->in[2], err));
    if (!grows || index < 0) TRY(check_index(l, index, err));
    TRY(change_list(c, &l, err));
    if (index >= l->held.count) TRY(items_resize(&l->held, index + 1, c->budget, err));
    items_put(&l->held, index, c->in[2]);
    return INLAY_OK;
}

static inlay_status push_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    TRY(list_input(c, 0, &l, err));
    TRY(items_check(&l->held, c->in[1], err));
    if (l->most >= 0 && l->held.count >= l->most)
        return fail(err, INLAY_INVALID_ARGUMENT, "the list is full: it holds %lld elements", (long long)l->most);
    TRY(change_list(c, &l, err));
    TRY(items_resize(&l->held, l->held.count + 1, c->budget, err));
    items_put(&l->held, l->held.count - 1, c->in[1]);
    return INLAY_OK;
}

static inlay_status give_item(op_call *c, int output, const tensor_list *l, int64_t index, int shape_input,
                              inlay_error *err) {
    tensor *t = l->held.at[index];
    if (t) {
        op_give(c, output, tensor_retain(t));
        return INLAY_OK;
    }
    shape element;
    TRY(element_shape(c, l, shape_input, &element, err));
    for (int64_t i = 0; i < l->held.count && !items_shape_known(&element); i++)
        if (l->held.at[i]) items_merge_shapes(&element, &l->held.at[i]->dims);
    char text[SHAPE_TEXT];
    if (items_shape_known(&element)) return items_zeros(c, output, &element, err);
    return fail(err, INLAY_INVALID_ARGUMENT, "element %lld was not written, and nothing says its shape, only %s",
                (long long)index, shape_text(&element, text));
}

static inlay_status pop_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    TRY(list_input(c, 0, &l, err));
    if (l->held.count == 0) return fail(err, INLAY_INVALID_ARGUMENT, "the list is empty");
    TRY(give_item(c, 1, l, l->held.count - 1, 1, err));
    TRY(change_list(c, &l, err));
    return items_resize(&l->held, l->held.count - 1, c->budget, err);
}

static inlay_status resize_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    int64_t size;
    TRY(tensor_scalar_int(c->in[1], "size", &size, err));
    if (size < 0) return fail(err, INLAY_INVALID_ARGUMENT, "size is %lld", (long long)size);
    TRY(change_list(c, &l, err));
    return items_resize(&l->held, size, c->budget, err);
}

static inlay_status concat_lists_run(op_call *c, inlay_error *err) {
    tensor_list *l, *more;
    TRY(list_input(c, 1, &more, err));
    TRY(change_list(c, &l, err));
    if (!items_merge_shapes(&l->held.element, &more->held.element))
        return fail(err, INLAY_INVALID_ARGUMENT, "the elements of the two lists have other shapes");
    int64_t first = l->held.count, count = more->held.count;
    TRY(items_resize(&l->held, first + count, c->budget, err));
    for (int64_t i = 0; i < count; i++)
        if (more->held.at[i]) items_put(&l->held, first + i, more->held.at[i]);
    return INLAY_OK;
}

/* ---- reading */

static inlay_status get_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    int64_t index;
    TRY(list_input(c, 0, &l, err));
    TRY(tensor_scalar_int(c->in[1], "index", &index, err));
    TRY(check_index(l, index, err));
    return give_item(c, 0, l, index, 2, err);
}

static inlay_status stack_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    shape element;
    int64_t count;
    TRY(list_input(c, 0, &l, err));
    TRY(attr_int(&c->node->attributes, "num_elements", &count, err));
    TRY(element_shape(c, l, 1, &element, err));
    if (count >= 0 && count != l->held.count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld elements are wanted of a list of %lld", (long long)count,
                    (long long)l->held.count);
    return items_stack(c, 0, l->held.at, l->held.count, &element, err);
}

static inlay_status gather_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    shape element;
    const tensor *indices = c->in[1];
    items parts = {0};
    TRY(list_input(c, 0, &l, err));
    TRY(element_shape(c, l, 2, &element, err));
    for (int64_t i = 0; i < indices->count; i++) TRY(check_index(l, tensor_i32(indices)[i], err));
    TRY(items_resize(&parts, indices->count, c->budget, err));
    for (int64_t i = 0; i < indices->count; i++) {
        tensor *t = l->held.at[tensor_i32(indices)[i]];
        if (t) items_put(&parts, i, t);
    }
    inlay_status status = items_stack(c, 0, parts.at, parts.count, &element, err);
    items_free(&parts);
    return status;
}

static inlay_status concat_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    shape element;
    TRY(list_input(c, 0, &l, err));
    bool given = c->node->in.count > 1;
    if (given)
        TRY(items_shape_of(c->in[1], &element, err));
    else
        TRY(attr_shape(&c->node->attributes, "element_shape", &element, err));
    shape known = l->held.element;
    if (known.rank > 0) known.dims[0] = -1;
    if (element.rank > 0) element.dims[0] = -1;
    if (!items_merge_shapes(&element, &known))
        return fail(err, INLAY_INVALID_ARGUMENT, "the list's elements have another shape");
    return items_join(c, 0, l->held.at, l->held.count, &element, given ? c->in[2] : NULL, err);
}

static inlay_status length_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    TRY(list_input(c, 0, &l, err));
    return tensor_from_i32((int32_t)l->held.count, &c->out[0], err);
}

static inlay_status shape_run(op_call *c, inlay_error *err) {
    tensor_list *l;
    tensor *out;
    TRY(list_input(c, 0, &l, err));
    const shape *element = &l->held.element;
    shape dims = element->rank < 0 ? shape_scalar() : shape_vector(element->rank);
    TRY(op_output(c, 0, &dims, &out, err));
    for (int64_t i = 0; i < out->count; i++) {
        int64_t size = element->rank < 0 ? -1 : element->dims[i];
        if (out->type == INLAY_INT64)
            tensor_i64(out)[i] = size;
        else
            tensor_i32(out)[i] = (int32_t)size;
    }
    return INLAY_OK;
}

const op_impl tensor_list_impls[] = {
    {"EmptyTensorList", .run = empty_run, .flags = OP_NOT_FOLDED},
    {"TensorListReserve", .run = reserve_run, .flags = OP_NOT_FOLDED},
    {"TensorListFromTensor", .run = from_tensor_run, .flags = OP_NOT_FOLDED | OP_ANY_ALIGNMENT},
    {"TensorListSetItem", .run = set_run, .flags = OP_ANY_ALIGNMENT},
    {"TensorListGetItem", .run = get_run},
    {"TensorListStack", .run = stack_run},
    {"TensorListGather", .run = gather_run},
    {"TensorListScatter", .run = scatter_run, .flags = OP_NOT_FOLDED},
    {"TensorListScatterV2", .run = scatter_run, .flags = OP_NOT_FOLDED},
    {"TensorListScatterIntoExistingList", .run = scatter_into_run},
    {"TensorListLength", .run = length_run},
    {"TensorListPushBack", .run = push_run, .flags = OP_ANY_ALIGNMENT},
    {"TensorListPopBack", .run = pop_run},
    {"TensorListConcat", .run = concat_run},
    {"TensorListConcatV2", .run = concat_run},
    {"TensorListConcatLists", .run = concat_lists_run},
    {"TensorListSplit", .run = split_run, .flags = OP_NOT_FOLDED},
    {"TensorListResize", .run = resize_run},
    {"TensorListElementShape", .run = shape_run},
};
OP_FAMILY_END(tensor_list);

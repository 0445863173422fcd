/* Tensors as messages and back; tf.Example from JSON. */
#include "op/families.h"
#include "op/sparse.h"
#include "op/text.h"

#include "base/num.h"

static inlay_status no_messages(inlay_error *err) {
    return fail(err, INLAY_FAILED_PRECONDITION, "there are no messages here");
}

/* ---- dense */

static inlay_status read_tensor(op_call *c, bytes message, dtype wanted, tensor **out, inlay_error *err) {
    *out = NULL;
    if (!c->host->read_tensor) return no_messages(err);
    inlay_status status = c->host->read_tensor(message, c->budget, out, err);
    if (status == INLAY_DATA_LOSS) /* TensorFlow's word for a message that is none */
        return fail(err, INLAY_INVALID_ARGUMENT, "Could not parse `serialized` as TensorProto, length %zu",
                    message.size);
    if (status != INLAY_OK || (*out)->type == wanted) return status;
    status = fail(err, INLAY_INVALID_ARGUMENT, "Type mismatch between parsed tensor (%s) and dtype (%s)",
                  dtype_name((*out)->type), dtype_name(wanted));
    tensor_release(*out);
    *out = NULL;
    return status;
}

static inlay_status parse_run(op_call *c, inlay_error *err) {
    bytes message;
    tensor *made;
    if (c->in[0]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "Expected `serialized` to be a scalar");
    TRY(text_scalar(c, 0, "serialized", &message, err));
    TRY(read_tensor(c, message, c->node->out.items[0].type, &made, err));
    op_give(c, 0, made);
    return INLAY_OK;
}

static inlay_status add_tensor(const op_call *c, const tensor *t, string_builder *b, inlay_error *err) {
    buffer room = {0};
    if (!c->host->write_tensor) return no_messages(err);
    inlay_status status = c->host->write_tensor(t, &room, err);
    if (status == INLAY_OK) status = string_builder_add(b, buffer_bytes(&room), err);
    buffer_free(&room);
    return status;
}

/* N tensors as a vector of messages, or a scalar. */
static inlay_status give_messages(op_call *c, const tensor *const *list, int n, const shape *dims, inlay_error *err) {
    string_builder b;
    inlay_status status = INLAY_OK;
    TRY(string_builder_init(&b, dims, c->budget, err));
    for (int i = 0; i < n && status == INLAY_OK; i++) status = add_tensor(c, list[i], &b, err);
    if (status == INLAY_OK) return text_give(c, 0, &b, err);
    string_builder_free(&b);
    return status;
}

static inlay_status serialize_run(op_call *c, inlay_error *err) {
    shape dims = shape_scalar();
    const tensor *t = c->in[0];
    return give_messages(c, &t, 1, &dims, err);
}

/* ---- sparse: indices, values and dense shape as three messages */

static inlay_status serialize_sparse_run(op_call *c, inlay_error *err) {
    sparse s;
    shape dims = shape_vector(3);
    TRY(sparse_read(c, 0, 1, 2, &s, err));
    const tensor *list[3] = {c->in[0], c->in[1], c->in[2]};
    if (c->node->out.items[0].type != INLAY_STRING) return op_unsupported(c, c->node->out.items[0].type, err);
    return give_messages(c, list, 3, &dims, err);
}

/* One sparse tensor from the three messages of row ROW. */
static inlay_status deserialize_one(op_call *c, int64_t row, tensor *parts[3], inlay_error *err) {
    const dtype types[3] = {INLAY_INT64, c->node->out.items[1].type, INLAY_INT64};
    for (int i = 0; i < 3; i++) TRY(read_tensor(c, tensor_string(c->in[0], 3 * row + i), types[i], &parts[i], err));
    const tensor *indices = parts[0], *values = parts[1], *dims = parts[2];
    if (indices->dims.rank != 2 || values->dims.rank != 1 || dims->dims.rank != 1 ||
        indices->dims.dims[0] != values->count || indices->dims.dims[1] != dims->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "the parts of serialized sparse tensor %lld do not fit each other",
                    (long long)row);
    return INLAY_OK;
}

/* Of one tensor only: [3]. */
static inlay_status deserialize_run(op_call *c, inlay_error *err) {
    tensor *parts[3] = {NULL, NULL, NULL};
    const tensor *in = c->in[0];
    char text[SHAPE_TEXT];
    if (in->type != INLAY_STRING) return op_unsupported(c, in->type, err);
    if (in->dims.rank < 1 || in->dims.dims[in->dims.rank - 1] != 3)
        return fail(err, INLAY_INVALID_ARGUMENT, "Serialized sparse tensors must have 3 columns, not %s",
                    shape_text(&in->dims, text));
    if (in->dims.rank > 1)
        return fail(err, INLAY_UNIMPLEMENTED, "%s does not run with several tensors", c->node->def->name);
    inlay_status status = deserialize_one(c, 0, parts, err);
    for (int i = 0; i < 3; i++) {
        if (status == INLAY_OK)
            op_give(c, i, parts[i]);
        else
            tensor_release(parts[i]);
    }
    return status;
}

/* ---- JSON */

static inlay_status json_map(const op_call *c, bytes text, buffer *to, inlay_error *err) {
    if (!c->host->example_of_json) return no_messages(err);
    return c->host->example_of_json(text, to, err);
}

static inlay_status json_run(op_call *c, inlay_error *err) {
    return text_each(c, 0, 0, json_map, err);
}

const op_impl serialize_impls[] = {
    {"ParseTensor", .run = parse_run},
    {"SerializeTensor", .run = serialize_run},
    {"SerializeSparse", .run = serialize_sparse_run},
    {"DeserializeSparse", .run = deserialize_run},
    {"DecodeJSONExample", .run = json_run},
};
OP_FAMILY_END(serialize);

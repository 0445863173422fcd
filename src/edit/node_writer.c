#include "edit/node_writer.h"

/* AttrValue: list 1, s 2, i 3, f 4, b 5, type 6, shape 7, tensor 8, func 10; in a list, type 6. */
static void put_value(buffer *b, const node_attr *attr) {
    switch (attr->kind) {
    case ATTR_TYPE: wire_put_uint(b, 6, (uint64_t)attr->type); break;
    case ATTR_INT: wire_put_uint(b, 3, (uint64_t)attr->number); break;
    case ATTR_BOOL: wire_put_uint(b, 5, (uint64_t)attr->number); break;
    case ATTR_TEXT: wire_put_text(b, 2, attr->text); break;
    case ATTR_SHAPE: put_shape(b, 7, attr->dims); break;
    case ATTR_TENSOR: wire_put_bytes(b, 8, attr->tensor); break;
    case ATTR_FUNC: {
        size_t func = wire_begin(b, 10);
        wire_put_text(b, 1, attr->text);
        wire_end(b, func);
        break;
    }
    case ATTR_TYPES: {
        size_t list = wire_begin(b, 1), packed = wire_begin(b, 6);
        for (size_t i = 0; i < attr->types.count; i++) wire_put_varint(b, (uint64_t)attr->types.list[i]);
        wire_end(b, packed);
        wire_end(b, list);
        break;
    }
    }
}

void put_shape(buffer *b, uint32_t number, const shape *dims) {
    size_t mark = wire_begin(b, number);
    if (dims->rank < 0) wire_put_uint(b, 3, 1);
    for (int i = 0; i < dims->rank; i++) {
        size_t dim = wire_begin(b, 2);
        wire_put_uint(b, 1, (uint64_t)dims->dims[i]);
        wire_end(b, dim);
    }
    wire_end(b, mark);
}

static const char *checked(node_writer *w, const char *name) {
    if (!name) w->out->failed = true;
    return name ? name : "";
}

const char *node_put(node_writer *w, const node_spec *spec) {
    const char *name = checked(w, arena_format(w->names, "%s%s", w->prefix, spec->name));
    buffer *b = w->out;
    size_t node = wire_begin(b, w->field);
    wire_put_text(b, 1, name);
    wire_put_text(b, 2, spec->op);
    for (const char *const *input = spec->inputs; input && *input; input++) wire_put_text(b, 3, *input);
    for (const char *const *after = spec->after; after && *after; after++) {
        char *control = arena_format(w->names, "^%s", *after);
        wire_put_text(b, 3, checked(w, control));
    }
    for (size_t i = 0; i < spec->n_attrs; i++) {
        size_t entry = wire_begin(b, 5);
        wire_put_text(b, 1, spec->attrs[i].name);
        size_t value = wire_begin(b, 2);
        put_value(b, &spec->attrs[i]);
        wire_end(b, value);
        wire_end(b, entry);
    }
    wire_end(b, node);
    return name;
}

const char *node_output(node_writer *w, const char *node, const char *arg, int index, int output) {
    if (w->in_function) return checked(w, arena_format(w->names, "%s:%s:%d", node, arg, index));
    return output == 0 ? node : checked(w, arena_format(w->names, "%s:%d", node, output));
}

const char *node_put_ref(node_writer *w, const node_spec *spec, const char *arg) {
    return node_output(w, node_put(w, spec), arg, 0, 0);
}

const char *node_unary(node_writer *w, const char *name, const char *op, const char *a, dtype type, const char *out) {
    return node_put_ref(w, &(node_spec){name, op, LIST(a), NULL, ATTRS(ATTR_TYPE_OF("T", type))}, out);
}

const char *node_binary(node_writer *w, const char *name, const char *op, const char *a, const char *b, dtype type,
                        const char *out) {
    return node_put_ref(w, &(node_spec){name, op, LIST(a, b), NULL, ATTRS(ATTR_TYPE_OF("T", type))}, out);
}

const char *node_cast(node_writer *w, const char *name, const char *a, dtype from, dtype to) {
    return node_put_ref(
        w, &(node_spec){name, "Cast", LIST(a), NULL, ATTRS(ATTR_TYPE_OF("DstT", to), ATTR_TYPE_OF("SrcT", from))}, "y");
}

/* TensorProto: dtype 1, shape 2, tensor_content 4, string_val 8. */
static const char *put_const(node_writer *w, const char *name, dtype type, const shape *dims, const buffer *fields) {
    buffer message = {0};
    wire_put_uint(&message, 1, (uint64_t)type);
    put_shape(&message, 2, dims);
    buffer_append_bytes(&message, buffer_bytes(fields));
    if (message.failed || fields->failed) w->out->failed = true;
    const char *ref = node_put_ref(w,
                                   &(node_spec){name, "Const", NULL, NULL,
                                                ATTRS({"dtype", ATTR_TYPE, .type = type},
                                                      {"value", ATTR_TENSOR, .tensor = buffer_bytes(&message)})},
                                   "output");
    buffer_free(&message);
    return ref;
}

static const char *const_numbers(node_writer *w, const char *name, dtype type, const shape *dims, const void *values,
                                 size_t size) {
    buffer content = {0};
    wire_put_bytes(&content, 4, bytes_make(values, size));
    const char *ref = put_const(w, name, type, dims, &content);
    buffer_free(&content);
    return ref;
}

const char *node_const_i32(node_writer *w, const char *name, int32_t value) {
    return const_numbers(w, name, INLAY_INT32, &(shape){.rank = 0}, &value, sizeof value);
}

const char *node_const_i32s(node_writer *w, const char *name, const int32_t *values, int64_t n) {
    return const_numbers(w, name, INLAY_INT32, &(shape){.rank = 1, .dims = {n}}, values, (size_t)n * sizeof *values);
}

const char *node_const_i64(node_writer *w, const char *name, int64_t value) {
    return const_numbers(w, name, INLAY_INT64, &(shape){.rank = 0}, &value, sizeof value);
}

const char *node_const_i64s(node_writer *w, const char *name, const int64_t *values, int64_t n) {
    return const_numbers(w, name, INLAY_INT64, &(shape){.rank = 1, .dims = {n}}, values, (size_t)n * sizeof *values);
}

const char *node_const_f32(node_writer *w, const char *name, float value) {
    return const_numbers(w, name, INLAY_FLOAT32, &(shape){.rank = 0}, &value, sizeof value);
}

const char *node_const_strings(node_writer *w, const char *name, const char *const *values, int64_t n) {
    shape dims = n < 0 ? shape_scalar() : shape_vector(n);
    buffer strings = {0};
    for (int64_t i = 0; i < (n < 0 ? 1 : n); i++) wire_put_text(&strings, 8, values[i]);
    const char *ref = put_const(w, name, INLAY_STRING, &dims, &strings);
    buffer_free(&strings);
    return ref;
}

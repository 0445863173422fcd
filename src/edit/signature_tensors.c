#include "edit/signature_list.h"
#include "format/tensor_json.h"
#include "graph/graph.h"

/* SignatureDef {inputs 1, outputs 2, method_name 3, defaults 4}, TensorInfo {name 1, dtype 2, tensor_shape 3} */
enum { INPUTS = 1, OUTPUTS = 2, METHOD = 3, DEFAULTS = 4, NODE_LIMIT = 4 << 20 };

/* ---- a signature of tensors */

typedef struct tensor_finder {
    graph_library library;
    graph g;
    arena *a;
} tensor_finder;

static inlay_status finder_open(const signature_list *list, tensor_finder *f, inlay_error *err) {
    graph_source source = {list->model->file, list->model->message.data, saved_tensor_options(list->model)};
    bytes op_list = {0};
    wire_field ops;
    bool found;
    *f = (tensor_finder){.a = list->a};
    TRY(wire_find(list->graph->meta_info, 2, list->model->file, &ops, &found, err));
    if (found && ops.type == WIRE_BYTES) op_list = ops.data;
    TRY(graph_library_init(&f->library, list->graph->graph_def, op_list, &source, err));
    graph_init(&f->g, &f->library, &source, NODE_LIMIT);
    return graph_import(&f->g, list->graph->graph_def, err);
}

static void finder_close(tensor_finder *f) {
    graph_free(&f->g);
    graph_library_free(&f->library);
}

/* What the graph says of a tensor's shape: of a placeholder, or where a writer noted it. */
static shape shape_of(tensor_finder *f, const graph_edge *edge) {
    shape *shapes, out = {.rank = -1};
    size_t n;
    inlay_error ignored;
    bytes given;
    attrs a = graph_attrs(edge->node);
    if (attr_given(&a, "_output_shapes", &given)) {
        if (attr_shapes(&a, "_output_shapes", f->a, &shapes, &n, &ignored) == INLAY_OK && (size_t)edge->output < n)
            out = shapes[edge->output];
    } else if (strncmp(edge->node->op, "Placeholder", 11) == 0 && attr_shape(&a, "shape", &out, &ignored) != INLAY_OK) {
        out.rank = -1;
    }
    return out;
}

static inlay_status put_tensor(tensor_finder *f, buffer *out, uint32_t number, bytes key, bytes name,
                               inlay_error *err) {
    graph_edge edge;
    op_values values;
    TRY(graph_find_tensor(&f->g, name, &edge, err));
    const char *shown = arena_copy(f->a, name);
    if (!shown) return fail_memory(err);
    if (edge.output < 0) return fail(err, INLAY_INVALID_ARGUMENT, "%s is no tensor", shown);
    if (!edge.node->def)
        return fail(err, INLAY_UNIMPLEMENTED, "%s: the types of the op %s are not known", shown, edge.node->op);
    attrs a = graph_attrs(edge.node);
    TRY(opdef_values(edge.node->def->out, &a, f->a, &values, err));
    if (edge.output >= values.count)
        return fail(err, INLAY_NOT_FOUND, "node %s has %d outputs, no %d", edge.node->name, values.count, edge.output);
    shape dims = shape_of(f, &edge);
    size_t entry = wire_begin(out, number);
    wire_put_bytes(out, 1, key);
    size_t info = wire_begin(out, 2);
    const char *full = arena_format(f->a, "%s:%d", edge.node->name, edge.output);
    if (!full) return fail_memory(err);
    wire_put_text(out, 1, full);
    wire_put_uint(out, 2, (uint64_t)values.items[edge.output].type);
    size_t mark = wire_begin(out, 3);
    shape_proto_write(out, &dims);
    wire_end(out, mark);
    wire_end(out, info);
    wire_end(out, entry);
    return INLAY_OK;
}

/* Cuts *rest at the first MARK: what is before it. */
static bytes cut_at(bytes *rest, char mark) {
    const uint8_t *at = rest->size ? memchr(rest->data, mark, rest->size) : NULL;
    bytes before = at ? bytes_make(rest->data, (size_t)(at - rest->data)) : *rest;
    *rest = at ? bytes_make(at + 1, rest->size - before.size - 1) : bytes_make("", 0);
    return before;
}

static inlay_status put_side(tensor_finder *f, buffer *out, bytes side, size_t counts[3], inlay_error *err) {
    bytes which = cut_at(&side, '=');
    uint32_t number = bytes_is(which, "in") ? INPUTS : bytes_is(which, "out") ? OUTPUTS : 0;
    if (!number || side.size == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "a signature of tensors is in=KEY:TENSOR,...;out=KEY:TENSOR,...");
    while (side.size) {
        bytes name = cut_at(&side, ','), key = cut_at(&name, ':');
        if (key.size == 0 || name.size == 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "an input or output is KEY:TENSOR, for example x:node:0");
        for (const uint8_t *p = key.data; p < key.data + key.size; p++)
            if (*p < 0x20) return fail(err, INLAY_INVALID_ARGUMENT, "a key holds control characters");
        TRY(put_tensor(f, out, number, key, name, err));
        counts[number]++;
    }
    return INLAY_OK;
}

inlay_status signature_of_tensors(const signature_list *list, const char *spec, bytes *message, inlay_error *err) {
    tensor_finder f;
    buffer out = {0};
    bytes rest = bytes_of(spec);
    size_t counts[3] = {0};
    const char *kept = NULL;
    inlay_status status = finder_open(list, &f, err);
    while (status == INLAY_OK && rest.size) status = put_side(&f, &out, cut_at(&rest, ';'), counts, err);
    if (status == INLAY_OK && counts[OUTPUTS] == 0)
        status = fail(err, INLAY_INVALID_ARGUMENT, "a signature needs an output");
    wire_put_text(&out, METHOD, "tensorflow/serving/predict");
    if (status == INLAY_OK) status = buffer_check(&out, err);
    if (status == INLAY_OK && !(kept = arena_copy(list->a, buffer_bytes(&out)))) status = fail_memory(err);
    *message = bytes_make(kept, out.size);
    buffer_free(&out);
    finder_close(&f);
    return status;
}

/* ---- defaults */

/* The dtype and shape of input KEY of the signature. */
static inlay_status find_input(const signature_list *list, const signature_item *item, bytes key, dtype *type,
                               shape *dims, inlay_error *err) {
    wire_reader r = saved_reader(list->model, item->message);
    *dims = (shape){.rank = -1};
    for (;;) {
        wire_field field, f;
        bool got, found;
        bytes name, info;
        TRY(wire_next(&r, &field, &got, err));
        if (!got)
            return fail_at(err, INLAY_NOT_FOUND, list->model->file, -1, "signature %s has no input %.*s", item->key,
                           (int)(key.size < 200 ? key.size : 200), (const char *)key.data);
        if (field.number != INPUTS) continue;
        TRY(wire_map_entry(&r, &field, &name, &info, err));
        if (!bytes_equal(name, key)) continue;
        TRY(wire_find(info, 2, list->model->file, &f, &found, err));
        *type = found && dtype_is_valid((int)f.value) ? (dtype)f.value : INLAY_INVALID_DTYPE;
        TRY(wire_find(info, 3, list->model->file, &f, &found, err));
        return found && f.type == WIRE_BYTES ? shape_proto_read(wire_enter(&r, &f), dims, err) : INLAY_OK;
    }
}

static inlay_status value_of(bytes value, dtype type, tensor **out, inlay_error *err) {
    bool bare = type == INLAY_STRING && value.data[0] != '"' && value.data[0] != '[' && value.data[0] != '{';
    return bare ? tensor_from_string(value, out, err) : tensor_from_json(value, "the default", type, out, err);
}

/* Appends the fields of the signature but for the default of KEY. */
static inlay_status copy_without(const signature_list *list, const signature_item *item, bytes key, bool *had,
                                 buffer *out, inlay_error *err) {
    wire_reader r = saved_reader(list->model, item->message);
    for (*had = false;;) {
        wire_field field;
        bool got;
        bytes name, unused;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == DEFAULTS) {
            TRY(wire_map_entry(&r, &field, &name, &unused, err));
            if (bytes_equal(name, key)) {
                *had = true;
                continue;
            }
        }
        buffer_append_bytes(out, field.whole);
    }
}

static inlay_status put_default(const signature_item *item, bytes key, bytes value, dtype type, const shape *declared,
                                buffer *out, inlay_error *err) {
    tensor *t;
    buffer proto = {0};
    char actual[SHAPE_TEXT], wanted[SHAPE_TEXT];
    TRY(value_of(value, type, &t, err));
    inlay_status status = INLAY_OK;
    if (!shape_fits(&t->dims, declared))
        status = fail(err, INLAY_INVALID_ARGUMENT, "the default is of shape %s, input %.*s of %s takes %s",
                      shape_text(&t->dims, actual), (int)(key.size < 200 ? key.size : 200), (const char *)key.data,
                      item->key, shape_text(declared, wanted));
    if (status == INLAY_OK) status = tensor_proto_write(&proto, t, err);
    if (status == INLAY_OK) wire_put_map(out, DEFAULTS, key, &proto);
    buffer_free(&proto);
    tensor_release(t);
    return status;
}

inlay_status signature_set_default(const signature_list *list, signature_item *item, bytes key, bytes value,
                                   inlay_error *err) {
    buffer out = {0};
    dtype type = INLAY_INVALID_DTYPE;
    shape declared;
    bool had;
    inlay_status status;
    TRY_TO(done, find_input(list, item, key, &type, &declared, err));
    TRY_TO(done, copy_without(list, item, key, &had, &out, err));
    if (value.size == 0 && !had)
        TRY_TO(done, fail_at(err, INLAY_NOT_FOUND, list->model->file, -1, "input %.*s of %s has no default to remove",
                             (int)(key.size < 200 ? key.size : 200), (const char *)key.data, item->key));
    if (value.size) TRY_TO(done, put_default(item, key, value, type, &declared, &out, err));
    TRY_TO(done, buffer_check(&out, err));
    const char *kept = arena_copy(list->a, buffer_bytes(&out));
    if (!kept) TRY_TO(done, fail_memory(err));
    item->message = bytes_make(kept, out.size);
done:
    buffer_free(&out);
    return status;
}

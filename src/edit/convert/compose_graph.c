#include "edit/convert/compose_parts.h"

/* NodeDef {name 1, op 2, input 3, attr 5}, AttrValue {list 1 {s 2, func 9}, s 2, tensor 8, func 10 {name 1, attr 2}},
 * FunctionDef {signature 1 {name 1}, node_def 3}, VariableDef {names 1, 2, 3, 6} */
enum {
    NAME = 1,
    OP = 2,
    INPUT = 3,
    ATTR = 5,
    VALUE_LIST = 1,
    VALUE_TEXT = 2,
    VALUE_TENSOR = 8,
    VALUE_FUNCTION = 10,
    LIST_TEXT = 2,
    LIST_FUNCTION = 9,
    STRINGS = 8,
    SIGNATURE = 1,
    FUNCTION_NODE = 3,
    FUNCTION_DEPTH = 32
};

typedef struct rewriting {
    compose_job *j;
    const compose_side *side;
    const scope *s;
    const scope_node **key_nodes; /* [n_key_nodes] constants with the keys of restore and save ops */
    size_t n_key_nodes;
    bool keys; /* the node at hand is one of them */
} rewriting;

const char *compose_name(compose_job *j, const compose_side *side, const char *name) {
    if (strncmp(name, "loc:@", 5) == 0) return arena_format(&j->a, "loc:@%s%s", side->prefix, name + 5);
    if (*name == '^') return arena_format(&j->a, "^%s%s", side->prefix, name + 1);
    return arena_format(&j->a, "%s%s", side->prefix, name);
}

/* PREFIX and TEXT as field NUMBER. */
static void put_prefixed(buffer *out, uint32_t number, const char *prefix, bytes text) {
    size_t mark = wire_begin(out, number);
    buffer_append_text(out, prefix);
    buffer_append_bytes(out, text);
    wire_end(out, mark);
}

static void put_reference(const rewriting *r, buffer *out, uint32_t number, bytes text) {
    size_t skip = bytes_start_with(text, "loc:@") ? 5 : bytes_start_with(text, "^") ? 1 : 0;
    size_t mark = wire_begin(out, number);
    buffer_append(out, text.data, skip);
    buffer_append_text(out, r->side->prefix);
    buffer_append(out, text.data + skip, text.size - skip);
    wire_end(out, mark);
}

static bool is_function(const rewriting *r, bytes name) {
    for (size_t i = 0; i < r->side->scopes.count; i++) {
        const scope *s = &r->side->scopes.items[i];
        if (s->graph == r->side->graph && s->function.data && bytes_equal(s->function, name)) return true;
    }
    return false;
}

/* Copies MESSAGE field by field; FN puts what becomes of a field and says whether it did. */
typedef inlay_status (*field_fn)(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                                 inlay_error *err);
static inlay_status copy_fields(const rewriting *r, bytes message, field_fn fn, buffer *out, int depth,
                                inlay_error *err) {
    wire_reader reader = wire_open(message, r->side->model->file, NULL);
    if (depth == 0) return fail_at(err, INLAY_DATA_LOSS, r->side->model->file, -1, "functions nested too deeply");
    for (;;) {
        wire_field field;
        bool got, done = false;
        TRY(wire_next(&reader, &field, &got, err));
        if (!got) return buffer_check(out, err);
        if (field.type == WIRE_BYTES) TRY(fn(r, &field, out, &done, depth, err));
        if (!done) buffer_append_bytes(out, field.whole);
    }
}

static inlay_status nest(const rewriting *r, const wire_field *field, field_fn fn, buffer *out, bool *done, int depth,
                         inlay_error *err) {
    buffer inner = {0};
    inlay_status status = copy_fields(r, field->data, fn, &inner, depth - 1, err);
    wire_put_message(out, field->number, &inner);
    buffer_free(&inner);
    *done = true;
    return status;
}

/* ---- attributes */

static inlay_status put_attr(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                             inlay_error *err);

/* NameAttrList {name 1, attr 2}. */
static inlay_status function_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                                   inlay_error *err) {
    if (field->number == 2) return put_attr(r, field, out, done, depth, err);
    if (field->number != NAME || !is_function(r, field->data)) return INLAY_OK;
    put_prefixed(out, NAME, r->side->function_prefix, field->data);
    *done = true;
    return INLAY_OK;
}

static inlay_status list_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                               inlay_error *err) {
    if (field->number == LIST_FUNCTION) return nest(r, field, function_field, out, done, depth, err);
    if (field->number != LIST_TEXT || r->s->function.data || !bytes_start_with(field->data, "loc:@")) return INLAY_OK;
    put_reference(r, out, LIST_TEXT, field->data);
    *done = true;
    return INLAY_OK;
}

static inlay_status tensor_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                                 inlay_error *err) {
    (void)depth;
    (void)err;
    if (field->number != STRINGS) return INLAY_OK;
    put_prefixed(out, STRINGS, r->side->prefix, field->data);
    *done = true;
    return INLAY_OK;
}

static inlay_status value_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                                inlay_error *err) {
    if (field->number == VALUE_LIST) return nest(r, field, list_field, out, done, depth, err);
    if (field->number == VALUE_FUNCTION) return nest(r, field, function_field, out, done, depth, err);
    if (field->number == VALUE_TENSOR && r->keys) return nest(r, field, tensor_field, out, done, depth, err);
    return INLAY_OK;
}

/* What is shared by name must not be shared between the two models. */
static inlay_status shared_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                                 inlay_error *err) {
    (void)depth;
    (void)err;
    if (field->number != VALUE_TEXT || field->data.size == 0) return INLAY_OK;
    put_prefixed(out, VALUE_TEXT, r->side->prefix, field->data);
    *done = true;
    return INLAY_OK;
}

/* An entry of a map of attributes, field NUMBER. */
static inlay_status put_attr(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                             inlay_error *err) {
    wire_reader reader = wire_open(field->whole, r->side->model->file, NULL);
    wire_field entry;
    bytes key, value;
    bool got;
    buffer inner = {0};
    TRY(wire_next(&reader, &entry, &got, err));
    TRY(wire_map_entry(&reader, &entry, &key, &value, err));
    field_fn fn = bytes_is(key, "shared_name") ? shared_field : value_field;
    inlay_status status = copy_fields(r, value, fn, &inner, depth - 1, err);
    wire_put_map(out, field->number, key, &inner);
    buffer_free(&inner);
    *done = true;
    return status;
}

/* ---- nodes and functions */

static inlay_status node_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                               inlay_error *err) {
    bool local = r->s->function.data != NULL; /* names inside a function are its own */
    *done = true;
    if (field->number == NAME && !local)
        put_prefixed(out, NAME, r->side->prefix, field->data);
    else if (field->number == INPUT && !local)
        put_reference(r, out, INPUT, field->data);
    else if (field->number == OP && is_function(r, field->data))
        put_prefixed(out, OP, r->side->function_prefix, field->data);
    else if (field->number == ATTR)
        return put_attr(r, field, out, done, depth, err);
    else
        *done = false;
    return INLAY_OK;
}

/* Lists the constants that tell the restore and save ops of the scope their keys. */
static inlay_status find_keys(rewriting *r, inlay_error *err) {
    static const char *const ops[] = {"RestoreV2", "SaveV2", "Restore", "Save", "RestoreSlice", "SaveSlices"};
    r->key_nodes = arena_zalloc(&r->j->a, r->s->n_nodes + 1, sizeof *r->key_nodes);
    if (!r->key_nodes) return fail_memory(err);
    for (size_t i = 0; i < r->s->n_nodes; i++) {
        const scope_node *node = &r->s->nodes[i], *keys = NULL;
        for (size_t k = 0; k < sizeof ops / sizeof *ops && !keys; k++)
            if (bytes_is(node->op, ops[k]) && node->n_inputs > 1) keys = scope_feeder(r->s, node->inputs[1], NULL);
        if (keys && bytes_is(keys->op, "Const")) r->key_nodes[r->n_key_nodes++] = keys;
    }
    return INLAY_OK;
}

static bool holds_keys(const rewriting *r, const scope_node *node) {
    for (size_t i = 0; i < r->n_key_nodes; i++)
        if (r->key_nodes[i] == node) return true;
    return false;
}

static inlay_status put_node(rewriting *r, const scope_node *node, buffer *out, inlay_error *err) {
    r->keys = holds_keys(r, node);
    return copy_fields(r, node->message, node_field, out, FUNCTION_DEPTH, err);
}

/* Instead of what NODE was its output is the tensor INPUT. */
static void put_identity(const compose_side *side, const scope_node *node, const char *input, inlay_dtype type,
                         buffer *out) {
    buffer value = {0};
    put_prefixed(out, NAME, side->prefix, node->name);
    wire_put_text(out, OP, "Identity");
    wire_put_text(out, INPUT, input);
    wire_put_uint(&value, 6, (uint64_t)type);
    wire_put_map(out, ATTR, bytes_of("T"), &value);
    buffer_free(&value);
}

/* The tensor that feeds NODE in the composed model, when it is no longer an input by itself. */
static const char *fed_by(const compose_side *side, const scope_node *node, inlay_dtype *type) {
    const saved_saver *saver = &side->graph->saver;
    if (side->graph->has_saver && side->variables &&
        bytes_equal(input_node(bytes_of(saver->filename_tensor)), node->name)) {
        *type = INLAY_STRING;
        return "saver_filename";
    }
    for (size_t i = 0; i < side->signature->input_count; i++) {
        const saved_tensor *in = &side->signature->inputs[i];
        if (!side->fed[i] || !bytes_equal(input_node(bytes_of(in->name)), node->name)) continue;
        *type = in->type;
        return side->fed[i];
    }
    return NULL;
}

static inlay_status put_nodes(rewriting *r, inlay_error *err) {
    inlay_status status = INLAY_OK;
    buffer node = {0};
    for (size_t i = 0; i < r->s->n_nodes && status == INLAY_OK; i++) {
        inlay_dtype type = INLAY_INVALID_DTYPE;
        const char *input = fed_by(r->side, &r->s->nodes[i], &type);
        buffer_clear(&node);
        if (input)
            put_identity(r->side, &r->s->nodes[i], input, type, &node);
        else
            status = put_node(r, &r->s->nodes[i], &node, err);
        if (status == INLAY_OK) status = buffer_check(&node, err);
        if (status == INLAY_OK) saved_edit_add_node(&r->j->edit, buffer_bytes(&node));
    }
    buffer_free(&node);
    return status;
}

static inlay_status signature_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                                    inlay_error *err) {
    (void)depth;
    (void)err;
    if (field->number != NAME) return INLAY_OK;
    put_prefixed(out, NAME, r->side->function_prefix, field->data);
    *done = true;
    return INLAY_OK;
}

static const scope_node *node_at(const scope *s, bytes message) {
    for (size_t i = 0; i < s->n_nodes; i++)
        if (s->nodes[i].message.data == message.data) return &s->nodes[i];
    return NULL;
}

static inlay_status definition_field(const rewriting *r, const wire_field *field, buffer *out, bool *done, int depth,
                                     inlay_error *err) {
    if (field->number == SIGNATURE) return nest(r, field, signature_field, out, done, depth, err);
    const scope_node *node = field->number == FUNCTION_NODE ? node_at(r->s, field->data) : NULL;
    if (!node) return INLAY_OK;
    rewriting inner = *r;
    buffer message = {0};
    inlay_status status = put_node(&inner, node, &message, err);
    wire_put_message(out, FUNCTION_NODE, &message);
    buffer_free(&message);
    *done = true;
    return status;
}

static inlay_status put_function(rewriting *r, inlay_error *err) {
    buffer message = {0};
    inlay_status status = copy_fields(r, r->s->function_def, definition_field, &message, FUNCTION_DEPTH, err);
    if (status == INLAY_OK) saved_edit_add_function(&r->j->edit, buffer_bytes(&message));
    buffer_free(&message);
    return status;
}

static inlay_status put_asset(const rewriting *r, size_t index, inlay_error *err) {
    const char *tensor = compose_name(r->j, r->side, r->side->graph->assets[index].tensor);
    buffer message = {0};
    if (!tensor) return fail_memory(err);
    size_t info = wire_begin(&message, 1); /* AssetFileDef {tensor_info 1 {name 1}, filename 2} */
    wire_put_text(&message, NAME, tensor);
    wire_end(&message, info);
    wire_put_text(&message, 2, r->side->files[index]);
    inlay_status status = buffer_check(&message, err);
    if (status == INLAY_OK) saved_edit_add_asset(&r->j->edit, buffer_bytes(&message));
    buffer_free(&message);
    return status;
}

inlay_status compose_put_graph(compose_job *j, const compose_side *side, inlay_error *err) {
    for (size_t i = 0; i < side->scopes.count; i++) {
        rewriting r = {.j = j, .side = side, .s = &side->scopes.items[i]};
        if (r.s->graph != side->graph) continue;
        TRY(find_keys(&r, err));
        if (r.s->function.data)
            TRY(put_function(&r, err));
        else
            TRY(put_nodes(&r, err));
    }
    rewriting r = {.j = j, .side = side};
    for (size_t i = 0; i < side->graph->asset_count; i++) TRY(put_asset(&r, i, err));
    return INLAY_OK;
}

#include "edit/cast/cast_graph.h"

#include <stdio.h>

/* NodeDef {name 1, op 2, input 3, attr 5}, FunctionDef {signature 1 {input_arg 2 {name 1}}, node_def 3, ret 4},
 * AttrValue {type 6} */
enum {
    NAME = 1,
    OP = 2,
    INPUT = 3,
    ATTR = 5,
    GRAPH_NODE = 1,
    SIGNATURE = 1,
    ARGUMENT = 2,
    FUNCTION_NODE = 3,
    RET = 4,
    TYPE = 6,
    HANDLE_DATA = 7
};

inlay_status cast_keep(cast_graph *g, const buffer *b, bytes *out, inlay_error *err) {
    const char *kept = b->failed ? NULL : arena_copy(&g->c->a, buffer_bytes(b));
    *out = bytes_make(kept, b->size);
    return kept ? INLAY_OK : fail_memory(err);
}

/* FIELD becomes one field NUMBER with DATA. */
static inlay_status replace(cast_graph *g, const wire_field *field, bytes data, inlay_error *err) {
    buffer whole = {0};
    bytes kept;
    wire_put_bytes(&whole, field->number, data);
    inlay_status status = cast_keep(g, &whole, &kept, err);
    buffer_free(&whole);
    if (status == INLAY_OK) splice_replace(&g->c->graph, field->whole, kept);
    return status;
}

inlay_status cast_set_number(cast_graph *g, const wire_field *field, uint64_t value, inlay_error *err) {
    buffer whole = {0};
    bytes kept;
    wire_put_uint(&whole, field->number, value);
    inlay_status status = cast_keep(g, &whole, &kept, err);
    buffer_free(&whole);
    if (status == INLAY_OK) splice_replace(&g->c->graph, field->whole, kept);
    return status;
}

/* ---- names */

bool cast_same_output(const cast_graph *g, size_t scope, bytes input, bytes ref) {
    if (bytes_equal(input, ref)) return true;
    if (g->scopes.items[scope].function.data) return false;
    bytes longer = input.size > ref.size ? input : ref, shorter = input.size > ref.size ? ref : input;
    return longer.size == shorter.size + 2 && memcmp(longer.data, shorter.data, shorter.size) == 0 &&
           memcmp(longer.data + shorter.size, ":0", 2) == 0;
}

inlay_status cast_output(cast_graph *g, size_t scope, bytes node, const char *argument, size_t index, size_t output,
                         bytes *out, inlay_error *err) {
    buffer text = {0};
    buffer_append_bytes(&text, node);
    if (g->scopes.items[scope].function.data)
        buffer_format(&text, ":%s:%zu", argument, index);
    else if (output)
        buffer_format(&text, ":%zu", output);
    inlay_status status = cast_keep(g, &text, out, err);
    buffer_free(&text);
    return status;
}

inlay_status cast_argument(const cast_graph *g, size_t scope, size_t index, bytes *name, bytes *arg, inlay_error *err) {
    wire_field signature = {0}, field;
    bool found;
    *name = *arg = (bytes){0};
    TRY(wire_find(g->scopes.items[scope].function_def, SIGNATURE, g->scopes.file, &signature, &found, err));
    if (!found || signature.type != WIRE_BYTES) return INLAY_OK;
    wire_reader r = wire_open(signature.data, g->scopes.file, NULL);
    for (size_t i = 0;;) {
        TRY(wire_next(&r, &field, &found, err));
        if (!found) return INLAY_OK;
        if (field.number != ARGUMENT || field.type != WIRE_BYTES || i++ != index) continue;
        *arg = field.data;
        TRY(wire_find(field.data, NAME, g->scopes.file, &field, &found, err));
        *name = found && field.type == WIRE_BYTES ? field.data : bytes_make("", 0);
        return INLAY_OK;
    }
}

inlay_status cast_set_handle_data(cast_graph *g, size_t scope, bytes ref, inlay_error *err) {
    bytes name, arg;
    for (size_t i = 0;; i++) {
        TRY(cast_argument(g, scope, i, &name, &arg, err));
        if (!name.data) return INLAY_OK;
        if (bytes_equal(name, ref)) break;
    }
    wire_reader r = wire_open(arg, g->scopes.file, NULL);
    for (;;) {
        wire_field field, type;
        bool got, found;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != HANDLE_DATA || field.type != WIRE_BYTES) continue;
        TRY(wire_find(field.data, 1, g->scopes.file, &type, &found, err));
        if (found && type.type == WIRE_VARINT && type.value == INLAY_FLOAT32)
            TRY(cast_set_number(g, &type, (uint64_t)g->to, err));
    }
}

static inlay_status is_taken(const cast_graph *g, size_t scope, bytes name, bool *out, inlay_error *err) {
    const struct scope *s = &g->scopes.items[scope];
    *out = map_get(&s->by_name, name, NULL) || map_get(&g->added, name, NULL);
    for (size_t i = 0; s->function.data && !*out; i++) {
        bytes argument, unused;
        TRY(cast_argument(g, scope, i, &argument, &unused, err));
        if (!argument.data) break;
        *out = bytes_equal(argument, name);
    }
    return INLAY_OK;
}

inlay_status cast_fresh_name(cast_graph *g, size_t scope, bytes base, const char *suffix, bytes *out,
                             inlay_error *err) {
    bool taken = true;
    for (int i = 0; taken; i++) {
        buffer text = {0};
        buffer_append_bytes(&text, base);
        buffer_append_text(&text, suffix);
        if (i) buffer_format(&text, "_%d", i);
        inlay_status status = cast_keep(g, &text, out, err);
        buffer_free(&text);
        TRY(status);
        TRY(is_taken(g, scope, *out, &taken, err));
    }
    return map_put(&g->added, *out, 0, err);
}

/* ---- edits of a node */

inlay_status cast_set_attr(cast_graph *g, const scope_node *node, const char *name, const buffer *value,
                           inlay_error *err) {
    buffer entry = {.failed = value->failed};
    wire_put_text(&entry, 1, name);
    wire_put_message(&entry, 2, value);
    inlay_status status = buffer_check(&entry, err);
    wire_reader r = wire_open(node->message, g->scopes.file, NULL);
    bool got = true;
    while (status == INLAY_OK && got) {
        wire_field field;
        bytes key, unused;
        status = wire_next(&r, &field, &got, err);
        if (status != INLAY_OK || !got || field.number != ATTR || field.type != WIRE_BYTES) continue;
        status = wire_map_entry(&r, &field, &key, &unused, err);
        if (status == INLAY_OK && bytes_is(key, name)) status = replace(g, &field, buffer_bytes(&entry), err);
    }
    buffer_free(&entry);
    return status;
}

inlay_status cast_set_type(cast_graph *g, const scope_node *node, const char *name, inlay_error *err) {
    buffer value = {0};
    wire_put_uint(&value, TYPE, (uint64_t)g->to);
    inlay_status status = cast_set_attr(g, node, name, &value, err);
    buffer_free(&value);
    return status;
}

inlay_status cast_set_input(cast_graph *g, const scope_node *node, size_t index, bytes to, inlay_error *err) {
    wire_reader r = wire_open(node->message, g->scopes.file, NULL);
    for (size_t i = 0;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == INPUT && field.type == WIRE_BYTES && i++ == index) return replace(g, &field, to, err);
    }
}

inlay_status cast_rename(cast_graph *g, const scope_node *node, bytes to, inlay_error *err) {
    wire_field field;
    bool found;
    TRY(wire_find(node->message, NAME, g->scopes.file, &field, &found, err));
    return found && field.type == WIRE_BYTES ? replace(g, &field, to, err) : INLAY_OK;
}

static void put_type_attr(buffer *node, const char *name, dtype type) {
    buffer value = {0};
    wire_put_uint(&value, TYPE, (uint64_t)type);
    wire_put_map(node, ATTR, bytes_of(name), &value);
    buffer_free(&value);
}

inlay_status cast_put_node(cast_graph *g, size_t scope, bytes name, bytes input, bool to_half, bytes *out,
                           inlay_error *err) {
    const struct scope *s = &g->scopes.items[scope];
    buffer node = {0}, truncate = {0};
    bytes kept;
    uint32_t number = s->function.data ? FUNCTION_NODE : GRAPH_NODE;
    size_t mark = wire_begin(&node, number);
    wire_put_bytes(&node, NAME, name);
    wire_put_text(&node, OP, "Cast");
    wire_put_bytes(&node, INPUT, input);
    put_type_attr(&node, "DstT", to_half ? g->to : INLAY_FLOAT32);
    put_type_attr(&node, "SrcT", to_half ? INLAY_FLOAT32 : g->to);
    wire_put_uint(&truncate, 5, 0); /* AttrValue.b: false */
    wire_put_map(&node, ATTR, bytes_of("Truncate"), &truncate);
    wire_end(&node, mark);
    inlay_status status = cast_keep(g, &node, &kept, err);
    if (status == INLAY_OK) status = buffer_check(&truncate, err);
    buffer_free(&node);
    buffer_free(&truncate);
    TRY(status);
    g->casts++;
    TRY(splice_insert(&g->c->graph, s->function.data ? s->function_def : s->graph->graph_def, number, kept, err));
    return cast_output(g, scope, name, "y", 0, 0, out, err);
}

/* ---- outputs that have become others */

static const cast_swap *find_swap(const cast_graph *g, size_t scope, bytes input) {
    for (size_t i = 0; i < g->n_swaps; i++)
        if (g->swaps[i].scope == scope && cast_same_output(g, scope, input, g->swaps[i].from)) return &g->swaps[i];
    return NULL;
}

static inlay_status swap_returns(cast_graph *g, size_t scope, inlay_error *err) {
    const struct scope *s = &g->scopes.items[scope];
    if (!s->function.data) return INLAY_OK;
    wire_reader r = wire_open(s->function_def, g->scopes.file, NULL);
    for (;;) {
        wire_field field, value;
        bool got, found;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != RET || field.type != WIRE_BYTES) continue;
        TRY(wire_find(field.data, 2, g->scopes.file, &value, &found, err));
        const cast_swap *swap = found && value.type == WIRE_BYTES ? find_swap(g, scope, value.data) : NULL;
        if (swap) TRY(replace(g, &value, swap->to, err));
    }
}

inlay_status cast_apply_swaps(cast_graph *g, inlay_error *err) {
    for (size_t i = 0; i < g->scopes.count; i++) {
        const struct scope *s = &g->scopes.items[i];
        bool any = false;
        for (size_t k = 0; k < g->n_swaps; k++) any |= g->swaps[k].scope == i;
        if (!any) continue;
        for (size_t k = 0; k < s->n_nodes; k++)
            for (size_t m = 0; m < s->nodes[k].n_inputs; m++) {
                const cast_swap *swap = find_swap(g, i, s->nodes[k].inputs[m]);
                if (swap) TRY(cast_set_input(g, &s->nodes[k], m, swap->to, err));
            }
        TRY(swap_returns(g, i, err));
    }
    return INLAY_OK;
}

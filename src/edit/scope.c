#include "edit/scope.h"

#include "base/alloc.h"

enum { NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3, NODE_ATTR = 5, FUNCTION_SIGNATURE = 1, FUNCTION_NODE = 3 };

static scope *add_scope(scope_list *list) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        scope *grown = mem_realloc(list->items, capacity * sizeof *grown);
        if (!grown) return NULL;
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count] = (scope){0};
    return &list->items[list->count++];
}

static inlay_status read_node(const char *file, bytes message, arena *a, scope_node *out, inlay_error *err) {
    *out = (scope_node){.message = message, .name = bytes_make("", 0), .op = bytes_make("", 0)};
    for (int pass = 0; pass < 2; pass++) {
        wire_reader r = wire_open(message, file, NULL);
        for (out->n_inputs = 0;;) {
            wire_field field;
            bool got;
            TRY(wire_next(&r, &field, &got, err));
            if (!got) break;
            if (field.type != WIRE_BYTES) continue;
            if (field.number == NODE_NAME) out->name = field.data;
            if (field.number == NODE_OP) out->op = field.data;
            if (field.number != NODE_INPUT) continue;
            if (pass) out->inputs[out->n_inputs] = field.data;
            out->n_inputs++;
        }
        if (pass == 0 && !(out->inputs = arena_zalloc(a, out->n_inputs + 1, sizeof *out->inputs)))
            return fail_memory(err);
    }
    return INLAY_OK;
}

static inlay_status index_names(scope *s, inlay_error *err) {
    for (size_t i = 0; i < s->n_nodes; i++) TRY(map_put(&s->by_name, s->nodes[i].name, i, err));
    return INLAY_OK;
}

static inlay_status read_graph(const saved_model *model, const saved_metagraph *graph, arena *a, scope_list *list,
                               inlay_error *err) {
    scope *s = add_scope(list);
    if (!s) return fail_memory(err);
    s->graph = graph;
    for (int pass = 0; pass < 2; pass++) {
        saved_walk walk = saved_nodes(model, graph);
        for (s->n_nodes = 0;;) {
            wire_field field;
            bool got;
            TRY(saved_walk_next(&walk, &field, &got, err));
            if (!got) break;
            if (pass) TRY(read_node(model->file, field.data, a, &s->nodes[s->n_nodes], err));
            s->n_nodes++;
        }
        if (pass == 0 && !(s->nodes = arena_zalloc(a, s->n_nodes + 1, sizeof *s->nodes))) return fail_memory(err);
    }
    return index_names(s, err);
}

static inlay_status read_function(const saved_model *model, bytes message, arena *a, scope *s, inlay_error *err) {
    wire_field field, name;
    bool found;
    s->function_def = message;
    s->function = bytes_make("", 0);
    TRY(wire_find(message, FUNCTION_SIGNATURE, model->file, &field, &found, err));
    if (found && field.type == WIRE_BYTES) {
        TRY(wire_find(field.data, 1, model->file, &name, &found, err));
        if (found && name.type == WIRE_BYTES) s->function = name.data;
    }
    for (int pass = 0; pass < 2; pass++) {
        wire_reader r = wire_open(message, model->file, NULL);
        for (s->n_nodes = 0;;) {
            bool got;
            TRY(wire_next(&r, &field, &got, err));
            if (!got) break;
            if (field.number != FUNCTION_NODE || field.type != WIRE_BYTES) continue;
            if (pass) TRY(read_node(model->file, field.data, a, &s->nodes[s->n_nodes], err));
            s->n_nodes++;
        }
        if (pass == 0 && !(s->nodes = arena_zalloc(a, s->n_nodes + 1, sizeof *s->nodes))) return fail_memory(err);
    }
    return index_names(s, err);
}

static inlay_status read_functions(const saved_model *model, const saved_metagraph *graph, arena *a, scope_list *list,
                                   inlay_error *err) {
    saved_walk walk = saved_functions(model, graph);
    for (;;) {
        wire_field field;
        bool got;
        TRY(saved_walk_next(&walk, &field, &got, err));
        if (!got) return INLAY_OK;
        scope *s = add_scope(list);
        if (!s) return fail_memory(err);
        s->graph = graph;
        TRY(read_function(model, field.data, a, s, err));
    }
}

inlay_status scopes_open(const saved_model *model, arena *a, scope_list *out, inlay_error *err) {
    *out = (scope_list){.file = model->file};
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < model->metagraph_count && status == INLAY_OK; i++) {
        status = read_graph(model, &model->metagraphs[i], a, out, err);
        if (status == INLAY_OK) status = read_functions(model, &model->metagraphs[i], a, out, err);
    }
    if (status != INLAY_OK) scopes_close(out);
    return status;
}

void scopes_close(scope_list *list) {
    for (size_t i = 0; i < list->count; i++) map_free(&list->items[i].by_name);
    mem_free(list->items);
    *list = (scope_list){0};
}

bytes input_node(bytes input) {
    if (input.size && input.data[0] == '^') return bytes_make(input.data + 1, input.size - 1);
    const uint8_t *colon = input.size ? memchr(input.data, ':', input.size) : NULL;
    return colon ? bytes_make(input.data, (size_t)(colon - input.data)) : input;
}

const scope_node *scope_feeder(const scope *s, bytes input, int64_t *output) {
    uint64_t index;
    if (output) {
        const uint8_t *colon = input.size ? memrchr(input.data, ':', input.size) : NULL;
        *output = 0;
        for (const uint8_t *p = colon ? colon + 1 : NULL; p && p < input.data + input.size && *output < 1 << 20; p++)
            *output = *output * 10 + (*p >= '0' && *p <= '9' ? *p - '0' : 0);
    }
    return map_get(&s->by_name, input_node(input), &index) ? &s->nodes[index] : NULL;
}

inlay_status scope_attr(const scope_list *list, const scope_node *node, const char *name, bytes *out,
                        inlay_error *err) {
    wire_reader r = wire_open(node->message, list->file, NULL);
    *out = bytes_make("", 0);
    for (;;) {
        wire_field field;
        bool got;
        bytes key, value;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != NODE_ATTR || field.type != WIRE_BYTES) continue;
        TRY(wire_map_entry(&r, &field, &key, &value, err));
        if (bytes_is(key, name)) *out = value;
    }
}

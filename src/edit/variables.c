#include "edit/variables.h"

#include "base/alloc.h"
#include "edit/stored_keys.h"

enum { FUNCTION_SIGNATURE = 1, SIGNATURE_INPUT = 2, ATTR_FUNCTION = 10, ATTR_TEXT = 2, DEPTH = 20 };

static bool is_one_of(bytes op, const char *const *ops) {
    for (; *ops; ops++)
        if (bytes_is(op, *ops)) return true;
    return false;
}

static const char *const variables[] = {"VarHandleOp", "VariableV2", "Variable", NULL};
static const char *const assigns[] = {"AssignVariableOp", "Assign", NULL};

/* Number of the argument NAME of the function S; -1: there is none. */
static inlay_status argument_number(const scope_list *scopes, const scope *s, bytes name, int64_t *out,
                                    inlay_error *err) {
    wire_field signature, argument, label;
    bool found;
    int64_t number = 0;
    *out = -1;
    TRY(wire_find(s->function_def, FUNCTION_SIGNATURE, scopes->file, &signature, &found, err));
    if (!found || signature.type != WIRE_BYTES) return INLAY_OK;
    for (wire_reader r = wire_open(signature.data, scopes->file, NULL);;) {
        bool got;
        TRY(wire_next(&r, &argument, &got, err));
        if (!got) return INLAY_OK;
        if (argument.number != SIGNATURE_INPUT || argument.type != WIRE_BYTES) continue;
        TRY(wire_find(argument.data, 1, scopes->file, &label, &found, err));
        if (found && bytes_equal(label.data, name)) *out = number;
        number++;
    }
}

/* The function that NODE calls; empty when it calls none. */
static inlay_status called(const scope_list *scopes, const scope_node *node, bytes *name, inlay_error *err) {
    wire_field function, label;
    bool found;
    bytes attr;
    *name = bytes_make("", 0);
    TRY(scope_attr(scopes, node, "f", &attr, err));
    TRY(wire_find(attr, ATTR_FUNCTION, scopes->file, &function, &found, err));
    if (!found || function.type != WIRE_BYTES) return INLAY_OK;
    TRY(wire_find(function.data, 1, scopes->file, &label, &found, err));
    if (found && label.type == WIRE_BYTES) *name = label.data;
    return INLAY_OK;
}

static inlay_status find_handle(const scope_list *scopes, const scope *s, bytes input, int depth,
                                const scope_node **out, inlay_error *err);

/* What callers of the function S give for its argument NUMBER. */
static inlay_status find_in_callers(const scope_list *scopes, const scope *s, int64_t number, int depth,
                                    const scope_node **out, inlay_error *err) {
    for (size_t i = 0; i < scopes->count && !*out; i++) {
        const scope *caller = &scopes->items[i];
        for (size_t k = 0; caller->graph == s->graph && k < caller->n_nodes && !*out; k++) {
            const scope_node *n = &caller->nodes[k];
            bytes name;
            static const char *const calls[] = {"StatefulPartitionedCall", "PartitionedCall", NULL};
            if (!is_one_of(n->op, calls) || (uint64_t)number >= n->n_inputs) continue;
            TRY(called(scopes, n, &name, err));
            if (bytes_equal(name, s->function))
                TRY(find_handle(scopes, caller, n->inputs[number], depth + 1, out, err));
        }
    }
    return INLAY_OK;
}

/* The variable that INPUT of a node in S is the handle of; *out stays NULL when it cannot be told. */
static inlay_status find_handle(const scope_list *scopes, const scope *s, bytes input, int depth,
                                const scope_node **out, inlay_error *err) {
    if (depth > DEPTH) return INLAY_OK;
    const scope_node *node = scope_feeder(s, input, NULL);
    if (node && is_one_of(node->op, variables)) {
        if (!s->function.data) *out = node;
        return INLAY_OK;
    }
    if (node) {
        bool passes = bytes_is(node->op, "Identity") && node->n_inputs > 0;
        return passes ? find_handle(scopes, s, node->inputs[0], depth + 1, out, err) : INLAY_OK;
    }
    int64_t number = -1;
    if (s->function.data) TRY(argument_number(scopes, s, input_node(input), &number, err));
    return number < 0 ? INLAY_OK : find_in_callers(scopes, s, number, depth, out, err);
}

/* The key under which INPUT of a node in S was stored; empty when it was not restored. */
static inlay_status find_key(const scope_list *scopes, const scope *s, bytes input, bytes *key, inlay_error *err) {
    *key = bytes_make("", 0);
    for (int depth = 0; depth < DEPTH; depth++) {
        int64_t output;
        const scope_node *node = scope_feeder(s, input, &output);
        if (!node) return INLAY_OK;
        if (bytes_is(node->op, "RestoreV2")) return keys_nth(scopes, s, node, output, key, err);
        if (!bytes_is(node->op, "Identity") || node->n_inputs == 0) return INLAY_OK;
        input = node->inputs[0];
    }
    return INLAY_OK;
}

static inlay_status add(variable_list *list, bytes key, const scope_node *handle, const saved_metagraph *graph,
                        inlay_error *err) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        stored_variable *grown = mem_realloc(list->items, capacity * sizeof *grown);
        if (!grown) return fail_memory(err);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = (stored_variable){key, handle, graph};
    return INLAY_OK;
}

static inlay_status list_scope(const scope_list *scopes, const scope *s, variable_list *out, inlay_error *err) {
    for (size_t i = 0; i < s->n_nodes; i++) {
        const scope_node *n = &s->nodes[i], *handle = NULL;
        bytes key;
        if (!is_one_of(n->op, assigns) || n->n_inputs < 2) continue;
        TRY(find_key(scopes, s, n->inputs[1], &key, err));
        if (key.size == 0) continue;
        TRY(find_handle(scopes, s, n->inputs[0], 0, &handle, err));
        if (handle) TRY(add(out, key, handle, s->graph, err));
    }
    return INLAY_OK;
}

inlay_status variables_list(const scope_list *scopes, variable_list *out, inlay_error *err) {
    *out = (variable_list){0};
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < scopes->count && status == INLAY_OK; i++)
        status = list_scope(scopes, &scopes->items[i], out, err);
    if (status != INLAY_OK) variables_free(out);
    return status;
}

void variables_free(variable_list *list) {
    mem_free(list->items);
    *list = (variable_list){0};
}

static inlay_status shared_name(const scope_list *scopes, const scope_node *node, bytes *out, inlay_error *err) {
    wire_field text;
    bool found;
    bytes attr;
    *out = bytes_make("", 0);
    TRY(scope_attr(scopes, node, "shared_name", &attr, err));
    TRY(wire_find(attr, ATTR_TEXT, scopes->file, &text, &found, err));
    if (found && text.type == WIRE_BYTES) *out = text.data;
    return INLAY_OK;
}

/* Whether the main graph assigns to TO what it reads from FROM. */
static bool is_copy(const scope_list *scopes, const stored_variable *to, const stored_variable *from) {
    for (size_t i = 0; i < scopes->count; i++) {
        const scope *s = &scopes->items[i];
        if (s->graph != to->graph || s->function.data) continue;
        for (size_t k = 0; k < s->n_nodes; k++) {
            const scope_node *n = &s->nodes[k];
            if (!bytes_is(n->op, "AssignVariableOp") || n->n_inputs < 2) continue;
            if (scope_feeder(s, n->inputs[0], NULL) != to->handle) continue;
            const scope_node *read = scope_feeder(s, n->inputs[1], NULL);
            if (read && bytes_is(read->op, "ReadVariableOp") && read->n_inputs > 0 &&
                scope_feeder(s, read->inputs[0], NULL) == from->handle)
                return true;
        }
    }
    return false;
}

inlay_status variables_same(const scope_list *scopes, const stored_variable *a, const stored_variable *b, bool *same,
                            inlay_error *err) {
    bytes one, other;
    *same = a->handle == b->handle;
    if (*same || a->graph != b->graph) return INLAY_OK;
    TRY(shared_name(scopes, a->handle, &one, err));
    TRY(shared_name(scopes, b->handle, &other, err));
    *same = (one.size > 0 && bytes_equal(one, other)) || is_copy(scopes, a, b) || is_copy(scopes, b, a);
    return INLAY_OK;
}

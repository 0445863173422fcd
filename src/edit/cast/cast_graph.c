#include "edit/cast/cast_graph.h"

#include "opdef/attr.h"

enum { CALL_DEPTH = 32, ATTR_FUNCTION = 10, ATTR_TENSOR = 8, STRING_VALUES = 8, NODE_ATTR = 5 };

/* What an op does with a variable that it gets. */
typedef enum use_kind { USE_READ, USE_WRITE, USE_ONLY } use_kind;
typedef struct use_row {
    const char *op, *type; /* attribute with the variable's dtype; NULL: none */
    use_kind kind;
    const char *output; /* of a read */
    bool is_ref;        /* of variables of old */
} use_row;
static const use_row uses[] = {
    {"ReadVariableOp", "dtype", USE_READ, "value", false},
    {"ResourceGather", "dtype", USE_READ, "output", false},
    {"ResourceGatherNd", "dtype", USE_READ, "output", false},
    {"AssignVariableOp", "dtype", USE_WRITE, NULL, false},
    {"VarIsInitializedOp", NULL, USE_ONLY, NULL, false},
    {"DisableCopyOnRead", NULL, USE_ONLY, NULL, false},
    {"DestroyResourceOp", NULL, USE_ONLY, NULL, false},
    {"Identity", "T", USE_READ, "output", true},
    {"Assign", "T", USE_WRITE, NULL, true},
    {"IsVariableInitialized", "dtype", USE_ONLY, NULL, true},
};

static bool grow(void *list, size_t count, size_t *room, size_t size) {
    void *old, *grown;
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 32;
    memcpy(&old, list, sizeof old);
    if (!(grown = mem_realloc(old, wanted * size))) return false;
    memcpy(list, &grown, sizeof grown);
    *room = wanted;
    return true;
}

static inlay_status add_use(cast_use **list, size_t *count, size_t *room, cast_use use, inlay_error *err) {
    if (!grow(list, *count, room, sizeof **list)) return fail_memory(err);
    (*list)[(*count)++] = use;
    return INLAY_OK;
}

static inlay_status add_swap(cast_graph *g, size_t scope, bytes from, bytes to, inlay_error *err) {
    if (!grow(&g->swaps, g->n_swaps, &g->swap_room, sizeof *g->swaps)) return fail_memory(err);
    g->swaps[g->n_swaps++] = (cast_swap){scope, from, to};
    return INLAY_OK;
}

static bool is_handle(const cast_graph *g, size_t scope, bytes ref) {
    for (size_t i = 0; i < g->n_handles; i++)
        if (g->handles[i].scope == scope && cast_same_output(g, scope, ref, g->handles[i].ref)) return true;
    return false;
}

static inlay_status add_handle(cast_graph *g, size_t scope, bytes ref, bool is_ref, inlay_error *err) {
    if (is_handle(g, scope, ref)) return INLAY_OK;
    if (!grow(&g->handles, g->n_handles, &g->handle_room, sizeof *g->handles)) return fail_memory(err);
    g->handles[g->n_handles++] = (cast_handle){scope, ref, is_ref};
    return INLAY_OK;
}

static inlay_status refuse(const cast_graph *g, size_t scope, const scope_node *node, const char *why,
                           inlay_error *err) {
    bytes f = g->scopes.items[scope].function;
    return fail_at(err, INLAY_FAILED_PRECONDITION, g->scopes.file, -1, "node %.*s (%.*s)%s%.*s %s",
                   (int)(node->name.size < 200 ? node->name.size : 200), (const char *)node->name.data,
                   (int)(node->op.size < 60 ? node->op.size : 60), (const char *)node->op.data,
                   f.data ? " of function " : "", (int)(f.size < 200 ? f.size : 200),
                   f.data ? (const char *)f.data : "", why);
}

inlay_status cast_graph_open(cast_graph *g, change *c, dtype to, inlay_error *err) {
    *g = (cast_graph){.c = c, .to = to};
    return scopes_open(c->model, &c->a, &g->scopes, err);
}

void cast_graph_close(cast_graph *g) {
    scopes_close(&g->scopes);
    mem_free(g->handles);
    mem_free(g->lists);
    mem_free(g->swaps);
    mem_free(g->writes);
    mem_free(g->saves);
    mem_free(g->restores);
    map_free(&g->added);
    *g = (cast_graph){0};
}

/* ---- functions and their calls */

/* The function that the AttrValue VALUE names; data NULL: none. */
static inlay_status named_function(const cast_graph *g, bytes value, bytes *out, inlay_error *err) {
    wire_field function, name;
    bool found;
    *out = (bytes){0};
    TRY(wire_find(value, ATTR_FUNCTION, g->scopes.file, &function, &found, err));
    if (!found || function.type != WIRE_BYTES) return INLAY_OK;
    TRY(wire_find(function.data, 1, g->scopes.file, &name, &found, err));
    if (found && name.type == WIRE_BYTES) *out = name.data;
    return INLAY_OK;
}

static bool is_call(const scope_node *node) {
    return bytes_is(node->op, "PartitionedCall") || bytes_is(node->op, "StatefulPartitionedCall");
}

static inlay_status called_by(const cast_graph *g, const scope_node *node, bytes *out, inlay_error *err) {
    bytes value;
    *out = (bytes){0};
    if (!is_call(node)) return INLAY_OK;
    TRY(scope_attr(&g->scopes, node, "f", &value, err));
    return named_function(g, value, out, err);
}

static bool find_function(const cast_graph *g, const saved_metagraph *graph, bytes name, size_t *out) {
    for (size_t i = 0; i < g->scopes.count; i++)
        if (g->scopes.items[i].graph == graph && g->scopes.items[i].function.data &&
            bytes_equal(g->scopes.items[i].function, name)) {
            *out = i;
            return true;
        }
    return false;
}

/* The name of an argument counted from the last one, 1; data NULL: there is none. */
static inlay_status last_argument(const cast_graph *g, size_t scope, size_t from_end, bytes *out, inlay_error *err) {
    bytes name = bytes_of(""), arg;
    size_t n = 0;
    *out = (bytes){0};
    for (;; n++) {
        TRY(cast_argument(g, scope, n, &name, &arg, err));
        if (!name.data) break;
    }
    return from_end && from_end <= n ? cast_argument(g, scope, n - from_end, out, &arg, err) : INLAY_OK;
}

inlay_status cast_graph_add_argument(cast_graph *g, const saved_metagraph *graph, bytes function, size_t from_end,
                                     inlay_error *err) {
    size_t scope;
    bytes name;
    if (!find_function(g, graph, function, &scope)) return INLAY_OK;
    TRY(last_argument(g, scope, from_end, &name, err));
    return name.data ? add_handle(g, scope, name, false, err) : INLAY_OK;
}

inlay_status cast_graph_is_argument(cast_graph *g, const saved_metagraph *graph, bytes function, size_t from_end,
                                    bool *out, inlay_error *err) {
    size_t scope;
    bytes name;
    *out = false;
    if (!find_function(g, graph, function, &scope)) return INLAY_OK;
    TRY(last_argument(g, scope, from_end, &name, err));
    *out = name.data && is_handle(g, scope, name);
    return INLAY_OK;
}

/* The variables that the argument REF of the function of SCOPE stands for: by its calls. */
static inlay_status add_callers(cast_graph *g, size_t scope, bytes ref, int depth, inlay_error *err);

/* The variable that REF names in SCOPE becomes a handle. */
static inlay_status add_variable(cast_graph *g, size_t scope, bytes ref, int depth, inlay_error *err) {
    const struct scope *s = &g->scopes.items[scope];
    const scope_node *node = scope_feeder(s, ref, NULL);
    if (node && bytes_is(node->op, "VarHandleOp")) return add_handle(g, scope, ref, false, err);
    if (node && (bytes_is(node->op, "VariableV2") || bytes_is(node->op, "Variable")))
        return add_handle(g, scope, node->name, true, err);
    if (node) return refuse(g, scope, node, "is restored into, and is no variable", err);
    return s->function.data ? add_callers(g, scope, ref, depth, err) : INLAY_OK;
}

static inlay_status add_callers(cast_graph *g, size_t scope, bytes ref, int depth, inlay_error *err) {
    const struct scope *callee = &g->scopes.items[scope];
    size_t index = 0;
    bytes name, arg, called;
    if (depth == 0)
        return fail_at(err, INLAY_UNIMPLEMENTED, g->scopes.file, -1, "functions call each other too deeply");
    for (;; index++) {
        TRY(cast_argument(g, scope, index, &name, &arg, err));
        if (!name.data) return INLAY_OK; /* no argument of that name */
        if (bytes_equal(name, ref)) break;
    }
    for (size_t i = 0; i < g->scopes.count; i++) {
        const struct scope *s = &g->scopes.items[i];
        if (s->graph != callee->graph) continue;
        for (size_t k = 0; k < s->n_nodes; k++) {
            TRY(called_by(g, &s->nodes[k], &called, err));
            if (!called.data || !bytes_equal(called, callee->function) || index >= s->nodes[k].n_inputs) continue;
            TRY(add_variable(g, i, s->nodes[k].inputs[index], depth - 1, err));
        }
    }
    return INLAY_OK;
}

/* ---- keys */

/* The places of KEY among the tensor names of NODE, which restores or saves: FN for each. */
static inlay_status each_place(cast_graph *g, size_t scope, const scope_node *node, bytes key, cast_use **list,
                               size_t *count, size_t *room, inlay_error *err) {
    const scope_node *names = node->n_inputs > 1 ? scope_feeder(&g->scopes.items[scope], node->inputs[1], NULL) : NULL;
    wire_field tensor, text;
    bytes value;
    bool got;
    if (!names || !bytes_is(names->op, "Const")) return INLAY_OK;
    TRY(scope_attr(&g->scopes, names, "value", &value, err));
    TRY(wire_find(value, ATTR_TENSOR, g->scopes.file, &tensor, &got, err));
    if (!got || tensor.type != WIRE_BYTES) return INLAY_OK;
    wire_reader r = wire_open(tensor.data, g->scopes.file, NULL);
    for (size_t i = 0;;) {
        TRY(wire_next(&r, &text, &got, err));
        if (!got) return INLAY_OK;
        if (text.number != STRING_VALUES || text.type != WIRE_BYTES) continue;
        if (bytes_equal(text.data, key))
            TRY(add_use(list, count, room, (cast_use){.scope = scope, .node = node, .index = i}, err));
        i++;
    }
}

/* What restored output REF of SCOPE is written to, directly or through an Identity, becomes handles. */
static inlay_status follow_restored(cast_graph *g, size_t scope, bytes ref, bool through, inlay_error *err) {
    const struct scope *s = &g->scopes.items[scope];
    for (size_t i = 0; i < s->n_nodes; i++) {
        const scope_node *n = &s->nodes[i];
        bool assign = bytes_is(n->op, "AssignVariableOp") || bytes_is(n->op, "Assign");
        if (assign && n->n_inputs > 1 && cast_same_output(g, scope, n->inputs[1], ref))
            TRY(add_variable(g, scope, n->inputs[0], CALL_DEPTH, err));
        if (!through || !bytes_is(n->op, "Identity") || n->n_inputs == 0 ||
            !cast_same_output(g, scope, n->inputs[0], ref))
            continue;
        bytes out;
        TRY(cast_output(g, scope, n->name, "output", 0, 0, &out, err));
        TRY(follow_restored(g, scope, out, false, err));
    }
    return INLAY_OK;
}

inlay_status cast_graph_add_key(cast_graph *g, bytes key, inlay_error *err) {
    size_t first = g->n_restores;
    for (size_t i = 0; i < g->scopes.count; i++) {
        const struct scope *s = &g->scopes.items[i];
        for (size_t k = 0; k < s->n_nodes; k++) {
            const scope_node *n = &s->nodes[k];
            if (bytes_is(n->op, "RestoreV2"))
                TRY(each_place(g, i, n, key, &g->restores, &g->n_restores, &g->restore_room, err));
            else if (bytes_is(n->op, "SaveV2"))
                TRY(each_place(g, i, n, key, &g->saves, &g->n_saves, &g->save_room, err));
        }
    }
    for (size_t i = first; i < g->n_restores; i++) {
        bytes out;
        const cast_use *r = &g->restores[i];
        TRY(cast_output(g, r->scope, r->node->name, "tensors", r->index, r->index, &out, err));
        TRY(follow_restored(g, r->scope, out, true, err));
    }
    return INLAY_OK;
}

/* ---- what uses a variable */

static const use_row *find_use(bytes op, bool is_ref) {
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (uses[i].is_ref == is_ref && bytes_is(op, uses[i].op)) return &uses[i];
    return NULL;
}

/* The read goes under another name; a Cast takes its own, so that all who name it get float32. */
static inlay_status cast_read(cast_graph *g, size_t scope, const scope_node *node, const use_row *row,
                              inlay_error *err) {
    bytes name, half, from, to;
    TRY(cast_set_type(g, node, row->type, err));
    TRY(cast_fresh_name(g, scope, node->name, "/inlay_half", &name, err));
    TRY(cast_rename(g, node, name, err));
    TRY(cast_output(g, scope, name, row->output, 0, 0, &half, err));
    TRY(cast_put_node(g, scope, node->name, half, false, &to, err));
    if (!g->scopes.items[scope].function.data) return INLAY_OK;
    TRY(cast_output(g, scope, node->name, row->output, 0, 0, &from, err));
    return add_swap(g, scope, from, to, err);
}

static inlay_status follow_call(cast_graph *g, size_t scope, const scope_node *node, size_t input, inlay_error *err) {
    bytes function, name, arg;
    size_t callee;
    TRY(called_by(g, node, &function, err));
    if (!function.data || !find_function(g, g->scopes.items[scope].graph, function, &callee))
        return refuse(g, scope, node, "calls a function that is not there", err);
    TRY(cast_argument(g, callee, input, &name, &arg, err));
    if (!name.data) return refuse(g, scope, node, "has more inputs than its function", err);
    return add_handle(g, callee, name, false, err);
}

static inlay_status follow_use(cast_graph *g, cast_handle h, const scope_node *node, size_t input, inlay_error *err) {
    const use_row *row = input == 0 ? find_use(node->op, h.is_ref) : NULL;
    bytes out;
    if (is_call(node) && !h.is_ref) return follow_call(g, h.scope, node, input, err);
    if (bytes_is(node->op, "Identity") && !h.is_ref) { /* another name of the handle */
        TRY(cast_output(g, h.scope, node->name, "output", 0, 0, &out, err));
        return add_handle(g, h.scope, out, false, err);
    }
    if (bytes_is(node->op, "SaveV2") && h.is_ref && input >= 3) {
        for (size_t i = 0; i < g->n_saves; i++)
            if (g->saves[i].node == node && g->saves[i].index == input - 3) g->saves[i].direct = true;
        return INLAY_OK;
    }
    if (!row) return refuse(g, h.scope, node, "uses the variable and takes no half type", err);
    if (row->kind == USE_READ) return cast_read(g, h.scope, node, row, err);
    if (row->type) TRY(cast_set_type(g, node, row->type, err));
    if (row->kind != USE_WRITE) return INLAY_OK;
    if (node->n_inputs < 2) return refuse(g, h.scope, node, "has no value to write", err);
    return add_use(&g->writes, &g->n_writes, &g->write_room, (cast_use){.scope = h.scope, .node = node, .index = 1},
                   err);
}

static inlay_status follow_handle(cast_graph *g, cast_handle h, inlay_error *err) {
    const struct scope *s = &g->scopes.items[h.scope];
    const scope_node *own = scope_feeder(s, h.ref, NULL);
    bool made_here = own && (h.is_ref || bytes_is(own->op, "VarHandleOp"));
    if (made_here) TRY(cast_set_type(g, own, "dtype", err));
    if (!own && s->function.data) TRY(cast_set_handle_data(g, h.scope, h.ref, err));
    for (size_t i = 0; i < s->n_nodes; i++)
        for (size_t k = 0; k < s->nodes[i].n_inputs; k++)
            if (cast_same_output(g, h.scope, s->nodes[i].inputs[k], h.ref)) TRY(follow_use(g, h, &s->nodes[i], k, err));
    return INLAY_OK;
}

/* ---- every call of a function that gets a variable must give it one that is cast */

static inlay_status check_node(cast_graph *g, size_t scope, const scope_node *node, inlay_error *err) {
    const struct scope *s = &g->scopes.items[scope];
    wire_reader r = wire_open(node->message, g->scopes.file, NULL);
    for (;;) {
        wire_field field;
        bool got;
        bytes key, value, function, name, arg;
        size_t callee;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != NODE_ATTR || field.type != WIRE_BYTES) continue;
        TRY(wire_map_entry(&r, &field, &key, &value, err));
        TRY(named_function(g, value, &function, err));
        if (!function.data || !find_function(g, s->graph, function, &callee)) continue;
        for (size_t i = 0;; i++) {
            TRY(cast_argument(g, callee, i, &name, &arg, err));
            if (!name.data) break;
            if (!is_handle(g, callee, name)) continue;
            if (!is_call(node) || i >= node->n_inputs || !is_handle(g, scope, node->inputs[i]))
                return refuse(g, scope, node, "calls a function that reads the variable with something else, too", err);
        }
    }
}

/* Only a node with a function in an attribute is looked at. */
static inlay_status check_calls(cast_graph *g, inlay_error *err) {
    for (size_t i = 0; i < g->scopes.count; i++)
        for (size_t k = 0; k < g->scopes.items[i].n_nodes; k++)
            TRY(check_node(g, i, &g->scopes.items[i].nodes[k], err));
    return INLAY_OK;
}

/* ---- restore and save */

/* The dtypes of NODE, to be changed; one list a node. */
static inlay_status types_of(cast_graph *g, const scope_node *node, cast_list **out, inlay_error *err) {
    for (size_t i = 0; i < g->n_lists; i++)
        if (g->lists[i].node == node) return *out = &g->lists[i], INLAY_OK;
    attr item = {.name = bytes_of("dtypes")};
    TRY(scope_attr(&g->scopes, node, "dtypes", &item.value, err));
    attrs all = {&item, 1, NULL};
    cast_list list = {.node = node};
    TRY(attr_types(&all, "dtypes", &g->c->a, &list.types, &list.n, err));
    if (!grow(&g->lists, g->n_lists, &g->list_room, sizeof *g->lists)) return fail_memory(err);
    g->lists[g->n_lists] = list;
    *out = &g->lists[g->n_lists++];
    return INLAY_OK;
}

static inlay_status set_listed(cast_graph *g, const cast_use *use, inlay_error *err) {
    cast_list *list = NULL;
    TRY(types_of(g, use->node, &list, err));
    if (use->index >= list->n || list->types[use->index] != INLAY_FLOAT32)
        return refuse(g, use->scope, use->node, "lists another dtype than float32 for the tensor", err);
    list->types[use->index] = g->to;
    return INLAY_OK;
}

static inlay_status write_lists(cast_graph *g, inlay_error *err) {
    for (size_t i = 0; i < g->n_lists; i++) {
        buffer types = {0}, list = {0}, value = {0};
        for (size_t k = 0; k < g->lists[i].n; k++) wire_put_varint(&types, (uint64_t)g->lists[i].types[k]);
        wire_put_message(&list, 6, &types); /* AttrValue.ListValue.type, packed */
        wire_put_message(&value, 1, &list);
        inlay_status status = cast_set_attr(g, g->lists[i].node, "dtypes", &value, err);
        buffer_free(&types);
        buffer_free(&list);
        buffer_free(&value);
        TRY(status);
    }
    return INLAY_OK;
}

/* How many inputs of the scope's nodes REF is; *node and *input are the last of them. */
static size_t count_users(const cast_graph *g, size_t scope, bytes ref, const scope_node **node, size_t *input) {
    const struct scope *s = &g->scopes.items[scope];
    size_t n = 0;
    for (size_t i = 0; i < s->n_nodes; i++)
        for (size_t k = 0; k < s->nodes[i].n_inputs; k++)
            if (cast_same_output(g, scope, s->nodes[i].inputs[k], ref)) {
                n++;
                *node = &s->nodes[i];
                *input = k;
            }
    return n;
}

static cast_use *find_write(cast_graph *g, const scope_node *node) {
    for (size_t i = 0; i < g->n_writes; i++)
        if (g->writes[i].node == node) return &g->writes[i];
    return NULL;
}

/* Where the only use of what is restored is to write it to the variable, it goes there as it is; else it is cast back
 * for all who use it. */
static inlay_status cast_restored(cast_graph *g, const cast_use *r, inlay_error *err) {
    bytes restored, name, to, passed;
    const scope_node *user = NULL, *identity = NULL;
    size_t input = 0;
    TRY(set_listed(g, r, err));
    TRY(cast_output(g, r->scope, r->node->name, "tensors", r->index, r->index, &restored, err));
    bool one = count_users(g, r->scope, restored, &user, &input) == 1;
    if (one && bytes_is(user->op, "Identity")) {
        identity = user;
        TRY(cast_output(g, r->scope, user->name, "output", 0, 0, &passed, err));
        one = count_users(g, r->scope, passed, &user, &input) == 1;
    }
    cast_use *write = one && input == 1 ? find_write(g, user) : NULL;
    if (write) {
        write->direct = true;
        return identity ? cast_set_type(g, identity, "T", err) : INLAY_OK;
    }
    TRY(cast_fresh_name(g, r->scope, r->node->name, "/inlay_cast", &name, err));
    TRY(cast_put_node(g, r->scope, name, restored, false, &to, err));
    return add_swap(g, r->scope, restored, to, err);
}

/* Input INDEX of the node is cast to the half type. */
static inlay_status cast_input(cast_graph *g, const cast_use *use, size_t index, inlay_error *err) {
    bytes name, to, input = use->node->inputs[index];
    for (size_t i = 0; i < g->n_swaps; i++)
        if (g->swaps[i].scope == use->scope && cast_same_output(g, use->scope, input, g->swaps[i].from)) {
            input = g->swaps[i].to;
            break;
        }
    TRY(cast_fresh_name(g, use->scope, use->node->name, "/inlay_cast", &name, err));
    TRY(cast_put_node(g, use->scope, name, input, true, &to, err));
    return cast_set_input(g, use->node, index, to, err);
}

static inlay_status cast_writes(cast_graph *g, inlay_error *err) {
    for (size_t i = 0; i < g->n_writes; i++)
        if (!g->writes[i].direct) TRY(cast_input(g, &g->writes[i], 1, err));
    for (size_t i = 0; i < g->n_saves; i++) {
        const cast_use *save = &g->saves[i];
        TRY(set_listed(g, save, err));
        if (save->index + 3 >= save->node->n_inputs) return refuse(g, save->scope, save->node, "saves too little", err);
        if (!save->direct) TRY(cast_input(g, save, save->index + 3, err));
    }
    return write_lists(g, err);
}

inlay_status cast_graph_finish(cast_graph *g, inlay_error *err) {
    for (size_t i = 0; i < g->n_handles; i++) TRY(follow_handle(g, g->handles[i], err));
    TRY(check_calls(g, err));
    for (size_t i = 0; i < g->n_restores; i++) TRY(cast_restored(g, &g->restores[i], err));
    TRY(cast_apply_swaps(g, err));
    return cast_writes(g, err);
}

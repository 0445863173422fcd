/* Function calls become the functions' bodies, so that passes see across them.
 *
 * A call's control inputs hold back the whole body (through a NoOp "CALL/entry"); who waits for the call waits for the
 * body's effects (through a NoOp "CALL/exit"), which run whether or not an output is used. */
#include "graph/inline_parts.h"

static const call_chain *chain_of(const inliner *in, const graph_node *n) {
    return n->index < in->n_chains ? in->chains[n->index] : NULL;
}

static inlay_status set_chain(inliner *in, const graph_node *n, const call_chain *chain, inlay_error *err) {
    if (n->index >= in->n_chains) {
        size_t more = n->index * 2 + 64;
        const call_chain **chains = mem_realloc(in->chains, more * sizeof *chains);
        if (!chains) return fail_memory(err);
        memset(chains + in->n_chains, 0, (more - in->n_chains) * sizeof *chains);
        in->chains = chains;
        in->n_chains = more;
    }
    in->chains[n->index] = chain;
    return INLAY_OK;
}

inlay_status inline_find(const inliner *in, bytes list, called *out, arena *memory, inlay_error *err) {
    size_t count = 0;
    *out = (called){0};
    TRY(attr_func_name(list, &out->name, err));
    if (!graph_library_find(in->p->g.functions, out->name, &out->body))
        return fail(err, INLAY_NOT_FOUND, "it calls function '%.*s', which the model has not",
                    (int)(out->name.size < 200 ? out->name.size : 200), (const char *)out->name.data);
    for (int pass = 0; pass < 2; pass++) { /* NameAttrList.attr */
        wire_reader r = wire_open(list, in->p->g.source.file, NULL);
        attr *items = pass ? arena_zalloc(memory, count + 1, sizeof *items) : NULL;
        if (pass && !items) return fail_memory(err);
        size_t seen = 0;
        for (;;) {
            wire_field f;
            bool got;
            TRY(wire_next(&r, &f, &got, err));
            if (!got) break;
            if (f.number != 2) continue;
            if (pass) TRY(wire_map_entry(&r, &f, &items[seen].name, &items[seen].value, err));
            seen++;
        }
        count = seen;
        if (pass) out->given = (attrs){items, count, NULL};
    }
    return INLAY_OK;
}

/* The function that N calls; out->body.data NULL when it calls none, or one of several. */
static inlay_status find_called(const inliner *in, const graph_node *n, called *out, arena *memory, inlay_error *err) {
    attrs a = graph_attrs(n);
    bytes list;
    *out = (called){.given = a};
    if (!n->def) { /* old style: the function's name is the op */
        out->name = bytes_of(n->op);
        if (!graph_library_find(in->p->g.functions, out->name, &out->body)) out->body = (bytes){0};
        return INLAY_OK;
    }
    if (!(n->def->flags & OP_CALL)) return INLAY_OK;
    TRY(attr_func(&a, "f", &out->name, &list, err));
    return inline_find(in, list, out, memory, err);
}

static bool has_effect(const graph_node *n) {
    return n->def && (n->def->flags & OP_EFFECT);
}

/* Arguments give way to what the call was given. With control inputs they become Identity nodes that wait. */
static inlay_status bind_arguments(inliner *in, const graph_edge *inputs, graph_node *entry, const graph_function *f,
                                   inlay_error *err) {
    for (size_t i = 0; i < f->n_args; i++) {
        graph_node *arg = f->args[i];
        arg->op = "Identity";
        arg->def = opdef_find(bytes_of("Identity"));
        TRY(graph_set_inputs(&in->p->g, arg, &inputs[i], 1, err));
        if (entry) TRY(graph_add_control(&in->p->g, arg, entry, err));
    }
    return INLAY_OK;
}

/* A function's loops are its own each time that it is put in. */
static inlay_status rename_loops(inliner *in, const graph_function *f, const char *prefix, inlay_error *err) {
    for (size_t i = 0; i < f->n_body; i++) {
        graph_node *n = f->body[i];
        if (!n->def || !(n->def->flags & OP_ENTER)) continue;
        attrs a = graph_attrs(n);
        bytes name;
        buffer b = {0}, value = {0};
        TRY(attr_text(&a, "frame_name", &name, err));
        buffer_append_text(&b, prefix);
        buffer_append_bytes(&b, name);
        inlay_status status = buffer_check(&b, err);
        if (status == INLAY_OK) {
            attr_put_text(&value, buffer_bytes(&b));
            status = graph_set_attr(&in->p->g, n, "frame_name", &value, err);
        }
        buffer_free(&b);
        buffer_free(&value);
        TRY(status);
    }
    return INLAY_OK;
}

inlay_status inline_body(inliner *in, const graph_node *call, const inline_request *r, graph_function *f,
                         inlay_error *err) {
    graph *g = &in->p->g;
    int shown = (int)(r->function->name.size < 200 ? r->function->name.size : 200);
    const char *name = (const char *)r->function->name.data;
    const call_chain *outer = chain_of(in, call);
    for (const call_chain *c = outer; c; c = c->outer)
        if (bytes_equal(c->function, r->function->name))
            return fail(err, INLAY_INVALID_ARGUMENT, "function '%.*s' calls itself", shown, name);
    call_chain *chain = arena_zalloc(&g->memory, 1, sizeof *chain);
    if (!chain) return fail_memory(err);
    *chain = (call_chain){outer, r->function->name, r->in_branch || (outer && outer->in_branch)};
    TRY(graph_import_function(g, r->function->body, r->prefix, &r->function->given, f, err));
    if (r->n_inputs != f->n_args)
        return fail(err, INLAY_INVALID_ARGUMENT, "it gives function '%.*s' %zu inputs, which takes %zu", shown, name,
                    r->n_inputs, f->n_args);
    if (r->n_outputs != INLINE_ANY && r->n_outputs != f->n_rets)
        return fail(err, INLAY_INVALID_ARGUMENT, "it wants %zu values of function '%.*s', which returns %zu",
                    r->n_outputs, shown, name, f->n_rets);
    TRY(rename_loops(in, f, r->prefix, err));
    for (size_t i = 0; i < f->n_body; i++) TRY(set_chain(in, f->body[i], chain, err));
    for (size_t i = f->n_args; r->entry && i < f->n_body; i++)
        if (f->body[i]->n_inputs == 0) TRY(graph_add_control(g, f->body[i], r->entry, err));
    return bind_arguments(in, r->inputs, r->in_branch ? NULL : r->entry, f, err);
}

inlay_status inline_entry(inliner *in, const graph_node *call, graph_node **entry, inlay_error *err) {
    graph *g = &in->p->g;
    *entry = NULL;
    if (call->n_controls == 0) return INLAY_OK;
    const char *name = arena_format(&g->memory, "%s/entry", call->name);
    if (!name) return fail_memory(err);
    TRY(graph_add(g, name, "NoOp", entry, err));
    for (int i = 0; i < call->n_controls; i++) TRY(graph_add_control(g, *entry, call->controls[i], err));
    return INLAY_OK;
}

inlay_status inline_wait(inliner *in, graph_node *n, const graph_function *f, bool *effects, inlay_error *err) {
    *effects = *effects || f->n_controls > 0;
    for (size_t i = 0; i < f->n_controls; i++) TRY(graph_add_control(&in->p->g, n, f->controls[i], err));
    for (size_t i = f->n_args; i < f->n_body; i++)
        if (has_effect(f->body[i])) {
            *effects = true;
            TRY(graph_add_control(&in->p->g, n, f->body[i], err));
        }
    return INLAY_OK;
}

/* What is in a branch runs only as often as the branch does: the branch waits for it. */
inlay_status inline_finish(inliner *in, graph_node *call, const graph_edge *values, size_t n_values, graph_node *leave,
                           bool effects, inlay_error *err) {
    const call_chain *chain = chain_of(in, call);
    if (effects && !(chain && chain->in_branch)) TRY(program_add_target(in->p, leave, err));
    TRY(map_put(&in->exits, bytes_of(call->name), (uintptr_t)leave, err));
    /* From here on the call's inputs are its returns: edges to it are led through them at the end. */
    TRY(graph_set_inputs(&in->p->g, call, values, (int)n_values, err));
    call->n_controls = 0;
    call->mark = 1;
    return INLAY_OK;
}

/* What stands for an edge from a call that was inlined: found again through the returns kept in the call's inputs. */
static graph_edge through_calls(const inliner *in, graph_edge edge) {
    uint64_t unused;
    while (edge.node->mark && map_get(&in->exits, bytes_of(edge.node->name), &unused))
        edge = edge.node->inputs[edge.output];
    return edge;
}

static inlay_status inline_call(inliner *in, graph_node *call, const called *function, inlay_error *err) {
    graph *g = &in->p->g;
    char *prefix = arena_format(&g->memory, "%s/", call->name);
    const char *name = arena_format(&g->memory, "%s/exit", call->name);
    if (!prefix || !name) return fail_memory(err);
    graph_function f;
    graph_node *entry, *leave;
    bool effects = false;
    TRY(inline_entry(in, call, &entry, err));
    inline_request r = {.function = function,
                        .prefix = prefix,
                        .inputs = call->inputs,
                        .n_inputs = (size_t)call->n_inputs,
                        .n_outputs = INLINE_ANY,
                        .entry = entry};
    TRY(inline_body(in, call, &r, &f, err));
    TRY(graph_add(g, name, "NoOp", &leave, err));
    TRY(inline_wait(in, leave, &f, &effects, err));
    for (size_t i = 0; i < f.n_rets && !effects; i++) TRY(graph_add_control(g, leave, f.rets[i].node, err));
    if (entry) TRY(graph_add_control(g, leave, entry, err));
    return inline_finish(in, call, f.rets, f.n_rets, leave, effects, err);
}

static inlay_status check_edge(const graph_edge *edge, const graph_node *user, inlay_error *err) {
    if (!edge->node->mark || edge->output < edge->node->n_inputs) return INLAY_OK;
    inlay_status status =
        fail(err, INLAY_INVALID_ARGUMENT, "it wants output %d of node %.200s, which calls a function with %d",
             edge->output, edge->node->name, edge->node->n_inputs);
    return user ? error_in_node(err, status, user->name, user->op) : status;
}

/* Edges to calls become edges to what they returned; controls wait for their exits. */
static inlay_status reconnect(inliner *in, inlay_error *err) {
    program *p = in->p;
    for (size_t i = 0; i < p->g.n_nodes; i++) { /* every return must exist before any is followed */
        const graph_node *n = p->g.nodes[i];
        for (int k = 0; n && k < n->n_inputs; k++) TRY(check_edge(&n->inputs[k], n, err));
    }
    for (size_t i = 0; i < p->n_fetches; i++) TRY(check_edge(&p->fetches[i], NULL, err));
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        graph_node *n = p->g.nodes[i];
        if (!n || n->mark) continue;
        for (int k = 0; k < n->n_inputs; k++) n->inputs[k] = through_calls(in, n->inputs[k]);
        for (int k = 0; k < n->n_controls; k++) {
            uint64_t leave;
            if (n->controls[k]->mark && map_get(&in->exits, bytes_of(n->controls[k]->name), &leave))
                n->controls[k] = (graph_node *)(uintptr_t)leave;
        }
    }
    for (size_t i = 0; i < p->n_fetches; i++) p->fetches[i] = through_calls(in, p->fetches[i]);
    for (size_t i = 0; i < p->n_targets; i++) {
        uint64_t leave;
        if (p->targets[i]->mark && map_get(&in->exits, bytes_of(p->targets[i]->name), &leave))
            p->targets[i] = (graph_node *)(uintptr_t)leave;
    }
    for (size_t i = 0; i < p->g.n_nodes; i++)
        if (p->g.nodes[i] && p->g.nodes[i]->mark) graph_remove(&p->g, p->g.nodes[i]);
    return INLAY_OK;
}

inlay_status program_inline(program *p, inlay_error *err) {
    inliner in = {.p = p};
    arena scratch;
    arena_init(&scratch, 0);
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < p->g.n_nodes; i++) { /* grows while we walk: bodies are appended */
        graph_node *n = p->g.nodes[i];
        called function;
        status = find_called(&in, n, &function, &scratch, err);
        if (status == INLAY_OK && function.body.data) status = inline_call(&in, n, &function, err);
        if (status == INLAY_OK && n->def && (n->def->flags & OP_BRANCHES))
            status = inline_branches(&in, n, &scratch, err);
        if (status != INLAY_OK) {
            status = error_in_node(err, status, n->name, n->op);
            goto done;
        }
    }
    status = reconnect(&in, err);
done:
    arena_free(&scratch);
    map_free(&in.exits);
    mem_free(in.chains);
    return status;
}

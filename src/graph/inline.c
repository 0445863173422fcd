/* Function calls become the functions' bodies, so that passes see across them.
 *
 * A call's control inputs hold back the whole body (through a NoOp "CALL/entry"); who waits for the call waits for the
 * body's effects (through a NoOp "CALL/exit"), which run whether or not an output is used. */
#include "graph/inline.h"

/* The functions that a node lies in, innermost first. */
typedef struct call_chain {
    const struct call_chain *outer;
    bytes function;
} call_chain;

typedef struct inliner {
    program *p;
    const call_chain **chains; /* by node index; grows with the graph */
    size_t n_chains;
    map exits; /* name of a call -> its exit node */
} inliner;

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

/* The function that N calls; body.data NULL when it is no call. */
static inlay_status called(const inliner *in, const graph_node *n, bytes *name, bytes *body, attrs *given,
                           arena *memory, inlay_error *err) {
    const graph_library *l = in->p->g.library;
    attrs a = graph_attrs(n);
    *body = (bytes){0};
    *given = a;
    if (!n->def) { /* old style: the function's name is the op */
        *name = bytes_of(n->op);
        if (!graph_library_find(l, *name, body)) *body = (bytes){0};
        return INLAY_OK;
    }
    if (!(n->def->flags & OP_CALL)) return INLAY_OK;
    bytes list;
    TRY(attr_func(&a, "f", name, &list, err));
    if (!graph_library_find(l, *name, body))
        return fail(err, INLAY_NOT_FOUND, "it calls function '%.*s', which the model has not",
                    (int)(name->size < 200 ? name->size : 200), (const char *)name->data);
    size_t count = 0;
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
        if (pass) *given = (attrs){items, count, NULL};
    }
    return INLAY_OK;
}

static bool has_effect(const graph_node *n) {
    return n->def && (n->def->flags & OP_EFFECT);
}

/* Arguments give way to what the call was given. With control inputs they become Identity nodes that wait. */
static inlay_status bind_arguments(inliner *in, graph_node *call, graph_node *entry, graph_function *f,
                                   inlay_error *err) {
    for (size_t i = 0; i < f->n_args; i++) {
        graph_node *arg = f->args[i];
        arg->op = "Identity";
        arg->def = opdef_find(bytes_of("Identity"));
        TRY(graph_set_inputs(&in->p->g, arg, &call->inputs[i], 1, err));
        if (entry) TRY(graph_add_control(&in->p->g, arg, entry, err));
    }
    return INLAY_OK;
}

static inlay_status add_entry(inliner *in, graph_node *call, const graph_function *f, graph_node **entry,
                              inlay_error *err) {
    graph *g = &in->p->g;
    *entry = NULL;
    if (call->n_controls == 0) return INLAY_OK;
    const char *name = arena_format(&g->memory, "%s/entry", call->name);
    if (!name) return fail_memory(err);
    TRY(graph_add(g, name, "NoOp", entry, err));
    for (int i = 0; i < call->n_controls; i++) TRY(graph_add_control(g, *entry, call->controls[i], err));
    for (size_t i = f->n_args; i < f->n_body; i++)
        if (f->body[i]->n_inputs == 0) TRY(graph_add_control(g, f->body[i], *entry, err));
    return INLAY_OK;
}

static inlay_status add_exit(inliner *in, const graph_node *call, graph_node *entry, const graph_function *f,
                             inlay_error *err) {
    graph *g = &in->p->g;
    graph_node *leave;
    const char *name = arena_format(&g->memory, "%s/exit", call->name);
    if (!name) return fail_memory(err);
    TRY(graph_add(g, name, "NoOp", &leave, err));
    bool effects = f->n_controls > 0;
    for (size_t i = 0; i < f->n_controls; i++) TRY(graph_add_control(g, leave, f->controls[i], err));
    for (size_t i = f->n_args; i < f->n_body; i++)
        if (has_effect(f->body[i])) {
            effects = true;
            TRY(graph_add_control(g, leave, f->body[i], err));
        }
    for (size_t i = 0; i < f->n_rets && !effects; i++) TRY(graph_add_control(g, leave, f->rets[i].node, err));
    if (entry) TRY(graph_add_control(g, leave, entry, err));
    if (effects) TRY(program_add_target(in->p, leave, err));
    return map_put(&in->exits, bytes_of(call->name), (uintptr_t)leave, err);
}

/* What stands for an edge from a call that was inlined: found again through the returns kept in the call's inputs. */
static graph_edge through_calls(const inliner *in, graph_edge edge) {
    uint64_t unused;
    while (edge.node->mark && map_get(&in->exits, bytes_of(edge.node->name), &unused))
        edge = edge.node->inputs[edge.output];
    return edge;
}

static inlay_status inline_call(inliner *in, graph_node *call, bytes function, bytes body, const attrs *given,
                                inlay_error *err) {
    graph *g = &in->p->g;
    for (const call_chain *c = chain_of(in, call); c; c = c->outer)
        if (bytes_equal(c->function, function))
            return fail(err, INLAY_INVALID_ARGUMENT, "function '%.*s' calls itself",
                        (int)(function.size < 200 ? function.size : 200), (const char *)function.data);
    call_chain *chain = arena_zalloc(&g->memory, 1, sizeof *chain);
    char *prefix = arena_format(&g->memory, "%s/", call->name);
    if (!chain || !prefix) return fail_memory(err);
    *chain = (call_chain){chain_of(in, call), function};
    graph_function f;
    TRY(graph_import_function(g, body, prefix, given, &f, err));
    if ((size_t)call->n_inputs != f.n_args)
        return fail(err, INLAY_INVALID_ARGUMENT, "it gives function '%.*s' %d inputs, which takes %zu",
                    (int)(function.size < 200 ? function.size : 200), (const char *)function.data, call->n_inputs,
                    f.n_args);
    for (size_t i = 0; i < f.n_body; i++) TRY(set_chain(in, f.body[i], chain, err));
    graph_node *entry;
    TRY(add_entry(in, call, &f, &entry, err));
    TRY(bind_arguments(in, call, entry, &f, err));
    TRY(add_exit(in, call, entry, &f, err));
    /* From here on the call's inputs are its returns: edges to it are led through them at the end. */
    TRY(graph_set_inputs(g, call, f.rets, (int)f.n_rets, err));
    call->n_controls = 0;
    call->mark = 1;
    return INLAY_OK;
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
        bytes function, body;
        attrs given;
        status = called(&in, n, &function, &body, &given, &scratch, err);
        if (status == INLAY_OK && body.data) status = inline_call(&in, n, function, body, &given, err);
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

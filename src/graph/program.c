#include "graph/program.h"

#include "graph/inline.h"

void program_free(program *p) {
    graph_free(&p->g);
    *p = (program){0};
}

inlay_status program_add_target(program *p, graph_node *n, inlay_error *err) {
    if (p->n_targets == p->target_capacity) {
        size_t capacity = p->target_capacity ? p->target_capacity * 2 : 8;
        graph_node **more = arena_zalloc(&p->g.memory, capacity, sizeof *more);
        if (!more) return fail_memory(err);
        if (p->n_targets) memcpy(more, p->targets, p->n_targets * sizeof *more);
        p->targets = more;
        p->target_capacity = capacity;
    }
    p->targets[p->n_targets++] = n;
    return INLAY_OK;
}

inlay_status program_redirect(program *p, graph_edge from, graph_edge to, inlay_error *err) {
    (void)err;
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        graph_node *n = p->g.nodes[i];
        if (!n) continue;
        for (int k = 0; k < n->n_inputs; k++)
            if (n->inputs[k].node == from.node && n->inputs[k].output == from.output) n->inputs[k] = to;
    }
    for (size_t i = 0; i < p->n_fetches; i++)
        if (p->fetches[i].node == from.node && p->fetches[i].output == from.output) p->fetches[i] = to;
    return INLAY_OK;
}

/* ---- copying what is needed */

/* While a model's graph is copied: which of its nodes are needed, and what they became. */
typedef struct copier {
    graph *model;
    const program_request *request;
    program *out;
    graph_node **copies; /* by index in the model; NULL: not needed */
    size_t *stack, depth;
    bool *needed;
} copier;

static int feed_of(const copier *c, graph_edge edge) {
    for (size_t i = 0; i < c->request->n_feeds; i++)
        if (c->request->feeds[i].node == edge.node && c->request->feeds[i].output == edge.output) return (int)i;
    return -1;
}

static void need(copier *c, graph_node *n) {
    if (c->needed[n->index]) return;
    c->needed[n->index] = true;
    c->stack[c->depth++] = n->index;
}

static void need_edge(copier *c, graph_edge edge) {
    if (feed_of(c, edge) < 0) need(c, edge.node);
}

static void mark_needed(copier *c) {
    for (size_t i = 0; i < c->request->n_fetches; i++) need_edge(c, c->request->fetches[i]);
    for (size_t i = 0; i < c->request->n_targets; i++) need(c, c->request->targets[i]);
    while (c->depth) {
        const graph_node *n = c->model->nodes[c->stack[--c->depth]];
        for (int k = 0; k < n->n_inputs; k++) need_edge(c, n->inputs[k]);
        for (int k = 0; k < n->n_controls; k++) need(c, n->controls[k]);
    }
}

static inlay_status copy_feeds(copier *c, inlay_error *err) {
    program *p = c->out;
    p->feeds = arena_zalloc(&p->g.memory, c->request->n_feeds + 1, sizeof *p->feeds);
    if (!p->feeds) return fail_memory(err);
    p->n_feeds = c->request->n_feeds;
    for (size_t i = 0; i < p->n_feeds; i++) {
        TRY(graph_add(&p->g, c->request->feeds[i].node->name, "_Arg", &p->feeds[i], err));
        buffer b = {0};
        attr_put_int(&b, (int64_t)i);
        inlay_status status = graph_set_attr(&p->g, p->feeds[i], "index", &b, err);
        attrs given = graph_attrs(c->request->feeds[i].node);
        bytes dims;
        if (status == INLAY_OK && c->request->feeds[i].output == 0 && attr_given(&given, "shape", &dims)) {
            buffer_append_bytes(&b, dims);
            status = graph_set_attr(&p->g, p->feeds[i], "shape", &b, err);
        }
        buffer_free(&b);
        TRY(status);
    }
    return INLAY_OK;
}

static graph_edge copied(const copier *c, graph_edge edge) {
    int feed = feed_of(c, edge);
    if (feed >= 0) return (graph_edge){c->out->feeds[feed], 0};
    return (graph_edge){c->copies[edge.node->index], edge.output};
}

static inlay_status copy_nodes(copier *c, inlay_error *err) {
    for (size_t i = 0; i < c->model->n_nodes; i++) {
        if (!c->needed[i]) continue;
        const graph_node *n = c->model->nodes[i];
        TRY(graph_add(&c->out->g, n->name, n->op, &c->copies[i], err));
        c->copies[i]->attributes = n->attributes;
        c->copies[i]->n_attributes = n->n_attributes;
        if (n->value) c->copies[i]->value = tensor_retain(n->value);
    }
    for (size_t i = 0; i < c->model->n_nodes; i++) {
        if (!c->needed[i]) continue;
        const graph_node *n = c->model->nodes[i];
        graph_node *copy = c->copies[i];
        copy->inputs = arena_zalloc(&c->out->g.memory, (size_t)n->n_inputs + 1, sizeof *copy->inputs);
        if (!copy->inputs) return fail_memory(err);
        copy->n_inputs = n->n_inputs;
        for (int k = 0; k < n->n_inputs; k++) copy->inputs[k] = copied(c, n->inputs[k]);
        for (int k = 0; k < n->n_controls; k++)
            TRY(graph_add_control(&c->out->g, copy, c->copies[n->controls[k]->index], err));
    }
    return INLAY_OK;
}

static inlay_status copy_roots(copier *c, inlay_error *err) {
    program *p = c->out;
    p->fetches = arena_zalloc(&p->g.memory, c->request->n_fetches + 1, sizeof *p->fetches);
    if (!p->fetches) return fail_memory(err);
    p->n_fetches = c->request->n_fetches;
    for (size_t i = 0; i < p->n_fetches; i++) p->fetches[i] = copied(c, c->request->fetches[i]);
    for (size_t i = 0; i < c->request->n_targets; i++)
        TRY(program_add_target(p, c->copies[c->request->targets[i]->index], err));
    return INLAY_OK;
}

inlay_status program_make(graph *model, const program_request *request, program *out, inlay_error *err) {
    *out = (program){0};
    graph_init(&out->g, model->library, &model->source, request->node_limit);
    size_t n = model->n_nodes + 1;
    copier c = {.model = model, .request = request, .out = out};
    c.copies = mem_zalloc(n, sizeof *c.copies);
    c.stack = mem_zalloc(n, sizeof *c.stack);
    c.needed = mem_zalloc(n, sizeof *c.needed);
    inlay_status status = c.copies && c.stack && c.needed ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) {
        mark_needed(&c);
        status = copy_feeds(&c, err);
    }
    if (status == INLAY_OK) status = copy_nodes(&c, err);
    if (status == INLAY_OK) status = copy_roots(&c, err);
    if (status == INLAY_OK) status = program_inline(out, err);
    mem_free(c.copies);
    mem_free(c.stack);
    mem_free(c.needed);
    if (status != INLAY_OK) program_free(out);
    return status;
}

/* ---- order */

enum { UNSEEN = 0, OPEN = 1, DONE = 2 };

/* A node whose needs are being visited: the next one to look at, inputs before controls. */
typedef struct visit {
    graph_node *node;
    int next;
} visit;

static graph_node *need_at(const graph_node *n, int i) {
    if (i < n->n_inputs) return n->inputs[i].node;
    return i - n->n_inputs < n->n_controls ? n->controls[i - n->n_inputs] : NULL;
}

/* The nodes on the stack from FIRST on need each other: a loop, if one of them says so. */
static inlay_status fail_cycle(const visit *stack, size_t depth, const graph_node *first, inlay_error *err) {
    inlay_status status = INLAY_INVALID_ARGUMENT;
    const graph_node *named = first;
    for (size_t i = depth; i-- > 0;) {
        if (stack[i].node->def && (stack[i].node->def->flags & OP_LOOP)) {
            named = stack[i].node;
            status = INLAY_UNIMPLEMENTED;
        }
        if (stack[i].node == first) break;
    }
    status = status == INLAY_UNIMPLEMENTED ? fail(err, status, "loops in the old form of control flow do not run")
                                           : fail(err, status, "the graph has a cycle through it");
    return error_in_node(err, status, named->name, named->op);
}

/* Depth first without recursion: hostile graphs are deep. */
static inlay_status visit_from(graph_node *root, visit *stack, graph_node **order, size_t *count, inlay_error *err) {
    if (root->mark == DONE) return INLAY_OK;
    size_t depth = 0;
    root->mark = OPEN;
    stack[depth++] = (visit){root, 0};
    while (depth) {
        visit *top = &stack[depth - 1];
        graph_node *next = need_at(top->node, top->next);
        if (!next) {
            top->node->mark = DONE;
            order[(*count)++] = top->node;
            depth--;
            continue;
        }
        top->next++;
        if (next->mark == OPEN) return fail_cycle(stack, depth, next, err);
        if (next->mark == DONE) continue;
        next->mark = OPEN;
        stack[depth++] = (visit){next, 0};
    }
    return INLAY_OK;
}

inlay_status program_order(program *p, graph_node ***order, size_t *count, inlay_error *err) {
    graph *g = &p->g;
    *count = 0;
    *order = arena_zalloc(&g->memory, g->n_nodes + 1, sizeof **order);
    visit *stack = mem_zalloc(g->n_nodes + 1, sizeof *stack);
    inlay_status status = *order && stack ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]) g->nodes[i]->mark = UNSEEN;
    for (size_t i = 0; i < p->n_targets && status == INLAY_OK; i++)
        status = visit_from(p->targets[i], stack, *order, count, err);
    for (size_t i = 0; i < p->n_fetches && status == INLAY_OK; i++)
        status = visit_from(p->fetches[i].node, stack, *order, count, err);
    mem_free(stack);
    for (size_t i = 0; i < g->n_nodes; i++) {
        graph_node *n = g->nodes[i];
        if (n && n->mark == UNSEEN && status == INLAY_OK) graph_remove(g, n);
        if (n) n->mark = UNSEEN;
    }
    for (size_t i = 0; i < p->n_feeds; i++)
        if (p->feeds[i] && status == INLAY_OK && g->nodes[p->feeds[i]->index] != p->feeds[i]) p->feeds[i] = NULL;
    return status;
}

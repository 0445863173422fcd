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
    graph_init(&out->g, model->functions, &model->source, request->node_limit);
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

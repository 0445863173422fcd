/* The order in which a program's nodes run. */
#include "graph/frames.h"

enum { UNSEEN = 0, OPEN = 1, DONE = 2 };

/* A node whose needs are being visited: the next one to look at, inputs before controls. */
typedef struct visit {
    graph_node *node;
    int next;
} visit;

typedef struct orderer {
    visit *stack;
    graph_node **order;
    size_t count;
    graph_node **closing; /* nodes that close loops: visited after what they are closed by */
    size_t n_closing;
} orderer;

static inlay_status fail_cycle(const graph_node *n, inlay_error *err) {
    return error_in_node(err, fail(err, INLAY_INVALID_ARGUMENT, "the graph has a cycle through it"), n->name, n->op);
}

/* The next need of TOP; NULL when there is none. What closes a loop is put off: the loop begins without it. */
static graph_node *next_need(orderer *o, visit *top) {
    const graph_node *n = top->node;
    while (top->next < n->n_inputs) {
        int k = top->next++;
        if (!program_closes_loop(n, k)) return n->inputs[k].node;
        o->closing[o->n_closing++] = n->inputs[k].node;
    }
    int control = top->next - n->n_inputs;
    return control < n->n_controls ? (top->next++, n->controls[control]) : NULL;
}

/* Depth first without recursion: hostile graphs are deep. */
static inlay_status visit_from(orderer *o, graph_node *root, inlay_error *err) {
    if (root->mark == DONE) return INLAY_OK;
    size_t depth = 0;
    root->mark = OPEN;
    o->stack[depth++] = (visit){root, 0};
    while (depth) {
        visit *top = &o->stack[depth - 1];
        graph_node *next = next_need(o, top);
        if (!next) {
            top->node->mark = DONE;
            o->order[o->count++] = top->node;
            depth--;
            continue;
        }
        if (next->mark == OPEN) return fail_cycle(next, err);
        if (next->mark == DONE) continue;
        next->mark = OPEN;
        o->stack[depth++] = (visit){next, 0};
    }
    return INLAY_OK;
}

static size_t count_closing(const graph *g) {
    size_t count = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; g->nodes[i] && k < g->nodes[i]->n_inputs; k++) count += program_closes_loop(g->nodes[i], k);
    return count;
}

static inlay_status visit_all(orderer *o, const program *p, inlay_error *err) {
    for (size_t i = 0; i < p->n_targets; i++) TRY(visit_from(o, p->targets[i], err));
    for (size_t i = 0; i < p->n_fetches; i++) TRY(visit_from(o, p->fetches[i].node, err));
    for (size_t i = 0; i < o->n_closing; i++) TRY(visit_from(o, o->closing[i], err)); /* grows meanwhile */
    return INLAY_OK;
}

inlay_status program_order(program *p, graph_node ***order, size_t *count, inlay_error *err) {
    graph *g = &p->g;
    *count = 0;
    *order = arena_zalloc(&g->memory, g->n_nodes + 1, sizeof **order);
    size_t closing = count_closing(g);
    orderer o = {.stack = mem_zalloc(g->n_nodes + 1, sizeof *o.stack), .order = *order};
    o.closing = mem_zalloc(closing + 1, sizeof(graph_node *));
    inlay_status status = *order && o.stack && o.closing ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]) g->nodes[i]->mark = UNSEEN;
    if (status == INLAY_OK) status = visit_all(&o, p, err);
    mem_free(o.stack);
    mem_free(o.closing);
    for (size_t i = 0; i < g->n_nodes; i++) {
        graph_node *n = g->nodes[i];
        if (n && n->mark == UNSEEN && status == INLAY_OK) graph_remove(g, n);
        if (n) n->mark = UNSEEN;
    }
    for (size_t i = 0; i < p->n_feeds; i++)
        if (p->feeds[i] && status == INLAY_OK && g->nodes[p->feeds[i]->index] != p->feeds[i]) p->feeds[i] = NULL;
    *count = o.count;
    return status == INLAY_OK ? frames_order(p, *order, *count, err) : status;
}

#include "transform/users.h"

inlay_status users_find(const program *p, users *out, inlay_error *err) {
    size_t nodes = p->g.n_nodes, uses = 0;
    for (size_t i = 0; i < nodes; i++)
        if (p->g.nodes[i]) uses += (size_t)p->g.nodes[i]->n_inputs;
    *out = (users){mem_zalloc(uses + 1, sizeof(graph_node *)), mem_zalloc(nodes + 2, sizeof *out->first)};
    if (!out->items || !out->first) {
        users_free(out);
        return fail_memory(err);
    }
    /* Counted one place further on, summed, then filled: each place moves from its start to the next one's. */
    for (size_t i = 0; i < nodes; i++)
        for (int k = 0; p->g.nodes[i] && k < p->g.nodes[i]->n_inputs; k++)
            out->first[p->g.nodes[i]->inputs[k].node->index + 2]++;
    for (size_t i = 2; i < nodes + 2; i++) out->first[i] += out->first[i - 1];
    for (size_t i = 0; i < nodes; i++)
        for (int k = 0; p->g.nodes[i] && k < p->g.nodes[i]->n_inputs; k++)
            out->items[out->first[p->g.nodes[i]->inputs[k].node->index + 1]++] = p->g.nodes[i];
    return INLAY_OK;
}

void users_free(users *u) {
    mem_free(u->items);
    mem_free(u->first);
    *u = (users){0};
}

graph_node *users_with_op(const users *u, graph_edge edge, const char *op) {
    for (size_t i = u->first[edge.node->index]; i < u->first[edge.node->index + 1]; i++) {
        graph_node *n = u->items[i];
        for (int k = 0; k < n->n_inputs; k++)
            if (n->inputs[k].node == edge.node && n->inputs[k].output == edge.output && strcmp(n->op, op) == 0)
                return n;
    }
    return NULL;
}

/* Users of a node that hands on its inputs use those inputs. Nodes that wait for others stay, and so do those that read
 * a reference: they say when. */
#include "transform/passes.h"

static bool is_reference(graph_edge e) {
    return e.node->def && e.node->def->out && strchr(e.node->def->out, '&');
}

static bool forwards(graph_edge e) {
    const graph_node *n = e.node;
    return n->def && (n->def->flags & OP_FORWARD) && n->n_controls == 0 && e.output < n->n_inputs &&
           !is_reference(n->inputs[e.output]);
}

/* Where E comes from. A chain of forwards has an end: the program was put in order, so it has no cycle. */
static graph_edge origin(graph_edge e) {
    while (forwards(e)) e = e.node->inputs[e.output];
    return e;
}

inlay_status pass_identity(program *p, op_host *host, inlay_error *err) {
    (void)host;
    (void)err;
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        graph_node *n = p->g.nodes[i];
        for (int k = 0; n && k < n->n_inputs; k++) n->inputs[k] = origin(n->inputs[k]);
    }
    for (size_t i = 0; i < p->n_fetches; i++) p->fetches[i] = origin(p->fetches[i]);
    return INLAY_OK;
}

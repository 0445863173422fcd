/* Control edges order effects. A program that has none needs no order but that of its data; what only checks becomes a
 * target of its own. */
#include "transform/passes.h"

static unsigned flags_of(const graph_node *n) {
    return n->def ? n->def->flags : OP_STATEFUL | OP_EFFECT;
}

/* A node that only gathered control edges. */
static bool does_nothing(const graph_node *n) {
    return n->n_inputs == 0 && n->def && !n->def->out && !(n->def->flags & OP_STATEFUL);
}

inlay_status pass_controls(program *p, op_host *host, inlay_error *err) {
    (void)host;
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        unsigned flags = p->g.nodes[i] ? flags_of(p->g.nodes[i]) : 0;
        if ((flags & OP_EFFECT) && !(flags & OP_CHECK)) return INLAY_OK;
    }
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        graph_node *n = p->g.nodes[i];
        if (!n) continue;
        n->n_controls = 0;
        if (flags_of(n) & OP_CHECK) TRY(program_add_target(p, n, err));
    }
    size_t kept = 0;
    for (size_t i = 0; i < p->n_targets; i++)
        if (!does_nothing(p->targets[i])) p->targets[kept++] = p->targets[i];
    p->n_targets = kept;
    return INLAY_OK;
}

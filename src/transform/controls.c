/* Control edges order effects, and say what a branch or a loop holds back. A program that has no effects needs no order
 * but that of its data, and of its control edges only those from what may not run; what only checks becomes a target of
 * its own. */
#include "transform/passes.h"

static unsigned flags_of(const graph_node *n) {
    return n->def ? n->def->flags : OP_STATEFUL | OP_EFFECT;
}

/* A node that only gathered control edges. */
static bool does_nothing(const graph_node *n) {
    return n->n_inputs == 0 && n->def && !n->def->out && !(n->def->flags & OP_STATEFUL);
}

/* Marks, by node index, what may not run: what a switch leads to, and merges, which may have no input that did. */
static inlay_status find_mortal(program *p, bool *mortal, inlay_error *err) {
    graph_node **order;
    size_t count;
    TRY(program_order(p, &order, &count, err));
    for (size_t i = 0; i < count; i++) {
        const graph_node *n = order[i];
        bool any = n->def && (n->def->flags & (OP_SWITCH | OP_ENTER));
        for (int k = 0; k < n->n_inputs && !any; k++) any = mortal[n->inputs[k].node->index];
        for (int k = 0; k < n->n_controls && !any; k++) any = mortal[n->controls[k]->index];
        mortal[n->index] = any;
    }
    return INLAY_OK;
}

inlay_status pass_controls(program *p, op_host *host, inlay_error *err) {
    (void)host;
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        unsigned flags = p->g.nodes[i] ? flags_of(p->g.nodes[i]) : 0;
        if ((flags & OP_EFFECT) && !(flags & OP_CHECK)) return INLAY_OK;
    }
    bool *mortal = mem_zalloc(p->g.n_nodes + 1, sizeof *mortal);
    inlay_status status = mortal ? find_mortal(p, mortal, err) : fail_memory(err);
    for (size_t i = 0; i < p->g.n_nodes && status == INLAY_OK; i++) {
        graph_node *n = p->g.nodes[i];
        if (!n) continue;
        int kept = 0;
        for (int k = 0; k < n->n_controls; k++)
            if (mortal[n->controls[k]->index]) n->controls[kept++] = n->controls[k];
        n->n_controls = kept;
        if ((flags_of(n) & OP_CHECK) && !mortal[i]) status = program_add_target(p, n, err);
    }
    size_t kept = 0;
    for (size_t i = 0; i < p->n_targets; i++)
        if (!does_nothing(p->targets[i]) || p->targets[i]->n_controls) p->targets[kept++] = p->targets[i];
    p->n_targets = kept;
    mem_free(mortal);
    return status;
}

/* What depends on constants alone is computed once. */
#include "transform/passes.h"

#include "runtime/plan.h"

enum { MOST_BYTES = 4 << 20 }; /* of inputs and of results: more would cost memory for no time */

static bool is_constant(const graph_node *n) {
    return n->value || strcmp(n->op, "Const") == 0;
}

static bool can_fold(const graph_node *n) {
    if (is_constant(n) || !n->def || (n->def->flags & OP_STATEFUL) || n->n_controls || n->n_inputs == 0) return false;
    const op_impl *impl = op_find(n->op);
    if (!impl || (impl->flags & OP_NOT_FOLDED)) return false;
    for (int k = 0; k < n->n_inputs; k++)
        if (!is_constant(n->inputs[k].node)) return false;
    return true;
}

/* N alone, its inputs given, as a program. */
static inlay_status program_of(graph *g, const graph_node *n, program *out, inlay_error *err) {
    *out = (program){0};
    graph_init(&out->g, g->functions, &g->source, 0);
    graph_node *copy;
    TRY(graph_add(&out->g, n->name, n->op, &copy, err));
    copy->attributes = n->attributes;
    copy->n_attributes = n->n_attributes;
    graph_edge *inputs = arena_zalloc(&out->g.memory, (size_t)n->n_inputs + 1, sizeof *inputs);
    out->fetches = arena_zalloc(&out->g.memory, 1, sizeof *out->fetches);
    if (!inputs || !out->fetches) return fail_memory(err);
    for (int k = 0; k < n->n_inputs; k++) {
        tensor *value;
        TRY(graph_constant(g, n->inputs[k].node, &value, err));
        if (value->size > MOST_BYTES) return fail(err, INLAY_RESOURCE_EXHAUSTED, "too large to fold");
        TRY(graph_add_constant(&out->g, "input", value, &inputs[k].node, err));
    }
    TRY(graph_set_inputs(&out->g, copy, inputs, n->n_inputs, err));
    out->fetches[0] = (graph_edge){copy, 0};
    out->n_fetches = 1;
    return INLAY_OK;
}

static inlay_status compute(graph *g, const graph_node *n, op_host *host, tensor **out, inlay_error *err) {
    program alone;
    plan *p;
    inlay_status status = program_of(g, n, &alone, err);
    if (status != INLAY_OK) {
        program_free(&alone);
        return status;
    }
    TRY(plan_make(&alone, host, &p, err));
    mem_budget *budget = mem_budget_new(MOST_BYTES);
    run_options options = {.budget = budget};
    status = budget ? plan_run(p, NULL, out, &options, err) : fail_memory(err);
    if (budget) mem_budget_leave(budget);
    plan_free(p);
    return status;
}

/* Only nodes with one output: N becomes its value in place. */
static bool has_one_output(const graph_node *n) {
    attrs a = graph_attrs(n);
    arena scratch;
    op_values values;
    arena_init(&scratch, 0);
    bool one = opdef_values(n->def->out, &a, &scratch, &values, NULL) == INLAY_OK && values.count == 1;
    arena_free(&scratch);
    return one;
}

/* In a branch or a loop constants wait for it: what they become does too. */
static inlay_status take_controls(graph *g, graph_node *n, const graph_node *constant, inlay_error *err) {
    for (int i = 0; i < constant->n_controls; i++) TRY(graph_add_control(g, n, constant->controls[i], err));
    return INLAY_OK;
}

inlay_status pass_fold(program *p, op_host *host, inlay_error *err) {
    graph_node **order;
    size_t count;
    TRY(program_order(p, &order, &count, err));
    for (size_t i = 0; i < count; i++) {
        graph_node *n = order[i];
        tensor *value;
        if (!can_fold(n) || !has_one_output(n)) continue;
        if (compute(&p->g, n, host, &value, NULL) != INLAY_OK) continue; /* the run will say why */
        n->value = value;
        n->op = "Const";
        n->def = opdef_find(bytes_of("Const"));
        n->attributes = NULL;
        for (int k = 0; k < n->n_inputs; k++) TRY(take_controls(&p->g, n, n->inputs[k].node, err));
        n->n_attributes = n->n_inputs = 0;
    }
    return INLAY_OK;
}

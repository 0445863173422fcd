#include "runtime/plan_private.h"

typedef plan_maker maker;

static bool is_feed(const graph_node *n) {
    return strcmp(n->op, "_Arg") == 0;
}

static void count_asked(maker *m, graph_edge e) {
    if (e.output >= m->asked[e.node->index]) m->asked[e.node->index] = e.output + 1;
}

/* Inputs and outputs of N by its op's row; an op without one has as many outputs as are asked of it. */
static inlay_status resolve_values(maker *m, const graph_node *n, op_values *in, op_values *out, inlay_error *err) {
    arena *memory = &m->made->p.g.memory;
    attrs a = graph_attrs(n);
    if (n->def) {
        TRY(opdef_values(n->def->in, &a, memory, in, err));
        TRY(opdef_values(n->def->out, &a, memory, out, err));
        if (in->count != n->n_inputs)
            return fail(err, INLAY_INVALID_ARGUMENT, "it has %d inputs, its op takes %d", n->n_inputs, in->count);
        return INLAY_OK;
    }
    int outputs = m->asked[n->index];
    *in = (op_values){arena_zalloc(memory, (size_t)n->n_inputs + 1, sizeof *in->items), n->n_inputs};
    *out = (op_values){arena_zalloc(memory, (size_t)outputs + 1, sizeof *out->items), outputs};
    return in->items && out->items ? INLAY_OK : fail_memory(err);
}

static inlay_status take_slots(maker *m, int count, int *first, inlay_error *err) {
    plan *p = m->made;
    if (count > INT32_MAX / 2 - p->n_slots) return fail(err, INLAY_RESOURCE_EXHAUSTED, "too many tensors");
    *first = p->n_slots;
    p->n_slots += count;
    return INLAY_OK;
}

static inlay_status take_signal(maker *m, const graph_node *n, plan_flow *flow, inlay_error *err) {
    return flow && (m->roles[n->index] & PLAN_AWAITED) ? take_slots(m, 1, &flow->signal, err) : INLAY_OK;
}

/* A constant that may be dead, and is asked whether it is, takes a step: it hands on the value. */
static inlay_status place_mortal(maker *m, const graph_node *n, inlay_error *err) {
    plan *p = m->made;
    plan_step *step = &p->steps[p->n_steps++];
    op_values *one = &m->outs[n->index];
    step->op = n->op;
    step->node = (op_node){
        .name = n->name, .def = opdef_find(bytes_of("Identity")), .impl = op_find("Identity"), .in = *one, .out = *one};
    step->in = arena_zalloc(&p->p.g.memory, 1, sizeof *step->in);
    step->unused = arena_zalloc(&p->p.g.memory, 1, sizeof *step->unused);
    if (!step->in || !step->unused) return fail_memory(err);
    step->in[0] = (plan_input){.from = m->first[n->index], .align = 1};
    step->flow = m->flows[n->index];
    TRY(take_slots(m, 1, &step->first_out, err));
    m->first[n->index] = step->first_out;
    if (p->widest < 2) p->widest = 2;
    return INLAY_OK;
}

static inlay_status place_constant(maker *m, graph_node *n, inlay_error *err) {
    tensor *value;
    plan *p = m->made;
    TRY(graph_constant(&p->p.g, n, &value, err));
    p->constants[p->n_constants] = value;
    m->first[n->index] = -1 - p->n_constants++;
    op_values *out = &m->outs[n->index];
    *out = (op_values){arena_zalloc(&p->p.g.memory, 1, sizeof *out->items), 1};
    if (!out->items) return fail_memory(err);
    out->items[0].type = value->type;
    TRY(plan_find_flow(m, n, &m->flows[n->index], err));
    return m->flows[n->index] && (m->roles[n->index] & PLAN_MERGED) ? place_mortal(m, n, err) : INLAY_OK;
}

static bool is_constant(const graph_node *n) {
    return n->value || strcmp(n->op, "Const") == 0;
}

static inlay_status place_inputs(maker *m, const graph_node *n, plan_step *step, inlay_error *err) {
    for (int k = 0; k < n->n_inputs; k++) {
        graph_edge e = n->inputs[k];
        const op_values *theirs = &m->outs[e.node->index];
        if (e.output >= theirs->count)
            return fail(err, INLAY_INVALID_ARGUMENT, "its input %d is output %d of node %.200s, which has %d", k,
                        e.output, e.node->name, theirs->count);
        place first = m->first[e.node->index];
        op_value wanted = step->node.in.items[k];
        bool any = step->node.impl && (step->node.impl->flags & OP_ANY_ALIGNMENT);
        size_t size = any ? 1 : dtype_size(wanted.type);
        step->in[k] = (plan_input){.from = first < 0 ? first : first + e.output,
                                   .expected = wanted.is_ref ? INLAY_RESOURCE : wanted.type,
                                   .read = theirs->items[e.output].is_ref && !wanted.is_ref,
                                   .align = (uint8_t)(size > 8 ? 8
                                                      : size   ? size
                                                               : 1)};
    }
    return INLAY_OK;
}

static inlay_status place_node(maker *m, graph_node *n, inlay_error *err) {
    plan *p = m->made;
    plan_step *step = &p->steps[p->n_steps];
    step->op = n->op;
    step->node =
        (op_node){.name = n->name, .def = n->def, .impl = n->def ? op_find(n->op) : NULL, .attributes = graph_attrs(n)};
    TRY(resolve_values(m, n, &step->node.in, &step->node.out, err));
    if (n->def && (n->def->flags & OP_LOOP))
        step->first_out = m->first[n->index];
    else
        TRY(take_slots(m, step->node.out.count, &step->first_out, err));
    step->in = arena_zalloc(&p->p.g.memory, (size_t)n->n_inputs + 1, sizeof *step->in);
    step->unused = arena_zalloc(&p->p.g.memory, (size_t)step->node.out.count + 1, sizeof *step->unused);
    if (!step->in || !step->unused) return fail_memory(err);
    TRY(place_inputs(m, n, step, err));
    m->first[n->index] = step->first_out;
    m->outs[n->index] = step->node.out;
    TRY(plan_find_flow(m, n, &step->flow, err));
    m->flows[n->index] = step->flow;
    TRY(take_signal(m, n, step->flow, err));
    int width = n->n_inputs + step->node.out.count;
    if (width > p->widest) p->widest = width;
    p->n_steps++;
    return INLAY_OK;
}

/* What closes a loop has its slot from the beginning: the merge that it leads to stands before it. */
static inlay_status place_closing(maker *m, const graph_node *n, inlay_error *err) {
    if (!n->def || !(n->def->flags & OP_LOOP)) return INLAY_OK;
    attrs a = graph_attrs(n);
    inlay_status status = opdef_values(n->def->out, &a, &m->made->p.g.memory, &m->outs[n->index], err);
    return status == INLAY_OK ? take_slots(m, 1, &m->first[n->index], err) : error_in_node(err, status, n->name, n->op);
}

static inlay_status place_all(maker *m, inlay_error *err) {
    plan *p = m->made;
    for (size_t i = 0; i < p->p.n_feeds; i++) {
        p->feeds[i] = -1;
        if (!p->p.feeds[i]) continue;
        size_t index = p->p.feeds[i]->index;
        TRY(take_slots(m, 1, &p->feeds[i], err));
        m->first[index] = p->feeds[i];
        m->outs[index] = (op_values){arena_zalloc(&p->p.g.memory, 1, sizeof(op_value)), 1};
        if (!m->outs[index].items) return fail_memory(err);
    }
    for (size_t i = 0; i < m->count; i++) TRY(place_closing(m, m->order[i], err));
    size_t opened = 0;
    for (size_t i = 0; i < m->count; i++) {
        graph_node *n = m->order[i];
        for (; opened < p->p.n_loops && p->p.loops[opened].first == i; opened++)
            p->loops[p->n_loops++].first = p->n_steps;
        m->steps_before[i] = p->n_steps;
        if (is_feed(n)) continue;
        inlay_status status = is_constant(n) ? place_constant(m, n, err) : place_node(m, n, err);
        if (status != INLAY_OK) return error_in_node(err, status, n->name, n->op);
    }
    m->steps_before[m->count] = p->n_steps;
    for (size_t i = 0; i < p->n_loops; i++) {
        p->loops[i].end = m->steps_before[p->p.loops[i].end];
        p->loops[i].inside = p->p.loops[i].inside;
    }
    for (size_t i = 0; i < p->p.n_fetches; i++) {
        graph_edge e = p->p.fetches[i];
        const op_values *theirs = &m->outs[e.node->index];
        if (e.output >= theirs->count)
            return fail(err, INLAY_INVALID_ARGUMENT, "output %d is wanted of node %.200s, which has %d", e.output,
                        e.node->name, theirs->count);
        place first = m->first[e.node->index];
        p->fetches[i] = first < 0 ? first : first + e.output;
    }
    return INLAY_OK;
}

static inlay_status prepare_all(plan *p, inlay_error *err) {
    op_setting setting = {.host = p->host, .memory = &p->p.g.memory};
    for (; p->n_prepared < p->n_steps; p->n_prepared++) {
        op_node *node = &p->steps[p->n_prepared].node;
        if (!node->impl || !node->impl->prepare) continue;
        inlay_status status = node->impl->prepare(node, &setting, err);
        if (status != INLAY_OK) return error_in_node(err, status, node->name, node->def->name);
    }
    return INLAY_OK;
}

static void find_roles(maker *m, const graph_node *n) {
    bool merges = n->def && (n->def->flags & OP_MERGE);
    for (int k = 0; k < n->n_inputs; k++) {
        count_asked(m, n->inputs[k]);
        if (merges) m->roles[n->inputs[k].node->index] |= PLAN_MERGED;
    }
    for (int k = 0; k < n->n_controls; k++) m->roles[n->controls[k]->index] |= PLAN_AWAITED;
}

static inlay_status make(plan *p, inlay_error *err) {
    maker m = {.made = p};
    arena *memory = &p->p.g.memory;
    TRY(program_order(&p->p, &m.order, &m.count, err));
    size_t nodes = p->p.g.n_nodes;
    p->steps = arena_zalloc(memory, m.count + 1, sizeof *p->steps);
    p->constants = arena_zalloc(memory, m.count + 1, sizeof(tensor *));
    p->feeds = arena_zalloc(memory, p->p.n_feeds + 1, sizeof *p->feeds);
    p->fetches = arena_zalloc(memory, p->p.n_fetches + 1, sizeof *p->fetches);
    m.first = arena_zalloc(memory, nodes + 1, sizeof *m.first);
    m.outs = arena_zalloc(memory, nodes + 1, sizeof *m.outs);
    m.asked = arena_zalloc(memory, nodes + 1, sizeof *m.asked);
    m.flows = arena_zalloc(memory, nodes + 1, sizeof(plan_flow *));
    m.roles = arena_zalloc(memory, nodes + 1, sizeof *m.roles);
    m.steps_before = arena_zalloc(memory, m.count + 1, sizeof *m.steps_before);
    p->loops = arena_zalloc(memory, p->p.n_loops + 1, sizeof *p->loops);
    if (!p->steps || !p->constants || !p->feeds || !p->fetches || !m.first || !m.outs || !m.asked || !m.flows ||
        !m.roles || !m.steps_before || !p->loops)
        return fail_memory(err);
    for (size_t i = 0; i < m.count; i++) find_roles(&m, m.order[i]);
    for (size_t i = 0; i < p->p.n_fetches; i++) {
        count_asked(&m, p->p.fetches[i]);
        m.roles[p->p.fetches[i].node->index] |= PLAN_MERGED;
    }
    TRY(place_all(&m, err));
    TRY(plan_find_lives(&m, err));
    return prepare_all(p, err);
}

bool plan_can_run(const char *op) {
    const op_def *def = opdef_find(bytes_of(op));
    return def && ((def->flags & OP_CALL) || strcmp(op, "Const") == 0 || op_find(op));
}

inlay_status plan_make(program *source, op_host *host, plan **out, inlay_error *err) {
    *out = NULL;
    plan *p = mem_zalloc(1, sizeof *p);
    if (!p) {
        program_free(source);
        return fail_memory(err);
    }
    p->p = *source;
    *source = (program){0};
    p->host = host;
    inlay_status status = make(p, err);
    if (status == INLAY_OK)
        *out = p;
    else
        plan_free(p);
    return status;
}

void plan_free(plan *p) {
    if (!p) return;
    for (size_t i = 0; i < p->n_prepared; i++) {
        op_node *node = &p->steps[i].node;
        if (node->impl && node->impl->dispose) node->impl->dispose(node);
    }
    program_free(&p->p);
    mem_free(p);
}

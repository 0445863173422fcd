/* What may be dead, and how long values live in loops. */
#include "runtime/plan_private.h"

/* ---- what may be dead */

static bool has(const graph_node *n, unsigned flag) {
    return n->def && (n->def->flags & flag);
}

/* A constant's own waits are its users': it takes no step. */
static bool is_constant(const graph_node *n) {
    return n->value || strcmp(n->op, "Const") == 0;
}

static void add_wait(plan_flow *f, place signal) {
    for (int i = 0; i < f->n_waits; i++)
        if (f->waits[i] == signal) return;
    f->waits[f->n_waits++] = signal;
}

static void inherit(plan_flow *f, const plan_flow *constant) {
    for (int i = 0; i < constant->n_waits; i++) add_wait(f, constant->waits[i]);
}

/* How many waits N has at most; *mortal when something that it needs may be dead. */
static size_t count_waits(const plan_maker *m, const graph_node *n, bool *mortal) {
    size_t count = 0;
    for (int k = 0; k < n->n_inputs + n->n_controls; k++) {
        const graph_node *from = k < n->n_inputs ? n->inputs[k].node : n->controls[k - n->n_inputs];
        const plan_flow *theirs = m->flows[from->index];
        if (k < n->n_inputs && program_closes_loop(n, k)) *mortal = true;
        if (!theirs) continue;
        *mortal = true;
        count += is_constant(from) ? (size_t)theirs->n_waits : 1;
    }
    return count;
}

inlay_status plan_find_flow(plan_maker *m, const graph_node *n, plan_flow **out, inlay_error *err) {
    bool mortal = has(n, OP_SWITCH | OP_MERGE);
    size_t most = count_waits(m, n, &mortal);
    *out = NULL;
    if (!mortal) return INLAY_OK;
    plan_flow *f = *out = arena_zalloc(&m->made->p.g.memory, 1, sizeof *f);
    if (!f || !(f->waits = arena_zalloc(&m->made->p.g.memory, most + 1, sizeof *f->waits))) return fail_memory(err);
    f->signal = -1;
    f->merges = has(n, OP_MERGE);
    f->switches = has(n, OP_SWITCH);
    for (int k = 0; k < n->n_inputs && !f->merges; k++) {
        const graph_node *from = n->inputs[k].node;
        if (m->flows[from->index] && is_constant(from)) inherit(f, m->flows[from->index]);
    }
    for (int k = 0; k < n->n_controls && !f->merges; k++) {
        const plan_flow *theirs = m->flows[n->controls[k]->index];
        if (!theirs) continue;
        if (is_constant(n->controls[k]))
            inherit(f, theirs);
        else if (theirs->signal >= 0)
            add_wait(f, theirs->signal);
    }
    return INLAY_OK;
}

/* ---- how long values live */

/* A slot, as the steps are walked from first to last. */
typedef struct slot_life {
    size_t made; /* step */
    int uses;
    plan_input *last;  /* who uses it last, unless */
    plan_loop *within; /* that is a loop which it comes from before */
    size_t end;        /* where that is */
    plan_loop *back, *entry;
    bool fetched, first_round; /* the output of an Enter that only the first round sees */
} slot_life;

typedef struct lives {
    plan *p;
    slot_life *slots;
    plan_loop **open; /* loops around the step, outermost first */
    size_t depth;
} lives;

static bool sees_first_round_only(const op_node *node) {
    bool constant = false;
    if (!node->def || !(node->def->flags & OP_ENTER)) return false;
    return attr_bool(&node->attributes, "is_constant", &constant, NULL) != INLAY_OK || !constant;
}

static void use_slot(lives *l, size_t step, plan_input *in) {
    slot_life *s = &l->slots[in->from];
    s->uses++;
    if (s->made != SIZE_MAX && s->made >= step && l->depth) { /* the round before made it */
        s->back = l->open[l->depth - 1];
        s->last = in;
        return;
    }
    plan_loop *within = NULL;
    for (size_t i = 0; i < l->depth && !within; i++)
        if (s->made == SIZE_MAX || l->open[i]->first > s->made) within = l->open[i];
    if (within && s->first_round) s->entry = within;
    size_t end = within ? within->end : step;
    if (end < s->end) return;
    s->last = within && !s->first_round ? NULL : in;
    s->within = within;
    s->end = end;
}

static void walk(lives *l) {
    plan *p = l->p;
    size_t next = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        while (l->depth && l->open[l->depth - 1]->end <= i) l->depth--;
        for (; next < p->n_loops && p->loops[next].first == i; next++)
            if (p->loops[next].end > i) l->open[l->depth++] = &p->loops[next];
        for (int k = 0; k < p->steps[i].node.in.count; k++)
            if (p->steps[i].in[k].from >= 0) use_slot(l, i, &p->steps[i].in[k]);
    }
}

static void settle(slot_life *s) {
    if (s->back) {
        if (s->uses == 1) s->last->last = true;
        s->back->n_back++;
        return;
    }
    if (s->entry) s->entry->n_entries++;
    if (s->fetched || !s->uses) return;
    if (s->last && (!s->within || s->uses == 1))
        s->last->last = true;
    else if (s->within)
        s->within->n_drops++;
}

static inlay_status make_lists(lives *l, inlay_error *err) {
    plan *p = l->p;
    for (size_t i = 0; i < p->n_loops; i++) {
        plan_loop *loop = &p->loops[i];
        loop->back = arena_zalloc(&p->p.g.memory, loop->n_back + 1, sizeof(place));
        loop->entries = arena_zalloc(&p->p.g.memory, loop->n_entries + 1, sizeof(place));
        loop->drops = arena_zalloc(&p->p.g.memory, loop->n_drops + 1, sizeof(place));
        if (!loop->back || !loop->entries || !loop->drops) return fail_memory(err);
        loop->n_back = loop->n_entries = loop->n_drops = 0;
    }
    for (int i = 0; i < p->n_slots; i++) {
        const slot_life *s = &l->slots[i];
        if (s->back) s->back->back[s->back->n_back++] = i;
        if (s->back) continue;
        if (s->entry) s->entry->entries[s->entry->n_entries++] = i;
        if (!s->fetched && s->within && !(s->last && s->uses == 1)) s->within->drops[s->within->n_drops++] = i;
    }
    return INLAY_OK;
}

static inlay_status find_lives(lives *l, inlay_error *err) {
    plan *p = l->p;
    for (int i = 0; i < p->n_slots; i++) l->slots[i].made = SIZE_MAX;
    for (size_t i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].node.out.count; k++) {
            slot_life *s = &l->slots[p->steps[i].first_out + k];
            s->made = i;
            s->first_round = sees_first_round_only(&p->steps[i].node);
        }
    for (size_t i = 0; i < p->p.n_fetches; i++)
        if (p->fetches[i] >= 0) l->slots[p->fetches[i]].fetched = true;
    walk(l);
    for (int i = 0; i < p->n_slots; i++) settle(&l->slots[i]);
    for (size_t i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].node.out.count; k++) {
            const slot_life *s = &l->slots[p->steps[i].first_out + k];
            p->steps[i].unused[k] = !s->uses && !s->fetched;
        }
    return make_lists(l, err);
}

inlay_status plan_find_lives(plan_maker *m, inlay_error *err) {
    plan *p = m->made;
    lives l = {.p = p};
    l.slots = mem_zalloc((size_t)p->n_slots + 1, sizeof *l.slots);
    l.open = mem_zalloc(p->n_loops + 1, sizeof(plan_loop *));
    inlay_status status = l.slots && l.open ? find_lives(&l, err) : fail_memory(err);
    mem_free(l.slots);
    mem_free(l.open);
    return status;
}

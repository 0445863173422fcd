#include "graph/frames.h"

enum { ROOT = 0, MOST_DEPTH = 64 }; /* loops within each other */

enum { UNSEEN, OPEN, DONE };

typedef struct frame {
    int parent, depth;
    size_t first, count; /* its nodes, and those of the frames within it: framer.members[first .. first + count) */
    int last_within;     /* frames number .. last_within are within it, itself included */
    int state;
} frame;

typedef struct framer {
    program *p;
    graph_node **order; /* as given, then as wanted */
    size_t count, done;
    frame *frames;
    int n_frames;
    int *home;   /* by node index: the frame it runs in */
    int *result; /* the frame its outputs are in */
    map by_name;
    graph_node **members;
    size_t loops_capacity;
    arena scratch;
} framer;

static inlay_status fail_at_node(const graph_node *n, inlay_error *err, const char *why) {
    return error_in_node(err, fail(err, INLAY_INVALID_ARGUMENT, "%s", why), n->name, n->op);
}

static bool has(const graph_node *n, unsigned flag) {
    return n->def && (n->def->flags & flag);
}

static graph_node *need_at(const graph_node *n, int i) {
    if (i < n->n_inputs) return program_closes_loop(n, i) ? NULL : n->inputs[i].node;
    return n->controls[i - n->n_inputs];
}

static int needs_of(const graph_node *n) {
    return n->n_inputs + n->n_controls;
}

static int at_depth(const framer *f, int of, int depth) {
    while (f->frames[of].depth > depth) of = f->frames[of].parent;
    return of;
}

/* ---- which frame a node is in */

static inlay_status enter_frame(framer *f, const graph_node *n, int outer, int *out, inlay_error *err) {
    attrs a = graph_attrs(n);
    bytes name;
    uint64_t found;
    TRY(attr_text(&a, "frame_name", &name, err));
    char *key = arena_format(&f->scratch, "%d/%.*s", outer, (int)(name.size < 4096 ? name.size : 4096),
                             (const char *)name.data);
    if (!key) return fail_memory(err);
    if (map_get(&f->by_name, bytes_of(key), &found)) {
        *out = (int)found;
        return INLAY_OK;
    }
    if (f->frames[outer].depth == MOST_DEPTH)
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "more than %d loops are within each other", MOST_DEPTH);
    *out = f->n_frames++;
    f->frames[*out] = (frame){.parent = outer, .depth = f->frames[outer].depth + 1};
    return map_put(&f->by_name, bytes_of(key), (uint64_t)*out, err);
}

static inlay_status place(framer *f, const graph_node *n, inlay_error *err) {
    int home = ROOT;
    for (int i = 0; i < needs_of(n); i++) {
        const graph_node *need = need_at(n, i);
        if (!need) continue;
        int theirs = f->result[need->index];
        int inner = f->frames[theirs].depth > f->frames[home].depth ? theirs : home;
        int outer = inner == theirs ? home : theirs;
        if (at_depth(f, inner, f->frames[outer].depth) != outer)
            return fail_at_node(n, err, "it needs nodes of two loops that are not within each other");
        home = inner;
    }
    f->home[n->index] = f->result[n->index] = home;
    if (has(n, OP_ENTER)) {
        inlay_status status = enter_frame(f, n, home, &f->result[n->index], err);
        if (status != INLAY_OK) return error_in_node(err, status, n->name, n->op);
    }
    if (has(n, OP_EXIT | OP_LOOP) && home == ROOT) return fail_at_node(n, err, "it is in no loop");
    if (has(n, OP_EXIT)) f->result[n->index] = f->frames[home].parent;
    return INLAY_OK;
}

static inlay_status check_closing(const framer *f, const graph_node *n, inlay_error *err) {
    for (int k = 0; k < n->n_inputs; k++) {
        const graph_node *from = n->inputs[k].node;
        if (!has(from, OP_LOOP)) continue;
        if (!program_closes_loop(n, k)) return fail_at_node(from, err, "something else than a Merge uses it");
        if (f->home[n->index] != f->home[from->index])
            return fail_at_node(from, err, "the Merge that uses it is in another loop");
        if (n->inputs[k].output != 0) return fail_at_node(n, err, "an input of it does not exist");
    }
    return INLAY_OK;
}

static inlay_status check_asked(const framer *f, const graph_node *n, inlay_error *err) {
    if (f->result[n->index] == ROOT && f->home[n->index] == ROOT) return INLAY_OK;
    if (f->result[n->index] == ROOT && has(n, OP_EXIT)) return INLAY_OK;
    return fail_at_node(n, err, "it is inside a loop: only what leaves the loop can be asked for");
}

static inlay_status place_all(framer *f, inlay_error *err) {
    for (size_t i = 0; i < f->count; i++) TRY(place(f, f->order[i], err));
    for (size_t i = 0; i < f->count; i++) TRY(check_closing(f, f->order[i], err));
    for (size_t i = 0; i < f->p->n_targets; i++) TRY(check_asked(f, f->p->targets[i], err));
    for (size_t i = 0; i < f->p->n_fetches; i++) TRY(check_asked(f, f->p->fetches[i].node, err));
    return INLAY_OK;
}

/* ---- nodes of a frame together */

/* Numbers frames anew so that those within a frame follow it. */
static inlay_status number_frames(framer *f, inlay_error *err) {
    int n = f->n_frames, next = 0;
    int *to = arena_zalloc(&f->scratch, (size_t)n, sizeof *to),
        *size = arena_zalloc(&f->scratch, (size_t)n, sizeof *size);
    int *taken = arena_zalloc(&f->scratch, (size_t)n, sizeof *taken);
    frame *sorted = arena_zalloc(&f->scratch, (size_t)n, sizeof *sorted);
    if (!to || !size || !taken || !sorted) return fail_memory(err);
    for (int i = n; i-- > 0;) { /* a frame is numbered after the one around it */
        size[i]++;
        if (i) size[f->frames[i].parent] += size[i];
    }
    for (int i = 0; i < n; i++) {
        int parent = f->frames[i].parent;
        to[i] = i ? to[parent] + 1 + taken[parent] : next;
        if (i) taken[parent] += size[i];
        sorted[to[i]] = f->frames[i];
        sorted[to[i]].parent = to[parent];
        sorted[to[i]].last_within = to[i] + size[i] - 1;
    }
    memcpy(f->frames, sorted, (size_t)n * sizeof *sorted);
    for (size_t i = 0; i < f->count; i++) f->home[f->order[i]->index] = to[f->home[f->order[i]->index]];
    return INLAY_OK;
}

/* Sorts the nodes by frame, in the order that they have. */
static void sort_members(framer *f) {
    size_t at = 0;
    for (size_t i = 0; i < f->count; i++) f->frames[f->home[f->order[i]->index]].count++;
    for (int i = 0; i < f->n_frames; i++) {
        f->frames[i].first = at;
        at += f->frames[i].count;
        f->frames[i].count = 0;
    }
    for (size_t i = 0; i < f->count; i++) {
        frame *own = &f->frames[f->home[f->order[i]->index]];
        f->members[own->first + own->count++] = f->order[i];
    }
    for (int i = f->n_frames; i-- > 1;) { /* the frames within are behind: the last one's end is the frame's */
        const frame *last = &f->frames[f->frames[i].last_within];
        if (f->frames[i].last_within != i) f->frames[i].count = last->first + last->count - f->frames[i].first;
    }
}

/* What stands in frame AT for node N, which is in it or in one within it: itself (frame -1), or a whole frame. False
 * when it is outside. */
static bool stands_for(const framer *f, int at, const graph_node *n, int *within) {
    int home = f->home[n->index];
    *within = -1;
    if (home == at) return true;
    if (home < at || home > f->frames[at].last_within) return false;
    *within = at_depth(f, home, f->frames[at].depth + 1);
    return true;
}

/* A node, or the whole of frame WITHIN, whose needs are being visited. */
typedef struct item {
    graph_node *node;
    int within;
    size_t member; /* of the frame */
    int next;
} item;

/* The next thing in frame AT that TOP needs. */
static bool next_item(const framer *f, int at, item *top, item *out) {
    for (;;) {
        const graph_node *n = top->node;
        if (top->within >= 0) {
            const frame *w = &f->frames[top->within];
            if (top->member == w->count) return false;
            n = f->members[w->first + top->member];
        }
        if (top->next == needs_of(n)) {
            if (top->within < 0) return false;
            top->member++;
            top->next = 0;
            continue;
        }
        graph_node *need = need_at(n, top->next++);
        int within;
        if (!need || !stands_for(f, at, need, &within) || (within >= 0 && within == top->within)) continue;
        *out = (item){.node = need, .within = within};
        return true;
    }
}

static int *state_of(framer *f, const item *i) {
    return i->within >= 0 ? &f->frames[i->within].state : &i->node->mark;
}

static inlay_status put_frame(framer *f, int at, item *stack, inlay_error *err);

static inlay_status put_item(framer *f, const item *done, item *stack, inlay_error *err) {
    if (done->within < 0) {
        f->order[f->done++] = done->node;
        return INLAY_OK;
    }
    size_t number = f->p->n_loops++;
    program_loop *loop = &f->p->loops[number];
    loop->first = f->done;
    TRY(put_frame(f, done->within, stack, err));
    loop->end = f->done;
    loop->inside = f->p->n_loops - number - 1;
    return INLAY_OK;
}

/* All that is in frame AT. STACK: room for what is open, beyond what callers have open. */
static inlay_status put_frame(framer *f, int at, item *stack, inlay_error *err) {
    const frame *own = &f->frames[at];
    for (size_t i = 0; i < own->count; i++) {
        int within;
        stands_for(f, at, f->members[own->first + i], &within);
        size_t depth = 0;
        stack[0] = (item){.node = f->members[own->first + i], .within = within};
        if (*state_of(f, &stack[0]) == DONE) continue;
        *state_of(f, &stack[depth++]) = OPEN;
        while (depth) {
            item next;
            if (!next_item(f, at, &stack[depth - 1], &next)) {
                *state_of(f, &stack[depth - 1]) = DONE;
                item done = stack[--depth];
                TRY(put_item(f, &done, stack + depth, err));
                continue;
            }
            int *state = state_of(f, &next);
            if (*state == OPEN) return fail_at_node(next.node, err, "the graph has a cycle through it");
            if (*state == DONE) continue;
            *state = OPEN;
            stack[depth++] = next;
        }
    }
    return INLAY_OK;
}

static inlay_status regroup(framer *f, inlay_error *err) {
    TRY(number_frames(f, err));
    sort_members(f);
    f->frames[ROOT].count = f->count;
    item *stack = mem_zalloc(f->count + (size_t)f->n_frames + 1, sizeof *stack);
    if (!stack) return fail_memory(err);
    inlay_status status = put_frame(f, ROOT, stack, err);
    mem_free(stack);
    for (size_t i = 0; i < f->count; i++) f->members[i]->mark = UNSEEN;
    return status;
}

static bool has_frames(graph_node *const *order, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (has(order[i], OP_ENTER | OP_EXIT | OP_LOOP)) return true;
    return false;
}

inlay_status frames_order(program *p, graph_node **order, size_t count, inlay_error *err) {
    p->n_loops = 0;
    if (!has_frames(order, count)) return INLAY_OK;
    framer f = {.p = p, .order = order, .count = count, .n_frames = 1};
    arena_init(&f.scratch, 0);
    size_t nodes = p->g.n_nodes + 1;
    f.frames = arena_zalloc(&f.scratch, nodes + 1, sizeof *f.frames);
    f.home = arena_zalloc(&f.scratch, nodes, sizeof *f.home);
    f.result = arena_zalloc(&f.scratch, nodes, sizeof *f.result);
    f.members = arena_zalloc(&f.scratch, nodes, sizeof(graph_node *));
    inlay_status status = f.frames && f.home && f.result && f.members ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) status = place_all(&f, err);
    if (status == INLAY_OK && f.n_frames > 1) {
        p->loops = arena_zalloc(&p->g.memory, (size_t)f.n_frames, sizeof *p->loops);
        status = p->loops ? regroup(&f, err) : fail_memory(err);
    }
    map_free(&f.by_name);
    arena_free(&f.scratch);
    return status;
}

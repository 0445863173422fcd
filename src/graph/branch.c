/* If, Case and While become what the old form of control flow says, with their functions inlined, so that passes see
 * across them and one executor runs both.
 *
 * Case and If: each input goes through a switch to every branch; what has no input waits for the branch's pivot; merges
 * take the values of the branch that ran. While: Enter, Merge, the condition, Switch, the body, NextIteration, Exit for
 * each value. Effects of a body come before its next round, those of a branch before its merge. */
#include "graph/inline_parts.h"

/* While one node is rewritten. */
typedef struct brancher {
    inliner *in;
    graph_node *call;
    arena *scratch;
    graph_node *entry;
    dtype *types; /* of the values that come out */
    size_t n_types;
    bool effects;
} brancher;

static graph *graph_of(const brancher *b) {
    return &b->in->p->g;
}

static inlay_status set_type(brancher *b, graph_node *n, dtype type, inlay_error *err) {
    buffer value = {0};
    attr_put_type(&value, type);
    inlay_status status = graph_set_attr(graph_of(b), n, "T", &value, err);
    buffer_free(&value);
    return status;
}

static inlay_status set_count(brancher *b, graph_node *n, const char *name, size_t count, inlay_error *err) {
    buffer value = {0};
    attr_put_int(&value, (int64_t)count);
    inlay_status status = graph_set_attr(graph_of(b), n, name, &value, err);
    buffer_free(&value);
    return status;
}

/* Node "CALL/SUFFIX" of OP over INPUTS. */
static inlay_status add(brancher *b, const char *suffix, const char *op, const graph_edge *inputs, int n_inputs,
                        graph_node **out, inlay_error *err) {
    const char *name = arena_format(&graph_of(b)->memory, "%s/%s", b->call->name, suffix);
    if (!name) return fail_memory(err);
    TRY(graph_add(graph_of(b), name, op, out, err));
    return graph_set_inputs(graph_of(b), *out, inputs, n_inputs, err);
}

static inlay_status add_on(brancher *b, const char *suffix, const char *op, graph_node *from, int output,
                           graph_node **out, inlay_error *err) {
    return add(b, suffix, op, &(graph_edge){from, output}, 1, out, err);
}

/* E as a truth value. */
static inlay_status truth(brancher *b, graph_edge e, dtype type, graph_edge *out, inlay_error *err) {
    graph_node *made;
    *out = e;
    if (type == INLAY_BOOL) return INLAY_OK;
    TRY(add(b, "truth", "ToBool", &e, 1, &made, err));
    if (type != INLAY_INVALID_DTYPE) TRY(set_type(b, made, type, err));
    *out = (graph_edge){made, 0};
    return INLAY_OK;
}

static inlay_status prefix_of(brancher *b, const char *part, const char **out, inlay_error *err) {
    *out = arena_format(&graph_of(b)->memory, "%s/%s/", b->call->name, part);
    return *out ? INLAY_OK : fail_memory(err);
}

static inlay_status make_edges(brancher *b, size_t count, graph_edge **out, inlay_error *err) {
    *out = arena_zalloc(b->scratch, count + 1, sizeof **out);
    return *out ? INLAY_OK : fail_memory(err);
}

/* ---- If, Case */

typedef struct cases {
    const bytes *functions; /* [count] NameAttrList */
    size_t count;
    graph_edge selector;
    bool two; /* a truth value chooses: functions are for true and false */
} cases;

static inlay_status add_switch(brancher *b, const cases *c, graph_edge data, graph_node **out, inlay_error *err) {
    TRY(add(b, "switch", c->two ? "Switch" : "_SwitchN", (graph_edge[]){data, c->selector}, 2, out, err));
    if (!c->two) TRY(set_count(b, *out, "num_outs", c->count, err));
    if (b->entry) TRY(graph_add_control(graph_of(b), *out, b->entry, err));
    return INLAY_OK;
}

static int output_for(const cases *c, size_t branch) {
    return c->two ? (branch == 0 ? 1 : 0) : (int)branch;
}

/* Puts in branch I: its values, and DONE, which lives when it has run. */
static inlay_status add_case(brancher *b, const cases *c, size_t i, graph_node *const *switches, graph_node *pivots,
                             graph_edge **values, graph_edge *done, inlay_error *err) {
    called function;
    graph_edge *inputs;
    graph_node *pivot, *leave;
    graph_function f;
    const char *prefix, *part = arena_format(b->scratch, "branch%zu", i);
    size_t n_inputs = (size_t)b->call->n_inputs - 1;
    if (!part) return fail_memory(err);
    TRY(inline_find(b->in, c->functions[i], &function, b->scratch, err));
    TRY(make_edges(b, n_inputs, &inputs, err));
    TRY(prefix_of(b, c->two ? (i ? "else" : "then") : part, &prefix, err));
    TRY(add_on(b, "pivot", "Identity", pivots, output_for(c, i), &pivot, err));
    for (size_t k = 0; k < n_inputs; k++) inputs[k] = (graph_edge){switches[k], output_for(c, i)};
    inline_request r = {&function, prefix, inputs, n_inputs, b->n_types, pivot, true};
    TRY(inline_body(b->in, b->call, &r, &f, err));
    TRY(add_on(b, "ran", "Identity", pivot, 0, &leave, err));
    TRY(inline_wait(b->in, leave, &f, &b->effects, err));
    *values = f.rets;
    *done = (graph_edge){leave, 0};
    return INLAY_OK;
}

static inlay_status merge(brancher *b, const char *name, const graph_edge *values, size_t count, dtype type,
                          graph_node **out, inlay_error *err) {
    TRY(add(b, name, "Merge", values, (int)count, out, err));
    TRY(set_count(b, *out, "N", count, err));
    return type == INLAY_INVALID_DTYPE ? INLAY_OK : set_type(b, *out, type, err);
}

static inlay_status rewrite_cases(brancher *b, const cases *c, inlay_error *err) {
    size_t n_inputs = (size_t)b->call->n_inputs - 1;
    graph_node **switches = arena_zalloc(b->scratch, n_inputs + 1, sizeof(graph_node *)), *pivots, *leave;
    graph_edge **values = arena_zalloc(b->scratch, c->count + 1, sizeof(graph_edge *)), *done, *one, *results;
    if (!switches || !values) return fail_memory(err);
    TRY(make_edges(b, c->count, &done, err));
    TRY(make_edges(b, c->count, &one, err));
    TRY(make_edges(b, b->n_types, &results, err));
    TRY(add_switch(b, c, c->selector, &pivots, err));
    for (size_t k = 0; k < n_inputs; k++) TRY(add_switch(b, c, b->call->inputs[k + 1], &switches[k], err));
    for (size_t i = 0; i < c->count; i++) TRY(add_case(b, c, i, switches, pivots, &values[i], &done[i], err));
    for (size_t k = 0; k < b->n_types; k++) {
        graph_node *merged;
        for (size_t i = 0; i < c->count; i++) one[i] = values[i][k];
        TRY(merge(b, "merge", one, c->count, b->types[k], &merged, err));
        results[k] = (graph_edge){merged, 0};
    }
    TRY(merge(b, "exit", done, c->count, INLAY_INVALID_DTYPE, &leave, err));
    return inline_finish(b->in, b->call, results, b->n_types, leave, b->effects, err);
}

static inlay_status rewrite_if(brancher *b, inlay_error *err) {
    attrs a = graph_attrs(b->call);
    bytes functions[2], name;
    dtype type;
    TRY(attr_func(&a, "then_branch", &name, &functions[0], err));
    TRY(attr_func(&a, "else_branch", &name, &functions[1], err));
    TRY(attr_type(&a, "Tcond", &type, err));
    cases c = {.functions = functions, .count = 2, .two = true};
    TRY(truth(b, b->call->inputs[0], type, &c.selector, err));
    return rewrite_cases(b, &c, err);
}

static inlay_status rewrite_case(brancher *b, inlay_error *err) {
    attrs a = graph_attrs(b->call);
    cases c = {.selector = b->call->inputs[0]};
    bytes *functions;
    TRY(attr_funcs(&a, "branches", b->scratch, &functions, &c.count, err));
    c.functions = functions;
    if (c.count == 0) return fail(err, INLAY_INVALID_ARGUMENT, "it has no branches");
    return rewrite_cases(b, &c, err);
}

/* ---- While */

static inlay_status add_enter(brancher *b, size_t i, graph_node **out, inlay_error *err) {
    buffer value = {0};
    TRY(add(b, "enter", "Enter", &b->call->inputs[i], 1, out, err));
    attr_put_text(&value, bytes_of(b->call->name));
    inlay_status status = graph_set_attr(graph_of(b), *out, "frame_name", &value, err);
    buffer_free(&value);
    TRY(status);
    if (b->entry) TRY(graph_add_control(graph_of(b), *out, b->entry, err));
    return set_type(b, *out, b->types[i], err);
}

static inlay_status add_condition(brancher *b, const graph_edge *inputs, graph_node **out, inlay_error *err) {
    attrs a = graph_attrs(b->call);
    bytes name, list;
    called function;
    graph_node *pivot;
    graph_function f;
    graph_edge go_on;
    inline_request r = {&function, NULL, inputs, b->n_types, 1, NULL, true};
    TRY(attr_func(&a, "cond", &name, &list, err));
    TRY(inline_find(b->in, list, &function, b->scratch, err));
    TRY(prefix_of(b, "cond", &r.prefix, err));
    TRY(add(b, "round", "Identity", &inputs[0], 1, &pivot, err));
    r.entry = pivot;
    TRY(inline_body(b->in, b->call, &r, &f, err));
    TRY(truth(b, f.rets[0], INLAY_INVALID_DTYPE, &go_on, err));
    TRY(add(b, "again", "LoopCond", &go_on, 1, out, err));
    return inline_wait(b->in, *out, &f, &b->effects, err);
}

/* VALUES are what the next round begins with; DONE comes after the effects of this one. */
static inlay_status add_round(brancher *b, graph_node *const *switches, graph_edge **values, graph_node **done,
                              inlay_error *err) {
    attrs a = graph_attrs(b->call);
    bytes name, list;
    called function;
    graph_node *pivot;
    graph_function f;
    graph_edge *inputs;
    inline_request r = {&function, NULL, NULL, b->n_types, b->n_types, NULL, true};
    TRY(attr_func(&a, "body", &name, &list, err));
    TRY(inline_find(b->in, list, &function, b->scratch, err));
    TRY(prefix_of(b, "body", &r.prefix, err));
    TRY(make_edges(b, b->n_types, &inputs, err));
    for (size_t i = 0; i < b->n_types; i++) inputs[i] = (graph_edge){switches[i], 1};
    TRY(add(b, "pivot", "Identity", &inputs[0], 1, &pivot, err));
    r.inputs = inputs;
    r.entry = pivot;
    TRY(inline_body(b->in, b->call, &r, &f, err));
    TRY(add(b, "ran", "NoOp", NULL, 0, done, err));
    TRY(graph_add_control(graph_of(b), *done, pivot, err));
    *values = f.rets;
    return inline_wait(b->in, *done, &f, &b->effects, err);
}

static inlay_status rewrite_while(brancher *b, inlay_error *err) {
    size_t n = b->n_types;
    graph_node **merges = arena_zalloc(b->scratch, n + 1, sizeof(graph_node *));
    graph_node **switches = arena_zalloc(b->scratch, n + 1, sizeof(graph_node *));
    graph_node *again, *ran, *leave, *next, *out;
    graph_edge *starts, *inputs, *values, *results;
    if (!merges || !switches) return fail_memory(err);
    if (n == 0) return fail(err, INLAY_INVALID_ARGUMENT, "a loop over no values has no end");
    TRY(make_edges(b, n, &starts, err));
    TRY(make_edges(b, n, &inputs, err));
    TRY(make_edges(b, n, &results, err));
    for (size_t i = 0; i < n; i++) {
        TRY(add_enter(b, i, &starts[i].node, err));
        TRY(merge(b, "merge", &starts[i], 1, b->types[i], &merges[i], err));
        inputs[i] = (graph_edge){merges[i], 0};
    }
    TRY(add_condition(b, inputs, &again, err));
    for (size_t i = 0; i < n; i++) {
        TRY(add(b, "switch", "Switch", (graph_edge[]){inputs[i], {again, 0}}, 2, &switches[i], err));
        TRY(set_type(b, switches[i], b->types[i], err));
    }
    TRY(add_round(b, switches, &values, &ran, err));
    TRY(add(b, "exit", "NoOp", NULL, 0, &leave, err));
    for (size_t i = 0; i < n; i++) {
        TRY(add(b, "next", "NextIteration", &values[i], 1, &next, err));
        TRY(set_type(b, next, b->types[i], err));
        TRY(graph_add_control(graph_of(b), next, ran, err));
        TRY(graph_set_inputs(graph_of(b), merges[i], (graph_edge[]){starts[i], {next, 0}}, 2, err));
        TRY(set_count(b, merges[i], "N", 2, err));
        TRY(add_on(b, "leave", "Exit", switches[i], 0, &out, err));
        TRY(set_type(b, out, b->types[i], err));
        results[i] = (graph_edge){out, 0};
        if (i == 0 || b->effects) TRY(graph_add_control(graph_of(b), leave, out, err));
    }
    return inline_finish(b->in, b->call, results, n, leave, b->effects, err);
}

inlay_status inline_branches(inliner *in, graph_node *call, arena *scratch, inlay_error *err) {
    brancher b = {.in = in, .call = call, .scratch = scratch};
    attrs a = graph_attrs(call);
    op_values takes;
    bytes given;
    TRY(opdef_values(call->def->in, &a, scratch, &takes, err));
    if (takes.count != call->n_inputs)
        return fail(err, INLAY_INVALID_ARGUMENT, "it has %d inputs, its op takes %d", call->n_inputs, takes.count);
    bool loops = attr_given(&a, "body", &given);
    TRY(attr_types(&a, loops ? "T" : "Tout", scratch, &b.types, &b.n_types, err));
    TRY(inline_entry(in, call, &b.entry, err));
    if (loops) return rewrite_while(&b, err);
    return attr_given(&a, "branches", &given) ? rewrite_case(&b, err) : rewrite_if(&b, err);
}

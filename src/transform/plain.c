/* Finds scores that are only searched (plain.h) and puts one node "_InlayTopK" in place of their TopKV2: it scans the
 * stored rows and never holds the scores. What it is given are tensors, not variables, so a variable is read where the
 * graph reads it, before or after an assignment. Scores that somebody else asks for stay as they are, and so does what
 * waits for other nodes. */
#include "transform/plain.h"

enum { MOST_STEPS = 4096 };

/* Sets attribute NAME of N to what VALUE holds, which is freed. */
static inlay_status set(program *p, graph_node *n, const char *name, buffer *value, inlay_error *err) {
    inlay_status status = graph_set_attr(&p->g, n, name, value, err);
    buffer_free(value);
    return status;
}

static inlay_status set_int(program *p, graph_node *n, const char *name, int64_t value, inlay_error *err) {
    buffer b = {0};
    attr_put_int(&b, value);
    return set(p, n, name, &b, err);
}

static inlay_status set_bool(program *p, graph_node *n, const char *name, bool value, inlay_error *err) {
    buffer b = {0};
    attr_put_bool(&b, value);
    return set(p, n, name, &b, err);
}

static inlay_status set_type(program *p, graph_node *n, const char *name, dtype value, inlay_error *err) {
    buffer b = {0};
    attr_put_type(&b, value);
    return set(p, n, name, &b, err);
}

static dtype type_of(const plain_graph *g, graph_edge e) {
    plain_value v;
    return plain_value_of(g, e, (graph_edge){0}, &v) ? v.type : INLAY_INVALID_DTYPE;
}

/* ---- new nodes */

/* OP(A, B), or OP(A) when B.node is NULL, of float32. */
static inlay_status add_node(program *p, const char *name, const char *op, graph_edge a, graph_edge b, graph_edge *out,
                             inlay_error *err) {
    graph_edge inputs[2] = {a, b};
    graph_node *n;
    TRY(graph_add(&p->g, name, op, &n, err));
    TRY(graph_set_inputs(&p->g, n, inputs, b.node ? 2 : 1, err));
    *out = (graph_edge){n, 0};
    return set_type(p, n, "T", INLAY_FLOAT32, err);
}

/* E * NUMBER. */
static inlay_status add_multiple(program *p, const char *name, graph_edge e, float number, graph_edge *out,
                                 inlay_error *err) {
    tensor *value;
    graph_node *constant;
    *out = e;
    if (number == 1) return INLAY_OK;
    if (number == -1) return add_node(p, name, "Neg", e, (graph_edge){0}, out, err);
    TRY(tensor_from_f32(number, &value, err));
    inlay_status status = graph_add_constant(&p->g, name, value, &constant, err);
    tensor_release(value);
    TRY(status);
    return add_node(p, name, "Mul", e, (graph_edge){constant, 0}, out, err);
}

static inlay_status add_query(program *p, const char *name, const plain_form *f, graph_edge *out, inlay_error *err) {
    *out = f->product.query;
    for (int i = 0; i < f->n_factors; i++)
        TRY(add_node(p, name, f->factors[i].divides ? "RealDiv" : "Mul", *out, f->factors[i].edge, out, err));
    return f->product.kind == PLAIN_APART ? INLAY_OK : add_multiple(p, name, *out, f->scale, out, err);
}

/* *out: node NULL when there is none. */
static inlay_status add_offset(program *p, const char *name, const plain_form *f, graph_edge *out, inlay_error *err) {
    *out = (graph_edge){0};
    for (int i = 0; i < f->n_offsets; i++) {
        graph_edge one;
        TRY(add_multiple(p, name, f->offsets[i].edge, f->offsets[i].times, &one, err));
        if (i == 0)
            *out = one;
        else
            TRY(add_node(p, name, "AddV2", *out, one, out, err));
    }
    return INLAY_OK;
}

static inlay_status add_side(const plain_graph *g, const char *name, const plain_side *s, graph_edge *out,
                             inlay_error *err) {
    program *p = g->p;
    graph_node *n;
    buffer b = {0};
    TRY(graph_add(&p->g, name, "_InlayRowSide", &n, err));
    TRY(graph_set_inputs(&p->g, n, &s->base, 1, err));
    TRY(set_type(p, n, "T", type_of(g, s->base), err));
    TRY(set_bool(p, n, "squares", s->squares, err));
    TRY(set_bool(p, n, "transposed", s->squares && s->axis == 1, err));
    attr_put_ints(&b, s->steps, 2 * (size_t)s->n_steps);
    *out = (graph_edge){n, 0};
    return set(p, n, "steps", &b, err);
}

static inlay_status set_attributes(const plain_graph *g, graph_node *n, const graph_node *top, const plain_form *f,
                                   inlay_error *err) {
    const plain_product *product = &f->product;
    program *p = g->p;
    buffer b = {0};
    TRY(set_type(p, n, "T", type_of(g, product->rows), err));
    TRY(set_type(p, n, "Tk", node_type(top, "Tk"), err));
    TRY(set_type(p, n, "index_type", node_type(top, "index_type"), err));
    TRY(set_int(p, n, "S", product->sided, err));
    TRY(set_int(p, n, "P", f->n_offsets > 0, err));
    TRY(set_int(p, n, "rank", product->rank, err));
    TRY(set_bool(p, n, "transposed", product->transposed, err));
    attr_put_text(&b, bytes_of(product->kind == PLAIN_APART ? "apart" : f->less ? "less" : "dot"));
    return set(p, n, "metric", &b, err);
}

/* What is done to the winners' values. */
static inlay_status add_rest(program *p, const char *name, const plain_form *f, graph_edge *value, inlay_error *err) {
    tensor *plus;
    graph_node *constant;
    if (f->product.root) {
        TRY(add_node(p, name, "Neg", *value, (graph_edge){0}, value, err));
        TRY(add_node(p, name, "Sqrt", *value, (graph_edge){0}, value, err));
        TRY(add_node(p, name, "Neg", *value, (graph_edge){0}, value, err));
    }
    if (f->plus == 0) return INLAY_OK;
    TRY(tensor_from_f32(f->plus, &plus, err));
    inlay_status status = graph_add_constant(&p->g, name, plus, &constant, err);
    tensor_release(plus);
    TRY(status);
    return add_node(p, name, "AddV2", *value, (graph_edge){constant, 0}, value, err);
}

static inlay_status put_top(const plain_graph *g, graph_node *top, const plain_form *f, inlay_error *err) {
    program *p = g->p;
    graph_node *n;
    graph_edge inputs[5], offset;
    int count = 3;
    const char *name = arena_format(&p->g.memory, "%s/scan", top->name);
    if (!name) return fail_memory(err);
    TRY(add_query(p, name, f, &inputs[0], err));
    inputs[1] = f->product.rows;
    inputs[2] = top->inputs[1];
    if (f->product.sided) TRY(add_side(g, name, &f->product.side, &inputs[count++], err));
    TRY(add_offset(p, name, f, &offset, err));
    if (offset.node) inputs[count++] = offset;
    TRY(graph_add(&p->g, name, "_InlayTopK", &n, err));
    TRY(graph_set_inputs(&p->g, n, inputs, count, err));
    TRY(set_attributes(g, n, top, f, err));
    graph_edge value = {n, 0};
    TRY(add_rest(p, name, f, &value, err));
    TRY(program_redirect(p, (graph_edge){top, 0}, value, err));
    return program_redirect(p, (graph_edge){top, 1}, (graph_edge){n, 1}, err);
}

/* ---- the pass */

static bool match_plain(const plain_graph *g, const graph_node *top, plain_form *out) {
    dtype index = top->n_inputs == 2 ? node_type(top, "index_type") : INLAY_INVALID_DTYPE;
    if (!match_top(top) || top->n_controls || (index != INLAY_INT32 && index != INLAY_INT64)) return false;
    return plain_used_once(g, top->inputs[0]) && plain_form_of(g, top->inputs[0], out);
}

static bool is_target(const program *p, const graph_node *n) {
    for (size_t i = 0; i < p->n_targets; i++)
        if (p->targets[i] == n) return true;
    return false;
}

inlay_status pass_plain(program *p, op_host *host, inlay_error *err) {
    bool any = false;
    users u;
    graph_node **order;
    size_t count;
    TRY(program_order(p, &order, &count, err)); /* what other passes cut off uses nothing */
    TRY(users_find(p, &u, err));
    inlay_status status = INLAY_OK;
    count = p->g.n_nodes; /* of those that were there */
    for (size_t i = 0; i < count && status == INLAY_OK; i++) {
        graph_node *top = p->g.nodes[i];
        plain_form form;
        int steps = MOST_STEPS;
        plain_graph g = {p, host, &u, count, &steps};
        if (!top || strcmp(top->op, "TopKV2") != 0 || is_target(p, top) || !match_plain(&g, top, &form)) continue;
        steps = MOST_STEPS;
        status = put_top(&g, top, &form, err);
        any = true;
    }
    users_free(&u);
    return any && status == INLAY_OK ? program_order(p, &order, &count, err) : status;
}

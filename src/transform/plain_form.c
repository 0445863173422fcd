/* Scores: sums, multiples and quotients around one product of queries and stored rows. */
#include "op/row_side.h"
#include "transform/plain.h"

#include <math.h>

enum { DEEPEST = 16 };

/* ---- asking */

static bool constant_of(const plain_graph *g, graph_edge e, tensor **out) {
    *out = NULL;
    if (e.output != 0 || e.node->n_controls) return false;
    return graph_constant(&g->p->g, e.node, out, NULL) == INLAY_OK && *out;
}

/* One of more dimensions would widen what it is added to. */
bool plain_float(const plain_graph *g, graph_edge e, float *out) {
    tensor *t;
    if (!constant_of(g, e, &t) || t->type != INLAY_FLOAT32 || t->count != 1 || t->dims.rank > 1) return false;
    memcpy(out, t->data, sizeof *out);
    return isfinite(*out);
}

bool plain_ints(const plain_graph *g, graph_edge e, int64_t *out, int most, int *count) {
    tensor *t;
    if (!constant_of(g, e, &t) || t->dims.rank > 1 || t->count > most) return false;
    *count = (int)t->count;
    for (int i = 0; i < *count; i++)
        if (tensor_as_int(t, i, "", &out[i], NULL) != INLAY_OK) return false;
    return true;
}

bool plain_int(const plain_graph *g, graph_edge e, int64_t *out) {
    int count;
    return plain_ints(g, e, out, 1, &count) && count == 1;
}

shape plain_shape(const plain_graph *g, graph_edge e) {
    attrs a = graph_attrs(e.node);
    shape one = {.rank = -1}, *all;
    size_t count;
    if (strcmp(e.node->op, "_Arg") == 0 && attr_shape(&a, "shape", &one, NULL) == INLAY_OK) return one;
    if (attr_shapes(&a, "_output_shapes", &g->p->g.memory, &all, &count, NULL) == INLAY_OK && (size_t)e.output < count)
        return all[e.output];
    return (shape){.rank = -1};
}

bool plain_used_once(const plain_graph *g, graph_edge e) {
    if (e.node->index >= g->n_nodes) return false;
    size_t first = g->u->first[e.node->index], end = g->u->first[e.node->index + 1], uses = first < end;
    for (size_t i = first; i < end; i++) uses += g->u->items[i] != g->u->items[first]; /* x * x is one */
    for (size_t i = 0; i < g->p->n_fetches; i++) uses += g->p->fetches[i].node == e.node;
    for (size_t i = 0; i < g->p->n_targets; i++) uses += g->p->targets[i] == e.node;
    return uses == 1;
}

/* E's node, when it is an OP of N inputs that waits for nothing and nobody else uses. */
static graph_node *own(const plain_graph *g, graph_edge e, const char *op, int inputs) {
    graph_node *n = edge_source(e, op, 0);
    return n && n->n_inputs == inputs && n->n_controls == 0 && --*g->steps_left >= 0 && plain_used_once(g, e) ? n
                                                                                                              : NULL;
}

static graph_node *own_of(const plain_graph *g, graph_edge e, const char *const *ops, int inputs) {
    graph_node *n = NULL;
    for (; *ops && !n; ops++) n = own(g, e, *ops, inputs);
    return n;
}

/* ---- products */

/* ROWS holds the stored rows, those of number N along dimension AT of two. */
static bool take_rows(const plain_value *v, int at, plain_product *out) {
    if (v->base_rank != 2 || v->numbers || v->squared || v->type != INLAY_FLOAT32) return false;
    char axis = v->axes[at];
    if (v->factored && v->factor_axis != axis) return false;
    out->rows = v->base;
    out->transposed = axis == '1';
    out->count = v->dims[axis - '0'];
    out->sided = v->factored;
    out->side = v->factor;
    return true;
}

static bool is_float(const graph_node *n) {
    static const char *const names[] = {"T", "Ta", "Tb", "Tout"};
    bool any = false;
    for (size_t i = 0; i < 4; i++) {
        dtype t = node_type(n, names[i]);
        if (t != INLAY_INVALID_DTYPE && t != INLAY_FLOAT32) return false;
        any |= t == INLAY_FLOAT32;
    }
    return any;
}

static bool matmul(const plain_graph *g, graph_edge e, plain_product *out) {
    static const char *const batched[] = {"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", NULL};
    graph_node *n = own(g, e, "MatMul", 2), *batch = n ? NULL : own_of(g, e, batched, 2);
    plain_value rows;
    if (batch) n = batch;
    if (!n || !is_float(n) || !node_flag_is(n, batch ? "adj_x" : "transpose_a", false)) return false;
    if (!plain_value_of(g, n->inputs[1], (graph_edge){0}, &rows) || rows.rank != 2) return false;
    bool turned = node_flag_is(n, batch ? "adj_y" : "transpose_b", true);
    shape query = plain_shape(g, n->inputs[0]);
    out->kind = PLAIN_PRODUCT;
    out->query = n->inputs[0];
    out->rank = batch && query.rank != 2 ? 0 : 2;
    if (out->rank) out->base = out->query;
    return take_rows(&rows, turned ? 0 : 1, out);
}

/* "bd,nd->bn", whatever the letters and the order: which input has the rows, and along which dimension. */
static bool read_equation(bytes text, int *rows, int *at) {
    if (text.size != 9 || text.data[2] != ',' || text.data[5] != '-' || text.data[6] != '>') return false;
    const char *t = (const char *)text.data, *out = t + 7;
    for (int i = 0; i < 2; i++) {
        const char *query = t + 3 * i, *other = t + 3 * (1 - i);
        if (query[0] != out[0] || query[0] == query[1] || out[0] == out[1] || query[1] == out[1]) continue;
        *rows = 1 - i;
        *at = other[1] == out[1];
        if (other[*at] == out[1] && other[1 - *at] == query[1]) return true;
    }
    return false;
}

static bool einsum(const plain_graph *g, graph_edge e, plain_product *out) {
    graph_node *n = own(g, e, "Einsum", 2);
    plain_value v;
    bytes equation;
    int rows, at;
    attrs a = n ? graph_attrs(n) : (attrs){0};
    if (!n || !is_float(n) || attr_text(&a, "equation", &equation, NULL) != INLAY_OK ||
        !read_equation(equation, &rows, &at))
        return false;
    out->kind = PLAIN_PRODUCT;
    out->query = out->base = n->inputs[1 - rows];
    out->rank = 2;
    return plain_value_of(g, n->inputs[rows], (graph_edge){0}, &v) && v.rank == 2 && take_rows(&v, at, out);
}

/* What [batch, 1, dim] queries E are made of: the matrix that got its dimension of one. */
static bool widened(const plain_graph *g, graph_edge e, int64_t dim, graph_edge *base) {
    graph_node *n = e.node;
    plain_value v;
    if (n->n_inputs == 2 && (strcmp(n->op, "Mul") == 0 || strcmp(n->op, "RealDiv") == 0)) n = n->inputs[0].node;
    if (n->n_inputs < 2 || (strcmp(n->op, "ExpandDims") != 0 && strcmp(n->op, "StridedSlice") != 0)) return false;
    *base = n->inputs[0];
    shape dims = plain_shape(g, *base);
    if (dims.rank != 2 || dims.dims[1] != dim) return false;
    return plain_value_of(g, e, *base, &v) && v.rank == 3 && memcmp(v.axes, "0.1", 3) == 0 && !v.numbers && !v.squared;
}

/* [batch, 1, dim] queries and [1, rows, dim] or [rows, dim] rows, in either order. */
static bool widened_pair(const plain_graph *g, const graph_edge *pair, plain_product *out) {
    for (int k = 0; k < 2; k++) {
        plain_value v;
        if (!plain_value_of(g, pair[k], (graph_edge){0}, &v)) continue;
        if (v.rank != 2 && (v.rank != 3 || v.axes[0] != '.')) continue;
        if (v.axes[v.rank - 2] == '.' || v.axes[v.rank - 1] == '.') continue;
        *out = (plain_product){.kind = out->kind, .query = pair[1 - k], .rank = 3};
        if (widened(g, pair[1 - k], v.dims[v.axes[v.rank - 1] - '0'], &out->base) && take_rows(&v, v.rank - 2, out))
            return true;
    }
    return false;
}

/* Sum of products, or of squared differences, along the last of three dimensions. */
static bool summed(const plain_graph *g, graph_edge e, plain_product *out) {
    static const char *const differences[] = {"Sub", "SquaredDifference", NULL};
    graph_node *n = own(g, e, "Sum", 2), *inner;
    int64_t axis;
    float two;
    if (!n || !is_float(n) || !node_flag_is(n, "keep_dims", false) || !plain_int(g, n->inputs[1], &axis) ||
        (axis != 2 && axis != -1))
        return false;
    graph_edge from = n->inputs[0];
    out->kind = PLAIN_APART;
    if ((inner = own(g, from, "Mul", 2)) && !edge_same(inner->inputs[0], inner->inputs[1])) {
        out->kind = PLAIN_PRODUCT;
        return widened_pair(g, inner->inputs, out);
    }
    if (inner || (inner = own(g, from, "Square", 1)) ||
        ((inner = own(g, from, "Pow", 2)) && plain_float(g, inner->inputs[1], &two) && two == 2))
        from = inner->inputs[0];
    inner = own_of(g, from, differences, 2);
    bool squared = inner && (strcmp(inner->op, "Sub") == 0) == !edge_same(from, n->inputs[0]);
    return squared && widened_pair(g, inner->inputs, out) && !out->sided && !out->transposed;
}

bool plain_product_of(const plain_graph *g, graph_edge e, plain_product *out) {
    *out = (plain_product){0};
    if (matmul(g, e, out)) return true;
    *out = (plain_product){0};
    if (einsum(g, e, out)) return true;
    *out = (plain_product){0};
    return summed(g, e, out);
}

/* ---- what is around a product */

static bool add_factor(const plain_graph *g, graph_edge e, bool divides, int depth, plain_form *f) {
    plain_value v;
    plain_product *p = &f->product;
    if (depth == 0) return false;
    if (plain_value_of(g, e, (graph_edge){0}, &v)) {
        if (!plain_is_row(&v) || p->sided || v.side.count != p->count || p->count < 0) return false;
        p->sided = true;
        p->side = v.side;
        return !divides || plain_add_step(&p->side, ROW_RECIPROCAL, 0);
    }
    if (p->base.node && p->rank != 3 && plain_value_of(g, e, p->base, &v)) {
        if (!plain_is_column(&v) || f->n_factors == PLAIN_FACTORS) return false;
        f->factors[f->n_factors++] = (plain_factor){e, divides};
        return true;
    }
    graph_node *mul = edge_source_of(e, "Mul", 2);
    return mul && mul->n_controls == 0 && add_factor(g, mul->inputs[0], divides, depth - 1, f) &&
           add_factor(g, mul->inputs[1], divides, depth - 1, f);
}

/* A product with factors of its rows and its queries. */
static bool with_factors(const plain_graph *g, graph_edge e, int depth, plain_form *f) {
    if (plain_product_of(g, e, &f->product)) return true;
    if (depth == 0) return false;
    graph_node *mul = own(g, e, "Mul", 2), *div = own(g, e, "RealDiv", 2);
    plain_form before = *f;
    for (int k = 0; mul && k < 2; k++) {
        *f = before;
        if (with_factors(g, mul->inputs[k], depth - 1, f)) return add_factor(g, mul->inputs[1 - k], false, 4, f);
    }
    return div && with_factors(g, div->inputs[0], depth - 1, f) && add_factor(g, div->inputs[1], true, 4, f);
}

/* Terms of a sum with the numbers they are multiplied with. */
typedef struct terms {
    plain_addend items[PLAIN_ADDENDS];
    int count;
} terms;

static bool list_terms(const plain_graph *g, graph_edge e, float times, int depth, terms *out) {
    static const char *const sums[] = {"Add", "AddV2", "BiasAdd", "Sub", NULL}, *const multiples[] = {"Mul", "RealDiv",
                                                                                                      NULL};
    graph_node *n = depth ? own(g, e, "Neg", 1) : NULL;
    float number;
    if (n) return list_terms(g, n->inputs[0], -times, depth - 1, out);
    if (depth && (n = own_of(g, e, sums, 2)))
        return list_terms(g, n->inputs[0], times, depth - 1, out) &&
               list_terms(g, n->inputs[1], strcmp(n->op, "Sub") == 0 ? -times : times, depth - 1, out);
    n = depth ? own_of(g, e, multiples, 2) : NULL;
    for (int k = 0; n && k < 2; k++) {
        bool divides = strcmp(n->op, "RealDiv") == 0;
        if (!plain_float(g, n->inputs[k], &number) || (divides && k == 0) || number == 0) continue;
        return list_terms(g, n->inputs[1 - k], divides ? times / number : times * number, depth - 1, out);
    }
    if (out->count == PLAIN_ADDENDS || !isfinite(times)) return false;
    out->items[out->count++] = (plain_addend){e, times};
    return true;
}

/* A term beside the product. */
static bool add_term(const plain_graph *g, plain_addend a, plain_form *f) {
    plain_value v;
    plain_product *p = &f->product;
    if (plain_value_of(g, a.edge, (graph_edge){0}, &v)) {
        if (!plain_is_row(&v) || p->sided || p->kind != PLAIN_PRODUCT || v.side.count != p->count || p->count < 0)
            return false;
        p->sided = f->less = true;
        p->side = v.side;
        return a.times == -1 ||
               (a.times == 1 ? plain_add_step(&p->side, ROW_NEG, 0) : plain_add_step(&p->side, ROW_MUL, -a.times));
    }
    if (!p->base.node || !plain_value_of(g, a.edge, p->base, &v) || !plain_is_column(&v)) return false;
    f->offsets[f->n_offsets++] = a;
    return true;
}

bool plain_form_of(const plain_graph *g, graph_edge e, plain_form *out) {
    terms all = {0};
    int product = -1;
    if (!list_terms(g, e, 1, DEEPEST, &all)) return false;
    for (int i = 0; i < all.count; i++) {
        plain_form f = {.scale = all.items[i].times};
        if (!with_factors(g, all.items[i].edge, PLAIN_FACTORS, &f)) continue;
        if (product >= 0) return false;
        product = i;
        *out = f;
    }
    if (product < 0 || (out->product.kind == PLAIN_APART && (out->scale != -1 || out->n_factors || out->product.sided)))
        return false;
    for (int i = 0; i < all.count; i++)
        if (i != product && !add_term(g, all.items[i], out)) return false;
    return true;
}

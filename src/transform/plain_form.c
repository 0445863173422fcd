/* Scores: sums, multiples and quotients around one product of queries and stored rows. */
#include "op/row_side.h"
#include "transform/plain.h"

#include <math.h>

enum { DEEPEST = 16 };

/* ---- asking */

static bool constant_of(const plain_graph *g, graph_edge e, tensor **out) {
    *out = NULL;
    if (e.output != 0 || e.node->n_controls) return false;
    inlay_status status = graph_constant(&g->p->g, e.node, out, NULL);
    g->p->starved |= status == INLAY_RESOURCE_EXHAUSTED;
    return status == INLAY_OK && *out;
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
    /* of no dimensions: what old graphs say of placeholders that may be anything */
    if (strcmp(e.node->op, "_Arg") == 0 && attr_shape(&a, "shape", &one, NULL) == INLAY_OK && one.rank > 0) return one;
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

graph_node *plain_own(const plain_graph *g, graph_edge e, const char *op, int inputs) {
    graph_node *n = edge_source(e, op, 0);
    return n && n->n_inputs == inputs && n->n_controls == 0 && --*g->steps_left >= 0 && plain_used_once(g, e) ? n
                                                                                                              : NULL;
}

graph_node *plain_own_of(const plain_graph *g, graph_edge e, const char *const *ops, int inputs) {
    graph_node *n = NULL;
    for (; *ops && !n; ops++) n = plain_own(g, e, *ops, inputs);
    return n;
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
    bool scalar = plain_shape(g, e).rank == 0;
    if (scalar || (p->base.node && p->rank != 3 && plain_value_of(g, e, p->base, &v))) {
        if ((!scalar && !plain_is_column(&v)) || f->n_factors == PLAIN_FACTORS) return false;
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
    graph_node *same = plain_own(g, e, "Reshape", 2); /* tensordot's, to the shape that the product has */
    shape dims = plain_shape(g, e);
    if (same)
        return with_factors(g, same->inputs[0], depth - 1, f) && f->product.rank == 2 && dims.rank == 2 &&
               dims.dims[1] > 0 && dims.dims[1] == f->product.count;
    graph_node *mul = plain_own(g, e, "Mul", 2), *div = plain_own(g, e, "RealDiv", 2);
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
    float plus;
} terms;

static bool list_terms(const plain_graph *g, graph_edge e, float times, int depth, terms *out) {
    static const char *const sums[] = {"Add", "AddV2", "BiasAdd", "Sub", NULL}, *const multiples[] = {"Mul", "RealDiv",
                                                                                                      NULL};
    graph_node *n = depth ? plain_own(g, e, "Neg", 1) : NULL;
    float number;
    if (plain_float(g, e, &number)) {
        out->plus += times * number;
        return isfinite(out->plus);
    }
    if (n) return list_terms(g, n->inputs[0], -times, depth - 1, out);
    if (depth && (n = plain_own_of(g, e, sums, 2)))
        return list_terms(g, n->inputs[0], times, depth - 1, out) &&
               list_terms(g, n->inputs[1], strcmp(n->op, "Sub") == 0 ? -times : times, depth - 1, out);
    n = depth ? plain_own_of(g, e, multiples, 2) : NULL;
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
    out->plus = all.plus;
    return !out->product.root || out->n_offsets == 0;
}

/* The products and distances that scores are made of. */
#include "transform/plain.h"

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

/* The second input of a product: [.., ..], or, of a batch of QUERIES with as many dimensions, [1, .., ..], which is
 * spread over it. */
static bool product_rows(const plain_graph *g, const graph_node *n, int queries, plain_value *rows) {
    if (!plain_value_of(g, n->inputs[1], (graph_edge){0}, rows)) return false;
    bool spreads = strcmp(n->op, "MatMul") != 0 && strcmp(n->op, "BatchMatMul") != 0;
    return rows->rank == 2 || (spreads && rows->rank == 3 && queries == 3 && rows->axes[0] == '.');
}

static bool matmul(const plain_graph *g, graph_edge e, plain_product *out) {
    static const char *const batched[] = {"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", NULL};
    graph_node *n = plain_own(g, e, "MatMul", 2), *batch = n ? NULL : plain_own_of(g, e, batched, 2);
    plain_value rows;
    if (batch) n = batch;
    if (!n || !is_float(n) || !node_flag_is(n, batch ? "adj_x" : "transpose_a", false)) return false;
    shape query = plain_shape(g, n->inputs[0]);
    if (!product_rows(g, n, query.rank, &rows)) return false;
    bool turned = node_flag_is(n, batch ? "adj_y" : "transpose_b", true);
    out->kind = PLAIN_PRODUCT;
    out->query = n->inputs[0];
    out->rank = batch && query.rank != 2 ? 0 : 2;
    if (out->rank) out->base = out->query;
    return take_rows(&rows, rows.rank - (turned ? 2 : 1), out);
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
    graph_node *n = plain_own(g, e, "Einsum", 2);
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

/* The one dimension that Squeeze N takes out, -1 and up; -2 when that cannot be said. */
static int squeezed(const plain_graph *g, const graph_node *n) {
    attrs a = graph_attrs(n);
    int64_t *dims;
    size_t count;
    bool one = attr_ints(&a, "squeeze_dims", &g->p->g.memory, &dims, &count, NULL) == INLAY_OK && count == 1;
    return one && dims[0] >= -1 && dims[0] < PLAIN_RANK ? (int)dims[0] : -2;
}

/* One query: the product of the rows and a column, or of a row and them, that becomes a vector again. */
static bool vector(const plain_graph *g, graph_edge e, plain_product *out) {
    graph_node *n = plain_own(g, e, "Squeeze", 1), *m = n ? plain_own(g, n->inputs[0], "MatMul", 2) : NULL;
    plain_value rows;
    int64_t at;
    if (!m || !is_float(m)) return false;
    int axis = squeezed(g, n), column = axis != 0; /* the query is input 0 for a row, 1 for a column */
    const graph_node *widened = edge_source_of(m->inputs[column], "ExpandDims", 2);
    if (axis < -1 || axis > 1 || !widened || widened->n_controls || !plain_int(g, widened->inputs[1], &at))
        return false;
    if (column ? at != 1 && at != -1 : at != 0) return false;
    if (!node_flag_is(m, column ? "transpose_b" : "transpose_a", false)) return false;
    if (!plain_value_of(g, m->inputs[1 - column], (graph_edge){0}, &rows) || rows.rank != 2) return false;
    bool turned = node_flag_is(m, column ? "transpose_a" : "transpose_b", true);
    *out = (plain_product){.kind = PLAIN_PRODUCT, .query = widened->inputs[0], .rank = 1};
    return take_rows(&rows, turned == !column ? 0 : 1, out);
}

/* x[:, 0] of three dimensions. */
static bool takes_first(const plain_graph *g, const graph_node *n) {
    static const struct {
        const char *name;
        int64_t must, may; /* bits that are set, that may be */
    } masks[] = {{"begin_mask", 1, 3},
                 {"end_mask", 1, 1},
                 {"shrink_axis_mask", 2, 2},
                 {"new_axis_mask", 0, 0},
                 {"ellipsis_mask", 0, 0}};
    attrs a = graph_attrs(n);
    int64_t begin[2], strides[2], mask;
    int count, given;
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (attr_int(&a, masks[i].name, &mask, NULL) != INLAY_OK || (mask & masks[i].must) != masks[i].must ||
            (mask & ~masks[i].may))
            return false;
    return plain_ints(g, n->inputs[1], begin, 2, &count) && plain_ints(g, n->inputs[3], strides, 2, &given) &&
           count == 2 && given == 2 && begin[1] == 0 && strides[0] == 1 && strides[1] == 1;
}

/* One query each, [batch, 1, dim], whose products [batch, 1, rows] lose that dimension: Keras' Dot. */
static bool widened(const plain_graph *g, graph_edge e, plain_product *out) {
    graph_node *n = plain_own(g, e, "Squeeze", 1), *slice = n ? NULL : plain_own(g, e, "StridedSlice", 4);
    if (n ? squeezed(g, n) != 1 : !slice || !takes_first(g, slice)) return false;
    shape query;
    if (!matmul(g, (n ? n : slice)->inputs[0], out) || out->rank != 0) return false;
    query = plain_shape(g, out->query);
    out->rank = 3;
    return query.rank == 3 && query.dims[1] == 1;
}

/* [batch, 1, dim] queries E, and the matrix that got its dimension of one; or, with two DIMENSIONS in all, [dim]. */
static bool spread(const plain_graph *g, graph_edge e, int dimensions, int64_t dim, graph_edge *base) {
    graph_node *n = e.node;
    plain_value v;
    if (dimensions == 2) {
        shape dims = plain_shape(g, e);
        return dims.rank == 1 && dims.dims[0] == dim;
    }
    if (n->n_inputs == 2 && (strcmp(n->op, "Mul") == 0 || strcmp(n->op, "RealDiv") == 0)) n = n->inputs[0].node;
    if (n->n_inputs < 2 || (strcmp(n->op, "ExpandDims") != 0 && strcmp(n->op, "StridedSlice") != 0)) return false;
    *base = n->inputs[0];
    shape dims = plain_shape(g, *base);
    if (dims.rank != 2 || dims.dims[1] != dim) return false;
    return plain_value_of(g, e, *base, &v) && v.rank == 3 && memcmp(v.axes, "0.1", 3) == 0 && !v.numbers && !v.squared;
}

/* Queries and rows, in either order, spread over DIMENSIONS: [batch, 1, dim] and [1, rows, dim] or [rows, dim]; [dim]
 * and [rows, dim]. The width must be known: what is one wide would be spread too. */
static bool spread_pair(const plain_graph *g, const graph_edge *pair, int dimensions, plain_product *out) {
    plain_kind kind = out->kind;
    for (int k = 0; k < 2; k++) {
        plain_value v;
        if (!plain_value_of(g, pair[k], (graph_edge){0}, &v)) continue;
        if (v.rank != 2 && (v.rank != dimensions || v.axes[0] != '.')) continue;
        if (v.axes[v.rank - 2] == '.' || v.axes[v.rank - 1] == '.') continue;
        *out = (plain_product){.kind = kind, .query = pair[1 - k], .rank = dimensions == 3 ? 3 : 1};
        if (spread(g, pair[1 - k], dimensions, v.dims[v.axes[v.rank - 1] - '0'], &out->base) &&
            take_rows(&v, v.rank - 2, out))
            return true;
    }
    return false;
}

/* Sum along the last of DIMENSIONS of products, or of squared differences. */
static bool summed(const plain_graph *g, graph_edge e, int dimensions, bool keep, plain_product *out) {
    static const char *const differences[] = {"Sub", "SquaredDifference", NULL};
    graph_node *n = plain_own(g, e, "Sum", 2), *inner;
    int64_t axis;
    float two;
    if (!n || !is_float(n) || !node_flag_is(n, "keep_dims", keep) || !plain_int(g, n->inputs[1], &axis) ||
        (axis != dimensions - 1 && axis != -1))
        return false;
    graph_edge from = n->inputs[0];
    *out = (plain_product){.kind = PLAIN_APART};
    if ((inner = plain_own(g, from, "Mul", 2)) && !edge_same(inner->inputs[0], inner->inputs[1])) {
        out->kind = PLAIN_PRODUCT;
        return spread_pair(g, inner->inputs, dimensions, out);
    }
    if (inner || (inner = plain_own(g, from, "Square", 1)) ||
        ((inner = plain_own(g, from, "Pow", 2)) && plain_float(g, inner->inputs[1], &two) && two == 2))
        from = inner->inputs[0];
    inner = plain_own_of(g, from, differences, 2);
    bool squared = inner && (strcmp(inner->op, "Sub") == 0) == !edge_same(from, n->inputs[0]);
    return squared && spread_pair(g, inner->inputs, dimensions, out) && !out->sided && !out->transposed;
}

/* Sqrt of a sum of squared differences; tf.norm takes a dimension out afterwards. */
static bool rooted(const plain_graph *g, graph_edge e, int dimensions, plain_product *out) {
    graph_node *n = plain_own(g, e, "Squeeze", 1), *root;
    int axis = n ? squeezed(g, n) : 0;
    if (n && axis != -1 && axis != dimensions - 1) return false;
    root = plain_own(g, n ? n->inputs[0] : e, "Sqrt", 1);
    if (!root || !summed(g, root->inputs[0], dimensions, n != NULL, out) || out->kind != PLAIN_APART) return false;
    out->root = true;
    return true;
}

bool plain_product_of(const plain_graph *g, graph_edge e, plain_product *out) {
    bool (*const forms[])(const plain_graph *, graph_edge, plain_product *) = {matmul, einsum, vector, widened};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        *out = (plain_product){0};
        if (forms[i](g, e, out)) return true;
    }
    for (int dimensions = 2; dimensions <= 3; dimensions++)
        if (summed(g, e, dimensions, false, out) || rooted(g, e, dimensions, out)) return true;
    return false;
}

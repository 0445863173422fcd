#include "transform/search_chunk.h"

#include <math.h>

/* Where something is expected, what is there. */
graph_node *edge_source(graph_edge e, const char *op, int output) {
    return e.output == output && strcmp(e.node->op, op) == 0 ? e.node : NULL;
}

/* A source of op OP and N inputs or more. */
graph_node *edge_source_of(graph_edge e, const char *op, int inputs) {
    graph_node *n = edge_source(e, op, 0);
    return n && n->n_inputs >= inputs ? n : NULL;
}

bool edge_same(graph_edge a, graph_edge b) {
    return a.node == b.node && a.output == b.output;
}

static bool constant_of(program *p, graph_edge e, tensor **out) {
    *out = NULL;
    inlay_status status = e.output == 0 ? graph_constant(&p->g, e.node, out, NULL) : INLAY_OK;
    p->starved |= status == INLAY_RESOURCE_EXHAUSTED;
    return status == INLAY_OK && *out;
}

bool edge_int(program *p, graph_edge e, int64_t *out) {
    tensor *t;
    return constant_of(p, e, &t) && tensor_scalar_int(t, "", out, NULL) == INLAY_OK;
}

bool edge_float(program *p, graph_edge e, float *out) {
    tensor *t;
    if (!constant_of(p, e, &t) || t->type != INLAY_FLOAT32 || t->count != 1) return false;
    memcpy(out, t->data, sizeof *out);
    return true;
}

bool node_flag_is(const graph_node *n, const char *name, bool wanted) {
    attrs a = graph_attrs(n);
    bool value;
    return attr_bool(&a, name, &value, NULL) == INLAY_OK && value == wanted;
}

dtype node_type(const graph_node *n, const char *name) {
    attrs a = graph_attrs(n);
    dtype t;
    return attr_type(&a, name, &t, NULL) == INLAY_OK ? t : INLAY_INVALID_DTYPE;
}

/* What E was before a Cast from FROM to TO, E itself when there is none. */
static graph_edge before_cast(graph_edge e, dtype to, dtype *from) {
    graph_node *cast = edge_source_of(e, "Cast", 1);
    if (!cast || node_type(cast, "DstT") != to) return e;
    *from = node_type(cast, "SrcT");
    return cast->inputs[0];
}

/* Sum(Square(q), 1, keep_dims) of some q. */
bool match_squares(program *p, graph_edge e, graph_edge *query) {
    graph_node *sum = edge_source_of(e, "Sum", 2), *square;
    int64_t axis;
    if (!sum || !node_flag_is(sum, "keep_dims", true) || !edge_int(p, sum->inputs[1], &axis)) return false;
    if (axis != 1 && axis != -1) return false;
    square = edge_source_of(sum->inputs[0], "Square", 1);
    if (square) *query = square->inputs[0];
    return square != NULL;
}

/* Mul(q, Rsqrt(Maximum(squares of q, tiny))). */
bool match_unit(program *p, graph_edge e, graph_edge *query) {
    graph_node *mul = edge_source_of(e, "Mul", 2);
    for (int k = 0; mul && k < 2; k++) {
        graph_node *rsqrt = edge_source_of(mul->inputs[k], "Rsqrt", 1);
        graph_node *floor = rsqrt ? edge_source_of(rsqrt->inputs[0], "Maximum", 2) : NULL;
        float tiny;
        for (int j = 0; floor && j < 2; j++)
            if (edge_float(p, floor->inputs[j], &tiny) && tiny > 0 && tiny <= 1e-24f &&
                match_squares(p, floor->inputs[1 - j], query) && edge_same(*query, mul->inputs[1 - k]))
                return true;
    }
    return false;
}

/* Mul(q, 2). */
bool match_twice(program *p, graph_edge e, graph_edge *query) {
    graph_node *mul = edge_source_of(e, "Mul", 2);
    float two;
    for (int k = 0; mul && k < 2; k++)
        if (edge_float(p, mul->inputs[k], &two) && two == 2) {
            *query = mul->inputs[1 - k];
            return true;
        }
    return false;
}

/* Dims of variable HANDLE: declared, else those of what it holds. */
bool variable_dims(op_host *host, const graph_node *handle, shape *out) {
    attrs a = graph_attrs(handle);
    bytes container, name;
    dtype type;
    variable *v;
    tensor *value;
    int64_t count;
    if (attr_shape(&a, "shape", out, NULL) == INLAY_OK && shape_elements(out, &count)) return true;
    if (attr_text(&a, "container", &container, NULL) != INLAY_OK ||
        attr_text(&a, "shared_name", &name, NULL) != INLAY_OK || attr_type(&a, "dtype", &type, NULL) != INLAY_OK)
        return false;
    if (name.size == 0) name = bytes_of(handle->name);
    if (variable_find_or_make(host->resources, container, name, type, out, &v, NULL) != INLAY_OK) return false;
    bool held = variable_read(v, &value, NULL) == INLAY_OK;
    if (held) {
        *out = value->dims;
        tensor_release(value);
    }
    resource_release(&v->base);
    return held;
}

/* ReadVariableOp(VarHandleOp) of dtype TYPE. */
static graph_node *match_variable(graph_edge e, dtype type) {
    graph_node *read = edge_source_of(e, "ReadVariableOp", 1);
    return read && node_type(read, "dtype") == type ? edge_source(read->inputs[0], "VarHandleOp", 0) : NULL;
}

static bool is_stored(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 || t == INLAY_BFLOAT16;
}

/* [Cast] MatMul([Cast] scaled, [Cast] rows), float32 [batch, rows]. */
static bool match_product(op_host *host, graph_edge e, found_chunk *out) {
    dtype computed = INLAY_FLOAT32;
    e = before_cast(e, INLAY_FLOAT32, &computed);
    graph_node *product = edge_source_of(e, "MatMul", 2);
    if (!product || node_type(product, "T") != computed || !node_flag_is(product, "transpose_a", false)) return false;
    dtype query = computed, stored = computed;
    out->scaled = product->inputs[0]; /* a Cast to float32 is the extractor's own */
    if (computed != INLAY_FLOAT32) out->scaled = before_cast(out->scaled, computed, &query);
    graph_edge rows = before_cast(product->inputs[1], computed, &stored);
    if (query != INLAY_FLOAT32 || !is_stored(stored) || !is_stored(computed)) return false;
    /* A product in half precision rounds its scores: that is another answer. */
    if (computed != INLAY_FLOAT32 && computed != INLAY_FLOAT64) return false;
    out->rows = match_variable(rows, stored);
    out->transposed = !node_flag_is(product, "transpose_b", true);
    shape dims;
    if (!out->rows || !variable_dims(host, out->rows, &dims) || dims.rank != 2) return false;
    out->count = dims.dims[out->transposed];
    return true;
}

/* SelectV2(IsNan(s), -inf, s) is s here. */
static graph_edge without_guard(program *p, graph_edge e) {
    graph_node *select = edge_source_of(e, "SelectV2", 3);
    graph_node *test = select ? edge_source_of(select->inputs[0], "IsNan", 1) : NULL;
    float low;
    bool guards = test && edge_float(p, select->inputs[1], &low) && low == -INFINITY &&
                  edge_same(test->inputs[0], select->inputs[2]);
    return guards ? select->inputs[2] : e;
}

static bool match_side(op_host *host, graph_edge e, found_chunk *out) {
    shape dims;
    out->side = match_variable(e, INLAY_FLOAT32);
    return out->side && variable_dims(host, out->side, &dims) && dims.rank == 1 && dims.dims[0] == out->count;
}

static bool match_scores(program *p, op_host *host, graph_edge e, found_chunk *out) {
    e = without_guard(p, e);
    graph_node *mul = edge_source_of(e, "Mul", 2), *sub = edge_source_of(e, "Sub", 2);
    out->side = NULL;
    if (sub) {
        out->metric = SEARCH_L2;
        return match_product(host, sub->inputs[0], out) && match_side(host, sub->inputs[1], out);
    }
    for (int k = 0; mul && k < 2; k++) {
        out->metric = SEARCH_COSINE;
        if (match_product(host, mul->inputs[k], out) && match_side(host, mul->inputs[1 - k], out)) return true;
    }
    out->metric = SEARCH_DOT;
    return !mul && match_product(host, e, out);
}

/* Minimum(k, LIMIT). */
bool match_count(program *p, graph_edge e, int64_t limit, graph_edge *k) {
    graph_node *least = edge_source_of(e, "Minimum", 2);
    int64_t given;
    if (limit > INT32_MAX) limit = INT32_MAX;
    for (int i = 1; least && i >= 0; i--)
        if (edge_int(p, least->inputs[i], &given) && given == limit && node_type(least, "T") == INLAY_INT32) {
            *k = least->inputs[1 - i];
            return true;
        }
    return false;
}

bool match_top(const graph_node *top) {
    return top && top->n_inputs == 2 && node_flag_is(top, "sorted", true) && node_type(top, "T") == INLAY_FLOAT32;
}

bool match_first_row(program *p, graph_edge e, const graph_node *top, int64_t *first_row) {
    graph_node *add = edge_source_of(e, "AddV2", 2);
    for (int k = 0; add && k < 2; k++) {
        graph_node *cast = edge_source_of(add->inputs[k], "Cast", 1);
        if (cast && node_type(cast, "DstT") == INLAY_INT64 && edge_source(cast->inputs[0], "TopKV2", 1) == top &&
            edge_int(p, add->inputs[1 - k], first_row))
            return true;
    }
    return false;
}

bool match_chunk(program *p, op_host *host, const graph_node *top, found_chunk *out) {
    return match_top(top) && match_scores(p, host, top->inputs[0], out) &&
           match_count(p, top->inputs[1], out->count, &out->k);
}

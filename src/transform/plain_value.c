/* Expressions over one stored matrix: norms and other numbers of rows, rows turned, widened or normalised. */
#include "op/row_side.h"
#include "transform/plain.h"

enum { DEEPEST = 24 }; /* nodes: a hostile graph is no reason for a deep stack (nor for a long walk: steps_left) */

static bool find(const plain_graph *g, graph_edge e, graph_edge base, int depth, plain_value *v);

/* ---- where an expression begins */

static const graph_node *variable_behind(graph_edge e) {
    const graph_node *n = e.node;
    if (strcmp(n->op, "ReadVariableOp") == 0 && n->n_inputs == 1) return edge_source(n->inputs[0], "VarHandleOp", 0);
    if (strcmp(n->op, "Identity") == 0 && n->n_inputs == 1) n = n->inputs[0].node;
    return strcmp(n->op, "VariableV2") == 0 || strcmp(n->op, "Variable") == 0 ? n : NULL;
}

static bool stored_shape(const plain_graph *g, graph_edge e, dtype *type, shape *dims) {
    const graph_node *variable = e.output == 0 ? variable_behind(e) : NULL;
    tensor *value;
    if (variable) {
        *type = node_type(variable, "dtype");
        return variable_dims(g->host, variable, dims);
    }
    inlay_status status = e.output == 0 ? graph_constant(&g->p->g, e.node, &value, NULL) : INLAY_NOT_FOUND;
    g->p->starved |= status == INLAY_RESOURCE_EXHAUSTED;
    if (status != INLAY_OK || !value) return false;
    *type = value->type;
    *dims = value->dims;
    return true;
}

static bool begin(const plain_graph *g, graph_edge e, graph_edge base, plain_value *v) {
    shape dims = {.rank = 2, .dims = {-1, -1}};
    *v = (plain_value){.base = e, .type = INLAY_FLOAT32, .axes = {'0', '1'}};
    if (base.node) {
        if (!edge_same(e, base)) return false;
    } else if (!stored_shape(g, e, &v->type, &dims)) {
        return false;
    }
    if (dims.rank < 1 || dims.rank > 2) return false;
    if (v->type != INLAY_FLOAT32 && v->type != INLAY_FLOAT16 && v->type != INLAY_BFLOAT16) return false;
    v->rank = v->base_rank = dims.rank;
    v->dims[0] = dims.dims[0];
    v->dims[1] = dims.rank == 2 ? dims.dims[1] : 1;
    v->numbers = dims.rank == 1;
    v->side = (plain_side){.base = e, .count = v->dims[0]};
    return true;
}

/* ---- axes */

static bool insert_axis(plain_value *v, int64_t at) {
    if (at < 0) at += v->rank + 1;
    if (at < 0 || at > v->rank || v->rank == PLAIN_RANK) return false;
    memmove(v->axes + at + 1, v->axes + at, (size_t)(v->rank - at));
    v->axes[at] = '.';
    v->rank++;
    return true;
}

static bool expand(const plain_graph *g, const graph_node *n, plain_value *v) {
    int64_t at;
    return n->n_inputs == 2 && plain_int(g, n->inputs[1], &at) && insert_axis(v, at);
}

static bool squeeze(const graph_node *n, plain_value *v, arena *memory) {
    attrs a = graph_attrs(n);
    int64_t *dims;
    size_t count;
    /* without dims it depends on the sizes of a run */
    if (attr_ints(&a, "squeeze_dims", memory, &dims, &count, NULL) != INLAY_OK || count != 1) return false;
    int64_t at = dims[0] < 0 ? dims[0] + v->rank : dims[0];
    if (at < 0 || at >= v->rank || v->axes[at] != '.') return false;
    memmove(v->axes + at, v->axes + at + 1, (size_t)(v->rank - at - 1));
    v->rank--;
    return true;
}

static bool transpose(const plain_graph *g, const graph_node *n, plain_value *v) {
    int64_t order[PLAIN_RANK];
    char axes[PLAIN_RANK];
    int count;
    if (n->n_inputs != 2 || !plain_ints(g, n->inputs[1], order, PLAIN_RANK, &count) || count != v->rank) return false;
    memcpy(axes, v->axes, sizeof axes);
    for (int i = 0; i < count; i++) {
        if (order[i] < 0 || order[i] >= count) return false;
        v->axes[i] = axes[order[i]];
    }
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (order[i] == order[j]) return false;
    return true;
}

static int64_t mask_of(const graph_node *n, const char *name) {
    attrs a = graph_attrs(n);
    int64_t mask;
    return attr_int(&a, name, &mask, NULL) == INLAY_OK ? mask : -1;
}

/* A slice that takes everything and adds dimensions: x[:, None, :]. */
static bool slice(const plain_graph *g, const graph_node *n, plain_value *v) {
    int64_t ends[2 * PLAIN_RANK], strides[2 * PLAIN_RANK];
    int64_t whole = mask_of(n, "begin_mask") & mask_of(n, "end_mask"), added = mask_of(n, "new_axis_mask");
    int64_t rest = mask_of(n, "ellipsis_mask");
    int count, given, from = 0;
    plain_value out = *v;
    if (n->n_inputs != 4 || !plain_ints(g, n->inputs[1], ends, 2 * PLAIN_RANK, &count) ||
        !plain_ints(g, n->inputs[3], strides, 2 * PLAIN_RANK, &given) || given != count ||
        mask_of(n, "shrink_axis_mask") != 0)
        return false;
    int kept = v->rank - (count - __builtin_popcountll((unsigned long long)(added | rest)));
    out.rank = 0;
    for (int i = 0; i <= count; i++) {
        bool axis = i < count && (added >> i & 1), all = i == count || (rest >> i & 1);
        if (axis && all && i < count) return false;
        if (!axis && !all && (!(whole >> i & 1) || strides[i] != 1)) return false;
        int many = i == count ? v->rank - from : all ? kept : 1;
        for (int j = 0; j < many; j++) {
            if (out.rank == PLAIN_RANK || (!axis && from >= v->rank)) return false;
            out.axes[out.rank++] = axis ? '.' : v->axes[from++];
        }
    }
    *v = out;
    return true;
}

/* Numbers of rows only, as [n], [1, n] or [n, 1]. */
static bool reshape(const plain_graph *g, const graph_node *n, plain_value *v) {
    int64_t dims[PLAIN_RANK];
    int count, long_ones = 0;
    char axis = '.';
    if (n->n_inputs != 2 || !v->numbers || !plain_ints(g, n->inputs[1], dims, PLAIN_RANK, &count)) return false;
    for (int i = 0; i < v->rank; i++)
        if (v->axes[i] != '.') axis = v->axes[i];
    for (int i = 0; i < count; i++) {
        if (dims[i] != 1 && dims[i] != -1 && dims[i] != v->side.count) return false;
        v->axes[i] = dims[i] == 1 ? '.' : axis;
        long_ones += dims[i] != 1;
    }
    v->rank = count;
    return long_ones == 1;
}

/* ---- numbers */

bool plain_add_step(plain_side *s, int step, float number) {
    uint32_t bits;
    if (s->n_steps == PLAIN_STEPS) return false;
    memcpy(&bits, &number, sizeof bits);
    s->steps[2 * s->n_steps] = step;
    s->steps[2 * s->n_steps++ + 1] = bits;
    return true;
}

static bool square(plain_value *v) {
    if (v->numbers) return plain_add_step(&v->side, ROW_SQUARE, 0);
    bool first = !v->squared && !v->factored;
    v->squared = true;
    return first;
}

/* Of squares, along one axis of the matrix. */
static bool sum(const plain_graph *g, const graph_node *n, plain_value *v) {
    int64_t at;
    bool keep = node_flag_is(n, "keep_dims", true);
    if (n->n_inputs != 2 || v->numbers || !v->squared || !plain_int(g, n->inputs[1], &at)) return false;
    if (at < 0) at += v->rank;
    if (at < 0 || at >= v->rank || v->axes[at] == '.') return false;
    int axis = v->axes[at] == '0' ? 1 : 0;
    v->side = (plain_side){.base = v->base, .squares = true, .axis = axis, .count = v->dims[axis]};
    v->numbers = true;
    v->axes[at] = '.';
    if (keep) return true;
    memmove(v->axes + at, v->axes + at + 1, (size_t)(v->rank - at - 1));
    v->rank--;
    return true;
}

/* A step of one number, X OP constant or constant OP X. */
static bool step_with(plain_value *v, const char *op, bool constant_first, float number) {
    static const struct {
        const char *op;
        int step, reversed; /* -1: none */
    } steps[] = {{"Maximum", ROW_MAXIMUM, ROW_MAXIMUM},
                 {"Minimum", ROW_MINIMUM, ROW_MINIMUM},
                 {"Add", ROW_ADD, ROW_ADD},
                 {"AddV2", ROW_ADD, ROW_ADD},
                 {"Mul", ROW_MUL, ROW_MUL},
                 {"RealDiv", ROW_DIV, -1}};
    if (!v->numbers) return false;
    if (strcmp(op, "Sub") == 0)
        return (!constant_first || plain_add_step(&v->side, ROW_NEG, 0)) &&
               plain_add_step(&v->side, ROW_ADD, constant_first ? number : -number);
    if (strcmp(op, "RealDiv") == 0 && constant_first)
        return plain_add_step(&v->side, ROW_RECIPROCAL, 0) &&
               (number == 1 || plain_add_step(&v->side, ROW_MUL, number));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(op, steps[i].op) == 0)
            return plain_add_step(&v->side, constant_first ? steps[i].reversed : steps[i].step, number);
    return false;
}

/* The matrix V times FACTOR, a number for each row, spread along the other axis. */
static bool factor(plain_value *v, const plain_value *by, bool divides) {
    if (v->numbers || v->squared || v->factored || !by->numbers || by->rank > v->rank) return false;
    char axis = 0;
    for (int i = 1; i <= by->rank; i++) {
        if (by->axes[by->rank - i] == '.') continue;
        axis = v->axes[v->rank - i];
    }
    if (axis != '0' && axis != '1') return false;
    bool same = edge_same(by->base, v->base) && by->side.axis == axis - '0';
    if (!same && (by->side.count < 0 || by->side.count != v->dims[axis - '0'])) return false;
    v->factored = true;
    v->factor_axis = axis;
    v->factor = by->side;
    return !divides || plain_add_step(&v->factor, ROW_RECIPROCAL, 0);
}

/* Python reads a variable at each use. Reads that wait for nothing give the same, or TensorFlow may give either. */
static bool same_value(graph_edge a, graph_edge b) {
    if (edge_same(a, b)) return true;
    const graph_node *x = edge_source_of(a, "ReadVariableOp", 1), *y = edge_source_of(b, "ReadVariableOp", 1);
    return x && y && !x->n_controls && !y->n_controls && edge_same(x->inputs[0], y->inputs[0]);
}

static bool binary(const plain_graph *g, const graph_node *n, graph_edge base, int depth, plain_value *v) {
    float number;
    bool divides = strcmp(n->op, "RealDiv") == 0, times = strcmp(n->op, "Mul") == 0;
    for (int k = 0; k < 2; k++)
        if (plain_float(g, n->inputs[k], &number)) {
            if (!find(g, n->inputs[1 - k], base, depth, v) || v->type != INLAY_FLOAT32) return false;
            if (strcmp(n->op, "Pow") == 0 && k == 1 && number == 2) return square(v);
            return step_with(v, n->op, k == 0, number);
        }
    if (times && same_value(n->inputs[0], n->inputs[1]))
        return find(g, n->inputs[0], base, depth, v) && v->type == INLAY_FLOAT32 && square(v);
    for (int k = 0; k < 1 + times; k++) {
        plain_value by;
        if ((times || divides) && find(g, n->inputs[k], base, depth, v) && v->type == INLAY_FLOAT32 && !v->numbers &&
            find(g, n->inputs[1 - k], base, depth, &by) && by.type == INLAY_FLOAT32)
            return factor(v, &by, divides);
    }
    return false;
}

static bool unary(const plain_graph *g, const graph_node *n, plain_value *v) {
    static const struct {
        const char *op;
        int step;
    } steps[] = {{"Sqrt", ROW_SQRT},
                 {"Rsqrt", ROW_RSQRT},
                 {"Reciprocal", ROW_RECIPROCAL},
                 {"Inv", ROW_RECIPROCAL},
                 {"Neg", ROW_NEG}};
    if (strcmp(n->op, "ExpandDims") == 0) return expand(g, n, v);
    if (strcmp(n->op, "Squeeze") == 0) return squeeze(n, v, &g->p->g.memory);
    if (strcmp(n->op, "Transpose") == 0) return transpose(g, n, v);
    if (strcmp(n->op, "StridedSlice") == 0) return slice(g, n, v);
    if (strcmp(n->op, "Reshape") == 0) return reshape(g, n, v);
    if (strcmp(n->op, "Cast") == 0) {
        v->type = INLAY_FLOAT32;
        return !v->squared && node_type(n, "DstT") == INLAY_FLOAT32;
    }
    if (v->type != INLAY_FLOAT32) return false;
    if (strcmp(n->op, "Square") == 0) return square(v);
    if (strcmp(n->op, "Sum") == 0) return sum(g, n, v);
    for (size_t i = 0; v->numbers && i < sizeof steps / sizeof *steps; i++)
        if (strcmp(n->op, steps[i].op) == 0) return plain_add_step(&v->side, steps[i].step, 0);
    return false;
}

static bool is_binary(const graph_node *n) {
    static const char *const ops[] = {"Mul", "RealDiv", "Maximum", "Minimum", "Add", "AddV2", "Sub", "Pow"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(n->op, ops[i]) == 0) return n->n_inputs == 2;
    return false;
}

static bool find(const plain_graph *g, graph_edge e, graph_edge base, int depth, plain_value *v) {
    if (begin(g, e, base, v)) return true;
    const graph_node *n = e.node;
    if (depth == 0 || --*g->steps_left < 0 || e.output != 0 || n->n_controls || n->n_inputs == 0 || !n->def ||
        (n->def->flags & OP_STATEFUL))
        return false;
    if (is_binary(n)) return binary(g, n, base, depth - 1, v);
    return find(g, n->inputs[0], base, depth - 1, v) && unary(g, n, v);
}

bool plain_value_of(const plain_graph *g, graph_edge e, graph_edge base, plain_value *out) {
    return find(g, e, base, DEEPEST, out);
}

bool plain_is_row(const plain_value *v) {
    bool row = v->numbers && (v->rank == 1 || (v->rank == 2 && v->axes[0] == '.'));
    return row && v->axes[v->rank - 1] != '.' && v->type == INLAY_FLOAT32;
}

bool plain_is_column(const plain_value *v) {
    return v->numbers && v->rank == 2 && v->axes[0] != '.' && v->axes[1] == '.' && v->type == INLAY_FLOAT32;
}

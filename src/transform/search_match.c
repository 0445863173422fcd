/* Finds the search subgraph of a fused model (docs/formats/fused_model.md) and puts one node "_InlaySearch" in its
 * place, which scans the mapped rows and never holds the scores.
 *
 * A chunk: TopKV2(scores, Minimum(k, rows)) and AddV2(Cast(its places, int64), first row), where
 *   scores = [SelectV2(IsNan(s), -inf, s)] of s = product (dot), Mul(product, side) (cosine), Sub(product, side) (l2)
 *   product = [Cast] MatMul([Cast] scaled query, [Cast] ReadVariableOp(rows))
 * Several are merged by ConcatV2, TopKV2 and GatherV2. What else uses the nodes in between keeps them. */
#include "transform/passes.h"

#include "search/search.h"

#include <math.h>

/* Where something is expected, what is there. */
static graph_node *source(graph_edge e, const char *op, int output) {
    return e.output == output && strcmp(e.node->op, op) == 0 ? e.node : NULL;
}

/* A source of op OP and N inputs or more. */
static graph_node *source_of(graph_edge e, const char *op, int inputs) {
    graph_node *n = source(e, op, 0);
    return n && n->n_inputs >= inputs ? n : NULL;
}

static bool same_edge(graph_edge a, graph_edge b) {
    return a.node == b.node && a.output == b.output;
}

static bool constant_of(program *p, graph_edge e, tensor **out) {
    *out = NULL;
    return e.output == 0 && graph_constant(&p->g, e.node, out, NULL) == INLAY_OK && *out;
}

static bool int_constant(program *p, graph_edge e, int64_t *out) {
    tensor *t;
    return constant_of(p, e, &t) && tensor_scalar_int(t, "", out, NULL) == INLAY_OK;
}

static bool float_constant(program *p, graph_edge e, float *out) {
    tensor *t;
    if (!constant_of(p, e, &t) || t->type != INLAY_FLOAT32 || t->count != 1) return false;
    memcpy(out, t->data, sizeof *out);
    return true;
}

static bool flag_is(const graph_node *n, const char *name, bool wanted) {
    attrs a = graph_attrs(n);
    bool value;
    return attr_bool(&a, name, &value, NULL) == INLAY_OK && value == wanted;
}

static dtype type_of(const graph_node *n, const char *name) {
    attrs a = graph_attrs(n);
    dtype t;
    return attr_type(&a, name, &t, NULL) == INLAY_OK ? t : INLAY_INVALID_DTYPE;
}

/* What E was before a Cast from FROM to TO, E itself when there is none. */
static graph_edge before_cast(graph_edge e, dtype to, dtype *from) {
    graph_node *cast = source_of(e, "Cast", 1);
    if (!cast || type_of(cast, "DstT") != to) return e;
    *from = type_of(cast, "SrcT");
    return cast->inputs[0];
}

/* Sum(Square(q), 1, keep_dims) of some q. */
static bool match_squares(program *p, graph_edge e, graph_edge *query) {
    graph_node *sum = source_of(e, "Sum", 2), *square;
    int64_t axis;
    if (!sum || !flag_is(sum, "keep_dims", true) || !int_constant(p, sum->inputs[1], &axis)) return false;
    if (axis != 1 && axis != -1) return false;
    square = source_of(sum->inputs[0], "Square", 1);
    if (square) *query = square->inputs[0];
    return square != NULL;
}

/* Mul(q, Rsqrt(Maximum(squares of q, tiny))). */
static bool match_unit(program *p, graph_edge e, graph_edge *query) {
    graph_node *mul = source_of(e, "Mul", 2);
    for (int k = 0; mul && k < 2; k++) {
        graph_node *rsqrt = source_of(mul->inputs[k], "Rsqrt", 1);
        graph_node *floor = rsqrt ? source_of(rsqrt->inputs[0], "Maximum", 2) : NULL;
        float tiny;
        for (int j = 0; floor && j < 2; j++)
            if (float_constant(p, floor->inputs[j], &tiny) && tiny > 0 && tiny <= 1e-24f &&
                match_squares(p, floor->inputs[1 - j], query) && same_edge(*query, mul->inputs[1 - k]))
                return true;
    }
    return false;
}

/* Mul(q, 2). */
static bool match_twice(program *p, graph_edge e, graph_edge *query) {
    graph_node *mul = source_of(e, "Mul", 2);
    float two;
    for (int k = 0; mul && k < 2; k++)
        if (float_constant(p, mul->inputs[k], &two) && two == 2) {
            *query = mul->inputs[1 - k];
            return true;
        }
    return false;
}

/* ---- one chunk */

typedef struct found_chunk {
    graph_node *rows, *side; /* VarHandleOp; side NULL for dot */
    int64_t count, first_row;
    bool transposed;
    search_metric metric;
    graph_edge scaled; /* what the rows are multiplied with, before any Cast */
    graph_edge k;      /* what Minimum bounds */
} found_chunk;

/* Dims of variable HANDLE: declared, else those of what it holds. */
static bool variable_dims(op_host *host, const graph_node *handle, shape *out) {
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
    graph_node *read = source_of(e, "ReadVariableOp", 1);
    return read && type_of(read, "dtype") == type ? source(read->inputs[0], "VarHandleOp", 0) : NULL;
}

static bool is_stored(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 || t == INLAY_BFLOAT16;
}

/* [Cast] MatMul([Cast] scaled, [Cast] rows), float32 [batch, rows]. */
static bool match_product(op_host *host, graph_edge e, found_chunk *out) {
    dtype computed = INLAY_FLOAT32;
    e = before_cast(e, INLAY_FLOAT32, &computed);
    graph_node *product = source_of(e, "MatMul", 2);
    if (!product || type_of(product, "T") != computed || !flag_is(product, "transpose_a", false)) return false;
    dtype query = computed, stored = computed;
    out->scaled = before_cast(product->inputs[0], computed, &query);
    graph_edge rows = before_cast(product->inputs[1], computed, &stored);
    if (query != INLAY_FLOAT32 || !is_stored(stored) || !is_stored(computed)) return false;
    /* A product in half precision rounds its scores: that is another answer. */
    if (computed != INLAY_FLOAT32 && computed != INLAY_FLOAT64) return false;
    out->rows = match_variable(rows, stored);
    out->transposed = !flag_is(product, "transpose_b", true);
    shape dims;
    if (!out->rows || !variable_dims(host, out->rows, &dims) || dims.rank != 2) return false;
    out->count = dims.dims[out->transposed];
    return true;
}

/* SelectV2(IsNan(s), -inf, s) is s here. */
static graph_edge without_guard(program *p, graph_edge e) {
    graph_node *select = source_of(e, "SelectV2", 3);
    graph_node *test = select ? source_of(select->inputs[0], "IsNan", 1) : NULL;
    float low;
    bool guards = test && float_constant(p, select->inputs[1], &low) && low == -INFINITY &&
                  same_edge(test->inputs[0], select->inputs[2]);
    return guards ? select->inputs[2] : e;
}

static bool match_side(op_host *host, graph_edge e, found_chunk *out) {
    shape dims;
    out->side = match_variable(e, INLAY_FLOAT32);
    return out->side && variable_dims(host, out->side, &dims) && dims.rank == 1 && dims.dims[0] == out->count;
}

static bool match_scores(program *p, op_host *host, graph_edge e, found_chunk *out) {
    e = without_guard(p, e);
    graph_node *mul = source_of(e, "Mul", 2), *sub = source_of(e, "Sub", 2);
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
static bool match_count(program *p, graph_edge e, int64_t limit, graph_edge *k) {
    graph_node *least = source_of(e, "Minimum", 2);
    int64_t given;
    if (limit > INT32_MAX) limit = INT32_MAX;
    for (int i = 1; least && i >= 0; i--)
        if (int_constant(p, least->inputs[i], &given) && given == limit && type_of(least, "T") == INLAY_INT32) {
            *k = least->inputs[1 - i];
            return true;
        }
    return false;
}

static bool match_top(const graph_node *top) {
    return top && top->n_inputs == 2 && flag_is(top, "sorted", true) && type_of(top, "T") == INLAY_FLOAT32;
}

/* AddV2(Cast(top:1, int64), first row): *top is the chunk's TopKV2. */
static bool match_global(program *p, graph_edge e, graph_node **top, int64_t *first_row) {
    graph_node *add = source_of(e, "AddV2", 2);
    for (int k = 0; add && k < 2; k++) {
        graph_node *cast = source_of(add->inputs[k], "Cast", 1);
        if (!cast || type_of(cast, "DstT") != INLAY_INT64 || !int_constant(p, add->inputs[1 - k], first_row)) continue;
        *top = source(cast->inputs[0], "TopKV2", 1);
        return match_top(*top);
    }
    return false;
}

static bool match_chunk(program *p, op_host *host, graph_edge global, graph_node **top, found_chunk *out) {
    return match_global(p, global, top, &out->first_row) && match_scores(p, host, (*top)->inputs[0], out) &&
           match_count(p, (*top)->inputs[1], out->count, &out->k);
}

/* ---- the whole */

typedef struct found_search {
    found_chunk *chunks;
    size_t n_chunks;
    graph_edge query;
    graph_edge scores, rows; /* what the new node stands for */
} found_search;

static bool match_query(program *p, found_search *s) {
    graph_edge scaled = s->chunks[0].scaled;
    switch (s->chunks[0].metric) {
    case SEARCH_COSINE: return match_unit(p, scaled, &s->query);
    case SEARCH_L2: return match_twice(p, scaled, &s->query);
    default: s->query = scaled; return true;
    }
}

/* Chunks that belong together and come in order. */
static bool agree(const found_search *s) {
    const found_chunk *a = &s->chunks[0];
    if (a->first_row < 0) return false;
    for (size_t i = 1; i < s->n_chunks; i++) {
        const found_chunk *b = &s->chunks[i], *last = &s->chunks[i - 1];
        if (b->metric != a->metric || !same_edge(b->scaled, a->scaled) || !same_edge(b->k, a->k)) return false;
        if (b->first_row < last->first_row + last->count) return false;
    }
    return true;
}

/* Minimum(Sub(scores, squares of the query), 0) for l2: what stands for the scores. */
static bool match_distance(program *p, found_search *s) {
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        graph_node *least = p->g.nodes[i];
        float zero;
        graph_edge query;
        if (!least || strcmp(least->op, "Minimum") != 0 || least->n_inputs != 2) continue;
        for (int k = 0; k < 2; k++) {
            graph_node *sub = source_of(least->inputs[k], "Sub", 2);
            if (!sub || !same_edge(sub->inputs[0], s->scores) || !float_constant(p, least->inputs[1 - k], &zero) ||
                zero != 0 || !match_squares(p, sub->inputs[1], &query) || !same_edge(query, s->query))
                continue;
            s->scores = (graph_edge){least, 0};
            return true;
        }
    }
    return false;
}

static bool match_rest(program *p, found_search *s) {
    return agree(s) && match_query(p, s) && (s->chunks[0].metric != SEARCH_L2 || match_distance(p, s));
}

/* ConcatV2 along dimension 1. */
static graph_node *match_concat(program *p, graph_edge e) {
    graph_node *n = source_of(e, "ConcatV2", 2);
    int64_t axis;
    return n && int_constant(p, n->inputs[n->n_inputs - 1], &axis) && (axis == 1 || axis == -1) ? n : NULL;
}

/* GATHER picks the winners' rows among those of all chunks. */
static bool match_merged(program *p, op_host *host, graph_node *gather, found_search *s) {
    attrs a = graph_attrs(gather);
    int64_t axis, batch, total = 0;
    graph_edge k;
    if (gather->n_inputs != 3 || !int_constant(p, gather->inputs[2], &axis) || axis != 1) return false;
    if (attr_int(&a, "batch_dims", &batch, NULL) != INLAY_OK || batch != 1) return false;
    graph_node *top = source(gather->inputs[1], "TopKV2", 1);
    if (!match_top(top)) return false;
    graph_node *values = match_concat(p, top->inputs[0]), *rows = match_concat(p, gather->inputs[0]);
    if (!values || !rows || values->n_inputs != rows->n_inputs) return false;
    s->n_chunks = (size_t)rows->n_inputs - 1;
    s->chunks = arena_zalloc(&p->g.memory, s->n_chunks, sizeof *s->chunks);
    if (!s->chunks) return false;
    for (size_t i = 0; i < s->n_chunks; i++) {
        graph_node *own;
        if (!match_chunk(p, host, rows->inputs[i], &own, &s->chunks[i])) return false;
        if (!same_edge(values->inputs[i], (graph_edge){own, 0})) return false;
        total += s->chunks[i].count;
    }
    if (!match_count(p, top->inputs[1], total, &k) || !same_edge(k, s->chunks[0].k)) return false;
    s->scores = (graph_edge){top, 0};
    s->rows = (graph_edge){gather, 0};
    return match_rest(p, s);
}

/* A search of one chunk, whose rows ADD gives. */
static bool match_single(program *p, op_host *host, graph_node *add, found_search *s) {
    graph_node *top;
    s->n_chunks = 1;
    s->rows = (graph_edge){add, 0};
    found_chunk chunk = {0};
    if (!match_chunk(p, host, s->rows, &top, &chunk)) return false;
    s->chunks = arena_zalloc(&p->g.memory, 1, sizeof *s->chunks);
    if (!s->chunks) return false;
    s->chunks[0] = chunk;
    s->scores = (graph_edge){top, 0};
    return match_rest(p, s);
}

/* ---- putting the scan in */

static inlay_status set_attributes(program *p, graph_node *n, const found_search *s, inlay_error *err) {
    static const char *const metrics[] = {[SEARCH_COSINE] = "cosine", [SEARCH_DOT] = "dot", [SEARCH_L2] = "l2"};
    bool dot = s->chunks[0].metric == SEARCH_DOT;
    buffer b = {0};
    int64_t *numbers = mem_array(s->n_chunks, sizeof *numbers);
    inlay_status status = numbers ? INLAY_OK : fail_memory(err);
    attr_put_int(&b, (int64_t)s->n_chunks);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "N", &b, err);
    attr_put_int(&b, dot ? 0 : (int64_t)s->n_chunks);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "M", &b, err);
    attr_put_text(&b, bytes_of(metrics[s->chunks[0].metric]));
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "metric", &b, err);
    for (size_t i = 0; numbers && i < s->n_chunks; i++) numbers[i] = s->chunks[i].transposed;
    if (numbers) attr_put_ints(&b, numbers, s->n_chunks);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "transposed", &b, err);
    for (size_t i = 0; numbers && i < s->n_chunks; i++) numbers[i] = s->chunks[i].first_row;
    if (numbers) attr_put_ints(&b, numbers, s->n_chunks);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "first_rows", &b, err);
    mem_free(numbers);
    buffer_free(&b);
    return status;
}

static inlay_status put_search(program *p, const found_search *s, inlay_error *err) {
    graph_node *n;
    size_t count = 2;
    const char *name = arena_format(&p->g.memory, "%s/scan", s->rows.node->name);
    graph_edge *inputs = arena_zalloc(&p->g.memory, 2 * s->n_chunks + 2, sizeof *inputs);
    if (!name || !inputs) return fail_memory(err);
    TRY(graph_add(&p->g, name, "_InlaySearch", &n, err));
    inputs[0] = s->query;
    inputs[1] = s->chunks[0].k;
    for (size_t i = 0; i < s->n_chunks; i++) inputs[count++] = (graph_edge){s->chunks[i].rows, 0};
    for (size_t i = 0; i < s->n_chunks && s->chunks[i].side; i++) inputs[count++] = (graph_edge){s->chunks[i].side, 0};
    TRY(graph_set_inputs(&p->g, n, inputs, (int)count, err));
    TRY(set_attributes(p, n, s, err));
    TRY(program_redirect(p, s->scores, (graph_edge){n, 0}, err));
    return program_redirect(p, s->rows, (graph_edge){n, 1}, err);
}

/* Merged searches first: their chunks would match alone. */
static inlay_status replace_all(program *p, op_host *host, const char *op,
                                bool (*match)(program *, op_host *, graph_node *, found_search *), inlay_error *err) {
    bool any = false;
    size_t count = p->g.n_nodes; /* of those that were there */
    for (size_t i = 0; i < count; i++) {
        graph_node *n = p->g.nodes[i];
        found_search s = {0};
        if (!n || strcmp(n->op, op) != 0 || !match(p, host, n, &s)) continue;
        TRY(put_search(p, &s, err));
        any = true;
    }
    graph_node **order;
    return any ? program_order(p, &order, &count, err) : INLAY_OK;
}

inlay_status pass_search(program *p, op_host *host, inlay_error *err) {
    TRY(replace_all(p, host, "GatherV2", match_merged, err));
    return replace_all(p, host, "AddV2", match_single, err);
}

/* Finds the search subgraph of a fused model (docs/formats/fused_model.md) and puts one node "_InlaySearch" in its
 * place, which scans the mapped rows and never holds the scores.
 *
 * A chunk: TopKV2(scores, Minimum(k, rows)) and AddV2(Cast(its places, int64), first row), where
 *   scores = [SelectV2(IsNan(s), -inf, s)] of s = product (dot), Mul(product, side) (cosine, dot), Sub(product, side)
 * (l2) product = [Cast] MatMul([Cast] scaled query, [Cast] ReadVariableOp(rows)) Several are merged by ConcatV2, TopKV2
 * and GatherV2. What a run does not ask for (rows, say) may be missing. What else uses the nodes in between keeps them.
 */
#include "transform/search_chunk.h"
#include "transform/users.h"

typedef struct found_search {
    found_chunk *chunks;
    size_t n_chunks;
    graph_node *top; /* the last TopKV2 */
    graph_edge query;
    graph_edge scores; /* what the new node's outputs stand for; node NULL: nobody asks */
    graph_node *rows;  /* NULL: nobody asks */
    graph_edge own;    /* the queries are these rows, struck from their own answers; node NULL: they are not */
} found_search;

/* Products of a query that is no unit vector are dots, also where a chunk has factors: they exclude rows. */
static void settle_metric(program *p, found_search *s) {
    bool all = true;
    for (size_t i = 0; i < s->n_chunks; i++) all &= s->chunks[i].side != NULL;
    if (all && match_unit(p, s->chunks[0].scaled, &s->query)) return;
    for (size_t i = 0; i < s->n_chunks; i++)
        if (s->chunks[i].metric == SEARCH_COSINE) s->chunks[i].metric = SEARCH_DOT;
}

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
        if (b->metric != a->metric || !edge_same(b->scaled, a->scaled) || !edge_same(b->k, a->k)) return false;
        if (b->first_row < last->first_row || b->first_row - last->first_row < last->count) return false;
    }
    return true;
}

/* Minimum(Sub(scores, squares of the query), 0), for l2, is what stands for the scores; when nobody asks for scores,
 * there is none. */
static bool match_distance(program *p, const users *u, found_search *s) {
    graph_node *sub = users_with_op(u, s->scores, "Sub");
    graph_node *least = sub ? users_with_op(u, (graph_edge){sub, 0}, "Minimum") : NULL;
    graph_edge query;
    float zero;
    if (!sub) {
        s->scores.node = NULL;
        return s->rows != NULL;
    }
    if (!least || !edge_same(sub->inputs[0], s->scores) || !match_squares(p, sub->inputs[1], &query)) return false;
    for (int k = 0; k < 2; k++)
        if (edge_same(least->inputs[k], (graph_edge){sub, 0}) && edge_float(p, least->inputs[1 - k], &zero) &&
            zero == 0 && edge_same(query, s->query)) {
            s->scores = (graph_edge){least, 0};
            return true;
        }
    return false;
}

/* Cumsum(Cast(Equal(rows found, ExpandDims(own, 1)))), where OWN is what the run is given: no way leads back to it. */
static void find_own(program *p, const users *u, found_search *s) {
    graph_node *equal = s->rows ? users_with_op(u, (graph_edge){s->rows, 0}, "Equal") : NULL;
    graph_node *ones = equal ? users_with_op(u, (graph_edge){equal, 0}, "Cast") : NULL;
    if (!ones || equal->n_inputs != 2 || !users_with_op(u, (graph_edge){ones, 0}, "Cumsum")) return;
    for (int k = 0; k < 2; k++) {
        graph_node *widened = edge_source_of(equal->inputs[k], "ExpandDims", 2);
        int64_t axis;
        if (!widened || !edge_int(p, widened->inputs[1], &axis) || axis != 1) continue;
        if (node_type(widened, "T") == INLAY_INT64 && widened->inputs[0].node->n_inputs == 0)
            s->own = widened->inputs[0];
    }
}

static bool match_rest(program *p, const users *u, found_search *s) {
    s->scores = (graph_edge){s->top, 0};
    find_own(p, u, s);
    settle_metric(p, s);
    return agree(s) && match_query(p, s) && (s->chunks[0].metric != SEARCH_L2 || match_distance(p, u, s));
}

/* ConcatV2 along dimension 1. */
static graph_node *match_concat(program *p, graph_edge e) {
    graph_node *n = edge_source_of(e, "ConcatV2", 2);
    int64_t axis;
    return n && edge_int(p, n->inputs[n->n_inputs - 1], &axis) && (axis == 1 || axis == -1) ? n : NULL;
}

/* GatherV2 picks the winners' rows among those of all chunks, given in the order of VALUES. */
static bool match_rows(program *p, graph_node *gather, const graph_node *values, found_search *s) {
    attrs a = graph_attrs(gather);
    int64_t axis, batch;
    if (gather->n_inputs != 3 || !edge_int(p, gather->inputs[2], &axis) || axis != 1) return false;
    if (attr_int(&a, "batch_dims", &batch, NULL) != INLAY_OK || batch != 1) return false;
    graph_node *rows = match_concat(p, gather->inputs[0]);
    if (!rows || rows->n_inputs != values->n_inputs) return false;
    for (size_t i = 0; i < s->n_chunks; i++)
        if (!match_first_row(p, rows->inputs[i], values->inputs[i].node, &s->chunks[i].first_row)) return false;
    s->rows = gather;
    return true;
}

static bool match_merged(program *p, op_host *host, const users *u, found_search *s) {
    graph_edge k;
    int64_t total = 0;
    graph_node *values = match_top(s->top) ? match_concat(p, s->top->inputs[0]) : NULL;
    if (!values) return false;
    s->n_chunks = (size_t)values->n_inputs - 1;
    s->chunks = arena_zalloc(&p->g.memory, s->n_chunks, sizeof *s->chunks);
    if (!s->chunks) return p->starved = true, false;
    for (size_t i = 0; i < s->n_chunks; i++) {
        const graph_node *own = edge_source(values->inputs[i], "TopKV2", 0);
        if (!own || !match_chunk(p, host, own, &s->chunks[i])) return false;
        s->chunks[i].first_row = total;
        if (__builtin_add_overflow(total, s->chunks[i].count, &total)) return false;
    }
    if (!match_count(p, s->top->inputs[1], total, &k) || !edge_same(k, s->chunks[0].k)) return false;
    graph_node *gather = users_with_op(u, (graph_edge){s->top, 1}, "GatherV2");
    return (!gather || match_rows(p, gather, values, s)) && match_rest(p, u, s);
}

/* A search of one chunk. */
static bool match_single(program *p, op_host *host, const users *u, found_search *s) {
    found_chunk chunk = {0};
    if (!match_chunk(p, host, s->top, &chunk)) return false;
    graph_node *cast = users_with_op(u, (graph_edge){s->top, 1}, "Cast");
    graph_node *add = cast ? users_with_op(u, (graph_edge){cast, 0}, "AddV2") : NULL;
    if (add && match_first_row(p, (graph_edge){add, 0}, s->top, &chunk.first_row)) s->rows = add;
    s->n_chunks = 1;
    s->chunks = arena_zalloc(&p->g.memory, 1, sizeof *s->chunks);
    if (!s->chunks) return p->starved = true, false;
    s->chunks[0] = chunk;
    return match_rest(p, u, s);
}

/* ---- putting the scan in */

static inlay_status set_attributes(program *p, graph_node *n, const found_search *s, inlay_error *err) {
    static const char *const metrics[] = {[SEARCH_COSINE] = "cosine", [SEARCH_DOT] = "dot", [SEARCH_L2] = "l2"};
    size_t sides = 0;
    for (size_t i = 0; i < s->n_chunks; i++) sides += s->chunks[i].side != NULL;
    buffer b = {0};
    int64_t *numbers = mem_array(s->n_chunks, sizeof *numbers);
    inlay_status status = numbers ? INLAY_OK : fail_memory(err);
    attr_put_int(&b, (int64_t)s->n_chunks);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "N", &b, err);
    attr_put_int(&b, (int64_t)sides);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "M", &b, err);
    attr_put_int(&b, s->own.node != NULL);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "O", &b, err);
    attr_put_text(&b, bytes_of(metrics[s->chunks[0].metric]));
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "metric", &b, err);
    for (size_t i = 0; numbers && i < s->n_chunks; i++) numbers[i] = s->chunks[i].side != NULL;
    if (numbers) attr_put_ints(&b, numbers, s->n_chunks);
    if (status == INLAY_OK) status = graph_set_attr(&p->g, n, "sided", &b, err);
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
    const char *name = arena_format(&p->g.memory, "%s/scan", s->top->name);
    graph_edge *inputs = arena_zalloc(&p->g.memory, 2 * s->n_chunks + 3, sizeof *inputs);
    if (!name || !inputs) return fail_memory(err);
    TRY(graph_add(&p->g, name, "_InlaySearch", &n, err));
    inputs[0] = s->query;
    inputs[1] = s->chunks[0].k;
    for (size_t i = 0; i < s->n_chunks; i++) inputs[count++] = (graph_edge){s->chunks[i].rows, 0};
    for (size_t i = 0; i < s->n_chunks; i++)
        if (s->chunks[i].side) inputs[count++] = (graph_edge){s->chunks[i].side, 0};
    if (s->own.node) inputs[count++] = s->own;
    TRY(graph_set_inputs(&p->g, n, inputs, (int)count, err));
    TRY(set_attributes(p, n, s, err));
    if (s->scores.node) TRY(program_redirect(p, s->scores, (graph_edge){n, 0}, err));
    return s->rows ? program_redirect(p, (graph_edge){s->rows, 0}, (graph_edge){n, 1}, err) : INLAY_OK;
}

/* Merged searches first: their chunks would match alone. */
static inlay_status replace_all(program *p, op_host *host,
                                bool (*match)(program *, op_host *, const users *, found_search *), inlay_error *err) {
    bool any = false;
    users u;
    inlay_status status = INLAY_OK;
    size_t count = p->g.n_nodes; /* of those that were there */
    TRY(users_find(p, &u, err));
    for (size_t i = 0; i < count && status == INLAY_OK; i++) {
        found_search s = {.top = p->g.nodes[i]};
        if (!s.top || strcmp(s.top->op, "TopKV2") != 0 || !match(p, host, &u, &s)) continue;
        status = put_search(p, &s, err);
        any = true;
    }
    users_free(&u);
    graph_node **order;
    return any && status == INLAY_OK ? program_order(p, &order, &count, err) : status;
}

inlay_status pass_search(program *p, op_host *host, inlay_error *err) {
    TRY(replace_all(p, host, match_merged, err));
    return replace_all(p, host, match_single, err);
}

#include "model/plain_rows.h"

#include "model/model_private.h"

/* One look at a model. */
typedef struct look {
    model *m;
    char *prefix; /* of its checkpoint */
    bool sides;
    plain_rows_visit *visit;
    void *user;
    map seen; /* searches, by how they compare which rows; keys in the arena */
    arena memory;
} look;

/* A search that may have an index, as a program has it. */
typedef struct plain_top {
    graph_edge rows, side; /* side.node NULL: none */
    search_metric metric;
    bool transposed;
} plain_top;

static inlay_status refuse(look *l, const char *signature, const char *why, inlay_error *err) {
    return l->visit(l->user, &(plain_rows){.signature = signature, .why = why}, err);
}

/* ---- what a search reads */

/* The node of the variable that E reads, however else the run goes; NULL when it is none. */
static const graph_node *variable_read_by(graph_edge e) {
    const graph_node *n = e.node;
    if (n->n_controls) return NULL;
    if (strcmp(n->op, "ReadVariableOp") == 0 && n->n_inputs == 1)
        return strcmp(n->inputs[0].node->op, "VarHandleOp") == 0 ? n->inputs[0].node : NULL;
    if (strcmp(n->op, "Identity") == 0 && n->n_inputs == 1) n = n->inputs[0].node;
    bool reference = strcmp(n->op, "VariableV2") == 0 || strcmp(n->op, "Variable") == 0;
    return reference && n->n_controls == 0 ? n : NULL;
}

static bool is_constant(program *p, graph_edge e) {
    tensor *value;
    return e.output == 0 && graph_constant(&p->g, e.node, &value, NULL) == INLAY_OK && value;
}

/* The numbers of rows come from what is stored, too. */
static bool is_stored_side(program *p, graph_edge e) {
    if (is_constant(p, e)) return true;
    const graph_node *n = e.node;
    return strcmp(n->op, "_InlayRowSide") == 0 && n->n_controls == 0 && n->n_inputs == 1 &&
           (variable_read_by(n->inputs[0]) || is_constant(p, n->inputs[0]));
}

/* NULL, and *out, when search N may have an index; else why not. */
static const char *judge(program *p, const graph_node *n, plain_top *out) {
    attrs a = graph_attrs(n);
    bytes metric;
    int64_t sides;
    *out = (plain_top){.rows = n->inputs[1]};
    if (attr_text(&a, "metric", &metric, NULL) != INLAY_OK || attr_int(&a, "S", &sides, NULL) != INLAY_OK ||
        attr_bool(&a, "transposed", &out->transposed, NULL) != INLAY_OK)
        return "its node is malformed";
    if (bytes_is(metric, "apart"))
        return "it sums squared differences, for which there is no index; the same from products "
               "(2 q.x - |x|^2 - |q|^2) can have one";
    if (is_constant(p, out->rows)) return "its rows are a constant of the graph, and not those of a stored variable";
    if (!variable_read_by(out->rows)) return "what it reads depends on the run, as after an assignment";
    out->metric = bytes_is(metric, "less") ? SEARCH_LESS : SEARCH_DOT;
    if (sides) out->side = n->inputs[3];
    return !sides || is_stored_side(p, out->side) ? NULL : "the numbers of its rows depend on the run";
}

/* What tells T from searches that compare other rows, or otherwise, to *key in the arena. */
static inlay_status key_of(look *l, program *p, const plain_top *t, bytes *key, inlay_error *err) {
    buffer b = {0};
    int64_t *steps = NULL;
    size_t count = 0;
    buffer_format(&b, "%s\n%d %d", variable_read_by(t->rows)->name, t->metric, t->transposed);
    if (t->side.node) {
        attrs a = graph_attrs(t->side.node);
        bool constant = is_constant(p, t->side), squares = false, turned = false;
        const graph_node *base = constant ? t->side.node : variable_read_by(t->side.node->inputs[0]);
        if (!base) base = t->side.node->inputs[0].node;
        if (!constant && (attr_bool(&a, "squares", &squares, NULL) != INLAY_OK ||
                          attr_bool(&a, "transposed", &turned, NULL) != INLAY_OK ||
                          attr_ints(&a, "steps", &l->memory, &steps, &count, NULL) != INLAY_OK))
            b.failed = true;
        buffer_format(&b, " %d %d\n%s\n", squares, turned, base->name);
        for (size_t i = 0; i < count; i++) buffer_format(&b, " %lld", (long long)steps[i]);
    }
    char *kept = buffer_check(&b, err) == INLAY_OK ? arena_copy(&l->memory, buffer_bytes(&b)) : NULL;
    *key = bytes_make(kept, b.size);
    buffer_free(&b);
    return kept ? INLAY_OK : fail_memory(err);
}

/* The searches of P that were not met before, to TOPS [*n]; VISIT is told of those that can have no index. */
static inlay_status list_tops(look *l, program *p, const char *signature, plain_top **tops, size_t *n,
                              inlay_error *err) {
    *n = 0;
    *tops = arena_zalloc(&p->g.memory, p->g.n_nodes + 1, sizeof **tops);
    if (!*tops) return fail_memory(err);
    for (size_t i = 0; i < p->g.n_nodes; i++) {
        const graph_node *node = p->g.nodes[i];
        bytes key;
        plain_top *top = *tops + *n;
        if (!node || strcmp(node->op, "_InlayTopK") != 0) continue;
        const char *why = judge(p, node, top);
        if (why) {
            TRY(refuse(l, signature, why, err));
            continue;
        }
        TRY(key_of(l, p, top, &key, err));
        if (map_get(&l->seen, key, NULL)) continue;
        TRY(map_put(&l->seen, key, 1, err));
        ++*n;
    }
    return INLAY_OK;
}

/* ---- what is stored */

/* The entry that T, the value of a variable, was loaded from and still is: the same memory. NULL: none. */
static inlay_status find_stored(look *l, const tensor *t, const bundle_entry **out, inlay_error *err) {
    op_host *host = session_host(l->m->session);
    *out = NULL;
    for (size_t i = 0; i < bundle_count(l->m->variables) && !*out; i++) {
        const bundle_entry *e = bundle_at(l->m->variables, i);
        tensor *loaded;
        if (e->type != t->type || e->n_slices || t->count == 0 || !shape_equal(&e->dims, &t->dims)) continue;
        TRY(host->restore(host, bytes_of(l->prefix), e->key, bytes_of(""), &loaded, err));
        if (loaded->data == t->data) *out = e;
        tensor_release(loaded);
    }
    return INLAY_OK;
}

static inlay_status tell(look *l, const char *signature, const plain_top *top, const tensor *rows, const tensor *side,
                         inlay_error *err) {
    plain_rows found = {.signature = signature, .metric = top->metric};
    if (rows->dims.rank != 2) return refuse(l, signature, "its rows are no matrix", err);
    int64_t count = rows->dims.dims[top->transposed];
    if (side && side->count != count) return refuse(l, signature, "its rows have numbers of another count", err);
    TRY(find_stored(l, rows, &found.stored, err));
    if (!found.stored) return refuse(l, signature, "its rows are not as the checkpoint has them", err);
    found.dim = rows->dims.dims[!top->transposed];
    found.chunk = (search_chunk){.rows = rows->data,
                                 .side = side ? side->data : NULL,
                                 .count = count,
                                 .type = rows->type,
                                 .transposed = top->transposed};
    return l->visit(l->user, &found, err);
}

/* Has P, of which the rest is dropped, give the rows and side numbers of TOPS [n], to VALUES [2 n]: as a search meets
 * them. */
static inlay_status read_all(look *l, program *p, const plain_top *tops, size_t n, tensor **values, inlay_error *err) {
    tensor **nothing = mem_zalloc(p->n_feeds + 1, sizeof(tensor *));
    plan *made = NULL;
    p->fetches = arena_zalloc(&p->g.memory, 2 * n, sizeof *p->fetches);
    p->n_fetches = p->n_targets = 0;
    inlay_status status = nothing && p->fetches ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; status == INLAY_OK && i < n; i++) {
        p->fetches[p->n_fetches++] = tops[i].rows;
        p->fetches[p->n_fetches++] = l->sides && tops[i].side.node ? tops[i].side : tops[i].rows;
    }
    if (status == INLAY_OK) status = plan_make(p, session_host(l->m->session), &made, err);
    if (status == INLAY_OK) status = plan_run(made, nothing, values, &(run_options){0}, err);
    plan_free(made);
    mem_free(nothing);
    return status;
}

static inlay_status tell_all(look *l, program *p, const char *signature, const plain_top *given, size_t n,
                             inlay_error *err) {
    tensor **values = mem_zalloc(2 * n, sizeof(tensor *));
    plain_top *tops = mem_array(n, sizeof *tops); /* the program's are gone when it is a plan */
    inlay_status status = values && tops ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) memcpy(tops, given, n * sizeof *tops);
    if (status == INLAY_OK) status = read_all(l, p, tops, n, values, err);
    for (size_t i = 0; status == INLAY_OK && i < n; i++) {
        bool sided = l->sides && tops[i].side.node;
        status = tell(l, signature, tops + i, values[2 * i], sided ? values[2 * i + 1] : NULL, err);
    }
    for (size_t i = 0; values && i < 2 * n; i++) tensor_release(values[i]);
    mem_free(values);
    mem_free(tops);
    return status;
}

/* ---- all signatures */

static inlay_status look_at(look *l, const char *signature, inlay_error *err) {
    program p;
    plain_top *tops;
    size_t n;
    inlay_error why;
    inlay_status status = model_program(l->m, signature, &p, &why);
    if (status == INLAY_RESOURCE_EXHAUSTED && err) *err = why;
    if (status == INLAY_RESOURCE_EXHAUSTED) return status;
    if (status != INLAY_OK) return refuse(l, signature, why.message, err);
    status = list_tops(l, &p, signature, &tops, &n, err);
    if (status == INLAY_OK && n) status = tell_all(l, &p, signature, tops, n, err);
    program_free(&p);
    return status;
}

inlay_status plain_rows_find(const char *path, const char *signature, bool sides, plain_rows_visit *visit, void *user,
                             inlay_error *err) {
    look l = {.sides = sides, .visit = visit, .user = user};
    arena_init(&l.memory, 0);
    inlay_status status = model_open_bare(path, &l.m, err);
    if (status == INLAY_OK && l.m->variables && l.m->saved->folder) {
        TRY_TO(done, saved_variables_prefix(l.m->saved, &l.prefix, err));
        for (size_t i = 0; i < model_signature_count(l.m) && status == INLAY_OK; i++) {
            const char *key = model_signature(l.m, i)->key;
            if (!signature || strcmp(signature, key) == 0) status = look_at(&l, key, err);
        }
    }
done:
    model_close(l.m);
    map_free(&l.seen);
    mem_free(l.prefix);
    arena_free(&l.memory);
    return status;
}

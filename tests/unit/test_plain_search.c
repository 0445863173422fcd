/* Searches as people write them: which graphs become a scan, and what the scan's ops do. */
#include "unit/graph_maker.h"

#include "base/pool.h"
#include "op/row_side.h"
#include "transform/transform.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>

enum { ROWS = 5, DIM = 2 };
static const float rows[] = {1, 0, 0, 2, 3, 4, 0, 0, 3, 4}; /* rows 2 and 4 tie */
static const float queries[] = {1, 0, 1, 1, -2, 3, NAN, 1};

static const maker_attr F[] = {TYPE_ATTR("T", INLAY_FLOAT32), {0}};
static const maker_attr KEEP[] = {
    TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("Tidx", INLAY_INT32), BOOL_ATTR("keep_dims", 1), {0}};
static const maker_attr LOSE[] = {TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("Tidx", INLAY_INT32), {0}};
static const maker_attr TURNED[] = {TYPE_ATTR("T", INLAY_FLOAT32), BOOL_ATTR("transpose_b", 1), {0}};
static const maker_attr WIDE[] = {TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("Tdim", INLAY_INT32), {0}};

/* What all graphs have: queries q [n, 2], k, rows stored as a variable, as a constant, and turned; some constants. */
static void put_basis(buffer *b) {
    put_node(b, 1, "q", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32), SHAPE_ATTR("shape", -1, DIM)));
    put_node(b, 1, "k", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_INT32)));
    put_node(b, 1, "v", "VarHandleOp", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32), SHAPE_ATTR("shape", ROWS, DIM)));
    put_node(b, 1, "read", "ReadVariableOp", "v", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(b, 1, "again", "ReadVariableOp", "v", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(b, 1, "new", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(b, 1, "assign", "AssignVariableOp", "v new", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_constant(b, "rows", F32(DIMS(ROWS, DIM), 1, 0, 0, 2, 3, 4, 0, 0, 3, 4));
    put_constant(b, "columns", F32(DIMS(DIM, ROWS), 1, 0, 3, 0, 3, 0, 2, 4, 0, 4));
    put_constant(b, "bias", F32(DIMS(ROWS), 5, 1, -8, 3, 3));
    put_constant(b, "zero", I32(SCALAR, 0));
    put_constant(b, "one", I32(SCALAR, 1));
    put_constant(b, "last", I32(SCALAR, -1));
    put_constant(b, "two", F32(SCALAR, 2));
    put_constant(b, "tiny", F32(SCALAR, 1e-12f));
}

/* A node of one graph. */
typedef struct line {
    const char *name, *op, *inputs;
    const maker_attr *attributes;
} line;

typedef struct graph_case {
    const char *what;
    bool taken;
    line lines[14]; /* the last is called "scores" */
} graph_case;

#define SQUARES(name, of, axis, attributes)       \
    {name "_sq", "Square", of, F}, {              \
        name, "Sum", name "_sq " axis, attributes \
    }

static const graph_case cases[] = {
    {"product", true, {{"scores", "MatMul", "q read", TURNED}}},
    {"constant", true, {{"scores", "MatMul", "q rows", TURNED}}},
    {"columns", true, {{"scores", "MatMul", "q columns", F}}},
    {"negative", true, {{"m", "MatMul", "q columns", F}, {"scores", "Neg", "m", F}}},
    {"bias", true, {{"m", "MatMul", "q columns", F}, {"scores", "AddV2", "m bias", F}}},
    {"factor", true, {{"m", "MatMul", "q columns", F}, {"scores", "Mul", "bias m", F}}},
    {"two terms",
     false,
     {{"m", "MatMul", "q columns", F}, {"n", "Mul", "m bias", F}, {"scores", "AddV2", "n bias", F}}},
    {"cosine",
     true,
     {SQUARES("s", "read", "last", KEEP),
      {"f", "Maximum", "s tiny", F},
      {"r", "Rsqrt", "f", F},
      {"u", "Mul", "again r", F},
      {"scores", "MatMul", "q u", TURNED}}},
    {"norms along the other axis",
     false,
     {SQUARES("s", "read", "zero", KEEP),
      {"f", "Maximum", "s tiny", F},
      {"r", "Rsqrt", "f", F},
      {"u", "Mul", "again r", F},
      {"scores", "MatMul", "q u", TURNED}}},
    {"expanded",
     true,
     {SQUARES("s", "read", "one", LOSE),
      SQUARES("n", "q", "one", KEEP),
      {"m", "MatMul", "q again", TURNED},
      {"d", "Mul", "two m", F},
      {"e", "Sub", "d s", F},
      {"scores", "Sub", "e n", F}}},
    {"norm of another query",
     false,
     {{"other", "Abs", "q", F},
      SQUARES("n", "other", "one", KEEP),
      {"m", "MatMul", "q read", TURNED},
      {"scores", "Sub", "m n", F}}},
    {"apart",
     true,
     {{"w", "ExpandDims", "q one", WIDE},
      {"d", "Sub", "w read", F},
      SQUARES("s", "d", "last", LOSE),
      {"scores", "Neg", "s", F}}},
    {"root",
     true,
     {{"w", "ExpandDims", "q one", WIDE},
      {"d", "SquaredDifference", "read w", F},
      {"s", "Sum", "d last", LOSE},
      {"t", "Sqrt", "s", F},
      {"scores", "Neg", "t", F}}},
    {"far apart",
     false,
     {{"w", "ExpandDims", "q one", WIDE},
      {"d", "Sub", "w read", F},
      SQUARES("s", "d", "last", LOSE),
      {"scores", "Identity", "s", F}}},
    {"summed along the wrong axis",
     false,
     {{"w", "ExpandDims", "q one", WIDE},
      {"d", "Sub", "w read", F},
      SQUARES("s", "d", "zero", LOSE),
      {"scores", "Neg", "s", F}}},
    {"rows of the run", false, {{"u", "Mul", "read new", F}, {"scores", "MatMul", "q u", TURNED}}},
    {"waits", false, {{"scores", "MatMul", "q read ^assign", TURNED}}},
    {"squared", false, {{"m", "MatMul", "q read", TURNED}, {"scores", "Square", "m", F}}},
};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- running them */

static void put_case(buffer *b, const graph_case *c) {
    put_basis(b);
    for (const line *l = c->lines; l->name; l++) put_node(b, 1, l->name, l->op, l->inputs, l->attributes);
    put_node(b, 1, "top", "TopKV2", "scores k", F);
}

/* A plan of S for q, k and new to top:0 and top:1, after all passes when OPTIMIZE. */
static plan *make_plan(small_session *s, bool optimize) {
    inlay_error err;
    graph_edge in[3], wanted[2];
    program_request request = {.feeds = in, .n_feeds = 3, .fetches = wanted, .n_fetches = 2, .node_limit = 10000};
    static const char *const names[] = {"q", "k", "new"};
    for (int i = 0; i < 3; i++) assert_ok(graph_find_tensor(&s->model, bytes_of(names[i]), &in[i], &err), &err);
    assert_ok(graph_find_tensor(&s->model, bytes_of("top"), &wanted[0], &err), &err);
    wanted[1] = (graph_edge){wanted[0].node, 1};
    program made;
    plan *p;
    assert_ok(program_make(&s->model, &request, &made, &err), &err);
    if (optimize) assert_ok(transform_run(&made, &s->host, &err), &err);
    assert_ok(plan_make(&made, &s->host, &p, &err), &err);
    return p;
}

static void look(void *user, const char *text) {
    if (strstr(text, " = _InlayTopK(")) ++*(int *)user;
}

static void set_rows(small_session *s, const float *values) {
    inlay_error err;
    variable *v;
    shape dims = shape_matrix(ROWS, DIM);
    tensor *t = make_tensor(INLAY_FLOAT32, DIMS(ROWS, DIM), values);
    assert_ok(variable_find_or_make(&s->resources, bytes_of(""), bytes_of("v"), INLAY_FLOAT32, &dims, &v, &err), &err);
    assert_ok(variable_assign(v, t, true, &err), &err);
    resource_release(&v->base);
    tensor_release(t);
}

static inlay_status run_plan(const plan *p, int32_t k, tensor **out, inlay_error *err) {
    tensor *given[3] = {make_tensor(INLAY_FLOAT32, DIMS(4, DIM), queries), I32(SCALAR, k),
                        make_tensor(INLAY_FLOAT32, DIMS(ROWS, DIM), rows)};
    inlay_status status = plan_run(p, given, out, NULL, err);
    for (int i = 0; i < 3; i++) tensor_release(given[i]);
    return status;
}

static void assert_same(const char *what, tensor **graph, tensor **scan) {
    assert_int_equal(scan[1]->type, INLAY_INT32);
    for (int i = 0; i < 2; i++) assert_true(shape_equal(&graph[i]->dims, &scan[i]->dims));
    for (int64_t i = 0; i < graph[0]->count; i++) {
        float a = tensor_f32(graph[0])[i], b = tensor_f32(scan[0])[i];
        bool same = a == b || fabsf(a - b) <= 1e-6f * (1 + fabsf(a)) || (isnan(a) && isnan(b));
        if (!same || tensor_i32(graph[1])[i] != tensor_i32(scan[1])[i])
            fail_msg("%s: winner %d is row %d with %g, not row %d with %g", what, (int)i, tensor_i32(scan[1])[i],
                     (double)b, tensor_i32(graph[1])[i], (double)a);
    }
    for (int i = 0; i < 2; i++) {
        tensor_release(graph[i]);
        tensor_release(scan[i]);
    }
}

static void check_answers(const char *what, const plan *graph, const plan *scan) {
    inlay_error err;
    for (int32_t k = -1; k <= ROWS + 1; k++) {
        tensor *a[2], *b[2];
        inlay_status wanted = run_plan(graph, k, a, NULL);
        inlay_status got = run_plan(scan, k, b, &err);
        assert_int_equal(wanted, got);
        if (got == INLAY_OK) assert_same(what, a, b);
    }
}

static void only_searches_become_scans_and_answer_as_their_graphs(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        inlay_error err;
        buffer b = {0};
        small_session s;
        int taken = 0;
        put_case(&b, &cases[i]);
        assert_ok(small_open(&s, &b, &err), &err);
        set_rows(&s, rows);
        plan *graph = make_plan(&s, false), *scan = make_plan(&s, true);
        plan_describe(scan, look, &taken);
        if (taken != cases[i].taken) fail_msg("%s: %d scans", cases[i].what, taken);
        check_answers(cases[i].what, graph, scan);
        set_rows(&s,
                 (const float[]){0, 1, 7, NAN, 1, 1, -INFINITY, 1, 0, 0}); /* what was kept of the old is out of date */
        check_answers(cases[i].what, graph, scan);
        plan_free(graph);
        plan_free(scan);
        small_close(&s);
        buffer_free(&b);
    }
}

/* Each product can be looked at from two sides, and so can both of its factors: 2^depth ways, for each search. */
static void deep_graphs_are_given_up_soon(void **state) {
    (void)state;
    enum { DEPTH = 200, SEARCHES = 100 };
    inlay_error err;
    buffer b = {0};
    char name[2][40] = {"read", "again"}, inputs[100];
    small_session s;
    int taken = 0;
    put_basis(&b);
    for (int i = 0; i < DEPTH; i++) {
        char next[2][40];
        for (int k = 0; k < 2; k++) {
            snprintf(next[k], sizeof next[k], "n%d_%d", i, k);
            snprintf(inputs, sizeof inputs, "%s %s", name[k], name[1 - k]);
            put_node(&b, 1, next[k], "Mul", inputs, F);
        }
        memcpy(name, next, sizeof name);
    }
    snprintf(inputs, sizeof inputs, "q %s", name[0]);
    for (int i = 0; i < SEARCHES; i++) {
        char product[40], search[40];
        snprintf(product, sizeof product, "m%d", i);
        snprintf(search, sizeof search, "t%d", i);
        put_node(&b, 1, product, "MatMul", inputs, TURNED);
        snprintf(product + strlen(product), sizeof product - strlen(product), " k");
        put_node(&b, 1, search, "TopKV2", product, F);
    }
    assert_ok(small_open(&s, &b, &err), &err);
    graph_edge wanted[SEARCHES];
    program_request request = {.fetches = wanted, .n_fetches = SEARCHES, .node_limit = 10000};
    for (int i = 0; i < SEARCHES; i++) {
        snprintf(inputs, sizeof inputs, "t%d", i);
        assert_ok(graph_find_tensor(&s.model, bytes_of(inputs), &wanted[i], &err), &err);
    }
    program made;
    plan *p;
    assert_ok(program_make(&s.model, &request, &made, &err), &err);
    assert_ok(transform_run(&made, &s.host, &err), &err);
    assert_ok(plan_make(&made, &s.host, &p, &err), &err);
    plan_describe(p, look, &taken);
    assert_int_equal(taken, 0);
    plan_free(p);
    small_close(&s);
    buffer_free(&b);
}

/* ---- many threads */

typedef struct crowd {
    const plan *p;
    small_session *s;
    bool assigns;
} crowd;

static void *run_often(void *arg) {
    const crowd *c = arg;
    for (int i = 0; i < 200; i++) {
        tensor *out[2];
        inlay_error err;
        if (c->assigns) {
            set_rows(c->s, rows);
            continue;
        }
        assert_ok(run_plan(c->p, 3, out, &err), &err);
        tensor_release(out[0]);
        tensor_release(out[1]);
    }
    return NULL;
}

static void norms_are_kept_for_all_threads(void **state) {
    (void)state;
    const graph_case *c = cases;
    while (strcmp(c->what, "cosine") != 0) c++;
    inlay_error err;
    buffer b = {0};
    small_session s;
    put_case(&b, c);
    assert_ok(small_open(&s, &b, &err), &err);
    set_rows(&s, rows);
    plan *p = make_plan(&s, true);
    pthread_t threads[4];
    crowd work[4];
    for (int i = 0; i < 4; i++) {
        work[i] = (crowd){p, &s, i == 3};
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &work[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    plan_free(p);
    small_close(&s);
    buffer_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_searches_become_scans_and_answer_as_their_graphs),
        cmocka_unit_test(deep_graphs_are_given_up_soon),
        cmocka_unit_test(norms_are_kept_for_all_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

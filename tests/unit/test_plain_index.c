/* Plain searches with an index of their rows: the same answers, and only of what was loaded. */
#include "unit/graph_maker.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "search/index_set.h"
#include "transform/transform.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { ROWS = 41000, DIM = 16, QUERIES = 24, K = 9 }; /* as few as the index is asked about, by a batch */

static const maker_attr F[] = {TYPE_ATTR("T", INLAY_FLOAT32), {0}};
static const maker_attr KEEP[] = {
    TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("Tidx", INLAY_INT32), BOOL_ATTR("keep_dims", 1), {0}};
static const maker_attr LOSE[] = {TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("Tidx", INLAY_INT32), {0}};
static const maker_attr TURNED[] = {TYPE_ATTR("T", INLAY_FLOAT32), BOOL_ATTR("transpose_b", 1), {0}};

typedef struct line {
    const char *name, *op, *inputs;
    const maker_attr *attributes;
} line;

/* How scores are made of queries q and the variable that is read, and how its rows are compared then. */
typedef struct form {
    const char *what;
    search_metric metric;
    bool transposed;
    char side; /* 'r': 1/|x|, 's': |x|^2, 0: none */
    line lines[10];
} form;

static const form forms[] = {
    {"dot", SEARCH_DOT, false, 0, {{"scores", "MatMul", "q read", TURNED}}},
    {"columns", SEARCH_DOT, true, 0, {{"scores", "MatMul", "q read", F}}},
    {"cosine",
     SEARCH_DOT,
     false,
     'r',
     {{"sq", "Square", "read", F},
      {"s", "Sum", "sq one", KEEP},
      {"r", "Rsqrt", "s", F},
      {"u", "Mul", "read r", F},
      {"scores", "MatMul", "q u", TURNED}}},
    {"cosine of columns",
     SEARCH_DOT,
     true,
     'r',
     {{"sq", "Square", "read", F},
      {"s", "Sum", "sq zero", KEEP},
      {"r", "Rsqrt", "s", F},
      {"u", "Mul", "read r", F},
      {"scores", "MatMul", "q u", F}}},
    {"expanded l2",
     SEARCH_LESS,
     false,
     's',
     {{"sq", "Square", "read", F},
      {"s", "Sum", "sq one", LOSE},
      {"m", "MatMul", "q read", TURNED},
      {"d", "Mul", "two m", F},
      {"scores", "Sub", "d s", F}}},
};
enum { FORMS = sizeof forms / sizeof *forms };

/* ---- the model */

static float *random_rows(uint32_t seed) {
    float *out = malloc(sizeof *out * ROWS * DIM);
    for (int i = 0; i < ROWS * DIM; i++) {
        seed = seed * 1664525 + 1013904223;
        out[i] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
    for (int row = 100; row < 104; row++) memcpy(out + row * DIM, out + 7 * DIM, sizeof *out * DIM); /* ties */
    return out;
}

static const int64_t *dims_of(const form *f) {
    static const int64_t dims[2][3] = {{ROWS, DIM, -1}, {DIM, ROWS, -1}};
    return dims[f->transposed];
}

static void put_form(buffer *b, const form *f) {
    const int64_t *dims = dims_of(f);
    put_node(b, 1, "q", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32), SHAPE_ATTR("shape", -1, DIM)));
    put_node(b, 1, "k", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_INT32)));
    put_node(b, 1, "v", "VarHandleOp", "",
             ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32), SHAPE_ATTR("shape", dims[0], dims[1])));
    put_node(b, 1, "read", "ReadVariableOp", "v", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_constant(b, "zero", I32(SCALAR, 0));
    put_constant(b, "one", I32(SCALAR, 1));
    put_constant(b, "two", F32(SCALAR, 2));
    for (const line *l = f->lines; l->name; l++) put_node(b, 1, l->name, l->op, l->inputs, l->attributes);
    put_node(b, 1, "top", "TopKV2", "scores k", F);
}

static plan *make_plan(small_session *s) {
    inlay_error err;
    graph_edge in[2], wanted[2];
    program_request request = {.feeds = in, .n_feeds = 2, .fetches = wanted, .n_fetches = 2, .node_limit = 10000};
    program made;
    plan *p;
    assert_ok(graph_find_tensor(&s->model, bytes_of("q"), &in[0], &err), &err);
    assert_ok(graph_find_tensor(&s->model, bytes_of("k"), &in[1], &err), &err);
    assert_ok(graph_find_tensor(&s->model, bytes_of("top"), &wanted[0], &err), &err);
    wanted[1] = (graph_edge){wanted[0].node, 1};
    assert_ok(program_make(&s->model, &request, &made, &err), &err);
    assert_ok(transform_run(&made, &s->host, &err), &err);
    assert_ok(plan_make(&made, &s->host, &p, &err), &err);
    return p;
}

static void assign(small_session *s, const form *f, tensor *t) {
    inlay_error err;
    variable *v;
    const int64_t *sizes = dims_of(f);
    shape dims = shape_matrix(sizes[0], sizes[1]);
    assert_ok(variable_find_or_make(&s->resources, bytes_of(""), bytes_of("v"), INLAY_FLOAT32, &dims, &v, &err), &err);
    assert_ok(variable_assign(v, t, true, &err), &err);
    resource_release(&v->base);
}

static void run(const plan *p, const float *queries, tensor **out) {
    inlay_error err;
    tensor *given[2] = {make_tensor(INLAY_FLOAT32, DIMS(QUERIES, DIM), queries), I32(SCALAR, K)};
    assert_ok(plan_run(p, given, out, NULL, &err), &err);
    for (int i = 0; i < 2; i++) tensor_release(given[i]);
}

/* ---- the index */

/* As _InlayRowSide computes them. */
static float *sides_of(const form *f, const float *rows) {
    float *out = f->side ? malloc(sizeof *out * ROWS) : NULL;
    for (int i = 0; out && i < ROWS; i++) {
        double sum = 0;
        for (int j = 0; j < DIM; j++) {
            double x = (double)rows[f->transposed ? j * ROWS + i : i * DIM + j];
            sum += x * x;
        }
        out[i] = f->side == 's' ? (float)sum : 1 / sqrtf((float)sum);
    }
    return out;
}

/* An index of ROWS in S, whose side numbers are SIDES, or others when WRONG. */
static void add_index(index_set *s, const form *f, const float *rows, bool wrong, uint8_t **bytes_out) {
    inlay_error err;
    uint64_t size;
    search_index *x;
    float *sides = sides_of(f, rows);
    search_chunk chunk = {
        .rows = rows, .side = sides, .count = ROWS, .type = INLAY_FLOAT32, .transposed = f->transposed};
    search_tie tie = {.key = bytes_of("rows"), .computed = sides != NULL};
    if (sides) tie.side_crc = crc32c(0, sides, sizeof *sides * ROWS) ^ wrong;
    assert_ok(search_index_size(ROWS, DIM, tie.key.size, &size, &err), &err);
    *bytes_out = mem_aligned(64, (size_t)size);
    assert_ok(search_index_fill(&chunk, DIM, f->metric, &tie, *bytes_out, NULL, &err), &err);
    assert_ok(search_index_open(bytes_make(*bytes_out, (size_t)size), "rows", &x, &err), &err);
    assert_int_equal(search_index_about(x)->tie.computed, sides != NULL);
    assert_ok(index_set_add(s, x, NULL, rows, NULL, &err), &err);
    free(sides);
}

/* ---- the tests */

static uint64_t asked(void) {
    search_index_counts counts;
    search_index_counted(&counts);
    return counts.scored;
}

static void assert_answer(const char *what, const plan *p, const float *queries, tensor **wanted, bool by_index) {
    tensor *got[2];
    uint64_t before = asked();
    run(p, queries, got);
    if ((asked() > before) != by_index) fail_msg("%s: the index was %sasked", what, by_index ? "not " : "");
    if (memcmp(got[0]->data, wanted[0]->data, sizeof(float) * QUERIES * K) ||
        memcmp(got[1]->data, wanted[1]->data, sizeof(int32_t) * QUERIES * K))
        fail_msg("%s: another answer", what);
    for (int i = 0; i < 2; i++) tensor_release(got[i]);
}

static void release_two(tensor **t) {
    tensor_release(t[0]);
    tensor_release(t[1]);
}

static void check_form(const form *f, tensor *loaded, tensor *other, const float *queries) {
    inlay_error err;
    buffer b = {0};
    small_session s;
    index_set *indexes;
    uint8_t *right, *wrong;
    tensor *of_loaded[2], *of_other[2];
    put_form(&b, f);
    assert_ok(small_open(&s, &b, &err), &err);
    plan *p = make_plan(&s);
    assign(&s, f, other);
    run(p, queries, of_other);
    assign(&s, f, loaded);
    run(p, queries, of_loaded);
    plan_free(p);

    assert_ok(index_set_new(&indexes, &err), &err);
    s.host.indexes = indexes;
    add_index(indexes, f, tensor_f32(loaded), f->side != 0, &wrong);
    p = make_plan(&s);
    assert_answer(f->what, p, queries, of_loaded, f->side == 0); /* of other side numbers */
    plan_free(p);
    add_index(indexes, f, tensor_f32(loaded), false, &right);
    p = make_plan(&s);
    for (int i = 0; i < 2; i++) {
        assign(&s, f, loaded);
        assert_answer(f->what, p, queries, of_loaded, true);
        assert_answer(f->what, p, queries, of_loaded, true);
        assign(&s, f, other);
        assert_answer(f->what, p, queries, of_other, false);
    }
    release_two(of_loaded);
    release_two(of_other);
    plan_free(p);
    index_set_free(indexes);
    small_close(&s);
    buffer_free(&b);
    mem_free(right);
    mem_free(wrong);
}

static void answers_are_the_same_and_assignments_leave_the_index(void **state) {
    (void)state;
    float *rows = random_rows(1), *others = random_rows(2);
    for (size_t i = 0; i < FORMS; i++) {
        const int64_t *dims = dims_of(&forms[i]);
        tensor *loaded = make_tensor(INLAY_FLOAT32, dims, rows);
        tensor *other = make_tensor(INLAY_FLOAT32, dims, others);
        check_form(&forms[i], loaded, other, rows + 7 * DIM);
        tensor_release(loaded);
        tensor_release(other);
    }
    free(rows);
    free(others);
}

/* ---- many threads */

typedef struct crowd {
    const plan *p;
    small_session *s;
    const form *f;
    tensor *loaded, *other; /* what is assigned in turn; NULL: who asks */
    const float *queries;
} crowd;

static void *run_often(void *arg) {
    const crowd *c = arg;
    for (int i = 0; i < 10; i++) {
        tensor *out[2];
        if (c->loaded) {
            assign(c->s, c->f, i % 2 ? c->loaded : c->other);
            continue;
        }
        run(c->p, c->queries, out);
        release_two(out);
    }
    return NULL;
}

static void the_index_is_found_while_others_assign(void **state) {
    (void)state;
    enum { THREADS = 4 };
    const form *f = &forms[2];
    inlay_error err;
    buffer b = {0};
    small_session s;
    index_set *indexes;
    uint8_t *right;
    float *rows = random_rows(1), *others = random_rows(2);
    tensor *loaded = make_tensor(INLAY_FLOAT32, dims_of(f), rows);
    tensor *other = make_tensor(INLAY_FLOAT32, dims_of(f), others);
    put_form(&b, f);
    assert_ok(small_open(&s, &b, &err), &err);
    assert_ok(index_set_new(&indexes, &err), &err);
    s.host.indexes = indexes;
    add_index(indexes, f, tensor_f32(loaded), false, &right);
    assign(&s, f, loaded);
    plan *p = make_plan(&s);
    pthread_t threads[THREADS];
    crowd work[THREADS];
    for (int i = 0; i < THREADS; i++) {
        work[i] = (crowd){p, &s, f, i == 0 ? loaded : NULL, i == 0 ? other : NULL, rows + 7 * DIM};
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &work[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    plan_free(p);
    index_set_free(indexes);
    small_close(&s);
    buffer_free(&b);
    mem_free(right);
    tensor_release(loaded);
    tensor_release(other);
    free(rows);
    free(others);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same_and_assignments_leave_the_index),
        cmocka_unit_test(the_index_is_found_while_others_assign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Branches and loops: what runs, what does not, and what is refused. */
#include "base/clock.h"
#include "unit/graph_maker.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define I INLAY_INT32
#define OF_T ATTRS(TYPE_ATTR("T", I))

static void put_enter(buffer *b, const char *name, const char *input, bool constant) {
    put_node(b, 1, name, "Enter", input,
             ATTRS(TYPE_ATTR("T", I), TEXT_ATTR("frame_name", "count"), BOOL_ATTR("is_constant", constant)));
}

/* exit = how many rounds until `n` is reached, counted by STEP. */
static void put_counter(buffer *b, const char *step) {
    put_node(b, 1, "n", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", I)));
    put_constant(b, "zero", I32(SCALAR, 0));
    put_constant(b, "by", I32(SCALAR, 1));
    put_enter(b, "start", "zero", false);
    put_enter(b, "limit", "n", true);
    put_enter(b, "one", "by", true);
    put_node(b, 1, "merge", "Merge", "start next", ATTRS(TYPE_ATTR("T", I), INT_ATTR("N", 2)));
    put_node(b, 1, "less", "Less", "merge limit", OF_T);
    put_node(b, 1, "cond", "LoopCond", "less", NULL);
    put_node(b, 1, "switch", "Switch", "merge cond", OF_T);
    put_node(b, 1, "sum", "AddV2", step, OF_T);
    put_node(b, 1, "next", "NextIteration", "sum", OF_T);
    put_node(b, 1, "exit", "Exit", "switch", OF_T);
}

static void assert_scalar(tensor *t, int32_t wanted) {
    assert_int_equal(t->count, 1);
    assert_int_equal(tensor_i32(t)[0], wanted);
    tensor_release(t);
}

static void loops_end_when_their_condition_says(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_counter(&b, "switch:1 one");
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    static const int32_t rounds[] = {-3, 0, 1, 2, 1000};
    for (size_t i = 0; i < 5; i++) {
        tensor *n = I32(SCALAR, rounds[i]), *y;
        assert_ok(small_run(&s, "n", &n, "exit", &y, &err), &err);
        assert_scalar(y, rounds[i] < 0 ? 0 : rounds[i]);
        tensor_release(n);
    }
    small_close(&s);
    buffer_free(&b);
}

typedef struct runner {
    const plan *p;
    int32_t rounds, answer;
} runner;

static void *run_counter(void *user) {
    runner *r = user;
    for (int i = 0; i < 20; i++) {
        tensor *n = I32(SCALAR, r->rounds), *y = NULL;
        if (plan_run(r->p, &n, &y, NULL, NULL) == INLAY_OK) r->answer = tensor_i32(y)[0];
        tensor_release(y);
        tensor_release(n);
    }
    return NULL;
}

static void a_plan_with_a_loop_runs_on_many_threads(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_counter(&b, "switch:1 one");
    small_session s;
    plan *p;
    assert_ok(small_open(&s, &b, &err), &err);
    assert_ok(small_plan(&s, "n", "exit", &p, &err), &err);
    pthread_t threads[4];
    runner runners[4];
    for (int i = 0; i < 4; i++) {
        runners[i] = (runner){p, 10 * (i + 1), -1};
        assert_int_equal(pthread_create(&threads[i], NULL, run_counter, &runners[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) assert_int_equal(runners[i].answer, 10 * (i + 1));
    plan_free(p);
    small_close(&s);
    buffer_free(&b);
}

static void *cancel_soon(void *user) {
    struct timespec some = {0, 20000000};
    nanosleep(&some, NULL);
    __atomic_store_n((int *)user, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void endless_loops_end_at_a_limit_when_cancelled_or_in_time(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_counter(&b, "switch:1 switch:1"); /* 0 + 0 */
    small_session s;
    plan *p;
    assert_ok(small_open(&s, &b, &err), &err);
    assert_ok(small_plan(&s, "n", "exit", &p, &err), &err);
    tensor *n = I32(SCALAR, 1), *y;
    run_options options = {.most_rounds = 1000};
    assert_status(INLAY_RESOURCE_EXHAUSTED, plan_run(p, &n, &y, &options, &err), &err);
    assert_contains(err.message, "1000 rounds");
    assert_true(err.node[0] != 0);
    int cancelled = 0;
    pthread_t thread;
    options = (run_options){.stop = {.cancelled = &cancelled}};
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancelled), 0);
    assert_status(INLAY_CANCELLED, plan_run(p, &n, &y, &options, &err), &err);
    pthread_join(thread, NULL);
    options = (run_options){.stop = {.deadline = seconds_now() + 0.02}};
    assert_status(INLAY_DEADLINE_EXCEEDED, plan_run(p, &n, &y, &options, &err), &err);
    plan_free(p);
    tensor_release(n);
    small_close(&s);
    buffer_free(&b);
}

static void a_branch_not_taken_does_not_run(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_node(&b, 1, "p", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_BOOL)));
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", I)));
    put_node(&b, 1, "switch", "Switch", "x p", OF_T);
    put_node(&b, 1, "lost", "NobodyKnows", "switch:0", NULL);
    put_node(&b, 1, "pivot", "Identity", "switch:1", OF_T);
    put_node(&b, 1, "seven", "Const", "^pivot",
             ATTRS(TYPE_ATTR("dtype", I), {.name = "value", .kind = 'v', .value = state ? *state : NULL}));
    put_node(&b, 1, "merge", "Merge", "lost seven", ATTRS(TYPE_ATTR("T", I), INT_ATTR("N", 2)));
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    bool yes = true, no = false;
    tensor *x = I32(SCALAR, 5), *y[2];
    tensor *given[2] = {make_tensor(INLAY_BOOL, SCALAR, &yes), x};
    assert_ok(small_run(&s, "p x", given, "merge merge:1", y, &err), &err);
    assert_scalar(y[0], 7);
    assert_scalar(y[1], 1);
    assert_status(INLAY_INVALID_ARGUMENT, small_run(&s, "p x", given, "switch:0", y, &err), &err);
    assert_contains(err.message, "did not run");
    given[0]->data[0] = no;
    assert_status(INLAY_UNIMPLEMENTED, small_run(&s, "p x", given, "merge", y, &err), &err);
    assert_string_equal(err.node, "lost");
    tensor_release(given[0]);
    tensor_release(x);
    small_close(&s);
    buffer_free(&b);
}

static int make_seven(void **state) {
    *state = I32(SCALAR, 7);
    return 0;
}

static int drop_seven(void **state) {
    tensor_release(*state);
    return 0;
}

static void malformed_loops_are_refused(void **state) {
    (void)state;
    inlay_error err;
    static const struct {
        const char *op, *inputs, *fetch, *says;
    } cases[] = {
        {"NextIteration", "zero", "odd", "in no loop"},
        {"NextIteration", "switch:1", "odd", "inside a loop"},
        {"Exit", "zero", "odd", "in no loop"},
        {"Identity", "switch:1", "odd", "inside a loop"},
        {"Identity", "next", "odd", "something else than a Merge"},
        {"Identity", "odd", "odd", "cycle"},
        {"Switch", "zero zero", "odd", "it takes bool"},
        {"Switch", "zero", "odd", "its op takes 2"},
        {"Merge", "zero next", "odd", "in another loop"},
        {"Enter", "exit", "odd", "inside a loop"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer b = {0};
        put_counter(&b, "switch:1 one");
        put_node(&b, 1, "odd", cases[i].op, cases[i].inputs,
                 ATTRS(TYPE_ATTR("T", I), INT_ATTR("N", 2), TEXT_ATTR("frame_name", "another")));
        small_session s;
        tensor *n = I32(SCALAR, 7), *y[2];
        assert_ok(small_open(&s, &b, &err), &err);
        assert_status(INLAY_INVALID_ARGUMENT, small_run(&s, "n", &n, "odd exit", y, &err), &err);
        if (!strstr(err.message, cases[i].says)) fail_msg("case %zu: %s", i, err.message);
        tensor_release(n);
        small_close(&s);
        buffer_free(&b);
    }
}

static void too_many_loops_within_each_other_are_refused(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    char name[16], before[16] = "x";
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", I)));
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "e%d", i);
        put_node(&b, 1, name, "Enter", before, ATTRS(TYPE_ATTR("T", I), TEXT_ATTR("frame_name", name)));
        memcpy(before, name, sizeof before);
    }
    put_node(&b, 1, "out", "Exit", "e99", OF_T);
    small_session s;
    tensor *x = I32(SCALAR, 7), *y;
    assert_ok(small_open(&s, &b, &err), &err);
    assert_status(INLAY_RESOURCE_EXHAUSTED, small_run(&s, "x", &x, "out", &y, &err), &err);
    assert_contains(err.message, "64 loops");
    tensor_release(x);
    small_close(&s);
    buffer_free(&b);
}

/* ---- functions */

static void put_arg(buffer *b, uint32_t number, const char *name, dtype type) {
    size_t arg = wire_begin(b, number);
    wire_put_text(b, 1, name);
    wire_put_uint(b, 3, (uint64_t)type);
    wire_end(b, arg);
}

/* NAME(a: int32) -> out: TYPE, which is what op OP over INPUTS gives; TAKES arguments, the first is a. */
static void put_unary(buffer *b, const char *name, int takes, const char *op, const char *inputs, const char *ret,
                      dtype type, const maker_attr *attributes) {
    size_t library = wire_begin(b, 2), function = wire_begin(b, 1), signature = wire_begin(b, 1);
    wire_put_text(b, 1, name);
    put_arg(b, 2, "a", I);
    if (takes > 1) put_arg(b, 2, "b", I);
    put_arg(b, 3, "out", type);
    wire_end(b, signature);
    put_node(b, 3, "y", op, inputs, attributes);
    size_t entry = wire_begin(b, 4);
    wire_put_text(b, 1, "out");
    wire_put_text(b, 2, ret);
    wire_end(b, entry);
    wire_end(b, function);
    wire_end(b, library);
}

#define IF_ATTRS(then, otherwise)                                                                             \
    ATTRS(TYPE_ATTR("Tcond", I), TYPES_ATTR("Tin", I), TYPES_ATTR("Tout", I), FUNC_ATTR("then_branch", then), \
          FUNC_ATTR("else_branch", otherwise))

static void functions_that_do_not_fit_are_refused(void **state) {
    (void)state;
    inlay_error err;
    static const struct {
        const char *then, *says;
        inlay_status status;
    } cases[] = {
        {"twice", "", INLAY_OK},
        {"two", "takes 2", INLAY_INVALID_ARGUMENT},
        {"again", "calls itself", INLAY_INVALID_ARGUMENT},
        {"truth", "is bool", INLAY_INVALID_ARGUMENT},
        {"nobody", "nobody", INLAY_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer b = {0};
        put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", I)));
        put_node(&b, 1, "if", "If", "x x", IF_ATTRS(cases[i].then, "twice"));
        put_unary(&b, "twice", 1, "AddV2", "a a", "y:z:0", I, OF_T);
        put_unary(&b, "two", 2, "AddV2", "a b", "y:z:0", I, OF_T);
        put_unary(&b, "truth", 1, "Less", "a a", "y:z:0", INLAY_BOOL, OF_T);
        put_unary(&b, "again", 1, "If", "a a", "y:output:0", I, IF_ATTRS("again", "twice"));
        small_session s;
        tensor *x = I32(SCALAR, 7), *y;
        assert_ok(small_open(&s, &b, &err), &err);
        assert_status(cases[i].status, small_run(&s, "x", &x, "if", &y, &err), &err);
        if (cases[i].status == INLAY_OK)
            assert_scalar(y, 14);
        else if (!strstr(err.message, cases[i].says))
            fail_msg("case %zu: %s", i, err.message);
        tensor_release(x);
        small_close(&s);
        buffer_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_end_when_their_condition_says),
        cmocka_unit_test(a_plan_with_a_loop_runs_on_many_threads),
        cmocka_unit_test(endless_loops_end_at_a_limit_when_cancelled_or_in_time),
        cmocka_unit_test_setup_teardown(a_branch_not_taken_does_not_run, make_seven, drop_seven),
        cmocka_unit_test(malformed_loops_are_refused),
        cmocka_unit_test(too_many_loops_within_each_other_are_refused),
        cmocka_unit_test(functions_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

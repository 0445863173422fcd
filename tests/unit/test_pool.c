#include "unit/unit.h"

#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 20000 };

typedef struct tally {
    size_t n;
    int threads;
    _Atomic unsigned char ran[MOST];
    _Atomic bool busy[POOL_MAX_THREADS]; /* a task with this worker number is at work */
    _Atomic size_t wrong;
    long plain[POOL_MAX_THREADS]; /* written without atomics: safe only if worker numbers are never shared */
} tally;

static void count(void *ctx, size_t index, int worker) {
    tally *t = ctx;
    if (index >= t->n || worker < 0 || worker >= t->threads) {
        atomic_fetch_add(&t->wrong, 1);
        return;
    }
    if (atomic_exchange(&t->busy[worker], true)) atomic_fetch_add(&t->wrong, 1);
    atomic_fetch_add(&t->ran[index], 1);
    t->plain[worker]++;
    atomic_store(&t->busy[worker], false);
}

/* Runs N tasks and compares with the model: each exactly once, none beyond, no worker number shared. */
static void run_and_compare(tally *t, size_t n) {
    t->n = n;
    t->threads = pool_threads();
    atomic_store(&t->wrong, 0);
    for (size_t i = 0; i < MOST; i++) atomic_store(&t->ran[i], 0);
    for (int i = 0; i < POOL_MAX_THREADS; i++) t->plain[i] = 0;
    pool_run(n, count, t);
    long sum = 0;
    for (int i = 0; i < POOL_MAX_THREADS; i++) sum += t->plain[i];
    for (size_t i = 0; i < MOST; i++)
        if (atomic_load(&t->ran[i]) != (i < n)) fail_msg("task %zu of %zu ran %d times", i, n, t->ran[i]);
    assert_int_equal(0, atomic_load(&t->wrong));
    assert_int_equal(n, sum);
}

static void each_task_runs_once(void **state) {
    (void)state;
    static tally t;
    static const int threads[] = {1, 2, 3, 4, 7, 16, 2, 1, 0};
    static const size_t counts[] = {0, 1, 2, 3, 15, 16, 17, 1000, MOST};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        pool_set_threads(threads[i]);
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) run_and_compare(&t, counts[j]);
    }
    unsigned seed = 11;
    for (int i = 0; i < 300; i++) {
        pool_set_threads(1 + rand_r(&seed) % 6);
        run_and_compare(&t, (size_t)(rand_r(&seed) % 60));
    }
    pool_set_threads(0);
}

static void the_number_of_threads_is_bounded(void **state) {
    (void)state;
    pool_set_threads(1000000);
    assert_int_equal(POOL_MAX_THREADS, pool_threads());
    pool_set_threads(5);
    assert_int_equal(5, pool_threads());
    pool_set_threads(-1);
    assert_in_range(pool_threads(), 1, POOL_MAX_THREADS);
    setenv("INLAY_THREADS", "3", 1);
    pool_set_threads(0);
    assert_int_equal(3, pool_threads());
    setenv("INLAY_THREADS", "nonsense", 1);
    pool_set_threads(0);
    assert_in_range(pool_threads(), 1, POOL_MAX_THREADS);
    unsetenv("INLAY_THREADS");
    pool_set_threads(0);
}

/* ---- tasks that wait for each other show that they run at the same time */

typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int here, wanted;
} meeting;

static void meet(void *ctx, size_t index, int worker) {
    (void)index, (void)worker;
    meeting *m = ctx;
    pthread_mutex_lock(&m->lock);
    m->here++;
    pthread_cond_broadcast(&m->changed);
    while (m->here < m->wanted) pthread_cond_wait(&m->changed, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

static void as_many_tasks_run_at_once_as_there_are_threads(void **state) {
    (void)state;
    for (int threads = 2; threads <= 6; threads += 2) {
        pool_set_threads(threads);
        meeting m = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, threads};
        pool_run((size_t)threads, meet, &m); /* would never return with fewer */
        assert_int_equal(threads, m.here);
    }
    pool_set_threads(0);
}

/* ---- nesting */

typedef struct nest {
    _Atomic long leaves;
    _Atomic long wrong;
} nest;

static void leaf(void *ctx, size_t index, int worker) {
    (void)index;
    nest *n = ctx;
    if (worker != 0) atomic_fetch_add(&n->wrong, 1);
    atomic_fetch_add(&n->leaves, 1);
}

static void branch(void *ctx, size_t index, int worker) {
    (void)worker;
    pool_run(index % 7, leaf, ctx);
    pool_run(3, leaf, ctx);
}

static void a_call_within_a_task_runs_on_its_thread(void **state) {
    (void)state;
    pool_set_threads(4);
    nest n = {0};
    pool_run(700, branch, &n);
    assert_int_equal(700 / 7 * (0 + 1 + 2 + 3 + 4 + 5 + 6) + 700 * 3, n.leaves);
    assert_int_equal(0, n.wrong);
    pool_set_threads(0);
}

/* ---- many callers */

static void *call_often(void *unused) {
    (void)unused;
    tally *t = calloc(1, sizeof *t);
    assert_non_null(t);
    for (size_t i = 0; i < 40; i++) {
        t->n = i * 5 % 97;
        t->threads = pool_threads();
        pool_run(t->n, count, t);
    }
    size_t wrong = atomic_load(&t->wrong);
    long sum = 0, wanted = 0;
    for (size_t i = 0; i < 40; i++) wanted += (long)(i * 5 % 97);
    for (int i = 0; i < POOL_MAX_THREADS; i++) sum += t->plain[i];
    free(t);
    return sum == wanted && wrong == 0 ? NULL : "wrong";
}

static void many_threads_may_call_at_once(void **state) {
    (void)state;
    enum { CALLERS = 8 };
    pool_set_threads(4);
    pthread_t callers[CALLERS];
    for (int i = 0; i < CALLERS; i++) assert_int_equal(0, pthread_create(&callers[i], NULL, call_often, NULL));
    for (int i = 0; i < CALLERS; i++) {
        void *result;
        assert_int_equal(0, pthread_join(callers[i], &result));
        assert_null(result);
    }
    pool_set_threads(0);
}

/* Callers that occupy all helpers do not starve one another: two jobs, each of which needs two threads at once. */
static void *hold_a_meeting(void *unused) {
    (void)unused;
    meeting m = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 2};
    pool_run(2, meet, &m);
    return NULL;
}

static void two_callers_share_the_helpers(void **state) {
    (void)state;
    pool_set_threads(3);
    for (int round = 0; round < 50; round++) {
        pthread_t callers[2];
        for (int i = 0; i < 2; i++) assert_int_equal(0, pthread_create(&callers[i], NULL, hold_a_meeting, NULL));
        for (int i = 0; i < 2; i++) assert_int_equal(0, pthread_join(callers[i], NULL));
    }
    pool_set_threads(0);
}

#ifndef __SANITIZE_THREAD__ /* which does not follow the fork of a threaded process */
static void a_forked_child_has_a_pool_of_its_own(void **state) {
    (void)state;
    pool_set_threads(3);
    meeting m = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 3};
    pool_run(3, meet, &m);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        meeting again = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 3};
        pool_run(3, meet, &again);
        _exit(again.here == 3 ? 0 : 1);
    }
    int status;
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    pool_set_threads(0);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(the_number_of_threads_is_bounded),
        cmocka_unit_test(as_many_tasks_run_at_once_as_there_are_threads),
        cmocka_unit_test(a_call_within_a_task_runs_on_its_thread),
        cmocka_unit_test(many_threads_may_call_at_once),
        cmocka_unit_test(two_callers_share_the_helpers),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(a_forked_child_has_a_pool_of_its_own),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

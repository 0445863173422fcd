#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* A call of pool_run: lives on its caller's stack and in the list while it has tasks to give out or helpers at work. */
typedef struct job {
    struct job *next;
    void (*task)(void *, size_t, int);
    void *ctx;
    size_t n;
    _Atomic size_t given; /* tasks given out; may pass n */
    int helpers;          /* under the lock: threads at work on it beside the caller */
    int workers;          /* under the lock: worker numbers given out */
} job;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_there = PTHREAD_COND_INITIALIZER;
static pthread_cond_t helper_left = PTHREAD_COND_INITIALIZER;
static job *jobs;
static int started; /* helper threads running */
static _Atomic int threads_set;
static _Thread_local bool inside_task;

static int default_threads(void) {
    const char *text = getenv("INLAY_THREADS");
    long wanted = text ? strtol(text, NULL, 10) : 0;
    if (wanted <= 0) wanted = sysconf(_SC_NPROCESSORS_ONLN);
    return wanted < 1 ? 1 : wanted > POOL_MAX_THREADS ? POOL_MAX_THREADS : (int)wanted;
}

int pool_threads(void) {
    int threads = atomic_load(&threads_set);
    if (threads == 0) {
        threads = default_threads();
        int none = 0;
        if (!atomic_compare_exchange_strong(&threads_set, &none, threads)) threads = none;
    }
    return threads;
}

void pool_set_threads(int threads) {
    if (threads <= 0) threads = default_threads();
    atomic_store(&threads_set, threads > POOL_MAX_THREADS ? POOL_MAX_THREADS : threads);
}

static void work_on(job *j, int worker) {
    inside_task = true;
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&j->given, 1, memory_order_relaxed);
        if (index >= j->n) break;
        j->task(j->ctx, index, worker);
    }
    inside_task = false;
}

/* The first job that has tasks left and may take one more thread. Under the lock. */
static job *job_to_help(void) {
    for (job *j = jobs; j; j = j->next)
        if (j->workers < pool_threads() && atomic_load_explicit(&j->given, memory_order_relaxed) < j->n) return j;
    return NULL;
}

static void *help(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        job *j = job_to_help();
        if (!j) {
            pthread_cond_wait(&work_there, &lock);
            continue;
        }
        int worker = j->workers++;
        j->helpers++;
        pthread_mutex_unlock(&lock);
        work_on(j, worker);
        pthread_mutex_lock(&lock);
        if (--j->helpers == 0) pthread_cond_broadcast(&helper_left);
    }
    return NULL;
}

/* Under the lock. A thread that cannot be had is done without: the caller works anyway. */
static void start_helpers(int wanted) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    while (started < wanted && pthread_create(&thread, &attributes, help, NULL) == 0) started++;
    pthread_attr_destroy(&attributes);
}

/* A forked child has the list but not the threads: it starts its own. */
static void forget_after_fork(void) {
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&work_there, NULL);
    pthread_cond_init(&helper_left, NULL);
    jobs = NULL;
    started = 0;
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, forget_after_fork);
}

void pool_run(size_t n, void (*task)(void *ctx, size_t index, int worker), void *ctx) {
    int threads = pool_threads();
    if (n <= 1 || threads == 1 || inside_task) {
        for (size_t i = 0; i < n; i++) task(ctx, i, 0);
        return;
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);

    job mine = {.task = task, .ctx = ctx, .n = n, .workers = 1};
    size_t useful = n - 1 < (size_t)(threads - 1) ? n - 1 : (size_t)(threads - 1);
    pthread_mutex_lock(&lock);
    mine.next = jobs;
    jobs = &mine;
    start_helpers(threads - 1);
    for (size_t i = 0; i < useful; i++) pthread_cond_signal(&work_there);
    pthread_mutex_unlock(&lock);

    work_on(&mine, 0);

    pthread_mutex_lock(&lock);
    for (job **j = &jobs; *j; j = &(*j)->next)
        if (*j == &mine) {
            *j = mine.next;
            break;
        }
    while (mine.helpers > 0) pthread_cond_wait(&helper_left, &lock);
    pthread_mutex_unlock(&lock);
}

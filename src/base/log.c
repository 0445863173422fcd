#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static inlay_log_fn listener;
static void *listener_user;

void log_to(inlay_log_fn fn, void *user) {
    pthread_mutex_lock(&lock);
    listener = fn;
    listener_user = user;
    pthread_mutex_unlock(&lock);
}

void log_note(inlay_log_level level, const char *format, ...) {
    pthread_mutex_lock(&lock);
    inlay_log_fn fn = listener;
    void *user = listener_user;
    pthread_mutex_unlock(&lock);
    if (!fn) return;
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fn(user, level, line);
}

void progress_start(progress *p, inlay_progress_fn fn, void *user, const char *stage, uint64_t total) {
    p->fn = fn;
    p->user = user;
    p->stage = stage;
    p->total = total;
    atomic_init(&p->done, 0);
    atomic_init(&p->cancelled, false);
    atomic_init(&p->busy, false);
}

bool progress_add(progress *p, uint64_t amount) {
    uint64_t done = atomic_fetch_add(&p->done, amount) + amount;
    if (p->fn && !atomic_exchange(&p->busy, true)) {
        if (!p->fn(p->user, p->stage, done, p->total)) atomic_store(&p->cancelled, true);
        atomic_store(&p->busy, false);
    }
    return !atomic_load(&p->cancelled);
}

inlay_status progress_check(progress *p, inlay_error *err) {
    return atomic_load(&p->cancelled) ? fail(err, INLAY_CANCELLED, "cancelled by the caller") : INLAY_OK;
}

/* The one thread pool of the process. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

enum { POOL_MAX_THREADS = 256 };

/* Threads that pool_run uses, the calling one included: at least 1, at most POOL_MAX_THREADS. $INLAY_THREADS, else one
 * a core. */
int pool_threads(void);
void pool_set_threads(int threads); /* 0: back to the default; no pool_run may be under way */

/* Calls TASK(ctx, i, worker) once for each i in [0, n), spread over the threads, and returns when all are done. Tasks
 * start in rising order; `worker` is in [0, pool_threads()), and no two tasks with the same number run at once. One
 * task, or a call from within a task, runs on the calling thread (worker 0). May be called from several threads at
 * once. */
void pool_run(size_t n, void (*task)(void *ctx, size_t index, int worker), void *ctx);

#endif

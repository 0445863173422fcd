/* Notes to the user, and progress of long work with cancellation. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

void log_to(inlay_log_fn fn, void *user);
void log_note(inlay_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where long work reports to; made from a caller's callback, shared by threads. */
typedef struct progress {
    inlay_progress_fn fn; /* NULL: nobody listens */
    void *user;
    const char *stage;
    uint64_t total;
    _Atomic uint64_t done;
    _Atomic bool cancelled, busy;
} progress;

void progress_start(progress *p, inlay_progress_fn fn, void *user, const char *stage, uint64_t total);

/* Counts AMOUNT as done and, if no other thread is just doing so, tells the caller. False when the caller said to stop.
 */
bool progress_add(progress *p, uint64_t amount);

inlay_status progress_check(progress *p, inlay_error *err); /* CANCELLED when the caller said to stop */

#endif

/* Errors: how every fallible function reports. Nothing here allocates. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "inlay/inlay.h"

/* Early return until the first thing is acquired. */
#define TRY(call)                                      \
    do {                                               \
        inlay_status try_status = (call);              \
        if (try_status != INLAY_OK) return try_status; \
    } while (0)

/* After it: sets the function's `status` and goes to the label that releases. */
#define TRY_TO(label, call)                 \
    do {                                    \
        status = (call);                    \
        if (status != INLAY_OK) goto label; \
    } while (0)

/* Each fills *err (unless it is NULL) and returns CODE. Bytes below 0x20 in the message are escaped, so a hostile name
 * cannot write to a terminal. */
inlay_status fail(inlay_error *err, inlay_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* About FILE; OFFSET is where, or -1. The message begins with the file and ends with the offset. */
inlay_status fail_at(inlay_error *err, inlay_status code, const char *file, int64_t offset, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* About a system call on FILE that set errno to ERROR_NUMBER: "FILE: cannot WHAT: reason". The code follows from errno.
 */
inlay_status fail_errno(inlay_error *err, int error_number, const char *file, const char *what);

inlay_status fail_memory(inlay_error *err); /* RESOURCE_EXHAUSTED, out of memory */

/* Adds the node and its op to an error that is already filled; the first call wins. Returns the error's code. */
inlay_status error_in_node(inlay_error *err, inlay_status code, const char *node, const char *op);

#endif

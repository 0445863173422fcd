#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static fault_fn hook;
static void *hook_user;

void fault_set(fault_fn fn, void *user) {
    hook = fn;
    hook_user = user;
}

#ifdef INLAY_FAULTS
static int fault_from_environment(size_t *size) {
    static _Atomic long count;
    const char *text = getenv("INLAY_FAULT");
    const char *colon = text ? strchr(text, ':') : NULL;
    if (!colon) return 0;
    bool hit = atomic_fetch_add(&count, 1) + 1 == strtol(colon + 1, NULL, 10);
    if (!hit) return 0;
    if (strncmp(text, "kill:", 5) == 0) raise(SIGKILL);
    if (strncmp(text, "enospc:", 7) == 0) return ENOSPC;
    if (strncmp(text, "eio:", 4) == 0) return EIO;
    if (strncmp(text, "short:", 6) == 0 && size && *size > 1) *size /= 2;
    return 0;
}
#endif

int fault_check(const char *operation, const char *path, size_t *size) {
    if (hook) return hook(hook_user, operation, path, size);
#ifdef INLAY_FAULTS
    return fault_from_environment(size);
#else
    return 0;
#endif
}

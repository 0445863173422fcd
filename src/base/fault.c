#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
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

#ifdef INLAY_FAULTS
/* So that a test can do again what was done, or some of it. */
static void log_operation(const fault_operation *o) {
    const char *path = getenv("INLAY_FAULT_LOG");
    FILE *log = path ? fopen(path, "ab") : NULL;
    if (!log) return;
    size_t size = o->size ? *o->size : 0;
    fprintf(log, "%s\t%s\t%s\t%llu\t%zu\t%llu\n", o->name, o->path, o->from ? o->from : "",
            (unsigned long long)o->offset, size, (unsigned long long)o->from_offset);
    if (o->data) fwrite(o->data, 1, size, log);
    fclose(log);
}
#endif

int fault_check(const fault_operation *o) {
    int fault = hook ? hook(hook_user, o->name, o->path, o->size) : 0;
#ifdef INLAY_FAULTS
    if (!hook) fault = fault_from_environment(o->size);
    if (!fault) log_operation(o);
#endif
    return fault;
}

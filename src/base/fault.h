/* The fault hook: tests make any operation that writes fail, fall short, or be the last one. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stddef.h>

/* Called before each operation ("open", "write", "sync", "rename", "link", "mkdir", "unlink", …) on PATH. Returns 0 to
 * let it happen, or the errno to fail with; may lower *size (bytes of a write) to make it short. */
typedef int (*fault_fn)(void *user, const char *operation, const char *path, size_t *size);
void fault_set(fault_fn fn, void *user);

/* What file.c asks. In builds with INLAY_FAULTS, $INLAY_FAULT=KIND:N applies KIND (kill, enospc, eio, short) to
 * operation number N from 1. */
int fault_check(const char *operation, const char *path, size_t *size);

#endif

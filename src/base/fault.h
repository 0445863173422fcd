/* The fault hook: tests make any operation that writes fail, fall short, or be the last one. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stddef.h>
#include <stdint.h>

/* Called before each operation ("open", "write", "sync", "rename", "link", "mkdir", "unlink", …) on PATH. Returns 0 to
 * let it happen, or the errno to fail with; may lower *size (bytes of a write) to make it short. */
typedef int (*fault_fn)(void *user, const char *operation, const char *path, size_t *size);
void fault_set(fault_fn fn, void *user);

/* What is about to be done. */
typedef struct fault_operation {
    const char *name, *path;
    const char *from; /* what is renamed, linked or copied; the text of a symbolic link */
    uint64_t offset;  /* where bytes are written */
    const void *data; /* the bytes; NULL when they are FROM's */
    uint64_t from_offset;
    size_t *size; /* how many */
} fault_operation;

/* What file.c asks. In builds with INLAY_FAULTS, $INLAY_FAULT=KIND:N applies KIND (kill, enospc, eio, short) to
 * operation number N from 1, and $INLAY_FAULT_LOG=FILE appends every operation that is let happen: a line "NAME, PATH,
 * FROM, OFFSET, SIZE, FROM_OFFSET" with tabs between, then the bytes. */
int fault_check(const fault_operation *operation);

/* Of operations that only have a path. */
static inline int fault_check_path(const char *name, const char *path) {
    return fault_check(&(fault_operation){.name = name, .path = path});
}

#endif

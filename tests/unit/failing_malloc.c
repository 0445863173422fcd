/* A shared object to preload: makes allocation number $FAIL_ALLOCATION of the process fail, counted from 1 over all
 * threads and all libraries, and reports at exit how many there were. With $FAIL_ALLOCATION_FROM set, that one and all
 * after it fail. Usage: LD_PRELOAD=failing_malloc.so FAIL_ALLOCATION=N [ALLOCATION_COUNT=FILE] program … */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic long count, fail_at = -1;
static _Atomic bool onwards;

/* The C library's own, under the names it gives those who replace malloc. */
extern void *__libc_malloc(size_t size);                     // NOLINT(bugprone-reserved-identifier)
extern void *__libc_calloc(size_t count, size_t size);       // NOLINT(bugprone-reserved-identifier)
extern void *__libc_realloc(void *old, size_t size);         // NOLINT(bugprone-reserved-identifier)
extern void *__libc_memalign(size_t alignment, size_t size); // NOLINT(bugprone-reserved-identifier)

/* Counting begins when the program's own code does: what the loader allocates before cannot be handled by anybody. */
__attribute__((constructor)) static void begin(void) {
    const char *number = getenv("FAIL_ALLOCATION");
    atomic_store(&onwards, getenv("FAIL_ALLOCATION_FROM") != NULL);
    atomic_store(&count, 0);
    atomic_store(&fail_at, number ? strtol(number, NULL, 10) : 0);
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("ALLOCATION_COUNT");
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", atomic_load(&count));
    atomic_store(&fail_at, 0);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (fd < 0) return;
    if (write(fd, text, (size_t)size) != size) _exit(99);
    close(fd);
}

static bool fails(void) {
    long wanted = atomic_load(&fail_at);
    if (wanted < 0) return false;
    long number = atomic_fetch_add(&count, 1) + 1;
    bool hit = wanted > 0 && (number == wanted || (number > wanted && atomic_load(&onwards)));
    if (hit) errno = ENOMEM;
    return hit;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
    return fails() ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *p = memalign(alignment, size);
    if (!p) return ENOMEM;
    *out = p;
    return 0;
}

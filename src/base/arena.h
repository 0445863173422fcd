/* An arena: many small allocations that live and die together. Not for several threads at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

typedef struct arena_block arena_block;
typedef struct arena {
    arena_block *blocks;
    uint64_t used, limit; /* bytes handed out; 0 = no limit */
} arena;

void arena_init(arena *a, uint64_t limit);
void *arena_alloc(arena *a, size_t size); /* 16-byte aligned, not zeroed; NULL when memory or the limit is out */
void *arena_zalloc(arena *a, size_t count, size_t size);
char *arena_copy(arena *a, bytes text); /* with a NUL behind it */
char *arena_strdup(arena *a, const char *text);
char *arena_format(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_free(arena *a); /* everything; the arena is empty and usable again */

#endif

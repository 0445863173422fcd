/* A hash map from byte strings to numbers (indices, or pointers as uintptr_t). Keys are not copied: they must outlive
 * the map. The hash is seeded a process, so that hostile keys cannot be chosen to collide. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct map_entry {
    bytes key; /* data NULL: free */
    uint64_t value;
} map_entry;

typedef struct map {
    map_entry *entries;
    size_t count, capacity; /* capacity 0 or a power of two */
} map;

/* Adds KEY or replaces its value. */
inlay_status map_put(map *m, bytes key, uint64_t value, inlay_error *err);
bool map_get(const map *m, bytes key, uint64_t *value); /* VALUE may be NULL */
void map_free(map *m);
uint64_t map_hash(bytes key);

#endif

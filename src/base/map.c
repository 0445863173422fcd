#include "base/map.h"

#include "base/alloc.h"
#include "base/num.h"

#include <sys/random.h>

static uint64_t hash_seed(void) {
    static _Atomic uint64_t seed;
    uint64_t value = seed;
    if (value == 0) {
        uint64_t fresh = 0;
        if (getrandom(&fresh, sizeof fresh, GRND_NONBLOCK) != (ssize_t)sizeof fresh) fresh = (uint64_t)(uintptr_t)&seed;
        fresh |= 1;
        uint64_t expected = 0;
        value = __atomic_compare_exchange_n((uint64_t *)&seed, &expected, fresh, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
                    ? fresh
                    : expected;
    }
    return value;
}

static uint64_t mix(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply-and-fold over 8-byte words, in the manner of wyhash (Wang Yi, public domain). */
uint64_t map_hash(bytes key) {
    uint64_t h = hash_seed() ^ key.size;
    const uint8_t *p = key.data;
    size_t n = key.size;
    for (; n >= 8; n -= 8, p += 8) h = mix(h ^ load_u64(p), 0x9e3779b97f4a7c15u);
    uint64_t tail = 0;
    if (n) memcpy(&tail, p, n);
    return mix(h ^ tail, 0xd6e8feb86659fd93u);
}

static map_entry *find_slot(const map *m, bytes key) {
    size_t mask = m->capacity - 1;
    for (size_t i = map_hash(key) & mask;; i = (i + 1) & mask)
        if (!m->entries[i].key.data || bytes_equal(m->entries[i].key, key)) return &m->entries[i];
}

static inlay_status grow(map *m, inlay_error *err) {
    map bigger = {.capacity = m->capacity ? m->capacity * 2 : 16, .count = m->count};
    bigger.entries = mem_zalloc(bigger.capacity, sizeof *bigger.entries);
    if (!bigger.entries) return fail_memory(err);
    for (size_t i = 0; i < m->capacity; i++)
        if (m->entries[i].key.data) *find_slot(&bigger, m->entries[i].key) = m->entries[i];
    mem_free(m->entries);
    *m = bigger;
    return INLAY_OK;
}

inlay_status map_put(map *m, bytes key, uint64_t value, inlay_error *err) {
    if (!key.data) key.data = (const uint8_t *)""; /* data NULL marks a free slot */
    if (m->count * 4 >= m->capacity * 3) TRY(grow(m, err));
    map_entry *slot = find_slot(m, key);
    if (!slot->key.data) m->count++;
    *slot = (map_entry){key, value};
    return INLAY_OK;
}

bool map_get(const map *m, bytes key, uint64_t *value) {
    if (m->capacity == 0) return false;
    const map_entry *slot = find_slot(m, key);
    if (slot->key.data && value) *value = slot->value;
    return slot->key.data != NULL;
}

void map_free(map *m) {
    mem_free(m->entries);
    *m = (map){0};
}

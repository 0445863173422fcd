#include "base/blocks.h"

#include "base/alloc.h"

#include <pthread.h>

enum { KEPT = 64 };

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
enum { KEEPS = 0 }; /* it is to see when who has given a block back still uses it */
#else
enum { KEEPS = 1 };
#endif

/* What a block was made for, rounded up; the size of a block follows from the size asked for. */
static size_t rounded(size_t size) {
    size_t step = BLOCK_LEAST;
    while (step < size / 8) step *= 2;
    return (size + step - 1) / step * step;
}

struct block_store {
    _Atomic int holds;
    pthread_mutex_t lock;
    struct {
        void *block;
        size_t size;
    } kept[KEPT];
    size_t count;
    uint64_t bytes; /* of all kept */
    int closed;
};

block_store *block_store_new(void) {
    block_store *s = mem_zalloc(1, sizeof *s);
    if (!s) return NULL;
    atomic_init(&s->holds, 1);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

block_store *block_store_retain(block_store *s) {
    atomic_fetch_add_explicit(&s->holds, 1, memory_order_relaxed);
    return s;
}

void block_store_leave(block_store *s) {
    if (!s || atomic_fetch_sub_explicit(&s->holds, 1, memory_order_acq_rel) > 1) return;
    for (size_t i = 0; i < s->count; i++) mem_free(s->kept[i].block);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void block_store_close(block_store *s) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) mem_free(s->kept[i].block);
    s->count = 0;
    s->closed = 1;
    pthread_mutex_unlock(&s->lock);
    block_store_leave(s);
}

void *block_take(block_store *s, size_t size) {
    size_t wanted = rounded(size);
    void *found = NULL;
    if (wanted < size) return NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = s->count; i-- > 0 && !found;) { /* the last given is the likeliest to be in a cache */
        if (s->kept[i].size != wanted) continue;
        found = s->kept[i].block;
        s->bytes -= wanted;
        s->kept[i] = s->kept[--s->count];
    }
    pthread_mutex_unlock(&s->lock);
    return found ? found : mem_aligned(64, wanted);
}

void block_give(block_store *s, void *block, size_t size, uint64_t most) {
    size_t bytes = rounded(size);
    pthread_mutex_lock(&s->lock);
    if (KEEPS && !s->closed && s->count < KEPT && bytes <= most && s->bytes <= most - bytes) {
        s->kept[s->count].block = block;
        s->kept[s->count++].size = bytes;
        s->bytes += bytes;
        block = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    mem_free(block);
}

#include "base/alloc.h"

#include "base/blocks.h"

#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size) {
    return malloc(size ? size : 1);
}

void *mem_zalloc(size_t count, size_t size) {
    return calloc(count ? count : 1, size ? size : 1);
}

void *mem_array(size_t count, size_t size) {
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? NULL : mem_alloc(total);
}

void *mem_realloc(void *old, size_t size) {
    return realloc(old, size ? size : 1);
}

void *mem_aligned(size_t alignment, size_t size) {
    void *p;
    return posix_memalign(&p, alignment, size ? size : 1) == 0 ? p : NULL;
}

char *mem_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

void mem_free(void *p) {
    free(p);
}

void mem_budget_init(mem_budget *budget, uint64_t limit) {
    atomic_init(&budget->used, 0);
    atomic_init(&budget->peak, 0);
    budget->limit = limit;
    budget->counted = false;
    budget->blocks = NULL;
}

/* The owner's hold is one byte of charge. */
mem_budget *mem_budget_new(uint64_t limit) {
    mem_budget *budget = mem_alloc(sizeof *budget);
    if (!budget) return NULL;
    mem_budget_init(budget, limit < UINT64_MAX ? limit + 1 : limit);
    atomic_init(&budget->used, 1);
    budget->counted = true;
    return budget;
}

void mem_budget_use_blocks(mem_budget *budget, block_store *blocks) {
    budget->blocks = block_store_retain(blocks);
}

void mem_budget_leave(mem_budget *budget) {
    mem_budget_return(budget, 1);
}

bool mem_budget_charge(mem_budget *budget, uint64_t size) {
    uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        if (size > budget->limit || used > budget->limit - size) return false;
    } while (!atomic_compare_exchange_weak(&budget->used, &used, used + size));
    uint64_t peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
    while (used + size > peak && !atomic_compare_exchange_weak(&budget->peak, &peak, used + size)) {}
    return true;
}

void mem_budget_return(mem_budget *budget, uint64_t size) {
    bool counted = budget->counted; /* not ours to read once others may have freed it */
    block_store *blocks = budget->blocks;
    if (atomic_fetch_sub(&budget->used, size) != size || !counted) return;
    block_store_leave(blocks);
    mem_free(budget);
}

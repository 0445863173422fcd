#include "base/arena.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

struct arena_block {
    arena_block *next;
    size_t used, size;
    _Alignas(16) uint8_t data[];
};

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

void arena_init(arena *a, uint64_t limit) {
    *a = (arena){.limit = limit};
}

static arena_block *add_block(arena *a, size_t size) {
    size_t wanted = a->blocks ? a->blocks->size * 2 : FIRST_BLOCK;
    if (wanted > LARGEST_BLOCK) wanted = LARGEST_BLOCK;
    if (wanted < size) wanted = size;
    if (wanted > SIZE_MAX - sizeof(arena_block)) return NULL;
    arena_block *block = mem_alloc(sizeof *block + wanted);
    if (!block) return NULL;
    block->size = wanted;
    block->used = 0;
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

void *arena_alloc(arena *a, size_t size) {
    if (size > SIZE_MAX - 15) return NULL;
    size = (size + 15) & ~(size_t)15;
    if (a->limit && (size > a->limit || a->used > a->limit - size)) return NULL;
    arena_block *block = a->blocks;
    if (!block || block->size - block->used < size) block = add_block(a, size);
    if (!block) return NULL;
    void *p = block->data + block->used;
    block->used += size;
    a->used += size;
    return p;
}

void *arena_zalloc(arena *a, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) return NULL;
    void *p = arena_alloc(a, total);
    if (p) memset(p, 0, total);
    return p;
}

char *arena_copy(arena *a, bytes text) {
    char *copy = arena_alloc(a, text.size + 1);
    if (!copy) return NULL;
    if (text.size) memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    return copy;
}

char *arena_strdup(arena *a, const char *text) {
    return arena_copy(a, bytes_of(text));
}

char *arena_format(arena *a, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size < 0 ? NULL : arena_alloc(a, (size_t)size + 1);
    if (!text) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

void arena_free(arena *a) {
    for (arena_block *block = a->blocks; block;) {
        arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
    a->blocks = NULL;
    a->used = 0;
}

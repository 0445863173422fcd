#include "search/search_filter.h"

#include "base/alloc.h"
#include "base/num.h"

static size_t words_of(int64_t rows) {
    return (size_t)((rows + 63) / 64);
}

/* Bits [first, 64) of a word. */
static uint64_t from_bit(int64_t first) {
    return ~(uint64_t)0 << first;
}

inlay_status search_filter_new(int64_t rows, bool all, search_filter **out, inlay_error *err) {
    *out = NULL;
    search_filter *f = mem_zalloc(1, sizeof *f);
    if (!f) return fail_memory(err);
    f->rows = rows;
    f->words = mem_zalloc(words_of(rows) + 1, sizeof *f->words);
    if (!f->words) {
        mem_free(f);
        return fail_memory(err);
    }
    if (all) search_filter_mark(f, 0, rows, true);
    f->allowed = all ? rows : 0;
    *out = f;
    return INLAY_OK;
}

void search_filter_free(search_filter *f) {
    if (!f) return;
    mem_free(f->words);
    mem_free(f);
}

static void mark_word(uint64_t *word, uint64_t bits, bool allow) {
    *word = allow ? *word | bits : *word & ~bits;
}

void search_filter_mark(search_filter *f, int64_t begin, int64_t end, bool allow) {
    if (begin >= end) return;
    uint64_t *first = f->words + begin / 64, *last = f->words + (end - 1) / 64;
    uint64_t head = from_bit(begin % 64), tail = ~(uint64_t)0 >> (63 - (end - 1) % 64);
    if (first == last) {
        mark_word(first, head & tail, allow);
        return;
    }
    mark_word(first, head, allow);
    for (uint64_t *word = first + 1; word < last; word++) *word = allow ? ~(uint64_t)0 : 0;
    mark_word(last, tail, allow);
}

void search_filter_keep(search_filter *f, const uint8_t *bits, bool inverted) {
    size_t bytes = (size_t)((f->rows + 7) / 8);
    for (size_t i = 0; i < bytes; i++) {
        uint64_t dropped = inverted ? bits[i] : (uint8_t)~bits[i];
        f->words[i / 8] &= ~(dropped << (8 * (i % 8)));
    }
}

void search_filter_count(search_filter *f) {
    f->allowed = 0;
    for (size_t i = 0; i < words_of(f->rows); i++) f->allowed += __builtin_popcountll(f->words[i]);
}

int64_t search_filter_next(const search_filter *f, int64_t from, int64_t end, bool allowed) {
    uint64_t flip = allowed ? 0 : ~(uint64_t)0;
    while (from < end) {
        uint64_t word = (f->words[from / 64] ^ flip) & from_bit(from % 64);
        if (word) {
            int64_t found = from / 64 * 64 + __builtin_ctzll(word);
            return found < end ? found : end;
        }
        from = from / 64 * 64 + 64;
    }
    return end;
}

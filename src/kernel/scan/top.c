#include "kernel/scan/scan.h"

#include "base/alloc.h"
#include "base/num.h"

#include <math.h>

void scan_top_init(scan_top *top, size_t k, scan_hit *hits) {
    *top = (scan_top){.threshold = -INFINITY, .owned = !hits, .k = k, .capacity = hits ? k : 0, .hits = hits};
}

void scan_top_free(scan_top *top) {
    if (top->owned) mem_free(top->hits);
    *top = (scan_top){0};
}

/* Lets HIT sink from place I of the heap [n] whose root is the worst. */
static void sink(scan_hit *heap, size_t n, size_t i, scan_hit hit) {
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && scan_worse(heap[child + 1], heap[child])) child++;
        if (!scan_worse(heap[child], hit)) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = hit;
}

static void make_heap(scan_hit *hits, size_t n) {
    for (size_t i = n / 2; i-- > 0;) sink(hits, n, i, hits[i]);
}

static bool grow(scan_top *top) {
    size_t capacity = top->capacity ? min_size(top->k, 2 * top->capacity) : min_size(top->k, 1024);
    size_t bytes;
    scan_hit *hits = NULL;
    if (!__builtin_mul_overflow(capacity, sizeof *hits, &bytes)) hits = mem_realloc(top->hits, bytes);
    if (!hits) {
        top->failed = true;
        top->threshold = INFINITY;
        return false;
    }
    top->hits = hits;
    top->capacity = capacity;
    return true;
}

void scan_top_offer(scan_top *top, float score, int64_t row) {
    if (top->allowed && !(top->allowed[row / 64] >> (row % 64) & 1)) return;
    scan_hit hit = {isnan(score) ? -INFINITY : score, row};
    if (top->count == top->k) {
        if (!scan_worse(top->hits[0], hit)) return;
        sink(top->hits, top->k, 0, hit);
    } else {
        if (hit.score < top->threshold || top->failed) return;
        if (top->count == top->capacity && !grow(top)) return;
        top->hits[top->count++] = hit;
        if (top->count < top->k) return;
        make_heap(top->hits, top->k);
    }
    if (top->hits[0].score > top->threshold) top->threshold = top->hits[0].score;
}

void scan_top_sort(scan_top *top) {
    if (top->count < top->k) make_heap(top->hits, top->count);
    for (size_t n = top->count; n > 1; n--) {
        scan_hit worst = top->hits[0];
        sink(top->hits, n - 1, 0, top->hits[n - 1]);
        top->hits[n - 1] = worst;
    }
}

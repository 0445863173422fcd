/* Stage two: what survived, scored by the kernels of the scan. Each family sums a row in one order wherever it lies, so
 * gathered rows score as they would in a pass over all. */
#include "search/index_search.h"

#include "base/alloc.h"
#include "base/num.h"
#include "base/pool.h"

#include <math.h>
#include <stdlib.h>

enum {
    FIRST_WAVE = 64,   /* candidates of a query, at least; each wave is twice the one before */
    SERIAL_SLICES = 2, /* fewer are scored by the caller: waking threads takes longer */
    SCORED_SHARE = 16  /* of rows: more candidates are not worth it */
};

/* ---- one list, by falling bound */

enum { DIGIT = 11, DIGITS = 3, INSERTED = 64 /* fewer are sorted one by one */ };

/* Numbers in the order in which the bounds fall. NaN is no bound. */
static uint32_t place_of(float bound) {
    uint32_t bits;
    memcpy(&bits, &bound, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7fffffff;
}

/* Puts LIST [n] in its order into OTHER, one by one. */
static void insert_by_bound(const candidate *list, candidate *other, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && place_of(other[at - 1].upper) > place_of(list[i].upper); at--) other[at] = other[at - 1];
        other[at] = list[i];
    }
}

/* Sorts LIST [n] digit by digit, by way of OTHER; the last digit leaves it there. */
static void sort_by_bound(candidate *list, candidate *other, size_t n) {
    if (n <= INSERTED) {
        insert_by_bound(list, other, n);
        return;
    }
    for (int digit = 0; digit < DIGITS; digit++) {
        size_t starts[1 << DIGIT] = {0};
        for (size_t i = 0; i < n; i++) starts[place_of(list[i].upper) >> DIGIT * digit & ((1 << DIGIT) - 1)]++;
        for (size_t d = 0, sum = 0, count; d < 1 << DIGIT; d++, sum += count) {
            count = starts[d];
            starts[d] = sum;
        }
        for (size_t i = 0; i < n; i++)
            other[starts[place_of(list[i].upper) >> DIGIT * digit & ((1 << DIGIT) - 1)]++] = list[i];
        candidate *swap = list;
        list = other;
        other = swap;
    }
}

static bool join(index_run *s, size_t number) {
    index_query *q = s->queries + number;
    float floor = index_floor(q);
    size_t count = 0;
    for (size_t w = 0; w < s->threads; w++) count += s->workers[w].parts[number].kept.count;
    q->all.list = mem_array(count + 1, sizeof *q->all.list);
    candidate *scratch = mem_array(count + 1, sizeof *scratch);
    if (!q->all.list || !scratch) {
        mem_free(scratch);
        return false;
    }
    for (size_t w = 0; w < s->threads; w++) {
        const candidates *kept = &s->workers[w].parts[number].kept;
        for (size_t i = 0; i < kept->count; i++)
            if (!(kept->list[i].upper < floor)) scratch[q->all.count++] = kept->list[i];
    }
    sort_by_bound(scratch, q->all.list, q->all.count);
    mem_free(scratch);
    return true;
}

static void join_one(void *ctx, size_t number, int worker) {
    (void)worker;
    index_run *s = ctx;
    index_query *q = s->queries + number;
    if (index_has_left(q)) return;
    if (!join(s, number)) atomic_store(&s->failed, true);
    if (q->all.count > max_size((size_t)(s->total_rows / SCORED_SHARE), 4 * s->k + FIRST_WAVE)) index_leave(q);
}

/* ---- scoring a slice */

static void gather_row(const index_source *from, uint64_t row, size_t dim, uint8_t *out) {
    size_t size = scan_type_size(from->type);
    if (!from->transposed) {
        memcpy(out, from->rows.data + row * from->rows.stride, dim * size);
        return;
    }
    const uint8_t *p = from->rows.data + row * size;
    for (size_t j = 0; j < dim; j++) memcpy(out + j * size, p + j * from->rows.stride, size);
}

/* Scores N candidates of one source. */
static void score_run(const index_run *s, const index_worker *w, uint32_t query, candidate *list, size_t n) {
    const index_source *from = s->sources + list->source;
    scan_class class = scan_class_of(from->type);
    size_t stride = s->dim * scan_type_size(from->type);
    uint8_t sides[INDEX_SLICE * sizeof(float)];
    scan_hit hits[INDEX_SLICE + 1];
    for (size_t i = 0; i < n; i++) {
        gather_row(from, list[i].row, s->dim, w->rows + i * stride);
        if (from->rows.factor != SCAN_PLAIN)
            memcpy(sides + i * sizeof(float), from->rows.side + list[i].row * sizeof(float), sizeof(float));
    }
    scan_rows rows = {
        .data = w->rows, .side = sides, .count = n, .dim = s->dim, .stride = stride, .factor = from->rows.factor};
    const void *prepared =
        class == SCAN_DOUBLE ? (const void *)(s->wide + query * s->dim) : (const void *)(s->single + query * s->dim);
    scan_top top;
    scan_top_init(&top, INDEX_SLICE + 1, hits); /* never full: it keeps all */
    if (s->ask->panels) {
        s->scan->pack[from->type][false](&rows, w->panels);
        s->scan->tile[class](&rows, w->panels, prepared, 1, &top, bytes_make(NULL, 0));
    } else {
        s->scan->rows[from->type](&rows, prepared, 1, &top);
    }
    for (size_t i = 0; i < top.count; i++) list[hits[i].row].upper = hits[i].score;
}

static int by_place(const void *left, const void *right) {
    const candidate *a = left, *b = right;
    if (a->source != b->source) return a->source < b->source ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Has the system read rows that are not in memory while earlier ones are scored: all at once, and only their pages,
 * where a fault would wait for each and read what lies around it. Of rows that are in memory asking takes longer than
 * scoring them: once a slice had to wait for none it is not asked for more, until one does. */
static void fetch_rows(const index_run *s, const candidate *list, size_t n) {
    if (atomic_load_explicit(&s->presence, memory_order_relaxed) == INDEX_PRESENT) return;
    for (size_t i = 0; i < n; i++) {
        const index_source *from = s->sources + list[i].source;
        if (!from->transposed)
            file_prefetch(from->rows.data + list[i].row * from->rows.stride, s->dim * scan_type_size(from->type));
    }
}

/* WAITED: how often the thread had before it scored a slice. */
static void note_presence(index_run *s, uint64_t waited) {
    int unknown = INDEX_UNKNOWN;
    if (file_waits() != waited)
        atomic_store_explicit(&s->presence, INDEX_ABSENT, memory_order_relaxed);
    else
        atomic_compare_exchange_strong_explicit(&s->presence, &unknown, INDEX_PRESENT, memory_order_relaxed,
                                                memory_order_relaxed);
}

static void score_slice(void *ctx, size_t index, int worker) {
    index_run *s = ctx;
    uint64_t waited = file_waits();
    const index_slice *slice = s->slices + index;
    candidate *list = s->queries[slice->query].all.list + slice->first;
    qsort(list, slice->count, sizeof *list, by_place);
    fetch_rows(s, list, slice->count);
    for (size_t i = 0, n; i < slice->count; i += n) {
        for (n = 1; i + n < slice->count && list[i + n].source == list[i].source;) n++;
        score_run(s, s->workers + worker, slice->query, list + i, n);
    }
    note_presence(s, waited);
}

/* ---- waves */

static bool add_slice(index_run *s, size_t query, size_t first, size_t count) {
    if (s->n_slices == s->slices_capacity) {
        size_t capacity = max_size(2 * s->slices_capacity, 256);
        index_slice *slices = mem_realloc(s->slices, capacity * sizeof *slices);
        if (!slices) return false;
        s->slices = slices;
        s->slices_capacity = capacity;
    }
    s->slices[s->n_slices++] = (index_slice){(uint32_t)query, first, count};
    return true;
}

/* Those of query NUMBER that come next and can still win. */
static bool add_slices(index_run *s, size_t number, size_t wave) {
    index_query *q = s->queries + number;
    float floor = index_floor(q);
    size_t end = min_size(q->scored + wave, q->all.count);
    while (end > q->scored && q->all.list[end - 1].upper < floor) end--;
    q->wave_end = end;
    for (size_t i = q->scored; i < end; i += INDEX_SLICE)
        if (!add_slice(s, number, i, min_size(INDEX_SLICE, end - i))) return false;
    return true;
}

static void offer_wave(index_run *s, index_query *q) {
    for (; q->scored < q->wave_end; q->scored++) {
        const candidate *c = q->all.list + q->scored;
        if (!(c->upper < q->top.threshold))
            scan_top_offer(&q->top, c->upper, s->sources[c->source].rows.first_row + (int64_t)c->row);
    }
    if (q->top.count == s->k) index_raise_floor(&q->floor, q->top.threshold);
}

static inlay_status score_waves(index_run *s, inlay_error *err) {
    for (size_t wave = max_size(FIRST_WAVE, s->k);; wave *= 2) {
        s->n_slices = 0;
        for (size_t q = 0; q < s->n; q++)
            if (!index_has_left(s->queries + q) && !add_slices(s, q, wave)) return fail_memory(err);
        if (s->n_slices == 0) return INLAY_OK;
        if (s->n_slices > SERIAL_SLICES)
            pool_run(s->n_slices, score_slice, s);
        else
            for (size_t i = 0; i < s->n_slices; i++) score_slice(s, i, 0);
        for (size_t q = 0; q < s->n; q++)
            if (!index_has_left(s->queries + q)) offer_wave(s, s->queries + q);
    }
}

inlay_status index_score(index_run *s, inlay_error *err) {
    index_each_query(s, join_one);
    if (atomic_load(&s->failed)) return fail_memory(err);
    TRY(score_waves(s, err));
    for (size_t i = 0; i < s->n; i++) {
        index_query *q = s->queries + i;
        scan_top_sort(&q->top);
        /* rows that score minus infinity were left out, but in a list that is not full they have their place */
        if (!s->ask->limits && (q->top.count < s->k || q->top.hits[s->k - 1].score == -INFINITY)) index_leave(q);
    }
    return INLAY_OK;
}

/* Search without an index: one pass over the rows as they are stored. */
#include "search/search_parts.h"

#include "base/alloc.h"
#include "base/num.h"
#include "base/pool.h"

#include <math.h>
#include <stdatomic.h>

enum {
    PIECE_BYTES = 256 << 10,  /* of rows scanned at a time: read as streams within it */
    PACKED_BYTES = 128 << 10, /* of panels packed at a time: half a core's cache, the next rows are fetched meanwhile */
    FETCH_GROUPS = 4,         /* of queries, during which they are */
    COLUMNS_BYTES = 1 << 20,  /* the same of transposed rows, where short pieces mean short reads */
    COLUMNS_ROWS = 1024,
    TASK_PIECES = 8,          /* of one source that a thread takes at a time, at most */
    PIECE_ROWS = 8192,        /* at most, for narrow rows */
    HEAPS_BYTES = 8 << 20,    /* of winners of all threads, unless one query needs more */
    QUERIES_BYTES = 6 << 20,  /* of prepared queries, unless one query needs more */
    PANELS_BYTES = 8 << 20,   /* of all threads' panels, unless rows are very wide */
    SERIAL_MERGE_HITS = 4096, /* fewer are merged by the caller alone: waking threads takes longer */
    NEAR_ROWS = 16,           /* rows that are not allowed, between two that are: scanned rather than skipped */
    LINE = 64                 /* bytes, what two threads should not share */
};

/* A chunk and its place among the tasks. */
typedef struct source {
    scan_rows rows; /* those of the chunk that are looked at */
    scan_type type;
    bool transposed;
    size_t piece_rows; /* scanned at a time */
    size_t task_rows;  /* taken by a thread at a time: some pieces */
    size_t first_task;
} source;

typedef struct worker {
    scan_top *tops; /* [group] */
    void *panels;
} worker;

/* One call of search_scan. */
typedef struct search {
    const search_view *view;
    const scan_kernels *kernels;
    source *sources; /* [n_sources], none empty */
    size_t n_sources, tasks;
    bool panels; /* which family of kernels scans, for all rows */
    bool raw;    /* scores as they compare */
    const search_ask *ask;
    const search_filter *filter; /* NULL: all rows */
    bool has[SCAN_CLASSES];
    size_t dim, k;
    worker *workers; /* [threads] */
    size_t threads;
    scan_hit *hits;              /* [threads, group, k] when they fit in HEAPS_BYTES, else NULL: tops grow their own */
    size_t group;                /* queries at a time */
    size_t n;                    /* queries in this group */
    _Atomic float *floors;       /* [group] what no row may be below, from all threads */
    float *norms;                /* [group] squared norm of each query */
    const float *reached;        /* [n] of this group, or NULL */
    void *queries[SCAN_CLASSES]; /* [group, dim], or tiles when `panels` */
    float *scores;               /* where this group's results go */
    int64_t *rows;
} search;

/* Rows [first, first + count) of ROWS, as many as there are. */
static scan_rows part_of(const source *from, scan_rows rows, size_t first, size_t count) {
    rows.data += first * (from->transposed ? scan_type_size(from->type) : rows.stride);
    if (rows.side) rows.side += first * sizeof(float);
    rows.first_row += (int64_t)first;
    rows.count = min_size(count, rows.count - first);
    return rows;
}

static inlay_status list_sources(search *s, inlay_error *err) {
    const search_view *view = s->view;
    s->sources = mem_zalloc(view->n_chunks, sizeof *s->sources);
    if (!s->sources) return fail_memory(err);
    for (size_t i = 0; i < view->n_chunks; i++) {
        const search_chunk *chunk = view->chunks + i;
        size_t begin, end;
        if (!search_part(s->ask->limits, chunk, &begin, &end)) continue;
        source *from = s->sources + s->n_sources++;
        *from = (source){.type = search_scan_type(chunk->type), .transposed = chunk->transposed};
        from->rows = part_of(from, search_scan_rows(chunk, s->dim, view->metric), begin, end - begin);
        s->has[scan_class_of(from->type)] = true;
    }
    return INLAY_OK;
}

/* Bytes of panels that one thread needs for a piece of COUNT rows. */
static size_t panels_bytes(const search *s, scan_class class, size_t count) {
    size_t height = s->kernels->panel_rows[class];
    return (count + height - 1) / height * height * s->dim * scan_class_size(class);
}

/* Rows of SOURCE that are scanned at a time. */
static size_t piece_rows(const search *s, const source *from) {
    scan_class class = scan_class_of(from->type);
    size_t height = s->kernels->panel_rows[class], bytes = PIECE_BYTES, row = s->dim * scan_type_size(from->type);
    if (s->panels) {
        bytes = min_size(from->transposed ? COLUMNS_BYTES : PACKED_BYTES, PANELS_BYTES / s->threads);
        row = s->dim * scan_class_size(class);
    }
    size_t rows = min_size(bytes / max_size(row, 1), from->transposed ? COLUMNS_ROWS : PIECE_ROWS);
    return min_size(max_size(rows / height * height, height), from->rows.count);
}

/* Cuts the sources into pieces, and those into tasks. Returns the bytes of panels that a thread needs. */
static size_t cut_tasks(search *s) {
    size_t most = 0, pieces = 0;
    for (size_t i = 0; i < s->n_sources; i++) {
        source *from = s->sources + i;
        from->piece_rows = piece_rows(s, from);
        pieces += (from->rows.count + from->piece_rows - 1) / from->piece_rows;
        if (s->panels) most = max_size(most, panels_bytes(s, scan_class_of(from->type), from->piece_rows));
    }
    size_t task_pieces = min_size(max_size(pieces / (4 * s->threads), 1), TASK_PIECES);
    for (size_t i = 0; i < s->n_sources; i++) {
        source *from = s->sources + i;
        from->task_rows = from->piece_rows * task_pieces;
        from->first_task = s->tasks;
        s->tasks += (from->rows.count + from->task_rows - 1) / from->task_rows;
    }
    return most;
}

/* How many queries are answered at a time, so that heaps and prepared queries keep to their bounds. */
static size_t group_size(const search *s, size_t n) {
    size_t heap, all, bytes = s->dim * (4 * (size_t)s->has[SCAN_SINGLE] + 8 * (size_t)s->has[SCAN_DOUBLE]);
    if (!mul_size(s->k, sizeof(scan_hit), &heap) || !mul_size(heap + sizeof(scan_top), s->threads, &all)) return 1;
    size_t group = min_size(HEAPS_BYTES / all, QUERIES_BYTES / max_size(bytes, 1));
    size_t tile = s->kernels->tile_queries[s->has[SCAN_SINGLE] ? SCAN_SINGLE : SCAN_DOUBLE];
    if (group > tile) group = group / tile * tile;
    return min_size(max_size(group, 1), n);
}

static inlay_status allocate(search *s, size_t panel_bytes, inlay_error *err) {
    size_t heaps;
    if (mul_size(s->threads * s->group, s->k, &heaps) && heaps <= HEAPS_BYTES / sizeof(scan_hit)) {
        s->hits = mem_array(heaps, sizeof *s->hits);
        if (!s->hits) return fail_memory(err);
    }
    s->workers = mem_zalloc(s->threads, sizeof *s->workers);
    s->floors = mem_array(s->group, sizeof *s->floors);
    s->norms = mem_array(s->group, sizeof *s->norms);
    if (!s->workers || !s->floors || !s->norms) return fail_memory(err);
    for (size_t w = 0; w < s->threads; w++) {
        s->workers[w].tops = mem_aligned(LINE, s->group * sizeof(scan_top));
        if (!s->workers[w].tops) return fail_memory(err);
        memset(s->workers[w].tops, 0, s->group * sizeof(scan_top));
        if (panel_bytes && !(s->workers[w].panels = mem_aligned(LINE, panel_bytes))) return fail_memory(err);
    }
    for (int c = 0; c < SCAN_CLASSES; c++) {
        /* one column more than queries: a group of odd width is padded */
        size_t bytes = (s->group + 1) * s->dim * scan_class_size((scan_class)c);
        if (s->has[c] && !(s->queries[c] = mem_aligned(LINE, bytes))) return fail_memory(err);
    }
    return INLAY_OK;
}

static void release(search *s) {
    for (size_t w = 0; s->workers && w < s->threads; w++) {
        for (size_t q = 0; s->workers[w].tops && q < s->group; q++) scan_top_free(s->workers[w].tops + q);
        mem_free(s->workers[w].tops);
        mem_free(s->workers[w].panels);
    }
    mem_free(s->workers);
    mem_free(s->hits);
    mem_free((void *)s->floors);
    mem_free(s->norms);
    for (int c = 0; c < SCAN_CLASSES; c++) mem_free(s->queries[c]);
    mem_free(s->sources);
}

/* Where the prepared query Q of the group lies, as [n, dim]; in tiles the same place begins a tile when Q is a multiple
 * of its width. */
static void *query_at(const search *s, scan_class class, size_t q) {
    return (char *)s->queries[class] + q * s->dim * scan_class_size(class);
}

/* Scales the group's queries and, for the panel family, packs them in tiles. SCRATCH [tile_queries, dim] of double. */
static void prepare_queries(search *s, const float *queries, void *scratch) {
    for (int c = 0; c < SCAN_CLASSES; c++) {
        if (!s->has[c]) continue;
        scan_class class = (scan_class)c;
        size_t tile = s->panels ? s->kernels->tile_queries[c] : s->n;
        for (size_t first = 0; first < s->n; first += tile) {
            size_t count = min_size(tile, s->n - first);
            void *to = s->panels ? scratch : s->queries[c];
            for (size_t q = 0; q < count; q++) {
                const float *query = queries + (first + q) * s->dim;
                s->norms[first + q] = search_prepare(s->view->metric, class, query, s->dim,
                                                     (char *)to + q * s->dim * scan_class_size(class));
            }
            if (s->panels) scan_group_pack(class, to, count, s->dim, query_at(s, class, first));
        }
    }
}

static void raise_floor(_Atomic float *floor, float value) {
    float seen = atomic_load_explicit(floor, memory_order_relaxed);
    while (seen < value &&
           !atomic_compare_exchange_weak_explicit(floor, &seen, value, memory_order_relaxed, memory_order_relaxed)) {}
}

/* The rows of task INDEX, and their source. */
static const source *find_task(const search *s, size_t index, scan_rows *task) {
    size_t low = 0, high = s->n_sources;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (s->sources[middle].first_task <= index)
            low = middle;
        else
            high = middle;
    }
    const source *from = s->sources + low;
    *task = part_of(from, from->rows, (index - from->first_task) * from->task_rows, from->task_rows);
    return from;
}

/* NEXT: what will be scanned after PIECE, row-major, or nothing. It is fetched while the first few groups of queries
 * meet the piece: during one alone it would come faster than memory gives it. */
static void scan_piece(const search *s, const worker *w, const source *from, const scan_rows *piece, bytes next) {
    scan_class class = scan_class_of(from->type);
    if (!s->panels) {
        s->kernels->rows[from->type](piece, s->queries[class], s->n, w->tops);
        return;
    }
    size_t tile = s->kernels->tile_queries[class];
    size_t part = next.size / min_size((s->n + tile - 1) / tile, FETCH_GROUPS) + 1;
    s->kernels->pack[from->type][from->transposed](piece, w->panels);
    for (size_t q = 0; q < s->n; q += tile) {
        bytes some = bytes_make(next.data, min_size(part, next.size));
        next = bytes_make(next.data + some.size, next.size - some.size);
        s->kernels->tile[class](piece, w->panels, query_at(s, class, q), min_size(tile, s->n - q), w->tops + q, some);
    }
}

/* Narrows [*first, first + count) of TASK to the rows that are scanned together: from the first that is allowed to
 * where a stretch without any begins. Returns how many; 0: none is allowed. */
static size_t allowed_span(const search *s, const scan_rows *task, size_t *first, size_t count) {
    if (!s->filter) return count;
    int64_t begin = task->first_row + (int64_t)*first, end = begin + (int64_t)count, stop, next;
    begin = search_filter_next(s->filter, begin, end, true);
    *first = (size_t)(begin - task->first_row);
    if (begin == end) return 0;
    for (next = begin, stop = begin; next < end && next - stop <= NEAR_ROWS;) {
        stop = search_filter_next(s->filter, next, end, false);
        next = search_filter_next(s->filter, stop, end, true);
    }
    return (size_t)(stop - begin);
}

static void scan_task(void *ctx, size_t index, int number) {
    search *s = ctx;
    const worker *w = s->workers + number;
    scan_rows task;
    const source *from = find_task(s, index, &task);
    /* A row below another thread's k-th score loses to k rows; one equal to it may still win by its number, so it is
     * kept: the kernels drop only what is below the threshold. */
    for (size_t q = 0; q < s->n; q++)
        w->tops[q].threshold = fmaxf(w->tops[q].threshold, atomic_load_explicit(s->floors + q, memory_order_relaxed));
    for (size_t first = 0, count; first < task.count; first += count) {
        count = allowed_span(s, &task, &first, min_size(from->piece_rows, task.count - first));
        if (count == 0) continue;
        scan_rows piece = part_of(from, task, first, count);
        bool last = first + piece.count == task.count;
        size_t size = last || from->transposed ? 0 : piece.count * piece.stride;
        scan_piece(s, w, from, &piece, bytes_make(piece.data + size, size));
    }
    for (size_t q = 0; q < s->n; q++)
        if (w->tops[q].count == s->k) raise_floor(s->floors + q, w->tops[q].threshold);
}

static void sort_one(void *ctx, size_t index, int number) {
    (void)number;
    search *s = ctx;
    scan_top_sort(s->workers[index % s->threads].tops + index / s->threads);
}

/* Merges the threads' sorted winners of query INDEX. */
static void merge_one(void *ctx, size_t index, int number) {
    (void)number;
    search *s = ctx;
    size_t taken[POOL_MAX_THREADS] = {0};
    for (size_t i = 0; i < s->k; i++) {
        const scan_hit *best = NULL;
        size_t from = 0, at = index * s->k + i;
        for (size_t w = 0; w < s->threads; w++) {
            const scan_top *top = s->workers[w].tops + index;
            if (taken[w] < top->count && (!best || scan_worse(*best, top->hits[taken[w]]))) {
                best = top->hits + taken[w];
                from = w;
            }
        }
        taken[from]++;
        float score = !best    ? -INFINITY
                      : s->raw ? best->score
                               : search_final_score(s->view->metric, best->score, s->norms[index]);
        bool found = best && (s->raw || !(score < search_least(s->ask)));
        s->scores[at] = found ? score : -INFINITY;
        s->rows[at] = found ? best->row : 0;
    }
}

static void run_all(search *s, size_t n, void (*task)(void *, size_t, int)) {
    if (s->threads * s->n * s->k > SERIAL_MERGE_HITS)
        pool_run(n, task, s);
    else
        for (size_t i = 0; i < n; i++) task(s, i, 0);
}

static inlay_status search_group(search *s, const float *queries, void *scratch, inlay_error *err) {
    prepare_queries(s, queries, scratch);
    for (size_t q = 0; q < s->n; q++) {
        float least = search_raw_least(s->view->metric, search_least(s->ask), s->norms[q]);
        atomic_init(s->floors + q, s->reached ? fmaxf(least, s->reached[q]) : least);
    }
    for (size_t w = 0; w < s->threads; w++)
        for (size_t q = 0; q < s->n; q++) {
            scan_top_free(s->workers[w].tops + q);
            scan_top_init(s->workers[w].tops + q, s->k, s->hits ? s->hits + (w * s->group + q) * s->k : NULL);
            s->workers[w].tops[q].allowed = search_allowed_bits(s->ask);
        }
    pool_run(s->tasks, scan_task, s);
    for (size_t w = 0; w < s->threads; w++)
        for (size_t q = 0; q < s->n; q++)
            if (s->workers[w].tops[q].failed) return fail_memory(err);
    run_all(s, s->threads * s->n, sort_one);
    run_all(s, s->n, merge_one);
    return INLAY_OK;
}

inlay_status search_scan(const search_view *view, const search_ask *ask, inlay_error *err) {
    search s = {.view = view,
                .kernels = scan_kernels_best(),
                .panels = ask->panels,
                .raw = ask->raw,
                .ask = ask,
                .filter = ask->limits ? ask->limits->filter : NULL,
                .dim = (size_t)view->dim,
                .k = ask->k,
                .threads = (size_t)pool_threads()};
    void *scratch = NULL;
    inlay_status status;
    TRY_TO(done, list_sources(&s, err));
    size_t panel_bytes = cut_tasks(&s);
    s.group = group_size(&s, ask->n);
    TRY_TO(done, allocate(&s, panel_bytes, err));
    if (s.panels && !(scratch = mem_array(SCAN_TILE_MAX * s.dim, sizeof(double)))) {
        status = fail_memory(err);
        goto done;
    }
    for (size_t first = 0; first < ask->n; first += s.group) {
        s.n = min_size(s.group, ask->n - first);
        s.scores = ask->scores + first * s.k;
        s.rows = ask->rows + first * s.k;
        s.reached = ask->reached ? ask->reached + first : NULL;
        TRY_TO(done, search_group(&s, ask->queries + first * s.dim, scratch, err));
    }
done:
    mem_free(scratch);
    release(&s);
    return status;
}

/* A call of the search by index: memory, groups of queries, chunks without an index, queries that leave. */
#include "search/index_search.h"

#include "base/alloc.h"
#include "base/num.h"
#include "base/pool.h"

#include <math.h>

enum {
    HEAPS_BYTES = 8 << 20,   /* of winners of all threads, unless one query needs more */
    QUERIES_BYTES = 6 << 20, /* of prepared queries, unless one query needs more */
    TASK_BYTES = 256 << 10,  /* of codes that a thread takes at a time, or a segment */
    FAIR_TASKS = 16,         /* of each thread, at least */
    MOST_SHARE = 8,          /* winners are at most this share of rows, */
    MOST_BATCH_SHARE = 1024, /* and in a batch, when they are more than MANY, this one */
    MANY = 64,
    LEAST_BATCH_ROWS = 24000,
    CACHE_BYTES = 16 << 20, /* of float32 rows */
    LINE = 64
};

static void split_view(index_run *s, search_chunk *rest) {
    s->rest = (search_view){.chunks = rest, .dim = s->view->dim, .metric = s->view->metric};
    for (size_t i = 0; i < s->view->n_chunks; i++) {
        const search_chunk *chunk = s->view->chunks + i;
        size_t begin, end;
        if (!search_part(s->ask->limits, chunk, &begin, &end)) continue;
        if (!search_index_fits(chunk->index, chunk, s->view->dim, s->view->metric)) {
            rest[s->rest.n_chunks++] = *chunk;
            continue;
        }
        s->sources[s->n_sources++] = (index_source){.index = chunk->index,
                                                    .rows = search_scan_rows(chunk, s->dim, s->view->metric),
                                                    .type = search_scan_type(chunk->type),
                                                    .transposed = chunk->transposed,
                                                    .first_row = begin,
                                                    .end_row = end,
                                                    .first_segment = begin / INDEX_SEGMENT_ROWS,
                                                    .end_segment = (end - 1) / INDEX_SEGMENT_ROWS + 1};
        s->total_rows += end - begin;
        s->has_double |= chunk->type == INLAY_FLOAT64;
    }
    s->rest_k = min_size(s->k, (size_t)search_rows_within(&s->rest, s->ask->limits));
}

static void cut_tasks(index_run *s) {
    uint64_t segments = 0;
    for (size_t i = 0; i < s->n_sources; i++) segments += s->sources[i].end_segment - s->sources[i].first_segment;
    size_t fair = max_size((size_t)(segments / (FAIR_TASKS * s->threads)), 1);
    for (size_t i = 0; i < s->n_sources; i++) {
        index_source *from = s->sources + i;
        uint64_t own = from->end_segment - from->first_segment;
        from->task_segments = min_size(max_size((size_t)(TASK_BYTES / from->index->at.segment_bytes), 1), fair);
        from->first_task = s->tasks;
        s->tasks += (size_t)((own + from->task_segments - 1) / from->task_segments);
    }
}

static size_t group_size(const index_run *s) {
    size_t heaps, bytes = s->dim * (sizeof(float) + (s->has_double ? sizeof(double) : 0)) + 3 * QUANT_GROUP * s->groups;
    if (!mul_size(s->k, sizeof(scan_hit), &heaps) || !mul_size(heaps + sizeof(index_part), s->threads + 2, &heaps))
        return 1;
    size_t group = min_size(HEAPS_BYTES / heaps, QUERIES_BYTES / max_size(bytes, 1));
    if (group > QUANT_TILE_MAX) group = group / QUANT_TILE_MAX * QUANT_TILE_MAX;
    return min_size(max_size(group, 1), s->ask->n);
}

/* Whether so many rows survive that the scan is as fast. In a batch it is compared with arithmetic, not with memory;
 * what survives on the way to the best k is several times k for each thread. */
static bool asks_too_many(const index_run *s) {
    if (s->k > s->total_rows / MOST_SHARE) return true;
    return s->ask->n > s->quant->few_queries && s->k > MANY && s->k > s->total_rows / s->threads / MOST_BATCH_SHARE;
}

/* Whether there is too little to spare: rows that the cache holds, or, in a batch, too few beside those that survive
 * until there is a floor. Measured at 100 and 768 dimensions. */
static bool has_too_few(const index_run *s) {
    if (s->view->eager) return false;
    if (s->ask->n > s->quant->few_queries) return s->total_rows < LEAST_BATCH_ROWS;
    return s->total_rows * s->dim * sizeof(float) < CACHE_BYTES;
}

static bool allocate_worker(const index_run *s, index_worker *w) {
    size_t row = s->dim * (s->has_double ? sizeof(double) : sizeof(float)), panel_rows = INDEX_SLICE + SCAN_PANEL_MAX;
    w->parts = mem_aligned(LINE, s->group * sizeof *w->parts);
    if (w->parts) memset(w->parts, 0, s->group * sizeof *w->parts);
    w->hits = mem_array((size_t)QUANT_TILE_MAX * INDEX_SEGMENT_ROWS, sizeof *w->hits);
    w->limits = mem_array((size_t)QUANT_TILE_MAX * INDEX_SEGMENT_BLOCKS, sizeof *w->limits);
    w->rows = mem_aligned(LINE, INDEX_SLICE * row + LINE);
    w->panels = s->ask->panels ? mem_aligned(LINE, panel_rows * row + LINE) : NULL;
    return w->parts && w->hits && w->limits && w->rows && (w->panels || !s->ask->panels);
}

static inlay_status allocate(index_run *s, inlay_error *err) {
    size_t heaps, numbers = s->group * s->dim + 1;
    if (!mul_size(s->group * (s->threads + 2), s->k, &heaps)) return fail_memory(err);
    s->hits = mem_array(heaps, sizeof *s->hits);
    s->queries = mem_zalloc(s->group, sizeof *s->queries);
    s->single = mem_aligned(LINE, numbers * sizeof *s->single);
    s->wide = s->has_double ? mem_aligned(LINE, numbers * sizeof *s->wide) : NULL;
    s->codes = mem_array(s->group * 3 + 1, max_size(s->groups, 1) * QUANT_GROUP);
    s->rest_scores = mem_array(s->group * s->rest_k + 1, sizeof *s->rest_scores);
    s->rest_rows = mem_array(s->group * s->rest_k + 1, sizeof *s->rest_rows);
    s->workers = mem_zalloc(s->threads, sizeof *s->workers);
    bool all = s->hits && s->queries && s->single && (s->wide || !s->has_double) && s->codes && s->rest_scores &&
               s->rest_rows && s->workers;
    for (size_t w = 0; all && w < s->threads; w++) all = allocate_worker(s, s->workers + w);
    return all ? INLAY_OK : fail_memory(err);
}

static void forget_candidates(index_run *s) {
    for (size_t w = 0; w < s->threads; w++)
        for (size_t q = 0; s->workers[w].parts && q < s->group; q++) {
            mem_free(s->workers[w].parts[q].kept.list);
            s->workers[w].parts[q].kept = (candidates){0};
        }
    for (size_t q = 0; s->queries && q < s->group; q++) {
        mem_free(s->queries[q].all.list);
        s->queries[q].all = (candidates){0};
    }
}

static void release(index_run *s) {
    if (s->workers) forget_candidates(s);
    for (size_t w = 0; s->workers && w < s->threads; w++) {
        index_worker *worker = s->workers + w;
        mem_free(worker->parts);
        mem_free(worker->hits);
        mem_free(worker->limits);
        mem_free(worker->rows);
        mem_free(worker->panels);
    }
    mem_free(s->workers);
    mem_free(s->hits);
    mem_free(s->queries);
    mem_free(s->single);
    mem_free(s->wide);
    mem_free(s->codes);
    mem_free(s->rest_scores);
    mem_free(s->rest_rows);
    mem_free(s->slices);
    mem_free(s->sources);
}

static void begin_query(void *ctx, size_t number, int worker) {
    (void)worker;
    index_run *s = ctx;
    index_query *q = s->queries + number;
    *q = (index_query){0};
    index_prepare_query(s, number, s->asked + number * s->dim);
    float least = search_raw_least(s->view->metric, search_least(s->ask), q->norm);
    atomic_init(&q->floor, least);
    for (size_t w = 0; w < s->threads; w++) {
        index_part *part = s->workers[w].parts + number;
        *part = (index_part){0};
        scan_top_init(&part->lower, s->k, s->hits + (w * s->group + number) * s->k);
        part->lower.threshold = least;
    }
    scan_top_init(&q->top, s->k, s->hits + (s->threads * s->group + number) * s->k);
    scan_top_init(&q->lower, s->k, s->hits + ((s->threads + 1) * s->group + number) * s->k);
    atomic_flag_clear(&q->taken);
    q->top.threshold = q->lower.threshold = least;
}

/* The winners among the rows that have no index count as found already. */
static inlay_status begin_group(index_run *s, const float *queries, inlay_error *err) {
    s->asked = queries;
    index_each_query(s, begin_query);
    if (s->rest_k == 0) return INLAY_OK;
    search_ask ask = {.queries = queries,
                      .n = s->n,
                      .k = s->rest_k,
                      .panels = s->ask->panels,
                      .raw = true,
                      .limits = s->ask->limits,
                      .scores = s->rest_scores,
                      .rows = s->rest_rows};
    TRY(search_scan(&s->rest, &ask, err));
    for (size_t i = 0; i < s->n * s->rest_k; i++) {
        index_query *q = s->queries + i / s->rest_k;
        scan_top_offer(&q->top, s->rest_scores[i], s->rest_rows[i]);
        scan_top_offer(&q->lower, s->rest_scores[i], s->rest_rows[i]);
        if (q->top.count == s->k) index_raise_floor(&q->floor, q->top.threshold);
    }
    return INLAY_OK;
}

/* Answers those of the group that left the index by the scan. */
static inlay_status scan_others(index_run *s, const float *queries, float *scores, int64_t *rows, inlay_error *err) {
    size_t left = 0, at = 0;
    for (size_t q = 0; q < s->n; q++) left += index_has_left(s->queries + q);
    if (left == 0) return INLAY_OK;
    search_ask ask = {.n = left, .k = s->k, .panels = s->ask->panels, .limits = s->ask->limits};
    float *asked = mem_array(left * s->dim + 1, sizeof *asked), *found = mem_array(left * s->k, sizeof *found);
    float *reached = mem_array(left, sizeof *reached);
    int64_t *numbers = mem_array(left * s->k, sizeof *numbers);
    inlay_status status = asked && found && reached && numbers ? INLAY_OK : fail_memory(err);
    if (status != INLAY_OK) goto done;
    for (size_t q = 0; q < s->n; q++)
        if (index_has_left(s->queries + q)) {
            reached[at] = index_floor(s->queries + q);
            memcpy(asked + at++ * s->dim, queries + q * s->dim, s->dim * sizeof *asked);
        }
    ask.queries = asked;
    ask.reached = reached;
    ask.scores = found;
    ask.rows = numbers;
    TRY_TO(done, search_scan(s->view, &ask, err));
    at = 0;
    for (size_t q = 0; q < s->n; q++)
        if (index_has_left(s->queries + q)) {
            memcpy(scores + q * s->k, found + at * s->k, s->k * sizeof *found);
            memcpy(rows + q * s->k, numbers + at++ * s->k, s->k * sizeof *numbers);
        }
done:
    mem_free(asked);
    mem_free(found);
    mem_free(reached);
    mem_free(numbers);
    return status;
}

static void give_hits(const index_run *s, const index_query *from, float *scores, int64_t *rows) {
    float least = search_least(s->ask);
    for (size_t i = 0; i < s->k; i++) {
        bool found = i < from->top.count;
        float score = found ? search_final_score(s->view->metric, from->top.hits[i].score, from->norm) : -INFINITY;
        found = found && !(score < least);
        scores[i] = found ? score : -INFINITY;
        rows[i] = found ? from->top.hits[i].row : 0;
    }
}

static struct { _Atomic uint64_t refined, kept, scored, left; } counted;

void search_index_counted(search_index_counts *out) {
    *out = (search_index_counts){counted.refined, counted.kept, counted.scored, counted.left};
}

static void count_group(const index_run *s) {
    search_index_counts sum = {0};
    for (size_t q = 0; q < s->n; q++) {
        for (size_t w = 0; w < s->threads; w++) sum.refined += s->workers[w].parts[q].refined;
        sum.kept += s->queries[q].all.count;
        sum.scored += s->queries[q].scored;
        sum.left += index_has_left(s->queries + q);
    }
    counted.refined += sum.refined;
    counted.kept += sum.kept;
    counted.scored += sum.scored;
    counted.left += sum.left;
}

static inlay_status answer_group(index_run *s, const float *queries, float *scores, int64_t *rows, inlay_error *err) {
    TRY(begin_group(s, queries, err));
    index_scan(s);
    if (atomic_load(&s->failed)) return fail_memory(err);
    TRY(index_score(s, err));
    count_group(s);
    for (size_t q = 0; q < s->n; q++)
        if (!index_has_left(s->queries + q)) give_hits(s, s->queries + q, scores + q * s->k, rows + q * s->k);
    return scan_others(s, queries, scores, rows, err);
}

inlay_status search_by_index(const search_view *view, const search_ask *ask, inlay_error *err) {
    index_run s = {.view = view,
                   .ask = ask,
                   .quant = quant_kernels_best(),
                   .scan = scan_kernels_best(),
                   .dim = (size_t)view->dim,
                   .groups = quant_groups((size_t)view->dim),
                   .k = ask->k,
                   .threads = (size_t)pool_threads()};
    inlay_status status = INLAY_OK;
    s.sources = mem_zalloc(view->n_chunks, sizeof *s.sources);
    search_chunk *rest = mem_array(view->n_chunks, sizeof *rest);
    if (!s.sources || !rest) TRY_TO(done, fail_memory(err));
    split_view(&s, rest);
    if (asks_too_many(&s) || has_too_few(&s)) {
        status = search_scan(view, ask, err);
        goto done;
    }
    cut_tasks(&s);
    s.group = group_size(&s);
    TRY_TO(done, allocate(&s, err));
    for (size_t first = 0; first < ask->n; first += s.group) {
        s.n = min_size(s.group, ask->n - first);
        atomic_store(&s.kept_bytes, 0);
        status =
            answer_group(&s, ask->queries + first * s.dim, ask->scores + first * s.k, ask->rows + first * s.k, err);
        forget_candidates(&s);
        if (status != INLAY_OK) break;
    }
done:
    release(&s);
    mem_free(rest);
    return status;
}

/* Stage one: codes of rows against codes of queries, a piece at a time while it is in the cache. */
#include "search/index_search.h"

#include "base/num.h"
#include "base/pool.h"

#include <math.h>

enum {
    PIECE_BYTES = 192 << 10, /* of codes that all queries meet before the next */
    FIRST_PIECE = 4,  /* blocks that a thread meets at most before there is a floor; then half of what it has met */
    HASTY_ROWS = 256, /* after so many it says something when nearly all survive */
    HASTY_TIMES_K = 16,
    SETTLED_ROWS = 1024, /* after so many, or more for large k, the share that survives says something */
    SETTLED_TIMES_K = 32,
    LEAVE_SHARE = 16,  /* of rows: scoring more of them one by one is slower than the scan */
    BLOCK_HITS = 4,    /* of a block, that cost more one by one than all of its rows at once */
    LEAVE_REFINED = 8, /* of rows: asking both planes about more of them is */
    SLACK = 32,
    SLACK_TIMES_K = 8,    /* the floor goes on rising */
    SAMPLE_SHARE = 16,    /* of the rows are met before the share that will survive is judged */
    SAMPLE_ADMITTED = 32, /* the share of rows that it is no use to go on with, */
    SAMPLE_REFINED = 12,  /* of those to ask both planes about, */
    BATCH_REFINED = 24,   /* and where the scan shares its reading among many queries */
    SAMPLE_SLACK = 8
};

/* Consecutive blocks of a segment. */
typedef struct piece {
    uint32_t source;
    uint64_t first_row;
    size_t first; /* block, within the segment */
    quant_rows rows;
    quant_heads heads;
    const float *lengths;   /* [INDEX_RUNS] of centres */
    const uint8_t *centres; /* of the segment */
    size_t centre_bytes;
} piece;

static piece piece_of(const index_run *s, uint32_t source, uint64_t segment, size_t first, size_t blocks) {
    const search_index *x = s->sources[source].index;
    const uint8_t *at = x->file.data + index_segment_place(&x->at, segment);
    const float *heads = (const float *)(const void *)at;
    return (piece){.source = source,
                   .first_row = segment * INDEX_SEGMENT_ROWS + first * QUANT_ROWS,
                   .first = first,
                   .rows = {at + x->at.codes + first * x->at.block_bytes, blocks, s->groups},
                   .heads = {heads + first, heads + first + INDEX_SEGMENT_BLOCKS,
                             heads + first + 2 * INDEX_SEGMENT_BLOCKS, heads + first + 3 * INDEX_SEGMENT_BLOCKS},
                   .lengths = heads + INDEX_HEADS / sizeof *heads,
                   .centres = at + INDEX_CENTRES,
                   .centre_bytes = (size_t)x->at.centre_bytes};
}

/* ---- what centres score */

/* By runs of the segment: those that the piece touches. */
typedef struct bases {
    double of[INDEX_RUNS];
} bases;

static size_t run_of(const piece *p, size_t block) {
    return (p->first + block) / QUANT_RUN;
}

/* Products of float32 numbers are exact in doubles. */
static double product(const float *a, const float *b, size_t n) {
    double sums[4] = {0}, rest = 0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t lane = 0; lane < 4; lane++) sums[lane] += (double)a[i + lane] * (double)b[i + lane];
    for (; i < n; i++) rest += (double)a[i] * (double)b[i];
    return sums[0] + sums[1] + (sums[2] + sums[3]) + rest;
}

static void find_bases(const index_run *s, size_t number, const piece *p, bases *out) {
    for (size_t run = run_of(p, 0); run <= run_of(p, p->rows.blocks - 1); run++) {
        const float *centre = (const float *)(const void *)(p->centres + run * p->centre_bytes);
        out->of[run] = p->lengths[run] > 0 ? product(s->single + number * s->dim, centre, s->dim) : 0;
    }
}

static index_block block_at(const piece *p, const bases *from, size_t block) {
    size_t run = run_of(p, block);
    return (index_block){
        .source = p->source,
        .head = {p->heads.scale[block], p->heads.error[block], p->heads.norm[block], p->heads.low[block]},
        .base = from->of[run],
        .length = p->lengths[run] > 0 ? p->lengths[run] : 0};
}

/* Limits of the piece's blocks, to OUT. */
static void find_limits(const index_run *s, const piece *p, const quant_bound *bound, float floor, const bases *from,
                        float *out) {
    for (size_t i = 0, n, end = p->rows.blocks; i < end; i += n) {
        size_t run = run_of(p, i);
        const quant_heads heads = {p->heads.scale + i, p->heads.error + i, p->heads.norm + i, p->heads.low + i};
        quant_bound own = *bound;
        n = min_size((run + 1) * QUANT_RUN - p->first, end) - i;
        if (p->lengths[run] > 0) own.fixed = float_after(own.fixed + own.centre * p->lengths[run]);
        s->quant->limits(&heads, n, &own, (float)((double)floor - from->of[run]), out + i);
    }
}

/* ---- hits */

static void admit(index_run *s, index_part *part, index_query *q, const piece *p, const bases *from,
                  const quant_query *found) {
    uint64_t rows = s->sources[p->source].rows.count;
    for (size_t i = 0; i < found->count && !index_has_left(q); i++) {
        size_t row = found->hits[i].row;
        if (p->first_row + row >= rows) continue;
        index_block of = block_at(p, from, row / QUANT_ROWS);
        index_admit(s, part, q, &of, p->first_row + row, found->hits[i].estimate);
    }
}

static quant_query two_planes(const index_query *q, float radix, float *limits, quant_hit *hits) {
    return (quant_query){.codes = {q->codes[1], q->codes[2]},
                         .offset = {q->offset[1], q->offset[2]},
                         .radix = radix,
                         .limits = limits,
                         .hits = hits};
}

static float radix_of(const index_run *s) {
    return (float)(2 * s->quant->query_max + 1);
}

/* By both planes at once. LIMITS [blocks of P], HITS [rows of P]. */
static void scan_pair(index_run *s, index_part *part, size_t number, const piece *p, float *limits, quant_hit *hits) {
    index_query *q = s->queries + number;
    quant_query ask = two_planes(q, radix_of(s), limits, hits);
    bases from;
    find_bases(s, number, p, &from);
    find_limits(s, p, &q->two, index_floor(q), &from, limits);
    s->quant->pair(&p->rows, &ask);
    admit(s, part, q, p, &from, &ask);
}

/* Block BLOCK of P by itself. */
static piece block_of(const piece *p, size_t block) {
    piece one = *p;
    one.first_row += block * QUANT_ROWS;
    one.first += block;
    one.rows.codes += block * p->rows.groups * QUANT_GROUP * QUANT_ROWS;
    one.rows.blocks = 1;
    one.heads =
        (quant_heads){p->heads.scale + block, p->heads.error + block, p->heads.norm + block, p->heads.low + block};
    return one;
}

static void refine_rows(index_run *s, index_part *part, index_query *q, const piece *p, const bases *from,
                        const quant_hit *hits, size_t n) {
    const quant_query ask = two_planes(q, radix_of(s), NULL, NULL);
    const index_block of = block_at(p, from, hits->row / QUANT_ROWS);
    for (size_t i = 0; i < n; i++) {
        uint64_t row = p->first_row + hits[i].row;
        if (row >= s->sources[p->source].rows.count || !index_may_win(s, q, &of, row, hits[i].estimate)) continue;
        index_admit(s, part, q, &of, row, s->quant->row(&p->rows, hits[i].row, &ask));
        part->refined++;
    }
}

/* Asks both planes about each row that got past one, while its codes are at hand: by themselves, or with their block
 * when they are many of it. */
static void refine(index_run *s, index_worker *w, size_t number, const piece *p, const bases *from,
                   const quant_query *found) {
    index_query *q = s->queries + number;
    index_part *part = w->parts + number;
    for (size_t i = 0, end = 0; i < found->count && !index_has_left(q); i = end) {
        size_t block = found->hits[i].row / QUANT_ROWS;
        while (end < found->count && found->hits[end].row / QUANT_ROWS == block) end++;
        if (end - i < BLOCK_HITS) {
            refine_rows(s, part, q, p, from, found->hits + i, end - i);
        } else {
            const piece one = block_of(p, block);
            float limit;
            quant_hit hits[QUANT_ROWS];
            part->refined += end - i;
            scan_pair(s, part, number, &one, &limit, hits);
        }
    }
}

static void scan_tile(index_run *s, index_worker *w, const size_t *numbers, size_t n, const piece *p) {
    quant_query asks[QUANT_TILE_MAX];
    bases from[QUANT_TILE_MAX];
    for (size_t i = 0; i < n; i++) {
        index_query *q = s->queries + numbers[i];
        float *limits = w->limits + i * INDEX_SEGMENT_BLOCKS;
        find_bases(s, numbers[i], p, from + i);
        find_limits(s, p, &q->one, index_floor(q), from + i, limits);
        asks[i] = (quant_query){.codes = {q->codes[0]},
                                .offset = {q->offset[0]},
                                .limits = limits,
                                .hits = w->hits + i * INDEX_SEGMENT_ROWS};
    }
    s->quant->tile(&p->rows, asks, n);
    for (size_t i = 0; i < n; i++)
        if (asks[i].count) refine(s, w, numbers[i], p, from + i, asks + i);
}

/* Gives the query the lower bounds that are new and raises its floor: what the best of all threads' rows are known to
 * reach is more than what those of one do. Another time while another thread does that. */
static void give_lower(const index_run *s, index_query *q, scan_top *own) {
    if (own->count == 0 || atomic_flag_test_and_set_explicit(&q->taken, memory_order_acquire)) return;
    for (size_t i = 0; i < own->count; i++) scan_top_offer(&q->lower, own->hits[i].score, own->hits[i].row);
    if (q->lower.count == s->k) index_raise_floor(&q->floor, q->lower.threshold);
    atomic_flag_clear_explicit(&q->taken, memory_order_release);
    own->count = 0;
    own->threshold = index_floor(q);
}

/* Raises the floor; sends the query away when too much survives. */
static void settle(index_run *s, index_worker *w, size_t number, const piece *p) {
    index_query *q = s->queries + number;
    index_part *part = w->parts + number;
    give_lower(s, q, &part->lower);
    size_t met = w->blocks * QUANT_ROWS;
    if (met <= max_size(SETTLED_ROWS, SETTLED_TIMES_K * s->k)) {
        if (met > HASTY_ROWS + HASTY_TIMES_K * s->k && part->admitted > p->rows.blocks * QUANT_ROWS / 2) index_leave(q);
        part->admitted = part->refined = 0;
        return;
    }
    part->rows += p->rows.blocks * QUANT_ROWS;
    size_t slack = SLACK + SLACK_TIMES_K * s->k, admitted = part->rows / SAMPLE_ADMITTED, refined = 2 * admitted;
    if (!s->sampling) {
        admitted = max_size(part->rows / LEAVE_SHARE, s->total_rows / s->threads / index_worth(s)); /* may be sorted */
        refined = part->rows / LEAVE_REFINED;
    }
    if (part->admitted > admitted + slack || part->refined > refined + slack) index_leave(q);
}

static void scan_piece(index_run *s, index_worker *w, const piece *p) {
    size_t active = 0, tile[QUANT_TILE_MAX], filled = 0;
    for (size_t q = 0; q < s->n; q++) active += !index_has_left(s->queries + q);
    w->blocks += p->rows.blocks;
    for (size_t q = 0; q < s->n; q++) {
        if (index_has_left(s->queries + q)) continue;
        if (active <= s->quant->few_queries) {
            scan_pair(s, w->parts + q, q, p, w->limits, w->hits);
        } else {
            tile[filled++] = q;
            if (filled == s->quant->tile_queries) {
                scan_tile(s, w, tile, filled, p);
                filled = 0;
            }
        }
    }
    if (filled) scan_tile(s, w, tile, filled, p);
    for (size_t q = 0; q < s->n; q++)
        if (!index_has_left(s->queries + q)) settle(s, w, q, p);
}

static void scan_task(void *ctx, size_t index, int worker) {
    index_run *s = ctx;
    index_worker *w = s->workers + worker;
    uint32_t source = 0;
    while (source + 1 < s->n_sources && s->sources[source + 1].first_task <= index) source++;
    const index_source *from = s->sources + source;
    const index_layout *at = &from->index->at;
    uint64_t segment = from->first_segment + (index - from->first_task) * from->task_segments;
    uint64_t end = segment + from->task_segments;
    size_t most = max_size(PIECE_BYTES / max_size((size_t)at->block_bytes, 1), 1);
    size_t least = min_size(2 * s->k / QUANT_ROWS + 1, FIRST_PIECE);
    for (; segment < end && segment < from->end_segment; segment++) {
        size_t blocks = index_segment_blocks(at, segment);
        for (size_t first = 0, n; first < blocks; first += n) {
            n = min_size(min_size(most, blocks - first), max_size(least, w->blocks / 2));
            piece p = piece_of(s, source, segment, first, n);
            scan_piece(s, w, &p);
        }
    }
}

/* ---- a sample first */

/* The score that the best RANK rows met so far are known to reach; minus infinity when fewer have been met. */
static float known_score(index_run *s, size_t number, size_t rank) {
    index_query *q = s->queries + number;
    for (size_t w = 0; w < s->threads; w++) give_lower(s, q, &s->workers[w].parts[number].lower);
    if (q->lower.count < rank) return -INFINITY;
    scan_top best;
    scan_top_init(&best, rank, NULL);
    for (size_t i = 0; i < q->lower.count; i++) scan_top_offer(&best, q->lower.hits[i].score, q->lower.hits[i].row);
    float score = best.failed ? -INFINITY : best.threshold;
    scan_top_free(&best);
    return score;
}

/* Whether the share of rows that will survive, going by those met, is more than scoring them is worth: what a share of
 * the best rows reaches is about what the best of all will reach. */
static bool too_many_survive(index_run *s, size_t number) {
    uint64_t met = 0, survive = 0;
    for (size_t w = 0; w < s->threads; w++) met += s->workers[w].blocks * QUANT_ROWS;
    float floor = known_score(s, number, max_size((size_t)((double)s->k * (double)met / (double)s->total_rows), 1));
    for (size_t w = 0; w < s->threads; w++) {
        const candidates *kept = &s->workers[w].parts[number].kept;
        for (size_t i = 0; i < kept->count; i++) survive += !(kept->list[i].upper < floor);
    }
    return survive > met / index_worth(s) + SAMPLE_SLACK;
}

static bool too_many_are_refined(const index_run *s, size_t number) {
    uint64_t met = 0, refined = 0;
    for (size_t w = 0; w < s->threads; w++) {
        met += s->workers[w].parts[number].rows;
        refined += s->workers[w].parts[number].refined;
    }
    return refined > met / (s->ask->n < INDEX_BATCH ? SAMPLE_REFINED : BATCH_REFINED) + SAMPLE_SLACK;
}

static void judge_one(void *ctx, size_t number, int worker) {
    (void)worker;
    index_run *s = ctx;
    index_query *q = s->queries + number;
    q->hopeless = index_has_left(q) || too_many_survive(s, number) || too_many_are_refined(s, number);
}

/* A scan of many queries takes little longer for a few more, and one of some hardly less than one of a few more. */
static void leave_if_hopeless(index_run *s) {
    size_t hopeless = 0;
    for (size_t q = 0; q < s->n; q++) hopeless += s->queries[q].hopeless;
    bool all = hopeless > s->n / 2, some = s->n >= INDEX_BATCH;
    for (size_t q = 0; q < s->n; q++)
        if (all || (some && s->queries[q].hopeless)) index_leave(s->queries + q);
}

/* Every SAMPLE-th task, or all; then the others. */
static void sampled_task(void *ctx, size_t index, int worker) {
    const index_run *s = ctx;
    scan_task(ctx, index * s->sample, worker);
}
static void other_task(void *ctx, size_t index, int worker) {
    const index_run *s = ctx;
    scan_task(ctx, index + index / (s->sample - 1) + 1, worker);
}

void index_scan(index_run *s) {
    for (size_t w = 0; w < s->threads; w++) s->workers[w].blocks = 0;
    s->sample = min_size(max_size(s->tasks / s->threads, 1), SAMPLE_SHARE);
    size_t sampled = (s->tasks + s->sample - 1) / s->sample;
    s->sampling = sampled < s->tasks;
    pool_run(sampled, sampled_task, s);
    s->sampling = false;
    if (sampled == s->tasks) return;
    index_each_query(s, judge_one);
    leave_if_hopeless(s);
    pool_run(s->tasks - sampled, other_task, s);
}

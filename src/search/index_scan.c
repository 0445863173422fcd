/* Stage one: codes of rows against codes of queries, a piece at a time while it is in the cache. */
#include "search/index_search.h"

#include "base/num.h"
#include "base/pool.h"

#include <math.h>

enum {
    PIECE_BYTES = 192 << 10, /* of codes that all queries meet before the next */
    FIRST_PIECE = 4,         /* blocks that a thread meets before there is a floor; then half of what it has met */
    HASTY_ROWS = 256,        /* after so many it says something when nearly all survive */
    HASTY_TIMES_K = 16,
    SETTLED_ROWS = 2048, /* after so many, or more for large k, the share that survives says something */
    SETTLED_TIMES_K = 32,
    LEAVE_SHARE = 16, /* of rows: scoring more of them one by one is slower than the scan */
    LEAVE_BLOCKS = 5, /* of blocks: asking both planes about more of them is */
    SLACK = 32,
    SLACK_TIMES_K = 16
};

/* Consecutive blocks of a segment. */
typedef struct piece {
    uint32_t source;
    uint64_t first_row;
    quant_rows rows;
    quant_heads heads;
} piece;

static piece piece_of(const index_run *s, uint32_t source, uint64_t segment, size_t first, size_t blocks) {
    const search_index *x = s->sources[source].index;
    const uint8_t *at = x->file.data + index_segment_place(&x->at, segment);
    const float *heads = (const float *)(const void *)at + first;
    return (piece){.source = source,
                   .first_row = segment * INDEX_SEGMENT_ROWS + first * QUANT_ROWS,
                   .rows = {at + INDEX_HEADS + first * x->at.block_bytes, blocks, s->groups},
                   .heads = {heads, heads + INDEX_SEGMENT_BLOCKS, heads + 2 * INDEX_SEGMENT_BLOCKS,
                             heads + 3 * INDEX_SEGMENT_BLOCKS}};
}

static quant_head head_at(const piece *p, size_t block) {
    return (quant_head){p->heads.scale[block], p->heads.error[block], p->heads.norm[block], p->heads.low[block]};
}

static void admit(index_run *s, index_part *part, index_query *q, const piece *p, size_t first_block,
                  const quant_query *found) {
    uint64_t rows = s->sources[p->source].rows.count;
    for (size_t i = 0; i < found->count && !index_has_left(q); i++) {
        size_t row = first_block * QUANT_ROWS + found->hits[i].row;
        if (p->first_row + row >= rows) continue;
        quant_head head = head_at(p, row / QUANT_ROWS);
        index_admit(s, part, q, p->source, &head, p->first_row + row, found->hits[i].estimate);
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

/* By both planes at once. */
static void scan_pair(index_run *s, index_worker *w, size_t number, const piece *p) {
    index_query *q = s->queries + number;
    quant_query ask = two_planes(q, radix_of(s), w->limits, w->hits);
    s->quant->limits(&p->heads, p->rows.blocks, &q->two, index_floor(q), w->limits);
    s->quant->pair(&p->rows, &ask);
    admit(s, w->parts + number, q, p, 0, &ask);
}

/* Whether one of the hits [first, end), all of one block, is a row that may win: where side numbers are subtracted the
 * block's limit went by the least of them, and it went by rows that must not win too. */
static bool any_may_win(const index_run *s, const index_query *q, const piece *p, const quant_query *found,
                        size_t first, size_t end) {
    const index_source *from = s->sources + p->source;
    if (from->rows.factor != SCAN_MINUS && !search_allowed_bits(s->ask)) return true;
    quant_head head = head_at(p, found->hits[first].row / QUANT_ROWS);
    for (size_t i = first; i < end; i++) {
        uint64_t row = p->first_row + found->hits[i].row;
        if (row < from->rows.count && index_may_win(s, q, p->source, &head, row, found->hits[i].estimate)) return true;
    }
    return false;
}

/* Asks both planes about each block that has a hit of one, while its codes are at hand. */
static void refine(index_run *s, index_worker *w, size_t number, const piece *p, const quant_query *found) {
    index_query *q = s->queries + number;
    quant_hit hits[QUANT_ROWS];
    float limit;
    for (size_t i = 0, first = 0; i < found->count && !index_has_left(q); first = i) {
        size_t block = found->hits[i].row / QUANT_ROWS;
        while (i < found->count && found->hits[i].row / QUANT_ROWS == block) i++;
        if (!any_may_win(s, q, p, found, first, i)) continue;
        quant_heads head = {p->heads.scale + block, p->heads.error + block, p->heads.norm + block,
                            p->heads.low + block};
        quant_rows one = {p->rows.codes + block * s->groups * QUANT_GROUP * QUANT_ROWS, 1, s->groups};
        quant_query ask = two_planes(q, radix_of(s), &limit, hits);
        s->quant->limits(&head, 1, &q->two, index_floor(q), &limit);
        s->quant->pair(&one, &ask);
        admit(s, w->parts + number, q, p, block, &ask);
        w->parts[number].refined++;
    }
}

static void scan_tile(index_run *s, index_worker *w, const size_t *numbers, size_t n, const piece *p) {
    quant_query asks[QUANT_TILE_MAX];
    for (size_t i = 0; i < n; i++) {
        index_query *q = s->queries + numbers[i];
        float *limits = w->limits + i * INDEX_SEGMENT_BLOCKS;
        s->quant->limits(&p->heads, p->rows.blocks, &q->one, index_floor(q), limits);
        asks[i] = (quant_query){.codes = {q->codes[0]},
                                .offset = {q->offset[0]},
                                .limits = limits,
                                .hits = w->hits + i * INDEX_SEGMENT_ROWS};
    }
    s->quant->tile(&p->rows, asks, n);
    for (size_t i = 0; i < n; i++)
        if (asks[i].count) refine(s, w, numbers[i], p, asks + i);
}

/* Raises the floor; sends the query away when too much survives. */
static void settle(index_run *s, index_worker *w, size_t number, const piece *p) {
    index_query *q = s->queries + number;
    index_part *part = w->parts + number;
    if (part->lower.count == s->k) index_raise_floor(&q->floor, part->lower.threshold);
    size_t met = w->blocks * QUANT_ROWS;
    if (met <= max_size(SETTLED_ROWS, SETTLED_TIMES_K * s->k)) {
        if (met > HASTY_ROWS + HASTY_TIMES_K * s->k && part->admitted > p->rows.blocks * QUANT_ROWS / 2) index_leave(q);
        part->admitted = part->refined = 0;
        return;
    }
    part->blocks += p->rows.blocks;
    part->rows += p->rows.blocks * QUANT_ROWS;
    size_t slack = SLACK + SLACK_TIMES_K * s->k; /* the floor goes on rising */
    if (part->admitted > part->rows / LEAVE_SHARE + slack || part->refined > part->blocks / LEAVE_BLOCKS + slack)
        index_leave(q);
}

static void scan_piece(index_run *s, index_worker *w, const piece *p) {
    size_t active = 0, tile[QUANT_TILE_MAX], filled = 0;
    for (size_t q = 0; q < s->n; q++) active += !index_has_left(s->queries + q);
    w->blocks += p->rows.blocks;
    for (size_t q = 0; q < s->n; q++) {
        if (index_has_left(s->queries + q)) continue;
        if (active <= s->quant->few_queries) {
            scan_pair(s, w, q, p);
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
    for (; segment < end && segment < from->end_segment; segment++) {
        size_t blocks = index_segment_blocks(at, segment);
        for (size_t first = 0, n; first < blocks; first += n) {
            n = min_size(min_size(most, blocks - first), max_size(FIRST_PIECE, w->blocks / 2));
            piece p = piece_of(s, source, segment, first, n);
            scan_piece(s, w, &p);
        }
    }
}

void index_scan(index_run *s) {
    for (size_t w = 0; w < s->threads; w++) s->workers[w].blocks = 0;
    pool_run(s->tasks, scan_task, s);
}

/* The search by index from one stage to the next: what a query is there, what survives, and who turns it into scores.
 * Seen by this room only.
 *
 * Stage one reads codes: a query's estimate of a row, plus and minus its bound, says which score the row can have. Rows
 * whose upper bound reaches the floor survive; the floor is what k rows are known to reach. Stage two scores the
 * survivors with the kernels of the scan, best bound first, until no bound is left that can win. A query whom that
 * would not spare much leaves the index and is answered by the scan. docs/index.md. */
#ifndef SEARCH_INDEX_SEARCH_H
#define SEARCH_INDEX_SEARCH_H

#include "base/pool.h"
#include "search/index_parts.h"
#include "search/search_parts.h"

#include <stdatomic.h>

/* A chunk that has an index. */
typedef struct index_source {
    const search_index *index;
    scan_rows rows;
    scan_type type;
    bool transposed;
    uint64_t first_row, end_row;         /* those of the chunk that are looked at, */
    uint64_t first_segment, end_segment; /* and where they lie */
    size_t task_segments;                /* taken by a thread at a time */
    size_t first_task;
} index_source;

/* What the rows of a block have in common before one query. */
typedef struct index_block {
    uint32_t source;
    quant_head head;
    double base;  /* what their centre scores */
    float length; /* of the centre, 0: there is none */
} index_block;

/* A row that may be among a query's best. */
typedef struct candidate {
    float upper; /* no score is higher; later the score */
    uint32_t source;
    uint64_t row; /* within the source */
} candidate;

typedef struct candidates {
    candidate *list;
    size_t count, capacity;
} candidates;

/* What a thread knows of a query. */
typedef struct index_part {
    scan_top lower; /* the best lower bounds that the query has not been given */
    candidates kept;
    uint64_t rows;              /* met, since the floor has settled */
    uint64_t admitted, refined; /* of those: that survived, that both planes were asked about by themselves */
} index_part;

typedef struct index_query {
    quant_bound one, two;   /* of its one plane, and of its two */
    const int8_t *codes[3]; /* the one plane; high and low */
    int32_t offset[3];
    float norm; /* squared, as the scan has it */
    _Atomic float floor;
    atomic_flag taken;       /* a thread is at `lower` */
    scan_top lower;          /* the best lower bounds of all threads */
    _Atomic bool left;       /* the index does not help */
    bool hopeless;           /* by the sample, it will not */
    scan_top top;            /* exact scores */
    candidates all;          /* by falling bound */
    size_t scored, wave_end; /* of them; the wave under way is between */
} index_query;

typedef struct index_worker {
    index_part *parts; /* [group] */
    size_t blocks;     /* met */
    quant_hit *hits;   /* [QUANT_TILE_MAX, INDEX_SEGMENT_ROWS] */
    float *limits;     /* [QUANT_TILE_MAX, INDEX_SEGMENT_BLOCKS] */
    uint8_t *rows;     /* [INDEX_SLICE] rows of any type, gathered */
    void *panels;      /* the same as panels */
} index_worker;

enum {
    INDEX_SLICE = 32, /* candidates that a thread scores at a time */
    INDEX_BATCH = 32  /* queries of which the scan is slower for each; that of fewer is bound by its reading */
};

/* Whether rows that are scored are in memory. */
typedef enum index_presence { INDEX_UNKNOWN, INDEX_PRESENT, INDEX_ABSENT } index_presence;

/* Some candidates of a query. */
typedef struct index_slice {
    uint32_t query;
    size_t first, count;
} index_slice;

/* One call of search_by_index. */
typedef struct index_run {
    const search_view *view;
    const search_ask *ask;
    const quant_kernels *quant;
    const scan_kernels *scan;
    index_source *sources;
    size_t n_sources, tasks, sample; /* of the tasks, one in so many is done first: */
    bool sampling;                   /* now */
    uint64_t total_rows;             /* of the sources */
    bool has_double;
    size_t dim, groups, k, threads;
    search_view rest; /* the chunks without an index; its chunks are ours */
    size_t rest_k;    /* winners of those */
    float *rest_scores;
    int64_t *rest_rows; /* [group, rest_k] */
    index_worker *workers;
    scan_hit *hits; /* [threads + 2, group, k] */
    index_query *queries;
    size_t group, n;    /* queries at a time; in this group */
    const float *asked; /* [n, dim] this group */
    float *single;      /* [group, dim] */
    double *wide;       /* the same, when has_double */
    int8_t *codes;      /* [group, 3, groups * QUANT_GROUP] */
    index_slice *slices;
    size_t n_slices, slices_capacity;
    _Atomic uint64_t kept_bytes; /* of all candidates */
    _Atomic int presence;        /* of rows in memory, an index_presence */
    _Atomic bool failed;         /* memory ran out */
} index_run;

/* TASK for each query of the group: by the caller alone when they are few, because waking threads takes longer. */
static inline void index_each_query(index_run *s, void (*task)(void *run, size_t query, int worker)) {
    if (s->n >= INDEX_BATCH)
        pool_run(s->n, task, s);
    else
        for (size_t q = 0; q < s->n; q++) task(s, q, 0);
}

/* index_query.c: query Q of the group, QUERY [dim] as it was asked. */
void index_prepare_query(index_run *s, size_t q, const float *query);

static inline void index_raise_floor(_Atomic float *floor, float value) {
    float seen = atomic_load_explicit(floor, memory_order_relaxed);
    while (seen < value &&
           !atomic_compare_exchange_weak_explicit(floor, &seen, value, memory_order_relaxed, memory_order_relaxed)) {}
}
static inline float index_floor(const index_query *q) {
    return atomic_load_explicit(&q->floor, memory_order_relaxed);
}
static inline bool index_has_left(const index_query *q) {
    return atomic_load_explicit(&q->left, memory_order_relaxed);
}
static inline void index_leave(index_query *q) {
    atomic_store_explicit(&q->left, true, memory_order_relaxed);
}

/* What scores more than one row in so many had better be scanned: in a batch rows are scanned for several queries at a
 * time, survivors are scored for one, and what a survivor costs beside its arithmetic weighs more when that is short.
 * Measured at 100 and 768 dimensions. */
static inline size_t index_worth(const index_run *s) {
    enum { FEW = 40, MANY = 64, BESIDE = 16384 };
    size_t many = MANY + BESIDE / (s->dim ? s->dim : 1);
    return s->ask->n <= s->quant->few_queries ? FEW : s->ask->n < INDEX_BATCH ? many / 2 : many;
}

/* index_scan.c: stage one for the group; survivors are in the workers' parts. */
void index_scan(index_run *s);

/* Whether row ROW of SOURCE may be answered at all. */
static inline bool index_allows(const index_run *s, uint32_t source, uint64_t row) {
    const index_source *from = s->sources + source;
    if (row < from->first_row || row >= from->end_row) return false;
    const search_limits *limits = s->ask->limits;
    return !limits || !limits->filter || search_filter_has(limits->filter, from->rows.first_row + (int64_t)row);
}

/* index_keep.c: whether a row whose estimate by one plane reached its block's limit may win, by its own side number. */
bool index_may_win(const index_run *s, const index_query *q, const index_block *of, uint64_t row, float estimate);

/* Keeps a row by its estimate by two planes, unless it cannot win. */
void index_admit(index_run *s, index_part *part, index_query *q, const index_block *of, uint64_t row, float estimate);

/* index_score.c: stage two for the group; exact scores are in the queries' tops, sorted. */
inlay_status index_score(index_run *s, inlay_error *err);

#endif

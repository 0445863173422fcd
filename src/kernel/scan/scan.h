/* Stored rows against queries, keeping each query's best: the inner loops of exact search.
 *
 * Rows are read where they lie, at any byte alignment. A score is held in a register, compared with what the query's
 * k-th best row has, and dropped unless it reaches it. This room knows nothing of chunks, threads or metrics: its
 * caller scales the queries, cuts the rows into blocks that fit a core's cache, and names the factor to apply.
 *
 * Two families, each with one order of summation per row and element class, so that equal rows tie exactly wherever
 * they lie; a caller uses one family for all rows of one answer: rows         few queries, bound by memory: row-major
 * rows, read as interleaved streams pack, tile   many queries or transposed rows: a block is turned into panels once,
 * then met by groups of queries
 */
#ifndef KERNEL_SCAN_SCAN_H
#define KERNEL_SCAN_SCAN_H

#include "base/bytes.h"
#include "base/error.h"

typedef enum scan_type { SCAN_F32, SCAN_F64, SCAN_F16, SCAN_BF16, SCAN_I8, SCAN_TYPES } scan_type;

/* What the sums and the panels are made of: double for SCAN_F64, float for the others. */
typedef enum scan_class { SCAN_SINGLE, SCAN_DOUBLE, SCAN_CLASSES } scan_class;

static inline scan_class scan_class_of(scan_type type) {
    return type == SCAN_F64 ? SCAN_DOUBLE : SCAN_SINGLE;
}
static inline size_t scan_type_size(scan_type type) {
    return type == SCAN_F64 ? 8 : type == SCAN_F32 ? 4 : type == SCAN_I8 ? 1 : 2;
}
static inline size_t scan_class_size(scan_class class) {
    return class == SCAN_DOUBLE ? 8 : 4;
}

/* What turns the float32 dot product d into the score, with the row's own number s; or another sum in its place. */
typedef enum scan_factor {
    SCAN_PLAIN, /* d */
    SCAN_TIMES, /* d * s */
    SCAN_MINUS, /* d - s */
    SCAN_APART  /* minus the sum of squared differences */
} scan_factor;

/* A block of rows. */
typedef struct scan_rows {
    const uint8_t *data; /* the first element */
    const uint8_t *side; /* float32 [count], any alignment; unused for SCAN_PLAIN and SCAN_APART */
    size_t count, dim;
    size_t stride;     /* bytes from a row to the next; when transposed, from one dimension to the next */
    int64_t first_row; /* number of the block's first row */
    scan_factor factor;
} scan_rows;

typedef struct scan_hit {
    float score;
    int64_t row;
} scan_hit;

/* Which of two hits is worse: the lower score, and of equal ones the higher row. */
static inline bool scan_worse(scan_hit a, scan_hit b) {
    return a.score < b.score || (a.score == b.score && a.row > b.row);
}

/* The best k rows of one query so far. */
typedef struct scan_top {
    float threshold; /* a row that scores less cannot be among the best k; its caller may raise it */
    bool failed;     /* memory ran out: hits were lost */
    bool owned;      /* hits grow on demand and are freed by scan_top_free */
    size_t k, count, capacity;
    const uint64_t *allowed; /* row r counts when bit r % 64 of word r / 64 is set; NULL: all rows do */
    scan_hit *hits;          /* a heap with the worst first once count is k */
} scan_top;

/* K at least 1. HITS [k], or NULL to let them grow as they come. */
void scan_top_init(scan_top *top, size_t k, scan_hit *hits);
void scan_top_free(scan_top *top);

/* A row that is not below the threshold; NaN counts as minus infinity. */
void scan_top_offer(scan_top *top, float score, int64_t row);

/* Sorts the hits, best first. Nothing may be offered afterwards. */
void scan_top_sort(scan_top *top);

typedef struct scan_kernels {
    const char *name;
    size_t few_queries[SCAN_CLASSES];  /* up to this many, `rows` is the faster family for row-major rows */
    size_t panel_rows[SCAN_CLASSES];   /* at most SCAN_PANEL_MAX */
    size_t tile_queries[SCAN_CLASSES]; /* most queries a group may have; at most SCAN_TILE_MAX */

    /* Every row of the block against QUERIES [n, dim] of the class (aligned to its elements); hits go to TOPS [n]. */
    void (*rows[SCAN_TYPES])(const scan_rows *rows, const void *queries, size_t n, scan_top *tops);

    /* Writes the block to PANELS (aligned to 64 bytes): ceil(count / panel_rows) times [dim, panel_rows] of the class,
     * zeros where the last panel has no row. The second index says transposed. */
    void (*pack[SCAN_TYPES][2])(const scan_rows *rows, void *panels);

    /* The packed block against one group of N queries, GROUP as scan_group_pack wrote it; hits go to TOPS [n].
     * Meanwhile FETCH is fetched into the cache; its size may be 0. */
    void (*tile[SCAN_CLASSES])(const scan_rows *rows, const void *panels, const void *group, size_t n, scan_top *tops,
                               bytes fetch);
} scan_kernels;

enum { SCAN_PANEL_MAX = 32, SCAN_TILE_MAX = 16 };

/* The kernels of the level FLAGS (base/cpu.h): portable C, then overwritten by what the CPU has. */
void scan_kernels_init(scan_kernels *k, unsigned cpu_flags);
const scan_kernels *scan_kernels_best(void); /* for cpu_flags() */

/* Queries a group of N takes room for: N, made even when above 1. A group is [dim, width]. */
static inline size_t scan_group_width(size_t n) {
    return n < 2 ? n : (n + 1) / 2 * 2;
}
/* Packs QUERIES [n, dim] of CLASS as one group; columns beyond n are zero. */
void scan_group_pack(scan_class class, const void *queries, size_t n, size_t dim, void *group);

/* Filled in by the files of the instruction sets. */
void scan_kernels_avx2(scan_kernels *k);
void scan_kernels_avx512(scan_kernels *k);
void scan_kernels_neon(scan_kernels *k);

#endif

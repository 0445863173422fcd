/* Rows as eight-bit codes against queries as eight-bit codes: the inner loops of the first stage of exact search.
 *
 * Rows lie in blocks of QUANT_ROWS that share a scale, so that estimates of a whole block come out side by side and one
 * limit decides about all of them. A block is [groups, QUANT_ROWS, QUANT_GROUP] of code + 128, a group being four
 * dimensions; dimensions and rows beyond the last have code 0. This room knows nothing of files, threads or metrics:
 * docs/index.md has the bound and its proof, search/ uses it. */
#ifndef KERNEL_QUANT_QUANT_H
#define KERNEL_QUANT_QUANT_H

#include "kernel/scan/scan.h"

enum {
    QUANT_ROWS = 32,        /* of a block */
    QUANT_GROUP = 4,        /* dimensions whose codes lie side by side */
    QUANT_RUN = 16,         /* blocks that share a centre */
    QUANT_TILE_MAX = 16,    /* queries of a tile */
    QUANT_CODE_MAX = 127,   /* of rows and, with sum_groups, of queries */
    QUANT_SUM_MAX = 128,    /* see sum_groups */
    QUANT_MAX_DIM = 1 << 16 /* sums of so many products of codes fit in 32 bits */
};

static inline size_t quant_groups(size_t dim) {
    return (dim + QUANT_GROUP - 1) / QUANT_GROUP;
}
static inline size_t quant_block_bytes(size_t dim) {
    return quant_groups(dim) * QUANT_GROUP * QUANT_ROWS;
}

/* ---- rows */

/* What is known of a block beside its codes; x is what is coded of a row as it is compared, which is times its side
 * number for SCAN_TIMES: the row less the centre. */
typedef struct quant_head {
    float scale; /* x^ = scale * codes */
    float error; /* no |x - x^| is larger; infinite when a row is none that a bound can hold for */
    float norm;  /* no |x^| is larger */
    float low;   /* SCAN_MINUS: no row's side number, less its rounding, is lower; else 0 */
} quant_head;

/* A row whose length or side number is beyond these cannot be bounded: float32 sums might overflow. */
#define QUANT_MOST 0x1p60
#define QUANT_MOST_SIDE 0x1p120f  /* for SCAN_MINUS */
#define QUANT_LEAST_STEP 0x1p-60f /* of scales, so that products of two do not underflow */

/* What a side number NUMBER may lose or gain in being subtracted. */
#define QUANT_SIDE_ROUNDING 0x1p-22f

/* What rows of a run have in common. Codes of what they differ by are finer. */
typedef struct quant_centre {
    const float *at; /* [dim] */
    float length;    /* no less than its norm; 0: there is none, whatever is at AT */
} quant_centre;

/* Writes to AT [dim] the mean of rows [first, first + QUANT_RUN * QUANT_ROWS) of ROWS, as many as there are, unless the
 * codes of the first block would be hardly finer for it: then zeros. SCRATCH [dim, QUANT_ROWS + 1], CODES
 * [quant_block_bytes], lost. The same bytes on every machine. */
quant_centre quant_find_centre(const scan_rows *rows, scan_type type, bool transposed, size_t first, double *scratch,
                               uint8_t *codes, float *at);

/* Quantises rows [first, first + QUANT_ROWS) of ROWS, as many as there are, to CODES [quant_block_bytes]. Rows whose
 * side number makes their score minus infinity have code 0. SCRATCH [dim, QUANT_ROWS]. The same bytes on every machine.
 */
quant_head quant_encode(const scan_rows *rows, scan_type type, bool transposed, size_t first,
                        const quant_centre *centre, double *scratch, uint8_t *codes);

/* ---- queries */

/* A run of blocks, at any alignment. */
typedef struct quant_rows {
    const uint8_t *codes;
    size_t blocks, groups;
} quant_rows;

/* A row of a run whose estimate, a whole number before rounding to float32, is not below its block's limit. */
typedef struct quant_hit {
    uint32_t row; /* within the run; may be beyond the last real one */
    float estimate;
} quant_hit;

/* One query and where its hits go. Its codes are within the kernels' query_max or sum_groups; estimates are
 * codes[0] . x for a tile and radix * (codes[0] . x) + codes[1] . x for a pair, x being a row's codes. */
typedef struct quant_query {
    const int8_t *codes[2]; /* [QUANT_GROUP * groups] each; the second for `pair` only */
    int32_t offset[2];      /* 128 times the sum of the codes */
    float radix;
    const float *limits; /* [blocks] */
    quant_hit *hits;     /* [QUANT_ROWS * blocks] */
    size_t count;        /* hits; set by the kernel */
} quant_query;

/* How far a query's estimates may be from float32 scores, by what a block's head and its run's centre say:
 * error * head.error + norm * head.norm + centre * length + fixed; an estimate counts step * head.scale. */
typedef struct quant_bound {
    float error, norm, centre, fixed, step;
} quant_bound;

/* Heads of consecutive blocks, a field an array. */
typedef struct quant_heads {
    const float *scale, *error, *norm, *low;
} quant_heads;

typedef struct quant_kernels {
    const char *name;
    int query_max;       /* codes of queries are in [-query_max, query_max] */
    size_t sum_groups;   /* when not 0, codes for `tile` are in [-QUANT_CODE_MAX, QUANT_CODE_MAX] instead, but so that
                          * of the first halves of so many groups in turn, from the first group on, the positive codes add
                          * up to at most QUANT_SUM_MAX and the negative ones to no less than -QUANT_SUM_MAX; so of the
                          * second halves */
    size_t tile_queries; /* at most QUANT_TILE_MAX */
    size_t few_queries;  /* up to this many, `pair` for each is no slower than a tile for all */

    /* OUT [n]: the least estimate with which a row of each block may still score THRESHOLD, less what its centre
     * scores. The bound's centre counts as nothing: it is in `fixed`. */
    void (*limits)(const quant_heads *heads, size_t n, const quant_bound *bound, float threshold, float *out);

    /* One query of two planes against a run; hits come in any order. */
    void (*pair)(const quant_rows *rows, quant_query *query);

    /* The estimate of one row of a run by a query of two planes; its limits and hits are not looked at. */
    float (*row)(const quant_rows *rows, size_t row, const quant_query *query);

    /* N queries of one plane against a run, n at most tile_queries; hits come by rising row. */
    void (*tile)(const quant_rows *rows, quant_query *queries, size_t n);
} quant_kernels;

/* The kernels of the level FLAGS (base/cpu.h): portable C, then overwritten by what the CPU has. */
void quant_kernels_init(quant_kernels *k, unsigned cpu_flags);
const quant_kernels *quant_kernels_best(void); /* for cpu_flags() */

/* Filled in by the files of the instruction sets. */
void quant_kernels_avx2(quant_kernels *k);
void quant_kernels_avxvnni(quant_kernels *k);
void quant_kernels_vnni(quant_kernels *k);
void quant_kernels_amx(quant_kernels *k); /* leaves K as it is where the system gives no permission */
void quant_kernels_neon(quant_kernels *k);
void quant_kernels_dotprod(quant_kernels *k);

#endif

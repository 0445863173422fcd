/* The table, and its portable rows. */
#include "kernel/quant/quant.h"

#include "base/cpu.h"
#include "base/num.h"
#include "kernel/quant/quant_limits.h"

#include <pthread.h>

static void limits(const quant_heads *heads, size_t n, const quant_bound *bound, float threshold, float *out) {
    quant_limits_of(heads, n, bound, threshold, out);
}
static float row(const quant_rows *rows, size_t index, const quant_query *query) {
    return quant_row_of(rows, index, query);
}

static void dots(const uint8_t *block, size_t groups, const int8_t *query, int32_t offset, int32_t out[QUANT_ROWS]) {
    for (size_t i = 0; i < QUANT_ROWS; i++) {
        int32_t sum = -offset;
        for (size_t g = 0; g < groups; g++)
            for (size_t d = 0; d < QUANT_GROUP; d++)
                sum += block[(g * QUANT_ROWS + i) * QUANT_GROUP + d] * query[g * QUANT_GROUP + d];
        out[i] = sum;
    }
}

static void offer(quant_query *q, size_t block, size_t i, float estimate) {
    if (!(estimate < q->limits[block])) q->hits[q->count++] = (quant_hit){(uint32_t)(block * QUANT_ROWS + i), estimate};
}

static void pair(const quant_rows *rows, quant_query *q) {
    q->count = 0;
    for (size_t b = 0; b < rows->blocks; b++) {
        const uint8_t *block = rows->codes + b * rows->groups * QUANT_GROUP * QUANT_ROWS;
        int32_t high[QUANT_ROWS], low[QUANT_ROWS];
        dots(block, rows->groups, q->codes[0], q->offset[0], high);
        dots(block, rows->groups, q->codes[1], q->offset[1], low);
        for (size_t i = 0; i < QUANT_ROWS; i++) offer(q, b, i, (float)high[i] * q->radix + (float)low[i]);
    }
}

static void tile(const quant_rows *rows, quant_query *queries, size_t n) {
    for (size_t q = 0; q < n; q++) queries[q].count = 0;
    for (size_t b = 0; b < rows->blocks; b++) {
        const uint8_t *block = rows->codes + b * rows->groups * QUANT_GROUP * QUANT_ROWS;
        for (size_t q = 0; q < n; q++) {
            int32_t sums[QUANT_ROWS];
            dots(block, rows->groups, queries[q].codes[0], queries[q].offset[0], sums);
            for (size_t i = 0; i < QUANT_ROWS; i++) offer(queries + q, b, i, (float)sums[i]);
        }
    }
}

static const quant_kernels portable = {.name = "portable",
                                       .query_max = 127,
                                       .tile_queries = 4,
                                       .few_queries = 1,
                                       .limits = limits,
                                       .pair = pair,
                                       .row = row,
                                       .tile = tile};

void quant_kernels_init(quant_kernels *k, unsigned flags) {
    *k = portable;
    (void)flags;
#if defined(__x86_64__)
    if (flags & CPU_AVX2) quant_kernels_avx2(k);
    if (flags & CPU_AVX_VNNI) quant_kernels_avxvnni(k);
    if (flags & CPU_AVX512_VNNI) quant_kernels_vnni(k);
    if (flags & CPU_AMX_INT8) quant_kernels_amx(k);
#elif defined(__aarch64__)
    if (flags & CPU_NEON) quant_kernels_neon(k);
    if (flags & CPU_NEON_DOT) quant_kernels_dotprod(k);
#endif
}

static quant_kernels best;

static void init_best(void) {
    quant_kernels_init(&best, cpu_flags());
}

const quant_kernels *quant_kernels_best(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_best);
    return &best;
}

/* AVX2: vpmaddubsw adds two products in 16 bits and saturates, which codes of queries up to 63 cannot reach:
 * 255 * 63 * 2 < 2^15. Codes up to 31 would let two groups be added before they are widened, for a quarter fewer
 * multiplications, but at 768 dimensions their bound lets a fifth of the blocks through. Tiles of 4 queries by 16 rows.
 */
#include "kernel/quant/quant_limits.h"
#include "kernel/scan/scan_element.h"

#include <immintrin.h>

enum { TILE = 4, BLOCK_STEP = QUANT_ROWS * QUANT_GROUP };

static void limits(const quant_heads *heads, size_t n, const quant_bound *bound, float threshold, float *out) {
    quant_limits_of(heads, n, bound, threshold, out);
}
static float row(const quant_rows *rows, size_t index, const quant_query *query) {
    return quant_row_of(rows, index, query);
}

INLINE __m256i products(__m256i rows, __m256i query) {
    return _mm256_maddubs_epi16(rows, query);
}
INLINE __m256i widened(__m256i sum, __m256i products) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(products, _mm256_set1_epi16(1)));
}
INLINE __m256i rows_at(const uint8_t *p) {
    return _mm256_loadu_si256((const void *)p);
}
INLINE __m256i query_at(const int8_t *p) {
    return _mm256_set1_epi32((int)load_u32(p));
}
INLINE unsigned reach(__m256 estimate, __m256 limit) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(estimate, limit, _CMP_NLT_UQ));
}

NOINLINE void add_hits(quant_query *q, size_t first, unsigned reached, const float *estimates) {
    for (; reached; reached &= reached - 1) {
        unsigned i = (unsigned)__builtin_ctz(reached);
        q->hits[q->count++] = (quant_hit){(uint32_t)(first + i), estimates[i]};
    }
}

/* ---- one query of two planes */

INLINE void pair_block(const quant_rows *rows, quant_query *q, size_t b) {
    const uint8_t *at = rows->codes + b * rows->groups * BLOCK_STEP;
    const int8_t *high = q->codes[0], *low = q->codes[1], *end = high + rows->groups * QUANT_GROUP;
    __m256i h[4], l[4];
    UNROLL for (int v = 0; v < 4; v++) {
        h[v] = _mm256_set1_epi32(-q->offset[0]);
        l[v] = _mm256_set1_epi32(-q->offset[1]);
    }
    for (; high < end; high += QUANT_GROUP, low += QUANT_GROUP, at += BLOCK_STEP) {
        __m256i by_high = query_at(high), by_low = query_at(low);
        UNROLL for (int v = 0; v < 4; v++) {
            __m256i x = rows_at(at + 32 * v);
            h[v] = widened(h[v], products(x, by_high));
            l[v] = widened(l[v], products(x, by_low));
        }
    }
    float estimates[QUANT_ROWS];
    unsigned reached = 0;
    __m256 limit = _mm256_set1_ps(q->limits[b]), radix = _mm256_set1_ps(q->radix);
    UNROLL for (int v = 0; v < 4; v++) {
        __m256 sum = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(h[v]), radix), _mm256_cvtepi32_ps(l[v]));
        reached |= reach(sum, limit) << 8 * v;
        _mm256_storeu_ps(estimates + 8 * v, sum);
    }
    if (RARELY(reached)) add_hits(q, b * QUANT_ROWS, reached, estimates);
}

/* One block behind the other: on the AVX2 machine measured, two or four streams were no faster and eight were slower.
 */
static void pair(const quant_rows *rows, quant_query *q) {
    q->count = 0;
    for (size_t b = 0; b < rows->blocks; b++) pair_block(rows, q, b);
}

/* ---- tiles */

/* N queries and half a block: rows [first, first + 16) of the run. */
INLINE void tile_half(const quant_rows *rows, quant_query *queries, const size_t n, size_t first) {
    size_t b = first / QUANT_ROWS, size = rows->groups * QUANT_GROUP;
    const uint8_t *at = rows->codes + b * size * QUANT_ROWS + first % QUANT_ROWS * QUANT_GROUP;
    const int8_t *codes[TILE];
    __m256i sum[TILE][2];
    UNROLL for (size_t q = 0; q < n; q++) {
        codes[q] = queries[q].codes[0];
        sum[q][0] = sum[q][1] = _mm256_set1_epi32(-queries[q].offset[0]);
    }
    for (size_t g = 0; g < size; g += QUANT_GROUP, at += BLOCK_STEP) {
        __m256i low = rows_at(at), high = rows_at(at + 32);
        UNROLL for (size_t q = 0; q < n; q++) {
            __m256i by = query_at(codes[q] + g);
            sum[q][0] = widened(sum[q][0], products(low, by));
            sum[q][1] = widened(sum[q][1], products(high, by));
        }
    }
    UNROLL for (size_t q = 0; q < n; q++) {
        __m256 limit = _mm256_set1_ps(queries[q].limits[b]);
        __m256 low = _mm256_cvtepi32_ps(sum[q][0]), high = _mm256_cvtepi32_ps(sum[q][1]);
        unsigned reached = reach(low, limit) | reach(high, limit) << 8;
        if (RARELY(reached)) {
            float estimates[16];
            _mm256_storeu_ps(estimates, low);
            _mm256_storeu_ps(estimates + 8, high);
            add_hits(queries + q, first, reached, estimates);
        }
    }
}

INLINE void tile_body(const quant_rows *rows, quant_query *queries, const size_t n) {
    for (size_t first = 0; first < rows->blocks * QUANT_ROWS; first += 16) tile_half(rows, queries, n, first);
}

static void tile(const quant_rows *rows, quant_query *queries, size_t n) {
    for (size_t q = 0; q < n; q++) queries[q].count = 0;
    switch (n) {
    case 1: tile_body(rows, queries, 1); break;
    case 2: tile_body(rows, queries, 2); break;
    case 3: tile_body(rows, queries, 3); break;
    case 4: tile_body(rows, queries, 4); break;
    default: break;
    }
}

void quant_kernels_avx2(quant_kernels *k) {
    *k = (quant_kernels){.name = "avx2",
                         .query_max = 63,
                         .tile_queries = TILE,
                         .few_queries = 2,
                         .limits = limits,
                         .pair = pair,
                         .row = row,
                         .tile = tile};
}

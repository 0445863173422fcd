/* AVX2: vpmaddubsw adds two products in 16 bits and saturates, which codes of queries up to 63 cannot reach:
 * 255 * 63 * 2 < 2^15. In a tile the products of two groups are added before they are widened, for a quarter fewer
 * multiplications: 255 * QUANT_SUM_MAX < 2^15 is what the codes of queries there keep to. Tiles of 4 queries by 16
 * rows.
 */
#include "kernel/quant/quant_limits.h"
#include "kernel/scan/scan_element.h"

#include <immintrin.h>

enum {
    TILE = 4,
    STRIP = 64, /* blocks */
    BLOCK_STEP = QUANT_ROWS * QUANT_GROUP
};

static void limits(const quant_heads *heads, size_t n, const quant_bound *bound, float threshold, float *out) {
    quant_limits_of(heads, n, bound, threshold, out);
}
INLINE __m256i products(__m256i rows, __m256i query) {
    return _mm256_maddubs_epi16(rows, query);
}
INLINE __m256i widened(__m256i sum, __m256i products) {
    __m256i ones = _mm256_set1_epi16(1);
    __asm__("" : "+x"(ones)); /* Clang knows them and multiplies by other means, which are slow */
    return _mm256_add_epi32(sum, _mm256_madd_epi16(products, ones));
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

/* Its seven neighbours too, which lie in the same register. */
static float row(const quant_rows *rows, size_t index, const quant_query *q) {
    const uint8_t *at =
        rows->codes + index / QUANT_ROWS * rows->groups * BLOCK_STEP + index % QUANT_ROWS / 8 * 8 * QUANT_GROUP;
    __m256i high = _mm256_set1_epi32(-q->offset[0]), low = _mm256_set1_epi32(-q->offset[1]);
    for (size_t g = 0; g < rows->groups * QUANT_GROUP; g += QUANT_GROUP, at += BLOCK_STEP) {
        __m256i x = rows_at(at);
        high = widened(high, products(x, query_at(q->codes[0] + g)));
        low = widened(low, products(x, query_at(q->codes[1] + g)));
    }
    int32_t sums[2][8];
    _mm256_storeu_si256((void *)sums[0], high);
    _mm256_storeu_si256((void *)sums[1], low);
    return (float)sums[0][index % 8] * q->radix + (float)sums[1][index % 8];
}

/* ---- tiles */

/* Sums begin with what they must reach taken off, so that their signs say whether they do: no comparisons, and one test
 * for all sums of a tile. Of STRIP blocks at a time. */
typedef int32_t starts[QUANT_TILE_MAX][STRIP];

/* What the sums of blocks [first, first + n) begin at. A sum that is not below its limit ends at 0 or more; some others
 * do too. No sum is larger than MOST. */
static void find_starts(const quant_query *q, size_t first, size_t n, float most, int32_t *out) {
    for (size_t i = 0; i < n; i++) {
        float limit = q->limits[first + i];
        limit = limit > -most ? limit : -most; /* NaN too */
        limit = limit < most ? limit : most;
        out[i] = -q->offset[0] - (int32_t)(limit - fabsf(limit) * 0x1p-22f - 1);
    }
}

/* Sixteen rows. */
typedef struct half {
    const uint8_t *codes;
    size_t groups;
    size_t block, row; /* within the strip; within the run */
} half;

/* What is fetched into the cache meanwhile, a line after each STEP bytes; 0: the same again and again. */
typedef struct ahead {
    uintptr_t at;
    size_t step;
} ahead;

INLINE void add_group(const uint8_t *at, const int8_t *const *codes, size_t g, const size_t n, __m256i sum[][2]) {
    __m256i low = rows_at(at), high = rows_at(at + 32);
    UNROLL for (size_t q = 0; q < n; q++) {
        __m256i by = query_at(codes[q] + g * QUANT_GROUP);
        sum[q][0] = widened(sum[q][0], products(low, by));
        sum[q][1] = widened(sum[q][1], products(high, by));
    }
}

/* Products of two groups are added before they are widened. */
INLINE void add_groups(const uint8_t *at, const int8_t *const *codes, size_t g, const size_t n, __m256i sum[][2]) {
    __m256i low = rows_at(at), high = rows_at(at + 32);
    __m256i next_low = rows_at(at + BLOCK_STEP), next_high = rows_at(at + BLOCK_STEP + 32);
    UNROLL for (size_t q = 0; q < n; q++) {
        __m256i by = query_at(codes[q] + g * QUANT_GROUP), next_by = query_at(codes[q] + (g + 1) * QUANT_GROUP);
        sum[q][0] = widened(sum[q][0], _mm256_add_epi16(products(low, by), products(next_low, next_by)));
        sum[q][1] = widened(sum[q][1], _mm256_add_epi16(products(high, by), products(next_high, next_by)));
    }
}

/* Of sums that ended at 0 or more, those whose estimates reach their limits. */
NOINLINE void add_sums(quant_query *queries, size_t n, const half *rows, const starts from, const __m256i sum[][2]) {
    for (size_t q = 0; q < n; q++) {
        __m256i whole = _mm256_set1_epi32(-queries[q].offset[0] - from[q][rows->block]);
        __m256 limit = _mm256_set1_ps(queries[q].limits[rows->row / QUANT_ROWS]);
        __m256 low = _mm256_cvtepi32_ps(_mm256_add_epi32(sum[q][0], whole));
        __m256 high = _mm256_cvtepi32_ps(_mm256_add_epi32(sum[q][1], whole));
        float estimates[16];
        _mm256_storeu_ps(estimates, low);
        _mm256_storeu_ps(estimates + 8, high);
        add_hits(queries + q, rows->row, reach(low, limit) | reach(high, limit) << 8, estimates);
    }
}

/* N queries, while LINES of what comes next are fetched for every two groups. */
INLINE void tile_body(const half *rows, quant_query *queries, const size_t n, const starts from, ahead next,
                      const size_t lines) {
    const uint8_t *at = rows->codes;
    const int8_t *codes[TILE];
    __m256i sum[TILE][2], all = _mm256_set1_epi32(-1);
    size_t g = 0;
    UNROLL for (size_t q = 0; q < n; q++) {
        codes[q] = queries[q].codes[0];
        sum[q][0] = sum[q][1] = _mm256_set1_epi32(from[q][rows->block]);
    }
    for (; g + 2 <= rows->groups; g += 2, at += 2 * BLOCK_STEP) {
        UNROLL for (size_t l = 0; l < lines; l++, next.at += next.step) __builtin_prefetch((const void *)next.at);
        add_groups(at, codes, g, n, sum);
    }
    if (g < rows->groups) add_group(at, codes, g, n, sum);
    UNROLL for (size_t q = 0; q < n; q++) all = _mm256_and_si256(all, _mm256_and_si256(sum[q][0], sum[q][1]));
    if (RARELY(_mm256_movemask_ps(_mm256_castsi256_ps(all)) != 0xff)) {
        __m256i kept[TILE][2];
        UNROLL for (size_t q = 0; q < n; q++) UNROLL for (int v = 0; v < 2; v++) kept[q][v] = sum[q][v];
        add_sums(queries, n, rows, from, kept);
    }
}

INLINE void tile_width(const half *rows, quant_query *queries, size_t n, const starts from, ahead next,
                       const size_t lines) {
    switch (n) {
    case 1: tile_body(rows, queries, 1, from, next, lines); break;
    case 2: tile_body(rows, queries, 2, from, next, lines); break;
    case 3: tile_body(rows, queries, 3, from, next, lines); break;
    case 4: tile_body(rows, queries, 4, from, next, lines); break;
    default: break;
    }
}

/* All queries, in parts of nearly one size. Evenly spread over them, the next block is fetched, which the processor
 * does not begin soon enough by itself: half of it with each half of this one, or a quarter with each of two parts. */
static void tile_half(const half *rows, quant_query *queries, size_t n, const starts from) {
    enum { LINE = 64 };
    size_t parts = (n + TILE - 1) / TILE, quarter = rows->groups / 2 * LINE;
    uintptr_t next = (uintptr_t)rows->codes + rows->groups * BLOCK_STEP + rows->row % QUANT_ROWS / 16 * 2 * quarter;
    if (parts == 1) {
        tile_width(rows, queries, n, from, (ahead){next, LINE}, 2);
        return;
    }
    for (size_t part = 0, done = 0, width; part < parts; part++, done += width) {
        ahead to = part < 2 ? (ahead){next + part * quarter, LINE} : (ahead){(uintptr_t)rows->codes, 0};
        width = (n - done) / (parts - part);
        tile_width(rows, queries + done, width, from + done, to, 1);
    }
}

/* All queries meet half a block before the next: it stays in the nearest cache. */
static void tile(const quant_rows *rows, quant_query *queries, size_t n) {
    size_t size = rows->groups * BLOCK_STEP;
    float most = (float)(rows->groups * QUANT_GROUP * 128 * 127 + 1);
    starts from;
    for (size_t q = 0; q < n; q++) queries[q].count = 0;
    for (size_t strip = 0; strip < rows->blocks; strip += STRIP) {
        size_t blocks = min_size(STRIP, rows->blocks - strip);
        for (size_t q = 0; q < n; q++) find_starts(queries + q, strip, blocks, most, from[q]);
        for (size_t i = 0; i < 2 * blocks; i++) {
            size_t block = strip + i / 2, row = i % 2 * 16;
            half of = {rows->codes + block * size + row * QUANT_GROUP, rows->groups, i / 2, block * QUANT_ROWS + row};
            tile_half(&of, queries, n, from);
        }
    }
}

void quant_kernels_avx2(quant_kernels *k) {
    *k = (quant_kernels){.name = "avx2",
                         .query_max = 63,
                         .sum_groups = 2,
                         .tile_queries = QUANT_TILE_MAX,
                         .few_queries = 2,
                         .limits = limits,
                         .pair = pair,
                         .row = row,
                         .tile = tile};
}

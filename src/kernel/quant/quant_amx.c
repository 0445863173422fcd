/* AMX: 16 queries meet 64 dimensions of 16 rows in one instruction. A block as it lies is two operands side by side,
 * because four dimensions of each row stand together. Two blocks at a time, so that each load of queries serves four
 * instructions. What is left of 64 dimensions has tiles of its own shape: nothing is read beyond a block. */
#include "base/num.h"
#include "kernel/quant/quant.h"
#include "kernel/scan/scan_element.h"

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    TILE = 16,
    FEW = 4,          /* fewer queries leave most of a tile empty */
    TILE_GROUPS = 16, /* 64 dimensions */
    HALF = 64,        /* bytes of 16 rows of a group */
    BLOCK_STEP = QUANT_ROWS * QUANT_GROUP
};

/* Numbers of tiles, which the intrinsics want spelled out; 0 to 3 hold sums. */
#define QUERIES 4
#define ROWS 5
#define LAST_QUERIES 6
#define LAST_ROWS 7

static quant_kernels below; /* the level that this one stands on */

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static void configure(size_t n, size_t last_groups) {
    tile_config c = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        bool of_rows = t == ROWS || t == LAST_ROWS, last = t == LAST_QUERIES || t == LAST_ROWS;
        size_t groups = last && last_groups > 0 ? last_groups : TILE_GROUPS;
        c.rows[t] = (uint8_t)(of_rows ? groups : n);
        c.row_bytes[t] = (uint16_t)(t == QUERIES || t == LAST_QUERIES ? groups * QUANT_GROUP : HALF);
    }
    KEEP_IN_MEMORY(&c); /* the intrinsic says that it reads eight bytes */
    _tile_loadconfig(&c);
}

/* Adds to the two tiles of sums of one block: its codes at P, the queries being loaded. */
#define ADD_BLOCK(low, high, p, queries, rows)     \
    do {                                           \
        _tile_loadd(rows, p, BLOCK_STEP);          \
        _tile_dpbsud(low, queries, rows);          \
        _tile_loadd(rows, (p) + HALF, BLOCK_STEP); \
        _tile_dpbsud(high, queries, rows);         \
    } while (0)

/* Sums [2, 2, TILE, 16] of the queries and the blocks at AT and NEXT, which may be the same. */
static void two_blocks(const uint8_t *at, const uint8_t *next, size_t groups, const int8_t *queries, size_t stride,
                       int32_t *sums) {
    size_t g = 0;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (; g + TILE_GROUPS <= groups; g += TILE_GROUPS) {
        _tile_loadd(QUERIES, queries + g * QUANT_GROUP, stride);
        ADD_BLOCK(0, 1, at + g * BLOCK_STEP, QUERIES, ROWS);
        ADD_BLOCK(2, 3, next + g * BLOCK_STEP, QUERIES, ROWS);
    }
    if (g < groups) {
        _tile_loadd(LAST_QUERIES, queries + g * QUANT_GROUP, stride);
        ADD_BLOCK(0, 1, at + g * BLOCK_STEP, LAST_QUERIES, LAST_ROWS);
        ADD_BLOCK(2, 3, next + g * BLOCK_STEP, LAST_QUERIES, LAST_ROWS);
    }
    _tile_stored(0, sums, HALF);
    _tile_stored(1, sums + 16 * TILE, HALF);
    _tile_stored(2, sums + 32 * TILE, HALF);
    _tile_stored(3, sums + 48 * TILE, HALF);
}

/* SUMS [2, TILE, 16] of one block. */
static void finish(quant_query *queries, size_t n, size_t block, const int32_t *sums) {
    for (size_t q = 0; q < n; q++) {
        quant_query *query = queries + q;
        float estimates[QUANT_ROWS];
        uint32_t reached = 0;
        for (size_t half = 0; half < 2; half++) {
            __m512i sum = _mm512_loadu_si512(sums + (half * TILE + q) * 16);
            __m512 estimate = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, _mm512_set1_epi32(query->offset[0])));
            uint32_t hits = _mm512_cmp_ps_mask(estimate, _mm512_set1_ps(query->limits[block]), _CMP_NLT_UQ);
            reached |= hits << 16 * half;
            _mm512_storeu_ps(estimates + 16 * half, estimate);
        }
        for (; RARELY(reached); reached &= reached - 1) {
            size_t i = (size_t)__builtin_ctz(reached);
            query->hits[query->count++] = (quant_hit){(uint32_t)(block * QUANT_ROWS + i), estimates[i]};
        }
    }
}

/* Bytes from each query's codes to the next one's, when that is one number for all; else 0. */
static size_t even_stride(const quant_query *queries, size_t n) {
    uintptr_t step = (uintptr_t)queries[1].codes[0] - (uintptr_t)queries[0].codes[0];
    for (size_t q = 2; q < n; q++)
        if ((uintptr_t)queries[q].codes[0] - (uintptr_t)queries[q - 1].codes[0] != step) return 0;
    return step <= PTRDIFF_MAX ? (size_t)step : 0;
}

static void tile(const quant_rows *rows, quant_query *queries, size_t n) {
    size_t stride = n >= FEW ? even_stride(queries, n) : 0, size = rows->groups * BLOCK_STEP;
    if (stride == 0 || rows->groups == 0) {
        below.tile(rows, queries, n);
        return;
    }
    for (size_t q = 0; q < n; q++) queries[q].count = 0;
    configure(n, rows->groups % TILE_GROUPS);
    for (size_t b = 0; b < rows->blocks; b += 2) {
        int32_t sums[4 * TILE * 16];
        const uint8_t *at = rows->codes + b * size, *next = b + 1 < rows->blocks ? at + size : at;
        two_blocks(at, next, rows->groups, queries[0].codes[0], stride, sums);
        finish(queries, n, b, sums);
        if (next != at) finish(queries, n, b + 1, sums + 2 * TILE * 16);
    }
    _tile_release();
}

/* The system saves the tiles of a thread only for processes that ask. */
static bool permitted(void) {
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

void quant_kernels_amx(quant_kernels *k) {
    if (!permitted()) return;
    below = *k;
    k->name = "amx";
    k->tile_queries = TILE;
    k->tile = tile;
}

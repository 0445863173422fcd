/* The table, and its portable rows. */
#include "base/cpu.h"
#include "kernel/scan/scan_element.h"

#include <pthread.h>

enum { PANEL = 8, TILE = 4, LANES = 8 };

/* DOT: the sum of products, or of squared differences. */
static inline float score_of(const scan_rows *r, size_t row, float dot) {
    if (r->factor == SCAN_TIMES) return dot * side_of(r, row);
    if (r->factor == SCAN_MINUS) return dot - side_of(r, row);
    if (r->factor == SCAN_APART) return -dot;
    return dot;
}

static inline void offer(const scan_rows *r, size_t row, float dot, scan_top *top) {
    scan_offer(r, row, score_of(r, row, dot), top);
}

/* For one element type: NAME its suffix, SIZE its bytes, SUM the type of its sums. */
#define ROWS_AND_PACK(NAME, SIZE, SUM)                                                                              \
    static inline SUM product_##NAME(SUM x, SUM w, const bool apart) {                                              \
        return apart ? (x - w) * (x - w) : x * w;                                                                   \
    }                                                                                                               \
    static inline SUM sum_##NAME(const uint8_t *row, const SUM *query, size_t dim, const bool apart) {              \
        SUM lane[LANES] = {0};                                                                                      \
        size_t j = 0;                                                                                               \
        for (; j + LANES <= dim; j += LANES)                                                                        \
            for (size_t l = 0; l < LANES; l++)                                                                      \
                lane[l] += product_##NAME(element_##NAME(row + SIZE * (j + l)), query[j + l], apart);               \
        for (size_t l = 0; j + l < dim; l++)                                                                        \
            lane[l] += product_##NAME(element_##NAME(row + SIZE * (j + l)), query[j + l], apart);                   \
        return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));           \
    }                                                                                                               \
    static void rows_##NAME(const scan_rows *r, const void *queries, size_t n, scan_top *tops) {                    \
        const SUM *query = queries;                                                                                 \
        bool apart = r->factor == SCAN_APART;                                                                       \
        for (size_t i = 0; i < r->count; i++)                                                                       \
            for (size_t q = 0; q < n; q++) {                                                                        \
                const uint8_t *row = r->data + i * r->stride;                                                       \
                SUM sum = apart ? sum_##NAME(row, query + q * r->dim, r->dim, true)                                 \
                                : sum_##NAME(row, query + q * r->dim, r->dim, false);                               \
                offer(r, i, (float)sum, tops + q);                                                                  \
            }                                                                                                       \
    }                                                                                                               \
    static inline void pack_##NAME(const scan_rows *r, void *panels, size_t row_step, size_t dim_step) {            \
        SUM *out = panels;                                                                                          \
        for (size_t first = 0; first < r->count; first += PANEL, out += PANEL * r->dim)                             \
            for (size_t j = 0; j < r->dim; j++)                                                                     \
                for (size_t i = 0; i < PANEL; i++)                                                                  \
                    out[j * PANEL + i] =                                                                            \
                        first + i < r->count ? element_##NAME(r->data + (first + i) * row_step + j * dim_step) : 0; \
    }                                                                                                               \
    static void pack_rows_##NAME(const scan_rows *r, void *panels) {                                                \
        pack_##NAME(r, panels, r->stride, SIZE);                                                                    \
    }                                                                                                               \
    static void pack_columns_##NAME(const scan_rows *r, void *panels) {                                             \
        pack_##NAME(r, panels, SIZE, r->stride);                                                                    \
    }

ROWS_AND_PACK(f32, 4, float)
ROWS_AND_PACK(f64, 8, double)
ROWS_AND_PACK(f16, 2, float)
ROWS_AND_PACK(bf16, 2, float)
ROWS_AND_PACK(i8, 1, float)

#define TILE_KERNEL(NAME, SUM)                                                                                     \
    typedef SUM vector_##NAME __attribute__((vector_size(16), aligned(16)));                                       \
    enum { VECTORS_##NAME = PANEL * sizeof(SUM) / 16 };                                                            \
    INLINE void panel_##NAME(const vector_##NAME *x, const SUM *group, size_t dim, const size_t width, bool apart, \
                             void *out) {                                                                          \
        vector_##NAME sum[TILE][VECTORS_##NAME] = {{{0}}};                                                         \
        for (size_t j = 0; j < dim; j++)                                                                           \
            UNROLL for (size_t q = 0; q < width; q++) UNROLL for (size_t v = 0; v < VECTORS_##NAME; v++) {         \
                vector_##NAME a = x[j * VECTORS_##NAME + v], d = a - group[j * width + q];                         \
                sum[q][v] += apart ? d * d : a * group[j * width + q];                                             \
            }                                                                                                      \
        memcpy(out, sum, width * sizeof *sum);                                                                     \
    }                                                                                                              \
    static void tile_##NAME(const scan_rows *r, const void *panels, const void *group, size_t n, scan_top *tops,   \
                            bytes fetch) {                                                                         \
        (void)fetch;                                                                                               \
        const SUM *x = panels;                                                                                     \
        for (size_t first = 0; first < r->count; first += PANEL, x += PANEL * r->dim) {                            \
            SUM sum[TILE][PANEL];                                                                                  \
            if (n > 2)                                                                                             \
                panel_##NAME((const void *)x, group, r->dim, 4, r->factor == SCAN_APART, sum);                     \
            else if (n > 1)                                                                                        \
                panel_##NAME((const void *)x, group, r->dim, 2, r->factor == SCAN_APART, sum);                     \
            else                                                                                                   \
                panel_##NAME((const void *)x, group, r->dim, 1, r->factor == SCAN_APART, sum);                     \
            for (size_t q = 0; q < n; q++)                                                                         \
                for (size_t i = 0; i < min_size(PANEL, r->count - first); i++)                                     \
                    offer(r, first + i, (float)sum[q][i], tops + q);                                               \
        }                                                                                                          \
    }

TILE_KERNEL(single, float)
TILE_KERNEL(double, double)

#define GROUP_PACK(NAME, SUM)                                                                           \
    static void group_pack_##NAME(const SUM *queries, size_t n, size_t dim, SUM *group) {               \
        size_t width = scan_group_width(n);                                                             \
        for (size_t j = 0; j < dim; j++)                                                                \
            for (size_t q = 0; q < width; q++) group[j * width + q] = q < n ? queries[q * dim + j] : 0; \
    }

GROUP_PACK(single, float)
GROUP_PACK(double, double)

void scan_group_pack(scan_class class, const void *queries, size_t n, size_t dim, void *group) {
    if (class == SCAN_DOUBLE)
        group_pack_double(queries, n, dim, group);
    else
        group_pack_single(queries, n, dim, group);
}

const scan_kernels scan_portable = {
    .name = "portable",
    .few_queries = {4, 4},
    .panel_rows = {PANEL, PANEL},
    .tile_queries = {TILE, TILE},
    .rows = {rows_f32, rows_f64, rows_f16, rows_bf16, rows_i8},
    .pack = {{pack_rows_f32, pack_columns_f32},
             {pack_rows_f64, pack_columns_f64},
             {pack_rows_f16, pack_columns_f16},
             {pack_rows_bf16, pack_columns_bf16},
             {pack_rows_i8, pack_columns_i8}},
    .tile = {tile_single, tile_double},
};

void scan_kernels_init(scan_kernels *k, unsigned flags) {
    *k = scan_portable;
    (void)flags;
#if defined(__x86_64__)
    if (flags & CPU_AVX2) scan_kernels_avx2(k);
    if (flags & CPU_AVX512) scan_kernels_avx512(k);
#elif defined(__aarch64__)
    if (flags & CPU_NEON) scan_kernels_neon(k);
#endif
}

static scan_kernels best;

static void init_best(void) {
    scan_kernels_init(&best, cpu_flags());
}

const scan_kernels *scan_kernels_best(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_best);
    return &best;
}

/* Every level of the quantised scan that this CPU has against portable C, and twins of those that few have. With
 * --time: how fast each kernel of each level is. */
#include "unit/random.h"
#include "unit/unit.h"

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/num.h"
#include "kernel/quant/quant.h"
#include "kernel/quant_twins.h"
#include "tensor/dtype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_LEVELS = 9 };
static quant_kernels levels[MAX_LEVELS]; /* portable first */
static size_t n_levels;

static void find_levels(void) {
    static const unsigned steps[] = {0,
                                     CPU_AVX2,
                                     CPU_AVX2 | CPU_AVX_VNNI,
                                     CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI,
                                     CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AMX_INT8,
                                     CPU_NEON,
                                     CPU_NEON | CPU_NEON_DOT};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if ((cpu_flags() & steps[i]) == steps[i]) {
            quant_kernels_init(levels + n_levels, steps[i]);
            bool known = n_levels > 0 && strcmp(levels[n_levels].name, levels[n_levels - 1].name) == 0;
            n_levels += !known;
        }
}

/* Over portable C, so that nothing but the twin is tested. */
static void find_twins(void) {
#ifdef QUANT_TWINS
    if (cpu_flags() & CPU_AVX2) {
        quant_twin_avxvnni(levels + n_levels);
        levels[n_levels++].name = "avxvnni in plain C";
    }
    quant_kernels_init(levels + n_levels, 0);
    quant_twin_amx(levels + n_levels, true);
    levels[n_levels++].name = "amx in plain C";
#endif
}

/* What codes are like: EXTREME ones are those whose sums come nearest to overflowing. */
typedef enum fill { ANY, EXTREME, FILLS } fill;

/* A run of blocks at an odd place, and queries for it. Memory ends where the data ends, so that a sanitizer sees a read
 * beyond. */
typedef struct run {
    quant_rows rows;
    size_t n;
    quant_query queries[QUANT_TILE_MAX];
    float *limits; /* [n, blocks] */
    int8_t *codes; /* [n, 2, groups * QUANT_GROUP] */
    void *memory;
} run;

static void make_codes(int8_t *codes, size_t size, int most, fill what) {
    for (size_t i = 0; i < size; i++) codes[i] = (int8_t)(what == EXTREME ? most : below(2 * most + 1) - most);
}

/* What a level adds in 16 bits is as much as it may be: few codes take all of it, or all take alike. */
static void limit_sums(int8_t *codes, size_t size, size_t groups) {
    for (size_t first = 0; first < size; first += groups * QUANT_GROUP)
        for (size_t half = 0; half < QUANT_GROUP; half += QUANT_GROUP / 2) {
            int up = QUANT_SUM_MAX, down = QUANT_SUM_MAX, most = below(2) ? QUANT_CODE_MAX : QUANT_SUM_MAX / 4;
            for (size_t g = 0; g < groups && first + g * QUANT_GROUP < size; g++)
                for (size_t i = 0; i < QUANT_GROUP / 2; i++) {
                    int8_t *code = codes + first + g * QUANT_GROUP + half + i;
                    int64_t room = min_i64(most, *code > 0 ? up : down);
                    *code = (int8_t)(*code > 0 ? min_i64(*code, room) : -min_i64(-*code, room));
                    up -= *code > 0 ? *code : 0;
                    down += *code < 0 ? *code : 0;
                }
        }
}

static int32_t offset_of(const int8_t *codes, size_t size) {
    int32_t sum = 0;
    for (size_t i = 0; i < size; i++) sum += codes[i];
    return 128 * sum;
}

static void make_run(run *r, const quant_kernels *k, size_t blocks, size_t groups, size_t n, bool pair, fill what) {
    size_t size = groups * QUANT_GROUP, bytes = blocks * size * QUANT_ROWS, offset = (size_t[]){0, 1, 3, 64}[below(4)];
    *r = (run){.n = n, .memory = malloc(bytes + offset ? bytes + offset : 1)};
    uint8_t *codes = (uint8_t *)r->memory + offset;
    for (size_t i = 0; i < bytes; i++) codes[i] = what == EXTREME ? 255 : (uint8_t)below(256);
    r->rows = (quant_rows){codes, blocks, groups};
    r->limits = malloc((n * blocks + 1) * sizeof *r->limits);
    r->codes = malloc(n * 2 * size + 1);
    for (size_t q = 0; q < n; q++) {
        quant_query *query = r->queries + q;
        *query = (quant_query){.radix = (float)(2 * k->query_max + 1), .limits = r->limits + q * blocks};
        for (size_t p = 0; p < 2; p++) {
            int8_t *at = r->codes + (2 * q + p) * size;
            bool by_sums = !pair && k->sum_groups > 0;
            make_codes(at, size, by_sums ? QUANT_CODE_MAX : k->query_max, what);
            if (by_sums) limit_sums(at, size, k->sum_groups);
            query->offset[p] = offset_of(at, size);
            query->codes[p] = at;
        }
    }
}

static void free_run(run *r) {
    free(r->memory);
    free(r->limits);
    free(r->codes);
}

/* Limits that some rows reach, a few, none or all. */
static void make_limits(run *r) {
    float spread = sqrtf((float)(r->rows.groups * QUANT_GROUP)) * 127 * 50;
    for (size_t i = 0; i < r->n * r->rows.blocks; i++) {
        static const float special[] = {NAN, INFINITY, -INFINITY, 0};
        r->limits[i] = below(4) ? (float)real() * spread : special[below(4)];
    }
}

static int by_row(const void *left, const void *right) {
    const quant_hit *a = left, *b = right;
    return (a->row > b->row) - (a->row < b->row);
}

static void ask(const quant_kernels *k, run *r, bool pair, quant_hit *hits) {
    size_t room = r->rows.blocks * QUANT_ROWS;
    for (size_t q = 0; q < r->n; q++) {
        r->queries[q].hits = hits + q * room;
        r->queries[q].count = SIZE_MAX;
    }
    if (pair)
        k->pair(&r->rows, r->queries);
    else
        k->tile(&r->rows, r->queries, r->n);
    for (size_t q = 0; q < r->n && pair; q++) qsort(r->queries[q].hits, r->queries[q].count, sizeof(quant_hit), by_row);
}

/* Sums are whole numbers, so all levels must find the same; only a pair's float32 may be rounded in one step or two. */
static void compare(const quant_kernels *k, run *r, bool pair) {
    size_t room = r->rows.blocks * QUANT_ROWS;
    quant_hit *hits[2] = {malloc((r->n * room + 1) * sizeof **hits), malloc((r->n * room + 1) * sizeof **hits)};
    size_t wanted[QUANT_TILE_MAX];
    ask(&levels[0], r, pair, hits[0]);
    for (size_t q = 0; q < r->n; q++) wanted[q] = r->queries[q].count;
    ask(k, r, pair, hits[1]);
    for (size_t q = 0; q < r->n; q++) {
        if (r->queries[q].count != wanted[q])
            fail_msg("%s %s, %zu blocks of %zu groups, query %zu of %zu: %zu hits, portable C has %zu", k->name,
                     pair ? "pair" : "tile", r->rows.blocks, r->rows.groups, q, r->n, r->queries[q].count, wanted[q]);
        for (size_t i = 0; i < wanted[q]; i++) {
            quant_hit w = hits[0][q * room + i], g = hits[1][q * room + i];
            if (w.row != g.row || w.estimate != g.estimate)
                fail_msg("%s %s, query %zu: row %u is %.9g, in portable C row %u is %.9g", k->name,
                         pair ? "pair" : "tile", q, g.row, (double)g.estimate, w.row, (double)w.estimate);
        }
    }
    free(hits[0]);
    free(hits[1]);
}

/* A row by itself has the estimate that it has among others. */
static void compare_rows(const quant_kernels *k, run *r) {
    quant_hit *hits = malloc((r->rows.blocks * QUANT_ROWS + 1) * sizeof *hits);
    for (size_t b = 0; b < r->rows.blocks; b++) r->limits[b] = -INFINITY;
    ask(&levels[0], r, true, hits);
    assert_int_equal(r->queries[0].count, r->rows.blocks * QUANT_ROWS);
    for (size_t i = 0; i < r->queries[0].count; i++) {
        float estimate = k->row(&r->rows, i, r->queries);
        if (hits[i].row != i || hits[i].estimate != estimate)
            fail_msg("%s row, %zu blocks of %zu groups: row %zu is %.9g, in portable C %.9g", k->name, r->rows.blocks,
                     r->rows.groups, i, (double)estimate, (double)hits[i].estimate);
    }
    free(hits);
}

static void check(const quant_kernels *k, size_t blocks, size_t groups, size_t n, fill what) {
    for (int pair = 0; pair < (n == 1 ? 2 : 1); pair++) {
        run r;
        make_run(&r, k, blocks, groups, n, pair, what);
        for (int round = 0; round < 2; round++) {
            make_limits(&r);
            compare(k, &r, pair);
            if (pair) compare_rows(k, &r);
        }
        free_run(&r);
    }
}

static void every_level_finds_what_portable_c_finds(void **state) {
    (void)state;
    static const size_t dims[] = {0, 1, 4, 5, 16, 17, 63, 64, 65, 100, 128, 255, 257, 768, 4099};
    static const size_t counts[] = {0, 1, 2, 7, 8, 9, 16, 17, 64};
    for (size_t l = 0; l < n_levels; l++) {
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
            for (size_t n = 1; n <= levels[l].tile_queries; n++)
                check(levels + l, counts[below(6)], quant_groups(dims[d]), n, (fill)below(FILLS));
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t n = 1; n <= levels[l].tile_queries; n++)
                check(levels + l, counts[c], quant_groups(dims[below(14)]), n, ANY);
        check(levels + l, 1, quant_groups(QUANT_MAX_DIM), 1, EXTREME);
        check(levels + l, 1, quant_groups(QUANT_MAX_DIM), levels[l].tile_queries, EXTREME);
    }
}

#ifdef QUANT_TWINS
static void amx_without_permission_leaves_what_is_there(void **state) {
    (void)state;
    quant_kernels k;
    quant_kernels_init(&k, 0);
    quant_twin_amx(&k, false);
    assert_string_equal(k.name, "portable");
    assert_true(k.tile == levels[0].tile && k.tile_queries == levels[0].tile_queries);
    quant_twin_amx(&k, true);
    assert_true(k.tile != levels[0].tile);
}
#endif

/* Wherever a level rounds otherwise than portable C, the slack in the limits must be larger. */
static void limits_agree(void **state) {
    (void)state;
    enum { N = 77 };
    static const float special[] = {0, -1, NAN, INFINITY, -INFINITY, 1e-40f, 0x1p60f, 0x1p-60f};
    float heads[4][N], out[2][N];
    for (int round = 0; round < 200; round++) {
        bool hostile = round % 2;
        for (int f = 0; f < 4; f++)
            for (int i = 0; i < N; i++)
                heads[f][i] = hostile && below(10) == 0 ? special[below(8)] : (float)fabs(real()) + 0x1p-20f;
        quant_heads h = {heads[0], heads[1], heads[2], heads[3]};
        quant_bound bound = {.error = (float)fabs(real()),
                             .norm = (float)fabs(real()),
                             .fixed = 0x1p-100f,
                             .step = (float)fabs(real()) + 0x1p-20f};
        float threshold = hostile && below(4) == 0 ? special[3 + below(2)] : (float)real();
        for (size_t l = 0; l < n_levels; l++) {
            size_t n = (size_t)below(N + 1);
            levels[0].limits(&h, n, &bound, threshold, out[0]);
            levels[l].limits(&h, n, &bound, threshold, out[1]);
            for (size_t i = 0; i < n; i++) {
                float unit = heads[0][i] * bound.step,
                      terms = fabsf(threshold) + heads[1][i] + heads[2][i] + heads[3][i];
                if (isnan(out[0][i]) ? !isnan(out[1][i])
                                     : out[0][i] != out[1][i] && fabsf(out[0][i] - out[1][i]) * unit > 0x1p-22f * terms)
                    fail_msg("%s: limit %zu is %.9g, in portable C %.9g", levels[l].name, i, (double)out[1][i],
                             (double)out[0][i]);
            }
        }
    }
}

/* ---- quantising */

static void store(uint8_t *p, scan_type type, double value) {
    float f = (float)value;
    uint16_t half = type == SCAN_F16 ? f32_to_f16(f) : f32_to_bf16(f);
    if (type == SCAN_I8) {
        *p = (uint8_t)(int8_t)fmax(-128, fmin(127, value * 25));
        return;
    }
    memcpy(p, type == SCAN_F64 ? (void *)&value : type == SCAN_F32 ? (void *)&f : (void *)&half, scan_type_size(type));
}
static double fetch(const uint8_t *p, scan_type type) {
    double value;
    switch (type) {
    case SCAN_F32: return (double)load_f32(p);
    case SCAN_F64: memcpy(&value, p, 8); return value;
    case SCAN_I8: return (int8_t)*p;
    case SCAN_F16: return (double)f16_to_f32(load_u16(p));
    default: return (double)bf16_to_f32(load_u16(p));
    }
}

/* What the head says of a block's rows must hold, by sums in long doubles. */
static void check_block(const scan_rows *r, scan_type type, bool transposed, size_t first, const quant_centre *centre,
                        const quant_head *head, const uint8_t *codes) {
    size_t size = scan_type_size(type), padded = quant_groups(r->dim) * QUANT_GROUP;
    for (size_t i = 0; i < QUANT_ROWS; i++) {
        bool there = first + i < r->count;
        float side = there && r->side ? load_f32(r->side + 4 * (first + i)) : 1;
        bool dead = r->factor != SCAN_PLAIN && (isnan(side) || (r->factor == SCAN_MINUS && side == INFINITY));
        long double error = 0, norm = 0;
        for (size_t j = 0; j < padded; j++) {
            int code = codes[(j / QUANT_GROUP * QUANT_ROWS + i) * QUANT_GROUP + j % QUANT_GROUP] - 128;
            assert_in_range(code + 127, 0, 254);
            if (!there || j >= r->dim) assert_int_equal(code, 0);
            if (!there || j >= r->dim) continue;
            const uint8_t *p =
                r->data + (transposed ? j * r->stride + (first + i) * size : (first + i) * r->stride + j * size);
            long double x = (long double)fetch(p, type) * (r->factor == SCAN_TIMES ? (long double)side : 1);
            long double about = (long double)head->scale * code;
            long double off = x - (long double)centre->at[j] - about;
            error += off * off;
            norm += about * about;
        }
        if (there && !dead && head->error < INFINITY && !(sqrtl(error) <= (long double)head->error))
            fail_msg("row %zu is off by %.9Lg, not at most %.9g", first + i, sqrtl(error), (double)head->error);
        assert_true(sqrtl(norm) <= (long double)head->norm);
        if (there && !dead && r->factor == SCAN_MINUS && head->error < INFINITY) assert_true(head->low <= side);
    }
}

static void check_centre(const quant_centre *centre, size_t dim) {
    long double squares = 0;
    for (size_t j = 0; j < dim; j++) squares += (long double)centre->at[j] * (long double)centre->at[j];
    assert_true(centre->length == 0 ? squares == 0 : sqrtl(squares) <= (long double)centre->length);
}

static void a_block_is_as_its_head_says(void **state) {
    (void)state;
    static const float sides[] = {0, NAN, INFINITY, -INFINITY, 1e-30f, 3e38f, -2, 1e20f};
    size_t centred = 0;
    for (int round = 0; round < 400; round++) {
        scan_type type = (scan_type)below(SCAN_TYPES);
        bool transposed = below(2), hostile = below(3) == 0;
        size_t count = (size_t)(1 + below(below(4) ? 70 : 1100)), dim = (size_t)below(below(4) ? 30 : 200),
               size = scan_type_size(type);
        scan_factor factor = (scan_factor)below(3);
        uint8_t *data = malloc(count * dim * size + 1), *side = malloc(count * 4),
                *codes = malloc(quant_block_bytes(dim) + 1);
        double *scratch = malloc((dim * (QUANT_ROWS + 1) + 1) * sizeof *scratch),
               scale = pow(10, below(hostile ? 80 : 8) - 40 * hostile), shift = below(2) * real() * 1000;
        float *centre_at = malloc((dim + 1) * sizeof *centre_at);
        for (size_t i = 0; i < count * dim; i++)
            store(data + i * size, type,
                  hostile && below(200) == 0 ? (double[]){NAN, INFINITY, 0}[below(3)] : scale * (shift + real()));
        for (size_t i = 0; i < count; i++) {
            float number = hostile && below(8) == 0 ? sides[below(8)] : (float)real();
            memcpy(side + 4 * i, &number, 4);
        }
        scan_rows r = {.data = data,
                       .side = factor == SCAN_PLAIN ? NULL : side,
                       .count = count,
                       .dim = dim,
                       .stride = size * (transposed ? count : dim),
                       .factor = factor};
        quant_centre centre = {0};
        for (size_t first = 0; first < count; first += QUANT_ROWS) {
            if (first % (QUANT_RUN * QUANT_ROWS) == 0)
                centre = quant_find_centre(&r, type, transposed, first, scratch, codes, centre_at);
            check_centre(&centre, dim);
            centred += centre.length > 0;
            quant_head head = quant_encode(&r, type, transposed, first, &centre, scratch, codes);
            assert_true(head.scale >= QUANT_LEAST_STEP && isfinite(head.scale) && isfinite(head.norm));
            check_block(&r, type, transposed, first, &centre, &head, codes);
        }
        free(centre_at);
        free(data);
        free(side);
        free(codes);
        free(scratch);
    }
    assert_in_range(centred, 100, 2000);
}

/* ---- --time */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others may use the machine too */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Best of several runs over blocks that stay in the cache, with nothing to keep. */
static void time_one(const quant_kernels *k, size_t dim, size_t n, bool pair) {
    run r;
    quant_hit none;
    double best = 1e9;
    make_run(&r, k, max_size((128 << 10) / quant_block_bytes(dim), 1), quant_groups(dim), n, pair, ANY);
    for (size_t i = 0; i < n * r.rows.blocks; i++) r.limits[i] = INFINITY;
    for (int round = 0; round < 7; round++) {
        int repeats = 0;
        double began = seconds(), taken;
        do {
            ask(k, &r, pair, &none);
            repeats++;
            taken = seconds() - began;
        } while (taken < 0.01);
        best = fmin(best, taken / repeats);
    }
    double bytes = (double)(r.rows.blocks * quant_block_bytes(dim));
    printf("%-9s %-4s dim %-4zu queries %-3zu %8.1f GB/s %8.1f GMAC/s\n", k->name, pair ? "pair" : "tile", dim, n,
           bytes / best * 1e-9, bytes * (double)(pair ? 2 : n) / best * 1e-9);
    free_run(&r);
}

static void time_level(const quant_kernels *k, size_t dim) {
    time_one(k, dim, 1, true);
    for (size_t n = 1; n <= k->tile_queries; n *= 2) time_one(k, dim, n, false);
    time_one(k, dim, k->tile_queries, false);
}

int main(int argc, char **argv) {
    find_levels();
    if (argc > 1 && strcmp(argv[1], "--time") == 0) {
        for (size_t l = 0; l < n_levels; l++) {
            time_level(levels + l, 100);
            time_level(levels + l, 768);
        }
        return 0;
    }
    find_twins();
    for (size_t l = 0; l < n_levels; l++) print_message("level %s\n", levels[l].name);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_finds_what_portable_c_finds),
#ifdef QUANT_TWINS
        cmocka_unit_test(amx_without_permission_leaves_what_is_there),
#endif
        cmocka_unit_test(limits_agree),
        cmocka_unit_test(a_block_is_as_its_head_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

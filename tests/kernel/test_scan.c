/* Every level of the scan that this CPU has against portable C. With --time: how fast each kernel of each level is. */
#include "unit/random.h"
#include "unit/unit.h"

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/num.h"
#include "kernel/scan/scan.h"
#include "tensor/dtype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const type_names[SCAN_TYPES] = {"f32", "f64", "f16", "bf16", "i8"};

enum { MAX_LEVELS = 4 };
static scan_kernels levels[MAX_LEVELS]; /* portable first */
static size_t n_levels;

static void find_levels(void) {
    static const unsigned steps[] = {0, CPU_AVX2, CPU_AVX2 | CPU_AVX512, CPU_NEON};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if ((cpu_flags() & steps[i]) == steps[i]) {
            scan_kernels_init(levels + n_levels, steps[i]);
            bool known = n_levels > 0 && strcmp(levels[n_levels].name, levels[n_levels - 1].name) == 0;
            n_levels += !known;
        }
}

static void store(uint8_t *p, scan_type type, double value) {
    float f = (float)value;
    uint16_t half = type == SCAN_F16 ? f32_to_f16(f) : f32_to_bf16(f);
    if (type == SCAN_I8)
        *p = (uint8_t)(int8_t)(isfinite(value) ? value * 10 : 127);
    else
        memcpy(p,
               type == SCAN_F64   ? (void *)&value
               : type == SCAN_F32 ? (void *)&f
                                  : (void *)&half,
               scan_type_size(type));
}

/* A block of rows at an odd place, and queries for it. Memory ends where the data ends, so that a sanitizer sees a read
 * beyond. */
typedef struct block {
    scan_rows rows;
    scan_type type;
    bool transposed;
    size_t n;       /* queries */
    void *queries;  /* [n, dim] of the class */
    double *values; /* [count, dim], for blocks whose rows are alike */
    void *memory[2];
} block;

/* What the values are. */
typedef enum fill { WHOLE, REAL, ALIKE, HOSTILE } fill;

static double value_of(fill what, const double *like, size_t j) {
    switch (what) {
    case WHOLE: return below(9) - 4;
    case ALIKE: return like[j];
    case HOSTILE: return below(40) ? real() : (double[]){NAN, INFINITY, -INFINITY, 0, -0.0}[below(5)];
    default: return real();
    }
}

static uint8_t *place(block *b, int which, size_t size, size_t offset) {
    b->memory[which] = malloc(size + offset + 1);
    assert_non_null(b->memory[which]);
    uint8_t *exact = realloc(b->memory[which], size + offset ? size + offset : 1);
    assert_non_null(exact);
    b->memory[which] = exact;
    return exact + offset;
}

static void make_block(block *b, scan_type type, bool transposed, size_t count, size_t dim, size_t n,
                       scan_factor factor, fill what, const double *like) {
    static const size_t offsets[] = {0, 1, 3, 10, 4095};
    size_t size = scan_type_size(type);
    uint8_t *data = place(b, 0, count * dim * size, offsets[below(5)]);
    uint8_t *side = place(b, 1, count * sizeof(float), offsets[below(5)]);
    b->type = type;
    b->transposed = transposed;
    b->n = n;
    b->rows = (scan_rows){.data = data,
                          .side = factor == SCAN_PLAIN || factor == SCAN_APART ? NULL : side,
                          .count = count,
                          .dim = dim,
                          .stride = size * (transposed ? count : dim),
                          .first_row = 1000,
                          .factor = factor};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < dim; j++)
            store(data + size * (transposed ? j * count + i : i * dim + j), type, value_of(what, like, j));
        float number = what == ALIKE ? 0.3f : what == WHOLE ? (float)(1 + below(3)) : (float)real();
        memcpy(side + sizeof(float) * i, &number, sizeof number);
    }
    b->queries = mem_array(n * dim + 1, sizeof(double));
    for (size_t i = 0; i < n * dim; i++) {
        float number = what == WHOLE ? (float)(below(9) - 4) : (float)real();
        if (type == SCAN_F64)
            ((double *)b->queries)[i] = number;
        else
            ((float *)b->queries)[i] = number;
    }
}

static void free_block(block *b) {
    free(b->memory[0]);
    free(b->memory[1]);
    mem_free(b->queries);
}

/* The best K rows of each of the block's queries by one family of one level; HITS [n, k] sorted, COUNTS [n]. */
static void run(const scan_kernels *kernels, const block *b, bool panels, size_t k, scan_hit *hits, size_t *counts) {
    scan_class class = scan_class_of(b->type);
    size_t height = kernels->panel_rows[class], tile = kernels->tile_queries[class], size = scan_class_size(class);
    scan_top *tops = mem_array(b->n + 1, sizeof *tops);
    for (size_t q = 0; q < b->n; q++) scan_top_init(tops + q, k, hits + q * k);
    if (panels) {
        size_t room = (b->rows.count + height - 1) / height * height * b->rows.dim * size;
        void *packed = mem_aligned(64, room), *group = mem_aligned(64, (tile + 1) * b->rows.dim * size);
        kernels->pack[b->type][b->transposed](&b->rows, packed);
        for (size_t q = 0; q < b->n; q += tile) {
            size_t n = min_size(tile, b->n - q);
            bytes next = bytes_make(b->rows.data, b->transposed || below(2) ? 0 : b->rows.count * b->rows.stride);
            scan_group_pack(class, (char *)b->queries + q * b->rows.dim * size, n, b->rows.dim, group);
            kernels->tile[class](&b->rows, packed, group, n, tops + q, next);
        }
        mem_free(packed);
        mem_free(group);
    } else {
        kernels->rows[b->type](&b->rows, b->queries, b->n, tops);
    }
    for (size_t q = 0; q < b->n; q++) {
        scan_top_sort(tops + q);
        counts[q] = tops[q].count;
    }
    mem_free(tops);
}

typedef struct answer {
    scan_hit *hits;
    size_t *counts;
} answer;

static answer ask(const scan_kernels *kernels, const block *b, bool panels, size_t k) {
    answer a = {mem_array(b->n * k + 1, sizeof(scan_hit)), mem_array(b->n + 1, sizeof(size_t))};
    run(kernels, b, panels, k, a.hits, a.counts);
    return a;
}
static void forget(answer a) {
    mem_free(a.hits);
    mem_free(a.counts);
}

static int by_row(const void *left, const void *right) {
    const scan_hit *a = left, *b = right;
    return (a->row > b->row) - (a->row < b->row);
}

/* How far apart two summations of row ROW may be: a part of the sum of the products' sizes. */
static double slack_of(const block *b, size_t q, int64_t number) {
    const scan_rows *r = &b->rows;
    size_t row = (size_t)(number - r->first_row), size = scan_type_size(b->type);
    double sum = 0;
    for (size_t j = 0; j < r->dim; j++) {
        const uint8_t *p = r->data + (b->transposed ? j * r->stride + row * size : row * r->stride + j * size);
        double x = b->type == SCAN_I8    ? (double)(int8_t)*p
                   : b->type == SCAN_F32 ? load_f32(p)
                   : b->type == SCAN_F16 ? f16_to_f32(load_u16(p))
                                         : bf16_to_f32(load_u16(p));
        if (b->type == SCAN_F64) memcpy(&x, p, sizeof x);
        double query = b->type == SCAN_F64 ? ((double *)b->queries)[q * r->dim + j]
                                           : (double)((float *)b->queries)[q * r->dim + j];
        sum += r->factor == SCAN_APART ? (x - query) * (x - query) : fabs(x * query);
    }
    double side = r->side ? fabs((double)load_f32(r->side + 4 * row)) : 0;
    /* squares all have one sign: what one sum loses grows with its length */
    if (r->factor == SCAN_APART) return 1e-6 * sum * fmax(1, sqrt((double)r->dim / 32));
    return 1e-6 * (r->factor == SCAN_TIMES ? sum * side : sum + side);
}

/* Whole numbers add up exactly, so every level must give the same hits; else all rows are asked for and each score
 * compared. */
static void compare(const scan_kernels *level, const block *b, bool panels, fill what) {
    size_t k = what == WHOLE ? min_size(5, b->rows.count + 1) : b->rows.count + 1;
    answer wanted = ask(&levels[0], b, panels, k), got = ask(level, b, panels, k);
    for (size_t q = 0; q < b->n; q++) {
        scan_hit *w = wanted.hits + q * k, *g = got.hits + q * k;
        assert_int_equal(wanted.counts[q], got.counts[q]);
        if (what != WHOLE) {
            assert_int_equal(got.counts[q], b->rows.count);
            qsort(w, b->rows.count, sizeof *w, by_row);
            qsort(g, b->rows.count, sizeof *g, by_row);
        }
        for (size_t i = 0; i < wanted.counts[q]; i++) {
            double off = fabs((double)w[i].score - (double)g[i].score);
            bool same = w[i].score == g[i].score || (what != WHOLE && off <= slack_of(b, q, w[i].row));
            if (w[i].row != g[i].row || !same)
                fail_msg(
                    "%s %s %s%s of %zu x %zu, query %zu of %zu: hit %zu is row %d with %.9g, portable C has row %d "
                    "with %.9g",
                    level->name, panels ? "tile" : "rows", type_names[b->type], b->transposed ? " transposed" : "",
                    b->rows.count, b->rows.dim, q, b->n, i, (int)g[i].row, (double)g[i].score, (int)w[i].row,
                    (double)w[i].score);
        }
    }
    forget(wanted);
    forget(got);
}

static const size_t dims[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 64, 100, 255, 256, 257, 511, 513, 768};
static const size_t counts[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 100, 257};
#define PICK(table) ((table)[below((int)(sizeof(table) / sizeof *(table)))])

static void check_shape(scan_type type, size_t count, size_t dim, size_t n, fill what) {
    for (int transposed = 0; transposed < 2; transposed++) {
        block b;
        make_block(&b, type, transposed, count, dim, n, (scan_factor)below(4), what, NULL);
        for (size_t l = 0; l < n_levels; l++) {
            compare(levels + l, &b, true, what);
            if (!transposed) compare(levels + l, &b, false, what);
        }
        free_block(&b);
    }
}

static void every_level_finds_what_portable_c_finds(void **state) {
    (void)state;
    for (int type = 0; type < SCAN_TYPES; type++) {
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
            for (int round = 0; round < 4; round++)
                check_shape((scan_type)type, PICK(counts), dims[d], (size_t)(1 + below(14)), (fill)(round % 2));
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            check_shape((scan_type)type, counts[c], PICK(dims), (size_t)(1 + below(26)), REAL);
        check_shape((scan_type)type, 35, 8192, 5, REAL);
        check_shape((scan_type)type, 40, 4099, 13, WHOLE);
    }
}

static void rows_that_are_not_finite_score_alike(void **state) {
    (void)state;
    for (int type = 0; type < SCAN_TYPES; type++)
        for (int round = 0; round < 30; round++)
            check_shape((scan_type)type, PICK(counts), 1 + (size_t)below(70), (size_t)(1 + below(14)), HOSTILE);
}

/* Rows of one element against the query 1: the scores are the elements. */
static void every_half_is_read_as_it_is(void **state) {
    (void)state;
    enum { HALVES = 1 << 16 };
    static uint16_t halves[HALVES];
    for (int i = 0; i < HALVES; i++) halves[i] = (uint16_t)i;
    for (size_t l = 0; l < n_levels; l++)
        for (int layout = 0; layout < 3; layout++)
            for (int bfloat = 0; bfloat < 2; bfloat++) {
                float one = 1;
                block b = {.rows = {.data = (uint8_t *)halves, .count = HALVES, .dim = 1},
                           .type = bfloat ? SCAN_BF16 : SCAN_F16,
                           .transposed = layout == 2,
                           .n = 1,
                           .queries = &one};
                b.rows.stride = b.transposed ? sizeof halves : 2;
                answer a = ask(levels + l, &b, layout > 0, HALVES);
                assert_int_equal(a.counts[0], HALVES);
                for (int i = 0; i < HALVES; i++) {
                    uint16_t half = (uint16_t)a.hits[i].row;
                    float wanted = bfloat ? bf16_to_f32(half) : f16_to_f32(half);
                    assert_true(a.hits[i].score == (isnan(wanted) ? -INFINITY : wanted));
                }
                forget(a);
            }
}

/* One row, repeated: its score must not depend on the place, the number of rows or queries, or the layout. */
static void a_score_does_not_depend_on_the_place(void **state) {
    (void)state;
    for (size_t l = 0; l < n_levels; l++)
        for (int type = 0; type < SCAN_TYPES; type++)
            for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
                size_t dim = dims[d];
                double *like = malloc(dim * sizeof *like);
                float *query = malloc(dim * sizeof *query);
                for (size_t j = 0; j < dim; j++) {
                    like[j] = real();
                    query[j] = (float)real();
                }
                bool seen[2] = {false, false};
                float score[2] = {0, 0};
                for (int round = 0; round < 12; round++) {
                    bool panels = round % 3 != 0;
                    block b;
                    make_block(&b, (scan_type)type, round % 3 == 2, 1 + (size_t)below(70), dim, (size_t)(1 + below(13)),
                               SCAN_TIMES, ALIKE, like);
                    for (size_t i = 0; i < b.n * dim; i++)
                        if (type == SCAN_F64)
                            ((double *)b.queries)[i] = query[i % dim];
                        else
                            ((float *)b.queries)[i] = query[i % dim];
                    answer a = ask(levels + l, &b, panels, b.rows.count);
                    if (!seen[panels]) score[panels] = a.hits[0].score;
                    seen[panels] = true;
                    for (size_t i = 0; i < b.n * b.rows.count; i++) {
                        assert_true(a.hits[i].score == score[panels]);
                        assert_int_equal(a.hits[i].row, 1000 + (int64_t)(i % b.rows.count));
                    }
                    forget(a);
                    free_block(&b);
                }
                free(like);
                free(query);
            }
}

static void the_best_are_kept_whatever_the_order(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        enum { N = 300 };
        scan_hit all[N];
        size_t k = (size_t)(1 + below(round % 3 ? 20 : 2 * N));
        scan_top top;
        scan_top_init(&top, k, NULL);
        for (int i = 0; i < N; i++) {
            int other = below(i + 1);
            all[i] = all[other];
            all[other] = (scan_hit){below(50) ? (float)below(30) : NAN, i};
        }
        for (int i = 0; i < N; i++)
            if (!(all[i].score < top.threshold)) scan_top_offer(&top, all[i].score, all[i].row);
        scan_top_sort(&top);
        assert_int_equal(top.count, min_size(k, N));
        for (size_t i = 0; i < top.count; i++) {
            size_t better = 0;
            for (size_t j = 0; j < N; j++) {
                scan_hit hit = {isnan(all[j].score) ? -INFINITY : all[j].score, all[j].row};
                better += scan_worse(top.hits[i], hit);
            }
            assert_int_equal(better, i);
        }
        scan_top_free(&top);
    }
}

/* ---- --time */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others may use the machine too */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct timing {
    const scan_kernels *kernels;
    block *b;
    void *packed, *group;
    scan_top tops[SCAN_TILE_MAX];
} timing;

static void time_rows(timing *t) {
    t->kernels->rows[t->b->type](&t->b->rows, t->b->queries, t->b->n, t->tops);
}
static void time_pack(timing *t) {
    t->kernels->pack[t->b->type][t->b->transposed](&t->b->rows, t->packed);
}
static void time_tile(timing *t) {
    t->kernels->tile[scan_class_of(t->b->type)](&t->b->rows, t->packed, t->group, t->b->n, t->tops,
                                                bytes_make(NULL, 0));
}

/* Best of several runs over a block that stays in the cache, with nothing to keep. */
static void time_one(const char *what, void (*work)(timing *), timing *t, bool flops) {
    double best = 1e9;
    for (int round = 0; round < 7; round++) {
        for (size_t q = 0; q < SCAN_TILE_MAX; q++) {
            scan_top_init(t->tops + q, 1, &(scan_hit){0});
            t->tops[q].threshold = INFINITY;
        }
        int repeats = 0;
        double began = seconds(), taken;
        do {
            work(t);
            repeats++;
            taken = seconds() - began;
        } while (taken < 0.01);
        best = fmin(best, taken / repeats);
    }
    const scan_rows *r = &t->b->rows;
    double bytes = (double)(r->count * r->dim * scan_type_size(t->b->type));
    double sums = 2.0 * (double)(r->count * r->dim * t->b->n);
    printf("%-9s %-4s %-14s dim %-4zu queries %-3zu %8.1f GB/s", t->kernels->name, type_names[t->b->type], what, r->dim,
           t->b->n, bytes / best * 1e-9);
    if (flops) printf(" %8.1f GFLOP/s", sums / best * 1e-9);
    printf("\n");
}

static void time_level(const scan_kernels *kernels, scan_type type, size_t dim) {
    scan_class class = scan_class_of(type);
    size_t size = scan_class_size(class), tile = kernels->tile_queries[class];
    size_t queries[] = {1, 2, 3, 4, tile / 2, tile};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        block b;
        size_t count = (256 << 10) / (dim * size) / 32 * 32;
        make_block(&b, type, false, count, dim, queries[i], SCAN_TIMES, REAL, NULL);
        timing t = {.kernels = kernels,
                    .b = &b,
                    .packed = mem_aligned(64, count * dim * size),
                    .group = mem_aligned(64, (tile + 1) * dim * size)};
        memset(t.packed, 0, count * dim * size);
        scan_group_pack(class, b.queries, b.n, dim, t.group);
        if (i < 4) time_one("rows", time_rows, &t, true);
        if (i == 0) {
            time_one("pack", time_pack, &t, false);
            b.transposed = true;
            b.rows.stride = count * scan_type_size(type);
            time_one("pack columns", time_pack, &t, false);
        }
        time_one("tile", time_tile, &t, true);
        mem_free(t.packed);
        mem_free(t.group);
        free_block(&b);
    }
}

int main(int argc, char **argv) {
    find_levels();
    if (argc > 1 && strcmp(argv[1], "--time") == 0) {
        for (size_t l = 0; l < n_levels; l++)
            for (int type = 0; type < SCAN_TYPES; type++) {
                time_level(levels + l, (scan_type)type, 100);
                time_level(levels + l, (scan_type)type, 768);
            }
        return 0;
    }
    for (size_t l = 0; l < n_levels; l++) print_message("level %s\n", levels[l].name);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_finds_what_portable_c_finds),
        cmocka_unit_test(rows_that_are_not_finite_score_alike),
        cmocka_unit_test(every_half_is_read_as_it_is),
        cmocka_unit_test(a_score_does_not_depend_on_the_place),
        cmocka_unit_test(the_best_are_kept_whatever_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

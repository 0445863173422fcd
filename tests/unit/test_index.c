/* Searches by index must give, bit for bit, what searches without one give. */
#include "unit/random.h"
#include "unit/search_world.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "base/pool.h"
#include "kernel/quant/quant.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double gaussian(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += real();
    return sum / 2;
}

/* ---- worlds: chunks of rows, some with an index */

/* What the rows are like. */
typedef enum fill {
    GAUSSIAN,
    WHOLE,     /* small whole numbers: many ties */
    CLUSTERED, /* around few centres */
    CONSTANT,  /* all alike */
    ONE_HOT,
    TWINS,      /* one row and tiny differences */
    SHIFTED,    /* all far from zero on one side */
    SORTED,     /* tight clusters, one behind the other */
    RISING,     /* ever longer ones */
    MAGNITUDES, /* from 1e-42 to 1e30, a row */
    HUGE_ROWS,  /* float32 sums overflow */
    TINY,       /* denormal numbers */
    WILD,       /* some elements are not finite */
    ZEROS,
    FILLS,
    ROUNDED /* for rounding_alone_decides */
} fill;

typedef struct plan {
    search_metric metric;
    int64_t dim, counts[MAX_CHUNKS];
    size_t n_chunks;
    dtype types[MAX_CHUNKS];
    bool transposed[MAX_CHUNKS], indexed[MAX_CHUNKS];
    bool no_side;
    int dead, odd_sides; /* percent of rows: removed ones; ones whose side number is not theirs */
    fill fill;
} plan;

/* Whole numbers up to 127, the largest of each row, so that codes hold them without error. Ten rows stand out. Their
 * products with 1979 have one sum; adding them one by one in eight lanes, those of even rows are mostly rounded down,
 * those of odd ones up, and by that even rows score less although 8000 is added to them. */
static double rounded(int64_t row, int64_t j) {
    bool stands_out = row < 10, even = row % 2 == 0, second = j / 8 % 2;
    if (j < 3) return (double[]){0, stands_out && even ? 8 : 0, 127}[j];
    if (j >= 8 && j < 11) return 65;
    if (!stands_out) return 20;
    return even ? (second ? 22 : 108) : (second ? 53 : 77);
}

/* Element J of row ROW; the row's own numbers are drawn when J is 0. */
static double element(const plan *p, int64_t row, int64_t j) {
    static double own;
    static int place;
    if (j == 0) {
        place = below((int)p->dim);
        own = p->fill == MAGNITUDES ? pow(10, below(72) - 42) : p->fill == CLUSTERED ? below(5) : real();
    }
    switch (p->fill) {
    case WHOLE: return below(7) - 3;
    case CLUSTERED: return sin((own + 1) * (double)(j + 1)) + 0.001 * real();
    case CONSTANT: return 0.25 * (double)(j % 3);
    case ONE_HOT: return j == place;
    case TWINS: return cos((double)j) + (j == place ? 1e-6 * own : 0);
    case SHIFTED: return 3 * cos((double)j) + (own > 0 ? 0.3 : 0.01) * gaussian();
    case SORTED: return sin((double)(row / 700 + 1) * (double)(j + 1)) + 0.01 * gaussian();
    case RISING: return gaussian() * (1 + (double)row);
    case MAGNITUDES: return gaussian() * own;
    case HUGE_ROWS: return gaussian() * (below(3) ? 1e19 : 3e37);
    case TINY: return gaussian() * 1e-40;
    case WILD: return j == place && own > 0.97 ? (double[]){NAN, INFINITY, -INFINITY}[below(3)] : gaussian();
    case ZEROS: return own > 0 ? 0 : gaussian();
    case ROUNDED: return rounded(row, j);
    default: return gaussian();
    }
}

static uint8_t *block(void **held, size_t size) {
    size_t offset = (size_t[]){0, 1, 3, 10, 63}[below(5)];
    *held = malloc(size + offset + (size == 0));
    assert_non_null(*held);
    return (uint8_t *)*held + offset;
}

static float side_of(const plan *p, double squares) {
    if (below(100) < p->dead) return below(2) && p->metric >= SEARCH_L2 ? INFINITY : NAN;
    if (below(100) < p->odd_sides) return (float[]){0, -0.0f, -1, 1e38f, -1e38f, 1e-40f, INFINITY, -INFINITY}[below(8)];
    if (p->metric == SEARCH_L2) return (float)squares;
    if (p->metric == SEARCH_LESS) return (float)(below(2) ? squares : gaussian());
    return (float)(squares > 0 ? 1 / sqrt(squares) : 0);
}

static void make_chunk(world *w, const plan *p, size_t c) {
    int64_t count = p->counts[c];
    size_t size = dtype_size(p->types[c]);
    uint8_t *data = block(w->blocks + 2 * c, (size_t)(count * p->dim) * size);
    uint8_t *side = block(w->blocks + 2 * c + 1, (size_t)count * 4);
    for (int64_t i = 0; i < count; i++) {
        double squares = 0;
        for (int64_t j = 0; j < p->dim; j++) {
            int64_t at = p->transposed[c] ? j * count + i : i * p->dim + j;
            double value = store(data + (size_t)at * size, p->types[c], element(p, w->rows + i, j));
            squares += value * value;
        }
        float number = side_of(p, squares);
        memcpy(side + 4 * i, &number, 4);
    }
    add_chunk(w, c,
              (search_chunk){.rows = data,
                             .side = p->no_side ? NULL : side,
                             .count = count,
                             .type = p->types[c],
                             .transposed = p->transposed[c]});
}

static void make_world(world *w, const plan *p) {
    *w = (world){0};
    for (size_t c = 0; c < p->n_chunks; c++) {
        make_chunk(w, p, c);
        if (p->indexed[c]) add_index(w, c, p->metric, p->dim);
    }
    end_world(w, p->n_chunks, p->metric, p->dim);
}

/* Queries like the rows, some of them rows or zero. */
static void make_queries(const plan *p, float *queries, int64_t n) {
    for (int64_t q = 0; q < n; q++) {
        bool zero = below(20) == 0;
        for (int64_t j = 0; j < p->dim; j++) {
            float value = (float)element(p, below(1000), j);
            queries[q * p->dim + j] = zero || !isfinite(value) ? 0 : value;
        }
    }
}

static void compare(const world *w, const float *queries, int64_t n, int64_t k) {
    inlay_error err;
    int64_t kept = k < w->rows ? k : w->rows;
    size_t results = (size_t)(n * kept + 1);
    float *scores[2] = {calloc(results, 4), calloc(results, 4)};
    int64_t *rows[2] = {calloc(results, 8), calloc(results, 8)};
    assert_ok(search_topk(&w->with, queries, n, k, scores[0], rows[0], &err), &err);
    assert_ok(search_topk(&w->without, queries, n, k, scores[1], rows[1], &err), &err);
    for (int64_t i = 0; i < n * kept; i++)
        if (rows[0][i] != rows[1][i] || load_u32(scores[0] + i) != load_u32(scores[1] + i))
            fail_msg("query %" PRId64 ", hit %" PRId64 ": row %" PRId64 " with %.9g, without the index row %" PRId64
                     " with %.9g",
                     i / kept, i % kept, rows[0][i], (double)scores[0][i], rows[1][i], (double)scores[1][i]);
    for (int i = 0; i < 2; i++) {
        free(scores[i]);
        free(rows[i]);
    }
}

static void check_plan(const plan *p, int64_t n, int64_t k) {
    uint64_t began = seed;
    world w;
    make_world(&w, p);
    float *queries = malloc((size_t)(n * p->dim + 1) * 4);
    make_queries(p, queries, n);
    pool_set_threads((int[]){1, 2, 5}[below(3)]);
    print_message("seed %" PRIx64 ": metric %d, fill %d, %" PRId64 " rows of %" PRId64 ", n %" PRId64 ", k %" PRId64
                  ", %d threads\n",
                  began, (int)p->metric, (int)p->fill, w.rows, p->dim, n, k, pool_threads());
    compare(&w, queries, n, k);
    free(queries);
    free_world(&w);
    pool_set_threads(0);
}

/* ---- the tests */

static const dtype row_types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_FLOAT16, INLAY_BFLOAT16, INLAY_INT8};

static plan random_plan(int rows) {
    plan p = {.metric = (search_metric)below(4),
              .dim = below(4) ? 1 + below(40) : 1 + below(300),
              .n_chunks = (size_t)(1 + below(MAX_CHUNKS)),
              .fill = (fill)below(FILLS),
              .dead = below(3) ? 0 : 1 + below(20),
              .odd_sides = below(4) ? 0 : 2};
    p.no_side = p.metric == SEARCH_DOT && below(2);
    dtype type = row_types[below(5)];
    bool mixed = below(3) == 0, columns = below(4) == 0;
    for (size_t c = 0; c < p.n_chunks; c++) {
        p.counts[c] = below(6) ? below(rows) : 0;
        p.types[c] = mixed ? row_types[below(5)] : type;
        p.transposed[c] = columns && below(2);
        p.indexed[c] = below(5) > 0;
    }
    return p;
}

static void answers_are_those_without_an_index(void **state) {
    (void)state;
    const char *wanted = getenv("INDEX_SEED"), *rounds = getenv("INDEX_ROUNDS");
    seed = wanted ? strtoull(wanted, NULL, 16) : 0x243f6a8885a308d3;
    for (int round = 0; round < (wanted ? 1 : rounds ? atoi(rounds) : 300); round++) {
        plan p = random_plan(below(4) ? 1500 : 6000);
        check_plan(&p, below(3) ? 1 + below(3) : 1 + below(60), below(4) ? 1 + below(20) : 1 + below(300));
    }
}

static void many_rows_of_every_sort_are_answered_alike(void **state) {
    (void)state;
    seed = 0x13198a2e03707344;
    for (int metric = 0; metric < 4; metric++)
        for (int fill = 0; fill < FILLS; fill++) {
            plan p = {.metric = (search_metric)metric,
                      .dim = 19,
                      .n_chunks = 2,
                      .counts = {9001, 12007},
                      .types = {INLAY_FLOAT32, INLAY_FLOAT32},
                      .indexed = {true, true},
                      .fill = (enum fill)fill};
            check_plan(&p, 1, 10);
            check_plan(&p, 9, 30);
        }
}

/* Codes hold these rows and this query without error, so that only the bound's terms for the rounding of float32 sums
 * keep the winners. */
static void rounding_alone_decides(void **state) {
    (void)state;
    enum { DIM = 8 * 1024 };
    int most = quant_kernels_best()->query_max;
    static float query[DIM];
    for (int j = 0; j < DIM; j++) query[j] = j == 0 ? (float)(2 * most * (most + 1)) : j == 1 ? 1000 : 1979;
    plan p = {.metric = SEARCH_DOT,
              .dim = DIM,
              .n_chunks = 1,
              .counts = {1500},
              .types = {INLAY_FLOAT32},
              .indexed = {true},
              .no_side = true,
              .fill = ROUNDED};
    world w;
    make_world(&w, &p);
    compare(&w, query, 1, 3);
    free_world(&w);
}

static void wide_rows_are_answered_alike(void **state) {
    (void)state;
    seed = 0xa4093822299f31d0;
    for (int type = 0; type < 5; type++) {
        plan p = {.metric = (search_metric)(type % 4),
                  .dim = 8191 + type,
                  .n_chunks = 1,
                  .counts = {300},
                  .types = {row_types[type]},
                  .transposed = {type == 3},
                  .indexed = {true}};
        check_plan(&p, 1, 3);
        check_plan(&p, 7, 3);
    }
}

static void thousands_of_queries_are_answered_alike(void **state) {
    (void)state;
    seed = 0x452821e638d01377;
    plan p = {.metric = SEARCH_COSINE,
              .dim = 12,
              .n_chunks = 2,
              .counts = {3000, 500},
              .types = {INLAY_FLOAT32, INLAY_FLOAT16},
              .indexed = {true, false},
              .dead = 5};
    check_plan(&p, 3000, 10);
    check_plan(&p, 30, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_without_an_index),
        cmocka_unit_test(many_rows_of_every_sort_are_answered_alike),
        cmocka_unit_test(rounding_alone_decides),
        cmocka_unit_test(wide_rows_are_answered_alike),
        cmocka_unit_test(thousands_of_queries_are_answered_alike),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

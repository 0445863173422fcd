#include "unit/random.h"
#include "unit/unit.h"

#include "base/num.h"
#include "base/pool.h"
#include "search/search.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The model: every row as doubles, and a brute force over them. */
enum { MAX_CHUNKS = 5 };

typedef struct world {
    search_view view;
    search_chunk chunks[MAX_CHUNKS];
    void *blocks[2 * MAX_CHUNKS]; /* what to free */
    size_t n_blocks;
    int64_t rows;
    double *values; /* [rows, dim] as stored */
    float *sides;   /* [rows] */
    bool *wide;     /* [rows] summed as float64 */
} world;

typedef struct plan {
    search_metric metric;
    int64_t dim;
    int64_t counts[MAX_CHUNKS];
    size_t n_chunks;
    dtype types[MAX_CHUNKS];
    bool transposed[MAX_CHUNKS];
    bool integers;  /* small whole numbers: every sum is exact */
    int duplicates; /* percent of rows that repeat an earlier one */
    int zeros, non_finite;
} plan;

static double store(uint8_t *p, dtype type, double value) {
    float f = (float)value;
    uint16_t half;
    switch (type) {
    case INLAY_FLOAT64: memcpy(p, &value, 8); return value;
    case INLAY_FLOAT32: memcpy(p, &f, 4); return f;
    case INLAY_INT8: *p = (uint8_t)(int8_t)fmax(-128, fmin(127, rint(value))); return (int8_t)*p;
    case INLAY_FLOAT16:
        half = f32_to_f16(f);
        memcpy(p, &half, 2);
        return f16_to_f32(half);
    default:
        half = f32_to_bf16(f);
        memcpy(p, &half, 2);
        return bf16_to_f32(half);
    }
}

static uint8_t *block(world *w, size_t size) {
    size_t offset = (size_t[]){0, 1, 3, 10, 63}[below(5)];
    uint8_t *p = malloc(size + offset + (size == 0));
    w->blocks[w->n_blocks++] = p;
    return p + offset;
}

static void make_row(world *w, const plan *p, int64_t row, double *out) {
    int64_t dim = p->dim;
    if (row > 0 && below(100) < p->duplicates) {
        memcpy(out, w->values + below((int)row) * dim, (size_t)dim * sizeof *out);
        return;
    }
    bool zero = below(100) < p->zeros;
    for (int64_t j = 0; j < dim; j++) out[j] = zero ? 0 : p->integers ? below(9) - 4 : real();
    if (below(100) < p->non_finite) out[below((int)dim)] = (double[]){NAN, INFINITY, -INFINITY}[below(3)];
}

static void make_world(world *w, const plan *p) {
    *w = (world){.view = {.dim = p->dim, .metric = p->metric, .n_chunks = p->n_chunks}};
    for (size_t c = 0; c < p->n_chunks; c++) w->rows += p->counts[c];
    w->values = malloc((size_t)(w->rows * p->dim + 1) * sizeof *w->values);
    w->sides = malloc((size_t)(w->rows + 1) * sizeof *w->sides);
    w->wide = malloc((size_t)w->rows + 1);
    int64_t row = 0;
    for (size_t c = 0; c < p->n_chunks; c++) {
        int64_t count = p->counts[c];
        size_t size = dtype_size(p->types[c]);
        uint8_t *data = block(w, (size_t)(count * p->dim) * size), *side = block(w, (size_t)count * 4);
        w->chunks[c] = (search_chunk){.rows = data,
                                      .side = p->metric == SEARCH_DOT || p->metric == SEARCH_APART ? NULL : side,
                                      .count = count,
                                      .first_row = row,
                                      .type = p->types[c],
                                      .transposed = p->transposed[c]};
        for (int64_t i = 0; i < count; i++, row++) {
            double *values = w->values + row * p->dim, squares = 0;
            make_row(w, p, row, values);
            for (int64_t j = 0; j < p->dim; j++) {
                int64_t at = p->transposed[c] ? j * count + i : i * p->dim + j;
                values[j] = store(data + (size_t)at * size, p->types[c], values[j]);
                squares += values[j] * values[j];
            }
            w->sides[row] = (float)(p->metric == SEARCH_L2 ? squares : squares > 0 ? 1 / sqrt(squares) : 0);
            memcpy(side + 4 * i, w->sides + row, 4);
            w->wide[row] = p->types[c] == INLAY_FLOAT64;
        }
    }
    w->view.chunks = w->chunks;
}

static void free_world(world *w) {
    for (size_t i = 0; i < w->n_blocks; i++) free(w->blocks[i]);
    free(w->values);
    free(w->sides);
    free(w->wide);
}

/* The true score of a row, and how far rounding may take a float32 computation from it. */
static double true_score(const world *w, const float *query, int64_t row, double *slack) {
    const double *x = w->values + row * w->view.dim;
    double dot = 0, size = 0, norm = 0, apart = 0;
    for (int64_t j = 0; j < w->view.dim; j++) {
        dot += x[j] * query[j];
        size += fabs(x[j] * query[j]);
        norm += (double)query[j] * query[j];
        apart += (x[j] - query[j]) * (x[j] - query[j]);
    }
    double side = w->sides[row], score;
    if (w->view.metric == SEARCH_COSINE) {
        double scale = 1 / sqrt(fmax(norm, 1e-30));
        score = dot * scale * side;
        size *= scale * side;
    } else if (w->view.metric == SEARCH_L2) {
        score = fmin(2 * dot - side - norm, 0);
        size = 2 * size + side + norm;
    } else if (w->view.metric == SEARCH_LESS) {
        score = dot - side;
        size += fabs(side);
    } else if (w->view.metric == SEARCH_APART) {
        score = -apart;
        size = apart * fmax(1, sqrt((double)w->view.dim / 32)); /* of one sign, so what is lost adds up */
    } else {
        score = dot;
    }
    *slack = isfinite(size) ? 1e-6 * size : 0;
    return isnan(score) || (w->view.metric == SEARCH_L2 && !isfinite(side)) ? -INFINITY : score;
}

static bool same_row(const world *w, int64_t a, int64_t b) {
    size_t bytes = (size_t)w->view.dim * sizeof(double);
    return w->wide[a] == w->wide[b] && memcmp(w->values + a * w->view.dim, w->values + b * w->view.dim, bytes) == 0;
}

/* Rows by falling true score, then by number. */
static const double *sorting;
static int better_first(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return sorting[a] != sorting[b] ? (sorting[a] < sorting[b]) - (sorting[a] > sorting[b]) : (a > b) - (a < b);
}

/* Of equal rows the lower ones come first. With EXACT sums the answer is that of a stable sort. */
static void check_ties(const world *w, const double *truth, const int64_t *place, int64_t k, const int64_t *rows,
                       bool exact) {
    if (exact) {
        int64_t *order = malloc((size_t)(w->rows + 1) * sizeof *order);
        for (int64_t r = 0; r < w->rows; r++) order[r] = r;
        sorting = truth;
        qsort(order, (size_t)w->rows, sizeof *order, better_first);
        for (int64_t i = 0; i < k; i++) assert_int_equal(rows[i], order[i]);
        free(order);
        return;
    }
    for (int64_t i = 0; i < k && k <= 100; i++)
        for (int64_t a = 0; a < rows[i]; a++)
            if (place[a] > i && same_row(w, a, rows[i]))
                fail_msg("row %" PRId64 " comes before row %" PRId64, rows[i], a);
}

/* An answer is right when it is in order, each score is its row's, and no row left out is better. */
static void check_answer(const world *w, const float *query, int64_t k, const float *scores, const int64_t *rows,
                         bool exact) {
    size_t room = (size_t)w->rows + 1;
    double *truth = malloc(room * sizeof *truth), *slack = malloc(room * sizeof *slack);
    int64_t *place = malloc(room * sizeof *place); /* in the answer, k when not in it */
    for (int64_t r = 0; r < w->rows; r++) {
        truth[r] = true_score(w, query, r, slack + r);
        place[r] = k;
    }
    for (int64_t i = 0; i < k; i++) {
        assert_in_range(rows[i], 0, w->rows - 1);
        assert_int_equal(place[rows[i]], k);
        place[rows[i]] = i;
        double off = fabs(scores[i] - truth[rows[i]]);
        if (!(scores[i] == truth[rows[i]] || off <= slack[rows[i]]))
            fail_msg("row %" PRId64 " scores %.9g, not %.9g", rows[i], (double)scores[i], truth[rows[i]]);
        if (i > 0) assert_true(scores[i] <= scores[i - 1]);
        if (i > 0 && w->view.metric != SEARCH_L2) assert_true(scores[i] < scores[i - 1] || rows[i] > rows[i - 1]);
    }
    for (int64_t r = 0; r < w->rows; r++)
        if (place[r] == k && k > 0 && truth[r] - slack[r] > (double)scores[k - 1] + slack[rows[k - 1]])
            fail_msg("row %" PRId64 " with %.9g is missing, the last has %.9g", r, truth[r], (double)scores[k - 1]);
    check_ties(w, truth, place, k, rows, exact);
    free(truth);
    free(slack);
    free(place);
}

static void check_plan(const plan *p, int64_t n, int64_t k) {
    uint64_t began = seed;
    inlay_error err;
    world w;
    make_world(&w, p);
    int64_t kept = k < w.rows ? k : w.rows;
    float *queries = malloc((size_t)(n * p->dim + 1) * 4), *scores = malloc((size_t)(n * kept + 1) * 4);
    int64_t *rows = malloc((size_t)(n * kept + 1) * 8);
    for (int64_t q = 0; q < n; q++) {
        bool zero = below(10) == 0;
        for (int64_t j = 0; j < p->dim; j++)
            queries[q * p->dim + j] = zero ? 0 : p->integers ? (float)(below(9) - 4) : (float)real();
    }
    pool_set_threads((int[]){1, 2, 5}[below(3)]);
    print_message("seed %" PRIx64 ": metric %d, %" PRId64 " rows of %" PRId64 ", n %" PRId64 ", k %" PRId64
                  ", %d threads\n",
                  began, (int)p->metric, w.rows, p->dim, n, k, pool_threads());
    assert_ok(search_topk(&w.view, queries, n, k, scores, rows, &err), &err);
    bool exact = p->integers && p->metric != SEARCH_COSINE && p->metric != SEARCH_LESS && !p->non_finite;
    for (int64_t q = 0; q < n; q++)
        check_answer(&w, queries + q * p->dim, kept, scores + q * kept, rows + q * kept, exact);
    free(queries);
    free(scores);
    free(rows);
    free_world(&w);
    pool_set_threads(0);
}

static const dtype row_types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_FLOAT16, INLAY_BFLOAT16, INLAY_INT8};

static void answers_are_those_of_a_brute_force(void **state) {
    (void)state;
    const char *wanted = getenv("SEARCH_SEED");
    seed = wanted ? strtoull(wanted, NULL, 16) : 0x243f6a8885a308d3;
    for (int round = 0; round < 150; round++) {
        plan p = {.metric = (search_metric)below(5),
                  .dim = below(4) ? 1 + below(70) : 1 + below(700),
                  .n_chunks = (size_t)(1 + below(MAX_CHUNKS)),
                  .integers = below(2),
                  .duplicates = below(2) * below(60),
                  .zeros = below(3) ? 0 : 5,
                  .non_finite = below(4) ? 0 : 3};
        dtype type = row_types[below(5)];
        bool mixed = below(3) == 0;
        for (size_t c = 0; c < p.n_chunks; c++) {
            p.counts[c] = below(5) ? below(400) : 0;
            p.types[c] = mixed ? row_types[below(5)] : type;
            p.transposed[c] = below(3) == 0 && round % 2;
        }
        int64_t n = below(3) ? below(4) : 1 + below(40);
        int64_t k = below(4) ? below(20) : below(2) ? 100000 : below(500);
        check_plan(&p, n, k);
    }
}

static void many_rows_in_many_pieces(void **state) {
    (void)state;
    seed = 0x13198a2e03707344;
    for (int metric = 0; metric < 5; metric++)
        for (int narrow = 0; narrow < 2; narrow++) {
            plan p = {.metric = (search_metric)metric,
                      .dim = narrow ? 1 : 33,
                      .n_chunks = 2,
                      .counts = {9001, 6007},
                      .types = {INLAY_FLOAT32, INLAY_FLOAT32},
                      .integers = true,
                      .duplicates = 1};
            check_plan(&p, 1, 10);
            check_plan(&p, 20, 3);
        }
}

static void a_batch_of_thousands_is_answered(void **state) {
    (void)state;
    enum { DIM = 3, ROWS = 50, N = 5000, K = 50 };
    seed = 0xa4093822299f31d0;
    plan p = {
        .metric = SEARCH_DOT, .dim = DIM, .n_chunks = 1, .counts = {ROWS}, .types = {INLAY_FLOAT32}, .integers = true};
    check_plan(&p, N, K);
}

static void all_rows_tie_for_a_zero_query(void **state) {
    (void)state;
    enum { ROWS = 3000, DIM = 7, K = 5 };
    static float data[ROWS * DIM], side[ROWS];
    for (int i = 0; i < ROWS * DIM; i++) data[i] = (float)i;
    for (int i = 0; i < ROWS; i++) side[i] = 1;
    search_chunk chunk = {.rows = data, .side = side, .count = ROWS, .type = INLAY_FLOAT32};
    search_view view = {.chunks = &chunk, .n_chunks = 1, .dim = DIM, .metric = SEARCH_COSINE};
    static float queries[40 * DIM];
    float scores[40 * K];
    int64_t rows[40 * K];
    inlay_error err;
    for (int n = 1; n <= 40; n += 39) {
        assert_ok(search_topk(&view, queries, n, K, scores, rows, &err), &err);
        for (int i = 0; i < n * K; i++) {
            assert_true(scores[i] == 0);
            assert_int_equal(rows[i], i % K);
        }
    }
}

static void no_rows_or_no_winners_give_nothing(void **state) {
    (void)state;
    float row[2] = {1, 2}, side = 1, query[2] = {3, 4}, score = 7;
    int64_t number = 7;
    search_chunk chunk = {.rows = row, .side = &side, .count = 0, .type = INLAY_FLOAT32};
    search_view view = {.chunks = &chunk, .n_chunks = 1, .dim = 2, .metric = SEARCH_L2};
    inlay_error err;
    assert_ok(search_topk(&view, query, 1, 5, &score, &number, &err), &err);
    view.n_chunks = 0;
    assert_ok(search_topk(&view, query, 1, 5, &score, &number, &err), &err);
    chunk.count = 1;
    view.n_chunks = 1;
    assert_ok(search_topk(&view, query, 1, 0, &score, &number, &err), &err);
    assert_ok(search_topk(&view, query, 0, 1, &score, &number, &err), &err);
    assert_true(score == 7);
    assert_int_equal(number, 7);
}

static void unfit_arguments_are_named(void **state) {
    (void)state;
    float row[2] = {1, 2}, queries[6] = {1, 2, 3, 4, 5, INFINITY}, score[3];
    int64_t number[3];
    search_chunk chunk = {.rows = row, .count = 1, .type = INLAY_FLOAT32};
    search_view view = {.chunks = &chunk, .n_chunks = 1, .dim = 2, .metric = SEARCH_DOT};
    inlay_error err;
    assert_status(INLAY_INVALID_ARGUMENT, search_topk(&view, queries, 3, 1, score, number, &err), &err);
    assert_contains(err.message, "query 2: element 1 is inf");
    queries[1] = NAN;
    assert_status(INLAY_INVALID_ARGUMENT, search_topk(&view, queries, 1, 0, score, number, &err), &err);
    assert_contains(err.message, "query 0: element 1 is");
    queries[1] = 0;
    assert_status(INLAY_INVALID_ARGUMENT, search_topk(&view, queries, 1, -1, score, number, &err), &err);
    assert_contains(err.message, "k is -1");
    chunk.type = INLAY_INT16;
    assert_status(INLAY_INVALID_ARGUMENT, search_topk(&view, queries, 1, 1, score, number, &err), &err);
    assert_contains(err.message, "int16");
}

/* Peak of the process's resident memory in KiB since the last reset; -1 where the system does not tell. */
static bool reset_peak(void) {
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f) return false;
    bool written = fputs("5", f) >= 0;
    return fclose(f) == 0 && written;
}
static long peak_kib(void) {
    long kib = -1;
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    if (f) fclose(f);
    return kib;
}

static void no_query_takes_32_mib(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    static const struct {
        int64_t rows, dim, n, k;
        dtype type;
        bool transposed;
    } cases[] = {{2000, 100, 1, 10, INLAY_FLOAT32, false},     {2000, 100, 5000, 10, INLAY_FLOAT32, false},
                 {500, 768, 3000, 100, INLAY_FLOAT32, false},  {3000, 64, 200, 1000, INLAY_FLOAT16, true},
                 {200000, 2, 1, 200000, INLAY_FLOAT32, false}, {40, 8192, 600, 40, INLAY_FLOAT64, true}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        plan p = {.metric = SEARCH_COSINE,
                  .dim = cases[c].dim,
                  .n_chunks = 1,
                  .counts = {cases[c].rows},
                  .types = {cases[c].type},
                  .transposed = {cases[c].transposed}};
        world w;
        seed = 1;
        make_world(&w, &p);
        size_t results = (size_t)(cases[c].n * cases[c].k), numbers = (size_t)(cases[c].n * cases[c].dim);
        float *queries = malloc(numbers * sizeof *queries), *scores = malloc(results * sizeof *scores);
        int64_t *rows = malloc(results * sizeof *rows);
        for (size_t i = 0; i < numbers; i++) queries[i] = (float)real();
        memset(scores, 1, results * sizeof *scores);
        memset(rows, 1, results * sizeof *rows);
        inlay_error err;
        pool_set_threads(4);
        if (!reset_peak()) skip();
        long before = peak_kib();
        assert_ok(search_topk(&w.view, queries, cases[c].n, cases[c].k, scores, rows, &err), &err);
        long taken = peak_kib() - before;
        if (taken >= 32 << 10) fail_msg("case %zu took %ld KiB", c, taken);
        free(queries);
        free(scores);
        free(rows);
        free_world(&w);
    }
    pool_set_threads(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_a_brute_force),
        cmocka_unit_test(many_rows_in_many_pieces),
        cmocka_unit_test(a_batch_of_thousands_is_answered),
        cmocka_unit_test(all_rows_tie_for_a_zero_query),
        cmocka_unit_test(no_query_takes_32_mib),
        cmocka_unit_test(no_rows_or_no_winners_give_nothing),
        cmocka_unit_test(unfit_arguments_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

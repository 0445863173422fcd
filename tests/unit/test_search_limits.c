/* Searches within limits must give, bit for bit, what is left of a scan of all rows when the others are struck out. */
#include "unit/random.h"
#include "unit/search_world.h"

#include "base/num.h"
#include "base/pool.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- worlds */

/* Rows of whole numbers tie often; ROUGH ones score infinities and NaN, or are removed. */
static void make_chunk(world *w, size_t c, search_chunk chunk, search_metric metric, int64_t dim, bool whole,
                       bool rough) {
    size_t size = dtype_size(chunk.type);
    uint8_t *data = w->blocks[2 * c] = malloc((size_t)(chunk.count * dim) * size + 1);
    float *side = w->blocks[2 * c + 1] = malloc((size_t)chunk.count * 4 + 4);
    for (int64_t i = 0; i < chunk.count; i++) {
        double squares = 0;
        for (int64_t j = 0; j < dim; j++) {
            int64_t at = chunk.transposed ? j * chunk.count + i : i * dim + j;
            double value = whole ? below(5) - 2 : real();
            if (rough && below(2000) == 0) value = (double[]){NAN, INFINITY, -INFINITY, 1e30}[below(4)];
            value = store(data + (size_t)at * size, chunk.type, value);
            squares += value * value;
        }
        side[i] = (float)(metric == SEARCH_L2 ? squares : squares > 0 ? 1 / sqrt(squares) : 0);
        if (rough && below(30) == 0) side[i] = NAN;
    }
    chunk.rows = data;
    chunk.side = metric == SEARCH_DOT && !rough ? NULL : side;
    add_chunk(w, c, chunk);
}

static void make_world(world *w) {
    static const dtype types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_FLOAT16, INLAY_BFLOAT16, INLAY_INT8};
    *w = (world){0};
    search_metric metric = (search_metric)below(3);
    int64_t dim = below(3) ? 1 + below(12) : 1 + below(100);
    bool whole = below(2), rough = below(4) == 0, mixed = below(3) == 0;
    size_t n = (size_t)(1 + below(3));
    dtype type = types[below(5)];
    for (size_t c = 0; c < n; c++) {
        search_chunk chunk = {
            .count = below(8) ? below(3000) : 0, .type = mixed ? types[below(5)] : type, .transposed = below(6) == 0};
        make_chunk(w, c, chunk, metric, dim, whole, rough);
        if (below(4)) add_index(w, c, metric, dim);
    }
    end_world(w, n, metric, dim);
}

/* ---- filters, and the model of one: a bool a row */

static search_filter *make_filter(int64_t rows, bool **model) {
    inlay_error err;
    search_filter *f;
    bool all = below(2);
    *model = malloc((size_t)rows + 1);
    for (int64_t r = 0; r < rows; r++) (*model)[r] = all;
    assert_ok(search_filter_new(rows, all, &f, &err), &err);
    int marks = below(3) ? below(4) : below(300);
    for (int i = 0; i < marks && rows > 0; i++) {
        int64_t begin = below((int)rows), longest = below(2) ? 5 : rows, end = begin + below((int)longest + 1);
        bool allow = below(4) ? !all : all;
        if (end > rows) end = rows;
        search_filter_mark(f, begin, end, allow);
        for (int64_t r = begin; r < end; r++) (*model)[r] = allow;
    }
    if (below(3) == 0) {
        bool inverted = below(2);
        uint8_t *bits = malloc((size_t)rows / 8 + 1);
        for (int64_t i = 0; i <= rows / 8; i++) bits[i] = (uint8_t)next_random();
        search_filter_keep(f, bits, inverted);
        for (int64_t r = 0; r < rows; r++) (*model)[r] &= (bits[r / 8] >> (r % 8) & 1) != inverted;
        free(bits);
    }
    search_filter_count(f);
    return f;
}

static void filters_are_sets_of_rows(void **state) {
    (void)state;
    seed = 0x243f6a8885a308d3;
    for (int round = 0; round < 300; round++) {
        int64_t rows = below(4) ? below(200) : below(5000), allowed = 0;
        bool *model;
        search_filter *f = make_filter(rows, &model);
        for (int64_t r = 0; r < rows; r++) {
            assert_int_equal(search_filter_has(f, r), model[r]);
            allowed += model[r];
        }
        assert_int_equal(f->allowed, allowed);
        int64_t from = rows ? below((int)rows) : 0, end = from + below((int)(rows - from) + 1);
        for (int wanted = 0; wanted < 2; wanted++) {
            int64_t next = from;
            while (next < end && model[next] != wanted) next++;
            assert_int_equal(search_filter_next(f, from, end, wanted), next);
        }
        free(model);
        search_filter_free(f);
    }
}

/* ---- answers */

typedef struct answers {
    float *scores;
    int64_t *rows;
} answers;

static answers make_answers(int64_t n, int64_t k) {
    size_t room = (size_t)(n * k + 1);
    return (answers){calloc(room, sizeof(float)), calloc(room, sizeof(int64_t))};
}
static void free_answers(answers a) {
    free(a.scores);
    free(a.rows);
}

/* ALL [n, rows] is the order of all rows; how many of query Q's are allowed, moved to the front. */
static int64_t strike_out(answers all, int64_t rows, int64_t q, const bool *allowed, const search_limits *limits) {
    const inlay_row_range *within = limits->within;
    int64_t left = 0;
    float *scores = all.scores + q * rows;
    int64_t *numbers = all.rows + q * rows;
    for (int64_t i = 0; i < rows; i++) {
        if (scores[i] == -INFINITY || scores[i] < limits->least || (allowed && !allowed[numbers[i]])) continue;
        if (within && (numbers[i] < within->begin || numbers[i] >= within->end)) continue;
        scores[left] = scores[i];
        numbers[left++] = numbers[i];
    }
    return left;
}

static void check_top(answers all, int64_t rows, int64_t q, int64_t left, const float *scores, const int64_t *numbers,
                      int64_t k) {
    for (int64_t i = 0; i < k; i++) {
        float score = i < left ? all.scores[q * rows + i] : -INFINITY;
        int64_t number = i < left ? all.rows[q * rows + i] : 0;
        if (load_u32(scores + i) != load_u32(&score) || numbers[i] != number)
            fail_msg("query %" PRId64 ", hit %" PRId64 ": row %" PRId64 " with %.9g instead of row %" PRId64
                     " with %.9g",
                     q, i, numbers[i], (double)scores[i], number, (double)score);
    }
}

/* A score that some row has, or one beside it, or any. */
static float some_score(answers all, int64_t n, int64_t rows) {
    if (n * rows == 0 || below(8) == 0) return (float[]){-INFINITY, INFINITY, 0, 0.5f, -1, -1e38f, 3e38f}[below(7)];
    float score = all.scores[below((int)n) * rows + below((int)(below(2) ? rows : rows / 50 + 1))];
    return below(2) ? score : nextafterf(score, below(2) ? INFINITY : -INFINITY);
}

/* All rows within the limits; one fewer than there are is an error. */
static void check_all(const search_view *view, const float *queries, int64_t n, const search_limits *limits,
                      answers all, int64_t rows, const int64_t *left) {
    inlay_error err;
    search_list *lists = calloc((size_t)n + 1, sizeof *lists);
    int64_t longest = 0;
    for (int64_t q = 0; q < n; q++) longest = left[q] > longest ? left[q] : longest;
    int64_t most = below(2) ? longest : INT64_MAX;
    assert_ok(search_all(view, queries, n, limits, most, lists, &err), &err);
    for (int64_t q = 0; q < n; q++) {
        assert_int_equal(lists[q].count, left[q]);
        check_top(all, rows, q, left[q], lists[q].scores, lists[q].rows, left[q]);
    }
    search_lists_free(lists, (size_t)n);
    memset(lists, 0, (size_t)n * sizeof *lists);
    if (longest > 0) {
        assert_status(INLAY_RESOURCE_EXHAUSTED, search_all(view, queries, n, limits, longest - 1, lists, &err), &err);
        assert_contains(err.message, "more than");
    }
    search_lists_free(lists, (size_t)n);
    free(lists);
}

/* Any rows in a row; FILTER (NULL: none) loses the others. */
static inlay_row_range some_range(int64_t rows, search_filter *filter) {
    inlay_row_range range = {.begin = rows ? below((int)rows) : 0};
    range.end = range.begin + below((int)(rows - range.begin) + 1);
    if (!filter) return range;
    search_filter_mark(filter, 0, range.begin, false);
    search_filter_mark(filter, range.end, rows, false);
    search_filter_count(filter);
    return range;
}

static void check_world(const world *w, int64_t n, int64_t k) {
    inlay_error err;
    bool *model = NULL;
    float *queries = malloc((size_t)(n * w->with.dim + 1) * 4);
    bool whole = below(2);
    for (int64_t i = 0; i < n * w->with.dim; i++) queries[i] = whole ? (float)(below(5) - 2) : (float)real();
    answers all = make_answers(n, w->rows);
    assert_ok(search_topk(&w->without, queries, n, w->rows, all.scores, all.rows, &err), &err);
    search_filter *filter = below(4) ? make_filter(w->rows, &model) : NULL;
    search_limits limits = {.filter = filter, .least = below(2) ? some_score(all, n, w->rows) : -INFINITY};
    inlay_row_range within;
    if (below(2)) {
        within = some_range(w->rows, filter);
        limits.within = &within;
    }
    int64_t allowed = search_allowed(&w->with, &limits), kept = k < allowed ? k : allowed;
    answers got[2] = {make_answers(n, kept), make_answers(n, kept)};
    assert_ok(search_topk_within(&w->with, queries, n, k, &limits, got[0].scores, got[0].rows, &err), &err);
    assert_ok(search_topk_within(&w->without, queries, n, k, &limits, got[1].scores, got[1].rows, &err), &err);
    int64_t *left = malloc((size_t)(n + 1) * sizeof *left);
    for (int64_t q = 0; q < n; q++) {
        left[q] = strike_out(all, w->rows, q, model, &limits);
        for (int i = 0; i < 2; i++)
            check_top(all, w->rows, q, left[q], got[i].scores + q * kept, got[i].rows + q * kept, kept);
    }
    check_all(&w->with, queries, n, &limits, all, w->rows, left);
    check_all(&w->without, queries, n, &limits, all, w->rows, left);
    free(left);
    free_answers(all);
    free_answers(got[0]);
    free_answers(got[1]);
    search_filter_free(filter);
    free(model);
    free(queries);
}

static void what_is_left_is_answered_in_its_order(void **state) {
    (void)state;
    const char *wanted = getenv("LIMITS_SEED");
    seed = wanted ? strtoull(wanted, NULL, 16) : 0x13198a2e03707344;
    for (int round = 0; round < (wanted ? 1 : 400); round++) {
        print_message("seed %" PRIx64 "\n", seed);
        world w;
        make_world(&w);
        pool_set_threads((int[]){1, 2, 5}[below(3)]);
        check_world(&w, below(3) ? below(4) : 1 + below(30), below(4) ? 1 + below(20) : below(2) ? below(600) : 100000);
        free_world(&w);
        pool_set_threads(0);
    }
}

/* Whatever lies outside is memory that nobody may read. */
static void only_what_lies_within_is_looked_at(void **state) {
    (void)state;
    enum { PAGE = 4096, DIM = 16, PAGE_ROWS = PAGE / (DIM * 4), PAGES = 300 };
    inlay_error err;
    seed = 0xa4093822299f31d0;
    float *rows = mmap(NULL, PAGE * PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(rows, MAP_FAILED);
    for (size_t i = 0; i < PAGE * PAGES / sizeof *rows; i++) rows[i] = (float)real();
    world w = {.chunks[0][1] = {.rows = rows, .count = PAGE_ROWS * PAGES, .type = INLAY_FLOAT32, .first_row = 1000}};
    add_index(&w, 1, SEARCH_DOT, DIM);
    search_chunk outside = {.rows = (void *)16, .side = (void *)16, .index = (void *)16, .type = INLAY_FLOAT32};
    search_chunk *chunks = w.chunks[0];
    chunks[0] = chunks[2] = outside;
    chunks[0].count = chunks[2].count = 1000;
    chunks[2].first_row = 1000 + chunks[1].count;
    search_view view = {.chunks = chunks, .n_chunks = 3, .dim = DIM, .metric = SEARCH_DOT, .eager = true};
    for (int round = 0; round < 200; round++) {
        int first = below(PAGES), pages = 1 + below(PAGES - first), n = below(2) ? 1 : 20;
        uint8_t *inside = (uint8_t *)rows + first * PAGE;
        assert_int_equal(mprotect(rows, PAGE * PAGES, PROT_NONE), 0);
        assert_int_equal(mprotect(inside, (size_t)pages * PAGE, PROT_READ), 0);
        int64_t begin = 1000 + first * PAGE_ROWS;
        inlay_row_range within = {begin, begin + pages * PAGE_ROWS};
        search_limits limits = {.least = -INFINITY, .within = &within};
        float queries[20 * DIM], scores[20];
        int64_t found[20];
        for (int i = 0; i < n * DIM; i++) queries[i] = (float)real();
        chunks[1].index = below(2) ? w.indexes[1] : NULL;
        assert_ok(search_topk_within(&view, queries, n, 1, &limits, scores, found, &err), &err);
        for (int q = 0; q < n; q++) assert_true(found[q] >= within.begin && found[q] < within.end);
    }
    munmap(rows, PAGE * PAGES);
    free_world(&w);
}

static void unfit_limits_are_named(void **state) {
    (void)state;
    float rows[4] = {1, 2, 3, 4}, query[2] = {1, 1}, score;
    int64_t number;
    search_chunk chunk = {.rows = rows, .count = 2, .type = INLAY_FLOAT32};
    search_view view = {.chunks = &chunk, .n_chunks = 1, .dim = 2, .metric = SEARCH_DOT, .eager = true};
    search_limits limits = {.least = NAN};
    inlay_error err;
    assert_status(INLAY_INVALID_ARGUMENT, search_topk_within(&view, query, 1, 1, &limits, &score, &number, &err), &err);
    assert_contains(err.message, "not a number");
    search_filter *f;
    assert_ok(search_filter_new(3, true, &f, &err), &err);
    limits = (search_limits){.filter = f};
    assert_status(INLAY_INVALID_ARGUMENT, search_topk_within(&view, query, 1, 1, &limits, &score, &number, &err), &err);
    assert_contains(err.message, "3 rows for a collection of 2");
    search_filter_free(f);
    inlay_row_range unfit[] = {{-1, 1}, {0, 3}, {2, 1}};
    for (int i = 0; i < 3; i++) {
        limits = (search_limits){.within = unfit + i};
        assert_status(INLAY_INVALID_ARGUMENT, search_topk_within(&view, query, 1, 1, &limits, &score, &number, &err),
                      &err);
        assert_contains(err.message, "of a collection of 2");
    }
}

static double number_at(const search_chunk *chunk, int64_t row, int64_t j) {
    int64_t at = chunk->transposed ? j * chunk->count + row : row * 3 + j;
    const uint8_t *p = (const uint8_t *)chunk->rows + (size_t)at * dtype_size(chunk->type);
    double wide;
    switch (chunk->type) {
    case INLAY_FLOAT64: memcpy(&wide, p, sizeof wide); return wide;
    case INLAY_FLOAT32: return (double)load_f32(p);
    case INLAY_INT8: return (int8_t)*p;
    default: return (double)(chunk->type == INLAY_FLOAT16 ? f16_to_f32(load_u16(p)) : bf16_to_f32(load_u16(p)));
    }
}

static void check_vector(const world *w, int64_t row) {
    float vector[3];
    const search_chunk *found = NULL;
    search_vector(&w->with, row, vector);
    for (size_t c = 0; c < MAX_CHUNKS; c++) {
        const search_chunk *chunk = &w->chunks[0][c];
        if (row >= chunk->first_row && row < chunk->first_row + chunk->count) found = chunk;
    }
    for (int64_t j = 0; j < 3; j++)
        assert_true(vector[j] == (float)(found ? number_at(found, row - found->first_row, j) : 0));
}

/* Whatever the dtype and the layout, with an empty chunk, a gap, and rows that nobody has. */
static void vectors_are_the_rows_as_they_are_stored(void **state) {
    (void)state;
    static const dtype types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_FLOAT16, INLAY_BFLOAT16, INLAY_INT8};
    enum { TYPES = sizeof types / sizeof *types };
    seed = 0xa4093822299f31d0;
    for (size_t round = 0; round < 2 * TYPES * MAX_CHUNKS; round++) {
        world w = {0};
        for (size_t c = 0; c < MAX_CHUNKS; c++) {
            search_chunk chunk = {.count = c == round % MAX_CHUNKS ? 0 : 1 + below(6),
                                  .type = types[(c + round / 2) % TYPES],
                                  .transposed = (c + round / MAX_CHUNKS) % 2};
            make_chunk(&w, c, chunk, SEARCH_DOT, 3, false, false);
            if (c == 1) w.rows += 2;
        }
        end_world(&w, MAX_CHUNKS, SEARCH_DOT, 3);
        for (int64_t row = -1; row < w.rows + 2; row++) check_vector(&w, row);
        free_world(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_sets_of_rows),
        cmocka_unit_test(what_is_left_is_answered_in_its_order),
        cmocka_unit_test(only_what_lies_within_is_looked_at),
        cmocka_unit_test(unfit_limits_are_named),
        cmocka_unit_test(vectors_are_the_rows_as_they_are_stored),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

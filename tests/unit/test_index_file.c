/* The file of an index: what is written, what is refused, and that hostile bytes do no harm. */
#include "unit/scratch.h"
#include "unit/unit.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/num.h"
#include "base/pool.h"
#include "search/search_index.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEAD_BYTES = 128, DIM = 5, ROWS = 4100, SEGMENT_ROWS = 2048 };

static float rows[ROWS * DIM], sides[ROWS];
static const search_chunk chunk = {.rows = rows, .side = sides, .count = ROWS, .type = INLAY_FLOAT32};
static search_tie tie = {.key = {(const uint8_t *)"rows/0", 6},
                         .rows_crc = 0x01020304,
                         .side_crc = 0x05060708,
                         .rows_size = sizeof rows,
                         .side_size = sizeof sides};

static int make_rows(void **state) {
    uint32_t seed = 1;
    for (int i = 0; i < ROWS; i++) {
        double squares = 0;
        for (int j = 0; j < DIM; j++) {
            seed = seed * 1664525 + 1013904223;
            rows[i * DIM + j] = (float)(seed >> 8) * 0x1p-23f - 1;
            squares += (double)rows[i * DIM + j] * (double)rows[i * DIM + j];
        }
        sides[i] = (float)(1 / sqrt(squares));
    }
    return scratch_make(state);
}

/* The index of OF, on the heap. */
static uint8_t *built(void **state, const search_chunk *of, search_metric metric, size_t *size) {
    inlay_error err;
    file_writer *out;
    file_map *map;
    const char *path = scratch_path(state, "index");
    assert_ok(file_create(path, FILE_DIRECT, &out, &err), &err);
    assert_ok(search_index_build(of, DIM, metric, &tie, out, NULL, &err), &err);
    assert_ok(file_commit(out, &err), &err);
    assert_ok(file_map_open(path, false, &map, &err), &err);
    assert_ok(file_remove(path, &err), &err);
    *size = (size_t)map->size;
    uint8_t *copy = malloc(*size);
    memcpy(copy, map->data, *size);
    file_map_release(map);
    uint64_t told;
    assert_ok(search_index_size(of->count, DIM, tie.key.size, &told, &err), &err);
    assert_int_equal(told, *size);
    uint8_t *filled = mem_aligned(64, *size); /* in memory, the same */
    assert_ok(search_index_fill(of, DIM, metric, &tie, filled, NULL, &err), &err);
    assert_int_equal(memcmp(filled, copy, *size), 0);
    mem_free(filled);
    return copy;
}

static void seal(uint8_t *file) {
    uint32_t crc = crc32c(crc32c(0, file, HEAD_BYTES - 4), file + HEAD_BYTES, load_u32(file + 44));
    store_u32(file + HEAD_BYTES - 4, crc32c_mask(crc));
}

static void an_index_says_what_it_was_made_from(void **state) {
    size_t size;
    uint8_t *file = built(state, &chunk, SEARCH_COSINE, &size);
    search_index *x;
    inlay_error err;
    assert_ok(search_index_open(bytes_make(file, size), "x", &x, &err), &err);
    assert_ok(search_index_check(x, NULL, &err), &err);
    const search_index_info *about = search_index_about(x);
    assert_int_equal(about->metric, SEARCH_COSINE);
    assert_int_equal(about->rows, ROWS);
    assert_int_equal(about->dim, DIM);
    assert_int_equal(about->type, INLAY_FLOAT32);
    assert_true(about->side && !about->transposed);
    assert_true(bytes_is(about->tie.key, "rows/0"));
    assert_int_equal(about->tie.rows_crc, tie.rows_crc);
    assert_int_equal(about->tie.side_crc, tie.side_crc);
    assert_int_equal(about->tie.rows_size, tie.rows_size);
    assert_int_equal(about->tie.side_size, tie.side_size);
    assert_false(about->tie.computed);
    search_index_close(x);
    free(file);
}

static void an_index_says_that_side_numbers_were_computed(void **state) {
    size_t size;
    tie.computed = true;
    uint8_t *file = built(state, &chunk, SEARCH_LESS, &size);
    tie.computed = false;
    search_index *x;
    inlay_error err;
    assert_ok(search_index_open(bytes_make(file, size), "x", &x, &err), &err);
    const search_index_info *about = search_index_about(x);
    assert_int_equal(about->metric, SEARCH_LESS);
    assert_true(about->side && about->tie.computed);
    assert_int_equal(about->tie.side_crc, tie.side_crc);
    search_index_close(x);
    free(file);
}

static void an_index_fits_only_rows_of_its_shape(void **state) {
    size_t size;
    uint8_t *file = built(state, &chunk, SEARCH_COSINE, &size);
    search_index *x;
    inlay_error err;
    assert_ok(search_index_open(bytes_make(file, size), "x", &x, &err), &err);
    search_chunk other[5] = {chunk, chunk, chunk, chunk, chunk};
    other[1].count--;
    other[2].type = INLAY_INT32;
    other[3].transposed = true;
    other[4].side = NULL;
    for (int i = 0; i < 5; i++) assert_int_equal(search_index_fits(x, other + i, DIM, SEARCH_COSINE), i == 0);
    assert_false(search_index_fits(x, &chunk, DIM + 1, SEARCH_COSINE));
    assert_false(search_index_fits(x, &chunk, DIM, SEARCH_DOT));
    assert_false(search_index_fits(NULL, &chunk, DIM, SEARCH_COSINE));
    search_index_close(x);
    free(file);
}

/* Whatever the threads, the level, the compiler and the machine. */
static void the_same_rows_give_the_same_bytes(void **state) {
    static const struct {
        search_metric metric;
        int threads;
        uint32_t crc;
    } cases[] = {{SEARCH_COSINE, 1, 0x757e4518},
                 {SEARCH_COSINE, 5, 0x757e4518},
                 {SEARCH_DOT, 2, 0x757e4518},
                 {SEARCH_L2, 3, 0x7a94d8aa},
                 {SEARCH_LESS, 2, 0x7a94d8aa}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t size;
        pool_set_threads(cases[c].threads);
        uint8_t *file = built(state, &chunk, cases[c].metric, &size);
        uint32_t crc = crc32c(0, file + HEAD_BYTES, size - HEAD_BYTES);
        if (crc != cases[c].crc) fail_msg("case %zu: the sum is %#" PRIx32, c, crc);
        free(file);
    }
    pool_set_threads(0);
}

static void damage_is_found_and_named(void **state) {
    size_t size;
    uint8_t *file = built(state, &chunk, SEARCH_L2, &size);
    static const struct {
        size_t place; /* from the first segment on */
        const char *text;
    } cases[] = {{0, "rows 0 to 2047"}, {5000, "rows 0 to 2047"}, {20000, "rows 2048 to 4095"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint8_t *byte = file + HEAD_BYTES + 64 + cases[c].place;
        search_index *x;
        inlay_error err;
        *byte ^= 4;
        assert_ok(search_index_open(bytes_make(file, size), "x.index", &x, &err), &err);
        assert_status(INLAY_DATA_LOSS, search_index_check(x, NULL, &err), &err);
        assert_contains(err.message, "x.index");
        assert_contains(err.message, cases[c].text);
        search_index_close(x);
        *byte ^= 4;
    }
    free(file);
}

static void malformed_heads_are_refused(void **state) {
    static const struct {
        const char *what;
        size_t place, width;
        uint64_t value;
        bool sealed;
        inlay_status status;
        const char *text;
    } cases[] = {{"magic", 0, 1, 'X', true, INLAY_DATA_LOSS, "not an index"},
                 {"version without centres", 8, 4, 1, true, INLAY_UNIMPLEMENTED, "version 1"},
                 {"version to come", 8, 4, 3, true, INLAY_UNIMPLEMENTED, "version 3"},
                 {"metric", 12, 4, SEARCH_APART, true, INLAY_DATA_LOSS, "metric"},
                 {"fewer rows", 16, 8, ROWS - 32, true, INLAY_DATA_LOSS, "bytes, the file"},
                 {"rows", 16, 8, UINT64_MAX, true, INLAY_DATA_LOSS, "more rows"},
                 {"rows that overflow", 16, 8, INT64_MAX, true, INLAY_DATA_LOSS, "more rows"},
                 {"dim", 24, 8, DIM + 4, true, INLAY_DATA_LOSS, "bytes, the file"},
                 {"dim beyond all", 24, 8, 1 << 20, true, INLAY_DATA_LOSS, "more rows or dimensions"},
                 {"dtype", 32, 4, INLAY_STRING, true, INLAY_DATA_LOSS, "dtype"},
                 {"no dtype", 32, 4, UINT32_MAX, true, INLAY_DATA_LOSS, "dtype"},
                 {"flags", 36, 4, 8, true, INLAY_DATA_LOSS, "flags"},
                 {"computed side numbers without any", 36, 4, 4, true, INLAY_DATA_LOSS, "flags"},
                 {"planes", 40, 4, 2, true, INLAY_UNIMPLEMENTED, "2 planes"},
                 {"key", 44, 4, 1 << 30, false, INLAY_DATA_LOSS, "key"},
                 {"side's sum", 68, 4, 9, false, INLAY_DATA_LOSS, "checksum"},
                 {"key's bytes", 129, 1, 'x', false, INLAY_DATA_LOSS, "checksum"}};
    size_t size;
    uint8_t *file = built(state, &chunk, SEARCH_COSINE, &size), *bad = malloc(size + 8);
    search_index *x;
    inlay_error err;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        memcpy(bad, file, size);
        memcpy(bad + cases[c].place, &cases[c].value, cases[c].width);
        if (cases[c].sealed) seal(bad);
        inlay_status status = search_index_open(bytes_make(bad, size), "bad", &x, &err);
        if (status != cases[c].status || !strstr(err.message, cases[c].text))
            fail_msg("%s: %s: %s", cases[c].what, inlay_status_name(status), err.message);
        assert_null(x);
    }
    memcpy(bad, file, size);
    static const size_t sizes[] = {0, 7, HEAD_BYTES - 1};
    for (size_t i = 0; i < 3; i++)
        assert_status(INLAY_DATA_LOSS, search_index_open(bytes_make(bad, sizes[i]), "cut", &x, &err), &err);
    assert_status(INLAY_DATA_LOSS, search_index_open(bytes_make(bad, size - 1), "cut", &x, &err), &err);
    assert_status(INLAY_DATA_LOSS, search_index_open(bytes_make(bad, size + 1), "long", &x, &err), &err);
    memcpy(bad + 2, file, size);
    assert_status(INLAY_INVALID_ARGUMENT, search_index_open(bytes_make(bad + 2, size), "odd", &x, &err), &err);
    free(bad);
    free(file);
}

/* Whatever stands in the blocks, the answer is of rows that there are. */
static void hostile_blocks_give_rows_of_the_view(void **state) {
    enum { N = 9, K = 7 };
    static const float special[] = {NAN, INFINITY, -INFINITY, 0, -1, 1e-45f, 3e38f, -1e30f};
    uint64_t seed = 7;
    for (int round = 0; round < 60; round++) {
        size_t size;
        search_metric metric = (search_metric)(round % 4);
        uint8_t *file = built(state, &chunk, metric, &size);
        for (size_t at = HEAD_BYTES + 64; at + 4 <= size; at += 4) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            if (seed >> 60 == 0) memcpy(file + at, special + (seed >> 40) % 8, 4);
            if (seed >> 60 == 1 && round % 2) store_u32(file + at, (uint32_t)(seed >> 20));
        }
        search_index *x;
        inlay_error err;
        float scores[N * K];
        int64_t found[N * K];
        assert_ok(search_index_open(bytes_make(file, size), "x", &x, &err), &err);
        search_chunk with = chunk;
        with.index = x;
        search_view view = {.chunks = &with, .n_chunks = 1, .dim = DIM, .metric = metric, .eager = true};
        for (int n = 1; n <= N; n += N - 1) {
            assert_ok(search_topk(&view, rows, n, K, scores, found, &err), &err);
            for (int i = 0; i < n * K; i++) assert_in_range(found[i], 0, ROWS - 1);
        }
        search_index_close(x);
        free(file);
    }
}

static bool stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)user;
    (void)stage;
    (void)done;
    (void)total;
    return false;
}

static void building_can_be_stopped(void **state) {
    inlay_error err;
    file_writer *out;
    progress p;
    progress_start(&p, stop_at_once, NULL, "index", ROWS);
    assert_ok(file_create(scratch_path(state, "stopped"), FILE_DIRECT, &out, &err), &err);
    assert_status(INLAY_CANCELLED, search_index_build(&chunk, DIM, SEARCH_DOT, &tie, out, &p, &err), &err);
    file_abandon(out);
    assert_int_equal(scratch_count(state), 0);
}

static void what_cannot_be_indexed_is_named(void **state) {
    inlay_error err;
    file_writer *out;
    search_chunk other = chunk;
    other.type = INLAY_INT16;
    uint64_t size;
    assert_ok(file_create(scratch_path(state, "none"), FILE_DIRECT, &out, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, search_index_build(&other, DIM, SEARCH_DOT, &tie, out, NULL, &err), &err);
    assert_contains(err.message, "int16");
    assert_status(INLAY_INVALID_ARGUMENT, search_index_size(1, 65537, 0, &size, &err), &err);
    assert_status(INLAY_RESOURCE_EXHAUSTED, search_index_size(INT64_MAX, 1, 0, &size, &err), &err);
    file_abandon(out);
}

static void an_index_of_no_rows_can_be_made(void **state) {
    search_chunk none = chunk;
    size_t size;
    none.count = 0;
    uint8_t *file = built(state, &none, SEARCH_DOT, &size);
    search_index *x;
    inlay_error err;
    assert_ok(search_index_open(bytes_make(file, size), "x", &x, &err), &err);
    assert_ok(search_index_check(x, NULL, &err), &err);
    search_index_close(x);
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_says_what_it_was_made_from),
        cmocka_unit_test(an_index_says_that_side_numbers_were_computed),
        cmocka_unit_test(an_index_fits_only_rows_of_its_shape),
        cmocka_unit_test(the_same_rows_give_the_same_bytes),
        cmocka_unit_test(damage_is_found_and_named),
        cmocka_unit_test(malformed_heads_are_refused),
        cmocka_unit_test(hostile_blocks_give_rows_of_the_view),
        cmocka_unit_test(building_can_be_stopped),
        cmocka_unit_test(what_cannot_be_indexed_is_named),
        cmocka_unit_test(an_index_of_no_rows_can_be_made),
    };
    return cmocka_run_group_tests(tests, make_rows, scratch_remove);
}

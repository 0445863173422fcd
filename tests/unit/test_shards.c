#include "unit/unit.h"

#include "format/shards.h"
#include "unit/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const shard_options plain;

static void natural_order_counts(void **state) {
    (void)state;
    static const char *const rising[] = {"",
                                         "/a/10",
                                         "01",
                                         "1",
                                         "2",
                                         "2.npy",
                                         "10.npy",
                                         "a",
                                         "a/b/9",
                                         "a/b/10",
                                         "a-b/1",
                                         "a002",
                                         "a02",
                                         "a2",
                                         "a02b",
                                         "a2b",
                                         "a9",
                                         "a010",
                                         "a10",
                                         "a10.npy",
                                         "a11",
                                         "b",
                                         "b0",
                                         "b00",
                                         "b1c2",
                                         "b1c10",
                                         "b18446744073709551616",
                                         "b18446744073709551617",
                                         "\xc3\xa9"};
    int n = sizeof rising / sizeof *rising;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            int order = natural_compare(rising[i], rising[j]);
            if ((order > 0) - (order < 0) != (i > j) - (i < j)) fail_msg("\"%s\" and \"%s\"", rising[i], rising[j]);
        }
}

/* One row of one number says which file it is from. */
static void write_number(void **state, const char *name, float number) {
    write_npy(scratch_path(state, name), "<f4", false, "1, 1", &number, sizeof number);
}

static void assert_numbers(const shard_list *list, const char *wanted) {
    char got[64] = "";
    for (size_t i = 0; i < list->count; i++) {
        shard_reader *r;
        inlay_error err;
        float number;
        assert_ok(shard_reader_open(&list->shards[i], INLAY_FLOAT32, &r, &err), &err);
        assert_ok(shard_reader_rows(r, 0, 1, &number, &err), &err);
        shard_reader_close(r);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%g ", (double)number);
    }
    assert_string_equal(got, wanted);
}

static void sources_come_in_natural_order_or_as_listed(void **state) {
    inlay_error err;
    mkdir(scratch_path(state, "d"), 0777);
    write_number(state, "d/10.npy", 10);
    write_number(state, "d/2.npy", 2);
    write_number(state, "d/1.npy", 1);
    scratch_write(scratch_path(state, "d/.hidden"), "x", 1);
    write_number(state, "e.npy", 5);
    write_number(state, "c.npy", 3);
    char paths[3][256];
    snprintf(paths[0], sizeof paths[0], "%s", scratch_path(state, "e.npy"));
    snprintf(paths[1], sizeof paths[1], "%s", scratch_path(state, "d"));
    snprintf(paths[2], sizeof paths[2], "%s", scratch_path(state, "c.npy"));
    const char *sources[] = {paths[0], paths[1], paths[2]};
    shard_list list;
    assert_ok(shards_open(sources, 3, &plain, &list, &err), &err);
    assert_numbers(&list, "3 1 2 10 5 ");
    assert_int_equal(list.rows, 5);
    shards_close(&list);
    assert_ok(shards_open(sources, 3, &(shard_options){.as_listed = true}, &list, &err), &err);
    assert_numbers(&list, "5 1 2 10 3 ");
    shards_close(&list);

    scratch_write(scratch_path(state, "d/notes.txt"), "x", 1);
    scratch_write(scratch_path(state, "d/README"), "x", 1);
    assert_status(INLAY_INVALID_ARGUMENT, shards_open(sources, 3, &plain, &list, &err), &err);
    assert_contains(err.message, "README, notes.txt");
    mkdir(scratch_path(state, "empty"), 0777);
    const char *empty = scratch_path(state, "empty");
    assert_status(INLAY_NOT_FOUND, shards_open(&empty, 1, &plain, &list, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, shards_open(NULL, 0, &plain, &list, &err), &err);
}

/* ---- forms: element (r, c) of the matrix [ROWS, DIM] is r * DIM + c, modulo 100 */

enum { ROWS = 700, DIM = 5, COUNT = ROWS * DIM };

static double value_at(size_t row, size_t col) {
    return (double)((row * DIM + col) % 100);
}

static void put(uint8_t *to, double v, dtype t, bool big) {
    float single = (float)v;
    uint64_t bits = (uint64_t)v;
    uint16_t half = t == INLAY_FLOAT16 ? f32_to_f16(single) : f32_to_bf16(single);
    const void *from = t == INLAY_FLOAT32                          ? (const void *)&single
                       : t == INLAY_FLOAT64                        ? (const void *)&v
                       : t == INLAY_FLOAT16 || t == INLAY_BFLOAT16 ? (const void *)&half
                                                                   : (const void *)&bits;
    size_t size = dtype_size(t);
    for (size_t i = 0; i < size; i++) to[big ? size - 1 - i : i] = ((const uint8_t *)from)[i];
}

static void fill(uint8_t *to, dtype t, bool big, bool fortran) {
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < DIM; c++)
            put(to + (fortran ? c * ROWS + r : r * DIM + c) * dtype_size(t), value_at(r, c), t, big);
}

/* All rows in steps that do not divide them, then some again from before. */
static void assert_matrix(const shard *s, dtype as) {
    static uint8_t rows[COUNT * 8];
    uint8_t wanted[8];
    inlay_error err;
    shard_reader *r;
    size_t item = dtype_size(as);
    assert_ok(shard_reader_open(s, as, &r, &err), &err);
    memset(rows, 0xee, sizeof rows);
    for (int64_t first = 0; first < ROWS; first += 301) {
        int64_t n = ROWS - first < 301 ? ROWS - first : 301;
        assert_ok(shard_reader_rows(r, first, n, rows + (size_t)first * DIM * item, &err), &err);
    }
    assert_ok(shard_reader_rows(r, 10, 300, rows + 10 * DIM * item, &err), &err);
    assert_ok(shard_reader_rows(r, ROWS, 0, rows, &err), &err);
    assert_status(INLAY_OUT_OF_RANGE, shard_reader_rows(r, ROWS - 1, 2, rows, &err), &err);
    assert_status(INLAY_OUT_OF_RANGE, shard_reader_rows(r, -1, 1, rows, &err), &err);
    for (size_t i = 0; i < COUNT; i++) {
        put(wanted, value_at(i / DIM, i % DIM), as, false);
        assert_memory_equal(rows + i * item, wanted, item);
    }
    shard_reader_close(r);
    assert_status(INLAY_INVALID_ARGUMENT, shard_reader_open(s, INLAY_INT32, &r, &err), &err);
}

static void assert_source(const char *path, const shard_options *o, dtype type, bool linkable, bool transposed) {
    inlay_error err;
    shard_list list;
    assert_ok(shards_open(&path, 1, o, &list, &err), &err);
    const shard *s = &list.shards[0];
    assert_int_equal(s->rows, ROWS);
    assert_int_equal(s->dim, DIM);
    assert_int_equal(s->type, type);
    assert_int_equal(s->transposed, transposed);
    if (s->linkable != linkable) fail_msg("%s: linkable is %d: %s", path, s->linkable, s->obstacle);
    assert_true(linkable == (s->obstacle == NULL));
    assert_matrix(s, type);
    assert_matrix(s, INLAY_FLOAT32);
    shards_close(&list);
}

static const struct {
    const char *descr;
    dtype type;
} stored_types[] = {
    {"f4", INLAY_FLOAT32}, {"f8", INLAY_FLOAT64}, {"f2", INLAY_FLOAT16}, {"V2", INLAY_BFLOAT16},
    {"i1", INLAY_INT8},    {"u1", INLAY_UINT8},   {"i2", INLAY_INT16},   {"u2", INLAY_UINT16},
    {"i4", INLAY_INT32},   {"u4", INLAY_UINT32},  {"i8", INLAY_INT64},   {"u8", INLAY_UINT64},
};

static void arrays_of_every_type_and_order_are_read(void **state) {
    static uint8_t data[COUNT * 8];
    for (size_t i = 0; i < sizeof stored_types / sizeof *stored_types; i++)
        for (int variant = 0; variant < 4; variant++) {
            dtype t = stored_types[i].type;
            bool fortran = variant & 1, is_float = i < 4;
            bool big = variant & 2 && dtype_size(t) > 1 && t != INLAY_BFLOAT16;
            char descr[8];
            snprintf(descr, sizeof descr, "%c%s", big ? '>' : '<', stored_types[i].descr);
            fill(data, t, big, fortran);
            shard_options o = {.type = t == INLAY_BFLOAT16 ? t : INLAY_INVALID_DTYPE};
            write_npy(scratch_path(state, "a.npy"), descr, fortran, "700, 5", data, COUNT * dtype_size(t));
            assert_source(scratch_path(state, "a.npy"), &o, is_float ? t : INLAY_FLOAT32, is_float && !big, fortran);

            buffer b = {0};
            make_array(&b, descr, fortran, "700, 5", data, COUNT * dtype_size(t));
            zip_item item = {"m.npy", b.data, b.size, (i + (size_t)variant) % 2};
            write_zip(scratch_path(state, "a.npz"), &item, 1);
            buffer_free(&b);
            assert_source(scratch_path(state, "a.npz#m"), &o, is_float ? t : INLAY_FLOAT32, false, fortran);
        }
}

static void files_of_vectors_are_read(void **state) {
    static uint8_t data[COUNT * 8], file[COUNT * 8 + 8 + ROWS * 4];
    static const struct {
        const char *name;
        dtype type;
        size_t head, row_head; /* bytes */
        bool linkable;
        int64_t dim;
    } cases[] = {
        {"a.fvecs", INLAY_FLOAT32, 0, 4, false, 0},    {"a.bvecs", INLAY_UINT8, 0, 4, false, DIM},
        {"a.fbin", INLAY_FLOAT32, 8, 0, true, 0},      {"a.u8bin", INLAY_UINT8, 8, 0, false, 0},
        {"a.i8bin", INLAY_INT8, 8, 0, false, 0},       {"a.f32", INLAY_FLOAT32, 0, 0, true, DIM},
        {"a.unknown", INLAY_FLOAT32, 0, 0, true, DIM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fill(data, cases[i].type, false, false);
        size_t row = DIM * dtype_size(cases[i].type), size = cases[i].head;
        store_u32(file, ROWS);
        store_u32(file + 4, DIM);
        for (size_t r = 0; r < ROWS; r++) {
            if (cases[i].row_head) store_u32(file + size, DIM);
            memcpy(file + size + cases[i].row_head, data + r * row, row);
            size += cases[i].row_head + row;
        }
        scratch_write(scratch_path(state, cases[i].name), file, size);
        assert_source(scratch_path(state, cases[i].name), &(shard_options){.dim = cases[i].dim}, INLAY_FLOAT32,
                      cases[i].linkable, false);
    }
    fill(data, INLAY_BFLOAT16, false, false);
    scratch_write(scratch_path(state, "b.raw"), data, COUNT * 2);
    assert_source(scratch_path(state, "b.raw"), &(shard_options){.dim = DIM, .type = INLAY_BFLOAT16}, INLAY_BFLOAT16,
                  true, false);
    write_npy(scratch_path(state, "b.npy"), "<u2", false, "700, 5", data, COUNT * 2);
    assert_source(scratch_path(state, "b.npy"), &(shard_options){.type = INLAY_BFLOAT16}, INLAY_BFLOAT16, true, false);
    /* What a file without a telling name is, its first bytes say. */
    fill(data, INLAY_FLOAT32, false, false);
    write_npy(scratch_path(state, "c"), "<f4", false, "700, 5", data, COUNT * 4);
    assert_source(scratch_path(state, "c"), &plain, INLAY_FLOAT32, true, false);
}

static void a_row_of_another_dimension_ends_the_reading(void **state) {
    uint32_t rows[] = {2, 0, 0, 2, 0, 0, 3, 0, 0};
    float got[6];
    inlay_error err;
    shard_list list;
    shard_reader *r;
    scratch_write(scratch_path(state, "a.fvecs"), rows, sizeof rows);
    const char *path = scratch_path(state, "a.fvecs");
    assert_ok(shards_open(&path, 1, &plain, &list, &err), &err);
    assert_ok(shard_reader_open(&list.shards[0], INLAY_FLOAT32, &r, &err), &err);
    assert_ok(shard_reader_rows(r, 0, 2, got, &err), &err);
    assert_status(INLAY_DATA_LOSS, shard_reader_rows(r, 1, 2, got, &err), &err);
    assert_contains(err.message, "row 2 has dimension 3");
    shard_reader_close(r);
    shards_close(&list);
}

static inlay_status give_tensor(void *user, const char *prefix, const char *key, shard_list *list, inlay_error *err) {
    shape dims = shape_matrix(ROWS, DIM);
    (void)prefix;
    return shard_list_add_tensor(list, user, "ckpt#a#b", key, 3, &dims, INLAY_FLOAT32, true, err);
}

static void a_checkpoint_tensor_is_a_shard(void **state) {
    static uint8_t data[3 + COUNT * 4];
    inlay_error err;
    shard_list list;
    char file[256];
    fill(data + 3, INLAY_FLOAT32, true, false);
    scratch_write(scratch_path(state, "ckpt.data-00000-of-00001"), data, sizeof data);
    snprintf(file, sizeof file, "%s", scratch_path(state, "ckpt.data-00000-of-00001"));
    scratch_write(scratch_path(state, "ckpt.index"), "", 0);
    const char *source = scratch_path(state, "ckpt#a#b");
    assert_source(source, &(shard_options){.checkpoint = give_tensor, .user = file}, INLAY_FLOAT32, false, false);
    assert_status(INLAY_UNIMPLEMENTED, shards_open(&source, 1, &plain, &list, &err), &err);
    scratch_write(scratch_path(state, "ckpt.data-00000-of-00001"), data, sizeof data - 1);
    source = scratch_path(state, "ckpt#a#b");
    assert_status(INLAY_DATA_LOSS,
                  shards_open(&source, 1, &(shard_options){.checkpoint = give_tensor, .user = file}, &list, &err),
                  &err);
    assert_contains(err.message, "reaches beyond the file's 14002 bytes");
}

static void shapes_that_are_no_rows_are_refused(void **state) {
    static const struct {
        const char *dims;
        size_t count;
        int64_t rows, dim; /* -1: refused */
        const char *message;
    } cases[] = {
        {"6,", 6, 6, 1, NULL},
        {"6, 1", 6, 6, 1, NULL},
        {"0, 3", 0, 0, 3, NULL},
        {"", 1, -1, 0, "[]"},
        {"2, 3, 1", 6, -1, 0, "[2, 3, 1]"},
        {"3, 0", 0, -1, 0, "[3, 0]"},
        {"0,", 0, -1, 0, "dimension"},
        {"0, 0", 0, -1, 0, "dimension"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float data[6] = {0};
        inlay_error err;
        shard_list list;
        write_npy(scratch_path(state, "a.npy"), "<f4", true, cases[i].dims, data, cases[i].count * 4);
        const char *path = scratch_path(state, "a.npy");
        bool good = cases[i].rows >= 0;
        assert_status(good ? INLAY_OK : INLAY_INVALID_ARGUMENT, shards_open(&path, 1, &plain, &list, &err), &err);
        if (!good) {
            assert_contains(err.message, cases[i].message);
            continue;
        }
        assert_int_equal(list.rows, cases[i].rows);
        assert_int_equal(list.dim, cases[i].dim);
        assert_false(list.shards[0].transposed);
        shards_close(&list);
    }
}

static void shards_that_do_not_fit_name_both_files(void **state) {
    static const struct {
        const char *descr, *dims;
        size_t size;
        int64_t dim;
        dtype type;
        inlay_status status;
        const char *first, *second;
    } cases[] = {
        {"<f4", "2, 3", 24, 0, 0, INLAY_OK, NULL, NULL},
        {"<f4", "2, 4", 32, 0, 0, INLAY_INVALID_ARGUMENT, "b.npy: rows of dimension 4, but dimension 3 in ", "a.npy"},
        {"<f8", "2, 3", 48, 0, 0, INLAY_INVALID_ARGUMENT, "b.npy: float64, but float32 in ", "a.npy"},
        {"<f2", "2, 3", 12, 0, 0, INLAY_INVALID_ARGUMENT, "b.npy: float16, but float32 in ", "a.npy"},
        {"<i4", "2, 3", 24, 0, 0, INLAY_OK, NULL, NULL},
        {">f4", "2, 3", 24, 0, 0, INLAY_OK, NULL, NULL},
        {"<c8", "2, 3", 48, 0, 0, INLAY_INVALID_ARGUMENT, "b.npy: holds complex64", "b"},
        {"|S4", "2, 3", 24, 0, 0, INLAY_INVALID_ARGUMENT, "b.npy: holds string", "b"},
        {"<V2", "2, 3", 12, 0, 0, INLAY_INVALID_ARGUMENT, "b.npy: holds elements of 2 bytes", "b"},
        {"<f4", "2, 3", 24, 4, 0, INLAY_INVALID_ARGUMENT, "a.npy: rows of dimension 3, not 4", "a"},
        {"<f4", "2, 3", 24, 3, INLAY_FLOAT16, INLAY_INVALID_ARGUMENT, "b.npy: holds float32, not float16", "b"},
        {"<f4", "0, 4", 0, 0, 0, INLAY_INVALID_ARGUMENT, "b.npy: rows of dimension 4", "a"},
        {"<f8", "0,", 0, 0, 0, INLAY_OK, NULL, NULL},
        {"<f8", "0, 3", 0, 0, 0, INLAY_OK, NULL, NULL},
    };
    char paths[2][256];
    const char *sources[] = {paths[1], paths[0]};
    snprintf(paths[0], sizeof paths[0], "%s", scratch_path(state, "a.npy"));
    snprintf(paths[1], sizeof paths[1], "%s", scratch_path(state, "b.npy"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[64] = {0};
        inlay_error err;
        shard_list list;
        shard_options o = {.dim = cases[i].dim, .type = cases[i].type};
        write_npy(scratch_path(state, "a.npy"), "<f4", false, "1, 3", data, 12);
        write_npy(scratch_path(state, "b.npy"), cases[i].descr, false, cases[i].dims, data, cases[i].size);
        assert_status(cases[i].status, shards_open(sources, 2, &o, &list, &err), &err);
        if (cases[i].status == INLAY_OK) {
            assert_int_equal(list.dim, 3);
            assert_int_equal(list.type, INLAY_FLOAT32);
            shards_close(&list);
        } else {
            assert_contains(err.message, cases[i].first);
            assert_contains(err.message, cases[i].second);
            assert_int_equal(list.count, 0);
        }
    }
}

static void an_archive_gives_its_float_members(void **state) {
    float numbers[3] = {10, 2, 7};
    buffer b[4] = {0};
    make_array(&b[0], "<f4", false, "1, 1", &numbers[0], 4);
    make_array(&b[1], "<f4", false, "1, 1", &numbers[1], 4);
    make_array(&b[2], "<i4", false, "1, 1", &numbers[2], 4);
    make_array(&b[3], "|O", false, "1,", "....", 4);
    zip_item items[] = {{"arr_10.npy", b[0].data, b[0].size, true},
                        {"arr_2.npy", b[1].data, b[1].size, true},
                        {"ids.npy", b[2].data, b[2].size, true},
                        {"objects.npy", b[3].data, b[3].size, true}};
    write_zip(scratch_path(state, "a.npz"), items, 4);
    write_zip(scratch_path(state, "b.npz"), items + 2, 2);
    inlay_error err;
    shard_list list;
    const char *path = scratch_path(state, "a.npz");
    assert_ok(shards_open(&path, 1, &plain, &list, &err), &err);
    assert_numbers(&list, "2 10 ");
    assert_contains(list.shards[0].name, "a.npz#arr_2");
    assert_string_equal(list.shards[0].member, "arr_2");
    shards_close(&list);
    path = scratch_path(state, "b.npz");
    assert_status(INLAY_NOT_FOUND, shards_open(&path, 1, &plain, &list, &err), &err);
    assert_contains(err.message, "no array of floats (arrays there: ids, objects)");
    path = scratch_path(state, "a.npz#other");
    assert_status(INLAY_NOT_FOUND, shards_open(&path, 1, &plain, &list, &err), &err);
    assert_contains(err.message, "(arrays there: arr_10, arr_2, ids, objects)");
    path = scratch_path(state, "a.npz#objects");
    assert_status(INLAY_UNIMPLEMENTED, shards_open(&path, 1, &plain, &list, &err), &err);
    path = scratch_path(state, "c.npz#x");
    assert_status(INLAY_NOT_FOUND, shards_open(&path, 1, &plain, &list, &err), &err);
    assert_contains(err.message, "no such file, archive member or checkpoint tensor");
    for (int i = 0; i < 4; i++) buffer_free(&b[i]);
}

static void a_source_that_changes_is_noticed(void **state) {
    inlay_error err;
    shard_list list;
    float numbers[2] = {0};
    write_npy(scratch_path(state, "a.npy"), "<f4", false, "2, 1", numbers, 8);
    const char *path = scratch_path(state, "a.npy");
    assert_ok(shards_open(&path, 1, &plain, &list, &err), &err);
    assert_ok(shard_check_unchanged(&list.shards[0], &err), &err);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_status(INLAY_FAILED_PRECONDITION, shard_check_unchanged(&list.shards[0], &err), &err);
    assert_contains(err.message, "a.npy: changed while");
    write_number(state, "a.npy", 1);
    assert_status(INLAY_FAILED_PRECONDITION, shard_check_unchanged(&list.shards[0], &err), &err);
    assert_contains(err.message, "bytes before");
    shard_reader *r;
    assert_status(INLAY_FAILED_PRECONDITION, shard_reader_open(&list.shards[0], INLAY_FLOAT32, &r, &err), &err);
    unlink(path);
    assert_status(INLAY_NOT_FOUND, shard_check_unchanged(&list.shards[0], &err), &err);
    shards_close(&list);
}

static void files_of_no_known_kind_are_named(void **state) {
    inlay_error err;
    shard_list list;
    scratch_write(scratch_path(state, "a.txt"), "some text", 9);
    const char *path = scratch_path(state, "a.txt");
    assert_status(INLAY_INVALID_ARGUMENT, shards_open(&path, 1, &plain, &list, &err), &err);
    assert_contains(err.message, "a.txt: is of no known kind");
    path = scratch_path(state, "none.npy");
    assert_status(INLAY_NOT_FOUND, shards_open(&path, 1, &plain, &list, &err), &err);
    scratch_write(scratch_path(state, "a.npy"), "some text", 9);
    path = scratch_path(state, "a.npy");
    assert_status(INLAY_DATA_LOSS, shards_open(&path, 1, &plain, &list, &err), &err);
    assert_contains(err.message, "not a .npy file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural_order_counts),
        cmocka_unit_test_setup_teardown(sources_come_in_natural_order_or_as_listed, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(arrays_of_every_type_and_order_are_read, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(files_of_vectors_are_read, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_row_of_another_dimension_ends_the_reading, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_checkpoint_tensor_is_a_shard, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(shapes_that_are_no_rows_are_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(shards_that_do_not_fit_name_both_files, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(an_archive_gives_its_float_members, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_source_that_changes_is_noticed, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(files_of_no_known_kind_are_named, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

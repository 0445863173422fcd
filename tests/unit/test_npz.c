#include "unit/unit.h"

#include "format/npz.h"
#include "unit/files.h"

enum { ROWS = 5000, COLS = 7 };

static float numbers[ROWS * COLS];

static void fill_numbers(void) {
    for (size_t i = 0; i < ROWS * COLS; i++) numbers[i] = (float)(i % 1000);
}

/* Bytes of the file NAME, on the heap. */
static bytes load(void **state, const char *name) {
    inlay_error err;
    file_map *map;
    assert_ok(file_map_open(scratch_path(state, name), true, &map, &err), &err);
    uint8_t *copy = mem_alloc((size_t)map->size);
    memcpy(copy, map->data, (size_t)map->size);
    bytes out = bytes_make(copy, (size_t)map->size);
    file_map_release(map);
    return out;
}

static void members_are_listed_and_streamed(void **state) {
    fill_numbers();
    buffer a = {0}, b = {0};
    make_array(&a, "<f4", false, "5000, 7", numbers, sizeof numbers);
    make_array(&b, "<i8", false, "2,", "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16);
    for (int deflate = 0; deflate < 2; deflate++) {
        zip_item items[] = {{"rows.npy", a.data, a.size, deflate},
                            {"readme.txt", "hello", 5, false},
                            {"ids.npy", b.data, b.size, deflate}};
        write_zip(scratch_path(state, "a.npz"), items, 3);
        npz *z;
        npz_stream *stream;
        inlay_error err;
        size_t at;
        assert_ok(npz_open(scratch_path(state, "a.npz"), &z, &err), &err);
        assert_int_equal(npz_count(z), 2);
        assert_string_equal(npz_name(z, 1), "ids");
        assert_true(npz_find(z, "ids.npy", &at) && at == 1);
        assert_true(npz_find(z, "rows", &at) && at == 0);
        assert_false(npz_find(z, "row", &at) || npz_find(z, "rowsx", &at) || npz_find(z, "readme.txt", &at));
        assert_ok(npz_stream_open(z, 0, &stream, &err), &err);
        assert_int_equal(npz_stream_header(stream)->count, ROWS * COLS);
        float row[COLS];
        assert_ok(npz_stream_read(stream, NULL, 4000 * sizeof row, &err), &err);
        assert_ok(npz_stream_read(stream, row, sizeof row, &err), &err);
        assert_memory_equal(row, numbers + 4000 * COLS, sizeof row);
        assert_ok(npz_stream_read(stream, NULL, 999 * sizeof row, &err), &err);
        assert_status(INLAY_OUT_OF_RANGE, npz_stream_read(stream, row, 1, &err), &err);
        assert_contains(err.message, "a.npz#rows");
        npz_stream_close(stream);
        npz_close(z);
    }
    buffer_free(&a);
    buffer_free(&b);
}

/* Reads all members of ARCHIVE; the first failure is the answer. */
static inlay_status read_all(bytes archive, inlay_error *err) {
    npz *z;
    TRY(npz_open_bytes(archive, "a.npz", &z, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < npz_count(z) && status == INLAY_OK; i++) {
        npz_stream *stream;
        status = npz_stream_open(z, i, &stream, err);
        if (status == INLAY_OK) status = npz_stream_read(stream, NULL, npz_stream_header(stream)->data_size, err);
        npz_stream_close(stream);
    }
    npz_close(z);
    return status;
}

/* The offset of the central directory's record of the first member. */
static size_t directory_of(bytes archive) {
    for (size_t i = archive.size - 4; i > 0; i--)
        if (memcmp(archive.data + i, "PK\1\2", 4) == 0) return i;
    return 0;
}

static void members_that_lie_are_named(void **state) {
    fill_numbers();
    buffer good = {0}, greedy = {0};
    make_array(&good, "<f4", false, "5000, 7", numbers, sizeof numbers);
    make_array(&greedy, "<f4", false, "50000, 7", numbers, sizeof numbers);
    enum { SIZE_FIELD = 24, COMPRESSED_FIELD = 20, CRC_FIELD = 16 };
    static const struct {
        bool greedy, deflate;
        int field; /* of the directory's record */
        uint32_t value;
        const char *message;
    } cases[] = {
        {true, false, 0, 0, "promises [50000, 7]"},
        {true, true, 0, 0, "promises [50000, 7]"},
        {true, true, SIZE_FIELD, 1400128, "the member ends"},
        {false, true, SIZE_FIELD, 0x7fffffff, "claims that"},
        {false, true, SIZE_FIELD, 100, "a.npz#x"},
        {false, true, CRC_FIELD, 1, "CRC error"},
        {false, false, CRC_FIELD, 1, "CRC error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const buffer *b = cases[i].greedy ? &greedy : &good;
        inlay_error err;
        zip_item item = {"x.npy", b->data, b->size, cases[i].deflate};
        write_zip(scratch_path(state, "a.npz"), &item, 1);
        bytes archive = load(state, "a.npz");
        if (!cases[i].greedy) assert_ok(read_all(archive, &err), &err);
        if (cases[i].field)
            store_u32((uint8_t *)(uintptr_t)archive.data + directory_of(archive) + cases[i].field, cases[i].value);
        assert_status(INLAY_DATA_LOSS, read_all(archive, &err), &err);
        assert_contains(err.message, cases[i].message);
        assert_contains(err.message, "a.npz#x");
        mem_free((void *)(uintptr_t)archive.data);
    }
    buffer_free(&good);
    buffer_free(&greedy);
}

static void what_is_no_archive_is_refused(void **state) {
    inlay_error err;
    npz *z;
    assert_status(INLAY_NOT_FOUND, npz_open(scratch_path(state, "none.npz"), &z, &err), &err);
    assert_contains(err.message, "none.npz");
    scratch_write(scratch_path(state, "bad.npz"), "not a zip file at all", 21);
    assert_status(INLAY_DATA_LOSS, npz_open(scratch_path(state, "bad.npz"), &z, &err), &err);
    assert_contains(err.message, "bad.npz");
    assert_status(INLAY_INVALID_ARGUMENT, npz_open((const char *)*state, &z, &err), &err);
    assert_status(INLAY_DATA_LOSS, npz_open_bytes(bytes_make("", 0), "empty", &z, &err), &err);
    zip_item item = {"x.npy", "short", 5, false};
    write_zip(scratch_path(state, "a.npz"), &item, 1);
    bytes archive = load(state, "a.npz");
    assert_status(INLAY_DATA_LOSS, read_all(archive, &err), &err);
    assert_contains(err.message, "a.npz#x: the member is no .npy file");
    mem_free((void *)(uintptr_t)archive.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_are_listed_and_streamed, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(members_that_lie_are_named, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(what_is_no_archive_is_refused, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

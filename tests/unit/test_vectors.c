#include "unit/unit.h"

#include "base/num.h"
#include "format/vectors.h"

static void extensions_say_the_kind(void **state) {
    (void)state;
    static const struct {
        const char *path;
        vectors_kind kind;
    } cases[] = {
        {"a/b.fvecs", VECTORS_FVECS}, {"b.BVECS", VECTORS_BVECS}, {"x.fbin", VECTORS_FBIN}, {"x.u8bin", VECTORS_U8BIN},
        {"x.i8bin", VECTORS_I8BIN},   {"x.f32", VECTORS_RAW},     {"x.raw", VECTORS_RAW},   {"x.bin", VECTORS_RAW},
        {"x.npy", VECTORS_NONE},      {"fvecs", VECTORS_NONE},    {".fbin", VECTORS_NONE},  {"", VECTORS_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(vectors_kind_of(cases[i].path), cases[i].kind);
}

static void headers_and_sizes_must_agree(void **state) {
    (void)state;
    static const struct {
        vectors_kind kind;
        uint32_t a, b; /* the first 8 bytes */
        uint64_t size;
        int64_t dim;
        dtype type;
        int64_t rows, got_dim;
        uint64_t offset, stride;
        inlay_status status;
        const char *message;
    } cases[] = {
        {VECTORS_RAW, 0, 0, 48, 3, 0, 4, 3, 0, 12, INLAY_OK, NULL},
        {VECTORS_RAW, 0, 0, 48, 3, INLAY_FLOAT16, 8, 3, 0, 6, INLAY_OK, NULL},
        {VECTORS_RAW, 0, 0, 0, 3, 0, 0, 3, 0, 12, INLAY_OK, NULL},
        {VECTORS_RAW, 0, 0, 48, 0, 0, 0, 0, 0, 0, INLAY_INVALID_ARGUMENT, "dimension"},
        {VECTORS_RAW, 0, 0, 49, 3, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "49 bytes are no whole number"},
        {VECTORS_RAW, 0, 0, 48, INT64_MAX, 0, 0, 0, 0, 0, INLAY_INVALID_ARGUMENT, "rows of 9223372036854775807"},
        {VECTORS_RAW, 0, 0, 48, 3, INLAY_STRING, 0, 0, 0, 0, INLAY_INVALID_ARGUMENT, "string"},
        {VECTORS_FVECS, 3, 0, 64, 0, 0, 4, 3, 4, 16, INLAY_OK, NULL},
        {VECTORS_FVECS, 3, 0, 0, 7, 0, 0, 7, 4, 32, INLAY_OK, NULL},
        {VECTORS_FVECS, 3, 0, 63, 0, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "no whole number of rows"},
        {VECTORS_FVECS, 0, 0, 64, 0, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "dimension 0"},
        {VECTORS_FVECS, 0x80000000, 0, 64, 0, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "dimension -2147483648"},
        {VECTORS_BVECS, 12, 0, 64, 0, 0, 4, 12, 4, 16, INLAY_OK, NULL},
        {VECTORS_FBIN, 4, 3, 56, 0, 0, 4, 3, 8, 12, INLAY_OK, NULL},
        {VECTORS_FBIN, 0, 3, 8, 0, 0, 0, 3, 8, 12, INLAY_OK, NULL},
        {VECTORS_FBIN, 4, 3, 55, 0, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "4 rows of 3 float32, 48 bytes; the file has 47"},
        {VECTORS_FBIN, 4, 3, 57, 0, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "48 bytes; the file has 49"},
        {VECTORS_FBIN, 4, 3, 7, 0, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "cut off"},
        {VECTORS_FBIN, UINT32_MAX, UINT32_MAX, 56, 0, 0, 0, 0, 0, 0, INLAY_DATA_LOSS, "promises"},
        {VECTORS_U8BIN, 4, 3, 20, 0, 0, 4, 3, 8, 3, INLAY_OK, NULL},
        {VECTORS_I8BIN, 4, 3, 20, 0, 0, 4, 3, 8, 3, INLAY_OK, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t start[8];
        vectors_header h;
        inlay_error err;
        store_u32(start, cases[i].a);
        store_u32(start + 4, cases[i].b);
        bytes given = bytes_make(start, cases[i].size < 8 ? (size_t)cases[i].size : 8);
        assert_status(
            cases[i].status,
            vectors_parse(cases[i].kind, given, cases[i].size, "a.vec", cases[i].dim, cases[i].type, &h, &err), &err);
        if (cases[i].status != INLAY_OK) {
            assert_contains(err.message, cases[i].message);
            assert_contains(err.message, "a.vec: ");
            continue;
        }
        assert_int_equal(h.rows, cases[i].rows);
        assert_int_equal(h.dim, cases[i].got_dim);
        assert_int_equal(h.offset, cases[i].offset);
        assert_int_equal(h.stride, cases[i].stride);
    }
}

static void a_row_of_another_dimension_is_named(void **state) {
    (void)state;
    uint32_t rows[] = {2, 0, 0, 2, 0, 0, 3, 0, 0};
    vectors_header h;
    inlay_error err;
    bytes file = bytes_make(rows, sizeof rows);
    assert_ok(vectors_parse(VECTORS_FVECS, file, file.size, "a.fvecs", 0, 0, &h, &err), &err);
    assert_ok(vectors_check_rows(&h, file.data, 0, 2, "a.fvecs", &err), &err);
    assert_status(INLAY_DATA_LOSS, vectors_check_rows(&h, file.data + h.stride, 1, 2, "a.fvecs", &err), &err);
    assert_string_equal(err.message, "a.fvecs: row 2 has dimension 3, the first row has 2 (at byte 24)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extensions_say_the_kind),
        cmocka_unit_test(headers_and_sizes_must_agree),
        cmocka_unit_test(a_row_of_another_dimension_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit/unit.h"

#include "base/base64.h"
#include "format/tensor_json.h"
#include "unit/scratch.h"

#include <math.h>

static inlay_status read_text(const char *text, dtype wanted, tensor **out, inlay_error *err) {
    size_t n = strlen(text);
    uint8_t *exact = malloc(n ? n : 1); /* of its very size, for the sanitizer */
    memcpy(exact, text, n);
    inlay_status status = tensor_from_json(bytes_make(exact, n), "a.json", wanted, out, err);
    free(exact);
    return status;
}

/* What is read is written as PRINTED. */
static const struct {
    const char *text;
    dtype wanted, type;
    const char *dims, *printed;
} good[] = {
    {"1", 0, INLAY_INT32, "[]", "1"},
    {" [1, 2,\n3] ", 0, INLAY_INT32, "[3]", "[1, 2, 3]"},
    {"[[1,2,3],[4,5,6]]", 0, INLAY_INT32, "[2, 3]", "[[1, 2, 3], [4, 5, 6]]"},
    {"[[[1],[2]],[[3],[4]]]", 0, INLAY_INT32, "[2, 2, 1]", "[[[1], [2]], [[3], [4]]]"},
    {"[2147483647, -2147483648]", 0, INLAY_INT32, "[2]", "[2147483647, -2147483648]"},
    {"[2147483648, 1]", 0, INLAY_INT64, "[2]", "[2147483648, 1]"},
    {"[9223372036854775807, -9223372036854775808]", 0, INLAY_INT64, "[2]",
     "[9223372036854775807, -9223372036854775808]"},
    {"[18446744073709551615]", INLAY_UINT64, INLAY_UINT64, "[1]", "[18446744073709551615]"},
    {"[255, 0]", INLAY_UINT8, INLAY_UINT8, "[2]", "[255, 0]"},
    {"[-128, 127]", INLAY_INT8, INLAY_INT8, "[2]", "[-128, 127]"},
    {"[65535]", INLAY_UINT16, INLAY_UINT16, "[1]", "[65535]"},
    {"[-32768]", INLAY_INT16, INLAY_INT16, "[1]", "[-32768]"},
    {"[4294967295]", INLAY_UINT32, INLAY_UINT32, "[1]", "[4294967295]"},
    {"[1, 2.5]", 0, INLAY_FLOAT32, "[2]", "[1.0, 2.5]"},
    {"[0.1, 1e20, -1.5e-7, 3.4028235e38]", 0, INLAY_FLOAT32, "[4]", "[0.1, 1e+20, -1.5e-07, 3.4028235e+38]"},
    {"[0.1, 1e300]", INLAY_FLOAT64, INLAY_FLOAT64, "[2]", "[0.1, 1e+300]"},
    {"[0.1]", INLAY_FLOAT16, INLAY_FLOAT16, "[1]", "[0.1]"},
    {"[65504, 1]", INLAY_FLOAT16, INLAY_FLOAT16, "[2]", "[6.55e+04, 1.0]"},
    {"[0.1]", INLAY_BFLOAT16, INLAY_BFLOAT16, "[1]", "[0.1]"},
    {"[16777217, 99999999999999999999]", INLAY_FLOAT64, INLAY_FLOAT64, "[2]", "[16777217.0, 1e+20]"},
    {"[NaN, Infinity, -Infinity, Inf, -Inf, 1]", 0, INLAY_FLOAT32, "[6]",
     "[NaN, Infinity, -Infinity, Infinity, -Infinity, 1.0]"},
    {"[\"NaN\", \"-Infinity\"]", INLAY_FLOAT64, INLAY_FLOAT64, "[2]", "[NaN, -Infinity]"},
    {"[true, false]", 0, INLAY_BOOL, "[2]", "[true, false]"},
    {"\"text\"", 0, INLAY_STRING, "[]", "\"text\""},
    {"[[\"a\"], [\"\"]]", 0, INLAY_STRING, "[2, 1]", "[[\"a\"], [\"\"]]"},
    {"[\"\\u00e9\\n\\\"]\", \"\\u0000\"]", 0, INLAY_STRING, "[2]", "[\"\xc3\xa9\\n\\\"]\", \"\\u0000\"]"},
    {"[{\"b64\": \"AP8=\"}, {\"b64\" : \"AP8\"}, \"a\"]", 0, INLAY_STRING, "[3]",
     "[{\"b64\": \"AP8=\"}, {\"b64\": \"AP8=\"}, \"a\"]"},
    {"{\"b64\":\"aGk=\"}", 0, INLAY_STRING, "[]", "\"hi\""},
    {"[\"NaN\"]", 0, INLAY_STRING, "[1]", "[\"NaN\"]"},
    {"[]", 0, INLAY_FLOAT32, "[0]", "[]"},
    {"[[], []]", INLAY_STRING, INLAY_STRING, "[2, 0]", "[[], []]"},
    {"[[[]]]", INLAY_INT64, INLAY_INT64, "[1, 1, 0]", "[[[]]]"},
};

static void json_becomes_tensors_and_back(void **state) {
    (void)state;
    buffer printed = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tensor *t;
        inlay_error err;
        char dims[SHAPE_TEXT];
        assert_ok(read_text(good[i].text, good[i].wanted, &t, &err), &err);
        assert_string_equal(dtype_name(t->type), dtype_name(good[i].type));
        assert_string_equal(shape_text(&t->dims, dims), good[i].dims);
        buffer_clear(&printed);
        assert_ok(tensor_to_json(t, &printed, &err), &err);
        buffer_append_byte(&printed, 0);
        assert_string_equal((char *)printed.data, good[i].printed);
        tensor *back;
        assert_ok(read_text((char *)printed.data, t->type, &back, &err), &err);
        assert_int_equal(back->count, t->count);
        if (t->type != INLAY_STRING) assert_memory_equal(back->data, t->data, t->size);
        tensor_release(t);
        tensor_release(back);
    }
    buffer_free(&printed);
}

static void what_fits_no_tensor_names_the_index(void **state) {
    (void)state;
    static const struct {
        const char *text;
        dtype wanted;
        const char *message;
    } cases[] = {
        {"", 0, "the value is missing"},
        {"[", 0, "[0] is missing: the text ends"},
        {"[1, 2", 0, "[1] is not followed by ',' or ']'"},
        {"[1 2]", 0, "[0] is not followed by ',' or ']'"},
        {"[1,]", 0, "[1] is neither"},
        {"[,1]", 0, "[0] is neither"},
        {"[1] x", 0, "the value is followed by something"},
        {"null", 0, "the value is neither a list nor a number"},
        {"[tru]", 0, "[0] is neither"},
        {"[[1, 2], [3]]", 0, "[1] has 1 elements, others have 2: the lists are ragged"},
        {"[[1], [2, 3, 4]]", 0, "[1] has 3 elements, others have 1: the lists are ragged"},
        {"[[[1], [2]], [[3]]]", 0, "[1] has 1 elements, others have 2"},
        {"[[[1, 2]], [[3]]]", 0, "[1][0] has 1 elements, others have 2"},
        {"[[1], 2]", 0, "[1] is no list where others are: the lists are ragged"},
        {"[1, [2]]", 0, "[1] is a list where others are none: the lists are ragged"},
        {"[[], [1]]", 0, "[1] has 1 elements, others have 0"},
        {"[[], 1]", 0, "[1] is no list where others are"},
        {"[1, \"a\"]", 0, "mixed"},
        {"[true, 1]", 0, "mixed"},
        {"[1.5]", INLAY_INT32, "[0] is 1.5, which is no int32"},
        {"[1, 256]", INLAY_UINT8, "[1] is 256, which is no uint8"},
        {"[-1]", INLAY_UINT64, "[0] is -1, which is no uint64"},
        {"[128]", INLAY_INT8, "[0] is 128, which is no int8"},
        {"[9223372036854775808]", 0, "is 9223372036854775808, which is no int64"},
        {"[01]", 0, "[0]: "},
        {"[1e]", 0, "[0]: "},
        {"[--1]", 0, "[0]: "},
        {"[+1]", 0, "[0]: "},
        {"[1e999]", 0, "real number overflow"},
        {"[1e39]", 0, "[0] is 1e39, which is no float32"},
        {"[65520]", INLAY_FLOAT16, "which is no float16"},
        {"[true]", INLAY_FLOAT32, "[0] is true, which is no float32"},
        {"[1]", INLAY_BOOL, "[0] is 1, which is no bool"},
        {"[1]", INLAY_STRING, "[0] is 1, which is no string"},
        {"[\"1\"]", INLAY_FLOAT32, "[0] is \"1\", which is no float32"},
        {"[NaN]", INLAY_INT32, "[0] is NaN, which is no int32"},
        {"[\"a]", 0, "[0] is a string that does not end"},
        {"[\"\\x\"]", 0, "[0]: invalid escape"},
        {"[\"\xff\"]", 0, "[0]: "},
        {"[{\"b64\": \"A\"}]", 0, "[0] is no base64"},
        {"[{\"b64\": \"A*==\"}]", 0, "[0] is no base64"},
        {"[{\"b64\": 1}]", 0, "[0] is an object, but no {\"b64\""},
        {"[{\"b65\": \"\"}]", 0, "[0] is an object, but no {\"b64\""},
        {"[{}]", 0, "[0] is an object, but no"},
        {"[{\"b64\": [\"AA==\"]}]", 0, "[0] is an object, but no"},
        {"[{\"b64\": \"\", \"c\": \"\"}]", 0, "[0] is an object, but no"},
        {"[{\"b64\": \"\"", 0, "[0] is an object, but no"},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 0, "in more than 16 others"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tensor *t;
        inlay_error err;
        assert_status(INLAY_INVALID_ARGUMENT, read_text(cases[i].text, cases[i].wanted, &t, &err), &err);
        assert_contains(err.message, cases[i].message);
        assert_contains(err.message, "a.json: ");
        assert_null(t);
    }
    tensor *t;
    inlay_error err;
    assert_status(INLAY_UNIMPLEMENTED, read_text("[1]", INLAY_COMPLEX64, &t, &err), &err);
    assert_status(INLAY_UNIMPLEMENTED, read_text("[1]", INLAY_QINT8, &t, &err), &err);
}

static void every_float_is_written_to_be_read_back(void **state) {
    (void)state;
    enum { N = 20000 };
    shape dims = shape_vector(N);
    inlay_error err;
    tensor *t, *back;
    static const dtype types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_FLOAT16, INLAY_BFLOAT16};
    for (int k = 0; k < 4; k++) {
        assert_ok(tensor_new(types[k], &dims, NULL, &t, &err), &err);
        uint64_t seed = 88172645463325252u;
        for (uint64_t i = 0; i < t->size; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            t->data[i] = (uint8_t)(seed >> 56);
        }
        buffer text = {0};
        assert_ok(tensor_to_json(t, &text, &err), &err);
        assert_ok(tensor_from_json(buffer_bytes(&text), "x", types[k], &back, &err), &err);
        size_t size = dtype_size(types[k]);
        tensor *a, *b;
        assert_ok(tensor_to_float(t, INLAY_FLOAT64, NULL, &a, &err), &err);
        assert_ok(tensor_to_float(back, INLAY_FLOAT64, NULL, &b, &err), &err);
        for (size_t i = 0; i < N; i++) {
            double x, y;
            memcpy(&x, a->data + i * 8, 8);
            memcpy(&y, b->data + i * 8, 8);
            if (isnan(x))
                assert_true(isnan(y));
            else
                assert_memory_equal(t->data + i * size, back->data + i * size, size);
        }
        tensor_release(a);
        tensor_release(b);
        tensor_release(t);
        tensor_release(back);
        buffer_free(&text);
    }
}

static void dtypes_without_json_say_so(void **state) {
    (void)state;
    static const dtype types[] = {INLAY_COMPLEX64, INLAY_FLOAT8_E5M2};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        tensor *t;
        inlay_error err;
        buffer out = {0};
        shape dims = shape_scalar();
        assert_ok(tensor_new_zero(types[i], &dims, NULL, &t, &err), &err);
        assert_status(INLAY_UNIMPLEMENTED, tensor_to_json(t, &out, &err), &err);
        tensor_release(t);
        buffer_free(&out);
    }
    tensor *t;
    inlay_error err;
    buffer out = {0};
    shape dims = shape_matrix(INT64_MAX, 0);
    assert_ok(tensor_new_zero(INLAY_FLOAT32, &dims, NULL, &t, &err), &err);
    assert_status(INLAY_RESOURCE_EXHAUSTED, tensor_to_json(t, &out, &err), &err);
    tensor_release(t);
    buffer_free(&out);
}

static void files_are_written_and_read(void **state) {
    tensor *t, *back;
    inlay_error err;
    const char *path = scratch_path(state, "a.json");
    assert_ok(read_text("[[\"x\"], [{\"b64\": \"/w==\"}]]", 0, &t, &err), &err);
    assert_ok(tensor_json_write(t, path, &err), &err);
    static const char wanted[] = "[[\"x\"], [{\"b64\": \"/w==\"}]]\n";
    assert_true(scratch_holds(path, wanted, sizeof wanted - 1));
    assert_ok(tensor_json_read(path, INLAY_INVALID_DTYPE, &back, &err), &err);
    assert_true(bytes_is(tensor_string(back, 1), "\xff"));
    tensor_release(t);
    tensor_release(back);
    assert_status(INLAY_NOT_FOUND, tensor_json_read(scratch_path(state, "b.json"), 0, &t, &err), &err);
}

/* RFC 4648, section 10. */
static void base64_is_as_its_rfc_has_it(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    buffer out = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&out);
        base64_encode(bytes_of(cases[i][0]), &out);
        assert_true(bytes_is(buffer_bytes(&out), cases[i][1]));
        buffer_clear(&out);
        assert_true(base64_decode(bytes_of(cases[i][1]), &out));
        assert_true(bytes_is(buffer_bytes(&out), cases[i][0]));
    }
    static const char *const wrong[] = {"Z", "Zg=", "Zg===", "=", "====", "Z===", "Zm9vY", "Zm 9v", "Zg==Zg=="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        buffer_clear(&out);
        if (base64_decode(bytes_of(wrong[i]), &out)) fail_msg("\"%s\" was read", wrong[i]);
    }
    buffer_clear(&out);
    assert_true(base64_decode(bytes_of("-_-_"), &out));
    assert_memory_equal(out.data, "\xfb\xff\xbf", 3);
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_becomes_tensors_and_back),
        cmocka_unit_test(what_fits_no_tensor_names_the_index),
        cmocka_unit_test(every_float_is_written_to_be_read_back),
        cmocka_unit_test(dtypes_without_json_say_so),
        cmocka_unit_test_setup_teardown(files_are_written_and_read, scratch_make, scratch_remove),
        cmocka_unit_test(base64_is_as_its_rfc_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

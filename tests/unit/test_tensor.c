#include "unit/unit.h"

#include "base/num.h"
#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int released;
static void count_release(void *user) {
    assert_ptr_equal(user, &released);
    released++;
}

static void a_tensor_is_aligned_zeroed_and_writable(void **state) {
    (void)state;
    inlay_error err;
    tensor *t;
    shape dims = {3, {2, 3, 4}};
    assert_ok(tensor_new_zero(INLAY_FLOAT64, &dims, NULL, &t, &err), &err);
    assert_int_equal(24, t->count);
    assert_int_equal(192, t->size);
    assert_int_equal(0, (uintptr_t)t->data % 64);
    for (int i = 0; i < 192; i++) assert_int_equal(0, t->data[i]);
    assert_true(tensor_is_writable(t));
    tensor_retain(t);
    assert_false(tensor_is_writable(t));
    tensor_release(t);
    assert_true(tensor_is_writable(t));
    tensor_release(t);
    tensor_release(NULL);
}

static void an_empty_tensor_has_an_address(void **state) {
    (void)state;
    inlay_error err;
    tensor *t;
    shape dims = shape_matrix(0, 7);
    assert_ok(tensor_new(INLAY_FLOAT32, &dims, NULL, &t, &err), &err);
    assert_non_null(t->data);
    assert_int_equal(0, t->count);
    tensor_release(t);
    assert_ok(tensor_wrap(INLAY_FLOAT32, &dims, NULL, NULL, NULL, &t, &err), &err);
    assert_non_null(t->data);
    tensor_release(t);
}

static void what_is_no_tensor_is_refused(void **state) {
    static const struct {
        dtype type;
        shape dims;
        bool can_wrap;
    } cases[] = {
        {INLAY_STRING, {1, {3}}, false},
        {INLAY_RESOURCE, {0, {0}}, true},
        {INLAY_INVALID_DTYPE, {0, {0}}, false},
        {(dtype)77, {0, {0}}, false},
        {INLAY_FLOAT32, {1, {-1}}, false},
        {INLAY_FLOAT32, {-1, {0}}, false},
        {INLAY_FLOAT32, {17, {1}}, false},
        {INLAY_FLOAT64, {2, {1LL << 31, 1LL << 31}}, false},
        {INLAY_FLOAT32, {2, {INT64_MAX, 2}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        tensor *t = (tensor *)state;
        assert_status(INLAY_INVALID_ARGUMENT, tensor_new(cases[i].type, &cases[i].dims, NULL, &t, &err), &err);
        assert_null(t);
        t = (tensor *)state;
        released = 0;
        inlay_status status = tensor_wrap(cases[i].type, &cases[i].dims, "", count_release, &released, &t, &err);
        assert_int_equal(cases[i].can_wrap ? INLAY_OK : INLAY_INVALID_ARGUMENT, status);
        assert_int_equal(cases[i].can_wrap, t != NULL);
        tensor_release(t);
        assert_int_equal(1, released);
    }
}

static void memory_that_is_not_there_is_an_error(void **state) {
    inlay_error err;
    tensor *t = (tensor *)state;
    shape dims = shape_vector((int64_t)1 << 60);
    assert_status(INLAY_RESOURCE_EXHAUSTED, tensor_new(INLAY_INT8, &dims, NULL, &t, &err), &err);
    assert_null(t);
    assert_contains(err.message, "[1152921504606846976]");
}

static void wrapped_memory_is_given_back_once(void **state) {
    (void)state;
    inlay_error err;
    tensor *t, *view, *row;
    float data[6] = {1, 2, 3, 4, 5, 6};
    shape dims = shape_matrix(3, 2), flat = shape_vector(6);
    released = 0;
    assert_ok(tensor_wrap(INLAY_FLOAT32, &dims, data, count_release, &released, &t, &err), &err);
    assert_ptr_equal(data, t->data);
    assert_false(tensor_is_writable(t));
    assert_ok(tensor_reshape(t, &flat, &view, &err), &err);
    assert_ok(tensor_rows(view, 2, 3, &row, &err), &err);
    tensor_release(t);
    tensor_release(view);
    assert_int_equal(0, released);
    assert_int_equal(3, row->count);
    assert_int_equal(12, row->size);
    assert_true(tensor_f32(row)[0] == 3 && tensor_f32(row)[2] == 5);
    tensor_release(row);
    assert_int_equal(1, released);
}

static void a_view_has_as_many_elements(void **state) {
    inlay_error err;
    tensor *t, *view = (tensor *)state;
    shape dims = shape_matrix(3, 2), wrong = shape_vector(5), unknown = {2, {-1, 2}};
    assert_ok(tensor_new_zero(INLAY_INT32, &dims, NULL, &t, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, tensor_reshape(t, &wrong, &view, &err), &err);
    assert_null(view);
    assert_contains(err.message, "[3, 2] to [5]");
    assert_status(INLAY_INVALID_ARGUMENT, tensor_reshape(t, &unknown, &view, &err), &err);
    static const int64_t bad[][2] = {{-1, 1}, {0, 4}, {4, 0}, {1, -1}, {INT64_MAX, 1}, {1, INT64_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(INLAY_OUT_OF_RANGE, tensor_rows(t, bad[i][0], bad[i][1], &view, &err), &err);
    tensor_release(t);
    dims = shape_scalar();
    assert_ok(tensor_new_zero(INLAY_INT32, &dims, NULL, &t, &err), &err);
    assert_status(INLAY_OUT_OF_RANGE, tensor_rows(t, 0, 0, &view, &err), &err);
    tensor_release(t);
}

/* ---- strings */

static tensor *strings_of(const char *const *texts, const size_t *sizes, const shape *dims) {
    inlay_error err;
    string_builder b;
    tensor *t;
    assert_ok(string_builder_init(&b, dims, NULL, &err), &err);
    for (int64_t i = 0; i < b.count; i++) {
        inlay_status status = string_builder_add(&b, bytes_make(texts[i], sizes[i]), &err);
        assert_int_equal(INLAY_OK, status);
    }
    assert_ok(string_builder_finish(&b, &t, &err), &err);
    return t;
}

static void strings_keep_their_bytes(void **state) {
    (void)state;
    static const char *const texts[] = {"one", "", "a\0b", "\xff\xfe", "five", "six"};
    static const size_t sizes[] = {3, 0, 3, 2, 4, 3};
    inlay_error err;
    shape dims = shape_matrix(3, 2);
    tensor *t = strings_of(texts, sizes, &dims), *rows, *again, *flat;
    shape six = shape_vector(6);
    assert_ok(tensor_rows(t, 1, 2, &rows, &err), &err);
    assert_ok(tensor_copy(rows, NULL, &again, &err), &err);
    assert_ok(tensor_reshape(t, &six, &flat, &err), &err);
    for (int64_t i = 0; i < 6; i++) {
        bytes wanted = bytes_make(texts[i], sizes[i]);
        assert_true(bytes_equal(wanted, tensor_string(t, i)));
        assert_true(bytes_equal(wanted, tensor_string(flat, i)));
        if (i < 2) continue;
        assert_true(bytes_equal(wanted, tensor_string(rows, i - 2)));
        assert_true(bytes_equal(wanted, tensor_string(again, i - 2)));
    }
    assert_int_equal(12, again->size);
    tensor_release(t);
    tensor_release(flat);
    assert_true(bytes_is(tensor_string(rows, 2), "five"));
    tensor_release(rows);
    tensor_release(again);
}

static void the_builder_takes_as_many_strings_as_the_shape_has(void **state) {
    inlay_error err;
    string_builder b;
    tensor *t = (tensor *)state;
    shape two = shape_vector(2), none = shape_vector(0), absurd = shape_vector(INT64_MAX / 2), unknown = {1, {-1}};
    assert_ok(string_builder_init(&b, &two, NULL, &err), &err);
    assert_ok(string_builder_add(&b, bytes_of("x"), &err), &err);
    assert_status(INLAY_INTERNAL, string_builder_finish(&b, &t, &err), &err);
    assert_null(t);
    string_builder_free(&b);
    assert_ok(string_builder_init(&b, &none, NULL, &err), &err);
    assert_status(INLAY_INTERNAL, string_builder_add(&b, bytes_of("x"), &err), &err);
    assert_ok(string_builder_finish(&b, &t, &err), &err);
    assert_int_equal(0, t->count);
    tensor_release(t);
    assert_status(INLAY_INVALID_ARGUMENT, string_builder_init(&b, &absurd, NULL, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, string_builder_init(&b, &unknown, NULL, &err), &err);
}

static void offsets_that_do_not_fit_give_empty_strings(void **state) {
    (void)state;
    static const uint64_t tables[][3] = {{0, 9, 4}, {3, 1, 4}, {UINT64_MAX, UINT64_MAX, 4}, {5, 6, 4}};
    inlay_error err;
    shape dims = shape_vector(2);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        uint8_t unaligned[sizeof tables[0] + 1];
        memcpy(unaligned + 1, tables[i], sizeof tables[0]);
        tensor *t;
        assert_ok(tensor_wrap_strings(&dims, "abcd", 4, unaligned + 1, NULL, NULL, &t, &err), &err);
        assert_int_equal(0, tensor_string(t, 0).size);
        tensor_release(t);
    }
}

/* ---- budgets */

static void a_budget_is_charged_and_given_back(void **state) {
    (void)state;
    inlay_error err;
    mem_budget budget;
    mem_budget_init(&budget, 1000);
    shape dims = shape_vector(200), one = shape_vector(1);
    tensor *a, *b, *view;
    assert_ok(tensor_new(INLAY_FLOAT32, &dims, &budget, &a, &err), &err);
    assert_int_equal(800, budget.used);
    assert_status(INLAY_RESOURCE_EXHAUSTED, tensor_new(INLAY_FLOAT32, &dims, &budget, &b, &err), &err);
    assert_null(b);
    assert_contains(err.message, "memory budget");
    assert_status(INLAY_RESOURCE_EXHAUSTED, tensor_copy(a, &budget, &b, &err), &err);
    assert_ok(tensor_rows(a, 0, 10, &view, &err), &err);
    assert_int_equal(800, budget.used);
    tensor_release(a);
    assert_int_equal(800, budget.used);
    tensor_release(view);
    assert_int_equal(0, budget.used);
    assert_int_equal(800, budget.peak);
    string_builder s;
    shape many = shape_vector((int64_t)1 << 40); /* refused before any of it is asked of the system */
    assert_status(INLAY_RESOURCE_EXHAUSTED, string_builder_init(&s, &many, &budget, &err), &err);
    assert_int_equal(0, budget.used);
    assert_ok(string_builder_init(&s, &one, &budget, &err), &err);
    char long_text[2000] = {0};
    assert_status(INLAY_RESOURCE_EXHAUSTED, string_builder_add(&s, bytes_make(long_text, sizeof long_text), &err),
                  &err);
    string_builder_free(&s);
    assert_int_equal(0, budget.used);
    assert_ok(string_builder_init(&s, &one, &budget, &err), &err);
    assert_ok(string_builder_add(&s, bytes_of("short"), &err), &err);
    assert_ok(string_builder_finish(&s, &a, &err), &err);
    assert_true(budget.used > 0);
    tensor_release(a);
    assert_int_equal(0, budget.used);
}

static void a_budget_does_not_overflow(void **state) {
    (void)state;
    mem_budget budget;
    mem_budget_init(&budget, UINT64_MAX);
    assert_true(mem_budget_charge(&budget, UINT64_MAX - 5));
    assert_false(mem_budget_charge(&budget, 6));
    assert_true(mem_budget_charge(&budget, 5));
    mem_budget_return(&budget, UINT64_MAX);
    assert_int_equal(0, budget.used);
}

/* ---- numbers */

static void scalars_are_read_whatever_their_dtype(void **state) {
    (void)state;
    static const struct {
        dtype type;
        uint8_t bytes[8];
        int64_t value;
    } cases[] = {
        {INLAY_INT8, {0xfe}, -2},
        {INLAY_UINT8, {0xfe}, 254},
        {INLAY_BOOL, {1}, 1},
        {INLAY_INT16, {0xfe, 0xff}, -2},
        {INLAY_UINT16, {0xfe, 0xff}, 65534},
        {INLAY_INT32, {0xfe, 0xff, 0xff, 0xff}, -2},
        {INLAY_UINT32, {0xfe, 0xff, 0xff, 0xff}, 4294967294},
        {INLAY_INT64, {0, 0, 0, 0, 0, 0, 0, 0x80}, INT64_MIN},
    };
    inlay_error err;
    shape dims = shape_scalar(), two = shape_vector(2);
    int64_t value;
    tensor *t;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t unaligned[9];
        memcpy(unaligned + 1, cases[i].bytes, 8);
        assert_ok(tensor_wrap(cases[i].type, &dims, unaligned + 1, NULL, NULL, &t, &err), &err);
        assert_ok(tensor_scalar_int(t, "k", &value, &err), &err);
        assert_int_equal(cases[i].value, value);
        tensor_release(t);
    }
    assert_ok(tensor_from_f32(1, &t, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, tensor_scalar_int(t, "k", &value, &err), &err);
    assert_contains(err.message, "k must be an integer, not float32");
    tensor_release(t);
    assert_ok(tensor_from_string(bytes_of("7"), &t, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, tensor_scalar_int(t, "k", &value, &err), &err);
    tensor_release(t);
    assert_ok(tensor_new_zero(INLAY_INT32, &two, NULL, &t, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, tensor_scalar_int(t, "k", &value, &err), &err);
    assert_contains(err.message, "k must be a scalar, not [2]");
    assert_status(INLAY_INVALID_ARGUMENT, tensor_as_int(t, 2, "k", &value, &err), &err);
    tensor_release(t);
}

static void any_number_becomes_a_float(void **state) {
    (void)state;
    static const struct {
        dtype type;
        uint8_t bytes[8];
        double value;
    } cases[] = {
        {INLAY_INT8, {0xfe}, -2},
        {INLAY_UINT8, {0xfe}, 254},
        {INLAY_BOOL, {1}, 1},
        {INLAY_INT16, {0xfe, 0xff}, -2},
        {INLAY_UINT16, {0xfe, 0xff}, 65534},
        {INLAY_INT32, {0xfe, 0xff, 0xff, 0xff}, -2},
        {INLAY_UINT32, {0xfe, 0xff, 0xff, 0xff}, 4294967294},
        {INLAY_INT64, {0, 0, 0, 0, 0, 0, 0, 0x80}, -9223372036854775808.0},
        {INLAY_UINT64, {0, 0, 0, 0, 0, 0, 0, 0x80}, 9223372036854775808.0},
        {INLAY_FLOAT16, {0x00, 0xc0}, -2},
        {INLAY_BFLOAT16, {0x20, 0x40}, 2.5},
        {INLAY_FLOAT32, {0, 0, 0x20, 0x40}, 2.5},
        {INLAY_FLOAT64, {0, 0, 0, 0, 0, 0, 0x04, 0x40}, 2.5},
    };
    static const dtype wanted[] = {INLAY_FLOAT32, INLAY_FLOAT64};
    inlay_error err;
    shape dims = shape_matrix(1, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int w = 0; w < 2; w++) {
            uint8_t unaligned[9];
            memcpy(unaligned + 1, cases[i].bytes, 8);
            tensor *t, *converted;
            assert_ok(tensor_wrap(cases[i].type, &dims, unaligned + 1, NULL, NULL, &t, &err), &err);
            assert_ok(tensor_to_float(t, wanted[w], NULL, &converted, &err), &err);
            assert_int_equal(wanted[w], converted->type);
            assert_true(shape_equal(&dims, &converted->dims));
            double value;
            if (w)
                memcpy(&value, converted->data, 8);
            else
                value = (double)load_f32(converted->data);
            assert_true(value == (w ? cases[i].value : (double)(float)cases[i].value));
            assert_int_equal(cases[i].type == wanted[w], converted == t);
            tensor_release(t);
            tensor_release(converted);
        }
}

static void what_is_no_number_does_not_become_one(void **state) {
    static const dtype types[] = {INLAY_COMPLEX64, INLAY_QINT8, INLAY_FLOAT8_E5M2, INLAY_INT4};
    inlay_error err;
    shape dims = shape_scalar();
    tensor *t, *converted = (tensor *)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_ok(tensor_new_zero(types[i], &dims, NULL, &t, &err), &err);
        assert_status(INLAY_INVALID_ARGUMENT, tensor_to_float(t, INLAY_FLOAT32, NULL, &converted, &err), &err);
        assert_null(converted);
        assert_contains(err.message, dtype_name(types[i]));
        tensor_release(t);
    }
    assert_ok(tensor_from_string(bytes_of("1"), &t, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, tensor_to_float(t, INLAY_FLOAT32, NULL, &converted, &err), &err);
    tensor_release(t);
    assert_ok(tensor_from_i64(1, &t, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, tensor_to_float(t, INLAY_INT32, NULL, &converted, &err), &err);
    tensor_release(t);
}

static void only_unaligned_data_is_copied_to_align_it(void **state) {
    (void)state;
    static _Alignas(16) uint8_t data[64];
    static const dtype types[] = {INLAY_INT8, INLAY_FLOAT16, INLAY_FLOAT32, INLAY_FLOAT64, INLAY_COMPLEX128};
    inlay_error err;
    shape dims = shape_vector(2);
    for (size_t i = 0; i < 64; i++) data[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (size_t offset = 0; offset <= 16; offset++) {
            size_t unit = dtype_size(types[i]) == 16 ? 8 : dtype_size(types[i]);
            tensor *t, *aligned;
            assert_ok(tensor_wrap(types[i], &dims, data + offset, NULL, NULL, &t, &err), &err);
            assert_ok(tensor_aligned(t, NULL, &aligned, &err), &err);
            assert_int_equal(offset % unit == 0, aligned == t);
            assert_memory_equal(data + offset, aligned->data, 2 * dtype_size(types[i]));
            tensor_release(t);
            tensor_release(aligned);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_is_aligned_zeroed_and_writable),
        cmocka_unit_test(an_empty_tensor_has_an_address),
        cmocka_unit_test(what_is_no_tensor_is_refused),
        cmocka_unit_test(memory_that_is_not_there_is_an_error),
        cmocka_unit_test(wrapped_memory_is_given_back_once),
        cmocka_unit_test(a_view_has_as_many_elements),
        cmocka_unit_test(strings_keep_their_bytes),
        cmocka_unit_test(the_builder_takes_as_many_strings_as_the_shape_has),
        cmocka_unit_test(offsets_that_do_not_fit_give_empty_strings),
        cmocka_unit_test(a_budget_is_charged_and_given_back),
        cmocka_unit_test(a_budget_does_not_overflow),
        cmocka_unit_test(scalars_are_read_whatever_their_dtype),
        cmocka_unit_test(any_number_becomes_a_float),
        cmocka_unit_test(what_is_no_number_does_not_become_one),
        cmocka_unit_test(only_unaligned_data_is_copied_to_align_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

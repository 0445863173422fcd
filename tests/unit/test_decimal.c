#include "unit/unit.h"

#include "base/decimal.h"

#include <locale.h>
#include <math.h>
#include <string.h>

static void doubles_read_as_python_prints_them(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1.5e16, "1.5e+16"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {1e-4, "0.0001"},
        {1.25e-5, "1.25e-05"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-INFINITY, "-inf"},
        {INFINITY, "inf"},
        {NAN, "nan"},
        {9007199254740993.0, "9007199254740992.0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[DECIMAL_TEXT];
        assert_int_equal(decimal_from_double(cases[i].value, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void floats_get_no_more_digits_than_they_need(void **state) {
    (void)state;
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0.1f, "0.1"},
        {1e10f, "10000000000.0"},
        {16777216.f, "16777216.0"},
        {3.4028235e38f, "3.4028235e+38"},
        {1e-45f, "1.4013e-45"},
        {1.f / 3, "0.33333334"},
        {-2.5f, "-2.5"},
        {1e16f, "1e+16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[DECIMAL_TEXT];
        decimal_from_float(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void every_number_reads_back(void **state) {
    (void)state;
    uint64_t seed = 88172645463325252ull;
    for (int i = 0; i < 20000; i++) {
        char text[DECIMAL_TEXT];
        double value, back;
        float single;
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        memcpy(&value, &seed, sizeof value);
        memcpy(&single, &seed, sizeof single);
        if (isfinite(value)) {
            decimal_from_double(value, text);
            assert_true(decimal_to_double(bytes_of(text), &back));
            assert_memory_equal(&back, &value, sizeof back);
        }
        if (isfinite(single)) {
            decimal_from_float(single, text);
            assert_true(decimal_to_double(bytes_of(text), &back));
            float narrow = (float)back;
            assert_memory_equal(&narrow, &single, sizeof narrow);
        }
    }
}

static void only_numbers_are_numbers(void **state) {
    (void)state;
    static const char *const good[] = {"1", "-1.5", "+2", ".5", "5.", "1e5", "1E-5", "1.e+05"};
    static const char *const bad[] = {"", "-", ".", "e5", "1e", "1e+", "1x", " 1", "1 ", "inf", "nan", "0x10", "1,5"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(decimal_to_double(bytes_of(good[i]), &value));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(decimal_to_double(bytes_of(bad[i]), &value));
    char longer[300];
    memset(longer, '1', sizeof longer);
    assert_true(decimal_to_double(bytes_make(longer, sizeof longer), &value));
    assert_true(value > 1e298);
}

int main(void) {
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is there: the comma must not matter */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_read_as_python_prints_them),
        cmocka_unit_test(floats_get_no_more_digits_than_they_need),
        cmocka_unit_test(every_number_reads_back),
        cmocka_unit_test(only_numbers_are_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

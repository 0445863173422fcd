#include "unit/unit.h"

#include "tensor/dtype.h"
#include "tensor/shape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
static uint32_t to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

/* The value that BITS stand for in a format of that many exponent and fraction bits, from the definition. */
static double definition(unsigned bits, int exponent_bits, int fraction_bits) {
    int bias = (1 << (exponent_bits - 1)) - 1, exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    double fraction = ldexp((double)(bits & ((1u << fraction_bits) - 1)), -fraction_bits);
    double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) return fraction == 0 ? sign * INFINITY : (double)NAN;
    return sign * (exponent ? ldexp(1 + fraction, exponent - bias) : ldexp(fraction, 1 - bias));
}

static const struct half_format {
    const char *name;
    int exponent_bits, fraction_bits;
    float (*widen)(uint16_t);
    uint16_t (*narrow)(float);
} formats[] = {{"float16", 5, 10, f16_to_f32, f32_to_f16}, {"bfloat16", 8, 7, bf16_to_f32, f32_to_bf16}};
enum { FORMATS = sizeof formats / sizeof *formats };

static void every_half_widens_to_what_it_means_and_back(void **state) {
    (void)state;
    for (int f = 0; f < FORMATS; f++)
        for (unsigned half = 0; half < 65536; half++) {
            const struct half_format *h = &formats[f];
            float value = h->widen((uint16_t)half);
            double wanted = definition(half, h->exponent_bits, h->fraction_bits);
            if (isnan(wanted)) {
                if (!isnan(value) || !isnan(h->widen(h->narrow(value)))) fail_msg("%s %04x: no NaN", h->name, half);
                continue;
            }
            if ((double)value != wanted || !signbit(value) != !signbit(wanted))
                fail_msg("%s %04x is %.9g, not %.9g", h->name, half, (double)value, wanted);
            if (h->narrow(value) != half) fail_msg("%s %04x came back as %04x", h->name, half, h->narrow(value));
        }
}

/* Narrowing by search: the nearest half of the same sign, the even one when two are as near. */
static uint16_t nearest(const struct half_format *h, float value) {
    unsigned infinity = (unsigned)((1 << h->exponent_bits) - 1) << h->fraction_bits;
    double magnitude = fabs((double)value), low_value, high_value;
    unsigned low = 0, high = infinity;
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (definition(middle, h->exponent_bits, h->fraction_bits) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    low_value = definition(low, h->exponent_bits, h->fraction_bits);
    /* the value that infinity's place would have if the exponents went on */
    high_value = high == infinity ? ldexp(1, (1 << (h->exponent_bits - 1)))
                                  : definition(high, h->exponent_bits, h->fraction_bits);
    double below = magnitude - low_value, above = high_value - magnitude;
    unsigned half = below < above || (below == above && low % 2 == 0) ? low : high;
    return (uint16_t)(half | (signbit(value) ? 0x8000u : 0));
}

static void check_narrowing(uint32_t bits) {
    float value = from_bits(bits);
    for (int f = 0; f < FORMATS; f++) {
        const struct half_format *h = &formats[f];
        if (isnan(value)) {
            assert_true(isnan(h->widen(h->narrow(value))));
        } else {
            unsigned wanted = isinf(value)
                                  ? to_bits(value) >> 31 << 15 | ((1u << h->exponent_bits) - 1) << h->fraction_bits
                                  : nearest(h, value);
            if (h->narrow(value) != wanted)
                fail_msg("%.9g (%08x) became %s %04x, not %04x", (double)value, bits, h->name, h->narrow(value),
                         wanted);
        }
    }
}

static void narrowing_rounds_to_nearest_even(void **state) {
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 200000; i++) check_narrowing((uint32_t)rand_r(&seed) << 16 ^ (uint32_t)rand_r(&seed));
    /* around every half and every midpoint between two */
    for (int f = 0; f < FORMATS; f++)
        for (unsigned half = 0; half < 65535; half += 1 + half % 3) {
            uint32_t here = to_bits(formats[f].widen((uint16_t)half));
            uint32_t next = to_bits(formats[f].widen((uint16_t)(half + 1)));
            uint32_t middle = here + (next - here) / 2;
            if (next < here) continue;
            for (uint32_t delta = 0; delta < 3; delta++) {
                check_narrowing(here + delta - 1);
                check_narrowing(middle + delta - 1);
            }
        }
}

static void names_and_values_are_tensorflows(void **state) {
    (void)state;
    static const struct {
        int value;
        const char *name, *proto_name;
        size_t size;
    } cases[] = {
        {1, "float32", "DT_FLOAT", 4},
        {2, "float64", "DT_DOUBLE", 8},
        {3, "int32", "DT_INT32", 4},
        {7, "string", "DT_STRING", 0},
        {9, "int64", "DT_INT64", 8},
        {10, "bool", "DT_BOOL", 1},
        {14, "bfloat16", "DT_BFLOAT16", 2},
        {19, "float16", "DT_HALF", 2},
        {18, "complex128", "DT_COMPLEX128", 16},
        {20, "resource", "DT_RESOURCE", 0},
        {22, "uint32", "DT_UINT32", 4},
        {23, "uint64", "DT_UINT64", 8},
        {24, "float8_e5m2", "DT_FLOAT8_E5M2", 1},
        {29, "int4", "DT_INT4", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dtype t = (dtype)cases[i].value;
        assert_true(dtype_is_valid(cases[i].value));
        assert_string_equal(cases[i].name, dtype_name(t));
        assert_int_equal(cases[i].value, dtype_of_name(cases[i].name));
        assert_int_equal(cases[i].value, dtype_of_name(cases[i].proto_name));
        assert_int_equal(cases[i].size, dtype_size(t));
    }
    static const int none[] = {0, -1, 33, 101, 119, 1 << 30};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(dtype_is_valid(none[i]));
        assert_int_equal(0, dtype_size((dtype)none[i]));
        assert_string_equal("invalid", dtype_name((dtype)none[i]));
    }
    assert_int_equal(INLAY_INVALID_DTYPE, dtype_of_name("float33"));
    assert_int_equal(INLAY_INVALID_DTYPE, dtype_of_name(""));
    assert_int_equal(INLAY_FLOAT16, dtype_of_name("half"));
}

static void a_dtype_is_of_one_kind(void **state) {
    (void)state;
    for (int t = -1; t < 40; t++) assert_false(dtype_is_float((dtype)t) && dtype_is_integer((dtype)t));
    assert_true(dtype_is_float(INLAY_BFLOAT16) && dtype_is_integer(INLAY_UINT64));
    assert_false(dtype_is_float(INLAY_COMPLEX64) || dtype_is_integer(INLAY_BOOL) || dtype_is_integer(INLAY_QINT8));
}

static void shapes_count_their_elements(void **state) {
    (void)state;
    static const struct {
        shape dims;
        bool known;
        int64_t count;
        const char *text;
    } cases[] = {
        {{0, {0}}, true, 1, "[]"},
        {{1, {5}}, true, 5, "[5]"},
        {{3, {2, 0, 3}}, true, 0, "[2, 0, 3]"},
        {{3, {INT64_MAX, INT64_MAX, 0}}, false, 0, "[9223372036854775807, 9223372036854775807, 0]"},
        {{2, {INT64_MAX, 1}}, true, INT64_MAX, "[9223372036854775807, 1]"},
        {{2, {1LL << 32, 1LL << 31}}, false, 0, "[4294967296, 2147483648]"},
        {{2, {-1, 3}}, false, 0, "[?, 3]"},
        {{-1, {0}}, false, 0, "<unknown rank>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t count = -7;
        char text[SHAPE_TEXT];
        assert_int_equal(cases[i].known, shape_elements(&cases[i].dims, &count));
        if (cases[i].known) assert_int_equal(cases[i].count, count);
        assert_string_equal(cases[i].text, shape_text(&cases[i].dims, text));
    }
    shape largest = {.rank = INLAY_MAX_RANK};
    for (int i = 0; i < INLAY_MAX_RANK; i++) largest.dims[i] = INT64_MAX;
    char text[SHAPE_TEXT];
    assert_int_equal(']', shape_text(&largest, text)[strlen(text) - 1]);
}

static void shapes_fit_what_is_declared(void **state) {
    (void)state;
    static const struct {
        shape actual, declared;
        bool fits;
    } cases[] = {
        {{2, {3, 4}}, {2, {3, 4}}, true}, {{2, {3, 4}}, {2, {-1, 4}}, true},  {{2, {3, 4}}, {2, {-1, -1}}, true},
        {{2, {3, 4}}, {-1, {0}}, true},   {{2, {3, 4}}, {2, {-1, 5}}, false}, {{2, {3, 4}}, {1, {-1}}, false},
        {{0, {0}}, {0, {0}}, true},       {{0, {0}}, {1, {-1}}, false},       {{1, {0}}, {1, {-1}}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cases[i].fits, shape_fits(&cases[i].actual, &cases[i].declared));
    shape a = shape_matrix(2, 3), b = shape_matrix(2, 3), c = shape_vector(6), d = shape_scalar();
    assert_true(shape_equal(&a, &b));
    assert_false(shape_equal(&a, &c) || shape_equal(&c, &d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_widens_to_what_it_means_and_back),
        cmocka_unit_test(narrowing_rounds_to_nearest_even),
        cmocka_unit_test(names_and_values_are_tensorflows),
        cmocka_unit_test(a_dtype_is_of_one_kind),
        cmocka_unit_test(shapes_count_their_elements),
        cmocka_unit_test(shapes_fit_what_is_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

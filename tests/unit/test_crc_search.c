#include "unit/unit.h"

#include "base/crc32c.h"
#include "edit/verify/crc_search.h"

#include <string.h>

static uint64_t state = 88172645463325252u;
static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11);
}

static void fill(uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) data[i] = (uint8_t)next();
}

static void zeros_and_shifts_are_those_of_data(void **unused) {
    (void)unused;
    static const uint8_t none[70000];
    assert_int_equal(4004437628u, crc32c_zeros(1024));
    assert_int_equal(1925235876u, crc32c_zeros(65536));
    for (size_t i = 0; i < 300; i++) {
        size_t n = next() % sizeof none;
        assert_int_equal(crc32c(0, none, n), crc32c_zeros(n));
        uint32_t v = next();
        assert_int_equal(v, crc32c_shift(crc32c_shift(v, n), CRC32C_PERIOD - n));
    }
}

static void a_flipped_bit_is_located(void **unused) {
    (void)unused;
    static uint8_t data[SEARCH_MOST];
    static const size_t sizes[] = {1, 2, 3, 4, 5, 100, 4096, 65537, SEARCH_MOST};
    fill(data, sizeof data);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int round = 0; round < 8; round++) {
            size_t size = sizes[i], at = round == 0 ? 0 : round == 1 ? size - 1 : next() % size;
            uint32_t bit = 1u << next() % 8, before = crc32c(0, data, size);
            data[at] ^= (uint8_t)bit;
            burst got = {0};
            assert_true(search_bit(before ^ crc32c(0, data, size), size, &got));
            assert_int_equal(at, got.at);
            assert_int_equal(bit, got.change);
            data[at] ^= (uint8_t)bit;
        }
    burst got;
    assert_false(search_bit(0, 1000, &got));
}

static void other_damage_is_no_flipped_bit(void **unused) {
    (void)unused;
    uint8_t data[4096];
    burst got;
    int named = 0;
    for (int round = 0; round < 400; round++) {
        fill(data, sizeof data);
        uint32_t before = crc32c(0, data, sizeof data);
        for (int k = 0; k < 2 + round % 5; k++) data[next() % sizeof data] ^= (uint8_t)(1 + next() % 255);
        uint32_t difference = before ^ crc32c(0, data, sizeof data);
        if (difference) named += search_bit(difference, sizeof data, &got);
    }
    assert_int_equal(0, named); /* 400 times 2^15 in 2^32 */
}

static void short_bursts_are_found(void **unused) {
    (void)unused;
    uint8_t data[300], changed[300];
    for (int round = 0; round < 300; round++) {
        fill(data, sizeof data);
        memcpy(changed, data, sizeof data);
        int n = 1 + round % 3;
        size_t at = next() % (sizeof data - 3);
        for (int k = 0; k < n; k++) changed[at + (size_t)k] ^= (uint8_t)(1 + next() % 255);
        burst got = {0};
        uint32_t difference = crc32c(0, data, sizeof data) ^ crc32c(0, changed, sizeof data);
        assert_true(search_burst(difference, sizeof data, n, &got));
        for (int k = 0; k < got.bytes; k++) changed[got.at + (size_t)k] ^= (uint8_t)(got.change >> (8 * k));
        assert_int_equal(crc32c(0, data, sizeof data), crc32c(0, changed, sizeof data));
    }
}

static void shifts_are_measured(void **unused) {
    (void)unused;
    static uint8_t file[40000];
    fill(file, sizeof file);
    bytes all = bytes_make(file, sizeof file);
    for (int round = 0; round < 200; round++) {
        uint64_t size = 1 + next() % 20000, at = next() % (sizeof file - size + 1);
        int64_t shift = (int64_t)(next() % (2 * SHIFT_REACH + 1)) - SHIFT_REACH, got = 0;
        if (shift == 0 || (int64_t)at + shift < 0 || at + (uint64_t)shift + size > sizeof file || size < 8) continue;
        uint32_t wanted = crc32c(0, file + (int64_t)at + shift, size), actual = crc32c(0, file + at, size);
        assert_true(search_shift(all, at, size, wanted, actual, true, &got));
        assert_int_equal(shift, got);
        got = 0;
        assert_true(search_shift(all, at, size, wanted, 0, false, &got));
        assert_int_equal(shift, got);
        assert_false(search_shift(all, at, size, wanted ^ next(), actual, true, &got));
    }
    int64_t got = 0; /* the file was cut: what should be at its end lies before */
    assert_true(search_shift(all, sizeof file - 900, 1000, crc32c(0, file + sizeof file - 1000, 1000), 0, false, &got));
    assert_int_equal(-100, got);
}

static void a_small_number_is_read_from_its_checksum(void **unused) {
    (void)unused;
    for (int i = 0; i < 100; i++) {
        uint64_t wide = next();
        uint32_t narrow = (uint32_t)wide, got;
        assert_true(search_number(crc32c(0, &wide, 8), 8, &got));
        assert_int_equal(narrow, got);
        assert_true(search_number(crc32c(0, &narrow, 4), 4, &got));
        assert_int_equal(narrow, got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_and_shifts_are_those_of_data),
        cmocka_unit_test(a_flipped_bit_is_located),
        cmocka_unit_test(other_damage_is_no_flipped_bit),
        cmocka_unit_test(short_bursts_are_found),
        cmocka_unit_test(shifts_are_measured),
        cmocka_unit_test(a_small_number_is_read_from_its_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

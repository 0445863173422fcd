#include "unit/unit.h"

#include "base/crc32c.h"

#include <stdlib.h>
#include <string.h>

/* Bit by bit, from the definition: polynomial 0x1edc6f41 reflected. */
static uint32_t simple_crc32c(uint32_t crc, const uint8_t *data, size_t size) {
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* RFC 3720, B.4, and the check value of the catalogue of CRC algorithms. */
static void known_sums(void **state) {
    (void)state;
    uint8_t zeros[32] = {0}, ones[32], rising[32], falling[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++) rising[i] = (uint8_t)i, falling[i] = (uint8_t)(31 - i);
    const struct {
        const void *data;
        size_t size;
        uint32_t sum;
    } cases[] = {
        {"", 0, 0},
        {"123456789", 9, 0xe3069283u},
        {"a", 1, 0xc1d04330u},
        {zeros, 32, 0x8a9136aau},
        {ones, 32, 0x62a8ab43u},
        {rising, 32, 0x46dd794eu},
        {falling, 32, 0x113fdb5cu},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cases[i].sum, crc32c(0, cases[i].data, cases[i].size));
}

static void sums_agree_with_the_definition_at_any_length_and_alignment(void **state) {
    (void)state;
    enum { N = 4200 };
    static uint8_t data[N];
    srand(3);
    for (size_t i = 0; i < N; i++) data[i] = (uint8_t)rand();
    for (size_t start = 0; start < 17; start++)
        for (size_t size = 0; size < 300; size++)
            assert_int_equal(simple_crc32c(5, data + start, size), crc32c(5, data + start, size));
    assert_int_equal(simple_crc32c(0, data + 1, N - 1), crc32c(0, data + 1, N - 1));
}

static void a_sum_goes_on_where_another_ended(void **state) {
    (void)state;
    static const char text[] = "the quick brown fox jumps over the lazy dog, twice";
    size_t n = sizeof text - 1;
    for (size_t cut = 0; cut <= n; cut++)
        assert_int_equal(crc32c(0, text, n), crc32c(crc32c(0, text, cut), text + cut, n - cut));
}

static void sums_combine_as_their_texts_do(void **state) {
    (void)state;
    enum { N = 70000 };
    static uint8_t data[N];
    srand(5);
    for (size_t i = 0; i < N; i++) data[i] = (uint8_t)rand();
    for (int round = 0; round < 200; round++) {
        size_t n = (size_t)rand() % N, cut = n ? (size_t)rand() % (n + 1) : 0;
        uint32_t a = crc32c(0, data, cut), b = crc32c(0, data + cut, n - cut);
        assert_int_equal(crc32c(0, data, n), crc32c_combine(a, b, n - cut));
    }
}

static void combining_needs_no_bytes_however_long(void **state) {
    (void)state;
    /* Appending 2^k zeros twice is appending 2^(k + 1) zeros: up to lengths that cannot be summed here. */
    uint32_t zeros = crc32c(0, "", 1);
    uint64_t length = 1;
    for (int k = 0; k < 62; k++) {
        uint32_t twice = crc32c_combine(zeros, zeros, length);
        uint32_t from_text = crc32c_combine(crc32c(0, "x", 1), twice, length * 2);
        assert_int_equal(from_text, crc32c_combine(crc32c_combine(crc32c(0, "x", 1), zeros, length), zeros, length));
        zeros = twice;
        length *= 2;
    }
}

static void masking_is_undone_by_unmasking(void **state) {
    (void)state;
    assert_int_equal(0xa282ead8u, crc32c_mask(0));
    uint32_t value = 1;
    for (int i = 0; i < 1000; i++, value = value * 2654435761u + 1) {
        assert_int_equal(value, crc32c_unmask(crc32c_mask(value)));
        assert_int_not_equal(value, crc32c_mask(value));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_sums),
        cmocka_unit_test(sums_agree_with_the_definition_at_any_length_and_alignment),
        cmocka_unit_test(a_sum_goes_on_where_another_ended),
        cmocka_unit_test(sums_combine_as_their_texts_do),
        cmocka_unit_test(combining_needs_no_bytes_however_long),
        cmocka_unit_test(masking_is_undone_by_unmasking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Fields of CSV records, characters of encodings, unpacking within a budget. */
#include "unit/unit.h"

#include "kernel/text/csv.h"
#include "kernel/text/encoding.h"
#include "kernel/text/inflate.h"

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

/* Fields as one text, '|' behind each. */
static const char *cut(const char *record, const csv_rules *rules, size_t most, char out[200]) {
    buffer text = {0}, ends = {0};
    const char *problem = csv_fields(bytes_of(record), rules, most, &text, &ends);
    size_t from = 0;
    char *to = out;
    for (size_t i = 0; i < ends.size / sizeof(uint64_t); i++) {
        uint64_t end;
        memcpy(&end, ends.data + i * sizeof end, sizeof end);
        to += snprintf(to, 20, "%.*s|", (int)(end - from), (const char *)text.data + from);
        from = (size_t)end;
    }
    *to = 0;
    buffer_free(&text);
    buffer_free(&ends);
    return problem ? problem : out;
}

static void fields_of_records(void **state) {
    static const struct {
        const char *record, *fields;
    } cases[] = {
        {"a,b", "a|b|"},
        {"a,", "a||"},
        {",", "||"},
        {"", ""},
        {"\"a,b\",\"c\"\"d\"", "a,b|c\"d|"},
        {"a\n", "Unquoted fields cannot have quotes/CRLFs inside"},
        {"\"a", "Quoted field has to end with quote followed by delim or end"},
        {"\"a\"b\",c", "Quote inside a string has to be escaped by another quote"},
    };
    char out[200];
    const csv_rules rules = {.delimiter = ',', .quotes = true};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(cut(cases[i].record, &rules, 10, out), cases[i].fields);
}

static void only_wanted_columns_are_kept(void **state) {
    static const int64_t columns[] = {1, 3};
    const csv_rules rules = {.delimiter = ';', .columns = columns, .n_columns = 2};
    char out[200];
    (void)state;
    assert_string_equal(cut("a;b;c;d;e", &rules, 2, out), "b|d|");
    assert_string_equal(cut("a;b", &rules, 2, out), "b|");
}

static void a_record_of_many_fields_is_left_early(void **state) {
    char record[4001], out[200];
    const csv_rules rules = {.delimiter = ','};
    (void)state;
    memset(record, ',', sizeof record - 1);
    record[sizeof record - 1] = 0;
    assert_string_equal(cut(record, &rules, 3, out), "||||");
}

static void every_character_comes_back(void **state) {
    static const encoding encodings[] = {ENCODING_UTF8, ENCODING_UTF16_BE, ENCODING_UTF32_BE};
    buffer b = {0};
    (void)state;
    for (int e = 0; e < 3; e++)
        for (uint32_t code = 0; code < 0x110000; code += code < 0x3000 ? 1 : 251) {
            uint32_t found;
            bool bad;
            if (!unicode_is_character(code)) continue;
            buffer_clear(&b);
            encoding_put(encodings[e], code, &b);
            assert_int_equal(encoding_next(encodings[e], b.data, b.data + b.size, &found, &bad), b.size);
            assert_false(bad);
            assert_int_equal(found, code);
        }
    buffer_free(&b);
}

static void encodings_have_many_spellings(void **state) {
    encoding e;
    (void)state;
    assert_true(encoding_find(bytes_of("utf_16-be"), &e) && e == ENCODING_UTF16_BE);
    assert_true(encoding_find(bytes_of("latin1"), &e) && e == ENCODING_LATIN1);
    assert_false(encoding_find(bytes_of("a-name-that-is-much-too-long"), &e));
    assert_false(encoding_find(bytes_of(""), &e));
}

static void unpacking_stays_within_its_budget(void **state) {
    enum { SIZE = 8 << 20 };
    uint8_t *zeros = calloc(1, SIZE), packed[20000];
    uLongf size = sizeof packed;
    buffer out = {0};
    uint64_t charged = 0;
    inlay_error err;
    mem_budget budget;
    (void)state;
    assert_int_equal(compress(packed, &size, zeros, SIZE), Z_OK);
    assert_int_equal(inflate_bytes(bytes_make(packed, size), INFLATE_ZLIB, NULL, &charged, &out, &err), INLAY_OK);
    assert_int_equal(out.size, SIZE);
    buffer_clear(&out);
    mem_budget_init(&budget, 1 << 20);
    assert_int_equal(inflate_bytes(bytes_make(packed, size), INFLATE_ZLIB, &budget, &charged, &out, &err),
                     INLAY_RESOURCE_EXHAUSTED);
    assert_true(out.size <= 1 << 20 && charged <= 1 << 20);
    packed[0] ^= 0xff;
    assert_int_equal(inflate_bytes(bytes_make(packed, size), INFLATE_ZLIB, NULL, &charged, &out, &err),
                     INLAY_DATA_LOSS);
    buffer_free(&out);
    free(zeros);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_records),
        cmocka_unit_test(only_wanted_columns_are_kept),
        cmocka_unit_test(a_record_of_many_fields_is_left_early),
        cmocka_unit_test(every_character_comes_back),
        cmocka_unit_test(encodings_have_many_spellings),
        cmocka_unit_test(unpacking_stays_within_its_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit/unit.h"

#include "base/num.h"
#include "proto/splice.h"
#include "proto/wire.h"

#include <stdio.h>
#include <string.h>

#define RAW(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define BYTES(text) ((bytes)RAW(text))

static inlay_status walk(bytes message, size_t *fields, inlay_error *err) {
    wire_reader r = wire_open(message, "f.pb", NULL);
    for (*fields = 0;; ++*fields) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
    }
}

static void malformed_bytes_are_named_with_their_place(void **state) {
    (void)state;
    static const struct {
        bytes message;
        const char *what;
        int64_t offset;
    } cases[] = {
        {RAW("\x08"), "cut or too long", 1},
        {RAW("\x08\x80"), "cut or too long", 1},
        {RAW("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "cut or too long", 1},
        {RAW("\x08\x01\x00\x01"), "field number", 2},
        {RAW("\xf8\xff\xff\xff\xff\x01\x01"), "field number", 0},
        {RAW("\x09\x01\x02\x03"), "cut", 0},
        {RAW("\x0d\x01\x02\x03"), "cut", 0},
        {RAW("\x0a\x02\x01"), "beyond the end", 0},
        {RAW("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "beyond the end", 0},
        {RAW("\x0e\x01"), "wire type", 0},
        {RAW("\x0c"), "the end of no group", 0},
        {RAW("\x0b\x08\x01"), "no end", 1},
        {RAW("\x0b\x14"), "ends as another", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        size_t fields;
        assert_status(INLAY_DATA_LOSS, walk(cases[i].message, &fields, &err), &err);
        assert_contains(err.message, cases[i].what);
        assert_contains(err.message, "f.pb");
        assert_int_equal(err.offset, cases[i].offset);
    }
    uint8_t nested[201];
    memset(nested, 0x0b, 101); /* a group in a group, 101 times */
    memset(nested + 101, 0x0c, 100);
    inlay_error err;
    size_t fields;
    assert_status(INLAY_DATA_LOSS, walk(bytes_make(nested, 201), &fields, &err), &err);
    assert_contains(err.message, "nested too deep");
    assert_ok(walk(bytes_make(nested + 1, 200), &fields, &err), &err);
    assert_int_equal(fields, 1);
}

static void what_is_written_is_walked(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0}, inner = {0};
    wire_put_uint(&b, 1, UINT64_MAX);
    wire_put_fixed32(&b, 2, 0x12345678);
    wire_put_fixed64(&b, 3, 0x123456789abcdef0);
    wire_put_text(&b, 4, "text");
    wire_put_uint(&inner, 1, 5);
    wire_put_map(&b, 5, bytes_of("key"), &inner);
    size_t mark = wire_begin(&b, 6);
    for (int i = 0; i < 300; i++) wire_put_varint(&b, 1); /* its length takes two bytes */
    wire_end(&b, mark);
    wire_put_float(&b, 536870911, 1.5f);
    wire_reader r = wire_open(buffer_bytes(&b), NULL, NULL);
    wire_field f[8];
    bool got, found;
    for (int i = 0; i < 7; i++) assert_ok(wire_next(&r, &f[i], &got, &err), &err);
    assert_ok(wire_next(&r, &f[7], &got, &err), &err);
    assert_false(got);
    assert_true(f[0].value == UINT64_MAX && f[1].value == 0x12345678 && f[2].value == 0x123456789abcdef0);
    assert_true(bytes_is(f[3].data, "text") && f[3].whole.size == 6);
    bytes key, value;
    assert_ok(wire_map_entry(&r, &f[4], &key, &value, &err), &err);
    assert_true(bytes_is(key, "key") && bytes_equal(value, buffer_bytes(&inner)));
    assert_int_equal(f[5].data.size, 300);
    assert_int_equal(f[6].number, 536870911);
    assert_int_equal(f[6].value, 0x3fc00000);
    assert_ok(wire_find(buffer_bytes(&b), 4, NULL, &f[7], &found, &err), &err);
    assert_true(found && bytes_is(f[7].data, "text"));
    assert_ok(wire_find(buffer_bytes(&b), 7, NULL, &f[7], &found, &err), &err);
    assert_false(found);
    assert_status(INLAY_DATA_LOSS, wire_expect(&r, &f[3], WIRE_VARINT, &err), &err);
    buffer_free(&b);
    buffer_free(&inner);
}

static inlay_status sum(void *ctx, uint64_t value, inlay_error *err) {
    (void)err;
    *(uint64_t *)ctx = *(uint64_t *)ctx * 1000 + value;
    return INLAY_OK;
}

static void repeated_numbers_may_be_packed(void **state) {
    (void)state;
    static const struct {
        bytes message;
        int element;
        uint64_t sum;
        inlay_status status;
    } cases[] = {
        {RAW("\x08\x05"), WIRE_VARINT, 5, INLAY_OK},
        {RAW("\x0a\x03\x05\x06\x07"), WIRE_VARINT, 5006007, INLAY_OK},
        {RAW("\x0a\x00"), WIRE_VARINT, 0, INLAY_OK},
        {RAW("\x0a\x08\x01\0\0\0\x02\0\0\0"), WIRE_FIXED32, 1002, INLAY_OK},
        {RAW("\x0a\x08\x01\0\0\0\0\0\0\0"), WIRE_FIXED64, 1, INLAY_OK},
        {RAW("\x0a\x03\x01\0\0"), WIRE_FIXED32, 0, INLAY_DATA_LOSS},
        {RAW("\x0a\x01\x80"), WIRE_VARINT, 0, INLAY_DATA_LOSS},
        {RAW("\x0d\x01\0\0\0"), WIRE_VARINT, 0, INLAY_DATA_LOSS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        wire_reader r = wire_open(cases[i].message, NULL, NULL);
        wire_field field;
        bool got;
        uint64_t total = 0;
        assert_ok(wire_next(&r, &field, &got, &err), &err);
        assert_status(cases[i].status, wire_numbers(&r, &field, cases[i].element, sum, &total, &err), &err);
        if (cases[i].status == INLAY_OK) assert_int_equal(total, cases[i].sum);
    }
}

/* ---- splicing; the message is {1: {1: "a" 2: "b"} 2: 7 3: {}} */

static const uint8_t message[] = "\x0a\x06\x0a\x01"
                                 "a"
                                 "\x12\x01"
                                 "b"
                                 "\x10\x07\x1a\x00";
enum { MESSAGE = sizeof message - 1 };

static void expect_spliced(splice *s, bytes wanted) {
    inlay_error err;
    buffer out = {0};
    assert_ok(splice_to_buffer(s, bytes_make(message, MESSAGE), "f.pb", &out, &err), &err);
    assert_int_equal(out.size, wanted.size);
    if (wanted.size) assert_memory_equal(out.data, wanted.data, wanted.size);
    buffer_free(&out);
    splice_free(s);
}

static void edits_change_nothing_else(void **state) {
    (void)state;
    inlay_error err;
    const bytes whole = bytes_make(message, MESSAGE), outer = bytes_make(message, 8),
                inside = bytes_make(message + 2, 6);
    const bytes a = bytes_make(message + 2, 3), b = bytes_make(message + 5, 3), number = bytes_make(message + 8, 2);
    const bytes empty = bytes_make(message + 12, 0), added = BYTES("\x28\x01");
    splice s = {0};
    expect_spliced(&s, whole);
    splice_replace(&s, a, BYTES("\x0a\x03xyz"));
    splice_after(&s, b, added);
    expect_spliced(&s, BYTES("\x0a\x0a\x0a\x03xyz\x12\x01"
                             "b"
                             "\x28\x01\x10\x07\x1a\x00"));
    splice_replace(&s, outer, (bytes){0});
    splice_replace(&s, number, (bytes){0});
    expect_spliced(&s, BYTES("\x1a\x00"));
    splice_at_start(&s, empty, added);
    splice_at_start(&s, whole, added);
    expect_spliced(&s, BYTES("\x28\x01\x0a\x06\x0a\x01"
                             "a"
                             "\x12\x01"
                             "b"
                             "\x10\x07\x1a\x02\x28\x01"));
    assert_ok(splice_insert(&s, inside, 1, added, &err), &err); /* behind the "a" */
    assert_ok(splice_insert(&s, whole, 2, added, &err), &err);  /* behind the 7 */
    assert_ok(splice_insert(&s, empty, 9, added, &err), &err);
    expect_spliced(&s, BYTES("\x0a\x08\x0a\x01"
                             "a"
                             "\x28\x01\x12\x01"
                             "b"
                             "\x10\x07\x28\x01\x1a\x02\x28\x01"));
    splice_after(&s, number, BYTES("\x28\x01"));
    splice_after(&s, number, BYTES("\x28\x02"));
    splice_replace(&s, number, BYTES("\x10\x08"));
    expect_spliced(&s, BYTES("\x0a\x06\x0a\x01"
                             "a"
                             "\x12\x01"
                             "b"
                             "\x10\x08\x28\x01\x28\x02\x1a\x00"));
}

static void an_edit_of_nothing_is_an_error(void **state) {
    (void)state;
    inlay_error err;
    buffer out = {0};
    const bytes spans[] = {bytes_make(message + 1, 3), bytes_make(message, 7), BYTES("\x08\x01")};
    for (size_t i = 0; i < 3; i++) {
        splice s = {0};
        splice_replace(&s, spans[i], (bytes){0});
        assert_status(INLAY_INVALID_ARGUMENT, splice_to_buffer(&s, bytes_make(message, MESSAGE), "f.pb", &out, &err),
                      &err);
        splice_free(&s);
    }
    splice s = {0};
    splice_replace(&s, bytes_make(message, 8), (bytes){0}); /* and inside what goes */
    splice_replace(&s, bytes_make(message + 2, 3), (bytes){0});
    assert_status(INLAY_INVALID_ARGUMENT, splice_to_buffer(&s, bytes_make(message, MESSAGE), "f.pb", &out, &err), &err);
    splice_free(&s);
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_bytes_are_named_with_their_place),
        cmocka_unit_test(what_is_written_is_walked),
        cmocka_unit_test(repeated_numbers_may_be_packed),
        cmocka_unit_test(edits_change_nothing_else),
        cmocka_unit_test(an_edit_of_nothing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

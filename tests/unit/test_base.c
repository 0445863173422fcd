#include "unit/unit.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/map.h"

#include <stdio.h>

static void messages_escape_control_characters(void **state) {
    (void)state;
    inlay_error err;
    assert_int_equal(INLAY_DATA_LOSS, fail_at(&err, INLAY_DATA_LOSS, "a\nb", 7, "bad %s", "\x1b[31m"));
    assert_string_equal(err.message, "a\\x0ab: bad \\x1b[31m (at byte 7)");
    assert_int_equal(err.offset, 7);
    fail(&err, INLAY_DATA_LOSS, "%s",
         "\xc3\xbc\xc2\x9b"
         "1m\xc2\xa0");
    assert_string_equal(err.message, "\xc3\xbc\\x9b1m\xc2\xa0");
}

static void an_error_names_the_first_node_only(void **state) {
    (void)state;
    inlay_error err;
    fail(&err, INLAY_INVALID_ARGUMENT, "boom");
    error_in_node(&err, err.code, "a/b", "MatMul");
    error_in_node(&err, err.code, "outer", "PartitionedCall");
    assert_string_equal(err.message, "node a/b (MatMul): boom");
    assert_string_equal(err.node, "a/b");
}

static void a_map_holds_what_was_put(void **state) {
    (void)state;
    enum { KEYS = 5000 };
    static char keys[KEYS][16];
    map m = {0};
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof keys[i], "key %d", i);
        assert_int_equal(INLAY_OK, map_put(&m, bytes_of(keys[i]), (uint64_t)i, NULL));
    }
    assert_int_equal(INLAY_OK, map_put(&m, bytes_of(keys[7]), 70, NULL));
    assert_int_equal(m.count, KEYS);
    uint64_t value;
    for (int i = 0; i < KEYS; i++) {
        assert_true(map_get(&m, bytes_of(keys[i]), &value));
        assert_int_equal(value, i == 7 ? 70 : i);
    }
    assert_false(map_get(&m, bytes_of("key"), &value));
    map_free(&m);
}

static void an_empty_key_is_a_key(void **state) {
    (void)state;
    map m = {0};
    assert_false(map_get(&m, (bytes){0}, NULL));
    assert_int_equal(INLAY_OK, map_put(&m, (bytes){0}, 1, NULL));
    assert_true(map_get(&m, bytes_of(""), NULL));
    map_free(&m);
}

static void an_arena_keeps_to_its_limit(void **state) {
    (void)state;
    arena a;
    arena_init(&a, 10000);
    assert_non_null(arena_alloc(&a, 9000));
    assert_null(arena_alloc(&a, 2000));
    assert_non_null(arena_alloc(&a, 900));
    arena_free(&a);
    assert_string_equal(arena_format(&a, "%d-%s", 3, "x"), "3-x");
    arena_free(&a);
}

static void a_buffer_grows(void **state) {
    (void)state;
    buffer b = {0};
    for (int i = 0; i < 1000; i++) buffer_format(&b, "%d,", i);
    buffer_append_zeros(&b, 3);
    assert_int_equal(INLAY_OK, buffer_check(&b, NULL));
    assert_int_equal(b.size, 3890 + 3);
    assert_memory_equal(b.data, "0,1,2,", 6);
    buffer_free(&b);
}

static void utf8_is_checked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain text, long enough for words", true},
        {"gr\xc3\xbc\xc3\x9f", true},
        {"\xf0\x9f\x8d\xa8", true},
        {"\xff", false},
        {"\xc0\x80", false},
        {"\xed\xa0\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"12345678\xe2\x82", false},
        {"\xe0\x9f\x80", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cases[i].valid, bytes_valid_utf8(bytes_of(cases[i].text), NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_escape_control_characters),
        cmocka_unit_test(an_error_names_the_first_node_only),
        cmocka_unit_test(a_map_holds_what_was_put),
        cmocka_unit_test(an_empty_key_is_a_key),
        cmocka_unit_test(an_arena_keeps_to_its_limit),
        cmocka_unit_test(a_buffer_grows),
        cmocka_unit_test(utf8_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

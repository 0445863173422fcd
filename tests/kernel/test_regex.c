#include "unit/unit.h"

#include "base/alloc.h"
#include "kernel/regex/regex.h"

#define TEXT(literal) bytes_make(literal, sizeof(literal) - 1)
#define LITERAL(literal) \
    { (const uint8_t *)literal, sizeof(literal) - 1 }

static regex *compiled(bytes pattern) {
    inlay_error err;
    regex *r;
    assert_ok(regex_compile(pattern, &r, &err), &err);
    return r;
}

/* Expected texts are what TensorFlow 2.21's RegexReplace gives. */
static void replaces_as_tensorflow_does(void **state) {
    (void)state;
    static const struct {
        bytes text, pattern, rewrite, global, first;
    } cases[] = {
        {LITERAL("abcabc"), LITERAL("b"), LITERAL("\\1"), LITERAL("abcabc"), LITERAL("abcabc")},
        {LITERAL("abcabc"), LITERAL("b"), LITERAL("x\\z"), LITERAL("axcaxc"), LITERAL("abcabc")},
        {LITERAL("abcabc"), LITERAL("b"), LITERAL("x\\"), LITERAL("axcaxc"), LITERAL("abcabc")},
        {LITERAL("abc"), LITERAL(""), LITERAL("-"), LITERAL("-a-b-c-"), LITERAL("-abc")},
        {LITERAL("h\xc3\xa9llo"), LITERAL(""), LITERAL("-"), LITERAL("-h-\xc3\xa9-l-l-o-"), LITERAL("-h\xc3\xa9llo")},
        {LITERAL("a\xff\xc3"
                 "b\xe2\x82\xac"),
         LITERAL(""), LITERAL("-"), LITERAL("-a-\xff-\xc3-b-\xe2\x82\xac-"),
         LITERAL("-a\xff\xc3"
                 "b\xe2\x82\xac")},
        {LITERAL("abc"), LITERAL("b*"), LITERAL("<\\0>"), LITERAL("<>a<b>c<>"), LITERAL("<>abc")},
        {LITERAL("k1=v1;k2=v2"), LITERAL("(\\w+)=(\\w+)"), LITERAL("\\2\\\\\\1"), LITERAL("v1\\k1;v2\\k2"),
         LITERAL("v1\\k1;k2=v2")},
        {LITERAL("a\0b\0"), LITERAL("\\x00"), LITERAL("\0\0"), LITERAL("a\0\0b\0\0"), LITERAL("a\0\0b\0")},
        {LITERAL("a\0b"), LITERAL("\0"), LITERAL(""), LITERAL("ab"), LITERAL("ab")},
        {LITERAL(""), LITERAL(""), LITERAL("x"), LITERAL("x"), LITERAL("x")},
        {LITERAL(""), LITERAL("a"), LITERAL("x"), LITERAL(""), LITERAL("")},
        {LITERAL("axb"), LITERAL("(y)?x"), LITERAL("[\\1]"), LITERAL("a[]b"), LITERAL("a[]b")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        regex *r = compiled(cases[i].pattern);
        for (int global = 0; global < 2; global++) {
            bytes wanted = global ? cases[i].global : cases[i].first;
            buffer out = {0};
            inlay_error err;
            buffer_append_text(&out, "kept ");
            assert_ok(regex_replace(r, cases[i].text, cases[i].rewrite, global, SIZE_MAX, &out, &err), &err);
            assert_int_equal(out.size, 5 + wanted.size);
            assert_memory_equal(out.data, "kept ", 5);
            if (wanted.size) assert_memory_equal(out.data + 5, wanted.data, wanted.size);
            buffer_free(&out);
        }
        regex_free(r);
    }
}

static void a_bad_pattern_is_explained(void **state) {
    (void)state;
    inlay_error err;
    regex *r;
    assert_status(INLAY_INVALID_ARGUMENT, regex_compile(TEXT("a("), &r, &err), &err);
    assert_null(r);
    assert_string_equal(err.message, "Invalid pattern: a(, error: missing ): a(");
    assert_status(INLAY_RESOURCE_EXHAUSTED, regex_compile(TEXT("(\\pL{300}){3}"), &r, &err), &err);
}

static void full_match_means_all_of_the_text(void **state) {
    (void)state;
    static const struct {
        bytes pattern, text;
        bool match;
    } cases[] = {
        {LITERAL("a*"), LITERAL("aaa"), true},     {LITERAL("a*"), LITERAL("aab"), false},
        {LITERAL("a|ab"), LITERAL("ab"), true},    {LITERAL(""), LITERAL(""), true},
        {LITERAL("."), LITERAL("\xc3\xa9"), true}, {LITERAL("."), LITERAL("\xff"), false},
        {LITERAL("a$"), LITERAL("a\n"), false},    {LITERAL("a.b"), LITERAL("a\0b"), true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        regex *r = compiled(cases[i].pattern);
        bool match;
        inlay_error err;
        assert_ok(regex_full_match(r, cases[i].text, &match, &err), &err);
        assert_int_equal(match, cases[i].match);
        regex_free(r);
    }
    regex *r = compiled(TEXT(""));
    bool match;
    assert_int_equal(regex_full_match(r, (bytes){0}, &match, NULL), INLAY_OK);
    assert_true(match);
    buffer out = {0};
    assert_int_equal(regex_replace(r, (bytes){0}, TEXT("x"), true, 10, &out, NULL), INLAY_OK);
    assert_int_equal(out.size, 1);
    buffer_free(&out);
    regex_free(r);
}

static void growth_is_limited(void **state) {
    (void)state;
    regex *r = compiled(TEXT("a"));
    static uint8_t text[1000], rewrite[1000];
    memset(text, 'a', sizeof text);
    buffer out = {0};
    inlay_error err;
    assert_status(
        INLAY_RESOURCE_EXHAUSTED,
        regex_replace(r, bytes_make(text, sizeof text), bytes_make(rewrite, sizeof rewrite), true, 50000, &out, &err),
        &err);
    assert_true(out.size < 60000);
    buffer_free(&out);
    regex_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_as_tensorflow_does),
        cmocka_unit_test(a_bad_pattern_is_explained),
        cmocka_unit_test(full_match_means_all_of_the_text),
        cmocka_unit_test(growth_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

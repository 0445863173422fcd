#include "unit/unit.h"

#include "kernel/text/split.h"
#include "kernel/text/unicode.h"

#include <stdio.h>

#define LITERAL(literal) \
    { (const uint8_t *)literal, sizeof(literal) - 1 }

static void assert_bytes(bytes got, bytes wanted) {
    if (!bytes_equal(got, wanted))
        fail_msg("\"%.*s\" is not \"%.*s\"", (int)got.size, (const char *)got.data, (int)wanted.size,
                 (const char *)wanted.data);
}

/* What TensorFlow 2.21's StringLower and StringUpper give with encoding utf-8. */
static void case_follows_unicode(void **state) {
    (void)state;
    static const struct {
        bytes text, lower, upper;
    } cases[] = {
        {LITERAL("Hello, World 9_[`{"), LITERAL("hello, world 9_[`{"), LITERAL("HELLO, WORLD 9_[`{")},
        {LITERAL("ΑΣ"), LITERAL("ας"), LITERAL("ΑΣ")},
        {LITERAL("ΣΑ Σ ΑΣ.Β"), LITERAL("σα σ ασ.β"), LITERAL("ΣΑ Σ ΑΣ.Β")},
        {LITERAL("ΌΣΟΣ ΣΣ"), LITERAL("όσος σς"), LITERAL("ΌΣΟΣ ΣΣ")},
        {LITERAL("ΑΣ. Β"), LITERAL("ας. β"), LITERAL("ΑΣ. Β")},
        {LITERAL("İI"), LITERAL("i̇i"), LITERAL("İI")},
        {LITERAL("ßﬀŉΐ"), LITERAL("ßﬀŉΐ"), LITERAL("SSFF\u02bcN\u0399\u0308\u0301")},
        {LITERAL("ǅǆ"), LITERAL("ǆǆ"), LITERAL("ǄǄ")},
        {LITERAL("𐐀𐐨"), LITERAL("𐐨𐐨"), LITERAL("𐐀𐐀")},
        {LITERAL("a\xff"
                 "B\xc3"),
         LITERAL("a\xef\xbf\xbd"
                 "b\xef\xbf\xbd"),
         LITERAL("A\xef\xbf\xbd"
                 "B\xef\xbf\xbd")},
        {LITERAL("\xed\xa0\x80X"), LITERAL("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"),
         LITERAL("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdX")},
        {LITERAL("\xf0\x9f\x98X"), LITERAL("\xef\xbf\xbdx"), LITERAL("\xef\xbf\xbdX")},
        {LITERAL(""), LITERAL(""), LITERAL("")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer lower = {0}, upper = {0};
        unicode_lower(cases[i].text, &lower);
        unicode_upper(cases[i].text, &upper);
        assert_bytes(buffer_bytes(&lower), cases[i].lower);
        assert_bytes(buffer_bytes(&upper), cases[i].upper);
        buffer_free(&lower);
        buffer_free(&upper);
    }
}

static void every_character_survives_a_round_trip(void **state) {
    (void)state;
    buffer text = {0};
    for (uint32_t code = 0; code < 0x110000; code++) {
        if (code >= 0xd800 && code < 0xe000) continue;
        buffer_clear(&text);
        unicode_put(&text, code);
        uint32_t got;
        assert_int_equal(unicode_next(text.data, text.data + text.size, &got), text.size);
        assert_int_equal(got, code);
        assert_true(bytes_valid_utf8(buffer_bytes(&text), NULL));
    }
    buffer_free(&text);
}

static void positions_move_by_characters(void **state) {
    (void)state;
    bytes text = bytes_of("a\xc3\xa9\xe2\x82\xacz");
    assert_int_equal(utf8_length(text), 4);
    size_t at = 0;
    assert_true(utf8_move(text, 3, &at));
    assert_int_equal(at, 6);
    assert_true(utf8_move(text, -2, &at));
    assert_int_equal(at, 1);
    assert_false(utf8_move(text, -2, &at));
    at = 0;
    assert_true(utf8_move(text, 4, &at));
    assert_false(utf8_move(text, 1, &at));
    /* a text that begins in the middle of a character */
    text = bytes_of("\x80\x80x");
    assert_int_equal(utf8_length(text), 1);
    at = 0;
    assert_true(utf8_move(text, 1, &at));
    assert_int_equal(at, 2);
}

static void joined(pieces *p, char *out) {
    for (size_t i = 0; i < pieces_count(p); i++) {
        bytes piece = pieces_at(p, i);
        out += snprintf(out, 64, "[%.*s]", (int)piece.size, (const char *)piece.data);
    }
    *out = 0;
    pieces_free(p);
    *p = (pieces){0};
}

/* What TensorFlow 2.21's StringSplitV2 and StringSplit give. */
static void texts_are_split_as_tensorflow_does(void **state) {
    (void)state;
    static const struct {
        const char *text, *separator;
        int limit;
        const char *wanted;
    } cases[] = {
        {"a b  c ", " ", -1, "[a][b][][c][]"},
        {"", "", -1, ""},
        {"", "x", -1, "[]"},
        {" a b ", "", 1, "[a][b ]"},
        {" a b ", "", 0, "[ a b ]"},
        {" a b c ", "", 2, "[a][b][c ]"},
        {"abxab", "ab", 1, "[][xab]"},
        {"aXX", "X", -1, "[a][][]"},
        {" a  ", "", 1, "[a][]"},
        {"a", "", 1, "[a][]"},
        {"x", "", 5, "[x]"},
        {"a b", "", -7, "[a][b]"},
        {"abab", "b", 0, "[abab]"},
    };
    char text[256];
    pieces p = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (*cases[i].separator)
            split_at_text(bytes_of(cases[i].text), bytes_of(cases[i].separator), cases[i].limit, &p);
        else
            split_at_space(bytes_of(cases[i].text), cases[i].limit, &p);
        joined(&p, text);
        assert_string_equal(text, cases[i].wanted);
    }
    static const struct {
        const char *text, *set;
        bool skip;
        const char *wanted;
    } sets[] = {
        {"a,b;;c", ",;", true, "[a][b][c]"},
        {"a,b;;c", ",;", false, "[a][b][][c]"},
        {"abc", "", true, "[a][b][c]"},
        {"", "", false, ""},
        {"", ",", false, ""},
        {",,", ",", false, "[][][]"},
        {",,", ",", true, ""},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        split_at_any(bytes_of(sets[i].text), bytes_of(sets[i].set), sets[i].skip, &p);
        joined(&p, text);
        assert_string_equal(text, sets[i].wanted);
    }
    assert_bytes(text_stripped(bytes_of("\t\v a b\r\n")), bytes_of("a b"));
    assert_bytes(text_stripped(bytes_of(" \n")), bytes_of(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_follows_unicode),
        cmocka_unit_test(every_character_survives_a_round_trip),
        cmocka_unit_test(positions_move_by_characters),
        cmocka_unit_test(texts_are_split_as_tensorflow_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

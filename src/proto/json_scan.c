#include "proto/json_scan.h"

#include <stdarg.h>
#include <stdio.h>

enum { SKIP_DEPTH = 100 };

void json_open(json_scanner *s, bytes text, const char *file) {
    static const uint8_t nothing[1];
    const uint8_t *start = text.data ? text.data : nothing;
    *s = (json_scanner){start, start, start + text.size, file};
}

inlay_status json_fail(const json_scanner *s, const uint8_t *at, inlay_error *err, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t line = 1, column = 1;
    for (const uint8_t *p = s->start; p < at; p++) {
        if (*p == '\n')
            line++, column = 1;
        else if ((*p & 0xc0) != 0x80)
            column++;
    }
    return fail_at(err, INLAY_INVALID_ARGUMENT, s->file ? s->file : "JSON", at - s->start, "%zu:%zu: %s", line, column,
                   message);
}

static void skip_blanks(json_scanner *s) {
    while (s->next < s->end && (*s->next == ' ' || *s->next == '\t' || *s->next == '\n' || *s->next == '\r')) s->next++;
}

static const struct {
    const char *text;
    json_kind kind;
} words[] = {{"null", JSON_NULL}, {"true", JSON_TRUE}, {"false", JSON_FALSE}};

json_kind json_peek(json_scanner *s) {
    skip_blanks(s);
    if (s->next == s->end) return JSON_NOTHING;
    uint8_t c = *s->next;
    if (c == '{') return JSON_OBJECT;
    if (c == '[') return JSON_LIST;
    if (c == '"') return JSON_STRING;
    if (c == '-' || (c >= '0' && c <= '9')) return JSON_NUMBER;
    for (size_t i = 0; i < 3; i++)
        if (c == (uint8_t)words[i].text[0]) return words[i].kind;
    return JSON_NOTHING;
}

bool json_try(json_scanner *s, char c) {
    skip_blanks(s);
    bool there = s->next < s->end && *s->next == (uint8_t)c;
    s->next += there;
    return there;
}

inlay_status json_expect(json_scanner *s, char c, inlay_error *err) {
    return json_try(s, c) ? INLAY_OK : json_fail(s, s->next, err, "expected '%c'", c);
}

inlay_status json_take_word(json_scanner *s, inlay_error *err) {
    json_kind kind = json_peek(s);
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i].text);
        if (words[i].kind != kind) continue;
        if ((size_t)(s->end - s->next) < n || memcmp(s->next, words[i].text, n) != 0) break;
        s->next += n;
        return INLAY_OK;
    }
    return json_fail(s, s->next, err, "expected a value");
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end) {
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}

inlay_status json_take_number(json_scanner *s, bytes *out, inlay_error *err) {
    const uint8_t *start = s->next, *p = start;
    if (p < s->end && *p == '-') p++;
    const uint8_t *digits = p;
    p = skip_digits(p, s->end);
    bool good = p > digits && (*digits != '0' || p == digits + 1);
    if (p < s->end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, s->end);
        good = good && p > digits;
    }
    if (p < s->end && (*p | 0x20) == 'e') {
        p++;
        if (p < s->end && (*p == '+' || *p == '-')) p++;
        digits = p;
        p = skip_digits(p, s->end);
        good = good && p > digits;
    }
    if (!good) return json_fail(s, start, err, "no such number");
    *out = bytes_make(start, (size_t)(p - start));
    s->next = p;
    return INLAY_OK;
}

/* ---- strings */

static bool read_hex(const uint8_t *p, const uint8_t *end, uint32_t *out) {
    if (end - p < 4) return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i], letter = c | 0x20;
        uint32_t digit = 16;
        if (c >= '0' && c <= '9') digit = c - (uint32_t)'0';
        if (letter >= 'a' && letter <= 'f') digit = letter - (uint32_t)'a' + 10;
        if (digit == 16) return false;
        *out = *out << 4 | digit;
    }
    return true;
}

static void put_utf8(buffer *out, uint32_t c) {
    uint8_t text[4];
    size_t n = 0;
    if (c < 0x80) {
        text[n++] = (uint8_t)c;
    } else if (c < 0x800) {
        text[n++] = (uint8_t)(0xc0 | c >> 6);
        text[n++] = (uint8_t)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        text[n++] = (uint8_t)(0xe0 | c >> 12);
        text[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        text[n++] = (uint8_t)(0x80 | (c & 0x3f));
    } else {
        text[n++] = (uint8_t)(0xf0 | c >> 18);
        text[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        text[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        text[n++] = (uint8_t)(0x80 | (c & 0x3f));
    }
    buffer_append(out, text, n);
}

/* The escape behind a backslash; *P moves on. Two \u may be a pair of surrogates. */
static bool unescape(const uint8_t **p, const uint8_t *end, buffer *out) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t c, low;
    if (*p == end || **p == 0) return false;
    const char *letter = strchr(letters, **p);
    if (letter) {
        buffer_append_byte(out, (uint8_t)meanings[letter - letters]);
        ++*p;
        return true;
    }
    if (**p != 'u' || !read_hex(*p + 1, end, &c)) return false;
    *p += 5;
    if (c >= 0xd800 && c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' &&
        read_hex(*p + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        *p += 6;
    }
    if (c >= 0xd800 && c < 0xe000) return false;
    put_utf8(out, c);
    return true;
}

inlay_status json_take_string(json_scanner *s, buffer *out, inlay_error *err) {
    const uint8_t *start = s->next, *p = start;
    if (json_peek(s) != JSON_STRING) return json_fail(s, s->next, err, "expected a string");
    start = p = s->next;
    for (p++; p < s->end && *p != '"';) {
        const uint8_t *run = p;
        while (p < s->end && *p != '"' && *p != '\\' && *p >= 32) p++;
        buffer_append(out, run, (size_t)(p - run));
        if (p == s->end || *p == '"') break;
        const uint8_t *at = p++;
        if (*at != '\\' || !unescape(&p, s->end, out)) return json_fail(s, at, err, "this may not stand in a string");
    }
    if (p >= s->end) return json_fail(s, start, err, "a string has no end");
    s->next = p + 1;
    return buffer_check(out, err);
}

/* ---- skipping */

static inlay_status skip_string(json_scanner *s, inlay_error *err) {
    const uint8_t *start = s->next, *p = start + 1;
    while (p < s->end && *p != '"') p += *p == '\\' && p + 1 < s->end ? 2 : 1;
    if (p >= s->end) return json_fail(s, start, err, "a string has no end");
    s->next = p + 1;
    return INLAY_OK;
}

static inlay_status skip(json_scanner *s, int depth, inlay_error *err) {
    bytes number;
    json_kind kind = json_peek(s);
    switch (kind) {
    case JSON_NOTHING: return json_fail(s, s->next, err, "expected a value");
    case JSON_NUMBER: return json_take_number(s, &number, err);
    case JSON_STRING: return skip_string(s, err);
    case JSON_OBJECT:
    case JSON_LIST: break;
    default: return json_take_word(s, err);
    }
    if (depth == SKIP_DEPTH)
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "%s: nested too deep", s->file ? s->file : "JSON");
    char end = kind == JSON_OBJECT ? '}' : ']';
    s->next++;
    if (json_try(s, end)) return INLAY_OK;
    for (;;) {
        if (kind == JSON_OBJECT) {
            if (json_peek(s) != JSON_STRING) return json_fail(s, s->next, err, "expected a name");
            TRY(skip_string(s, err));
            TRY(json_expect(s, ':', err));
        }
        TRY(skip(s, depth + 1, err));
        if (json_try(s, end)) return INLAY_OK;
        TRY(json_expect(s, ',', err));
    }
}

inlay_status json_skip(json_scanner *s, inlay_error *err) {
    return skip(s, 0, err);
}

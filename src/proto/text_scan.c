#include "proto/text_scan.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}
static bool is_blank(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inlay_status fail_here(const scanner *s, const uint8_t *at, const char *message, inlay_error *err) {
    size_t line = 1, column = 1;
    for (const uint8_t *p = s->start; p < at; p++) {
        if (*p == '\n')
            line++, column = 1;
        else if ((*p & 0xc0) != 0x80)
            column++;
    }
    const char *file = s->file ? s->file : "text";
    return fail_at(err, INLAY_INVALID_ARGUMENT, file, at - s->start, "%zu:%zu: %s", line, column, message);
}

inlay_status scan_fail(const scanner *s, inlay_error *err, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail_here(s, s->token.data, message, err);
}

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end) {
    while (p < end) {
        if (*p == '#')
            while (p < end && *p != '\n') p++;
        else if (is_blank(*p))
            p++;
        else
            break;
    }
    return p;
}

static inlay_status scan_string(scanner *s, const uint8_t *start, inlay_error *err) {
    const uint8_t *p = start + 1;
    for (; p < s->end && *p != *start && *p != '\n'; p++)
        if (*p == '\\' && p + 1 < s->end && p[1] != '\n') p++;
    if (p >= s->end || *p != *start) return fail_here(s, start, "a string has no closing quote", err);
    s->next = p + 1;
    s->kind = TOKEN_STRING;
    return INLAY_OK;
}

inlay_status scan_next(scanner *s, inlay_error *err) {
    const uint8_t *start = skip_blanks(s->next, s->end), *p = start;
    s->token = bytes_make(start, 0);
    s->next = start;
    s->kind = TOKEN_END;
    if (start == s->end) return INLAY_OK;
    bool number = is_digit(*p) || *p == '+' || *p == '-' || (*p == '.' && p + 1 < s->end && is_digit(p[1]));
    if (*p == '"' || *p == '\'') {
        TRY(scan_string(s, start, err));
    } else if (is_letter(*p)) {
        while (p < s->end && (is_letter(*p) || is_digit(*p))) p++;
        s->next = p;
        s->kind = TOKEN_NAME;
    } else if (number) {
        while (p < s->end && (is_letter(*p) || is_digit(*p) || *p == '.' || *p == '+' || *p == '-')) p++;
        s->next = p;
        s->kind = TOKEN_NUMBER;
    } else {
        s->next = p + 1;
        s->kind = TOKEN_SIGN;
    }
    s->token.size = (size_t)(s->next - start);
    return INLAY_OK;
}

inlay_status scan_open(scanner *s, bytes text, const char *file, inlay_error *err) {
    static const uint8_t nothing[1];
    const uint8_t *start = text.data ? text.data : nothing;
    *s = (scanner){.start = start, .next = start, .end = start + text.size, .file = file};
    return scan_next(s, err);
}

inlay_status scan_try(scanner *s, char c, bool *took, inlay_error *err) {
    *took = scan_sees(s, c);
    return *took ? scan_next(s, err) : INLAY_OK;
}

inlay_status scan_expect(scanner *s, char c, inlay_error *err) {
    if (!scan_sees(s, c)) return scan_fail(s, err, "expected \"%c\"", c);
    return scan_next(s, err);
}

static bool is_url_byte(uint8_t c) {
    return is_letter(c) || is_digit(c) || (c != 0 && strchr("-.~_!$&()*+,;=%/", c));
}

bool scan_is_url(bytes text) {
    size_t i = 0;
    while (i < text.size && is_url_byte(text.data[i])) i++;
    return text.size > 0 && i == text.size;
}

inlay_status scan_url(scanner *s, buffer *out, inlay_error *err) {
    const uint8_t *p = s->token.data;
    for (; p < s->end && *p != ']'; p = skip_blanks(p + 1, s->end)) {
        if (!is_url_byte(*p)) return fail_here(s, p, "this does not belong in the URL of a type", err);
        buffer_append_byte(out, *p);
    }
    if (p == s->end) return fail_here(s, p, "expected \"]\"", err);
    s->next = p + 1;
    TRY(buffer_check(out, err));
    return scan_next(s, err);
}

/* ---- escapes */

static int hex_value(uint8_t c) {
    if (is_digit(c)) return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to MOST digits in base 8 or 16; returns how many. */
static size_t read_digits(const uint8_t *p, const uint8_t *end, int base, size_t most, uint32_t *value) {
    size_t n = 0;
    for (*value = 0; n < most && p + n < end; n++) {
        int digit = hex_value(p[n]);
        if (digit < 0 || digit >= base) break;
        *value = *value * (uint32_t)base + (uint32_t)digit;
    }
    return n;
}

static void put_utf8(buffer *out, uint32_t c) {
    if (c < 0x80) {
        buffer_append_byte(out, (uint8_t)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    buffer_append_byte(out, (uint8_t)(lead[more] | c >> (6 * more)));
    while (more-- > 0) buffer_append_byte(out, (uint8_t)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* \u with four digits or \U with eight; two \u may be a pair of surrogates. *P is behind the letter. */
static bool unescape_unicode(const uint8_t **p, const uint8_t *end, size_t digits, buffer *out) {
    uint32_t c, low;
    if (read_digits(*p, end, 16, digits, &c) != digits) return false;
    *p += digits;
    if (c >= 0xd800 && c < 0xdc00 && digits == 4 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' &&
        read_digits(*p + 2, end, 16, 4, &low) == 4 && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        *p += 6;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
    put_utf8(out, c);
    return true;
}

/* One escape; *P is behind the backslash, and moves on. */
static bool unescape(const uint8_t **p, const uint8_t *end, buffer *out) {
    static const char letters[] = "abfnrtv?\\'\"", meanings[] = "\a\b\f\n\r\t\v?\\'\"";
    uint32_t value;
    size_t n;
    uint8_t c = **p;
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        buffer_append_byte(out, (uint8_t)meanings[letter - letters]);
        ++*p;
        return true;
    }
    if (c >= '0' && c <= '7') {
        n = read_digits(*p, end, 8, 3, &value);
        *p += n;
        if (value > 255) return false;
        buffer_append_byte(out, (uint8_t)value);
        return true;
    }
    ++*p;
    if (c == 'u' || c == 'U') return unescape_unicode(p, end, c == 'u' ? 4 : 8, out);
    if (c != 'x' && c != 'X') return false;
    n = read_digits(*p, end, 16, 2, &value);
    *p += n;
    if (n) buffer_append_byte(out, (uint8_t)value);
    return n > 0;
}

inlay_status scan_unescape(const scanner *s, buffer *out, inlay_error *err) {
    const uint8_t *p = s->token.data + 1, *end = s->token.data + s->token.size - 1;
    while (p < end) {
        const uint8_t *run = p;
        while (p < end && *p != '\\') p++;
        buffer_append(out, run, (size_t)(p - run));
        if (p == end) break;
        const uint8_t *escape = p++;
        if (!unescape(&p, end, out)) return fail_here(s, escape, "no such escape in a string", err);
    }
    return buffer_check(out, err);
}

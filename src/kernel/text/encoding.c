#include "kernel/text/encoding.h"

#include "kernel/text/script_table.h"
#include "kernel/text/unicode.h"

static const struct {
    const char *name; /* in capitals, without '-' and '_' */
    encoding e;
} names[] = {
    {"UTF8", ENCODING_UTF8},        {"UTF16BE", ENCODING_UTF16_BE},
    {"UTF16LE", ENCODING_UTF16_LE}, {"UTF32BE", ENCODING_UTF32_BE},
    {"UTF32LE", ENCODING_UTF32_LE}, {"USASCII", ENCODING_ASCII},
    {"ASCII", ENCODING_ASCII},      {"ISO88591", ENCODING_LATIN1},
    {"LATIN1", ENCODING_LATIN1},    {"WINDOWS1252", ENCODING_WINDOWS_1252},
};

bool encoding_find(bytes name, encoding *out) {
    char plain[16];
    size_t n = 0;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (c == '-' || c == '_') continue;
        if (n + 1 == sizeof plain) return false;
        plain[n++] = (char)(c >= 'a' && c <= 'z' ? c - 0x20 : c);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bytes_is(bytes_make(plain, n), names[i].name)) return *out = names[i].e, true;
    return false;
}

/* U+0080 to U+009F there; those that it leaves open stay as they are. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
    0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178,
};

static uint32_t unit_at(const uint8_t *p, bool big) {
    return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static size_t next_utf16(bool big, const uint8_t *p, const uint8_t *end, uint32_t *code, bool *bad) {
    *bad = true;
    *code = UNICODE_BAD;
    if (end - p < 2) return 1;
    uint32_t high = unit_at(p, big);
    if (high < 0xd800 || high > 0xdfff) return *bad = false, *code = high, 2;
    if (high > 0xdbff) return 2;
    if (end - p < 4) return (size_t)(end - p); /* cut behind its first half */
    uint32_t low = unit_at(p + 2, big);
    if (low < 0xdc00 || low > 0xdfff) return 2;
    *bad = false;
    *code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 4;
}

static size_t next_utf32(bool big, const uint8_t *p, const uint8_t *end, uint32_t *code, bool *bad) {
    *bad = true;
    *code = UNICODE_BAD;
    if (end - p < 4) return (size_t)(end - p);
    uint32_t value =
        big ? unit_at(p, true) << 16 | unit_at(p + 2, true) : unit_at(p + 2, false) << 16 | unit_at(p, false);
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 4;
    *bad = false;
    *code = value;
    return 4;
}

size_t encoding_next(encoding e, const uint8_t *p, const uint8_t *end, uint32_t *code, bool *bad) {
    size_t size;
    *bad = false;
    switch (e) {
    case ENCODING_UTF8:
        size = unicode_next(p, end, code);
        *bad = *code == UNICODE_BAD && (size != 3 || p[0] != 0xef); /* U+FFFD itself is none */
        return size;
    case ENCODING_UTF16_BE: return next_utf16(true, p, end, code, bad);
    case ENCODING_UTF16_LE: return next_utf16(false, p, end, code, bad);
    case ENCODING_UTF32_BE: return next_utf32(true, p, end, code, bad);
    case ENCODING_UTF32_LE: return next_utf32(false, p, end, code, bad);
    case ENCODING_ASCII:
        *bad = *p > 0x7f;
        *code = *bad ? UNICODE_BAD : *p;
        return 1;
    case ENCODING_LATIN1: *code = *p; return 1;
    case ENCODING_WINDOWS_1252: *code = *p >= 0x80 && *p < 0xa0 ? windows_1252[*p - 0x80] : *p; return 1;
    }
    return 1;
}

static void put_unit(uint32_t unit, buffer *out) {
    buffer_append_byte(out, (uint8_t)(unit >> 8));
    buffer_append_byte(out, (uint8_t)unit);
}

void encoding_put(encoding e, uint32_t code, buffer *out) {
    if (e == ENCODING_UTF8) {
        unicode_put(out, code);
    } else if (e == ENCODING_UTF32_BE) {
        put_unit(code >> 16, out);
        put_unit(code & 0xffff, out);
    } else if (code < 0x10000) {
        put_unit(code, out);
    } else {
        put_unit(0xd800 + ((code - 0x10000) >> 10), out);
        put_unit(0xdc00 + ((code - 0x10000) & 0x3ff), out);
    }
}

bool unicode_is_character(uint32_t code) {
    return code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
}

int unicode_script(uint32_t code) {
    size_t low = 0, high = sizeof script_runs / sizeof *script_runs;
    if (code > 0x10ffff) return -1;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (script_runs[middle].first <= code)
            low = middle;
        else
            high = middle;
    }
    return script_runs[low].script;
}

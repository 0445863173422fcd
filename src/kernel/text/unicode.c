#include "kernel/text/unicode.h"

#include "kernel/text/unicode_tables.h"

size_t unicode_next(const uint8_t *p, const uint8_t *end, uint32_t *code) {
    uint8_t first = *p;
    if (first < 0x80) return *code = first, 1;
    *code = UNICODE_BAD;
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) return 1;
    /* The second byte's range keeps out overlong forms, surrogates and what is beyond U+10FFFF. */
    uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    uint32_t value = first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (p + i == end || p[i] < least || p[i] > most) return i;
        value = value << 6 | (p[i] & 0x3f);
        least = 0x80;
        most = 0xbf;
    }
    *code = value;
    return size;
}

void unicode_put(buffer *out, uint32_t code) {
    uint8_t text[4];
    size_t size;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = UNICODE_BAD;
    if (code < 0x80) {
        buffer_append_byte(out, (uint8_t)code);
        return;
    }
    if (code < 0x800) {
        text[0] = (uint8_t)(0xc0 | code >> 6);
        size = 2;
    } else if (code < 0x10000) {
        text[0] = (uint8_t)(0xe0 | code >> 12);
        size = 3;
    } else {
        text[0] = (uint8_t)(0xf0 | code >> 18);
        size = 4;
    }
    for (size_t i = 1; i < size; i++) text[i] = (uint8_t)(0x80 | ((code >> 6 * (size - 1 - i)) & 0x3f));
    buffer_append(out, text, size);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool has_property(const property_run *runs, size_t count, uint32_t code) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > runs[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && code >= runs[low].first;
}

static bool is_cased(uint32_t code) {
    return has_property(cased_runs, COUNT(cased_runs), code);
}
static bool is_ignorable(uint32_t code) {
    return has_property(ignorable_runs, COUNT(ignorable_runs), code);
}

typedef struct {
    const case_run *runs;
    size_t run_count;
    const case_special *specials;
    size_t special_count;
} case_table;

static const case_table to_lower = {lower_runs, COUNT(lower_runs), lower_specials, COUNT(lower_specials)};
static const case_table to_upper = {upper_runs, COUNT(upper_runs), upper_specials, COUNT(upper_specials)};

static void put_case(const case_table *t, uint32_t code, buffer *out) {
    size_t low = 0, high = t->special_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > t->specials[middle].code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < t->special_count && t->specials[low].code == code) {
        for (int i = 0; i < 3 && t->specials[low].to[i]; i++) unicode_put(out, t->specials[low].to[i]);
        return;
    }
    low = 0, high = t->run_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > t->runs[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < t->run_count && code >= t->runs[low].first &&
        (code - t->runs[low].first) % (uint32_t)t->runs[low].step == 0)
        code += (uint32_t)t->runs[low].delta;
    unicode_put(out, code);
}

/* Whether the next character from P that is not ignorable is cased. */
static bool cased_follows(const uint8_t *p, const uint8_t *end) {
    uint32_t code;
    while (p < end) {
        p += unicode_next(p, end, &code);
        if (!is_ignorable(code)) return is_cased(code);
    }
    return false;
}

void unicode_lower(bytes text, buffer *out) {
    enum { SIGMA = 0x3a3, FINAL_SIGMA = 0x3c2 };
    const uint8_t *p = text.data, *end = p + text.size;
    bool after_cased = false; /* the last character that is not ignorable is cased */
    while (p < end) {
        uint32_t code;
        p += unicode_next(p, end, &code);
        if (code < 0x80) {
            bool letter = (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
            buffer_append_byte(out, (uint8_t)(letter ? code | 0x20 : code));
            if (letter)
                after_cased = true;
            else if (after_cased && !is_ignorable(code))
                after_cased = false;
            continue;
        }
        if (code == SIGMA && after_cased && !cased_follows(p, end))
            unicode_put(out, FINAL_SIGMA);
        else
            put_case(&to_lower, code, out);
        if (!is_ignorable(code)) after_cased = is_cased(code);
    }
}

void unicode_upper(bytes text, buffer *out) {
    const uint8_t *p = text.data, *end = p + text.size;
    while (p < end) {
        uint32_t code;
        p += unicode_next(p, end, &code);
        if (code < 0x80)
            buffer_append_byte(out, (uint8_t)(code >= 'a' && code <= 'z' ? code - 0x20 : code));
        else
            put_case(&to_upper, code, out);
    }
}

static bool is_trail(uint8_t byte) {
    return (byte & 0xc0) == 0x80;
}

size_t utf8_length(bytes text) {
    size_t n = 0;
    for (size_t i = 0; i < text.size; i++) n += !is_trail(text.data[i]);
    return n;
}

bool utf8_move(bytes text, int64_t n, size_t *at) {
    for (; n > 0; n--) {
        if (*at >= text.size) return false;
        do ++*at;
        while (*at < text.size && is_trail(text.data[*at]));
    }
    for (; n < 0; n++) {
        if (*at == 0) return false;
        do --*at;
        while (*at > 0 && is_trail(text.data[*at]));
    }
    return true;
}

#include "kernel/text/number.h"

#include "base/alloc.h"
#include "kernel/text/split.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t plain; /* the C locale; 0 when memory was out */

static void make_plain(void) {
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t plain_locale(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_plain);
    return plain;
}

/* TEXT with a NUL behind it, in ROOM or on the heap (*heap, mem_free); NULL when it holds a NUL or memory is out. */
static const char *as_c_string(bytes text, char room[64], char **heap) {
    *heap = NULL;
    if (text.size == 0 || memchr(text.data, 0, text.size)) return NULL;
    char *to = room;
    if (text.size >= 64) {
        to = *heap = mem_alloc(text.size + 1);
        if (!to) return NULL;
    }
    memcpy(to, text.data, text.size);
    to[text.size] = 0;
    return to;
}

bool parse_f64(bytes text, double *out) {
    char room[64], *heap, *end;
    const char *digits = as_c_string(text_stripped(text), room, &heap);
    bool whole = false;
    if (digits && plain_locale()) {
        *out = strtod_l(digits, &end, plain);
        whole = end > digits && *end == 0;
    }
    mem_free(heap);
    return whole;
}

bool parse_f32(bytes text, float *out) {
    char room[64], *heap, *end;
    const char *digits = as_c_string(text_stripped(text), room, &heap);
    bool whole = false;
    if (digits && plain_locale()) {
        *out = strtof_l(digits, &end, plain);
        whole = end > digits && *end == 0;
    }
    mem_free(heap);
    return whole;
}

/* Decimal digits of TEXT, at least one and nothing else. */
static bool parse_digits(bytes text, uint64_t *out) {
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = text.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(*out, 10u, out) || __builtin_add_overflow(*out, digit, out))
            return false;
    }
    return text.size > 0;
}

/* TEXT without white space and sign; *minus says which it was. */
static bytes without_sign(bytes text, bool *minus) {
    text = text_stripped(text);
    *minus = text.size && text.data[0] == '-';
    if (*minus || (text.size && text.data[0] == '+')) text = bytes_make(text.data + 1, text.size - 1);
    return text;
}

bool parse_u64(bytes text, uint64_t *out) {
    bool minus;
    bytes digits = without_sign(text, &minus);
    return !minus && parse_digits(digits, out);
}

bool parse_i64(bytes text, int64_t *out) {
    bool minus;
    uint64_t value;
    if (!parse_digits(without_sign(text, &minus), &value)) return false;
    if (value > (uint64_t)INT64_MAX + minus) return false;
    *out = (int64_t)(minus ? 0 - value : value);
    return true;
}

void format_f64(buffer *to, const char *format, double value) {
    char room[512];
    locale_t before = plain_locale() ? uselocale(plain) : (locale_t)0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int size = snprintf(room, sizeof room, format, value);
    if (size >= 0 && (size_t)size < sizeof room) {
        buffer_append(to, room, (size_t)size);
    } else if (size >= 0) {
        char *heap = mem_alloc((size_t)size + 1);
        if (heap) {
            snprintf(heap, (size_t)size + 1, format, value);
            buffer_append(to, heap, (size_t)size);
        } else {
            to->failed = true;
        }
        mem_free(heap);
    }
#pragma GCC diagnostic pop
    if (before) uselocale(before);
}

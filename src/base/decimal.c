#include "base/decimal.h"

#include "base/alloc.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t c_locale;

static void make_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The number at the start of TEXT, which is not longer than digits, a point and an exponent. */
static double parse(const char *text) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

/* VALUE (finite, not negative) to DIGITS significant ones: DIGITS bytes without a point; returns the exponent of the
 * first. */
static int round_to(double value, int digits, char *out) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    const char *c = text;
    int n = 0;
    for (; *c && *c != 'e'; c++) /* the point is the locale's */
        if (*c >= '0' && *c <= '9') out[n++] = *c;
    return atoi(c + 1);
}

static double value_of(const char *digits, int count, int exponent) {
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", count, digits, exponent - (count - 1));
    return parse(text);
}

static size_t lay_out(bool negative, const char *digits, int count, int exponent, char *text) {
    while (count > 1 && digits[count - 1] == '0') count--;
    size_t n = 0;
    if (negative) text[n++] = '-';
    if (exponent < -4 || exponent >= 16) {
        text[n++] = digits[0];
        if (count > 1) text[n++] = '.';
        for (int i = 1; i < count; i++) text[n++] = digits[i];
        return n + (size_t)snprintf(text + n, DECIMAL_TEXT - n, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    }
    if (exponent < 0) {
        text[n++] = '0';
        text[n++] = '.';
        for (int i = -1; i > exponent; i--) text[n++] = '0';
        for (int i = 0; i < count; i++) text[n++] = digits[i];
    } else {
        for (int i = 0; i <= exponent; i++) text[n++] = (char)(i < count ? digits[i] : '0');
        text[n++] = '.';
        if (count <= exponent + 1) text[n++] = '0';
        for (int i = exponent + 1; i < count; i++) text[n++] = digits[i];
    }
    text[n] = 0;
    return n;
}

static size_t special(double value, char *text) {
    return (size_t)snprintf(text, DECIMAL_TEXT, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
}

size_t decimal_from_double(double value, char text[DECIMAL_TEXT]) {
    if (!isfinite(value)) return special(value, text);
    char digits[40];
    double magnitude = fabs(value);
    /* What has at most 15 digits survives 15 digits, padded with zeros; not so where precision runs out. */
    int count = magnitude < DBL_MIN ? 1 : 15, exponent;
    for (;; count++) {
        exponent = round_to(magnitude, count, digits);
        if (count == 17 || value_of(digits, count, exponent) == magnitude) break;
    }
    return lay_out(signbit(value), digits, count, exponent, text);
}

size_t decimal_from_float(float value, char text[DECIMAL_TEXT]) {
    if (!isfinite(value)) return special((double)value, text);
    char digits[40];
    float magnitude = fabsf(value);
    int count = 6, exponent;
    for (;; count++) {
        exponent = round_to((double)magnitude, count, digits);
        if (count == 9 || (float)value_of(digits, count, exponent) == magnitude) break;
    }
    return lay_out(signbit(value), digits, count, exponent, text);
}

/* The length of what is a number at the start of TEXT. */
static size_t scan(bytes text) {
    size_t i = 0, digits = 0;
    const uint8_t *p = text.data;
    if (i < text.size && (p[i] == '-' || p[i] == '+')) i++;
    for (bool point = false; i < text.size; i++) {
        if (p[i] >= '0' && p[i] <= '9') {
            digits++;
        } else if (p[i] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (digits == 0) return 0;
    if (i == text.size || (p[i] | 0x20) != 'e') return i;
    size_t start = ++i;
    if (i < text.size && (p[i] == '-' || p[i] == '+')) i++, start++;
    while (i < text.size && p[i] >= '0' && p[i] <= '9') i++;
    return i > start ? i : 0;
}

bool decimal_to_double(bytes text, double *out) {
    char small[128];
    if (text.size == 0 || scan(text) != text.size) return false;
    if (text.size < sizeof small) {
        memcpy(small, text.data, text.size);
        small[text.size] = 0;
        *out = parse(small);
        return true;
    }
    char *copy = mem_alloc(text.size + 1);
    if (!copy) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    *out = parse(copy);
    mem_free(copy);
    return true;
}

#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(bytes data, buffer *out) {
    for (size_t i = 0; i < data.size; i += 3) {
        size_t n = data.size - i < 3 ? data.size - i : 3;
        uint32_t bits = (uint32_t)data.data[i] << 16;
        if (n > 1) bits |= (uint32_t)data.data[i + 1] << 8;
        if (n > 2) bits |= data.data[i + 2];
        char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], '=', '='};
        if (n > 1) four[2] = alphabet[bits >> 6 & 63];
        if (n > 2) four[3] = alphabet[bits & 63];
        buffer_append(out, four, sizeof four);
    }
}

/* The six bits that C stands for, or -1. */
static int value_of(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

bool base64_decode(bytes text, buffer *out) {
    size_t n = text.size;
    for (int padding = 0; padding < 2 && n > 0 && n % 4 != 1 && text.size % 4 == 0 && text.data[n - 1] == '=';
         padding++)
        n--;
    if (n % 4 == 1) return false;
    uint32_t bits = 0;
    unsigned held = 0; /* bits not yet given out */
    for (size_t i = 0; i < n; i++) {
        int value = value_of(text.data[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        buffer_append_byte(out, (uint8_t)(bits >> held));
        bits &= (1u << held) - 1;
    }
    return true;
}

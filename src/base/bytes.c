#include "base/bytes.h"

/* Length of the well-formed sequence at P (at most N bytes are there), or 0. Table 3-7 of the Unicode standard. */
static size_t sequence_length(const uint8_t *p, size_t n) {
    uint8_t lead = p[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    if (length == 0 || length > n) return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return length;
}

bool bytes_valid_utf8(bytes text, size_t *bad) {
    size_t i = 0;
    while (i < text.size) {
        uint64_t eight;
        if (text.size - i >= 8 && (memcpy(&eight, text.data + i, 8), (eight & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
        size_t length = sequence_length(text.data + i, text.size - i);
        if (length == 0) {
            if (bad) *bad = i;
            return false;
        }
        i += length;
    }
    return true;
}

#include "edit/verify/crc_search.h"

#include "base/crc32c.h"

static const uint32_t POLYNOMIAL = 0x82f63b78u; /* bits reflected */

/* ---- multiplying and dividing by x^8 */

static uint32_t times_byte(uint32_t v) {
    for (int i = 0; i < 8; i++) v = (v >> 1) ^ (v & 1 ? POLYNOMIAL : 0);
    return v;
}

static uint32_t over_byte(uint32_t v) {
    for (int i = 0; i < 8; i++) v = v & 0x80000000u ? ((v ^ POLYNOMIAL) << 1) | 1 : v << 1;
    return v;
}

/* Both are linear: of a byte by itself, for all values. */
static void make_table(uint32_t table[256], bool divide) {
    for (uint32_t i = 0; i < 256; i++) table[i] = divide ? over_byte(i << 24) : times_byte(i);
}

/* ---- bursts */

/* A change w of the four bytes that end at byte i makes w * x^32 * x^(8 * (size - 1 - i)): going back byte by byte, w
 * is the difference divided by that. */
bool search_burst(uint32_t difference, uint64_t size, int bytes, burst *out) {
    uint32_t table[256], mask = ~0u >> (8 * bytes); /* bits of the four that must not change */
    make_table(table, true);
    uint32_t w = difference;
    for (int i = 0; i < 4; i++) w = over_byte(w);
    for (uint64_t i = size; difference && i-- > 0; w = (w << 8) ^ table[w >> 24]) {
        if (w & mask) continue;
        int first = 4 - bytes;
        while (first < 3 && ((w >> (8 * first)) & 0xff) == 0) first++;
        if ((uint64_t)(3 - first) > i) continue;
        *out = (burst){i - (uint64_t)(3 - first), w >> (8 * first), 4 - first};
        return true;
    }
    return false;
}

bool search_bit(uint32_t difference, uint64_t size, burst *out) {
    uint32_t table[256];
    make_table(table, true);
    uint32_t w = difference;
    for (int i = 0; i < 4; i++) w = over_byte(w);
    for (uint64_t i = size; difference && i-- > 0; w = (w << 8) ^ table[w >> 24]) {
        uint32_t byte = w >> 24;
        if ((w & 0x00ffffffu) || (byte & (byte - 1))) continue;
        *out = (burst){i, byte, 1};
        return true;
    }
    return false;
}

/* ---- shifts */

/* Sums without the conditioning at both ends are linear: of data of one length they differ by a constant. */
bool search_shift(bytes file, uint64_t at, uint64_t size, uint32_t wanted, uint32_t actual, bool known,
                  int64_t *shift) {
    if (size == 0 || size > file.size) return false;
    uint32_t zeros = crc32c_zeros(size), table[256], leaving[256];
    uint64_t low = at > SHIFT_REACH ? at - SHIFT_REACH : 0, high = at + SHIFT_REACH;
    if (high > file.size - size) high = file.size - size;
    if (low > high) return false;
    uint32_t here; /* of the window at LOW */
    if (known && at <= file.size - size) {
        uint64_t back = at - low;
        uint32_t both =
            crc32c_combine(crc32c(0, file.data + low, (size_t)back), actual, size) ^ crc32c_zeros(back + size);
        uint64_t over = back < size ? back : size; /* the window is what precedes the last BACK bytes of both */
        if (over == back) {
            uint32_t tail = crc32c(0, file.data + low + size, (size_t)back) ^ crc32c_zeros(back);
            here = crc32c_shift(both ^ tail, CRC32C_PERIOD - back % CRC32C_PERIOD);
        } else {
            here = crc32c(0, file.data + low, (size_t)size) ^ zeros;
        }
    } else {
        here = crc32c(0, file.data + low, (size_t)size) ^ zeros;
    }
    make_table(table, false);
    for (uint32_t i = 0; i < 256; i++) leaving[i] = crc32c_shift(table[i], size); /* what a byte SIZE back makes */
    uint64_t nearest = UINT64_MAX;
    for (uint64_t i = low;; i++) {
        uint64_t far = i > at ? i - at : at - i;
        if ((here ^ zeros) == wanted && far && far < nearest) {
            nearest = far;
            *shift = (int64_t)(i - at);
        }
        if (i == high) return nearest != UINT64_MAX;
        uint32_t next = (here ^ file.data[i + size]) & 0xff;
        here = (here >> 8) ^ table[next] ^ leaving[file.data[i]];
    }
}

/* ---- numbers */

bool search_number(uint32_t crc, uint64_t size, uint32_t *out) {
    if (size != 4 && size != 8) return false;
    uint32_t w = crc ^ crc32c_zeros(size);
    for (uint64_t i = 0; i < size; i++) w = over_byte(w);
    *out = w;
    return true;
}

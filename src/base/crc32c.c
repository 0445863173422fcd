#include "base/crc32c.h"

#include <isa-l/crc.h>

enum { LARGEST_CALL = 1 << 30 }; /* ISA-L counts bytes in an int */

uint32_t crc32c(uint32_t crc, const void *data, size_t size) {
    const uint8_t *p = data;
    uint32_t state = ~crc;
    for (; size > LARGEST_CALL; size -= LARGEST_CALL, p += LARGEST_CALL)
        state = crc32_iscsi((unsigned char *)(uintptr_t)p, LARGEST_CALL, state);
    if (size) state = crc32_iscsi((unsigned char *)(uintptr_t)p, (int)size, state);
    return ~state;
}

/* Product of two polynomials modulo the Castagnoli polynomial, bits reflected (bit 31 is x^0). */
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (int i = 0; i < 32; i++) {
        if (a & (0x80000000u >> i)) product ^= b;
        b = (b >> 1) ^ (b & 1 ? 0x82f63b78u : 0);
    }
    return product;
}

/* Appending n bytes multiplies by x^(8n); that power by repeated squaring. */
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t size_b) {
    uint32_t square = 0x00800000u; /* x^8 */
    for (; size_b; size_b >>= 1) {
        if (size_b & 1) crc_a = multiply(square, crc_a);
        square = multiply(square, square);
    }
    return crc_a ^ crc_b;
}

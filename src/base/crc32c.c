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

/* x^(8 * 2^i): the powers that a length's bits stand for. They repeat, since x^(2^31) = x modulo this polynomial. */
static const uint32_t powers[31] = {
    0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7,
    0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
    0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915, 0x734d5309, 0xbc1ac763, 0x7d0722cc,
    0xd289cabe, 0xe94ca9bc, 0x05b74f3f, 0xa51e1f42, 0x40000000, 0x20000000, 0x08000000,
};

uint32_t crc32c_shift(uint32_t sum, uint64_t bytes) {
    for (size_t i = 0; bytes; bytes >>= 1, i++)
        if (bytes & 1) sum = multiply(powers[i % 31], sum);
    return sum;
}

/* Appending n bytes multiplies by x^(8n). */
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t size_b) {
    return crc32c_shift(crc_a, size_b) ^ crc_b;
}

uint32_t crc32c_power(uint64_t size_b) {
    return crc32c_shift(0x80000000u, size_b);
}

uint32_t crc32c_combine_by(uint32_t crc_a, uint32_t crc_b, uint32_t power) {
    return multiply(power, crc_a) ^ crc_b;
}

uint32_t crc32c_zeros(uint64_t size) {
    return ~crc32c_shift(~0u, size);
}

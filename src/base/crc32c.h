/* CRC-32C (Castagnoli), as TensorFlow's files use it. Sums here are plain ("unmasked") unless a name says otherwise. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what CRC covers followed by DATA; start with 0. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* The sum of A followed by B, from their sums and B's length: linear, reads nothing. */
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t size_b);

/* The same when many B have one length: POWER is crc32c_power of it. */
uint32_t crc32c_power(uint64_t size_b);
uint32_t crc32c_combine_by(uint32_t crc_a, uint32_t crc_b, uint32_t power);

/* SUM times x^(8 * BYTES), modulo the polynomial: what BYTES further bytes make of a difference of two sums. Since
 * x^(2^31 - 1) is 1, (2^31 - 1 - n) undoes n. */
uint32_t crc32c_shift(uint32_t sum, uint64_t bytes);
enum { CRC32C_PERIOD = 0x7fffffff };

/* The sum of SIZE zero bytes. */
uint32_t crc32c_zeros(uint64_t size);

/* The masked form that files store: rotated right by 15, plus a constant, so that a sum over a sum is harmless. */
static inline uint32_t crc32c_mask(uint32_t crc) {
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}
static inline uint32_t crc32c_unmask(uint32_t masked) {
    uint32_t rotated = masked - 0xa282ead8u;
    return (rotated >> 17) | (rotated << 15);
}

#endif

/* What a wrong checksum tells of the error, by CRC-32C's linearity: the difference of two sums of equally long data is
 * that of the data alone, times a power of x that only depends on where the data differs. */
#ifndef EDIT_VERIFY_CRC_SEARCH_H
#define EDIT_VERIFY_CRC_SEARCH_H

#include "base/bytes.h"

/* Single-bit patterns repeat every 2^31 - 1 bits: in longer data they say nothing. Shorter data is searched up to: */
enum { SEARCH_MOST = 1 << 20 };

/* Some change of a few neighbouring bytes that makes the sums differ by DIFFERENCE in data of SIZE bytes. */
typedef struct burst {
    uint64_t at;     /* byte */
    uint32_t change; /* the lowest byte is the change of byte AT */
    int bytes;
} burst;

/* The only changed bit, if one bit explains DIFFERENCE; SIZE at most SEARCH_MOST. */
bool search_bit(uint32_t difference, uint64_t size, burst *out);

/* The first change of at most BYTES (1 to 3) neighbouring bytes that explains DIFFERENCE. */
bool search_burst(uint32_t difference, uint64_t size, int bytes, burst *out);

/* How far from its place data lies: the bytes WANTED is the sum of should be at FILE[AT, AT + SIZE); *shift, of at most
 * REACH, is such that FILE[AT + *shift, ...) has that sum. ACTUAL is the sum of what is at AT now; when the file ends
 * before AT + SIZE, KNOWN is false and the sum is made anew where it fits. */
enum { SHIFT_REACH = 4096 };
bool search_shift(bytes file, uint64_t at, uint64_t size, uint32_t wanted, uint32_t actual, bool known, int64_t *shift);

/* The number below 2^32 whose SIZE (4 or 8) little-endian bytes have the sum CRC. */
bool search_number(uint32_t crc, uint64_t size, uint32_t *out);

#endif

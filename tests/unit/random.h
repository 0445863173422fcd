/* Numbers that only look random: the same in every run, unless a test sets the seed. xorshift64*. */
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

#include <stdint.h>

static uint64_t seed = 0x452821e638d01377;

static inline uint64_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1d;
}
static inline int below(int n) {
    return (int)(next_random() >> 33) % n;
}
static inline double real(void) { /* from -1 to 1 */
    return (double)(next_random() >> 11) / 9007199254740992.0 * 2 - 1;
}

#endif

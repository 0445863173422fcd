/* Philox 4x32-10, a generator that counts: block i of its numbers is a function of i and the key.
 * Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef KERNEL_PHILOX_H
#define KERNEL_PHILOX_H

#include <stdint.h>

typedef struct philox {
    uint32_t counter[4], key[2];
} philox;

/* As TensorFlow's ops with seeds start it: SEED is the key, SEED2 the upper half of the counter. */
static inline philox philox_of_seeds(uint64_t seed, uint64_t seed2) {
    return (philox){{0, 0, (uint32_t)seed2, (uint32_t)(seed2 >> 32)}, {(uint32_t)seed, (uint32_t)(seed >> 32)}};
}

static inline philox philox_of_words(uint64_t low, uint64_t high, uint64_t key) {
    return (philox){{(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)},
                    {(uint32_t)key, (uint32_t)(key >> 32)}};
}

static inline uint64_t philox_word(const uint32_t *pair) {
    return pair[0] | (uint64_t)pair[1] << 32;
}

/* Leaves BLOCKS blocks out. A carry out of a BLOCKS near 2^64 is lost, as TensorFlow loses it (skips by a negative
 * number are made so). */
static inline void philox_skip(philox *p, uint64_t blocks) {
    uint32_t low = (uint32_t)blocks, high = (uint32_t)(blocks >> 32);
    p->counter[0] += low;
    if (p->counter[0] < low) high++;
    p->counter[1] += high;
    if (p->counter[1] < high && ++p->counter[2] == 0) ++p->counter[3];
}

/* The next block of four numbers. */
static inline void philox_next(philox *p, uint32_t out[4]) {
    uint32_t a = p->counter[0], b = p->counter[1], c = p->counter[2], d = p->counter[3];
    uint32_t key0 = p->key[0], key1 = p->key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t left = (uint64_t)0xD2511F53u * a, right = (uint64_t)0xCD9E8D57u * c;
        a = (uint32_t)(right >> 32) ^ b ^ key0;
        b = (uint32_t)right;
        c = (uint32_t)(left >> 32) ^ d ^ key1;
        d = (uint32_t)left;
        key0 += 0x9E3779B9u; /* the golden ratio */
        key1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
    if (++p->counter[0] == 0 && ++p->counter[1] == 0 && ++p->counter[2] == 0) ++p->counter[3];
}

#endif

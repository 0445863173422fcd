/* Fingerprint64 is the 64-bit string hash of the CityHash family with its frozen constants (Pike and Alakuijala,
 * github.com/google/farmhash). */
#include "base/hash.h"

#include "base/num.h"

static const uint64_t K0 = 0xc3a5c85c97cb3127, K1 = 0xb492b66fbe98f273, K2 = 0x9ae16a3b2f90404f;

typedef struct pair {
    uint64_t first, second;
} pair;

static uint64_t rotate(uint64_t v, int right) {
    return v >> right | v << (64 - right);
}

static uint64_t fold(uint64_t v) {
    return v ^ v >> 47;
}

static uint64_t mix(uint64_t u, uint64_t v, uint64_t factor) {
    uint64_t a = fold((u ^ v) * factor);
    return fold((v ^ a) * factor) * factor;
}

static uint64_t hash_to_16(const uint8_t *s, size_t n) {
    uint64_t factor = K2 + n * 2;
    if (n >= 8) {
        uint64_t a = load_u64(s) + K2, b = load_u64(s + n - 8);
        return mix(rotate(b, 37) * factor + a, (rotate(a, 25) + b) * factor, factor);
    }
    if (n >= 4) return mix(n + ((uint64_t)load_u32(s) << 3), load_u32(s + n - 4), factor);
    if (n == 0) return K2;
    uint32_t y = s[0] + ((uint32_t)s[n >> 1] << 8), z = (uint32_t)n + ((uint32_t)s[n - 1] << 2);
    return fold(y * K2 ^ z * K0) * K2;
}

static uint64_t hash_to_32(const uint8_t *s, size_t n) {
    uint64_t factor = K2 + n * 2;
    uint64_t a = load_u64(s) * K1, b = load_u64(s + 8), c = load_u64(s + n - 8) * factor, d = load_u64(s + n - 16) * K2;
    return mix(rotate(a + b, 43) + rotate(c, 30) + d, a + rotate(b + K2, 18) + c, factor);
}

static uint64_t hash_to_64(const uint8_t *s, size_t n) {
    uint64_t factor = K2 + n * 2;
    uint64_t a = load_u64(s) * K2, b = load_u64(s + 8), c = load_u64(s + n - 8) * factor, d = load_u64(s + n - 16) * K2;
    uint64_t y = rotate(a + b, 43) + rotate(c, 30) + d, z = mix(y, a + rotate(b + K2, 18) + c, factor);
    uint64_t e = load_u64(s + 16) * factor, f = load_u64(s + 24);
    uint64_t g = (y + load_u64(s + n - 32)) * factor, h = (z + load_u64(s + n - 24)) * factor;
    return mix(rotate(e + f, 43) + rotate(g, 30) + h, e + rotate(f + a, 18) + g, factor);
}

/* Half a block into one of the two running pairs. */
static pair absorb(const uint8_t *s, uint64_t a, uint64_t b) {
    uint64_t z = load_u64(s + 24), start = a + load_u64(s);
    uint64_t sum = start + load_u64(s + 8) + load_u64(s + 16);
    return (pair){sum + z, rotate(b + start + z, 21) + rotate(sum, 44) + start};
}

typedef struct state {
    uint64_t x, y, z;
    pair v, w;
} state;

/* One block of 64 bytes. WEIGHT is 1 but for the last block. */
static void block(state *t, const uint8_t *s, uint64_t factor, uint64_t weight) {
    t->x = rotate(t->x + t->y + t->v.first + load_u64(s + 8), 37) * factor;
    t->y = rotate(t->y + t->v.second + load_u64(s + 48), 42) * factor;
    t->x ^= t->w.second * weight;
    t->y += t->v.first * weight + load_u64(s + 40);
    t->z = rotate(t->z + t->w.first, 33) * factor;
    t->v = absorb(s, t->v.second * factor, t->x + t->w.first);
    t->w = absorb(s + 32, t->z + t->w.second, t->y + load_u64(s + 16));
    uint64_t swapped = t->z;
    t->z = t->x;
    t->x = swapped;
}

uint64_t hash_fingerprint64(bytes data) {
    const uint8_t *s = data.data;
    size_t n = data.size;
    if (n <= 16) return hash_to_16(s, n);
    if (n <= 32) return hash_to_32(s, n);
    if (n <= 64) return hash_to_64(s, n);
    state t = {.x = 81 * K2 + load_u64(s), .y = 81 * K1 + 113};
    t.z = fold(t.y * K2 + 113) * K2;
    size_t whole = (n - 1) / 64 * 64; /* the last block overlaps what came before */
    for (size_t i = 0; i < whole; i += 64) block(&t, s + i, K1, 1);
    uint64_t factor = K1 + ((t.z & 0xff) << 1);
    t.w.first += (n - 1) & 63;
    t.v.first += t.w.first;
    t.w.first += t.v.first;
    block(&t, s + n - 64, factor, 9);
    return mix(mix(t.v.first, t.w.first, factor) + fold(t.y) * K0 + t.z, mix(t.v.second, t.w.second, factor) + t.x,
               factor);
}

uint64_t hash_fingerprint_concat64(uint64_t a, uint64_t b) {
    const uint64_t factor = 0xc6a4a7935bd1e995;
    uint64_t mixed = a ^ factor ^ fold(b * factor) * factor;
    return fold(fold(mixed * factor) * factor);
}

/* ---- SipHash-2-4 */

static uint64_t rotate_left(uint64_t v, int n) {
    return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[3];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[2] = rotate_left(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t hash_siphash(const uint64_t key[2], bytes data) {
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    size_t i = 0;
    for (; i + 8 <= data.size; i += 8) sip_word(v, load_u64(data.data + i));
    uint64_t last = (uint64_t)data.size << 56;
    for (int shift = 0; i < data.size; i++, shift += 8) last |= (uint64_t)data.data[i] << shift;
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int r = 0; r < 4; r++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- MurmurHash64A */

uint64_t hash_murmur64(bytes data) {
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    uint64_t h = UINT64_C(0xDECAFCAFFE) ^ data.size * m;
    size_t i = 0;
    for (; i + 8 <= data.size; i += 8) {
        uint64_t k = load_u64(data.data + i) * m;
        h = (h ^ fold(k) * m) * m;
    }
    if (i < data.size) {
        uint64_t rest = 0;
        for (int shift = 0; i < data.size; i++, shift += 8) rest |= (uint64_t)data.data[i] << shift;
        h = (h ^ rest) * m;
    }
    return fold(fold(h) * m);
}

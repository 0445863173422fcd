#include "base/hash.h"

#include "base/num.h"

static uint64_t rotate_right(uint64_t v, int n) {
    return v >> n | v << (64 - n);
}
static uint64_t rotate_left(uint64_t v, int n) {
    return v << n | v >> (64 - n);
}

/* ---- FarmHash Fingerprint64 */

#define K0 UINT64_C(0xc3a5c85c97cb3127)
#define K1 UINT64_C(0xb492b66fbe98f273)
#define K2 UINT64_C(0x9ae16a3b2f90404f)

typedef struct {
    uint64_t a, b;
} pair;

static uint64_t shift_mix(uint64_t v) {
    return v ^ v >> 47;
}

static uint64_t mix(uint64_t u, uint64_t v, uint64_t mul) {
    return shift_mix((v ^ shift_mix((u ^ v) * mul)) * mul) * mul;
}

static uint64_t up_to_16(const uint8_t *s, size_t n) {
    uint64_t mul = K2 + n * 2;
    if (n >= 8) {
        uint64_t a = load_u64(s) + K2, b = load_u64(s + n - 8);
        return mix(rotate_right(b, 37) * mul + a, (rotate_right(a, 25) + b) * mul, mul);
    }
    if (n >= 4) return mix(n + ((uint64_t)load_u32(s) << 3), load_u32(s + n - 4), mul);
    if (n == 0) return K2;
    uint64_t y = s[0] + ((uint64_t)s[n >> 1] << 8), z = n + ((uint64_t)s[n - 1] << 2);
    return shift_mix(y * K2 ^ z * K0) * K2;
}

static uint64_t up_to_32(const uint8_t *s, size_t n) {
    uint64_t mul = K2 + n * 2;
    uint64_t a = load_u64(s) * K1, b = load_u64(s + 8), c = load_u64(s + n - 8) * mul, d = load_u64(s + n - 16) * K2;
    return mix(rotate_right(a + b, 43) + rotate_right(c, 30) + d, a + rotate_right(b + K2, 18) + c, mul);
}

static uint64_t up_to_64(const uint8_t *s, size_t n) {
    uint64_t mul = K2 + n * 2;
    uint64_t a = load_u64(s) * K2, b = load_u64(s + 8), c = load_u64(s + n - 8) * mul, d = load_u64(s + n - 16) * K2;
    uint64_t y = rotate_right(a + b, 43) + rotate_right(c, 30) + d;
    uint64_t z = mix(y, a + rotate_right(b + K2, 18) + c, mul);
    uint64_t e = load_u64(s + 16) * mul, f = load_u64(s + 24);
    uint64_t g = (y + load_u64(s + n - 32)) * mul, h = (z + load_u64(s + n - 24)) * mul;
    return mix(rotate_right(e + f, 43) + rotate_right(g, 30) + h, e + rotate_right(f + a, 18) + g, mul);
}

static pair weak(const uint8_t *s, uint64_t a, uint64_t b) {
    uint64_t w = load_u64(s), x = load_u64(s + 8), y = load_u64(s + 16), z = load_u64(s + 24);
    a += w;
    b = rotate_right(b + a + z, 21);
    uint64_t c = a;
    a += x + y;
    return (pair){a + z, b + rotate_right(a, 44) + c};
}

/* 64 bytes at S into the state, with NINE times some of it in the last round. */
static void farm_round(const uint8_t *s, uint64_t *x, uint64_t *y, uint64_t *z, pair *v, pair *w, uint64_t mul,
                       uint64_t nine) {
    uint64_t next_z = rotate_right(*x + *y + v->a + load_u64(s + 8), 37) * mul;
    *y = rotate_right(*y + v->b + load_u64(s + 48), 42) * mul;
    next_z ^= w->b * nine;
    *y += v->a * nine + load_u64(s + 40);
    *x = rotate_right(*z + w->a, 33) * mul;
    *v = weak(s, v->b * mul, next_z + w->a);
    *w = weak(s + 32, *x + w->b, *y + load_u64(s + 16));
    *z = next_z;
}

uint64_t hash_fingerprint64(bytes text) {
    const uint8_t *s = text.data;
    size_t n = text.size;
    if (n <= 16) return up_to_16(s, n);
    if (n <= 32) return up_to_32(s, n);
    if (n <= 64) return up_to_64(s, n);
    const uint64_t seed = 81;
    uint64_t y = seed * K1 + 113, z = shift_mix(y * K2 + 113) * K2, x = seed * K2 + load_u64(s);
    pair v = {0, 0}, w = {0, 0};
    const uint8_t *end = s + (n - 1) / 64 * 64, *last = s + n - 64;
    for (; s != end; s += 64) farm_round(s, &x, &y, &z, &v, &w, K1, 1);
    uint64_t mul = K1 + ((z & 0xff) << 1);
    w.a += (n - 1) & 63;
    v.a += w.a;
    w.a += v.a;
    farm_round(last, &x, &y, &z, &v, &w, mul, 9);
    return mix(mix(v.a, w.a, mul) + shift_mix(y) * K0 + z, mix(v.b, w.b, mul) + x, mul);
}

/* ---- SipHash-2-4 */

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

uint64_t hash_siphash(const uint64_t key[2], bytes text) {
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) sip_word(v, load_u64(text.data + i));
    uint64_t last = (uint64_t)text.size << 56;
    for (int shift = 0; i < text.size; i++, shift += 8) last |= (uint64_t)text.data[i] << shift;
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int r = 0; r < 4; r++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- MurmurHash64A */

uint64_t hash_murmur64(bytes text) {
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    uint64_t h = UINT64_C(0xDECAFCAFFE) ^ text.size * m;
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t k = load_u64(text.data + i) * m;
        h = (h ^ shift_mix(k) * m) * m;
    }
    if (i < text.size) {
        uint64_t rest = 0;
        for (int shift = 0; i < text.size; i++, shift += 8) rest |= (uint64_t)text.data[i] << shift;
        h = (h ^ rest) * m;
    }
    return shift_mix(shift_mix(h) * m);
}

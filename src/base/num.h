/* Arithmetic on sizes that come from files: every product and sum is checked. Unaligned little-endian loads. Floats
 * beside a float. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}
static inline bool mul3_u64(uint64_t a, uint64_t b, uint64_t c, uint64_t *out) {
    return mul_u64(a, b, out) && mul_u64(*out, c, out);
}
static inline bool mul_i64(int64_t a, int64_t b, int64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool mul_size(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

static inline size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}
static inline size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

static inline int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The hosts we support are little-endian. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Inlay needs a little-endian machine"
#endif

static inline uint16_t load_u16(const void *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t load_u32(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint64_t load_u64(const void *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline float load_f32(const void *p) {
    float v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The next float32 above VALUE, and below it, as nextafterf has them, without a call. */
static inline float float_after(float value) {
    uint32_t bits = load_u32(&value);
    if ((bits & 0x7fffffff) > 0x7f800000 || bits == 0x7f800000) return value;
    bits = bits >> 31 == 0 ? bits + 1 : bits == 0x80000000 ? 1 : bits - 1;
    return load_f32(&bits);
}
static inline float float_before(float value) {
    return -float_after(-value);
}

static inline void store_u16(void *p, uint16_t v) {
    memcpy(p, &v, sizeof v);
}
static inline void store_u32(void *p, uint32_t v) {
    memcpy(p, &v, sizeof v);
}
static inline void store_u64(void *p, uint64_t v) {
    memcpy(p, &v, sizeof v);
}

#endif

/* Hashes whose values are part of formats and ops, the same on every machine. (Tables of our own use map.h.) */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

/* FarmHash Fingerprint64: what StringToHashBucketFast, feature crosses and fingerprint.pb use. */
uint64_t hash_fingerprint64(bytes data);

/* TensorFlow's mix of two fingerprints into one; the order matters. */
uint64_t hash_fingerprint_concat64(uint64_t a, uint64_t b);

/* SipHash-2-4 (Aumasson and Bernstein 2012) with the key as two little-endian words: StringToHashBucketStrong. */
uint64_t hash_siphash(const uint64_t key[2], bytes data);

/* MurmurHash64A (Appleby) with seed 0xDECAFCAFFE: StringToHashBucket. */
uint64_t hash_murmur64(bytes data);

#endif

/* Hashes that files and ops of TensorFlow depend on: the numbers may never change. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

/* FarmHash Fingerprint64 (Google FarmHash 1.1, farmhashna): saved-model fingerprints, StringToHashBucketFast. */
uint64_t hash_fingerprint64(bytes text);

/* SipHash-2-4 (Aumasson and Bernstein 2012) with the key as two little-endian words: StringToHashBucketStrong. */
uint64_t hash_siphash(const uint64_t key[2], bytes text);

/* MurmurHash64A (Appleby) with seed 0xDECAFCAFFE: StringToHashBucket. */
uint64_t hash_murmur64(bytes text);

#endif

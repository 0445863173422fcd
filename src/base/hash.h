/* Hashes whose values are part of formats and ops, the same on every machine. (Tables of our own use map.h.) */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

/* FarmHash Fingerprint64: what StringToHashBucketFast, feature crosses and fingerprint.pb use. */
uint64_t hash_fingerprint64(bytes data);

/* TensorFlow's mix of two fingerprints into one; the order matters. */
uint64_t hash_fingerprint_concat64(uint64_t a, uint64_t b);

#endif

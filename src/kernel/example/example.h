/* The features of a serialized tf.Example (tensorflow/core/example/example.proto, feature.proto), read in place. Knows
 * nothing of what they are wanted for. */
#ifndef KERNEL_EXAMPLE_H
#define KERNEL_EXAMPLE_H

#include "base/bytes.h"

typedef enum example_kind { EXAMPLE_NONE, EXAMPLE_BYTES, EXAMPLE_FLOATS, EXAMPLE_INTS } example_kind;

/* One feature: its name and the list that its Feature message begins with (others in it do not count). */
typedef struct example_feature {
    bytes name;
    example_kind kind; /* EXAMPLE_NONE: the feature is there, but without a list */
    bytes list;        /* BytesList, FloatList or Int64List message */
} example_feature;

/* A walk over the features of EXAMPLE, in their order; a name may come more than once, and the last counts. */
typedef struct example_walk {
    bytes example, features; /* what is left */
} example_walk;
example_walk example_begin(bytes example);

/* False at the end, and when the message is malformed: *sound tells which. */
bool example_next(example_walk *w, example_feature *out, bool *sound);

/* A walk over Features alone, as a SequenceExample has them; and over its parts, FIELD 1 (context: Features) or 2
 * (FeatureLists): false at the end, and when the message is malformed. */
example_walk example_begin_features(bytes features);
bool sequence_next(bytes *example, uint32_t *field, bytes *part, bool *sound);

/* The features of a FeatureList, one by one, and the entries of FeatureLists. */
bool feature_list_next(bytes *list, example_feature *out, bool *sound);
bool feature_lists_next(bytes *lists, bytes *name, bytes *list, bool *sound);

/* Number of values in a list; -1 when it is malformed. */
int64_t example_count(example_kind kind, bytes list);

/* Values of a list that example_count accepted: OUT has room for them. */
void example_floats(bytes list, float *out);
void example_ints(bytes list, int64_t *out);
bool example_next_text(bytes *list, bytes *out); /* of a BytesList, one by one; false at the end */

#endif

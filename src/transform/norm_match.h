/* Normalisations by moments that are given: the ops for it, and as people write it. Private to transform/. */
#ifndef TRANSFORM_NORM_MATCH_H
#define TRANSFORM_NORM_MATCH_H

#include "transform/search_chunk.h"

/* (x - mean) / √(variance + epsilon) · scale + offset, each a vector of as many numbers as the last dimension of x. */
typedef struct given_norm {
    graph_edge x, scale, offset, mean, variance; /* float32 */
    float epsilon;
    int64_t count; /* of each vector; -1: unknown, the op sees to it */
} given_norm;

/* E is output 0 of an inference op of channels last. */
bool match_norm_op(graph_edge e, given_norm *out);

/* E is x · inverse + (offset - mean · inverse), where inverse is rsqrt(variance + epsilon) · scale. */
bool match_norm_written(program *p, op_host *host, graph_edge e, given_norm *out);

/* Dims of a tensor that the model stores: of a constant, or of a variable that is read. */
bool stored_dims(program *p, op_host *host, graph_edge e, shape *out);

#endif

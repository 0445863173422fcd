/* Where a random op's numbers start: a generator that the session keeps for the node and that goes on from run to run,
 * seeds that are given, a key and a counter, or a variable that holds them. */
#ifndef OP_RANDOM_SOURCE_H
#define OP_RANDOM_SOURCE_H

#include "kernel/random/philox.h"
#include "op/op.h"

typedef enum random_source {
    FROM_NODE,    /* attributes seed and seed2; both 0: seeded by the system */
    FROM_SEED,    /* an input seed [2] */
    FROM_KEY,     /* inputs key [1], counter [2] and algorithm */
    FROM_VARIABLE /* input 0, whose value is counter [2] and key [1]; input 1: algorithm */
} random_source;

/* prepare and dispose of ops FROM_NODE. */
inlay_status random_prepare(op_node *node, op_setting *setting, inlay_error *err);
void random_dispose(op_node *node);

/* The generator's state before this op; where it is kept, it goes on by BLOCKS. INPUT is where the seed or key is. */
inlay_status random_start(const op_call *c, random_source from, int input, uint64_t blocks, philox *out,
                          inlay_error *err);

/* Mixes seed T [2] into a generator. */
inlay_status random_of_seed(const tensor *t, philox *out, inlay_error *err);

/* What variable R holds goes on by BLOCKS; *out is what it was. */
inlay_status random_advance(const tensor *r, int64_t algorithm, uint64_t blocks, philox *out, inlay_error *err);

/* Seeded by the system. UNAVAILABLE. */
inlay_status random_of_system(philox *out, inlay_error *err);

enum { RANDOM_PHILOX = 1, RANDOM_ANY_ALGORITHM = 3 };

/* Dims from input I, all known. */
inlay_status random_dims(const op_call *c, int i, shape *out, int64_t *count, inlay_error *err);

#endif

/* Random tensors, equal to TensorFlow's: which numbers of the generator make element i does not depend on how the work
 * is cut. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "kernel/random/philox.h"
#include "tensor/dtype.h"

typedef enum random_kind {
    RANDOM_UNIFORM,   /* [0, 1) */
    RANDOM_NORMAL,    /* mean 0, deviation 1 */
    RANDOM_TRUNCATED, /* the same within two deviations */
    RANDOM_INT,       /* LOW + [0, RANGE) */
    RANDOM_BITS,      /* any integer */
    RANDOM_KINDS
} random_kind;

typedef struct random_draw {
    random_kind kind;
    philox start;
    uint64_t low, range; /* RANDOM_INT; wrap in the width of the dtype; range not 0 */
    void *out;           /* [count], aligned for the dtype */
    int64_t count;
} random_draw;

/* Fills groups [first, first + n) of the draw's elements; the last may be cut short by the count. */
typedef void (*random_fn)(const random_draw *d, int64_t first, int64_t n);

/* NULL when there is none for that dtype. *group is how many elements a group has. */
random_fn random_function(random_kind kind, dtype t, int64_t *group);

/* How many blocks of the generator an op leaves out for each element that it makes, whatever it needs. */
enum { RANDOM_RESERVED = 256 };

/* ---- one number after another: [0, 1) and normal ones from blocks */
double random_unit(uint32_t x0, uint32_t x1);
void random_normals_f32(uint32_t x0, uint32_t x1, float out[2]);
void random_normals_f64(const uint32_t block[4], double out[2]);

#endif

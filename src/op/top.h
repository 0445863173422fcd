/* Numbers by their order: keys that compare alike for every dtype, and the k largest of each row. */
#ifndef OP_TOP_H
#define OP_TOP_H

#include "tensor/tensor.h"

bool order_known(dtype t); /* numbers and bool */

/* Signed order of int64 is the order of the numbers. Floats keep theirs as bits; NaN is INT64_MIN, below all numbers,
 * and -0 equals 0. */
int64_t order_key(const tensor *t, int64_t i);

/* Element I of OUT, of any integer dtype that holds places. */
void order_put_place(tensor *out, int64_t i, int64_t place);

/* The K largest of each row of IN [.., n], larger first, equal ones by rising place: VALUES [.., k] of IN's dtype,
 * PLACES
 * [.., k] of an integer dtype. K is at most n, order_known(IN->type). RESOURCE_EXHAUSTED. */
inlay_status top_find(const tensor *in, int64_t k, tensor *values, tensor *places, inlay_error *err);

#endif

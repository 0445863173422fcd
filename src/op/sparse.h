/* What ops on sparse tensors share. A sparse tensor is three inputs: indices int64 [n, rank], values [n], dense shape
 * int64 [rank]. Its entries are in no order unless the op says so. */
#ifndef OP_SPARSE_H
#define OP_SPARSE_H

#include "op/op.h"

typedef struct sparse {
    const tensor *values;
    const int64_t *indices; /* [n, rank] */
    int64_t n;
    int rank;
    shape dims; /* dense */
} sparse;

/* Inputs INDICES, VALUES and DIMS of the call as one sparse tensor. INVALID_ARGUMENT: shapes that do not fit each
 * other, a negative dimension, a rank beyond INLAY_MAX_RANK. Indices may be out of bounds (sparse_check). */
inlay_status sparse_read(const op_call *c, int indices, int values, int dims, sparse *out, inlay_error *err);
inlay_status sparse_check(const sparse *s, inlay_error *err); /* every index is inside the dense shape */

static inline const int64_t *sparse_at(const sparse *s, int64_t i) {
    return s->indices + i * s->rank;
}

/* Bytewise order of index tuples of RANK numbers: below, at or above zero. */
int sparse_compare(const int64_t *a, const int64_t *b, int rank);

/* ORDER [n] becomes the entries by rising index, those of one index as they came; the axes are compared in the order
 * AXES [rank], NULL: as they are. */
inlay_status sparse_sort(const sparse *s, const int *axes, int64_t *order, inlay_error *err);

/* Output I: int64 [n, rank], not filled; output I: int64 [rank], the dense shape DIMS. */
inlay_status sparse_put_indices(op_call *c, int i, int64_t n, int rank, int64_t **out, inlay_error *err);
inlay_status sparse_put_dims(op_call *c, int i, const shape *dims, inlay_error *err);

#endif

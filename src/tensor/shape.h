/* Shapes. A shape of a tensor is known; one that a graph declares may have unknown rank (-1) or dims (-1). */
#ifndef TENSOR_SHAPE_H
#define TENSOR_SHAPE_H

#include "base/error.h"

typedef struct shape {
    int rank; /* -1: unknown */
    int64_t dims[INLAY_MAX_RANK];
} shape;

shape shape_scalar(void);
shape shape_vector(int64_t n);
shape shape_matrix(int64_t rows, int64_t cols);
bool shape_equal(const shape *a, const shape *b);
bool shape_fits(const shape *actual, const shape *declared); /* declared may be partly unknown */

/* Number of elements; false when a dim is negative or the product overflows int64. */
bool shape_elements(const shape *s, int64_t *out);

/* "[2, ?, 3]", "[]", "<unknown rank>"; returns TEXT. */
enum { SHAPE_TEXT = 24 * INLAY_MAX_RANK };
const char *shape_text(const shape *s, char text[SHAPE_TEXT]);

#endif

/* Ops on the matrices in the last two dims of a tensor, one after another or several at a time. */
#ifndef OP_MATRIX_BATCH_H
#define OP_MATRIX_BATCH_H

#include "kernel/linalg/linalg.h"
#include "op/op.h"

typedef struct matrices {
    const tensor *t;
    int64_t rows, cols, count;
    shape batch; /* the dims before */
} matrices;

/* INVALID_ARGUMENT names WHAT when T has fewer than two dims; with SQUARE, when rows and columns differ. */
inlay_status matrices_of(const tensor *t, const char *what, bool square, matrices *out, inlay_error *err);

/* Batch dims that must be equal. */
inlay_status matrices_agree(const matrices *a, const matrices *b, inlay_error *err);

/* BATCH and then rows and columns; columns below 0: only rows. */
inlay_status matrices_dims(const matrices *m, int64_t rows, int64_t cols, shape *out, inlay_error *err);

/* Between tensors of float16, float32, float64, complex64 or complex128 and what the algorithms compute in: elements
 * [first, first + n). */
void matrix_load(const tensor *t, int64_t first, int64_t n, void *wide);
void matrix_store(tensor *t, int64_t first, int64_t n, const void *wide);
void matrix_store_real(tensor *t, int64_t first, int64_t n, const double *values); /* also into complex tensors */

/* One op's work on COUNT matrices. */
typedef struct matrix_job matrix_job;
struct matrix_job {
    op_call *c;
    const linalg_fns *f;
    size_t unit; /* bytes of an element that algorithms take */
    matrices a, b;
    int64_t count, cost; /* of a matrix, in multiplications */
    int64_t room;        /* elements that ONE needs; int64_t and double count as elements */
    bool flag[2];        /* attributes */
    double number;
    bool (*one)(const matrix_job *j, int64_t i, uint8_t *room); /* false: refused */
    const char *refusal;
};

/* Sets c, f and unit for a dtype of these; else UNIMPLEMENTED. */
inlay_status matrix_job_init(matrix_job *j, op_call *c, dtype t, inlay_error *err);
inlay_status matrix_job_run(matrix_job *j, inlay_error *err);

/* N elements of the room. */
void *matrix_room(const matrix_job *j, uint8_t **room, int64_t n);

#endif

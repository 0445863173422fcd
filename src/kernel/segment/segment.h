/* Rows put together by the segment they belong to. */
#ifndef KERNEL_SEGMENT_H
#define KERNEL_SEGMENT_H

#include "tensor/dtype.h"

typedef enum segment_kind { SEGMENT_SUM, SEGMENT_PROD, SEGMENT_MAX, SEGMENT_MIN } segment_kind;

typedef struct segment_job {
    const void *data;    /* rows of WIDTH elements, aligned for their dtype */
    const int64_t *rows; /* [n] which row of data; NULL: row i */
    const int64_t *ids;  /* [n] which row of out; below 0: none */
    int64_t n, width;
    void *out; /* [segments, width] */
} segment_job;

typedef struct segment_fns {
    /* N elements of what leaves any other unchanged: 0, 1, the lowest, the highest finite number. */
    void (*fill)(segment_kind kind, void *out, int64_t n);
    void (*reduce)(segment_kind kind, const segment_job *job);
    /* Row i of OUT divided by divisors[i]; integers towards zero. Divisors are not 0. */
    void (*divide)(void *out, int64_t segments, int64_t width, const double *divisors);
} segment_fns;

/* NULL for what is no plain integer, float32 or float64. */
const segment_fns *segment_functions(dtype t);

#endif

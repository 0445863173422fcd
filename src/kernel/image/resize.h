/* Resizing images [rows, columns, channels] row by row: each function makes some rows of the output from whatever rows
 * of the input they need, in the order of operations that TensorFlow's CPU kernels have, so that results are the same
 * to the bit. Which input positions an output position looks at is a tap, made once for all columns. */
#ifndef KERNEL_IMAGE_RESIZE_H
#define KERNEL_IMAGE_RESIZE_H

#include "tensor/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* Along one dimension. */
typedef struct resize_axis {
    int64_t in, out; /* sizes, at least 1 */
    float scale;     /* input positions an output position */
    bool align_corners, half_pixel;
} resize_axis;

resize_axis resize_axis_of(int64_t in, int64_t out, bool align_corners, bool half_pixel);

/* LINEAR: at[0] and at[1], w[0] of the way between them. CUBIC: four positions with their weights. AREA: positions
 * [at[0], at[1]), of which the first counts w[0] and the last w[1]; they may lie outside. NEAREST: at[0]. */
typedef struct resize_tap {
    int64_t at[4];
    float w[4];
} resize_tap;

typedef enum { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC, RESIZE_AREA } resize_kind;

resize_tap resize_tap_of(resize_kind kind, const resize_axis *axis, int64_t position);

typedef struct resize_job {
    const uint8_t *in; /* [images, y.in, x.in, channels] of dtype TYPE, aligned */
    dtype type;
    int64_t channels;
    resize_axis y, x;
    const resize_tap *taps; /* [x.out] */
    uint8_t *out;           /* [images, y.out, x.out, channels]: TYPE for NEAREST, else float32 */
} resize_job;

/* Float32 numbers that each concurrent call needs to work in. */
int64_t resize_scratch(resize_kind kind, const resize_job *job);

/* Rows [first, first + n) of all images' rows. */
void resize_rows(resize_kind kind, const resize_job *job, int64_t first, int64_t n, float *scratch);

#endif

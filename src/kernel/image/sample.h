/* Resampling along one dimension by a kernel, with scale and translation: each output position is a weighted sum over a
 * span of input positions. The kernels are the usual ones of image processing. */
#ifndef KERNEL_IMAGE_SAMPLE_H
#define KERNEL_IMAGE_SAMPLE_H

#include "base/bytes.h"

#include <stdint.h>

typedef struct sample_kernel sample_kernel;

/* "lanczos3", "box", …; NULL: none of that name. */
const sample_kernel *sample_kernel_named(bytes name);

typedef struct sample_axis {
    int64_t in, out;
    float scale, translation;
    bool antialias;
    int64_t span; /* most input positions of one output position */
} sample_axis;

/* Fills axis->span. */
void sample_measure(const sample_kernel *kernel, sample_axis *axis);

/* STARTS [out] and WEIGHTS [out, span], zero where an output position has fewer. */
void sample_spans(const sample_kernel *kernel, const sample_axis *axis, int64_t *starts, float *weights);

/* OUT [positions of AXIS, channels] from ROW [axis->in, channels]. */
void sample_across(const sample_axis *axis, const int64_t *starts, const float *weights, const float *row,
                   int64_t channels, float *out);

#endif

/* Non-maximum suppression: of boxes that overlap, the one with the highest score stays. */
#ifndef KERNEL_IMAGE_SUPPRESS_H
#define KERNEL_IMAGE_SUPPRESS_H

#include "tensor/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* Intersection over union of two boxes, two opposite corners each, y before x; 0 for boxes without area. */
float suppress_overlap(const float *a, const float *b);

typedef struct suppress_candidate {
    float score;
    int32_t box, compared; /* how many of the selected it has been compared with */
} suppress_candidate;

typedef struct suppress_job {
    const float *scores;   /* of box i: scores[i * score_step] */
    const float *boxes;    /* corners of box i: boxes + i * box_step; NULL: overlaps are given */
    const float *overlaps; /* [n, n] */
    int64_t n, score_step, box_step;
    int64_t most;                   /* selected, at most n */
    float overlap, score, sigma;    /* thresholds; sigma > 0: overlapping lowers scores instead */
    dtype type;                     /* FLOAT32, or FLOAT16: what scores are rounded to */
    suppress_candidate *candidates; /* [n] to work in */
} suppress_job;

/* Boxes selected, in the order of their scores, lower box first among equals, and their scores. Returns how many. */
int64_t suppress_run(const suppress_job *job, int32_t *selected, float *scores);

#endif

/* Colours, pixel by pixel: three channels each. */
#ifndef KERNEL_IMAGE_COLOR_H
#define KERNEL_IMAGE_COLOR_H

#include "tensor/dtype.h"

#include <stddef.h>
#include <stdint.h>

/* N pixels of IN to OUT, which may be the same; hue, saturation and value from 0 to 1. Half-precision numbers are
 * rounded at each step. */
typedef void (*color_fn)(void *out, const void *in, size_t n);

/* NULL for a dtype that has none. */
color_fn color_rgb_to_hsv(dtype t);
color_fn color_hsv_to_rgb(dtype t);

/* Turns the hue by DELTA of the circle. */
void color_turn_hue(float *out, const float *in, size_t n, float delta);

/* Multiplies the saturation by SCALE, up to 1. */
void color_saturate(float *out, const float *in, size_t n, float scale);

/* MEANS [channels] of IN [n, channels], summed by halves; SCRATCH [(n + 1) / 2, channels]. n at least 1. */
void color_means(float *means, const float *in, int64_t n, int64_t channels, float *scratch);

/* MEANS and FACTOR times the distance from them. */
void color_contrast(float *out, const float *in, const float *means, int64_t n, int64_t channels, float factor);

#endif

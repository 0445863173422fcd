/* Numbers of images as float32 and back: what ops on images compute in. */
#ifndef KERNEL_IMAGE_PIXELS_H
#define KERNEL_IMAGE_PIXELS_H

#include "tensor/dtype.h"

/* Whether images may have dtype T: every real number but the narrowest floats. */
bool pixels_can(dtype t);

/* N numbers of T, aligned for it. */
void pixels_load(float *out, const void *in, dtype t, size_t n);

/* Back, towards zero; what does not fit as kernel/cast says. */
void pixels_store(void *out, dtype t, const float *in, size_t n);

#endif

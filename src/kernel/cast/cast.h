/* Conversion of numbers from one dtype to another. */
#ifndef KERNEL_CAST_H
#define KERNEL_CAST_H

#include "tensor/dtype.h"

/* N elements, each aligned for its dtype. Floats go to integers towards zero; what does not fit, and NaN, gives what
 * the CPU's conversion instruction gives on x86 (the smallest number for 32 and 64 bits), then cut to the width; to
 * bool, everything but 0 is true. To float16 and bfloat16 by rounding to nearest. Of complex numbers the real part is
 * converted. False when a dtype is no number. */
bool cast_can(dtype to, dtype from);
bool cast_run(void *out, dtype to, const void *in, dtype from, size_t n);

#endif

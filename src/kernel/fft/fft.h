/* Fourier transforms of one line of complex numbers, of any length, in float64. */
#ifndef KERNEL_FFT_H
#define KERNEL_FFT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct fft_pair {
    double re, im;
} fft_pair;

/* What lines of one length share: may be used by many threads at once. */
typedef struct fft_plan fft_plan;

/* N at least 1. *out is the caller's. RESOURCE_EXHAUSTED. */
inlay_status fft_plan_make(int64_t n, fft_plan **out, inlay_error *err);
void fft_plan_free(fft_plan *p); /* NULL is fine */

/* Numbers that fft_run needs beside the line. */
int64_t fft_scratch(const fft_plan *p);

/* LINE [n] in place: sum over j of x[j] exp(-2 pi i j k / n); the inverse has the other sign and is divided by n. */
void fft_run(const fft_plan *p, bool inverse, fft_pair *line, fft_pair *scratch);

#endif

/* Mel-frequency cepstral coefficients of one frame of a spectrogram (Davis and Mermelstein 1980): its bins are gathered
 * into bands whose centres lie evenly on the mel scale, and the bands' logarithms transformed by cosines. */
#ifndef KERNEL_MFCC_H
#define KERNEL_MFCC_H

#include "base/error.h"

#include <stdbool.h>

typedef struct mfcc_settings {
    double lowest, highest; /* hertz */
    int64_t bands, coefficients;
    int64_t bins; /* of a frame; the last one's frequency is half the rate */
    double rate;  /* samples a second */
} mfcc_settings;

typedef struct mfcc mfcc;

/* *out is the caller's. INVALID_ARGUMENT says what is wrong with the settings. */
inlay_status mfcc_make(const mfcc_settings *s, mfcc **out, inlay_error *err);
void mfcc_free(mfcc *m); /* NULL is fine */

/* FRAME [bins] -> OUT [coefficients], with room for BANDS numbers. Zeros when the frame ends below the highest
 * frequency, as TensorFlow has it. */
void mfcc_run(const mfcc *m, const float *frame, double *bands, float *out);

#endif

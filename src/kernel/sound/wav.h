/* WAV files of 16-bit samples, as bytes. */
#ifndef KERNEL_WAV_H
#define KERNEL_WAV_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct wav_sound {
    uint32_t rate; /* samples a second */
    int64_t channels, count;
    const uint8_t *samples; /* [count, channels] little-endian int16, of the file */
} wav_sound;

/* Chunks before the format may be those that recorders write (JUNK, bext, …), after it any. INVALID_ARGUMENT says what
 * is wrong; every size is checked against the file's. */
inlay_status wav_read(bytes file, wav_sound *out, inlay_error *err);

/* Size of a file with so many samples. INVALID_ARGUMENT: what a header cannot say. */
inlay_status wav_size(uint32_t rate, int64_t channels, int64_t count, uint64_t *out, inlay_error *err);

enum { WAV_HEADER = 44 };
void wav_write_header(uint8_t to[WAV_HEADER], uint32_t rate, int64_t channels, int64_t count);

/* From [-1, 1), rounded, and what is beyond it cut; 0 for NaN. */
int16_t wav_sample(float x);

#endif

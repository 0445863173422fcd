/* Encoded images: JPEG, PNG and GIF by libjpeg-turbo, libpng and giflib, which are opened at first need, and BMP. The
 * bytes may be hostile: a size is checked before memory is taken for it, and whatever the libraries find wrong is an
 * INVALID_ARGUMENT. A library that the build or the machine does not have is UNIMPLEMENTED.
 *
 * Which library was built in is in a switch each: INLAY_JPEG_SONAME, INLAY_PNG_SONAME, INLAY_GIF_SONAME. */
#ifndef KERNEL_IMAGE_CODEC_H
#define KERNEL_IMAGE_CODEC_H

#include "base/buffer.h"
#include "base/error.h"

/* What an image turns out to be, and who gives memory for it: *pixels [frames, rows, cols, channels], 8 or 16 bits
 * each as was asked for. */
typedef struct codec_size {
    int64_t frames, rows, cols, channels;
} codec_size;
typedef struct codec_sink {
    inlay_status (*allocate)(void *user, const codec_size *size, uint8_t **pixels, inlay_error *err);
    void *user;
} codec_sink;

/* Pixels times channels of an image, at most; TensorFlow's limit too. */
enum { CODEC_LIMIT = 1 << 29 };

typedef struct jpeg_reading {
    int channels;  /* 0: as the image has, 3 at most; 1 or 3 */
    int ratio;     /* 1, 2, 4 or 8: how much smaller */
    bool fancy;    /* smooth chroma */
    bool recover;  /* what is missing at the end is made up */
    bool accurate; /* the slow integer transform */
    bool crop;     /* only these rows and columns */
    int64_t row, col, rows, cols;
} jpeg_reading;
inlay_status jpeg_decode(bytes data, const jpeg_reading *how, const codec_sink *sink, inlay_error *err);

/* Rows, columns and channels as the header says. */
inlay_status jpeg_measure(bytes data, codec_size *out, inlay_error *err);

typedef struct jpeg_writing {
    int quality; /* 0 to 100 */
    bool progressive, optimize, keep_chroma;
    int density_unit; /* 1 inch, 2 cm */
    int x_density, y_density;
    bytes xmp; /* or empty */
} jpeg_writing;
/* PIXELS [rows, cols, channels] of 1 or 3 channels. Appended to OUT. */
inlay_status jpeg_encode(const uint8_t *pixels, const codec_size *size, const jpeg_writing *how, buffer *out,
                         inlay_error *err);

/* CHANNELS 0: as the image has; else 1 to 4. WIDE: 16 bits a channel. */
inlay_status png_decode(bytes data, int channels, bool wide, const codec_sink *sink, inlay_error *err);
/* LEVEL -1 (default) to 9. */
inlay_status png_encode(const uint8_t *pixels, const codec_size *size, bool wide, int level, buffer *out,
                        inlay_error *err);

/* Three channels. FIRST: the first frame alone. What a frame does not cover is as before, black at first. */
inlay_status gif_decode(bytes data, bool first, const codec_sink *sink, inlay_error *err);

/* CHANNELS 0: as the image has; 3 or 4. */
inlay_status bmp_decode(bytes data, int channels, const codec_sink *sink, inlay_error *err);

#endif

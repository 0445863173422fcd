/* Encoded images of any bytes: the first byte says how they are decoded. Whatever they are, a codec fills the memory it
 * asked for or refuses.
 * Covers: src/kernel/image/jpeg.c src/kernel/image/png.c src/kernel/image/gif.c src/kernel/image/bmp.c */
#include "kernel/image/codec.h"

#include "base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 16 << 20 }; /* bytes of one image: larger ones are refused, as a budget would */

typedef struct target {
    uint8_t *pixels;
    size_t width; /* bytes of one number */
} target;

static inlay_status allocate(void *user, const codec_size *s, uint8_t **pixels, inlay_error *err) {
    target *t = user;
    if (s->frames < 1 || s->rows < 1 || s->cols < 1 || s->channels < 1 || s->channels > 4) __builtin_trap();
    uint64_t row = (uint64_t)s->cols * (uint64_t)s->channels * t->width, rows = (uint64_t)s->frames * (uint64_t)s->rows;
    if (row > MOST || rows > MOST / row) return fail(err, INLAY_RESOURCE_EXHAUSTED, "too large for fuzzing");
    t->pixels = mem_alloc((size_t)(row * rows));
    *pixels = t->pixels;
    return t->pixels ? INLAY_OK : fail_memory(err);
}

static void decode(uint8_t how, bytes image) {
    static const int channels[4] = {0, 1, 3, 4}, ratios[4] = {1, 2, 4, 8};
    target t = {.width = 1};
    codec_sink sink = {allocate, &t};
    inlay_error err;
    int wanted = channels[how >> 2 & 3];
    codec_size size;
    jpeg_reading jpeg = {.channels = wanted == 4 ? 0 : wanted, .ratio = ratios[how >> 4 & 3], .fancy = how & 64};
    jpeg.recover = how & 128;
    jpeg.crop = (how >> 2 & 3) == 3;
    jpeg.rows = jpeg.cols = 3;
    jpeg.row = jpeg.col = how >> 4;
    switch (how & 3) {
    case 0:
        jpeg_decode(image, &jpeg, &sink, &err);
        jpeg_measure(image, &size, &err);
        break;
    case 1:
        t.width = how & 16 ? 2 : 1;
        png_decode(image, wanted, how & 16, &sink, &err);
        break;
    case 2: gif_decode(image, how & 16, &sink, &err); break;
    default: bmp_decode(image, wanted, &sink, &err);
    }
    mem_free(t.pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size) decode(data[0], bytes_make(data + 1, size - 1));
    return 0;
}

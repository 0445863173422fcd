/* PNG by libpng, whose errors jump back into our frame that began the call: everything that lives across a jump is in a
 * struct outside it. */
#include "base/num.h"
#include "kernel/image/codec.h"
#include "kernel/image/library.h"

#ifdef INLAY_PNG_SONAME

#include <png.h>
#include <setjmp.h>
#include <stdio.h>

#define PNG_FUNCTIONS(X)              \
    X(png_create_info_struct)         \
    X(png_create_read_struct)         \
    X(png_create_write_struct)        \
    X(png_destroy_read_struct)        \
    X(png_destroy_write_struct)       \
    X(png_error)                      \
    X(png_get_IHDR)                   \
    X(png_get_channels)               \
    X(png_get_error_ptr)              \
    X(png_get_io_ptr)                 \
    X(png_get_valid)                  \
    X(png_read_end)                   \
    X(png_read_info)                  \
    X(png_read_row)                   \
    X(png_read_update_info)           \
    X(png_set_IHDR)                   \
    X(png_set_add_alpha)              \
    X(png_set_chunk_cache_max)        \
    X(png_set_chunk_malloc_max)       \
    X(png_set_compression_level)      \
    X(png_set_compression_mem_level)  \
    X(png_set_expand_gray_1_2_4_to_8) \
    X(png_set_gray_to_rgb)            \
    X(png_set_interlace_handling)     \
    X(png_set_packing)                \
    X(png_set_palette_to_rgb)         \
    X(png_set_read_fn)                \
    X(png_set_rgb_to_gray)            \
    X(png_set_strip_16)               \
    X(png_set_strip_alpha)            \
    X(png_set_swap)                   \
    X(png_set_tRNS_to_alpha)          \
    X(png_set_write_fn)               \
    X(png_write_end)                  \
    X(png_write_info)                 \
    X(png_write_row)

#define POINTER(name) __typeof__(&name) name;
static struct { PNG_FUNCTIONS(POINTER) } png;

#define FUNCTION(name) {#name, &png.name},
static const struct library_function functions[] = {PNG_FUNCTIONS(FUNCTION)};
static library lib = {INLAY_PNG_SONAME,          "PNG images", functions, sizeof functions / sizeof *functions,
                      PTHREAD_MUTEX_INITIALIZER, false};

typedef struct png_work {
    jmp_buf jump;
    char message[128];
    png_structp file;
    png_infop info;
    inlay_status status;
    inlay_error *err;
    bytes rest; /* to read */
    int channels;
    bool wide;
    const codec_sink *sink;
    const uint8_t *pixels; /* to write */
    const codec_size *size;
    int level;
    buffer *out;
} png_work;

static void on_error(png_structp file, png_const_charp message) {
    png_work *w = png.png_get_error_ptr(file);
    snprintf(w->message, sizeof w->message, "%s", message);
    longjmp(w->jump, 1);
}

static void on_warning(png_structp file, png_const_charp message) {
    (void)file, (void)message;
}

static void on_read(png_structp file, png_bytep out, size_t n) {
    png_work *w = png.png_get_io_ptr(file);
    if (n > w->rest.size) png.png_error(file, "it ends too early");
    memcpy(out, w->rest.data, n);
    w->rest = bytes_make(w->rest.data + n, w->rest.size - n);
}

static void on_write(png_structp file, png_bytep data, size_t n) {
    png_work *w = png.png_get_io_ptr(file);
    buffer_append(w->out, data, n); /* a failure stays with the buffer */
}

static void on_flush(png_structp file) {
    (void)file;
}

/* Calls ACT, or gets back from it when libpng finds an error. */
static void guarded(png_work *w, void (*act)(png_work *w), const char *what) {
    if (setjmp(w->jump) == 0)
        act(w);
    else
        w->status = fail(w->err, INLAY_INVALID_ARGUMENT, "%s: %s", what, w->message);
}

/* ---- reading */

typedef struct png_header {
    png_uint_32 cols, rows;
    int depth, color;
    bool has_trns;
} png_header;

static int own_channels(const png_work *w, const png_header *h) {
    if (h->color == PNG_COLOR_TYPE_PALETTE) return h->has_trns ? 4 : 3;
    return png.png_get_channels(w->file, w->info);
}

/* What libpng is to make of the image, so that it has the channels and bits that are wanted. */
static void set_transforms(png_work *w, const png_header *h) {
    bool has_alpha = h->color & PNG_COLOR_MASK_ALPHA, is_grey = !(h->color & PNG_COLOR_MASK_COLOR);
    if (w->channels % 2 == 0 && !has_alpha && h->has_trns)
        png.png_set_tRNS_to_alpha(w->file);
    else if (w->channels % 2 == 0 && !has_alpha)
        png.png_set_add_alpha(w->file, (1u << h->depth) - 1, PNG_FILLER_AFTER);
    else if (w->channels % 2 == 1 && (has_alpha || h->has_trns))
        png.png_set_strip_alpha(w->file);
    if (h->depth > 8 && !w->wide) png.png_set_strip_16(w->file);
    png.png_set_packing(w->file);
    if (w->wide) png.png_set_swap(w->file);
    if (h->color == PNG_COLOR_TYPE_PALETTE) png.png_set_palette_to_rgb(w->file);
    if (is_grey && h->depth < 8) png.png_set_expand_gray_1_2_4_to_8(w->file);
    if (w->channels < 3 && !is_grey) png.png_set_rgb_to_gray(w->file, 1, 0.299, 0.587);
    if (w->channels >= 3 && is_grey) png.png_set_gray_to_rgb(w->file);
}

/* A row of N numbers of 8 bits at its beginning becomes one of 16 bits, from its end. */
static void widen_row(uint8_t *row, int64_t n) {
    for (int64_t i = n - 1; i >= 0; i--) store_u16(row + 2 * i, (uint16_t)(row[i] * 257));
}

static void read_rows(png_work *w, const png_header *h, uint8_t *pixels, int passes) {
    int64_t width = (int64_t)h->cols * w->channels;
    size_t row_size = (size_t)width << w->wide;
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < h->rows; y++) png.png_read_row(w->file, pixels + y * row_size, NULL);
    png.png_read_end(w->file, w->info);
    if (w->wide && h->depth <= 8)
        for (png_uint_32 y = 0; y < h->rows; y++) widen_row(pixels + y * row_size, width);
}

static void read_png(png_work *w) {
    png_header h;
    uint8_t *pixels;
    png.png_set_chunk_cache_max(w->file, 64);
    png.png_set_chunk_malloc_max(w->file, 8 << 20);
    png.png_set_read_fn(w->file, w, on_read);
    png.png_read_info(w->file, w->info);
    png.png_get_IHDR(w->file, w->info, &h.cols, &h.rows, &h.depth, &h.color, NULL, NULL, NULL);
    h.has_trns = png.png_get_valid(w->file, w->info, PNG_INFO_tRNS) != 0;
    if (w->channels == 0) w->channels = own_channels(w, &h);
    if (h.cols >= 1 << 27 || h.rows >= 1 << 27 || (uint64_t)h.cols * h.rows >= CODEC_LIMIT)
        png.png_error(w->file, "it is too large");
    set_transforms(w, &h);
    int passes = png.png_set_interlace_handling(w->file);
    png.png_read_update_info(w->file, w->info);
    codec_size size = {1, h.rows, h.cols, w->channels};
    w->status = w->sink->allocate(w->sink->user, &size, &pixels, w->err);
    if (w->status == INLAY_OK) read_rows(w, &h, pixels, passes);
}

inlay_status png_decode(bytes data, int channels, bool wide, const codec_sink *sink, inlay_error *err) {
    TRY(library_load(&lib, err));
    png_work w = {.err = err, .rest = data, .channels = channels, .wide = wide, .sink = sink};
    w.file = png.png_create_read_struct(PNG_LIBPNG_VER_STRING, &w, on_error, on_warning);
    if (!w.file) return fail_memory(err);
    w.info = png.png_create_info_struct(w.file);
    if (w.info)
        guarded(&w, read_png, "not a sound PNG");
    else
        w.status = fail_memory(err);
    png.png_destroy_read_struct(&w.file, w.info ? &w.info : NULL, NULL);
    return w.status;
}

/* ---- writing */

static void write_png(png_work *w) {
    static const int colors[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
    const codec_size *s = w->size;
    size_t row_size = (size_t)(s->cols * s->channels) << w->wide;
    png.png_set_write_fn(w->file, w, on_write, on_flush);
    png.png_set_compression_level(w->file, w->level);
    png.png_set_compression_mem_level(w->file, 9);
    png.png_set_IHDR(w->file, w->info, (png_uint_32)s->cols, (png_uint_32)s->rows, w->wide ? 16 : 8,
                     colors[s->channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                     PNG_FILTER_TYPE_DEFAULT);
    png.png_write_info(w->file, w->info);
    if (w->wide) png.png_set_swap(w->file);
    for (int64_t y = 0; y < s->rows; y++) png.png_write_row(w->file, w->pixels + (size_t)y * row_size);
    png.png_write_end(w->file, NULL);
}

inlay_status png_encode(const uint8_t *pixels, const codec_size *size, bool wide, int level, buffer *out,
                        inlay_error *err) {
    TRY(library_load(&lib, err));
    png_work w = {.err = err, .pixels = pixels, .size = size, .wide = wide, .level = level, .out = out};
    w.file = png.png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_error, on_warning);
    if (!w.file) return fail_memory(err);
    w.info = png.png_create_info_struct(w.file);
    if (w.info)
        guarded(&w, write_png, "no PNG can be made");
    else
        w.status = fail_memory(err);
    png.png_destroy_write_struct(&w.file, w.info ? &w.info : NULL);
    return w.status;
}

#else

static library none = {.what = "PNG images"};

inlay_status png_decode(bytes data, int channels, bool wide, const codec_sink *sink, inlay_error *err) {
    (void)data, (void)channels, (void)wide, (void)sink;
    return library_load(&none, err);
}

inlay_status png_encode(const uint8_t *pixels, const codec_size *size, bool wide, int level, buffer *out,
                        inlay_error *err) {
    (void)pixels, (void)size, (void)wide, (void)level, (void)out;
    return library_load(&none, err);
}

#endif

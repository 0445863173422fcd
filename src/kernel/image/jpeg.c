/* JPEG by libjpeg-turbo with TensorFlow's settings, so that pixels are TensorFlow's. The library's errors jump back
 * into our frame that began the call: everything that lives across a jump is in a struct outside it. */
#include "base/alloc.h"
#include "base/num.h"
#include "kernel/image/codec.h"
#include "kernel/image/library.h"

#ifdef INLAY_JPEG_SONAME

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

#define JPEG_FUNCTIONS(X)          \
    X(jpeg_CreateCompress)         \
    X(jpeg_CreateDecompress)       \
    X(jpeg_calc_output_dimensions) \
    X(jpeg_crop_scanline)          \
    X(jpeg_destroy_compress)       \
    X(jpeg_destroy_decompress)     \
    X(jpeg_finish_compress)        \
    X(jpeg_finish_decompress)      \
    X(jpeg_has_multiple_scans)     \
    X(jpeg_mem_dest)               \
    X(jpeg_read_header)            \
    X(jpeg_read_scanlines)         \
    X(jpeg_resync_to_restart)      \
    X(jpeg_set_defaults)           \
    X(jpeg_set_quality)            \
    X(jpeg_simple_progression)     \
    X(jpeg_skip_scanlines)         \
    X(jpeg_start_compress)         \
    X(jpeg_start_decompress)       \
    X(jpeg_std_error)              \
    X(jpeg_write_marker)           \
    X(jpeg_write_scanlines)

#define POINTER(name) __typeof__(&name) name;
static struct { JPEG_FUNCTIONS(POINTER) } jpeg;

#define FUNCTION(name) {#name, &jpeg.name},
static const struct library_function functions[] = {JPEG_FUNCTIONS(FUNCTION)};
static library lib = {INLAY_JPEG_SONAME,         "JPEG images", functions, sizeof functions / sizeof *functions,
                      PTHREAD_MUTEX_INITIALIZER, false};

/* Passes over an image that a file may ask for: each costs its whole size. */
enum { MOST_SCANS = 64 };

typedef struct jpeg_work {
    jmp_buf jump;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct in;
    struct jpeg_compress_struct out;
    inlay_status status;
    inlay_error *err;
    bytes data; /* to read */
    const jpeg_reading *how;
    const codec_sink *sink;
    codec_size size; /* read, or to write */
    int channels;
    uint8_t *line; /* one row in the library's width; mem_free */
    const uint8_t *pixels;
    const jpeg_writing *settings;
    unsigned char *encoded; /* the library's */
    unsigned long encoded_size;
    uint8_t *packet; /* mem_free */
} jpeg_work;

static void on_error(j_common_ptr file) {
    jpeg_work *w = file->client_data;
    char text[JMSG_LENGTH_MAX];
    file->err->format_message(file, text);
    w->status = fail(w->err, INLAY_INVALID_ARGUMENT, "%s: %s",
                     file->is_decompressor ? "not a sound JPEG" : "no JPEG can be made", text);
    longjmp(w->jump, 1);
}

static void on_message(j_common_ptr file) {
    (void)file;
}

/* An error of our own, as if the library had found it. */
static void refuse(jpeg_work *w, const char *what) {
    w->status = fail(w->err, INLAY_INVALID_ARGUMENT, "not a JPEG that can be decoded: %s", what);
    longjmp(w->jump, 1);
}

/* Calls ACT, or gets back from it when the library or we find an error; w->status says which. */
static void guarded(jpeg_work *w, void (*act)(jpeg_work *w)) {
    if (setjmp(w->jump) == 0) act(w);
}

/* ---- bytes in memory */

static void on_source(j_decompress_ptr file) {
    (void)file;
}

/* The file ends too early: an error, unless the rest may be made up. */
static boolean on_more(j_decompress_ptr file) {
    static const JOCTET end[] = {0xff, JPEG_EOI};
    jpeg_work *w = file->client_data;
    if (!w->how || !w->how->recover || w->data.size == 0) refuse(w, "it ends too early");
    file->src->next_input_byte = end;
    file->src->bytes_in_buffer = sizeof end;
    return TRUE;
}

static void on_skip(j_decompress_ptr file, long n) {
    if (n <= 0) return;
    size_t step = min_size((size_t)n, file->src->bytes_in_buffer);
    file->src->next_input_byte += step;
    file->src->bytes_in_buffer -= step;
}

static void on_progress(j_common_ptr file) {
    jpeg_work *w = file->client_data;
    if (file->is_decompressor && w->in.input_scan_number > MOST_SCANS) refuse(w, "it has too many scans");
}

static void begin_reading(jpeg_work *w) {
    w->in.err = jpeg.jpeg_std_error(&w->errors);
    w->errors.error_exit = on_error;
    w->errors.output_message = on_message;
    w->in.client_data = w;
    jpeg.jpeg_CreateDecompress(&w->in, JPEG_LIB_VERSION, sizeof w->in);
    w->progress.progress_monitor = on_progress;
    w->in.progress = &w->progress;
    w->source = (struct jpeg_source_mgr){
        w->data.data, w->data.size, on_source, on_more, on_skip, jpeg.jpeg_resync_to_restart, on_source};
    w->in.src = &w->source;
    jpeg.jpeg_read_header(&w->in, TRUE);
}

/* ---- reading */

static void choose_output(jpeg_work *w) {
    bool cmyk = w->in.jpeg_color_space == JCS_CMYK || w->in.jpeg_color_space == JCS_YCCK;
    w->channels = w->how->channels ? w->how->channels : w->in.num_components < 3 ? w->in.num_components : 3;
    if (w->channels != 1 && w->channels != 3) refuse(w, "it has two channels");
    w->in.out_color_space = w->channels == 1 ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
    w->in.do_fancy_upsampling = w->how->fancy;
    w->in.scale_num = 1;
    w->in.scale_denom = (unsigned)w->how->ratio;
    w->in.dct_method = w->how->accurate ? JDCT_ISLOW : JDCT_IFAST;
    jpeg.jpeg_calc_output_dimensions(&w->in);
}

/* The image itself is the caller's memory; an image in several scans is in the library's whole, two bytes a sample. */
static void limit_size(jpeg_work *w) {
    uint64_t size = (uint64_t)w->in.output_width * w->in.output_height * (unsigned)w->in.num_components;
    uint64_t whole = (uint64_t)w->in.image_width * w->in.image_height * (unsigned)w->in.num_components;
    if (w->in.output_width == 0 || w->in.output_height == 0) refuse(w, "it has no pixels");
    if (size >= CODEC_LIMIT || (jpeg.jpeg_has_multiple_scans(&w->in) && whole >= CODEC_LIMIT))
        refuse(w, "it is too large");
    /* Huffman's codes take a bit a block of 8 x 8 at least, so a short file cannot be long work. */
    bool bounded = !w->how->recover && !w->in.arith_code;
    if (bounded && (uint64_t)w->in.image_width * w->in.image_height / 512 > w->data.size)
        refuse(w, "it is too short for its size");
    w->in.mem->max_memory_to_use = (long)CODEC_LIMIT * 3;
}

/* Of the output, by the header. */
static void choose_size(jpeg_work *w) {
    const jpeg_reading *h = w->how;
    w->size = (codec_size){1, w->in.output_height, w->in.output_width, w->channels};
    if (!h->crop) return;
    if (h->rows <= 0 || h->cols <= 0 || h->row < 0 || h->col < 0 || h->row + h->rows > w->size.rows ||
        h->col + h->cols > w->size.cols)
        refuse(w, "the crop window is not in the image");
    w->size.rows = h->rows;
    w->size.cols = h->cols;
}

static void skip_to_crop(jpeg_work *w) {
    JDIMENSION col = (JDIMENSION)w->how->col, cols = (JDIMENSION)w->how->cols, row = (JDIMENSION)w->how->row;
    jpeg.jpeg_crop_scanline(&w->in, &col, &cols);
    if (jpeg.jpeg_skip_scanlines(&w->in, row) != row) refuse(w, "it ends before the crop window");
}

/* Cyan, magenta, yellow and black, inverted where Adobe wrote them. */
static void convert_cmyk(uint8_t *out, const uint8_t *in, int64_t n, bool inverted) {
    for (int64_t i = 0; i < n; i++, in += 4, out += 3)
        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)(inverted ? in[3] * in[c] / 255 : (255 - in[3]) * (255 - in[c]) / 255);
}

/* Rows go to PIXELS at once, or by a line of the library's width, whose end is what is wanted. */
static void read_rows(jpeg_work *w, uint8_t *pixels) {
    bool cmyk = w->in.out_color_space == JCS_CMYK;
    int64_t inner = cmyk ? 4 : w->channels, row_size = w->size.cols * w->channels;
    int64_t offset = ((int64_t)w->in.output_width - w->size.cols) * inner;
    bool direct = !cmyk && offset == 0;
    if (!direct && !(w->line = mem_array((size_t)(w->in.output_width * inner), 1))) {
        w->status = fail_memory(w->err);
        longjmp(w->jump, 1);
    }
    for (int64_t y = 0; y < w->size.rows; y++, pixels += row_size) {
        JSAMPROW row = direct ? pixels : w->line;
        if (jpeg.jpeg_read_scanlines(&w->in, &row, 1) != 1) refuse(w, "it ends too early");
        if (cmyk)
            convert_cmyk(pixels, w->line + offset, w->size.cols, w->in.saw_Adobe_marker);
        else if (!direct)
            memcpy(pixels, w->line + offset, (size_t)row_size);
    }
}

static void read_jpeg(jpeg_work *w) {
    uint8_t *pixels;
    begin_reading(w);
    choose_output(w);
    limit_size(w);
    choose_size(w);
    w->status = w->sink->allocate(w->sink->user, &w->size, &pixels, w->err);
    if (w->status != INLAY_OK) return;
    jpeg.jpeg_start_decompress(&w->in);
    if (w->how->crop) skip_to_crop(w);
    read_rows(w, pixels);
    JDIMENSION rest = w->in.output_height - w->in.output_scanline;
    if (w->how->crop && rest) jpeg.jpeg_skip_scanlines(&w->in, rest);
    jpeg.jpeg_finish_decompress(&w->in);
}

/* W has jumps in it: never moved, so it is the heap's. */
static inlay_status make_work(jpeg_work **out, inlay_error *err) {
    *out = NULL;
    TRY(library_load(&lib, err));
    *out = mem_zalloc(1, sizeof **out);
    if (!*out) return fail_memory(err);
    (*out)->err = err;
    return INLAY_OK;
}

static inlay_status end_reading(jpeg_work *w) {
    inlay_status status = w->status;
    jpeg.jpeg_destroy_decompress(&w->in);
    mem_free(w->line);
    mem_free(w);
    return status;
}

inlay_status jpeg_decode(bytes data, const jpeg_reading *how, const codec_sink *sink, inlay_error *err) {
    jpeg_work *w;
    TRY(make_work(&w, err));
    w->data = data;
    w->how = how;
    w->sink = sink;
    guarded(w, read_jpeg);
    return end_reading(w);
}

static void measure_jpeg(jpeg_work *w) {
    begin_reading(w);
    jpeg.jpeg_calc_output_dimensions(&w->in);
    w->size = (codec_size){1, w->in.output_height, w->in.output_width, w->in.out_color_components};
}

inlay_status jpeg_measure(bytes data, codec_size *out, inlay_error *err) {
    jpeg_work *w;
    TRY(make_work(&w, err));
    w->data = data;
    guarded(w, measure_jpeg);
    *out = w->size;
    return end_reading(w);
}

/* ---- writing */

/* XMP goes into an APP1 segment behind the name of its scheme, which ends with a NUL. */
static void write_xmp(jpeg_work *w) {
    static const char scheme[] = "http://ns.adobe.com/xap/1.0/";
    bytes xmp = w->settings->xmp;
    if (xmp.size == 0) return;
    if (xmp.size > 65533 - sizeof scheme) {
        w->status = fail(w->err, INLAY_INVALID_ARGUMENT, "xmp_metadata of %zu bytes is too long", xmp.size);
        longjmp(w->jump, 1);
    }
    w->packet = mem_alloc(sizeof scheme + xmp.size);
    if (!w->packet) {
        w->status = fail_memory(w->err);
        longjmp(w->jump, 1);
    }
    memcpy(w->packet, scheme, sizeof scheme);
    memcpy(w->packet + sizeof scheme, xmp.data, xmp.size);
    jpeg.jpeg_write_marker(&w->out, JPEG_APP0 + 1, w->packet, (unsigned)(sizeof scheme + xmp.size));
}

static void write_jpeg(jpeg_work *w) {
    const jpeg_writing *s = w->settings;
    jpeg.jpeg_CreateCompress(&w->out, JPEG_LIB_VERSION, sizeof w->out);
    jpeg.jpeg_mem_dest(&w->out, &w->encoded, &w->encoded_size);
    w->out.image_width = (JDIMENSION)w->size.cols;
    w->out.image_height = (JDIMENSION)w->size.rows;
    w->out.input_components = (int)w->size.channels;
    w->out.in_color_space = w->size.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg.jpeg_set_defaults(&w->out);
    w->out.optimize_coding = s->optimize;
    w->out.density_unit = (UINT8)s->density_unit;
    w->out.X_density = (UINT16)s->x_density;
    w->out.Y_density = (UINT16)s->y_density;
    jpeg.jpeg_set_quality(&w->out, s->quality, TRUE);
    if (s->progressive) jpeg.jpeg_simple_progression(&w->out);
    for (int i = 0; s->keep_chroma && i < w->out.num_components; i++)
        w->out.comp_info[i].h_samp_factor = w->out.comp_info[i].v_samp_factor = 1;
    jpeg.jpeg_start_compress(&w->out, TRUE);
    write_xmp(w);
    for (int64_t y = 0; y < w->size.rows; y++) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(w->pixels + y * w->size.cols * w->size.channels);
        jpeg.jpeg_write_scanlines(&w->out, &row, 1);
    }
    jpeg.jpeg_finish_compress(&w->out);
}

inlay_status jpeg_encode(const uint8_t *pixels, const codec_size *size, const jpeg_writing *how, buffer *out,
                         inlay_error *err) {
    jpeg_work *w;
    TRY(make_work(&w, err));
    w->pixels = pixels;
    w->size = *size;
    w->settings = how;
    w->out.err = jpeg.jpeg_std_error(&w->errors);
    w->errors.error_exit = on_error;
    w->errors.output_message = on_message;
    w->out.client_data = w;
    guarded(w, write_jpeg);
    inlay_status status = w->status;
    if (status == INLAY_OK) buffer_append(out, w->encoded, w->encoded_size);
    jpeg.jpeg_destroy_compress(&w->out);
    free(w->encoded); /* the library's malloc */
    mem_free(w->packet);
    mem_free(w);
    return status;
}

#else

static library none = {.what = "JPEG images"};

inlay_status jpeg_decode(bytes data, const jpeg_reading *how, const codec_sink *sink, inlay_error *err) {
    (void)data, (void)how, (void)sink;
    return library_load(&none, err);
}

inlay_status jpeg_measure(bytes data, codec_size *out, inlay_error *err) {
    (void)data, (void)out;
    return library_load(&none, err);
}

inlay_status jpeg_encode(const uint8_t *pixels, const codec_size *size, const jpeg_writing *how, buffer *out,
                         inlay_error *err) {
    (void)pixels, (void)size, (void)how, (void)out;
    return library_load(&none, err);
}

#endif

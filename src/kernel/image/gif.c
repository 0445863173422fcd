/* GIF by giflib's record functions: frames are read twice, first for their sizes, then line by line into the canvas, so
 * that no memory is taken for what a header merely promises. */
#include "base/alloc.h"
#include "base/num.h"
#include "kernel/image/codec.h"
#include "kernel/image/library.h"

#ifdef INLAY_GIF_SONAME

#include <gif_lib.h>

#define GIF_FUNCTIONS(X) \
    X(DGifOpen)          \
    X(DGifCloseFile)     \
    X(DGifGetRecordType) \
    X(DGifGetImageDesc)  \
    X(DGifGetLine)       \
    X(DGifGetExtension)  \
    X(DGifGetExtensionNext)

#define POINTER(name) __typeof__(&name) name;
static struct { GIF_FUNCTIONS(POINTER) } gif;

#define FUNCTION(name) {#name, &gif.name},
static const struct library_function functions[] = {GIF_FUNCTIONS(FUNCTION)};
static library lib = {INLAY_GIF_SONAME,          "GIF images", functions, sizeof functions / sizeof *functions,
                      PTHREAD_MUTEX_INITIALIZER, false};

static int read_bytes(GifFileType *file, GifByteType *out, int n) {
    bytes *rest = file->UserData;
    size_t count = min_size(rest->size, (size_t)n);
    memcpy(out, rest->data, count);
    *rest = bytes_make(rest->data + count, rest->size - count);
    return (int)count;
}

typedef struct frame {
    const GifImageDesc *desc;
    const ColorMapObject *colors;
    int transparent; /* colour, or -1 */
} frame;

/* Blocks of an extension; of a graphics control the transparent colour. */
static bool read_extension(GifFileType *file, int *transparent) {
    int code;
    GifByteType *block;
    if (gif.DGifGetExtension(file, &code, &block) == GIF_ERROR) return false;
    for (bool first = true; block; first = false) {
        if (first && code == GRAPHICS_EXT_FUNC_CODE && block[0] == 4) *transparent = block[1] & 1 ? block[4] : -1;
        if (gif.DGifGetExtensionNext(file, &block) == GIF_ERROR) return false;
    }
    return true;
}

/* Goes to the next frame, whose pixels come next; false at the end, or where the file is broken. */
static bool next_frame(GifFileType *file, frame *out) {
    out->transparent = -1;
    for (;;) {
        GifRecordType type;
        if (gif.DGifGetRecordType(file, &type) == GIF_ERROR || type == TERMINATE_RECORD_TYPE) return false;
        if (type == EXTENSION_RECORD_TYPE) {
            if (!read_extension(file, &out->transparent)) return false;
        } else if (type == IMAGE_DESC_RECORD_TYPE) {
            if (gif.DGifGetImageDesc(file) == GIF_ERROR || file->Image.Width <= 0 || file->Image.Height <= 0)
                return false;
            out->desc = &file->Image;
            out->colors = file->Image.ColorMap ? file->Image.ColorMap : file->SColorMap;
            return true;
        }
    }
}

/* Decoded for nothing, so that what is broken is found where it is. LINE has room for the widest. */
static bool skip_pixels(GifFileType *file, GifByteType *line) {
    for (int y = 0; y < file->Image.Height; y++)
        if (gif.DGifGetLine(file, line, file->Image.Width) == GIF_ERROR) return false;
    return true;
}

/* Frames before the first that is broken, and the largest of their sizes. */
static inlay_status measure(GifFileType *file, codec_size *size, inlay_error *err) {
    frame f;
    *size = (codec_size){.channels = 3};
    GifByteType *line = mem_alloc(UINT16_MAX);
    if (!line) return fail_memory(err);
    while (next_frame(file, &f) && skip_pixels(file, line)) {
        size->frames++;
        if (f.desc->Width > size->cols) size->cols = f.desc->Width;
        if (f.desc->Height > size->rows) size->rows = f.desc->Height;
    }
    mem_free(line);
    return INLAY_OK;
}

/* One line of frame F into row Y of CANVAS. */
static inlay_status put_line(const frame *f, const codec_size *size, const GifByteType *line, int64_t y,
                             uint8_t *canvas, inlay_error *err) {
    if (y >= size->rows) return INLAY_OK;
    for (int64_t i = 0; i < f->desc->Width && f->desc->Left + i < size->cols; i++) {
        if (line[i] == f->transparent) continue;
        if (line[i] >= f->colors->ColorCount)
            return fail(err, INLAY_INVALID_ARGUMENT, "a GIF uses color %d of %d", line[i], f->colors->ColorCount);
        const GifColorType *color = &f->colors->Colors[line[i]];
        uint8_t *out = canvas + (y * size->cols + f->desc->Left + i) * 3;
        out[0] = color->Red;
        out[1] = color->Green;
        out[2] = color->Blue;
    }
    return INLAY_OK;
}

static inlay_status put_frame(GifFileType *file, const frame *f, const codec_size *size, uint8_t *canvas,
                              inlay_error *err) {
    static const struct { int first, step; } passes[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}, {0, 1}};
    if (!f->colors) return fail(err, INLAY_INVALID_ARGUMENT, "a GIF has no colors");
    GifByteType *line = mem_array((size_t)f->desc->Width, 1);
    if (!line) return fail_memory(err);
    inlay_status status = INLAY_OK;
    int pass = f->desc->Interlace ? 0 : 4, last = f->desc->Interlace ? 3 : 4;
    for (; pass <= last; pass++)
        for (int y = passes[pass].first; y < f->desc->Height; y += passes[pass].step) {
            if (gif.DGifGetLine(file, line, f->desc->Width) == GIF_ERROR)
                TRY_TO(done, fail(err, INLAY_INVALID_ARGUMENT, "a GIF ends too early"));
            TRY_TO(done, put_line(f, size, line, (int64_t)f->desc->Top + y, canvas, err));
        }
done:
    mem_free(line);
    return status;
}

static inlay_status put_frames(GifFileType *file, const codec_size *size, uint8_t *pixels, inlay_error *err) {
    int64_t canvas = size->rows * size->cols * 3;
    memset(pixels, 0, (size_t)canvas);
    frame f;
    for (int64_t i = 0; i < size->frames; i++) {
        if (i) memcpy(pixels + i * canvas, pixels + (i - 1) * canvas, (size_t)canvas);
        if (!next_frame(file, &f)) return fail(err, INLAY_INVALID_ARGUMENT, "a GIF ends too early");
        TRY(put_frame(file, &f, size, pixels + i * canvas, err));
    }
    return INLAY_OK;
}

static inlay_status open_gif(bytes *rest, GifFileType **out, inlay_error *err) {
    int code = 0;
    *out = gif.DGifOpen(rest, read_bytes, &code);
    return *out ? INLAY_OK : fail(err, INLAY_INVALID_ARGUMENT, "a GIF cannot be opened (giflib's error %d)", code);
}

inlay_status gif_decode(bytes data, bool first, const codec_sink *sink, inlay_error *err) {
    TRY(library_load(&lib, err));
    codec_size size;
    bytes rest = data;
    GifFileType *file;
    uint8_t *pixels;
    TRY(open_gif(&rest, &file, err));
    inlay_status status = measure(file, &size, err);
    gif.DGifCloseFile(file, &(int){0});
    TRY(status);
    if (size.frames == 0) return fail(err, INLAY_INVALID_ARGUMENT, "a GIF without frames, or broken in its first");
    if (first) size.frames = 1;
    if (size.frames > CODEC_LIMIT / (size.rows * size.cols * 3))
        return fail(err, INLAY_INVALID_ARGUMENT, "a GIF of %lld frames of %lld x %lld is too large",
                    (long long)size.frames, (long long)size.rows, (long long)size.cols);
    TRY(sink->allocate(sink->user, &size, &pixels, err));
    rest = data;
    TRY(open_gif(&rest, &file, err));
    status = put_frames(file, &size, pixels, err);
    gif.DGifCloseFile(file, &(int){0});
    return status;
}

#else

inlay_status gif_decode(bytes data, bool first, const codec_sink *sink, inlay_error *err) {
    static library none = {.what = "GIF images"};
    (void)data, (void)first, (void)sink;
    return library_load(&none, err);
}

#endif

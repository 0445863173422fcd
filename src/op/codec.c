/* Images from their encoded bytes and back. Which format it is, the bytes say, whatever the op is called. */
#include "kernel/image/codec.h"

#include "kernel/cast/cast.h"
#include "op/families.h"
#include "op/image.h"

enum { OP_JPEG, OP_CROP, OP_PNG, OP_GIF, OP_BMP, OP_IMAGE, OP_WEBP };

typedef enum { FORMAT_JPEG, FORMAT_PNG, FORMAT_GIF, FORMAT_BMP, FORMAT_WEBP, FORMAT_UNKNOWN } format;

static format format_of(bytes data) {
    if (bytes_start_with(data, "\xff\xd8\xff")) return FORMAT_JPEG;
    if (bytes_start_with(data, "\x89PNG\r\n\x1a\n")) return FORMAT_PNG;
    if (bytes_start_with(data, "GIF8")) return FORMAT_GIF;
    if (bytes_start_with(data, "BM")) return FORMAT_BMP;
    if (data.size > 12 && bytes_start_with(data, "RIFF") && memcmp(data.data + 8, "WEBP", 4) == 0) return FORMAT_WEBP;
    return FORMAT_UNKNOWN;
}

/* One decoding: the codec's memory is the output itself, or a tensor that is converted afterwards. */
typedef struct decoding {
    op_call *call;
    int op;
    format format;
    bool animated, wide; /* frames are a dimension; 16 bits a channel */
    dtype type;          /* of the codec's numbers */
    tensor *out, *made;  /* made: NULL when the codec writes to out */
} decoding;

static inlay_status decoded_shape(const decoding *d, const codec_size *size, shape *dims, inlay_error *err) {
    if (d->op == OP_GIF || (d->format == FORMAT_GIF && d->animated && d->op == OP_IMAGE)) {
        *dims = (shape){4, {size->frames, size->rows, size->cols, size->channels}};
        return INLAY_OK;
    }
    if (size->frames != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "a GIF of %lld frames needs DecodeGif or DecodeImage",
                    (long long)size->frames);
    *dims = (shape){3, {size->rows, size->cols, size->channels}};
    return INLAY_OK;
}

static inlay_status allocate(void *user, const codec_size *size, uint8_t **pixels, inlay_error *err) {
    decoding *d = user;
    shape dims;
    TRY(decoded_shape(d, size, &dims, err));
    TRY(op_output(d->call, 0, &dims, &d->out, err));
    if (d->type != d->out->type) TRY(tensor_new(d->type, &dims, d->call->budget, &d->made, err));
    *pixels = (d->made ? d->made : d->out)->data;
    return INLAY_OK;
}

/* 8 bits to 16 or to [0, 1], 16 bits to [0, 1]. */
static void convert(const decoding *d) {
    float scale = (float)(d->wide ? 1.0 / 65535 : 1.0 / 255);
    for (int64_t i = 0; i < d->out->count; i++) {
        uint16_t wide = 0;
        if (d->wide) memcpy(&wide, d->made->data + 2 * i, sizeof wide);
        unsigned v = d->wide ? wide : d->made->data[i];
        if (d->out->type == INLAY_FLOAT32)
            tensor_f32(d->out)[i] = (float)v * scale;
        else
            ((uint16_t *)(void *)d->out->data)[i] = (uint16_t)(v * 256);
    }
}

static inlay_status jpeg_settings(op_call *c, int op, int64_t channels, jpeg_reading *how, inlay_error *err) {
    *how = (jpeg_reading){.channels = (int)channels, .ratio = 1, .fancy = true};
    if (op != OP_JPEG && op != OP_CROP) return INLAY_OK;
    const attrs *a = &c->node->attributes;
    int64_t ratio;
    bytes method;
    TRY(attr_int(a, "ratio", &ratio, err));
    TRY(attr_bool(a, "fancy_upscaling", &how->fancy, err));
    TRY(attr_bool(a, "try_recover_truncated", &how->recover, err));
    TRY(attr_text(a, "dct_method", &method, err));
    if (ratio != 1 && ratio != 2 && ratio != 4 && ratio != 8)
        return fail(err, INLAY_INVALID_ARGUMENT, "ratio is 1, 2, 4 or 8, not %lld", (long long)ratio);
    how->ratio = (int)ratio;
    how->accurate = bytes_is(method, "INTEGER_ACCURATE");
    if (method.size && !how->accurate && !bytes_is(method, "INTEGER_FAST"))
        return fail(err, INLAY_INVALID_ARGUMENT, "dct_method is INTEGER_FAST or INTEGER_ACCURATE, not '%.*s'",
                    (int)method.size, (const char *)method.data);
    if (op != OP_CROP) return INLAY_OK;
    if (c->in[1]->dims.rank != 1 || c->in[1]->count != 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "crop_window must be four numbers");
    const int32_t *window = tensor_i32(c->in[1]);
    how->crop = true;
    how->row = window[0];
    how->col = window[1];
    how->rows = window[2];
    how->cols = window[3];
    return INLAY_OK;
}

/* The ops are lenient about formats, but not all alike. */
static inlay_status check_format(const op_call *c, int op, format f, int64_t channels, inlay_error *err) {
    static const char *const names[] = {"JPEG", "PNG", "GIF", "BMP", "WebP"};
    if (f == FORMAT_UNKNOWN)
        return fail(err, INLAY_INVALID_ARGUMENT, "the bytes are no image in a known format (JPEG, PNG, GIF, BMP)");
    if (f == FORMAT_WEBP || op == OP_WEBP)
        return fail(err, INLAY_UNIMPLEMENTED, "%s: WebP images are not supported", c->node->def->name);
    bool bmp = op == OP_BMP || op == OP_IMAGE;
    if ((f == FORMAT_BMP && !bmp) || (f != FORMAT_BMP && op == OP_BMP) || (f != FORMAT_JPEG && op == OP_CROP))
        return fail(err, INLAY_INVALID_ARGUMENT, "%s does not decode %s images", c->node->def->name, names[f]);
    if ((f == FORMAT_JPEG && channels == 4) || (f == FORMAT_GIF && channels != 0 && channels != 3))
        return fail(err, INLAY_INVALID_ARGUMENT, "a %s image is not decoded to %lld channels", names[f],
                    (long long)channels);
    return INLAY_OK;
}

static inlay_status decode(decoding *d, bytes data, int64_t channels, inlay_error *err) {
    codec_sink sink = {allocate, d};
    jpeg_reading how;
    switch (d->format) {
    case FORMAT_JPEG:
        TRY(jpeg_settings(d->call, d->op, channels, &how, err));
        return jpeg_decode(data, &how, &sink, err);
    case FORMAT_PNG: return png_decode(data, (int)channels, d->wide, &sink, err);
    case FORMAT_GIF: return gif_decode(data, !d->animated, &sink, err);
    default: return bmp_decode(data, (int)channels, &sink, err);
    }
}

static inlay_status decode_run(op_call *c, inlay_error *err) {
    decoding d = {.call = c, .op = c->node->impl->detail, .animated = true, .type = INLAY_UINT8};
    int64_t channels = 3;
    if (c->in[0]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "contents must be a scalar");
    bytes data = tensor_string(c->in[0], 0);
    dtype t = c->node->out.items[0].type;
    if (d.op != OP_GIF) TRY(attr_int(&c->node->attributes, "channels", &channels, err));
    if (d.op == OP_IMAGE) TRY(attr_bool(&c->node->attributes, "expand_animations", &d.animated, err));
    if (channels != 0 && channels != 1 && channels != 3 && channels != 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "channels is 0, 1, 3 or 4, not %lld", (long long)channels);
    if (t != INLAY_UINT8 && t != INLAY_UINT16 && (t != INLAY_FLOAT32 || d.op != OP_IMAGE))
        return op_unsupported(c, t, err);
    d.format = format_of(data);
    TRY(check_format(c, d.op, d.format, channels, err));
    d.wide = d.format == FORMAT_PNG && t != INLAY_UINT8;
    if (d.wide) d.type = INLAY_UINT16;
    inlay_status status = decode(&d, data, channels, err);
    if (status == INLAY_OK && d.made) convert(&d);
    tensor_release(d.made);
    return status;
}

static inlay_status measure_run(op_call *c, inlay_error *err) {
    codec_size size;
    tensor *out;
    shape three = shape_vector(3);
    if (c->in[0]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "contents must be a scalar");
    dtype t = c->node->out.items[0].type;
    if (t != INLAY_INT32 && t != INLAY_INT64) return op_unsupported(c, t, err);
    TRY(jpeg_measure(tensor_string(c->in[0], 0), &size, err));
    TRY(op_output(c, 0, &three, &out, err));
    int64_t values[3] = {size.rows, size.cols, size.channels};
    cast_run(out->data, t, values, INLAY_INT64, 3);
    return INLAY_OK;
}

/* ---- encoding */

static inlay_status give_text(op_call *c, buffer *made, inlay_error *err) {
    tensor *out;
    TRY(buffer_check(made, err));
    TRY(tensor_from_string(buffer_bytes(made), &out, err));
    op_give(c, 0, out);
    return INLAY_OK;
}

static inlay_status writing_of(op_call *c, jpeg_writing *how, bytes *wanted, inlay_error *err) {
    const attrs *a = &c->node->attributes;
    int64_t quality, x, y;
    bool chroma;
    bytes unit;
    TRY(attr_text(a, "format", wanted, err));
    TRY(attr_int(a, "quality", &quality, err));
    TRY(attr_bool(a, "progressive", &how->progressive, err));
    TRY(attr_bool(a, "optimize_size", &how->optimize, err));
    TRY(attr_bool(a, "chroma_downsampling", &chroma, err));
    TRY(attr_text(a, "density_unit", &unit, err));
    TRY(attr_int(a, "x_density", &x, err));
    TRY(attr_int(a, "y_density", &y, err));
    TRY(attr_text(a, "xmp_metadata", &how->xmp, err));
    if (quality < 0 || quality > 100)
        return fail(err, INLAY_INVALID_ARGUMENT, "quality is %lld, not in [0, 100]", (long long)quality);
    if (!bytes_is(unit, "in") && !bytes_is(unit, "cm"))
        return fail(err, INLAY_INVALID_ARGUMENT, "density_unit is 'in' or 'cm', not '%.*s'", (int)unit.size,
                    (const char *)unit.data);
    how->quality = (int)quality;
    how->keep_chroma = !chroma;
    how->density_unit = bytes_is(unit, "in") ? 1 : 2;
    how->x_density = (int)x;
    how->y_density = (int)y;
    return INLAY_OK;
}

static inlay_status encode_jpeg(op_call *c, const jpeg_writing *how, bytes wanted, inlay_error *err) {
    const tensor *in = c->in[0];
    char text[SHAPE_TEXT];
    if (wanted.size && !bytes_is(wanted, "grayscale") && !bytes_is(wanted, "rgb"))
        return fail(err, INLAY_INVALID_ARGUMENT, "format is 'grayscale' or 'rgb', not '%.*s'", (int)wanted.size,
                    (const char *)wanted.data);
    int64_t channels = in->dims.rank == 3 ? in->dims.dims[2] : 0;
    if ((channels != 1 && channels != 3) || in->count >= INT32_MAX ||
        (wanted.size && channels != (bytes_is(wanted, "rgb") ? 3 : 1)))
        return fail(err, INLAY_INVALID_ARGUMENT, "a JPEG is made of [rows, columns, 1 or 3 as format says], not of %s",
                    shape_text(&in->dims, text));
    if (in->count == 0 || in->count / channels >= CODEC_LIMIT)
        return fail(err, INLAY_INTERNAL, "no JPEG can be made of an image of shape %s", shape_text(&in->dims, text));
    codec_size size = {1, in->dims.dims[0], in->dims.dims[1], channels};
    buffer made = {0};
    inlay_status status = jpeg_encode(in->data, &size, how, &made, err);
    if (status == INLAY_OK) status = give_text(c, &made, err);
    buffer_free(&made);
    return status;
}

static inlay_status encode_jpeg_run(op_call *c, inlay_error *err) {
    jpeg_writing how;
    bytes wanted;
    TRY(writing_of(c, &how, &wanted, err));
    return encode_jpeg(c, &how, wanted, err);
}

static inlay_status encode_quality_run(op_call *c, inlay_error *err) {
    int64_t quality;
    TRY(tensor_scalar_int(c->in[1], "quality", &quality, err));
    if (c->in[1]->dims.rank != 0 || quality < 0 || quality > 100)
        return fail(err, INLAY_INVALID_ARGUMENT, "quality is %lld, not in [0, 100]", (long long)quality);
    jpeg_writing how = {.quality = (int)quality, .density_unit = 1, .x_density = 300, .y_density = 300};
    return encode_jpeg(c, &how, bytes_of(""), err);
}

static inlay_status encode_all(op_call *c, string_builder *texts, const codec_size *size, int level, inlay_error *err) {
    const tensor *in = c->in[0];
    size_t step = (size_t)(size->rows * size->cols * size->channels) * dtype_size(in->type);
    for (int64_t i = 0; i < texts->count; i++) {
        buffer made = {0};
        inlay_status status =
            png_encode(in->data + (size_t)i * step, size, in->type == INLAY_UINT16, level, &made, err);
        if (status == INLAY_OK) status = buffer_check(&made, err);
        if (status == INLAY_OK) status = string_builder_add(texts, buffer_bytes(&made), err);
        buffer_free(&made);
        TRY(status);
        TRY(op_check_stop(c, err));
    }
    return INLAY_OK;
}

static inlay_status encode_png_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    int64_t level;
    int rank = in->dims.rank;
    char text[SHAPE_TEXT];
    TRY(attr_int(&c->node->attributes, "compression", &level, err));
    if (level < -1 || level > 9)
        return fail(err, INLAY_INVALID_ARGUMENT, "compression is %lld, not in [-1, 9]", (long long)level);
    if (in->type != INLAY_UINT8 && in->type != INLAY_UINT16) return op_unsupported(c, in->type, err);
    if (rank < 3 || in->dims.dims[rank - 1] < 1 || in->dims.dims[rank - 1] > 4 || in->count >= INT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "PNGs are made of [.., rows, columns, 1 to 4], not of %s",
                    shape_text(&in->dims, text));
    codec_size size = {1, in->dims.dims[rank - 3], in->dims.dims[rank - 2], in->dims.dims[rank - 1]};
    shape batch = in->dims;
    batch.rank = rank - 3;
    if (in->count == 0 && op_span(&batch, 0, batch.rank) != 0)
        return fail(err, INLAY_INTERNAL, "no PNG can be made of an image of shape %s", shape_text(&in->dims, text));
    string_builder texts;
    tensor *out;
    TRY(string_builder_init(&texts, &batch, c->budget, err));
    inlay_status status = encode_all(c, &texts, &size, (int)level, err);
    if (status != INLAY_OK) {
        string_builder_free(&texts);
        return status;
    }
    TRY(string_builder_finish(&texts, &out, err));
    op_give(c, 0, out);
    return INLAY_OK;
}

const op_impl codec_impls[] = {
    {"DecodeJpeg", .run = decode_run, .detail = OP_JPEG},
    {"DecodeAndCropJpeg", .run = decode_run, .detail = OP_CROP},
    {"DecodePng", .run = decode_run, .detail = OP_PNG},
    {"DecodeGif", .run = decode_run, .detail = OP_GIF},
    {"DecodeBmp", .run = decode_run, .detail = OP_BMP},
    {"DecodeImage", .run = decode_run, .detail = OP_IMAGE},
    {"DecodeWebP", .run = decode_run, .detail = OP_WEBP},
    {"ExtractJpegShape", .run = measure_run},
    {"EncodeJpeg", .run = encode_jpeg_run},
    {"EncodeJpegVariableQuality", .run = encode_quality_run},
    {"EncodePng", .run = encode_png_run},
};
OP_FAMILY_END(codec);

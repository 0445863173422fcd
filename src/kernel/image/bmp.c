/* BMP without compression or colour table: 8, 24 and 32 bits a pixel. */
#include "base/num.h"
#include "kernel/image/codec.h"

typedef struct bmp {
    uint32_t start; /* of the pixels */
    int64_t cols, rows, channels, row_size;
    bool top_down;
} bmp;

static inlay_status read_header(bytes data, bmp *b, inlay_error *err) {
    if (data.size < 32) return fail(err, INLAY_INVALID_ARGUMENT, "a BMP of %zu bytes has no header", data.size);
    int32_t rows = (int32_t)load_u32(data.data + 22);
    b->start = load_u32(data.data + 10);
    b->cols = (int32_t)load_u32(data.data + 18);
    b->rows = rows < 0 ? -(int64_t)rows : rows;
    b->top_down = rows < 0;
    b->channels = (int16_t)load_u16(data.data + 28) / 8;
    if (b->channels != 1 && b->channels != 3 && b->channels != 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "a BMP with %lld channels", (long long)b->channels);
    if (b->cols <= 0 || b->rows == 0 || b->cols * b->rows >= INT32_MAX / 8)
        return fail(err, INLAY_INVALID_ARGUMENT, "a BMP of %lld x %lld", (long long)b->rows, (long long)b->cols);
    b->row_size = (b->channels * b->cols + 3) / 4 * 4;
    if ((uint64_t)b->start + (uint64_t)(b->row_size * b->rows) != data.size)
        return fail(err, INLAY_INVALID_ARGUMENT, "a BMP of %zu bytes, where its header promises %u + %lld x %lld",
                    data.size, b->start, (long long)b->row_size, (long long)b->rows);
    return INLAY_OK;
}

/* Blue, green, red to red, green, blue; grey is repeated; what has no alpha is opaque. */
static void convert_row(uint8_t *out, int64_t out_channels, const uint8_t *in, const bmp *b) {
    for (int64_t i = 0; i < b->cols; i++, in += b->channels, out += out_channels) {
        bool grey = b->channels == 1;
        out[0] = in[grey ? 0 : 2];
        if (out_channels == 1) continue;
        out[1] = in[grey ? 0 : 1];
        out[2] = in[0];
        if (out_channels == 4) out[3] = b->channels == 4 ? in[3] : 255;
    }
}

inlay_status bmp_decode(bytes data, int channels, const codec_sink *sink, inlay_error *err) {
    bmp b = {0};
    uint8_t *pixels;
    if (channels == 1) return fail(err, INLAY_INVALID_ARGUMENT, "a BMP is decoded to 3 or 4 channels, not to 1");
    TRY(read_header(data, &b, err));
    codec_size size = {1, b.rows, b.cols, channels ? channels : b.channels};
    TRY(sink->allocate(sink->user, &size, &pixels, err));
    for (int64_t y = 0; y < b.rows; y++) {
        int64_t from = b.top_down ? y : b.rows - 1 - y;
        convert_row(pixels + y * b.cols * size.channels, size.channels, data.data + b.start + from * b.row_size, &b);
    }
    return INLAY_OK;
}

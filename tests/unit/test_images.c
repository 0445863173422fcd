/* Encoded images, sound and hostile, and the kernels under the ops on images. */
#include "base/alloc.h"
#include "kernel/image/codec.h"
#include "kernel/image/resize.h"
#include "kernel/image/suppress.h"
#include "unit/unit.h"

#include <zlib.h>

typedef struct holder {
    codec_size size;
    uint8_t *pixels;
} holder;

static inlay_status hold(void *user, const codec_size *size, uint8_t **pixels, inlay_error *err) {
    holder *h = user;
    h->size = *size;
    h->pixels = mem_zalloc((size_t)(size->frames * size->rows * size->cols * size->channels), 2);
    *pixels = h->pixels;
    return h->pixels ? INLAY_OK : fail_memory(err);
}

static void fill(uint8_t *pixels, size_t n) {
    for (size_t i = 0; i < n; i++) pixels[i] = (uint8_t)(i * 7 + i / 5);
}

static const jpeg_reading plain = {.ratio = 1, .fancy = true};
static const jpeg_writing fine = {
    .quality = 95, .keep_chroma = true, .density_unit = 1, .x_density = 300, .y_density = 300};

static buffer made_jpeg(int64_t rows, int64_t cols, int64_t channels) {
    uint8_t pixels[4096];
    inlay_error err;
    buffer out = {0};
    codec_size size = {1, rows, cols, channels};
    fill(pixels, sizeof pixels);
    assert_int_equal(jpeg_encode(pixels, &size, &fine, &out, &err), INLAY_OK);
    return out;
}

static buffer made_png(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t channels, bool wide) {
    inlay_error err;
    buffer out = {0};
    codec_size size = {1, rows, cols, channels};
    assert_int_equal(png_encode(pixels, &size, wide, -1, &out, &err), INLAY_OK);
    return out;
}

static void png_keeps_every_pixel(void **state) {
    (void)state;
    uint8_t pixels[2 * 5 * 4 * 3];
    fill(pixels, sizeof pixels);
    for (int wide = 0; wide < 2; wide++)
        for (int64_t channels = 1; channels <= 4; channels++) {
            inlay_error err;
            holder h = {0};
            buffer file = made_png(pixels, 3, 5, channels, wide);
            assert_int_equal(png_decode(buffer_bytes(&file), 0, wide, &(codec_sink){hold, &h}, &err), INLAY_OK);
            assert_int_equal(h.size.channels, channels);
            assert_memory_equal(h.pixels, pixels, (size_t)(15 * channels) << wide);
            mem_free(h.pixels);
            buffer_free(&file);
        }
}

static void jpeg_has_the_size_it_says(void **state) {
    (void)state;
    inlay_error err;
    buffer file = made_jpeg(17, 23, 3);
    codec_size size;
    assert_int_equal(jpeg_measure(buffer_bytes(&file), &size, &err), INLAY_OK);
    assert_int_equal(size.rows * 1000 + size.cols * 10 + size.channels, 17 * 1000 + 23 * 10 + 3);
    for (int ratio = 1; ratio <= 8; ratio *= 2) {
        holder h = {0};
        jpeg_reading how = plain;
        how.ratio = ratio;
        assert_int_equal(jpeg_decode(buffer_bytes(&file), &how, &(codec_sink){hold, &h}, &err), INLAY_OK);
        assert_int_equal(h.size.rows, (17 + ratio - 1) / ratio);
        assert_int_equal(h.size.cols, (23 + ratio - 1) / ratio);
        mem_free(h.pixels);
    }
    buffer_free(&file);
}

static void jpeg_crops_are_parts_of_the_whole(void **state) {
    (void)state;
    inlay_error err;
    holder whole = {0}, part = {0};
    buffer file = made_jpeg(30, 40, 1);
    jpeg_reading how = plain;
    assert_int_equal(jpeg_decode(buffer_bytes(&file), &how, &(codec_sink){hold, &whole}, &err), INLAY_OK);
    how.crop = true;
    how.row = 5, how.col = 11, how.rows = 9, how.cols = 13;
    assert_int_equal(jpeg_decode(buffer_bytes(&file), &how, &(codec_sink){hold, &part}, &err), INLAY_OK);
    for (int64_t y = 0; y < 9; y++) assert_memory_equal(part.pixels + y * 13, whole.pixels + (y + 5) * 40 + 11, 13);
    how.cols = 30;
    assert_int_equal(jpeg_decode(buffer_bytes(&file), &how, &(codec_sink){hold, &part}, &err), INLAY_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "crop window"));
    mem_free(whole.pixels);
    mem_free(part.pixels);
    buffer_free(&file);
}

/* Each prefix of a file ends in an error that leaves nothing behind (LeakSanitizer looks), or in an image. */
static void cut_files_are_refused(void **state) {
    (void)state;
    uint8_t pixels[300];
    fill(pixels, sizeof pixels);
    buffer files[2] = {made_jpeg(9, 11, 3), made_png(pixels, 9, 11, 3, false)};
    for (int i = 0; i < 2; i++)
        for (size_t n = 0; n + 12 < files[i].size; n += 1 + n / 50) {
            inlay_error err;
            holder h = {0};
            codec_sink sink = {hold, &h};
            bytes part = bytes_make(files[i].data, n);
            inlay_status status = i ? png_decode(part, 0, false, &sink, &err) : jpeg_decode(part, &plain, &sink, &err);
            assert_int_equal(status, INLAY_INVALID_ARGUMENT);
            mem_free(h.pixels);
        }
    buffer_free(&files[0]);
    buffer_free(&files[1]);
}

static void put_u32(uint8_t *at, uint32_t v) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Headers that promise gigabytes are refused before anybody allocates. */
static void promises_of_size_are_not_believed(void **state) {
    (void)state;
    inlay_error err;
    uint8_t pixels[12] = {0};
    holder h = {0};
    codec_sink sink = {hold, &h};
    buffer png = made_png(pixels, 2, 2, 3, false), jpeg = made_jpeg(8, 8, 3);
    put_u32(png.data + 16, 900000);
    put_u32(png.data + 20, 900000);
    put_u32(png.data + 29, (uint32_t)crc32(0, png.data + 12, 17));
    assert_int_equal(png_decode(buffer_bytes(&png), 0, false, &sink, &err), INLAY_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "too large"));
    for (size_t i = 0; i + 8 < jpeg.size; i++)
        if (jpeg.data[i] == 0xff && jpeg.data[i + 1] == 0xc0) memset(jpeg.data + i + 5, 0xf0, 4);
    assert_int_equal(jpeg_decode(buffer_bytes(&jpeg), &plain, &sink, &err), INLAY_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "too large"));
    static const uint8_t gif[] = "GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\2\x4c\1\0;";
    assert_int_equal(gif_decode(bytes_make(gif, sizeof gif - 1), false, &sink, &err), INLAY_INVALID_ARGUMENT);
    assert_null(h.pixels);
    buffer_free(&png);
    buffer_free(&jpeg);
}

static void bmp_must_be_as_long_as_it_says(void **state) {
    (void)state;
    inlay_error err;
    holder h = {0};
    codec_sink sink = {hold, &h};
    uint8_t file[32 + 8] = {'B', 'M', [10] = 32, [18] = 2, [22] = 1, [28] = 24, [32] = 1, 2, 3, 4, 5, 6};
    assert_int_equal(bmp_decode(bytes_make(file, sizeof file), 0, &sink, &err), INLAY_OK);
    assert_memory_equal(h.pixels, "\3\2\1\6\5\4", 6);
    mem_free(h.pixels);
    h.pixels = NULL;
    for (size_t n = 0; n < sizeof file; n++)
        assert_int_equal(bmp_decode(bytes_make(file, n), 0, &sink, &err), INLAY_INVALID_ARGUMENT);
    memset(file + 18, 0xff, 8); /* -1 x -1 */
    assert_int_equal(bmp_decode(bytes_make(file, sizeof file), 0, &sink, &err), INLAY_INVALID_ARGUMENT);
    assert_null(h.pixels);
}

static void resizing_is_between_neighbours(void **state) {
    (void)state;
    static const float in[] = {0, 10, 20, 30};
    static const float wanted[] = {0, 5, 10, 10, 10, 15, 20, 20, 20, 25, 30, 30, 20, 25, 30, 30};
    float out[16], scratch[64];
    resize_tap taps[4];
    resize_job job = {.in = (const uint8_t *)in, .type = INLAY_FLOAT32, .channels = 1, .taps = taps};
    job.y = job.x = resize_axis_of(2, 4, false, false);
    job.out = (uint8_t *)out;
    for (int i = 0; i < 4; i++) taps[i] = resize_tap_of(RESIZE_LINEAR, &job.x, i);
    assert_true(resize_scratch(RESIZE_LINEAR, &job) <= 64);
    resize_rows(RESIZE_LINEAR, &job, 0, 4, scratch);
    assert_memory_equal(out, wanted, sizeof wanted);
}

static void of_equal_scores_the_lower_box_stays(void **state) {
    (void)state;
    static const float boxes[] = {0, 0, 1, 1, 0, 0, 1, 1, 5, 5, 6, 6, 1, 1, 0, 0}, scores[] = {1, 1, 2, 0.5f};
    suppress_candidate candidates[4];
    int32_t selected[4];
    float kept[4];
    suppress_job job = {.scores = scores, .boxes = boxes, .n = 4, .score_step = 1, .box_step = 4, .most = 4};
    job.overlap = 0.5f;
    job.score = 0;
    job.type = INLAY_FLOAT32;
    job.candidates = candidates;
    assert_int_equal(suppress_run(&job, selected, kept), 2);
    assert_int_equal(selected[0] * 10 + selected[1], 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_keeps_every_pixel),
        cmocka_unit_test(jpeg_has_the_size_it_says),
        cmocka_unit_test(jpeg_crops_are_parts_of_the_whole),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(promises_of_size_are_not_believed),
        cmocka_unit_test(bmp_must_be_as_long_as_it_says),
        cmocka_unit_test(resizing_is_between_neighbours),
        cmocka_unit_test(of_equal_scores_the_lower_box_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

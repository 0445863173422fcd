#include "unit/unit.h"

#include "kernel/fft/fft.h"
#include "kernel/sound/wav.h"
#include "unit/random.h"

#include <math.h>
#include <stdlib.h>

/* The sum as it is written, against the fast way, there and back. */
static void transforms_are_the_sums(void **state) {
    (void)state;
    static const int lengths[] = {1, 2, 3, 4, 6, 7, 8, 12, 13, 16, 17, 30, 34, 64, 97, 100, 169, 221, 240, 251};
    inlay_error err;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        int n = lengths[l];
        fft_plan *p;
        assert_ok(fft_plan_make(n, &p, &err), &err);
        fft_pair *in = calloc((size_t)n, sizeof *in), *line = calloc((size_t)n, sizeof *line);
        fft_pair *scratch = calloc((size_t)fft_scratch(p), sizeof *scratch);
        for (int i = 0; i < n; i++) line[i] = in[i] = (fft_pair){real(), real()};
        fft_run(p, false, line, scratch);
        for (int k = 0; k < n; k++) {
            double re = 0, im = 0;
            for (int j = 0; j < n; j++) {
                double angle = -2 * M_PI * (double)(j * k % n) / n;
                re += in[j].re * cos(angle) - in[j].im * sin(angle);
                im += in[j].re * sin(angle) + in[j].im * cos(angle);
            }
            if (fabs(re - line[k].re) > 1e-12 * n || fabs(im - line[k].im) > 1e-12 * n)
                fail_msg("length %d, number %d: %g %g, not %g %g", n, k, line[k].re, line[k].im, re, im);
        }
        fft_run(p, true, line, scratch);
        for (int i = 0; i < n; i++) assert_true(fabs(line[i].re - in[i].re) + fabs(line[i].im - in[i].im) < 1e-13 * n);
        free(in);
        free(line);
        free(scratch);
        fft_plan_free(p);
    }
}

enum { SAMPLES = 6, FILE_SIZE = WAV_HEADER + 2 * SAMPLES };

static void make_file(uint8_t file[FILE_SIZE]) {
    wav_write_header(file, 8000, 2, SAMPLES / 2);
    for (int i = 0; i < SAMPLES; i++) {
        int16_t sample = wav_sample((float)i / 10);
        memcpy(file + WAV_HEADER + 2 * i, &sample, 2);
    }
}

static void a_file_that_was_written_is_read(void **state) {
    (void)state;
    inlay_error err;
    uint8_t file[FILE_SIZE];
    uint64_t size;
    wav_sound sound;
    make_file(file);
    assert_ok(wav_size(8000, 2, SAMPLES / 2, &size, &err), &err);
    assert_int_equal(size, FILE_SIZE);
    assert_ok(wav_read(bytes_make(file, sizeof file), &sound, &err), &err);
    assert_int_equal(sound.rate, 8000);
    assert_int_equal(sound.channels, 2);
    assert_int_equal(sound.count, SAMPLES / 2);
    assert_ptr_equal(sound.samples, file + WAV_HEADER);
}

/* Any cut and any change of a byte ends in a refusal, or in samples that lie within the file. */
static void damaged_files_are_refused_or_read_within_their_size(void **state) {
    (void)state;
    uint8_t file[FILE_SIZE];
    make_file(file);
    for (size_t size = 0; size < FILE_SIZE; size++) {
        uint8_t *cut = malloc(size + 1); /* so that AddressSanitizer sees its end */
        wav_sound sound;
        memcpy(cut, file, size);
        assert_int_equal(wav_read(bytes_make(cut, size), &sound, NULL), INLAY_INVALID_ARGUMENT);
        free(cut);
    }
    for (size_t at = 0; at < FILE_SIZE; at++)
        for (int value = 0; value < 256; value++) {
            uint8_t changed[FILE_SIZE];
            wav_sound sound;
            memcpy(changed, file, FILE_SIZE);
            changed[at] = (uint8_t)value;
            if (wav_read(bytes_make(changed, FILE_SIZE), &sound, NULL) != INLAY_OK) continue;
            assert_true(sound.samples >= changed);
            assert_true(sound.samples + 2 * sound.channels * sound.count <= changed + FILE_SIZE);
        }
}

static void samples_are_rounded_and_cut(void **state) {
    (void)state;
    static const struct {
        float x;
        int16_t wanted;
    } cases[] = {{0, 0},
                 {1, 32767},
                 {-1, -32768},
                 {2, 32767},
                 {-2, -32768},
                 {0.5f / 32768, 1},
                 {-0.5f / 32768, -1},
                 {0.4f / 32768, 0},
                 {INFINITY, 32767},
                 {NAN, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_int_equal(wav_sample(cases[i].x), cases[i].wanted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_are_the_sums),
        cmocka_unit_test(a_file_that_was_written_is_read),
        cmocka_unit_test(damaged_files_are_refused_or_read_within_their_size),
        cmocka_unit_test(samples_are_rounded_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

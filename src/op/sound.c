/* Sound: WAV files, spectrograms, and what speech is recognised by. */
#include "base/num.h"
#include "kernel/fft/fft.h"
#include "kernel/sound/mfcc.h"
#include "kernel/sound/wav.h"
#include "op/families.h"

#include <math.h>

static inlay_status decode_run(op_call *c, inlay_error *err) {
    int64_t channels, count;
    wav_sound sound;
    tensor *out, *rate;
    shape scalar = shape_scalar();
    TRY(attr_int(&c->node->attributes, "desired_channels", &channels, err));
    TRY(attr_int(&c->node->attributes, "desired_samples", &count, err));
    if (c->in[0]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "contents must be scalar");
    if (channels < -1 || count < -1 || channels > INT32_MAX || count > INT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "desired_channels and desired_samples must be >= -1");
    TRY(wav_read(tensor_string(c->in[0], 0), &sound, err));
    if (channels == -1) channels = sound.channels;
    if (count == -1) count = sound.count;
    shape dims = shape_matrix(count, channels);
    TRY(op_output(c, 0, &dims, &out, err));
    float *to = tensor_f32(out);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < channels; k++) { /* the last channel stands in for those that are lacking */
            int64_t from = i * sound.channels + min_i64(k, sound.channels - 1);
            *to++ = i < sound.count ? (float)(int16_t)load_u16(sound.samples + 2 * from) / 32768 : 0;
        }
    TRY(op_output(c, 1, &scalar, &rate, err));
    tensor_i32(rate)[0] = (int32_t)sound.rate;
    return INLAY_OK;
}

static inlay_status encode_run(op_call *c, inlay_error *err) {
    const tensor *audio = c->in[0], *rate_given = c->in[1];
    if (audio->dims.rank != 2) return fail(err, INLAY_INVALID_ARGUMENT, "audio must be 2-dimensional");
    if (rate_given->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "sample_rate should be a scalar");
    int64_t count = audio->dims.dims[0], channels = audio->dims.dims[1], rate = tensor_i32(rate_given)[0];
    if (rate < 0) return fail(err, INLAY_INVALID_ARGUMENT, "sample_rate is %lld", (long long)rate);
    uint64_t size;
    tensor *file = NULL;
    TRY(wav_size((uint32_t)rate, channels, count, &size, err));
    uint8_t *made = mem_alloc(size);
    if (!made) return fail_memory(err);
    wav_write_header(made, (uint32_t)rate, channels, count);
    for (int64_t i = 0; i < audio->count; i++)
        store_u16(made + WAV_HEADER + 2 * i, (uint16_t)wav_sample(tensor_f32(audio)[i]));
    inlay_status status = tensor_from_string(bytes_make(made, size), &file, err);
    mem_free(made);
    op_give(c, 0, file);
    return status;
}

/* ---- spectrograms: frames of WINDOW samples, STRIDE apart, for each channel of [samples, channels] */

typedef struct frames {
    int64_t window, stride, width; /* bins of a frame */
    int64_t length;                /* of the transform: the next power of two */
    double *hann;                  /* [window] */
    fft_plan *plan;
    fft_pair *line; /* [length + scratch] */
} frames;

static inlay_status make_frames(frames *f, inlay_error *err) {
    TRY(fft_plan_make(f->length, &f->plan, err));
    f->hann = mem_array((size_t)f->window, sizeof *f->hann);
    f->line = mem_array((size_t)(f->length + fft_scratch(f->plan)), sizeof *f->line);
    if (!f->hann || !f->line) return fail_memory(err);
    for (int64_t i = 0; i < f->window; i++) f->hann[i] = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)f->window);
    return INLAY_OK;
}

static void run_frame(const frames *f, const float *samples, int64_t channels, bool squared, float *out) {
    for (int64_t i = 0; i < f->length; i++)
        f->line[i] = (fft_pair){i < f->window ? (double)samples[i * channels] * f->hann[i] : 0, 0};
    fft_run(f->plan, false, f->line, f->line + f->length);
    for (int64_t k = 0; k < f->width; k++) {
        float size = (float)(f->line[k].re * f->line[k].re + f->line[k].im * f->line[k].im);
        out[k] = squared ? size : sqrtf(size);
    }
}

static inlay_status spectrogram_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    frames f = {.length = 1};
    bool squared;
    tensor *out;
    TRY(attr_int(&c->node->attributes, "window_size", &f.window, err));
    TRY(attr_int(&c->node->attributes, "stride", &f.stride, err));
    TRY(attr_bool(&c->node->attributes, "magnitude_squared", &squared, err));
    if (f.window <= 1 || f.window > INT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "window_size must be > 1, got %lld", (long long)f.window);
    if (f.stride <= 0) return fail(err, INLAY_INVALID_ARGUMENT, "stride must be > 0, got %lld", (long long)f.stride);
    if (in->dims.rank != 2) return fail(err, INLAY_INVALID_ARGUMENT, "input must be 2-dimensional");
    while (f.length < f.window) f.length *= 2;
    f.width = f.length / 2 + 1;
    int64_t samples = in->dims.dims[0], channels = in->dims.dims[1];
    int64_t rows = samples < f.window ? 0 : 1 + (samples - f.window) / f.stride;
    shape dims = {.rank = 3, .dims = {channels, rows, f.width}};
    TRY(op_output(c, 0, &dims, &out, err));
    if (out->count == 0) return INLAY_OK;
    inlay_status status = make_frames(&f, err);
    for (int64_t i = 0; i < channels * rows && status == INLAY_OK; i++) {
        const float *from = tensor_f32(in) + i % rows * f.stride * channels + i / rows;
        run_frame(&f, from, channels, squared, tensor_f32(out) + i * f.width);
        status = op_check_stop(c, err);
    }
    fft_plan_free(f.plan);
    mem_free(f.hann);
    mem_free(f.line);
    return status;
}

static inlay_status read_settings(const op_call *c, mfcc_settings *s, inlay_error *err) {
    float low, high;
    TRY(attr_float(&c->node->attributes, "lower_frequency_limit", &low, err));
    TRY(attr_float(&c->node->attributes, "upper_frequency_limit", &high, err));
    TRY(attr_int(&c->node->attributes, "filterbank_channel_count", &s->bands, err));
    TRY(attr_int(&c->node->attributes, "dct_coefficient_count", &s->coefficients, err));
    s->lowest = (double)low;
    s->highest = (double)high;
    return INLAY_OK;
}

static inlay_status mfcc_op_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    mfcc_settings s;
    mfcc *m;
    tensor *out;
    TRY(read_settings(c, &s, err));
    if (in->dims.rank != 3) return fail(err, INLAY_INVALID_ARGUMENT, "spectrogram must be 3-dimensional");
    if (c->in[1]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "sample_rate should be a scalar");
    s.bins = in->dims.dims[2];
    s.rate = (double)tensor_i32(c->in[1])[0];
    shape dims = {.rank = 3, .dims = {in->dims.dims[0], in->dims.dims[1], s.coefficients}};
    TRY(mfcc_make(&s, &m, err));
    double *bands = mem_array((size_t)s.bands, sizeof *bands);
    inlay_status status = bands ? op_output(c, 0, &dims, &out, err) : fail_memory(err);
    if (status == INLAY_OK)
        for (int64_t i = 0; i < dims.dims[0] * dims.dims[1]; i++)
            mfcc_run(m, tensor_f32(in) + i * s.bins, bands, tensor_f32(out) + i * s.coefficients);
    mem_free(bands);
    mfcc_free(m);
    return status;
}

const op_impl sound_impls[] = {
    {"DecodeWav", .run = decode_run},
    {"EncodeWav", .run = encode_run},
    {"AudioSpectrogram", .run = spectrogram_run},
    {"Mfcc", .run = mfcc_op_run},
};
OP_FAMILY_END(sound);

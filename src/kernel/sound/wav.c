#include "kernel/sound/wav.h"

#include "base/num.h"

#include <math.h>

typedef struct wav_reader {
    bytes file;
    uint64_t at;
    inlay_error *err;
} wav_reader;

static inlay_status take(wav_reader *r, uint64_t n, const uint8_t **out) {
    *out = r->file.data; /* compilers cannot see that nobody looks there after a failure */
    if (n > r->file.size || r->at > r->file.size - n)
        return fail(r->err, INLAY_INVALID_ARGUMENT, "Data too short when trying to read string");
    *out = r->file.data + r->at;
    r->at += n;
    return INLAY_OK;
}

static inlay_status expect(wav_reader *r, const char *text) {
    const uint8_t *p;
    TRY(take(r, 4, &p));
    if (memcmp(p, text, 4) == 0) return INLAY_OK;
    return fail(r->err, INLAY_INVALID_ARGUMENT, "Header mismatch: Expected %s", text);
}

/* Moves behind the name of the format chunk. */
static inlay_status find_format(wav_reader *r) {
    static const char known[][5] = {"JUNK", "bext", "iXML", "qlty", "mext", "levl", "link", "axml"};
    for (;;) {
        const uint8_t *name, *size, *skipped;
        TRY(take(r, 4, &name));
        if (memcmp(name, "fmt ", 4) == 0) return INLAY_OK;
        bool may_come = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) may_come |= memcmp(name, known[i], 4) == 0;
        if (!may_come) return fail(r->err, INLAY_INVALID_ARGUMENT, "Unexpected field before the format");
        TRY(take(r, 4, &size));
        TRY(take(r, load_u32(size), &skipped));
    }
}

static inlay_status read_format(wav_reader *r, wav_sound *out) {
    const uint8_t *p;
    TRY(take(r, 4, &p));
    uint32_t size = load_u32(p);
    if (size != 16 && size != 18)
        return fail(r->err, INLAY_INVALID_ARGUMENT, "Bad format chunk size for WAV: Expected 16 or 18, but got %u",
                    size);
    TRY(take(r, 16, &p));
    unsigned coding = load_u16(p), bits = load_u16(p + 14), frame = load_u16(p + 12);
    out->channels = load_u16(p + 2);
    out->rate = load_u32(p + 4);
    if (coding != 1)
        return fail(r->err, INLAY_INVALID_ARGUMENT, "Bad audio format for WAV: Expected 1 (PCM), but got %u", coding);
    if (out->channels < 1)
        return fail(r->err, INLAY_INVALID_ARGUMENT, "Bad number of channels for WAV: Expected at least 1, but got 0");
    if (bits != 16)
        return fail(r->err, INLAY_INVALID_ARGUMENT, "Can only read 16-bit WAV files, but received %u", bits);
    if (frame != 2 * out->channels)
        return fail(r->err, INLAY_INVALID_ARGUMENT, "Bad bytes per sample in WAV header: Expected %lld but got %u",
                    2 * (long long)out->channels, frame);
    if (load_u32(p + 8) != (uint32_t)frame * out->rate)
        return fail(r->err, INLAY_INVALID_ARGUMENT, "Bad bytes per second in WAV header: Expected %u but got %u",
                    (uint32_t)frame * out->rate, load_u32(p + 8));
    r->at += size - 16;
    return INLAY_OK;
}

static inlay_status read_chunks(wav_reader *r, wav_sound *out) {
    while (r->at < r->file.size) {
        const uint8_t *name, *p;
        TRY(take(r, 4, &name));
        TRY(take(r, 4, &p));
        uint32_t size = load_u32(p);
        if (size > INT32_MAX)
            return fail(r->err, INLAY_INVALID_ARGUMENT, "WAV data chunk is too large: %u bytes", size);
        if (memcmp(name, "data", 4) != 0) {
            r->at += size;
            continue;
        }
        if (out->samples) return fail(r->err, INLAY_INVALID_ARGUMENT, "More than one data chunk found in WAV");
        out->count = size / (2 * out->channels);
        TRY(take(r, (uint64_t)(2 * out->channels * out->count), &out->samples));
    }
    return out->samples ? INLAY_OK : fail(r->err, INLAY_INVALID_ARGUMENT, "No data chunk found in WAV");
}

inlay_status wav_read(bytes file, wav_sound *out, inlay_error *err) {
    wav_reader r = {file, 0, err};
    const uint8_t *size;
    *out = (wav_sound){0};
    TRY(expect(&r, "RIFF"));
    TRY(take(&r, 4, &size));
    TRY(expect(&r, "WAVE"));
    TRY(find_format(&r));
    TRY(read_format(&r, out));
    return read_chunks(&r, out);
}

inlay_status wav_size(uint32_t rate, int64_t channels, int64_t count, uint64_t *out, inlay_error *err) {
    uint64_t samples;
    if (rate == 0) return fail(err, INLAY_INVALID_ARGUMENT, "sample_rate must be in (0, 2^32), got: 0");
    if (channels <= 0 || channels > UINT16_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "num_channels must be in (0, 2^16), got: %lld", (long long)channels);
    if (!mul_u64((uint64_t)channels, (uint64_t)count, &samples) || samples > (UINT32_MAX - WAV_HEADER) / 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "Provided channels and frames cannot be encoded as a WAV.");
    *out = WAV_HEADER + 2 * samples;
    return INLAY_OK;
}

void wav_write_header(uint8_t to[WAV_HEADER], uint32_t rate, int64_t channels, int64_t count) {
    uint32_t frame = (uint32_t)channels * 2, data = frame * (uint32_t)count;
    memcpy(to, "RIFF....WAVEfmt ", 16);
    store_u32(to + 4, WAV_HEADER - 8 + data);
    store_u32(to + 16, 16);
    store_u16(to + 20, 1);
    store_u16(to + 22, (uint16_t)channels);
    store_u32(to + 24, rate);
    store_u32(to + 28, rate * frame);
    store_u16(to + 32, (uint16_t)frame);
    store_u16(to + 34, 16);
    memcpy(to + 36, "data", 4);
    store_u32(to + 40, data);
}

int16_t wav_sample(float x) {
    float wide = roundf(x * 32768.0f);
    if (isnan(wide)) return 0;
    return (int16_t)(wide >= 32767 ? 32767 : wide >= -32768 ? wide : -32768);
}

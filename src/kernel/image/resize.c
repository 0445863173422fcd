#include "kernel/image/resize.h"

#include "kernel/image/pixels.h"

#include <math.h>
#include <string.h>

resize_axis resize_axis_of(int64_t in, int64_t out, bool align_corners, bool half_pixel) {
    bool inner = align_corners && out > 1 && in > 1;
    float scale = inner ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
    return (resize_axis){in, out, scale, align_corners, half_pixel};
}

static int64_t bound(int64_t at, int64_t size) {
    return at < 0 ? 0 : at < size ? at : size - 1;
}

static float position_of(const resize_axis *a, int64_t i) {
    return a->half_pixel ? ((float)i + 0.5f) * a->scale - 0.5f : (float)i * a->scale;
}

static resize_tap nearest_tap(const resize_axis *a, int64_t i) {
    float at = a->half_pixel ? ((float)i + 0.5f) * a->scale : (float)i * a->scale;
    at = a->align_corners ? roundf(at) : floorf(at);
    return (resize_tap){.at = {bound((int64_t)at, a->in)}};
}

static resize_tap linear_tap(const resize_axis *a, int64_t i) {
    float at = position_of(a, i), low = floorf(at);
    return (resize_tap){.at = {bound((int64_t)low, a->in), bound((int64_t)ceilf(at), a->in)}, .w = {at - low}};
}

/* Keys 1981: the cubic with slope A at 1, X from its middle, 0 <= X <= 1, and the same from the next one. */
static float cubic_near(double slope, float x) {
    double d = (double)x;
    return (float)(((slope + 2) * d - (slope + 3)) * d * d + 1);
}
static float cubic_far(double slope, float x) {
    double d = (double)(x + 1.0f);
    return (float)(((slope * d - 5 * slope) * d + 8 * slope) * d - 4 * slope);
}

/* Weights are those of 1,024 steps. With pixels' centres at halves, what lies outside does not count; without, the edge
 * is repeated. */
static resize_tap cubic_tap(const resize_axis *a, int64_t i) {
    enum { STEPS = 1024 };
    float at = position_of(a, i);
    int64_t low = (int64_t)floorf(at), step = lrintf((at - (float)low) * STEPS);
    double slope = a->half_pixel ? -0.5 : -0.75;
    float x = (float)step / STEPS, rest = (float)(STEPS - step) / STEPS;
    resize_tap t = {.w = {cubic_far(slope, x), cubic_near(slope, x), cubic_near(slope, rest), cubic_far(slope, rest)}};
    for (int k = 0; k < 4; k++) {
        t.at[k] = bound(low - 1 + k, a->in);
        if (a->half_pixel && t.at[k] != low - 1 + k) t.w[k] = 0;
    }
    float sum = t.w[0] + t.w[1] + t.w[2] + t.w[3];
    if (a->half_pixel && fabsf(sum) >= 1000 * 0x1p-126f)
        for (int k = 0; k < 4; k++) t.w[k] *= 1.0f / sum;
    return t;
}

/* How much of position AT lies in [low, high). */
static float share(float scale, int64_t at, float low, float high) {
    float next = (float)(at + 1);
    if ((float)at < low) return next > high ? scale : next - low;
    return next > high ? high - (float)at : 1.0f;
}

static resize_tap area_tap(const resize_axis *a, int64_t i) {
    float low = (float)i * a->scale, high = (float)(i + 1) * a->scale;
    resize_tap t = {.at = {(int64_t)floorf(low), (int64_t)ceilf(high)}};
    t.w[0] = share(a->scale, t.at[0], low, high);
    t.w[1] = share(a->scale, t.at[1] - 1, low, high);
    return t;
}

resize_tap resize_tap_of(resize_kind kind, const resize_axis *axis, int64_t position) {
    switch (kind) {
    case RESIZE_NEAREST: return nearest_tap(axis, position);
    case RESIZE_LINEAR: return linear_tap(axis, position);
    case RESIZE_CUBIC: return cubic_tap(axis, position);
    default: return area_tap(axis, position);
    }
}

/* ---- rows */

/* Row Y of image IMAGE as float32, in BUFFER unless it is that already. */
static const float *row_of(const resize_job *j, int64_t image, int64_t y, float *buffer) {
    int64_t width = j->x.in * j->channels;
    const uint8_t *row = j->in + (size_t)((image * j->y.in + y) * width) * dtype_size(j->type);
    if (j->type == INLAY_FLOAT32) return (const float *)(const void *)row;
    pixels_load(buffer, row, j->type, (size_t)width);
    return buffer;
}

static float *out_row(const resize_job *j, int64_t row) {
    return (float *)(void *)j->out + row * j->x.out * j->channels;
}

static inline void linear_across(float *restrict out, const float *row, const resize_job *j, int64_t channels) {
    for (int64_t i = 0; i < j->x.out; i++, out += channels) {
        const float *a = row + j->taps[i].at[0] * channels, *b = row + j->taps[i].at[1] * channels;
        float w = j->taps[i].w[0];
        for (int64_t c = 0; c < channels; c++) out[c] = a[c] + (b[c] - a[c]) * w;
    }
}

static void linear_row(float *out, const float *row, const resize_job *j) {
    switch (j->channels) { /* loops of known length */
    case 1: linear_across(out, row, j, 1); return;
    case 3: linear_across(out, row, j, 3); return;
    case 4: linear_across(out, row, j, 4); return;
    default: linear_across(out, row, j, j->channels);
    }
}

/* Input rows are resized to the output's width once, and kept while consecutive rows need them. */
static void linear_rows(const resize_job *j, int64_t first, int64_t n, float *scratch) {
    int64_t width = j->x.out * j->channels, held[2] = {-1, -1};
    float *wide = scratch, *lines[2] = {scratch + j->x.in * j->channels, NULL};
    lines[1] = lines[0] + width;
    for (int64_t r = first; r < first + n; r++) {
        int64_t image = r / j->y.out;
        resize_tap t = linear_tap(&j->y, r % j->y.out);
        const float *line[2];
        for (int k = 0; k < 2; k++) {
            int64_t wanted = image * j->y.in + t.at[k];
            int slot = held[0] == wanted ? 0 : held[1] == wanted ? 1 : -1;
            if (slot < 0) {
                slot = k == 1 ? line[0] == lines[0] : held[0] > held[1]; /* not over the other one, else the older */
                linear_row(lines[slot], row_of(j, image, t.at[k], wide), j);
                held[slot] = wanted;
            }
            line[k] = lines[slot];
        }
        float *restrict out = out_row(j, r), w = t.w[0];
        for (int64_t i = 0; i < width; i++) out[i] = line[0][i] + (line[1][i] - line[0][i]) * w;
    }
}

static inline void cubic_across(float *restrict out, const float *row, const resize_job *j, int64_t channels) {
    for (int64_t i = 0; i < j->x.out; i++, out += channels) {
        const resize_tap *t = &j->taps[i];
        const float *p[4];
        for (int k = 0; k < 4; k++) p[k] = row + t->at[k] * channels;
        for (int64_t c = 0; c < channels; c++)
            out[c] = p[0][c] * t->w[0] + p[1][c] * t->w[1] + p[2][c] * t->w[2] + p[3][c] * t->w[3];
    }
}

static void cubic_rows(const resize_job *j, int64_t first, int64_t n, float *scratch) {
    int64_t width = j->x.in * j->channels;
    float *restrict mixed = scratch;
    for (int64_t r = first; r < first + n; r++) {
        int64_t image = r / j->y.out;
        resize_tap t = cubic_tap(&j->y, r % j->y.out);
        const float *p[4];
        for (int k = 0; k < 4; k++) p[k] = row_of(j, image, t.at[k], scratch + (k + 1) * width);
        for (int64_t i = 0; i < width; i++)
            mixed[i] = p[0][i] * t.w[0] + p[1][i] * t.w[1] + p[2][i] * t.w[2] + p[3][i] * t.w[3];
        if (j->channels == 3)
            cubic_across(out_row(j, r), mixed, j, 3);
        else
            cubic_across(out_row(j, r), mixed, j, j->channels);
    }
}

/* Adds to OUT what each output column covers of ROW, WEIGHT times: channels [first, first + n) of CHANNELS, N at
 * most 4. */
static inline void area_channels(float *restrict out, const float *row, const resize_job *j, float weight,
                                 int64_t channels, int64_t first, int64_t n) {
    row += first;
    out += first;
    for (int64_t i = 0; i < j->x.out; i++, out += channels) {
        const resize_tap *t = &j->taps[i];
        const float *p = row + bound(t->at[0], j->x.in) * channels;
        float sum[4] = {0};
        for (int64_t c = 0; c < n; c++) sum[c] = p[c] * t->w[0];
        int64_t x = t->at[0] + 1, last = t->at[1] - 1, end = last < j->x.in ? last : j->x.in;
        for (p = row + x * channels; x < end; x++, p += channels)
            for (int64_t c = 0; c < n; c++) sum[c] += p[c];
        p = row + (j->x.in - 1) * channels; /* the last column is repeated */
        for (; x < last; x++)
            for (int64_t c = 0; c < n; c++) sum[c] += p[c];
        p = row + bound(last, j->x.in) * channels;
        for (int64_t c = 0; c < n && t->at[0] + 1 != t->at[1]; c++) sum[c] += p[c] * t->w[1];
        for (int64_t c = 0; c < n; c++) out[c] += sum[c] * weight;
    }
}

static void area_across(float *out, const float *row, const resize_job *j, float weight) {
    int64_t channels = j->channels;
    if (channels == 3) { /* loops of known length */
        area_channels(out, row, j, weight, 3, 0, 3);
        return;
    }
    for (int64_t c = 0; c < channels; c += 4)
        area_channels(out, row, j, weight, channels, c, channels - c < 4 ? channels - c : 4);
}

static void area_rows(const resize_job *j, int64_t first, int64_t n, float *scratch) {
    int64_t width = j->x.out * j->channels;
    float whole = (float)(1.0 / (double)(j->y.scale * j->x.scale));
    for (int64_t r = first; r < first + n; r++) {
        int64_t image = r / j->y.out, y = r % j->y.out;
        resize_tap t = area_tap(&j->y, y);
        float *out = out_row(j, r), low = (float)y * j->y.scale, high = (float)(y + 1) * j->y.scale;
        memset(out, 0, (size_t)width * sizeof *out);
        for (int64_t at = t.at[0]; at < t.at[1]; at++)
            area_across(out, row_of(j, image, bound(at, j->y.in), scratch), j, share(j->y.scale, at, low, high));
        for (int64_t i = 0; i < width; i++) out[i] *= whole;
    }
}

static inline void pick_across(uint8_t *restrict out, const uint8_t *row, const resize_job *j, size_t pixel) {
    for (int64_t i = 0; i < j->x.out; i++)
        memcpy(out + (size_t)i * pixel, row + (size_t)j->taps[i].at[0] * pixel, pixel);
}

static void nearest_rows(const resize_job *j, int64_t first, int64_t n) {
    size_t pixel = (size_t)j->channels * dtype_size(j->type);
    for (int64_t r = first; r < first + n; r++) {
        int64_t y = nearest_tap(&j->y, r % j->y.out).at[0];
        const uint8_t *row = j->in + (size_t)((r / j->y.out * j->y.in + y) * j->x.in) * pixel;
        uint8_t *out = j->out + (size_t)(r * j->x.out) * pixel;
        switch (pixel) { /* copies of known length */
        case 1: pick_across(out, row, j, 1); break;
        case 3: pick_across(out, row, j, 3); break;
        case 4: pick_across(out, row, j, 4); break;
        case 12: pick_across(out, row, j, 12); break;
        default: pick_across(out, row, j, pixel);
        }
    }
}

int64_t resize_scratch(resize_kind kind, const resize_job *j) {
    int64_t in = j->x.in * j->channels, out = j->x.out * j->channels;
    switch (kind) {
    case RESIZE_NEAREST: return 1;
    case RESIZE_LINEAR: return in + 2 * out;
    case RESIZE_CUBIC: return 5 * in;
    default: return in;
    }
}

void resize_rows(resize_kind kind, const resize_job *j, int64_t first, int64_t n, float *scratch) {
    switch (kind) {
    case RESIZE_NEAREST: nearest_rows(j, first, n); return;
    case RESIZE_LINEAR: linear_rows(j, first, n, scratch); return;
    case RESIZE_CUBIC: cubic_rows(j, first, n, scratch); return;
    default: area_rows(j, first, n, scratch);
    }
}

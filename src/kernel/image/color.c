#include "kernel/image/color.h"

#include <math.h>
#include <string.h>

#define NUMBER float
#define REAL float
#define GET(x) (x)
#define PUT(x) (x)
#define R(x) (x)
#define ABS fabsf
#define NAME(x) x##_f32
#include "kernel/image/color_body.h"

#define NUMBER double
#define REAL double
#define GET(x) (x)
#define PUT(x) (x)
#define R(x) (x)
#define ABS fabs
#define NAME(x) x##_f64
#include "kernel/image/color_body.h"

#define NUMBER uint16_t
#define REAL float
#define GET(x) f16_to_f32(x)
#define PUT(x) f32_to_f16(x)
#define R(x) f16_to_f32(f32_to_f16(x))
#define ABS fabsf
#define NAME(x) x##_f16
#include "kernel/image/color_body.h"

#define NUMBER uint16_t
#define REAL float
#define GET(x) bf16_to_f32(x)
#define PUT(x) f32_to_bf16(x)
#define R(x) bf16_to_f32(f32_to_bf16(x))
#define ABS fabsf
#define NAME(x) x##_bf16
#include "kernel/image/color_body.h"

color_fn color_rgb_to_hsv(dtype t) {
    return t == INLAY_FLOAT32    ? rgb_to_hsv_f32
           : t == INLAY_FLOAT64  ? rgb_to_hsv_f64
           : t == INLAY_FLOAT16  ? rgb_to_hsv_f16
           : t == INLAY_BFLOAT16 ? rgb_to_hsv_bf16
                                 : NULL;
}

color_fn color_hsv_to_rgb(dtype t) {
    return t == INLAY_FLOAT32    ? hsv_to_rgb_f32
           : t == INLAY_FLOAT64  ? hsv_to_rgb_f64
           : t == INLAY_FLOAT16  ? hsv_to_rgb_f16
           : t == INLAY_BFLOAT16 ? hsv_to_rgb_bf16
                                 : NULL;
}

/* ---- hue: six sectors, in each of which one channel is largest, one smallest, and the third goes up or down */

static const struct {
    uint8_t most, middle, least; /* channels */
} sectors[6] = {{0, 1, 2}, {1, 0, 2}, {1, 2, 0}, {2, 1, 0}, {2, 0, 1}, {0, 2, 1}};

static int sector_of(const float *p) {
    float r = p[0], g = p[1], b = p[2];
    if (r < g) return b < r ? 1 : b > g ? 3 : 2;
    return b < g ? 0 : b > r ? 4 : 5;
}

/* Into [0, PERIOD): step by step where that is short, so that rounding is TensorFlow's. */
static float wrap(float x, float period) {
    if (!(fabsf(x) < 64 * period)) x = fmodf(x, period);
    while (x < 0) x += period;
    while (x >= period) x -= period;
    return x;
}

void color_turn_hue(float *out, const float *in, size_t n, float delta) {
    for (size_t i = 0; i < n; i++, in += 3, out += 3) {
        int sector = sector_of(in);
        float most = in[sectors[sector].most], middle = in[sectors[sector].middle], least = in[sectors[sector].least];
        float hue = 0;
        if (most != least) {
            float ratio = (middle - least) / (most - least);
            hue = (float)sector + (sector & 1 ? 1 - ratio : ratio);
        }
        hue = wrap(hue + delta * 6, 6);
        sector = hue >= 0 ? (int)hue : 5; /* 5 for NaN */
        float ratio = hue - (float)sector;
        if (sector & 1) ratio = 1 - ratio;
        out[sectors[sector].most] = most;
        out[sectors[sector].middle] = least + ratio * (most - least);
        out[sectors[sector].least] = least;
    }
}

static void rgb_of(float h, float s, float v, float *out) {
    float chroma = s * v, base = v - chroma, at = h * 6;
    float other = chroma * (1 - fabsf(wrap(at, 2) - 1));
    int sector = at > -1 && at < 6 ? (int)at : 6;
    out[0] = out[1] = out[2] = base;
    if (sector == 6) return; /* no colour at all */
    out[sectors[sector].most] = chroma + base;
    out[sectors[sector].middle] = other + base;
    out[sectors[sector].least] = 0 + base;
}

void color_saturate(float *out, const float *in, size_t n, float scale) {
    for (size_t i = 0; i < n; i++, in += 3, out += 3) {
        float r = in[0], g = in[1], b = in[2], most = g < b ? b : g, least = b < g ? b : g;
        most = r < most ? most : r;
        least = least < r ? least : r;
        float range = most - least;
        float s = most > 0 ? range / most : 0, unit = 1.0f / (6.0f * range), hue;
        if (r == most)
            hue = unit * (g - b);
        else if (g == most)
            hue = (float)((double)(unit * (b - r)) + 2.0 / 6.0);
        else
            hue = (float)((double)(unit * (r - g)) + 4.0 / 6.0);
        if (!(range > 0)) hue = 0;
        if (hue < 0) hue += 1;
        s *= scale;
        rgb_of(hue, s > 0 ? s < 1 ? s : 1 : 0, most, out);
    }
}

void color_means(float *means, const float *in, int64_t n, int64_t channels, float *scratch) {
    const float *from = in;
    for (int64_t rest = n; rest > 1 || from == in;) {
        int64_t right = rest / 2, left = rest - right;
        for (int64_t i = 0; i < right * channels; i++) scratch[i] = from[left * channels + i] + from[i];
        if (left > right && from == in)
            memcpy(scratch + right * channels, from + right * channels, (size_t)channels * sizeof *scratch);
        from = scratch;
        rest = left;
    }
    float whole = 1.0f / (float)n;
    for (int64_t c = 0; c < channels; c++) means[c] = scratch[c] * whole;
}

void color_contrast(float *out, const float *in, const float *means, int64_t n, int64_t channels, float factor) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < channels; c++) {
            float mean = means[c], x = in[i * channels + c];
            out[i * channels + c] = mean + (x - mean) * factor;
        }
}

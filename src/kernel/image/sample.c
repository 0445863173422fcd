#include "kernel/image/sample.h"

#include <math.h>
#include <string.h>

struct sample_kernel {
    const char *name;
    float (*at)(float x, float radius);
    float radius;
};

#define PI 3.14159265359f

static float lanczos(float x, float radius) {
    if (x > radius) return 0;
    if (x <= 1e-3f) return 1;
    return radius * sinf(PI * x) * sinf(PI * x / radius) / (PI * PI * x * x);
}

static float gaussian(float x, float radius) {
    float sigma = radius / 3;
    return x >= radius ? 0 : expf(-x * x / (2 * sigma * sigma));
}

static float box(float x, float radius) {
    (void)radius;
    return x < 0.5f ? 1 : x == 0.5f ? 0.5f : 0;
}

static float triangle(float x, float radius) {
    return x < radius ? radius - x : 0;
}

static float keys_cubic(float x, float radius) {
    if (x >= radius) return 0;
    return x >= 1 ? ((-0.5f * x + 2.5f) * x - 4) * x + 2 : ((1.5f * x - 2.5f) * x) * x + 1;
}

static float mitchell_cubic(float x, float radius) {
    if (x >= radius) return 0;
    if (x >= 1) return (((-7.0f / 18) * x + 2) * x - 10.0f / 3) * x + 16.0f / 9;
    return (((7.0f / 6) * x - 2) * x) * x + 8.0f / 9;
}

static const sample_kernel kernels[] = {
    {"lanczos1", lanczos, 1},
    {"lanczos3", lanczos, 3},
    {"lanczos5", lanczos, 5},
    {"gaussian", gaussian, 1.5f},
    {"box", box, 1},
    {"triangle", triangle, 1},
    {"keyscubic", keys_cubic, 2},
    {"mitchellcubic", mitchell_cubic, 2},
};

const sample_kernel *sample_kernel_named(bytes name) {
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (bytes_is(name, kernels[i].name)) return &kernels[i];
    return NULL;
}

/* Shrinking widens the kernel, unless aliases are wanted. */
static float widening(const sample_axis *a) {
    float inverse = 1.0f / a->scale;
    return a->antialias && inverse > 1 ? inverse : 1;
}

void sample_measure(const sample_kernel *kernel, sample_axis *a) {
    double span = 2 * ceil((double)(kernel->radius * widening(a))) + 1;
    a->span = span < (double)a->in ? (int64_t)span : a->in;
}

static int64_t bound(float at, int64_t size) {
    return !(at > 0) ? 0 : at < (float)(size - 1) ? (int64_t)at : size - 1;
}

void sample_spans(const sample_kernel *kernel, const sample_axis *a, int64_t *starts, float *weights) {
    float inverse = 1.0f / a->scale, shift = -inverse * a->translation, width = widening(a), narrow = 1.0f / width;
    memset(weights, 0, (size_t)(a->out * a->span) * sizeof *weights);
    for (int64_t i = 0; i < a->out; i++) {
        float *w = weights + i * a->span, at = ((float)i + 0.5f) * inverse + shift, sum = 0;
        starts[i] = 0;
        if (!(at >= 0 && at <= (float)a->in)) continue; /* outside: nothing */
        int64_t first = bound(ceilf(at - kernel->radius * width - 0.5f), a->in);
        int64_t end = bound(floorf(at + kernel->radius * width - 0.5f), a->in) + 1;
        if (end - first > a->span) end = first + a->span;
        for (int64_t k = first; k < end; k++)
            sum += w[k - first] = kernel->at(fabsf(((float)k + 0.5f - at) * narrow), kernel->radius);
        float whole = fabsf(sum) >= 1000 * 0x1p-126f ? 1.0f / sum : 0;
        for (int64_t k = 0; k < end - first; k++) w[k] *= whole;
        starts[i] = first;
    }
}

void sample_across(const sample_axis *a, const int64_t *starts, const float *weights, const float *row,
                   int64_t channels, float *out) {
    for (int64_t i = 0; i < a->out; i++, out += channels) {
        int64_t n = a->in - starts[i] < a->span ? a->in - starts[i] : a->span;
        const float *from = row + starts[i] * channels, *w = weights + i * a->span;
        memset(out, 0, (size_t)channels * sizeof *out);
        for (int64_t k = 0; k < n; k++, from += channels)
            for (int64_t c = 0; c < channels; c++) out[c] += from[c] * w[k];
    }
}

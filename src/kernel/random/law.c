#include "kernel/random/law.h"

#include "kernel/cast/cast.h"
#include "kernel/random/random.h"

#include <math.h>

enum { MOST_REFUSALS = 1000 };

static void units_f32(philox *p, float out[4]) {
    random_draw d = {.start = *p, .out = out, .count = 4};
    int64_t group;
    random_function(RANDOM_UNIFORM, INLAY_FLOAT32, &group)(&d, 0, 1);
    philox_skip(p, 1);
}

static void normals_f32(philox *p, float out[4]) {
    uint32_t x[4];
    philox_next(p, x);
    random_normals_f32(x[0], x[1], out);
    random_normals_f32(x[2], x[3], out + 2);
}

static void units_f64(philox *p, double out[2]) {
    uint32_t x[4];
    philox_next(p, x);
    out[0] = random_unit(x[0], x[1]);
    out[1] = random_unit(x[2], x[3]);
}

static void normals_f64(philox *p, double out[2]) {
    uint32_t x[4];
    philox_next(p, x);
    random_normals_f64(x, out);
}

static float round_half(float x) {
    return f16_to_f32(f32_to_f16(x));
}

static void units_f16(philox *p, float out[4]) {
    uint32_t x[4];
    philox_next(p, x);
    for (int i = 0; i < 4; i++) out[i] = (float)(x[i] & 0x3ffu) * 0x1p-10f;
}

static void normals_f16(philox *p, float out[4]) {
    normals_f32(p, out);
    for (int i = 0; i < 4; i++) out[i] = round_half(out[i]);
}

#define T float
#define V float
#define STORE(v) (v)
#define R(v) (v)
#define GROUP 4
#define UNITS units_f32
#define NORMALS normals_f32
#define M(function) function##f
#define NAME(x) x##_f32
#include "kernel/random/law_body.h"

#define T double
#define V double
#define STORE(v) (v)
#define R(v) (v)
#define GROUP 2
#define UNITS units_f64
#define NORMALS normals_f64
#define M(function) function
#define NAME(x) x##_f64
#include "kernel/random/law_body.h"

#define T uint16_t
#define V float
#define STORE(v) f32_to_f16(v)
#define R(v) round_half(v)
#define GROUP 4
#define UNITS units_f16
#define NORMALS normals_f16
#define M(function) function##f
#define NAME(x) x##_f16
#include "kernel/random/law_body.h"

bounded_fn law_bounded_normal(dtype t) {
    switch (t) {
    case INLAY_FLOAT32: return bounded_f32;
    case INLAY_FLOAT64: return bounded_f64;
    case INLAY_FLOAT16: return bounded_f16;
    default: return NULL;
    }
}

static double parameter_of(const law_draw *d, int64_t i) {
    double value = 0;
    cast_run(&value, INLAY_FLOAT64, (const uint8_t *)d->parameters + (size_t)i * dtype_size(d->parameter_type),
             d->parameter_type, 1);
    return value;
}

/* One sample after another through float64. */
static void each(const law_draw *d, int64_t first, int64_t count, double (*law)(double parameter, philox p)) {
    uint8_t *out = d->out;
    for (int64_t i = first; i < first + count; i++) {
        philox p = d->start;
        philox_skip(&p, (uint64_t)i * RANDOM_RESERVED);
        double made = law(parameter_of(d, i / d->samples), p);
        int64_t at = i % d->samples * d->n + i / d->samples;
        cast_run(out + (size_t)at * dtype_size(d->type), d->type, &made, INLAY_FLOAT64, 1);
    }
}

/* Numbers of a block are used last first. */
typedef struct stock {
    philox p;
    double units[2], normals[2];
    int units_left, normals_left;
} stock;

static double next_unit(stock *s) {
    if (s->units_left == 0) {
        units_f64(&s->p, s->units);
        s->units_left = 2;
    }
    return s->units[--s->units_left];
}

static double next_normal(stock *s) {
    if (s->normals_left == 0) {
        normals_f64(&s->p, s->normals);
        s->normals_left = 2;
    }
    return s->normals[--s->normals_left];
}

/* Marsaglia and Tsang 2000; for shapes below 1 that of one more, times a power of a uniform number. */
static double one_gamma(double alpha, philox p) {
    stock s = {.p = p};
    if (alpha == 1) return -log1p(-next_unit(&s)); /* the exponential law */
    bool small = alpha < 1;
    double d = alpha + (small ? 2.0 / 3 : -1.0 / 3), c = 1.0 / 3 / sqrt(d);
    for (;;) {
        double x = next_normal(&s), v = 1 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        double u = next_unit(&s), square = x * x;
        if (u < 1 - 0.0331 * square * square || log(u) < 0.5 * x * x + d * (1 - v + log(v)))
            return small ? d * v * pow(next_unit(&s), 1 / alpha) : d * v;
    }
}

void law_gamma(const law_draw *d, int64_t first, int64_t count) {
    each(d, first, count, one_gamma);
}

/* Knuth, The Art of Computer Programming, volume 2, 3.4.1. */
static double few_events(double rate, philox p) {
    stock s = {.p = p};
    double limit = exp(-rate), product = next_unit(&s), events = 0;
    while (product > limit) {
        product *= next_unit(&s);
        events += 1;
    }
    return events;
}

/* Hörmann 1993, transformed rejection. */
static double many_events(double rate, philox p) {
    stock s = {.p = p};
    double log_rate = log(rate), b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    for (;;) {
        double u = next_unit(&s) - 0.5, v = next_unit(&s), from_edge = 0.5 - fabs(u);
        double events = floor((2 * a / from_edge + b) * u + rate + 0.43);
        if (from_edge >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2)) return events;
        if (events < 0 || (from_edge < 0.013 && v > from_edge)) continue;
        int sign;
        double density = log(v * inverse_alpha / (a / (from_edge * from_edge) + b));
        if (density <= -rate + events * log_rate - lgamma_r(events + 1, &sign)) return events;
    }
}

static double one_poisson(double rate, philox p) {
    if (isinf(rate) && rate > 0) return rate;
    return rate < 10 ? few_events(rate, p) : many_events(rate, p);
}

void law_poisson(const law_draw *d, int64_t first, int64_t count) {
    each(d, first, count, one_poisson);
}

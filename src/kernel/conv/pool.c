#include "kernel/conv/pool.h"

#include "base/num.h"

#include <float.h>

/* The part of a window at output AT of dimension D that is inside: taps [*from, *to). */
static void clip(const conv_sizes *s, int d, int64_t at, int64_t *start, int64_t *from, int64_t *to) {
    *start = at * s->stride[d] - s->before[d];
    *from = *start < 0 ? (-*start + s->dilation[d] - 1) / s->dilation[d] : 0;
    int64_t left = s->in[d] - *start;
    *to = left <= 0 ? 0 : min_i64(s->window[d], (left + s->dilation[d] - 1) / s->dilation[d]);
}

typedef struct taps {
    int64_t start[CONV_DIMS], from[CONV_DIMS], to[CONV_DIMS];
} taps;

static int64_t pixel_at(const conv_sizes *s, const taps *t, int64_t b, int64_t z, int64_t y, int64_t x) {
    return ((b * s->in[0] + t->start[0] + z * s->dilation[0]) * s->in[1] + t->start[1] + y * s->dilation[1]) *
               s->in[2] +
           t->start[2] + x * s->dilation[2];
}

#define T float
#define LOWEST -FLT_MAX
#define NAME(x) x##_f32
#include "kernel/conv/pool_body.h"
#define T double
#define LOWEST -DBL_MAX
#define NAME(x) x##_f64
#include "kernel/conv/pool_body.h"
#define T int8_t
#define LOWEST INT8_MIN
#define NAME(x) x##_i8
#include "kernel/conv/pool_body.h"
#define T uint8_t
#define LOWEST 0
#define NAME(x) x##_u8
#include "kernel/conv/pool_body.h"
#define T int16_t
#define LOWEST INT16_MIN
#define NAME(x) x##_i16
#include "kernel/conv/pool_body.h"
#define T uint16_t
#define LOWEST 0
#define NAME(x) x##_u16
#include "kernel/conv/pool_body.h"
#define T int32_t
#define LOWEST INT32_MIN
#define NAME(x) x##_i32
#include "kernel/conv/pool_body.h"
#define T int64_t
#define LOWEST INT64_MIN
#define NAME(x) x##_i64s
#include "kernel/conv/pool_body.h"

static void mean_f32(const conv_sizes *s, const void *in, void *out, int64_t first, int64_t n) {
    rows_f32(s, in, out, first, n, true);
}
static void mean_f64(const conv_sizes *s, const void *in, void *out, int64_t first, int64_t n) {
    rows_f64(s, in, out, first, n, true);
}

window_fn window_max(dtype t) {
    switch (t) {
    case INLAY_FLOAT32: return max_f32;
    case INLAY_FLOAT64: return max_f64;
    case INLAY_INT8: return max_i8;
    case INLAY_UINT8: return max_u8;
    case INLAY_INT16: return max_i16;
    case INLAY_UINT16: return max_u16;
    case INLAY_INT32: return max_i32;
    case INLAY_INT64: return max_i64s;
    default: return NULL;
    }
}

window_fn window_mean(dtype t) {
    return t == INLAY_FLOAT32 ? mean_f32 : t == INLAY_FLOAT64 ? mean_f64 : NULL;
}

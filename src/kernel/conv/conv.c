#include "kernel/conv/conv.h"

#include "base/alloc.h"
#include "base/num.h"
#include "base/pool.h"
#include "kernel/conv/conv_parts.h"
#include "kernel/gemm/gemm.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    PART_FLOPS = 1 << 18,   /* less is not worth another thread */
    GATHER_FLOPS = 1 << 16, /* less is not worth gathering windows */
    GATHER_BYTES = 2 << 20, /* of windows gathered at a time */
    PARTS_A_THREAD = 4,
    FEW_FILTERS = 64 /* with more, a product of gathered windows is good enough */
};

static _Atomic int onednn_allowed = -1; /* -1: the environment says */

void conv_choose(bool onednn) {
    onednn_allowed = onednn;
}

static bool may_use_onednn(void) {
    int allowed = onednn_allowed;
    if (allowed < 0) {
        const char *wanted = getenv("INLAY_GEMM"), *cpu = getenv("INLAY_CPU");
        allowed = !(wanted && strcmp(wanted, "portable") == 0) && !(cpu && strcmp(cpu, "portable") == 0);
        onednn_allowed = allowed;
    }
    return allowed;
}

int64_t conv_pixels(const int64_t dims[CONV_DIMS]) {
    return dims[0] * dims[1] * dims[2];
}

double conv_flops(const conv_sizes *s) {
    int64_t seen = s->channels / s->groups; /* by one filter */
    return 2.0 * (double)s->batch * (double)conv_pixels(s->out) * (double)conv_pixels(s->window) * (double)s->filters *
           (double)seen;
}

typedef struct spread {
    int64_t count, part;
    void (*fn)(void *ctx, int64_t first, int64_t n);
    void *ctx;
} spread;

static void run_stretch(void *ctx, size_t index, int worker) {
    const spread *s = ctx;
    (void)worker;
    int64_t first = (int64_t)index * s->part;
    s->fn(s->ctx, first, min_i64(s->part, s->count - first));
}

void conv_spread(int64_t count, double flops, void (*fn)(void *ctx, int64_t first, int64_t n), void *ctx) {
    int64_t parts = flops < PART_FLOPS ? 1 : (int64_t)pool_threads() * PARTS_A_THREAD;
    if (count <= 0) return;
    if (pool_threads() == 1 || parts == 1) {
        fn(ctx, 0, count);
        return;
    }
    spread s = {count, (count + parts - 1) / parts, fn, ctx};
    pool_run((size_t)((count + s.part - 1) / s.part), run_stretch, &s);
}

/* ---- what comes after the sums */

static void activate(const conv_after *after, int64_t n, float *x) {
    switch (after->act) {
    case CONV_LINEAR: break;
    case CONV_RELU:
        for (int64_t i = 0; i < n; i++) x[i] = x[i] < 0 ? 0 : x[i];
        break;
    case CONV_RELU6:
        for (int64_t i = 0; i < n; i++) x[i] = x[i] < 0 ? 0 : x[i] > 6 ? 6 : x[i];
        break;
    case CONV_LEAKY_RELU:
        for (int64_t i = 0; i < n; i++) x[i] = x[i] < 0 ? x[i] * after->slope : x[i];
        break;
    case CONV_ELU:
        for (int64_t i = 0; i < n; i++) x[i] = x[i] < 0 ? expm1f(x[i]) : x[i];
        break;
    case CONV_SWISH:
        for (int64_t i = 0; i < n; i++) x[i] = x[i] / (1 + expf(-x[i]));
        break;
    }
}

void conv_finish(const conv_after *after, int64_t filters, int64_t n, const float *bias, const float *add, float *out) {
    if (after->bias)
        for (int64_t p = 0; p < n; p++)
            for (int64_t o = 0; o < filters; o++) out[p * filters + o] += bias[o];
    if (after->add)
        for (int64_t i = 0; i < n * filters; i++) out[i] += add[i];
    activate(after, n * filters, out);
}

/* ---- windows as rows of a matrix */

/* FN(pixel of the input or NULL, its place in ROW, bytes) for each pixel of a window; WIDTH bytes a pixel. */
static inline void walk_window(const conv_sizes *s, size_t width, int64_t pixel,
                               void (*fn)(uint8_t *in, uint8_t *row, size_t bytes), uint8_t *in, uint8_t *row) {
    int64_t rest = pixel, at[CONV_DIMS];
    for (int d = CONV_DIMS; d-- > 0; rest /= s->out[d]) at[d] = rest % s->out[d] * s->stride[d] - s->before[d];
    for (int64_t z = 0; z < s->window[0]; z++)
        for (int64_t y = 0; y < s->window[1]; y++)
            for (int64_t x = 0; x < s->window[2]; x++, row += width) {
                int64_t pz = at[0] + z * s->dilation[0], py = at[1] + y * s->dilation[1],
                        px = at[2] + x * s->dilation[2];
                bool there = pz >= 0 && pz < s->in[0] && py >= 0 && py < s->in[1] && px >= 0 && px < s->in[2];
                int64_t from = ((rest * s->in[0] + pz) * s->in[1] + py) * s->in[2] + px;
                fn(there ? in + (size_t)from * width : NULL, row, width);
            }
}

static inline void copy_in(uint8_t *in, uint8_t *row, size_t bytes) {
    if (in)
        memcpy(row, in, bytes);
    else
        memset(row, 0, bytes);
}

#define ADD_BACK(name, T)                                                      \
    static inline void name(uint8_t *in, uint8_t *row, size_t bytes) {         \
        T *to = (T *)(void *)in;                                               \
        const T *from = (const T *)(const void *)row;                          \
        for (size_t i = 0; in && i < bytes / sizeof(T); i++) to[i] += from[i]; \
    }
ADD_BACK(add_back_f32, float)
ADD_BACK(add_back_f64, double)

void conv_gather(dtype t, const conv_sizes *s, const void *in, int64_t first, int64_t n, void *rows) {
    size_t width = (size_t)s->channels * dtype_size(t), length = (size_t)conv_pixels(s->window) * width;
    for (int64_t i = 0; i < n; i++)
        walk_window(s, width, first + i, copy_in, (uint8_t *)(uintptr_t)in, (uint8_t *)rows + (size_t)i * length);
}

void conv_scatter(dtype t, const conv_sizes *s, const void *rows, int64_t first, int64_t n, void *in) {
    size_t width = (size_t)s->channels * dtype_size(t), length = (size_t)conv_pixels(s->window) * width;
    for (int64_t i = 0; i < n; i++)
        walk_window(s, width, first + i, t == INLAY_FLOAT64 ? add_back_f64 : add_back_f32, in,
                    (uint8_t *)(uintptr_t)rows + (size_t)i * length);
}

typedef struct gather_job {
    const conv_sizes *s;
    const float *in;
    int64_t first;
    float *rows;
} gather_job;

static void gather_part(void *ctx, int64_t first, int64_t n) {
    const gather_job *j = ctx;
    conv_gather(INLAY_FLOAT32, j->s, j->in, j->first + first, n,
                j->rows + first * conv_pixels(j->s->window) * j->s->channels);
}

/* Whether the windows are the pixels themselves. */
static bool is_product(const conv_sizes *s) {
    bool same = s->groups == 1;
    for (int d = 0; d < CONV_DIMS; d++)
        same = same && s->window[d] == 1 && s->stride[d] == 1 && s->before[d] == 0 && s->in[d] == s->out[d];
    return same;
}

static inlay_status run_products(const conv_sizes *s, const float *in, const float *filter, float *out,
                                 inlay_error *err) {
    int64_t pixels = s->batch * conv_pixels(s->out), depth = conv_pixels(s->window) * s->channels;
    gemm_call g = {
        .type = INLAY_FLOAT32, .m = pixels, .n = s->filters, .k = depth, .a = in, .b = filter, .c = out, .batch = 1};
    if (is_product(s)) return gemm_run(&g, err);
    int64_t most = GATHER_BYTES / (depth * (int64_t)sizeof(float)) + 1;
    float *rows = mem_array((size_t)min_i64(most, pixels) * (size_t)depth, sizeof *rows);
    if (!rows) return fail_memory(err);
    inlay_status status = INLAY_OK;
    for (int64_t first = 0; first < pixels && status == INLAY_OK; first += most) {
        int64_t n = min_i64(most, pixels - first);
        gather_job j = {s, in, first, rows};
        conv_spread(n, (double)n * (double)depth, gather_part, &j);
        g.m = n;
        g.a = rows;
        g.c = out + first * s->filters;
        status = gemm_run(&g, err);
    }
    mem_free(rows);
    return status;
}

/* ---- made convolutions */

struct conv_made {
    conv_sizes sizes;
    conv_after after;
    const float *filter;
    onednn_conv *onednn; /* NULL: our own */
    bool widens;         /* it is given an input with the zeros around it */
    conv_sizes wide;
};

/* ---- zeros written around the input: oneDNN's direct kernels take few of them by themselves */

/* S of an input that is as large as the windows reach, so that none is cut off. */
static conv_sizes widened(const conv_sizes *s) {
    conv_sizes wide = *s;
    for (int d = 0; d < CONV_DIMS; d++) {
        wide.before[d] = 0;
        wide.in[d] = (s->out[d] - 1) * s->stride[d] + (s->window[d] - 1) * s->dilation[d] + 1;
    }
    return wide;
}

typedef struct widen_job {
    const conv_sizes *from, *to;
    const float *in;
    float *out;
} widen_job;

/* Lines [first, first + n) of the wide input, one line a row of its last dimension. */
static void widen_part(void *ctx, int64_t first, int64_t n) {
    const widen_job *j = ctx;
    const conv_sizes *s = j->from, *w = j->to;
    int64_t line = w->in[2] * s->channels, before = min_i64(s->before[2], w->in[2]);
    int64_t kept = max_i64(0, min_i64(s->in[2], w->in[2] - before)), behind = w->in[2] - before - kept;
    for (int64_t i = first; i < first + n; i++) {
        int64_t y = i % w->in[1] - s->before[1], z = i / w->in[1] % w->in[0] - s->before[0];
        int64_t image = i / w->in[1] / w->in[0];
        float *to = j->out + i * line;
        if (y < 0 || y >= s->in[1] || z < 0 || z >= s->in[0]) {
            memset(to, 0, (size_t)line * sizeof *to);
            continue;
        }
        const float *from = j->in + ((image * s->in[0] + z) * s->in[1] + y) * s->in[2] * s->channels;
        memset(to, 0, (size_t)(before * s->channels) * sizeof *to);
        memcpy(to + before * s->channels, from, (size_t)(kept * s->channels) * sizeof *to);
        memset(to + (before + kept) * s->channels, 0, (size_t)(behind * s->channels) * sizeof *to);
    }
}

static inlay_status run_widened(const conv_made *c, const float *in, const float *bias, const float *add, float *out,
                                inlay_error *err) {
    const conv_sizes *w = &c->wide;
    int64_t lines = w->batch * w->in[0] * w->in[1], line = w->in[2] * w->channels;
    float *wide = mem_array((size_t)lines, (size_t)line * sizeof *wide);
    if (!wide) return fail_memory(err);
    widen_job j = {&c->sizes, w, in, wide};
    conv_spread(lines, (double)lines * (double)line, widen_part, &j);
    bool done = onednn_conv_run(c->onednn, wide, bias, add, out);
    mem_free(wide);
    return done ? INLAY_OK : fail_memory(err);
}

/* oneDNN's way of C, over a wider input when that spares the gathering of windows. */
static void make_onednn(conv_made *c) {
    c->onednn = onednn_conv_make(&c->sizes, &c->after, c->filter);
    int64_t zeros = c->sizes.before[0] + c->sizes.before[1] + c->sizes.before[2];
    if (!c->onednn || zeros == 0 || c->sizes.filters > FEW_FILTERS || !onednn_conv_gathers(c->onednn)) return;
    c->wide = widened(&c->sizes);
    for (int d = 0; d < CONV_DIMS; d++)
        if (c->wide.in[d] / 2 > c->sizes.in[d]) return; /* mostly zeros, or absurd */
    onednn_conv *wide = onednn_conv_make(&c->wide, &c->after, c->filter);
    c->widens = wide && !onednn_conv_gathers(wide);
    onednn_conv_free(c->widens ? c->onednn : wide);
    if (c->widens) c->onednn = wide;
}

inlay_status conv_make(const conv_sizes *sizes, const conv_after *after, const float *filter, conv_made **out,
                       inlay_error *err) {
    *out = mem_zalloc(1, sizeof **out);
    if (!*out) return fail_memory(err);
    **out = (conv_made){.sizes = *sizes, .after = *after, .filter = filter};
    if (may_use_onednn() && sizes->batch && conv_flops(sizes) > 0) make_onednn(*out);
    return INLAY_OK;
}

void conv_free(conv_made *c) {
    if (!c) return;
    onednn_conv_free(c->onednn);
    mem_free(c);
}

typedef struct finish_job {
    const conv_made *c;
    const float *bias, *add;
    float *out;
} finish_job;

static void finish_part(void *ctx, int64_t first, int64_t n) {
    const finish_job *j = ctx;
    int64_t at = first * j->c->sizes.filters;
    conv_finish(&j->c->after, j->c->sizes.filters, n, j->bias, j->add ? j->add + at : NULL, j->out + at);
}

inlay_status conv_run(const conv_made *c, const float *in, const float *bias, const float *add, float *out,
                      inlay_error *err) {
    const conv_sizes *s = &c->sizes;
    int64_t pixels = s->batch * conv_pixels(s->out), count = pixels * s->filters;
    if (count == 0) return INLAY_OK;
    if (c->widens) return run_widened(c, in, bias, add, out, err);
    if (c->onednn) return onednn_conv_run(c->onednn, in, bias, add, out) ? INLAY_OK : fail_memory(err);
    float *kept = NULL;
    if (c->after.add && add == out) {
        kept = mem_array((size_t)count, sizeof *kept);
        if (!kept) return fail_memory(err);
        memcpy(kept, add, (size_t)count * sizeof *kept);
        add = kept;
    }
    inlay_status status = INLAY_OK;
    if (s->groups == 1 && s->channels && conv_flops(s) >= GATHER_FLOPS)
        status = run_products(s, in, c->filter, out, err);
    else
        conv_direct(INLAY_FLOAT32, s, in, c->filter, out);
    finish_job j = {c, bias, add, out};
    if (status == INLAY_OK) conv_spread(pixels, (double)count, finish_part, &j);
    mem_free(kept);
    return status;
}

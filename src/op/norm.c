/* Normalisation over batches, and over neighbouring channels. Statistics are those of TensorFlow's kernels on CPUs: a
 * variance is that of the sample in the outputs, that of the batch where values are normalised. */
#include "kernel/cast/cast.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/window.h"

#include <math.h>

enum { GRAIN = 16384 };

typedef struct norm_state {
    float epsilon, factor;
    bool channels_first, training;
} norm_state;

static inlay_status fused_prepare(op_node *node, op_setting *s, inlay_error *err) {
    norm_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    bytes format;
    if (!state) return fail_memory(err);
    node->state = state;
    TRY(attr_float(&node->attributes, "epsilon", &state->epsilon, err));
    TRY(attr_float(&node->attributes, "exponential_avg_factor", &state->factor, err));
    TRY(attr_bool(&node->attributes, "is_training", &state->training, err));
    TRY(attr_text(&node->attributes, "data_format", &format, err));
    state->channels_first = bytes_start_with(format, "NC");
    return INLAY_OK;
}

/* Values seen as [outer, channels, inner]: inner is 1 when channels come last. */
typedef struct norm_work {
    int64_t outer, channels, inner;
    const float *in;
    float *out;
    const float *mean, *scale, *offset; /* out = (in - mean) * scale + offset; offset NULL: none */
} norm_work;

static void scale_rows(void *ctx, int64_t first, int64_t n) {
    const norm_work *w = ctx;
    int64_t width = w->inner == 1 ? w->channels : w->inner;
    for (int64_t r = first; r < first + n; r++) {
        const float *x = w->in + r * width;
        float *y = w->out + r * width;
        if (w->inner == 1) {
            for (int64_t c = 0; c < width; c++)
                y[c] = (x[c] - w->mean[c]) * w->scale[c] + (w->offset ? w->offset[c] : 0);
            continue;
        }
        int64_t c = r % w->channels;
        float mean = w->mean[c], scale = w->scale[c], offset = w->offset ? w->offset[c] : 0;
        for (int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) * scale + offset;
    }
}

static void scale_all(const norm_work *w) {
    int64_t rows = w->inner == 1 ? w->outer : w->outer * w->channels;
    int64_t width = w->inner == 1 ? w->channels : w->inner;
    op_parallel(rows, GRAIN / (width ? width : 1) + 1, scale_rows, (void *)(uintptr_t)w);
}

/* Mean and variance of each channel, in two passes. SUMS [channels] is room. */
static void find_moments(const norm_work *w, double *sums, float *mean, float *variance) {
    double count = (double)(w->outer * w->inner);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t c = 0; c < w->channels; c++) sums[c] = 0;
        for (int64_t o = 0; o < w->outer; o++)
            for (int64_t c = 0; c < w->channels; c++)
                for (int64_t i = 0; i < w->inner; i++) {
                    double x = (double)w->in[(o * w->channels + c) * w->inner + i];
                    if (pass) x = (x - (double)mean[c]) * (x - (double)mean[c]);
                    sums[c] += x;
                }
        for (int64_t c = 0; c < w->channels; c++) (pass ? variance : mean)[c] = (float)(sums[c] / count);
    }
}

/* The vectors that a fused normalisation works with and gives. */
typedef struct fused {
    const float *scale, *offset, *old_mean, *old_variance; /* the last two NULL when there are none */
    float *batch_mean, *batch_variance, *saved_mean, *saved_variance;
} fused;

static inlay_status fused_vectors(op_call *c, int64_t channels, fused *f, inlay_error *err) {
    const norm_state *state = c->node->state;
    static const char *const names[] = {"scale", "offset", "mean", "variance"};
    const float *vectors[4];
    shape dims = shape_vector(channels), none = shape_vector(0);
    char text[SHAPE_TEXT];
    tensor *out[4], *rest;
    for (int i = 0; i < 4; i++) {
        const tensor *t = c->in[i + 1];
        bool absent = i > 1 && state->training && t->count == 0;
        if (t->type != INLAY_FLOAT32) return op_unsupported(c, t->type, err);
        if (t->dims.rank != 1 || (t->count != channels && !absent))
            return fail(err, INLAY_INVALID_ARGUMENT, "%s has the shape %s, there are %lld channels", names[i],
                        shape_text(&t->dims, text), (long long)channels);
        vectors[i] = absent ? NULL : tensor_f32(t);
    }
    for (int i = 0; i < 4; i++) TRY(op_output(c, i + 1, &dims, &out[i], err));
    if (c->node->out.count > 5) TRY(op_output(c, 5, &none, &rest, err));
    *f = (fused){vectors[0],         vectors[1],         vectors[2],         vectors[3],
                 tensor_f32(out[0]), tensor_f32(out[1]), tensor_f32(out[2]), tensor_f32(out[3])};
    return INLAY_OK;
}

/* W->in is normalised with its own moments; the outputs move on from the old ones by the factor. */
static inlay_status own_moments(const norm_state *state, const norm_work *w, const fused *f, inlay_error *err) {
    int64_t count = w->outer * w->inner;
    double *sums = mem_array((size_t)w->channels, sizeof *sums);
    if (!sums) return fail_memory(err);
    find_moments(w, sums, f->saved_mean, f->saved_variance);
    mem_free(sums);
    float bessel = (float)count / (float)(count > 1 ? count - 1 : 1), keep = 1 - state->factor;
    bool moves = state->factor != 1 && f->old_mean && f->old_variance;
    for (int64_t c = 0; c < w->channels; c++) {
        f->batch_mean[c] = f->saved_mean[c];
        f->batch_variance[c] = f->saved_variance[c] * bessel;
        if (!moves) continue;
        f->batch_mean[c] = keep * f->old_mean[c] + state->factor * f->batch_mean[c];
        f->batch_variance[c] = keep * f->old_variance[c] + state->factor * f->batch_variance[c];
    }
    return INLAY_OK;
}

static void given_moments(const norm_work *w, const fused *f) {
    size_t size = (size_t)w->channels * sizeof(float);
    memcpy(f->batch_mean, f->old_mean, size);
    memcpy(f->batch_variance, f->old_variance, size);
    memcpy(f->saved_mean, f->old_mean, size);
    memcpy(f->saved_variance, f->old_variance, size);
}

static inlay_status fused_floats(op_call *c, norm_work *w, inlay_error *err) {
    const norm_state *state = c->node->state;
    fused f = {0};
    TRY(fused_vectors(c, w->channels, &f, err));
    if (w->outer * w->inner == 0) { /* nothing has no moments */
        for (int64_t i = 0; i < w->channels; i++) {
            f.batch_mean[i] = f.batch_variance[i] = NAN;
            f.saved_mean[i] = f.saved_variance[i] = 0;
        }
        return INLAY_OK;
    }
    if (state->training)
        TRY(own_moments(state, w, &f, err));
    else
        given_moments(w, &f);
    float *scale = mem_array((size_t)w->channels, sizeof *scale);
    if (!scale) return fail_memory(err);
    for (int64_t i = 0; i < w->channels; i++) scale[i] = f.scale[i] / sqrtf(f.saved_variance[i] + state->epsilon);
    w->mean = f.saved_mean;
    w->scale = scale;
    w->offset = f.offset;
    scale_all(w);
    mem_free(scale);
    return INLAY_OK;
}

static inlay_status fused_run(op_call *c, inlay_error *err) {
    const norm_state *state = c->node->state;
    tensor *in = c->in[0], *out, *wide = NULL, *wide_out = NULL;
    int rank = in->dims.rank, channel = state->channels_first ? 1 : rank - 1;
    bool narrow = in->type == INLAY_FLOAT16 || in->type == INLAY_BFLOAT16;
    if (rank != 4 && rank != 5) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have 4 or 5 dimensions");
    if (!narrow && in->type != INLAY_FLOAT32) return op_unsupported(c, in->type, err);
    norm_work w = {
        op_span(&in->dims, 0, channel), in->dims.dims[channel], op_span(&in->dims, channel + 1, rank), 0, 0, 0, 0, 0};
    TRY(narrow ? op_output(c, 0, &in->dims, &out, err) : op_output_over(c, 0, 0, &in->dims, &out, err));
    inlay_status status = tensor_to_float(in, INLAY_FLOAT32, c->budget, &wide, err);
    if (status == INLAY_OK && narrow) status = tensor_new(INLAY_FLOAT32, &in->dims, c->budget, &wide_out, err);
    if (status == INLAY_OK) {
        w.in = tensor_f32(wide);
        w.out = tensor_f32(narrow ? wide_out : out);
        status = fused_floats(c, &w, err);
    }
    if (status == INLAY_OK && narrow) cast_run(out->data, out->type, wide_out->data, INLAY_FLOAT32, (size_t)out->count);
    tensor_release(wide_out);
    tensor_release(wide);
    return status;
}

/* ---- the old form, channels last */

static inlay_status global_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    float epsilon;
    bool scaled;
    tensor *out;
    TRY(attr_float(&c->node->attributes, "variance_epsilon", &epsilon, err));
    TRY(attr_bool(&c->node->attributes, "scale_after_normalization", &scaled, err));
    if (in->type != INLAY_FLOAT32) return op_unsupported(c, in->type, err);
    if (in->dims.rank != 4) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have 4 dimensions");
    int64_t channels = in->dims.dims[3];
    for (int i = 1; i < 5; i++)
        if (c->in[i]->dims.rank != 1 || c->in[i]->count != channels)
            return fail(err, INLAY_INVALID_ARGUMENT, "input %d must have %lld elements", i, (long long)channels);
    float *scale = mem_array((size_t)channels, sizeof *scale);
    if (!scale) return fail_memory(err);
    const float *variance = tensor_f32(c->in[2]), *gamma = tensor_f32(c->in[4]);
    for (int64_t i = 0; i < channels; i++) scale[i] = (scaled ? gamma[i] : 1) / sqrtf(variance[i] + epsilon);
    inlay_status status = op_output(c, 0, &in->dims, &out, err);
    if (status == INLAY_OK) {
        norm_work w = {
            op_span(&in->dims, 0, 3), channels, 1, tensor_f32(in), tensor_f32(out), tensor_f32(c->in[1]), scale,
            tensor_f32(c->in[3])};
        scale_all(&w);
    }
    mem_free(scale);
    return status;
}

/* ---- by the squares of neighbouring channels */

typedef struct neighbours {
    int64_t depth, radius;
    float bias, alpha, beta;
    const float *in;
    float *out;
} neighbours;

static void neighbour_rows(void *ctx, int64_t first, int64_t n) {
    const neighbours *w = ctx;
    for (int64_t r = first; r < first + n; r++) {
        const float *x = w->in + r * w->depth;
        for (int64_t c = 0; c < w->depth; c++) {
            int64_t from = c > w->radius ? c - w->radius : 0, to = c + w->radius + 1;
            float sum = 0;
            for (int64_t i = from; i < to && i < w->depth; i++) sum += x[i] * x[i];
            w->out[r * w->depth + c] = x[c] * powf(w->bias + w->alpha * sum, -w->beta);
        }
    }
}

static inlay_status lrn_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out, *wide = NULL, *wide_out = NULL;
    neighbours w = {0};
    TRY(attr_int(&c->node->attributes, "depth_radius", &w.radius, err));
    TRY(attr_float(&c->node->attributes, "bias", &w.bias, err));
    TRY(attr_float(&c->node->attributes, "alpha", &w.alpha, err));
    TRY(attr_float(&c->node->attributes, "beta", &w.beta, err));
    if (in->dims.rank != 4) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have 4 dimensions");
    if (in->type == INLAY_FLOAT64) return op_unsupported(c, in->type, err);
    w.depth = in->dims.dims[3];
    if (w.radius < 0) return fail(err, INLAY_INVALID_ARGUMENT, "depth_radius is negative");
    if (w.radius > w.depth) w.radius = w.depth;
    TRY(op_output(c, 0, &in->dims, &out, err));
    inlay_status status = tensor_to_float(in, INLAY_FLOAT32, c->budget, &wide, err);
    if (status == INLAY_OK) status = tensor_new(INLAY_FLOAT32, &in->dims, c->budget, &wide_out, err);
    if (status == INLAY_OK && in->count) {
        w.in = tensor_f32(wide);
        w.out = tensor_f32(wide_out);
        op_parallel(in->count / w.depth, GRAIN / (w.depth * (2 * w.radius + 8)) + 1, neighbour_rows, &w);
        cast_run(out->data, out->type, wide_out->data, INLAY_FLOAT32, (size_t)out->count);
    }
    tensor_release(wide_out);
    tensor_release(wide);
    return status;
}

const op_impl norm_impls[] = {
    {"FusedBatchNorm", .run = fused_run, .prepare = fused_prepare},
    {"FusedBatchNormV2", .run = fused_run, .prepare = fused_prepare},
    {"FusedBatchNormV3", .run = fused_run, .prepare = fused_prepare},
    {"BatchNormWithGlobalNormalization", .run = global_run},
    {"LRN", .run = lrn_run},
};
OP_FAMILY_END(norm);

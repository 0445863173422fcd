/* Fourier transforms over the last one, two or three dims, and between real and complex numbers. */
#include "kernel/fft/fft.h"

#include "base/num.h"
#include "op/families.h"
#include "op/parallel.h"

enum { AXES_MASK = 7, INVERSE = 8, REAL = 16, GRAIN = 16384 };

/* One op's work: pairs in float64 of the dims that complex numbers have here, transformed axis after axis. */
typedef struct fft_work {
    const tensor *in;
    tensor *out;
    int axes;
    int64_t lengths[3]; /* of the transforms, outermost first */
    shape dims;         /* of the pairs: as lengths, but the last is half where the other side is real */
    fft_pair *pairs;
    int64_t width; /* of the pairs' last dim */
    /* the axis at hand */
    const fft_plan *plan;
    int64_t n, apart;
    bool inverse;
    _Atomic bool out_of_memory;
} fft_work;

static bool is_wide(dtype t) {
    return t == INLAY_COMPLEX128 || t == INLAY_FLOAT64;
}

/* N numbers from element FIRST of T, real or complex. */
static void load(const tensor *t, int64_t first, fft_pair *to, int64_t n) {
    const double *wide = (const double *)(const void *)t->data;
    const float *narrow = tensor_f32(t);
    for (int64_t i = first; i < first + n; i++, to++) switch (t->type) {
        case INLAY_FLOAT32: *to = (fft_pair){(double)narrow[i], 0}; break;
        case INLAY_FLOAT64: *to = (fft_pair){wide[i], 0}; break;
        case INLAY_COMPLEX64: *to = (fft_pair){(double)narrow[2 * i], (double)narrow[2 * i + 1]}; break;
        default: *to = (fft_pair){wide[2 * i], wide[2 * i + 1]}; break;
        }
}

static void store(tensor *t, int64_t first, const fft_pair *from, int64_t n) {
    double *wide = (double *)(void *)t->data;
    float *narrow = tensor_f32(t);
    for (int64_t i = first; i < first + n; i++, from++) switch (t->type) {
        case INLAY_FLOAT32: narrow[i] = (float)from->re; break;
        case INLAY_FLOAT64: wide[i] = from->re; break;
        case INLAY_COMPLEX64: narrow[2 * i] = (float)from->re, narrow[2 * i + 1] = (float)from->im; break;
        default: wide[2 * i] = from->re, wide[2 * i + 1] = from->im; break;
        }
}

/* Where line LINE of the pairs is in T, whose dims may be longer. */
static int64_t line_in(const fft_work *w, const tensor *t, int64_t line) {
    const shape *own = &t->dims;
    int64_t at = 0, step = own->dims[own->rank - 1];
    for (int i = own->rank - 2; i >= 0; i--) {
        at += line % w->dims.dims[i] * step;
        line /= w->dims.dims[i];
        step *= own->dims[i];
    }
    return at;
}

/* ---- along one axis: lines of N pairs, APART from each other */

static void axis_part(void *ctx, int64_t first, int64_t count) {
    fft_work *w = ctx;
    fft_pair *line = mem_array((size_t)(w->n + fft_scratch(w->plan)), sizeof *line);
    if (!line) {
        w->out_of_memory = true;
        return;
    }
    for (int64_t i = first; i < first + count; i++) {
        fft_pair *at = w->pairs + i / w->apart * w->apart * w->n + i % w->apart;
        for (int64_t k = 0; k < w->n; k++) line[k] = at[k * w->apart];
        fft_run(w->plan, w->inverse, line, line + w->n);
        for (int64_t k = 0; k < w->n; k++) at[k * w->apart] = line[k];
    }
    mem_free(line);
}

/* Lines of the last dim, from the input where it is real, to the output where that is. */
static void last_part(void *ctx, int64_t first, int64_t count) {
    fft_work *w = ctx;
    fft_pair *line = mem_array((size_t)(w->n + fft_scratch(w->plan)), sizeof *line);
    if (!line) {
        w->out_of_memory = true;
        return;
    }
    for (int64_t i = first; i < first + count; i++) {
        fft_pair *at = w->pairs + i * w->width;
        if (w->inverse) { /* the other half is the mirrored conjugate */
            memcpy(line, at, (size_t)w->width * sizeof *line);
            for (int64_t k = w->width; k < w->n; k++) line[k] = (fft_pair){at[w->n - k].re, -at[w->n - k].im};
        } else {
            load(w->in, line_in(w, w->in, i), line, w->n);
        }
        fft_run(w->plan, w->inverse, line, line + w->n);
        if (w->inverse)
            store(w->out, i * w->n, line, w->n);
        else
            memcpy(at, line, (size_t)w->width * sizeof *line);
    }
    mem_free(line);
}

static inlay_status run_axis(op_call *c, fft_work *w, int axis, bool real, inlay_error *err) {
    fft_plan *plan;
    int dim = w->dims.rank - w->axes + axis;
    TRY(op_check_stop(c, err));
    w->n = w->lengths[axis];
    w->apart = op_span(&w->dims, dim + 1, w->dims.rank);
    TRY(fft_plan_make(w->n, &plan, err));
    w->plan = plan;
    int64_t lines = op_span(&w->dims, 0, w->dims.rank) / w->dims.dims[dim];
    op_parallel(lines, GRAIN / w->n + 1, real ? last_part : axis_part, w);
    fft_plan_free(plan);
    return w->out_of_memory ? fail_memory(err) : INLAY_OK;
}

static inlay_status run_axes(op_call *c, fft_work *w, bool real, inlay_error *err) {
    int last = w->axes - 1;
    int64_t lines = op_span(&w->dims, 0, w->dims.rank - 1);
    bool from_real = real && !w->inverse, to_real = real && w->inverse;
    if (from_real)
        TRY(run_axis(c, w, last, true, err));
    else
        for (int64_t i = 0; i < lines; i++) load(w->in, line_in(w, w->in, i), w->pairs + i * w->width, w->width);
    for (int axis = real ? last - 1 : last; axis >= 0; axis--) TRY(run_axis(c, w, axis, false, err));
    if (to_real) return run_axis(c, w, last, true, err);
    store(w->out, 0, w->pairs, lines * w->width);
    return INLAY_OK;
}

/* ---- shapes */

static inlay_status read_lengths(const op_call *c, fft_work *w, inlay_error *err) {
    const tensor *t = c->in[1];
    bool inverse = w->inverse;
    if (t->dims.rank != 1 || t->count != w->axes)
        return fail(err, INLAY_INVALID_ARGUMENT, "fft_length must have shape [%d]", w->axes);
    for (int i = 0; i < w->axes; i++) {
        int64_t n = w->lengths[i] = tensor_i32(t)[i], own = w->in->dims.dims[w->in->dims.rank - w->axes + i];
        int64_t needed = inverse && i == w->axes - 1 ? n / 2 + 1 : n;
        if (n < 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "fft_length[%d] must be > 0, but got: %lld", i, (long long)n);
        if (own < needed && own != 0)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Input dimension %d must have length of at least %lld but got: %lld",
                        w->in->dims.rank - w->axes + i, (long long)needed, (long long)own);
    }
    return INLAY_OK;
}

static inlay_status read_shapes(const op_call *c, fft_work *w, shape *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    bool real = (c->node->impl->detail & REAL) != 0;
    *out = w->dims = w->in->dims;
    if (out->rank < w->axes)
        return fail(err, INLAY_INVALID_ARGUMENT, "Input must have rank of at least %d but got: %s", w->axes,
                    shape_text(out, text));
    int first = out->rank - w->axes;
    for (int i = 0; i < w->axes; i++) w->lengths[i] = out->dims[first + i];
    if (real) TRY(read_lengths(c, w, err));
    for (int i = 0; i < w->axes; i++) out->dims[first + i] = w->dims.dims[first + i] = w->lengths[i];
    int last = out->rank - 1;
    if (real) w->dims.dims[last] = w->lengths[w->axes - 1] / 2 + 1;
    if (!w->inverse) out->dims[last] = w->dims.dims[last];
    w->width = w->dims.dims[last];
    return INLAY_OK;
}

static bool types_fit(const op_call *c, dtype in, dtype out) {
    bool real = (c->node->impl->detail & REAL) != 0, inverse = (c->node->impl->detail & INVERSE) != 0;
    if (is_wide(in) != is_wide(out)) return false;
    return dtype_is_float(in) == (real && !inverse) && dtype_is_float(out) == (real && inverse);
}

static inlay_status fft_op_run(op_call *c, inlay_error *err) {
    int detail = c->node->impl->detail;
    fft_work w = {.in = c->in[0], .axes = detail & AXES_MASK, .inverse = (detail & INVERSE) != 0};
    dtype to = c->node->out.items[0].type;
    shape dims;
    tensor *pairs;
    if (!types_fit(c, w.in->type, to))
        return fail(err, INLAY_INVALID_ARGUMENT, "Wrong types: from %s to %s", dtype_name(w.in->type), dtype_name(to));
    TRY(read_shapes(c, &w, &dims, err));
    TRY(op_output(c, 0, &dims, &w.out, err));
    if (w.out->count == 0) return INLAY_OK;
    if (w.in->count == 0) {
        memset(w.out->data, 0, (size_t)w.out->size);
        return INLAY_OK;
    }
    TRY(tensor_new(INLAY_COMPLEX128, &w.dims, c->budget, &pairs, err));
    w.pairs = (fft_pair *)(void *)pairs->data;
    inlay_status status = run_axes(c, &w, (detail & REAL) != 0, err);
    tensor_release(pairs);
    return status;
}

const op_impl fft_impls[] = {
    {"FFT", .run = fft_op_run, .detail = 1},
    {"FFT2D", .run = fft_op_run, .detail = 2},
    {"FFT3D", .run = fft_op_run, .detail = 3},
    {"IFFT", .run = fft_op_run, .detail = 1 | INVERSE},
    {"IFFT2D", .run = fft_op_run, .detail = 2 | INVERSE},
    {"IFFT3D", .run = fft_op_run, .detail = 3 | INVERSE},
    {"RFFT", .run = fft_op_run, .detail = 1 | REAL},
    {"RFFT2D", .run = fft_op_run, .detail = 2 | REAL},
    {"RFFT3D", .run = fft_op_run, .detail = 3 | REAL},
    {"IRFFT", .run = fft_op_run, .detail = 1 | REAL | INVERSE},
    {"IRFFT2D", .run = fft_op_run, .detail = 2 | REAL | INVERSE},
    {"IRFFT3D", .run = fft_op_run, .detail = 3 | REAL | INVERSE},
};
OP_FAMILY_END(fft);

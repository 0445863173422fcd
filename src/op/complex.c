/* Complex numbers and their parts. */
#include "op/broadcast.h"
#include "op/families.h"

#include <math.h>

enum { PART_REAL, PART_IMAGINARY, PART_SIZE, PART_ANGLE };

#define PARTS(name, T, M)                                        \
    static void name(int part, T *out, const T *in, int64_t n) { \
        for (int64_t i = 0; i < n; i++) {                        \
            T re = in[2 * i], im = in[2 * i + 1];                \
            switch (part) {                                      \
            case PART_REAL: out[i] = re; break;                  \
            case PART_IMAGINARY: out[i] = im; break;             \
            case PART_SIZE: out[i] = M(hypot)(re, im); break;    \
            default: out[i] = M(atan2)(im, re); break;           \
            }                                                    \
        }                                                        \
    }
#define NARROW(function) function##f
#define WIDE(function) function
PARTS(parts_narrow, float, NARROW)
PARTS(parts_wide, double, WIDE)

static dtype part_of(dtype t) {
    return t == INLAY_COMPLEX64 ? INLAY_FLOAT32 : t == INLAY_COMPLEX128 ? INLAY_FLOAT64 : INLAY_INVALID_DTYPE;
}

static inlay_status part_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *out;
    int part = c->node->impl->detail;
    if (part_of(in->type) == INLAY_INVALID_DTYPE || part_of(in->type) != c->node->out.items[0].type)
        return op_unsupported(c, in->type, err);
    TRY(op_output(c, 0, &in->dims, &out, err));
    if (in->type == INLAY_COMPLEX64)
        parts_narrow(part, tensor_f32(out), tensor_f32(in), in->count);
    else
        parts_wide(part, (double *)(void *)out->data, (const double *)(const void *)in->data, in->count);
    return INLAY_OK;
}

static inlay_status conj_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    if (part_of(in->type) == INLAY_INVALID_DTYPE) return op_unsupported(c, in->type, err);
    TRY(op_output_over(c, 0, 0, &in->dims, &out, err));
    if (out != in) memcpy(out->data, in->data, (size_t)in->size);
    float *narrow = tensor_f32(out);
    double *wide = (double *)(void *)out->data;
    for (int64_t i = 1; i < 2 * out->count; i += 2)
        if (in->type == INLAY_COMPLEX64)
            narrow[i] = -narrow[i];
        else
            wide[i] = -wide[i];
    return INLAY_OK;
}

typedef struct join_work {
    const uint8_t *re, *im;
    uint8_t *out;
    size_t width; /* of a part */
    const broadcast *together;
} join_work;

static void join_inner(void *ctx, int64_t out, const int64_t *offsets) {
    const join_work *w = ctx;
    int last = w->together->rank - 1;
    for (int64_t i = 0; i < w->together->dims[last]; i++) {
        size_t re = (size_t)(offsets[0] + i * w->together->steps[0][last]);
        size_t im = (size_t)(offsets[1] + i * w->together->steps[1][last]);
        uint8_t *to = w->out + (size_t)(out + i) * 2 * w->width;
        memcpy(to, w->re + re * w->width, w->width);
        memcpy(to + w->width, w->im + im * w->width, w->width);
    }
}

static inlay_status complex_run(op_call *c, inlay_error *err) {
    const tensor *re = c->in[0], *im = c->in[1];
    broadcast together;
    tensor *out;
    if (re->type != part_of(c->node->out.items[0].type)) return op_unsupported(c, re->type, err);
    TRY(broadcast_make((const shape *[]){&re->dims, &im->dims}, 2, &together, err));
    TRY(op_output(c, 0, &together.out, &out, err));
    join_work w = {re->data, im->data, out->data, dtype_size(re->type), &together};
    broadcast_walk(&together, 2, join_inner, &w);
    return INLAY_OK;
}

const op_impl complex_impls[] = {
    {"Complex", .run = complex_run},
    {"Real", .run = part_run, .detail = PART_REAL},
    {"Imag", .run = part_run, .detail = PART_IMAGINARY},
    {"ComplexAbs", .run = part_run, .detail = PART_SIZE},
    {"Angle", .run = part_run, .detail = PART_ANGLE},
    {"Conj", .run = conj_run},
};
OP_FAMILY_END(complex);

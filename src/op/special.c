/* Special functions, computed in float64 whatever the dtype. */
#include "kernel/special/special.h"

#include "kernel/cast/cast.h"
#include "op/broadcast.h"
#include "op/families.h"
#include "op/parallel.h"

#include <math.h>

enum { BLOCK = 256, GRAIN = 1024 };

/* By impl->detail. */
static double (*const unary[])(double) = {special_digamma, special_erfinv,      special_ndtri,       special_i0,
                                          special_i0e,     special_i1,          special_i1e,         special_k0,
                                          special_k0e,     special_k1,          special_k1e,         special_j0,
                                          special_j1,      special_y0,          special_y1,          special_dawsn,
                                          special_expint,  special_fresnel_cos, special_fresnel_sin, special_spence};
enum {
    DIGAMMA,
    ERFINV,
    NDTRI,
    I0,
    I0E,
    I1,
    I1E,
    K0,
    K0E,
    K1,
    K1E,
    J0,
    J1,
    Y0,
    Y1,
    DAWSN,
    EXPINT,
    FRESNEL_COS,
    FRESNEL_SIN,
    SPENCE
};

static double (*const binary[])(double, double) = {special_igamma, special_igammac, special_polygamma, special_zeta};
enum { IGAMMA, IGAMMAC, POLYGAMMA, ZETA };

static bool is_float(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 || t == INLAY_BFLOAT16;
}

typedef struct unary_work {
    double (*f)(double);
    const tensor *in;
    tensor *out;
} unary_work;

static void unary_part(void *ctx, int64_t first, int64_t n) {
    const unary_work *w = ctx;
    size_t width = dtype_size(w->in->type);
    double wide[BLOCK];
    for (int64_t done = 0; done < n; done += BLOCK) {
        size_t part = n - done < BLOCK ? (size_t)(n - done) : BLOCK, at = (size_t)(first + done) * width;
        cast_run(wide, INLAY_FLOAT64, w->in->data + at, w->in->type, part);
        for (size_t i = 0; i < part; i++) wide[i] = w->f(wide[i]);
        cast_run(w->out->data + at, w->in->type, wide, INLAY_FLOAT64, part);
    }
}

static inlay_status unary_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0], *out;
    if (!is_float(in->type)) return op_unsupported(c, in->type, err);
    TRY(op_output_over(c, 0, 0, &in->dims, &out, err));
    unary_work w = {unary[c->node->impl->detail], in, out};
    op_parallel(in->count, GRAIN, unary_part, &w);
    return INLAY_OK;
}

/* ---- two and three arguments, broadcast */

static double value_of(const tensor *t, int64_t i) {
    double out = 0;
    cast_run(&out, INLAY_FLOAT64, t->data + (size_t)i * dtype_size(t->type), t->type, 1);
    return out;
}

typedef struct many_work {
    tensor *const *in;
    tensor *out;
    int n, detail;
    const broadcast *together;
} many_work;

static void many_inner(void *ctx, int64_t out, const int64_t *offsets) {
    const many_work *w = ctx;
    int last = w->together->rank - 1;
    size_t width = dtype_size(w->out->type);
    for (int64_t i = 0; i < w->together->dims[last]; i++) {
        double x[3], made;
        for (int k = 0; k < w->n; k++) x[k] = value_of(w->in[k], offsets[k] + i * w->together->steps[k][last]);
        made = w->n == 3 ? special_betainc(x[0], x[1], x[2]) : binary[w->detail](x[0], x[1]);
        cast_run(w->out->data + (size_t)(out + i) * width, w->out->type, &made, INLAY_FLOAT64, 1);
    }
}

static inlay_status many_run(op_call *c, inlay_error *err) {
    const shape *dims[3];
    broadcast together;
    many_work w = {.in = c->in, .n = c->node->in.count, .detail = c->node->impl->detail, .together = &together};
    for (int i = 0; i < w.n; i++) {
        if (!is_float(c->in[i]->type) || c->in[i]->type != c->in[0]->type)
            return op_unsupported(c, c->in[i]->type, err);
        dims[i] = &c->in[i]->dims;
    }
    for (int i = 1; w.n == 3 && i < 3; i++) /* Betainc stretches scalars only */
        for (int k = 0; k < i; k++)
            if (dims[i]->rank && dims[k]->rank && !shape_equal(dims[i], dims[k]))
                return fail(err, INLAY_INVALID_ARGUMENT, "shapes of a, b and x differ");
    TRY(broadcast_make(dims, w.n, &together, err));
    TRY(op_output(c, 0, &together.out, &w.out, err));
    broadcast_walk(&together, w.n, many_inner, &w);
    return INLAY_OK;
}

/* ---- NextAfter */

typedef struct next_work {
    const tensor *in[2];
    tensor *out;
    const broadcast *together;
} next_work;

static void next_inner(void *ctx, int64_t out, const int64_t *offsets) {
    const next_work *w = ctx;
    int last = w->together->rank - 1;
    for (int64_t i = 0; i < w->together->dims[last]; i++) {
        int64_t a = offsets[0] + i * w->together->steps[0][last], b = offsets[1] + i * w->together->steps[1][last];
        if (w->out->type == INLAY_FLOAT32) {
            tensor_f32(w->out)[out + i] = nextafterf(tensor_f32(w->in[0])[a], tensor_f32(w->in[1])[b]);
        } else {
            double made = nextafter(value_of(w->in[0], a), value_of(w->in[1], b));
            memcpy(w->out->data + (size_t)(out + i) * 8, &made, 8);
        }
    }
}

static inlay_status next_run(op_call *c, inlay_error *err) {
    broadcast together;
    next_work w = {{c->in[0], c->in[1]}, NULL, &together};
    dtype t = c->in[0]->type;
    if ((t != INLAY_FLOAT32 && t != INLAY_FLOAT64) || c->in[1]->type != t) return op_unsupported(c, t, err);
    TRY(broadcast_make((const shape *[]){&w.in[0]->dims, &w.in[1]->dims}, 2, &together, err));
    TRY(op_output(c, 0, &together.out, &w.out, err));
    broadcast_walk(&together, 2, next_inner, &w);
    return INLAY_OK;
}

/* ---- ApproximateEqual, PopulationCount */

static inlay_status close_run(op_call *c, inlay_error *err) {
    const tensor *a = c->in[0], *b = c->in[1];
    float tolerance;
    tensor *out;
    TRY(attr_float(&c->node->attributes, "tolerance", &tolerance, err));
    if (!is_float(a->type) && !dtype_is_integer(a->type)) return op_unsupported(c, a->type, err);
    if (!shape_equal(&a->dims, &b->dims) || a->type != b->type)
        return fail(err, INLAY_INVALID_ARGUMENT, "x and y must be of the same shape");
    TRY(op_output(c, 0, &a->dims, &out, err));
    for (int64_t i = 0; i < a->count; i++) {
        double apart = fabs(value_of(a, i) - value_of(b, i));
        if (a->type == INLAY_FLOAT32) apart = (double)fabsf(tensor_f32(a)[i] - tensor_f32(b)[i]);
        out->data[i] = apart < (double)tolerance;
    }
    return INLAY_OK;
}

static inlay_status population_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    size_t width = dtype_size(in->type);
    tensor *out;
    if (!dtype_is_integer(in->type)) return op_unsupported(c, in->type, err);
    TRY(op_output(c, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        uint64_t bits = 0;
        memcpy(&bits, in->data + (size_t)i * width, width);
        out->data[i] = (uint8_t)__builtin_popcountll(bits);
    }
    return INLAY_OK;
}

#define UNARY(op, what) \
    { op, .run = unary_run, .detail = what }
#define MANY(op, what) \
    { op, .run = many_run, .detail = what }
const op_impl special_impls[] = {
    UNARY("Digamma", DIGAMMA),
    UNARY("Erfinv", ERFINV),
    UNARY("Ndtri", NDTRI),
    UNARY("BesselI0", I0),
    UNARY("BesselI0e", I0E),
    UNARY("BesselI1", I1),
    UNARY("BesselI1e", I1E),
    UNARY("BesselK0", K0),
    UNARY("BesselK0e", K0E),
    UNARY("BesselK1", K1),
    UNARY("BesselK1e", K1E),
    UNARY("BesselJ0", J0),
    UNARY("BesselJ1", J1),
    UNARY("BesselY0", Y0),
    UNARY("BesselY1", Y1),
    UNARY("Dawsn", DAWSN),
    UNARY("Expint", EXPINT),
    UNARY("FresnelCos", FRESNEL_COS),
    UNARY("FresnelSin", FRESNEL_SIN),
    UNARY("Spence", SPENCE),
    MANY("Igamma", IGAMMA),
    MANY("Igammac", IGAMMAC),
    MANY("Polygamma", POLYGAMMA),
    MANY("Zeta", ZETA),
    MANY("Betainc", 0),
    {"NextAfter", .run = next_run},
    {"ApproximateEqual", .run = close_run},
    {"PopulationCount", .run = population_run},
};
OP_FAMILY_END(special);

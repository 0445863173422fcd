/* Functions of one element. */
#include "kernel/eltwise/eltwise.h"
#include "op/families.h"
#include "op/parallel.h"

enum { GRAIN = 16384 };

typedef struct unary_work {
    unary_fn fn;
    const tensor *in;
    tensor *out;
    double parameter;
} unary_work;

static void run_part(void *ctx, int64_t first, int64_t n) {
    const unary_work *w = ctx;
    w->fn(w->out->data + (size_t)first * dtype_size(w->out->type),
          w->in->data + (size_t)first * dtype_size(w->in->type), (size_t)n, w->parameter);
}

static inlay_status apply(op_call *c, double parameter, inlay_error *err) {
    tensor *in = c->in[0], *out;
    unary_fn fn = eltwise_unary((unary_op)c->node->impl->detail, in->type);
    if (!fn) return op_unsupported(c, in->type, err);
    TRY(op_output_over(c, 0, 0, &in->dims, &out, err));
    unary_work w = {fn, in, out, parameter};
    op_parallel(in->count, GRAIN, run_part, &w);
    return INLAY_OK;
}

static inlay_status unary_run(op_call *c, inlay_error *err) {
    return apply(c, 0, err);
}

static inlay_status leaky_run(op_call *c, inlay_error *err) {
    float alpha;
    TRY(attr_float(&c->node->attributes, "alpha", &alpha, err));
    return apply(c, (double)alpha, err);
}

#define UNARY(op, what) \
    { op, .run = unary_run, .detail = what }
const op_impl unary_impls[] = {
    UNARY("Neg", UNARY_NEG),
    UNARY("Abs", UNARY_ABS),
    UNARY("Sign", UNARY_SIGN),
    UNARY("Square", UNARY_SQUARE),
    UNARY("Sqrt", UNARY_SQRT),
    UNARY("Rsqrt", UNARY_RSQRT),
    UNARY("Reciprocal", UNARY_RECIPROCAL),
    UNARY("Inv", UNARY_RECIPROCAL),
    UNARY("Exp", UNARY_EXP),
    UNARY("Expm1", UNARY_EXPM1),
    UNARY("Log", UNARY_LOG),
    UNARY("Log1p", UNARY_LOG1P),
    UNARY("Tanh", UNARY_TANH),
    UNARY("Sigmoid", UNARY_SIGMOID),
    UNARY("Erf", UNARY_ERF),
    UNARY("Erfc", UNARY_ERFC),
    UNARY("Floor", UNARY_FLOOR),
    UNARY("Ceil", UNARY_CEIL),
    UNARY("Round", UNARY_RINT),
    UNARY("Rint", UNARY_RINT),
    UNARY("Sin", UNARY_SIN),
    UNARY("Cos", UNARY_COS),
    UNARY("Tan", UNARY_TAN),
    UNARY("Asin", UNARY_ASIN),
    UNARY("Acos", UNARY_ACOS),
    UNARY("Atan", UNARY_ATAN),
    UNARY("Sinh", UNARY_SINH),
    UNARY("Cosh", UNARY_COSH),
    UNARY("Asinh", UNARY_ASINH),
    UNARY("Acosh", UNARY_ACOSH),
    UNARY("Atanh", UNARY_ATANH),
    UNARY("Lgamma", UNARY_LGAMMA),
    UNARY("IsNan", UNARY_IS_NAN),
    UNARY("IsInf", UNARY_IS_INF),
    UNARY("IsFinite", UNARY_IS_FINITE),
    UNARY("LogicalNot", UNARY_NOT),
    UNARY("Invert", UNARY_INVERT),
    UNARY("Relu", UNARY_RELU),
    UNARY("Relu6", UNARY_RELU6),
    UNARY("Elu", UNARY_ELU),
    UNARY("Selu", UNARY_SELU),
    UNARY("Softplus", UNARY_SOFTPLUS),
    UNARY("Softsign", UNARY_SOFTSIGN),
    {"LeakyRelu", .run = leaky_run, .detail = UNARY_LEAKY_RELU},
};
OP_FAMILY_END(unary);

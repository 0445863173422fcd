/* Functions of two elements, broadcast. */
#include "kernel/eltwise/eltwise.h"
#include "op/broadcast.h"
#include "op/families.h"
#include "op/parallel.h"

enum { GRAIN = 16384 };

typedef struct binary_work {
    binary_fn fn;
    const uint8_t *a, *b;
    uint8_t *out;
    size_t in_size, out_size, step_a, step_b;
    int64_t inner;
    _Atomic bool bad;
} binary_work;

static void run_at(binary_work *w, int64_t out, int64_t a, int64_t b, int64_t n) {
    if (!w->fn(w->out + (size_t)out * w->out_size, w->a + (size_t)a * w->in_size, w->b + (size_t)b * w->in_size,
               (size_t)n, w->step_a, w->step_b))
        w->bad = true;
}

static void run_inner(void *ctx, int64_t out, const int64_t *offsets) {
    binary_work *w = ctx;
    run_at(w, out, offsets[0], offsets[1], w->inner);
}

static void run_part(void *ctx, int64_t first, int64_t n) {
    binary_work *w = ctx;
    run_at(w, first, w->step_a ? first : 0, w->step_b ? first : 0, n);
}

/* The output: over an input that has its shape and may be overwritten. */
static inlay_status make_output(op_call *c, const shape *dims, tensor **out, inlay_error *err) {
    int over = shape_equal(&c->in[0]->dims, dims) && tensor_is_writable(c->in[0]) ? 0 : 1;
    return op_output_over(c, 0, over, dims, out, err);
}

static const char *complaint(binary_op op) {
    return op == BINARY_POW ? "an integer to a negative power" : "integer division by zero";
}

static inlay_status apply(op_call *c, inlay_error *err) {
    tensor *a = c->in[0], *b = c->in[1], *out;
    binary_op op = (binary_op)c->node->impl->detail;
    binary_work w = {.fn = eltwise_binary(op, a->type), .a = a->data, .b = b->data, .in_size = dtype_size(a->type)};
    if (!w.fn) return op_unsupported(c, a->type, err);
    if (a->type != b->type)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s and %s", dtype_name(a->type), dtype_name(b->type));
    broadcast together;
    TRY(broadcast_make((const shape *[]){&a->dims, &b->dims}, 2, &together, err));
    TRY(make_output(c, &together.out, &out, err));
    int last = together.rank - 1;
    w.out = out->data;
    w.out_size = dtype_size(out->type);
    w.step_a = (size_t)together.steps[0][last];
    w.step_b = (size_t)together.steps[1][last];
    w.inner = together.dims[last];
    if (together.rank == 1)
        op_parallel(out->count, GRAIN, run_part, &w);
    else
        broadcast_walk(&together, 2, run_inner, &w);
    return w.bad ? fail(err, INLAY_INVALID_ARGUMENT, "%s", complaint(op)) : INLAY_OK;
}

/* ---- strings have equality, addition and nothing else */

typedef struct text_work {
    const tensor *a, *b;
    tensor *out;
    const broadcast *together;
    bool wanted;
} text_work;

static void compare_text(void *ctx, int64_t out, const int64_t *offsets) {
    const text_work *w = ctx;
    int last = w->together->rank - 1;
    int64_t a = offsets[0], b = offsets[1];
    for (int64_t i = 0; i < w->together->dims[last]; i++) {
        bool same = bytes_equal(tensor_string(w->a, a), tensor_string(w->b, b));
        w->out->data[out + i] = same == w->wanted;
        a += w->together->steps[0][last];
        b += w->together->steps[1][last];
    }
}

static inlay_status equal_text(op_call *c, inlay_error *err) {
    broadcast together;
    TRY(broadcast_make((const shape *[]){&c->in[0]->dims, &c->in[1]->dims}, 2, &together, err));
    text_work w = {c->in[0], c->in[1], NULL, &together, c->node->impl->detail == BINARY_EQUAL};
    TRY(op_output(c, 0, &together.out, &w.out, err));
    broadcast_walk(&together, 2, compare_text, &w);
    return INLAY_OK;
}

typedef struct text_sum {
    const tensor *a, *b;
    const broadcast *together;
    string_builder made;
    buffer room;
    inlay_status status;
    inlay_error *err;
} text_sum;

/* Elements come in the order of the output. */
static void join_text(void *ctx, int64_t out, const int64_t *offsets) {
    (void)out;
    text_sum *w = ctx;
    int last = w->together->rank - 1;
    for (int64_t i = 0; w->status == INLAY_OK && i < w->together->dims[last]; i++) {
        buffer_clear(&w->room);
        buffer_append_bytes(&w->room, tensor_string(w->a, offsets[0] + i * w->together->steps[0][last]));
        buffer_append_bytes(&w->room, tensor_string(w->b, offsets[1] + i * w->together->steps[1][last]));
        w->status = buffer_check(&w->room, w->err);
        if (w->status == INLAY_OK) w->status = string_builder_add(&w->made, buffer_bytes(&w->room), w->err);
    }
}

static inlay_status add_text(op_call *c, inlay_error *err) {
    broadcast together;
    TRY(broadcast_make((const shape *[]){&c->in[0]->dims, &c->in[1]->dims}, 2, &together, err));
    text_sum w = {.a = c->in[0], .b = c->in[1], .together = &together, .err = err};
    TRY(string_builder_init(&w.made, &together.out, c->budget, err));
    broadcast_walk(&together, 2, join_text, &w);
    buffer_free(&w.room);
    if (w.status != INLAY_OK) {
        string_builder_free(&w.made);
        return w.status;
    }
    tensor *sum;
    TRY(string_builder_finish(&w.made, &sum, err));
    op_give(c, 0, sum);
    return INLAY_OK;
}

static inlay_status binary_run(op_call *c, inlay_error *err) {
    bool text = c->in[0]->type == INLAY_STRING && c->node->impl->detail == BINARY_ADD;
    return text ? add_text(c, err) : apply(c, err);
}

/* Equal and NotEqual. Shapes that do not go together differ, when the model allows that. */
static inlay_status equal_run(op_call *c, inlay_error *err) {
    bool strict;
    broadcast together;
    TRY(attr_bool(&c->node->attributes, "incompatible_shape_error", &strict, err));
    if (!strict &&
        broadcast_make((const shape *[]){&c->in[0]->dims, &c->in[1]->dims}, 2, &together, NULL) != INLAY_OK) {
        tensor *out;
        shape scalar = shape_scalar();
        TRY(op_output(c, 0, &scalar, &out, err));
        out->data[0] = c->node->impl->detail == BINARY_NOT_EQUAL;
        return INLAY_OK;
    }
    return c->in[0]->type == INLAY_STRING ? equal_text(c, err) : apply(c, err);
}

#define BINARY(op, what) \
    { op, .run = binary_run, .detail = what }
const op_impl binary_impls[] = {
    BINARY("Add", BINARY_ADD),
    BINARY("AddV2", BINARY_ADD),
    BINARY("Sub", BINARY_SUB),
    BINARY("Mul", BINARY_MUL),
    BINARY("MulNoNan", BINARY_MUL_NO_NAN),
    BINARY("RealDiv", BINARY_DIV),
    BINARY("Div", BINARY_DIV),
    BINARY("DivNoNan", BINARY_DIV_NO_NAN),
    BINARY("TruncateDiv", BINARY_DIV),
    BINARY("FloorDiv", BINARY_FLOOR_DIV),
    BINARY("FloorMod", BINARY_FLOOR_MOD),
    BINARY("Mod", BINARY_TRUNCATE_MOD),
    BINARY("TruncateMod", BINARY_TRUNCATE_MOD),
    BINARY("Maximum", BINARY_MAXIMUM),
    BINARY("Minimum", BINARY_MINIMUM),
    BINARY("Pow", BINARY_POW),
    BINARY("SquaredDifference", BINARY_SQUARED_DIFFERENCE),
    BINARY("Atan2", BINARY_ATAN2),
    BINARY("Xdivy", BINARY_XDIVY),
    BINARY("Xlogy", BINARY_XLOGY),
    BINARY("Xlog1py", BINARY_XLOG1PY),
    BINARY("BitwiseAnd", BINARY_BIT_AND),
    BINARY("BitwiseOr", BINARY_BIT_OR),
    BINARY("BitwiseXor", BINARY_BIT_XOR),
    BINARY("LeftShift", BINARY_SHIFT_LEFT),
    BINARY("RightShift", BINARY_SHIFT_RIGHT),
    BINARY("LogicalAnd", BINARY_BIT_AND),
    BINARY("LogicalOr", BINARY_BIT_OR),
    BINARY("Less", BINARY_LESS),
    BINARY("LessEqual", BINARY_LESS_EQUAL),
    BINARY("Greater", BINARY_GREATER),
    BINARY("GreaterEqual", BINARY_GREATER_EQUAL),
    {"Equal", .run = equal_run, .detail = BINARY_EQUAL},
    {"NotEqual", .run = equal_run, .detail = BINARY_NOT_EQUAL},
};
OP_FAMILY_END(binary);

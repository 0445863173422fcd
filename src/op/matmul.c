/* Matrix products, and cross products of vectors. */
#include "kernel/eltwise/eltwise.h"
#include "kernel/gemm/gemm.h"
#include "op/broadcast.h"
#include "op/families.h"

/* Whether the inputs are transposed, by the attributes' names of each op. */
enum { MATMUL, BATCHED };

static inlay_status transposed(const op_call *c, bool *a, bool *b, inlay_error *err) {
    bool batched = c->node->impl->detail == BATCHED;
    TRY(attr_bool(&c->node->attributes, batched ? "adj_x" : "transpose_a", a, err));
    return attr_bool(&c->node->attributes, batched ? "adj_y" : "transpose_b", b, err);
}

/* Rows and columns of T's last two dims, as the product sees them. */
static void sizes(const tensor *t, bool flip, int64_t *rows, int64_t *columns) {
    const int64_t *last = t->dims.dims + t->dims.rank - 2;
    *rows = last[flip];
    *columns = last[!flip];
}

/* Which matrix of each input every product of a batch takes. */
typedef struct batch_index {
    int64_t *a, *b;
    const broadcast *together;
} batch_index;

static void note_batch(void *ctx, int64_t out, const int64_t *offsets) {
    const batch_index *x = ctx;
    int last = x->together->rank - 1;
    for (int64_t i = 0; i < x->together->dims[last]; i++) {
        x->a[out + i] = offsets[0] + i * x->together->steps[0][last];
        x->b[out + i] = offsets[1] + i * x->together->steps[1][last];
    }
}

static inlay_status multiply(op_call *c, gemm_call *g, const broadcast *together, tensor *out, inlay_error *err) {
    g->c = out->data;
    if (out->count == 0) return INLAY_OK;
    if (g->k == 0) {
        memset(out->data, 0, (size_t)out->size);
        return INLAY_OK;
    }
    if (g->batch == 1) return gemm_run(g, err);
    batch_index x = {mem_array((size_t)g->batch, 8), mem_array((size_t)g->batch, 8), together};
    inlay_status status = x.a && x.b ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK) {
        broadcast_walk(together, 2, note_batch, &x);
        g->a_index = x.a;
        g->b_index = x.b;
        status = gemm_run(g, err);
    }
    mem_free(x.a);
    mem_free(x.b);
    (void)c;
    return status;
}

/* T, or for complex numbers a copy with each one's conjugate; *out is held. */
static inlay_status conjugate(op_call *c, tensor *t, tensor **out, inlay_error *err) {
    bool narrow = t->type == INLAY_COMPLEX64;
    if (!narrow && t->type != INLAY_COMPLEX128) {
        *out = tensor_retain(t);
        return INLAY_OK;
    }
    TRY(tensor_copy(t, c->budget, out, err));
    float *parts = tensor_f32(*out);
    double *wide = (double *)(void *)(*out)->data;
    for (int64_t i = 1; i < 2 * t->count; i += 2)
        if (narrow)
            parts[i] = -parts[i];
        else
            wide[i] = -wide[i];
    return INLAY_OK;
}

/* adj_x and adj_y mean the adjoint, which only for complex numbers is not the transpose. */
static inlay_status multiply_adjoint(op_call *c, gemm_call *g, const broadcast *together, tensor *out,
                                     inlay_error *err) {
    tensor *in[2] = {NULL, NULL};
    const bool flip[2] = {g->trans_a, g->trans_b};
    inlay_status status = INLAY_OK;
    for (int i = 0; i < 2 && status == INLAY_OK; i++) {
        if (flip[i])
            status = conjugate(c, c->in[i], &in[i], err);
        else
            in[i] = tensor_retain(c->in[i]);
    }
    if (status == INLAY_OK) {
        g->a = in[0]->data;
        g->b = in[1]->data;
        status = multiply(c, g, together, out, err);
    }
    tensor_release(in[0]);
    tensor_release(in[1]);
    return status;
}

static inlay_status matmul_run(op_call *c, inlay_error *err) {
    const tensor *a = c->in[0], *b = c->in[1];
    char at[SHAPE_TEXT], bt[SHAPE_TEXT];
    gemm_call g = {.type = a->type, .a = a->data, .b = b->data};
    TRY(transposed(c, &g.trans_a, &g.trans_b, err));
    bool exact = c->node->impl->detail == MATMUL;
    if (a->dims.rank < 2 || b->dims.rank < 2 || (exact && (a->dims.rank != 2 || b->dims.rank != 2)))
        return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s are no matrices", shape_text(&a->dims, at),
                    shape_text(&b->dims, bt));
    int64_t other;
    sizes(a, g.trans_a, &g.m, &g.k);
    sizes(b, g.trans_b, &other, &g.n);
    if (other != g.k)
        return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s%s and %s%s do not fit for a product",
                    shape_text(&a->dims, at), g.trans_a ? " transposed" : "", shape_text(&b->dims, bt),
                    g.trans_b ? " transposed" : "");
    if (a->type != b->type || c->node->out.items[0].type != a->type)
        return fail(err, INLAY_UNIMPLEMENTED, "products of %s and %s to %s are not supported", dtype_name(a->type),
                    dtype_name(b->type), dtype_name(c->node->out.items[0].type));
    shape batch_a = a->dims, batch_b = b->dims;
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    broadcast together;
    TRY(broadcast_make((const shape *[]){&batch_a, &batch_b}, 2, &together, err));
    shape dims = together.out;
    if (dims.rank + 2 > INLAY_MAX_RANK || !shape_elements(&dims, &g.batch))
        return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    dims.dims[dims.rank++] = g.m;
    dims.dims[dims.rank++] = g.n;
    tensor *out;
    TRY(op_output(c, 0, &dims, &out, err));
    return exact ? multiply(c, &g, &together, out, err) : multiply_adjoint(c, &g, &together, out, err);
}

/* a × b in the three numbers of the last dimension. */
static inlay_status cross_run(op_call *c, inlay_error *err) {
    const tensor *a = c->in[0], *b = c->in[1];
    char at[SHAPE_TEXT], bt[SHAPE_TEXT];
    binary_fn times = eltwise_binary(BINARY_MUL, a->type), less = eltwise_binary(BINARY_SUB, a->type);
    if (!times || !less) return op_unsupported(c, a->type, err);
    if (!shape_equal(&a->dims, &b->dims) || a->dims.rank < 1 || a->dims.dims[a->dims.rank - 1] != 3)
        return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s are no vectors of 3", shape_text(&a->dims, at),
                    shape_text(&b->dims, bt));
    tensor *out;
    TRY(op_output(c, 0, &a->dims, &out, err));
    size_t width = dtype_size(a->type);
    for (int64_t i = 0; i < a->count; i++) {
        _Alignas(8) uint8_t first[8], second[8];
        size_t start = (size_t)(i / 3 * 3), y = start + (size_t)(i % 3 + 1) % 3, z = start + (size_t)(i % 3 + 2) % 3;
        times(first, a->data + y * width, b->data + z * width, 1, 1, 1);
        times(second, a->data + z * width, b->data + y * width, 1, 1, 1);
        less(out->data + (size_t)i * width, first, second, 1, 1, 1);
    }
    return INLAY_OK;
}

const op_impl matmul_impls[] = {
    {"Cross", .run = cross_run},
    {"MatMul", .run = matmul_run, .detail = MATMUL, .flags = OP_ANY_ALIGNMENT},
    {"BatchMatMul", .run = matmul_run, .detail = BATCHED, .flags = OP_ANY_ALIGNMENT},
    {"BatchMatMulV2", .run = matmul_run, .detail = BATCHED, .flags = OP_ANY_ALIGNMENT},
    {"BatchMatMulV3", .run = matmul_run, .detail = BATCHED, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(matmul);

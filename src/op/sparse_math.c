/* Sparse tensors computed with: products, sums, and elements against dense or sparse ones. */
#include "op/families.h"
#include "op/runs.h"
#include "op/sparse.h"

#include "base/num.h"
#include "kernel/sparse/product.h"
#include "kernel/sparse/scalar.h"

/* ---- times a dense matrix */

typedef struct product_state {
    bool adjoint_a, adjoint_b;
} product_state;

static inlay_status product_prepare(op_node *node, op_setting *s, inlay_error *err) {
    product_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    TRY(attr_bool(&node->attributes, "adjoint_a", &state->adjoint_a, err));
    TRY(attr_bool(&node->attributes, "adjoint_b", &state->adjoint_b, err));
    node->state = state;
    return INLAY_OK;
}

/* Rows and inner indices of the entries of A [rows, inner], checked. */
static inlay_status read_entries(const op_call *c, bool adjoint, int64_t rows, int64_t inner, int64_t *m, int64_t *k,
                                 inlay_error *err) {
    const tensor *indices = c->in[0];
    for (int64_t i = 0; i < indices->dims.dims[0]; i++) {
        TRY(tensor_as_int(indices, 2 * i + adjoint, "a_indices", &m[i], err));
        TRY(tensor_as_int(indices, 2 * i + !adjoint, "a_indices", &k[i], err));
        if (k[i] < 0 || k[i] >= inner)
            return fail(err, INLAY_INVALID_ARGUMENT, "k (%lld) from index[%lld,%d] out of bounds (>=%lld)",
                        (long long)k[i], (long long)i, !adjoint, (long long)inner);
        if (m[i] < 0 || m[i] >= rows)
            return fail(err, INLAY_INVALID_ARGUMENT, "m (%lld) from index[%lld,%d] out of bounds (>=%lld)",
                        (long long)m[i], (long long)i, adjoint, (long long)rows);
    }
    return INLAY_OK;
}

static inlay_status product_run(op_call *c, inlay_error *err) {
    const product_state *s = c->node->state;
    const tensor *indices = c->in[0], *values = c->in[1], *b = c->in[3];
    shape dims;
    char text[SHAPE_TEXT];
    if (indices->dims.rank != 2 || values->dims.rank != 1 || c->in[2]->dims.rank != 1 || c->in[2]->count != 2 ||
        b->dims.rank != 2 || indices->dims.dims[1] != 2 || indices->dims.dims[0] != values->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "a must be a sparse matrix and b a dense one, not indices %s",
                    shape_text(&indices->dims, text));
    TRY(op_shape_of(c->in[2], "a_shape", &dims, err));
    int64_t rows = dims.dims[s->adjoint_a], inner = dims.dims[!s->adjoint_a];
    int64_t b_inner = b->dims.dims[s->adjoint_b], columns = b->dims.dims[!s->adjoint_b];
    if (rows < 0 || inner != b_inner)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "Cannot multiply A and B because inner dimension does not match: "
                    "%lld vs. %lld.  Did you forget a transpose?",
                    (long long)inner, (long long)b_inner);
    tensor *out;
    dims = shape_matrix(rows, columns);
    TRY(op_output(c, 0, &dims, &out, err));
    memset(out->data, 0, (size_t)out->count * dtype_size(out->type));
    int64_t *m = mem_array((size_t)values->count, sizeof *m), *k = mem_array((size_t)values->count, sizeof *k);
    inlay_status status = m && k ? read_entries(c, s->adjoint_a, rows, inner, m, k, err) : fail_memory(err);
    sparse_product p = {.values = values->data,
                        .m = m,
                        .k = k,
                        .b = b->data,
                        .out = out->data,
                        .n = values->count,
                        .columns = columns,
                        .b_row = s->adjoint_b ? 1 : columns,
                        .b_column = s->adjoint_b ? b_inner : 1,
                        .conjugate_a = s->adjoint_a,
                        .conjugate_b = s->adjoint_b};
    if (status == INLAY_OK && !sparse_multiply(out->type, &p)) status = op_unsupported(c, out->type, err);
    mem_free(m);
    mem_free(k);
    return status;
}

/* ---- with a dense tensor, broadcast to it */

static inlay_status with_dense_run(op_call *c, inlay_error *err) {
    sparse s;
    const tensor *dense = c->in[3];
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    tensor *out;
    scalar_op op = (scalar_op)c->node->impl->detail;
    scalar_fn *fn = scalar_find(op, c->in[1]->type);
    if (!fn) return op_unsupported(c, c->in[1]->type, err);
    TRY(sparse_read(c, 0, 1, 2, &s, err));
    TRY(sparse_check(&s, err));
    int64_t strides[INLAY_MAX_RANK] = {0}, step = 1;
    bool fits = dense->dims.rank <= s.rank;
    for (int i = s.rank - 1, j = dense->dims.rank - 1; fits && j >= 0; i--, j--) {
        int64_t d = dense->dims.dims[j];
        fits = d == s.dims.dims[i] || (d == 1 && s.dims.dims[i] > 0);
        strides[i] = d == 1 ? 0 : step;
        step *= d;
    }
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "only broadcasting from dense to sparse is supported, not %s to %s",
                    shape_text(&dense->dims, a), shape_text(&s.dims, b));
    TRY(op_output(c, 0, &s.values->dims, &out, err));
    size_t width = dtype_size(out->type);
    for (int64_t i = 0; i < s.n; i++) {
        int64_t at = 0;
        for (int k = 0; k < s.rank; k++) at += sparse_at(&s, i)[k] * strides[k];
        const uint8_t *other = dense->data + (size_t)at * width;
        if (op == SCALAR_DIV && scalar_is_zero(out->type, other))
            return fail(err, INLAY_INVALID_ARGUMENT, "Integer division by zero");
        fn(out->data + (size_t)i * width, s.values->data + (size_t)i * width, other);
    }
    return INLAY_OK;
}

/* A sparse tensor added into a dense one. */
static inlay_status into_dense_run(op_call *c, inlay_error *err) {
    const tensor *indices = c->in[0], *values = c->in[1], *b = c->in[3];
    shape dims;
    tensor *out;
    scalar_fn *fn = scalar_find(SCALAR_ADD, b->type);
    if (!fn) return op_unsupported(c, b->type, err);
    if (indices->dims.rank != 2 || values->dims.rank != 1 || c->in[2]->dims.rank != 1 ||
        indices->dims.dims[0] != values->count || indices->dims.dims[1] != c->in[2]->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "a_indices, a_values and a_shape do not fit each other");
    TRY(op_shape_of(c->in[2], "a_shape", &dims, err));
    if (!shape_equal(&dims, &b->dims)) return fail(err, INLAY_INVALID_ARGUMENT, "a and b differ in shape");
    TRY(op_output(c, 0, &b->dims, &out, err));
    size_t width = dtype_size(out->type);
    memcpy(out->data, b->data, (size_t)b->count * width);
    for (int64_t i = 0; i < values->count; i++) {
        int64_t flat = 0, at = 0;
        for (int k = 0; k < dims.rank; k++) {
            TRY(tensor_as_int(indices, i * dims.rank + k, "a_indices", &at, err));
            if (at < 0 || at >= dims.dims[k])
                return fail(err, INLAY_INVALID_ARGUMENT, "Sparse tensor has some invalid index on dimension %d: %lld",
                            k, (long long)at);
            flat = flat * dims.dims[k] + at;
        }
        uint8_t *to = out->data + (size_t)flat * width;
        fn(to, to, values->data + (size_t)i * width);
    }
    return INLAY_OK;
}

/* ---- two sparse tensors of one shape, entry by entry */

typedef struct pairing {
    sparse a, b;
    int64_t *of_a, *of_b; /* [n] entry, -1: none */
    int64_t n;
} pairing;

/* As if both were in order: what comes first is taken first. */
static inlay_status pair_up(pairing *p, inlay_error *err) {
    int64_t i = 0, j = 0;
    size_t most = (size_t)p->a.n + (size_t)p->b.n;
    p->of_a = mem_array(most, sizeof *p->of_a);
    p->of_b = mem_array(most, sizeof *p->of_b);
    if (!p->of_a || !p->of_b) return fail_memory(err);
    while (i < p->a.n || j < p->b.n) {
        int order = i == p->a.n   ? 1
                    : j == p->b.n ? -1
                                  : sparse_compare(sparse_at(&p->a, i), sparse_at(&p->b, j), p->a.rank);
        p->of_a[p->n] = order <= 0 ? i++ : -1;
        p->of_b[p->n++] = order >= 0 ? j++ : -1;
    }
    return INLAY_OK;
}

static inlay_status read_pair(const op_call *c, pairing *p, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    TRY(sparse_read(c, 0, 1, 2, &p->a, err));
    TRY(sparse_read(c, 3, 4, 5, &p->b, err));
    if (!shape_equal(&p->a.dims, &p->b.dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "operands' shapes do not match: %s and %s", shape_text(&p->a.dims, a),
                    shape_text(&p->b.dims, b));
    return pair_up(p, err);
}

/* Values of all pairs to VALUES; what an operand has not is zero, or with KEEP leaves the other's alone. */
static void combine(const pairing *p, scalar_fn *fn, bool keep, uint8_t *values, size_t width) {
    static const uint8_t zero[16] = {0};
    for (int64_t i = 0; i < p->n; i++) {
        const uint8_t *a = p->of_a[i] < 0 ? zero : p->a.values->data + (size_t)p->of_a[i] * width;
        const uint8_t *b = p->of_b[i] < 0 ? zero : p->b.values->data + (size_t)p->of_b[i] * width;
        uint8_t *to = values + (size_t)i * width;
        if (keep && (p->of_a[i] < 0 || p->of_b[i] < 0))
            memcpy(to, p->of_a[i] < 0 ? b : a, width);
        else
            fn(to, a, b);
    }
}

/* Packs the pairs; sums of two that are less than LEAST in size, or NaN, are left out. */
static void drop_small(pairing *p, dtype t, double least, uint8_t *values) {
    int64_t kept = 0;
    size_t width = dtype_size(t);
    for (int64_t i = 0; i < p->n; i++) {
        bool sum = p->of_a[i] >= 0 && p->of_b[i] >= 0;
        if (sum && !(least <= scalar_size(t, values + (size_t)i * width))) continue;
        p->of_a[kept] = p->of_a[i];
        p->of_b[kept] = p->of_b[i];
        memmove(values + (size_t)kept++ * width, values + (size_t)i * width, width);
    }
    p->n = kept;
}

static inlay_status give_pairs(op_call *c, const pairing *p, const uint8_t *values, inlay_error *err) {
    shape dims = shape_vector(p->n);
    int64_t *out;
    tensor *t;
    TRY(sparse_put_indices(c, 0, p->n, p->a.rank, &out, err));
    TRY(op_output(c, 1, &dims, &t, err));
    memcpy(t->data, values, (size_t)p->n * dtype_size(t->type));
    for (int64_t i = 0; i < p->n; i++)
        memcpy(out + i * p->a.rank, p->of_a[i] >= 0 ? sparse_at(&p->a, p->of_a[i]) : sparse_at(&p->b, p->of_b[i]),
               (size_t)p->a.rank * sizeof *out);
    return INLAY_OK;
}

static inlay_status pair_run(op_call *c, inlay_error *err) {
    pairing p = {0};
    dtype t = c->in[1]->type;
    size_t width = dtype_size(t);
    bool adds = c->node->impl->detail == SCALAR_ADD;
    scalar_fn *fn = scalar_find((scalar_op)c->node->impl->detail, t);
    uint8_t *values = NULL;
    if (!fn) return op_unsupported(c, t, err);
    inlay_status status = read_pair(c, &p, err);
    if (status == INLAY_OK && adds && c->in[6]->dims.rank != 0)
        status = fail(err, INLAY_INVALID_ARGUMENT, "the threshold should be a scalar");
    if (status == INLAY_OK && !(values = mem_array((size_t)p.n, width))) status = fail_memory(err);
    if (status == INLAY_OK) {
        combine(&p, fn, adds, values, width);
        if (adds) {
            double least = scalar_size(c->in[6]->type, c->in[6]->data); /* its sign does not matter below zero */
            uint8_t *sign = c->in[6]->data + dtype_size(c->in[6]->type) - 1;
            drop_small(&p, t, *sign & 0x80 ? -least : least, values);
        }
        status = give_pairs(c, &p, values, err);
        if (status == INLAY_OK && adds) status = sparse_put_dims(c, 2, &p.a.dims, err);
    }
    mem_free(values);
    mem_free(p.of_a);
    mem_free(p.of_b);
    return status;
}

const op_impl sparse_math_impls[] = {
    {"SparseTensorDenseMatMul", .run = product_run, .prepare = product_prepare},
    {"SparseDenseCwiseAdd", .run = with_dense_run, .detail = SCALAR_ADD},
    {"SparseDenseCwiseMul", .run = with_dense_run, .detail = SCALAR_MUL},
    {"SparseDenseCwiseDiv", .run = with_dense_run, .detail = SCALAR_DIV},
    {"SparseTensorDenseAdd", .run = into_dense_run},
    {"SparseAdd", .run = pair_run, .detail = SCALAR_ADD},
    {"SparseSparseMaximum", .run = pair_run, .detail = SCALAR_MAX},
    {"SparseSparseMinimum", .run = pair_run, .detail = SCALAR_MIN},
};
OP_FAMILY_END(sparse_math);

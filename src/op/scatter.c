/* Writing rows by number: into variables, and into copies of tensors. */
#include "kernel/eltwise/eltwise.h"
#include "op/families.h"

enum { REPLACE = BINARY_COUNT, KIND_MASK = 127, ND = 128 };
_Static_assert((int)BINARY_COUNT < KIND_MASK, "a kind fits below ND");

/* What is written where. */
typedef struct scatter {
    const tensor *indices, *updates;
    int kind;
    bool nd;           /* the last dimension of indices is a place; else each index is a row */
    binary_fn combine; /* NULL: replace */
} scatter;

static inlay_status fail_shapes(const scatter *s, const tensor *to, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT], c[SHAPE_TEXT];
    return fail(err, INLAY_INVALID_ARGUMENT, "indices of shape %s and updates of shape %s do not fit shape %s",
                shape_text(&s->indices->dims, a), shape_text(&s->updates->dims, b), shape_text(&to->dims, c));
}

/* How many leading dims of TO an index says, how many indices there are, and whether one update is for all. */
static inlay_status check_shapes(const scatter *s, const tensor *to, int *depth, int64_t *n, bool *one,
                                 inlay_error *err) {
    const shape *q = &s->indices->dims, *u = &s->updates->dims;
    int rank = q->rank;
    *depth = 1;
    if (s->nd) {
        if (rank < 1 || q->dims[rank - 1] > to->dims.rank) return fail_shapes(s, to, err);
        *depth = (int)q->dims[--rank];
    }
    if (to->dims.rank < *depth) return fail_shapes(s, to, err);
    *n = op_span(q, 0, rank);
    *one = !s->nd && u->rank == 0;
    if (*one) return INLAY_OK;
    if (u->rank != rank + to->dims.rank - *depth) return fail_shapes(s, to, err);
    for (int i = 0; i < u->rank; i++)
        if (u->dims[i] != (i < rank ? q->dims[i] : to->dims.dims[i - rank + *depth])) return fail_shapes(s, to, err);
    return INLAY_OK;
}

/* The row of TO that index I says, counted in blocks below the first DEPTH dims. */
static inlay_status row_at(const scatter *s, const tensor *to, int64_t i, int depth, int64_t *row, inlay_error *err) {
    *row = 0;
    for (int d = 0; d < depth; d++) {
        int64_t index;
        TRY(tensor_as_int(s->indices, i * depth + d, "indices", &index, err));
        if (index < 0 || index >= to->dims.dims[d])
            return fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld] = %lld is not in [0, %lld)", (long long)i,
                        (long long)index, (long long)to->dims.dims[d]);
        *row = *row * to->dims.dims[d] + index;
    }
    return INLAY_OK;
}

/* All indices are looked at before anything is written. */
static inlay_status scatter_into(void *ctx, tensor *to, inlay_error *err) {
    const scatter *s = ctx;
    int depth = 0;
    int64_t n = 0, row;
    bool one = false;
    TRY(check_shapes(s, to, &depth, &n, &one, err));
    for (int64_t i = 0; i < n; i++) TRY(row_at(s, to, i, depth, &row, err));
    size_t size = dtype_size(to->type);
    int64_t width = op_span(&to->dims, depth, to->dims.rank);
    for (int64_t i = 0; i < n; i++) {
        TRY(row_at(s, to, i, depth, &row, err));
        uint8_t *out = to->data + (size_t)(row * width) * size;
        const uint8_t *from = s->updates->data + (one ? 0 : (size_t)(i * width) * size);
        if (s->combine) {
            if (!s->combine(out, out, from, (size_t)width, 1, one ? 0 : 1))
                return fail(err, INLAY_INVALID_ARGUMENT, "an integer is divided by zero");
        } else if (one) {
            for (int64_t j = 0; j < width; j++) memcpy(out + (size_t)j * size, from, size);
        } else if (width) {
            memcpy(out, from, (size_t)width * size);
        }
    }
    return INLAY_OK;
}

static inlay_status make_scatter(const op_call *c, int indices, int updates, scatter *s, inlay_error *err) {
    *s = (scatter){.indices = c->in[indices],
                   .updates = c->in[updates],
                   .kind = c->node->impl->detail & KIND_MASK,
                   .nd = c->node->impl->detail & ND};
    dtype type = s->updates->type;
    if (s->kind == REPLACE) return dtype_size(type) ? INLAY_OK : op_unsupported(c, type, err);
    s->combine = eltwise_binary((binary_op)s->kind, type);
    return s->combine ? INLAY_OK : op_unsupported(c, type, err);
}

static inlay_status variable_scatter_run(op_call *c, inlay_error *err) {
    variable *v;
    scatter s;
    TRY(variable_of(c->in[0], &v, err));
    TRY(make_scatter(c, 1, 2, &s, err));
    TRY(variable_change(v, s.updates->type, c->budget, scatter_into, &s, err));
    if (c->node->out.count) op_give(c, 0, tensor_retain(c->in[0]));
    return INLAY_OK;
}

static inlay_status tensor_scatter_run(op_call *c, inlay_error *err) {
    scatter s;
    tensor *out;
    TRY(make_scatter(c, 1, 2, &s, err));
    TRY(op_output_over(c, 0, 0, &c->in[0]->dims, &out, err));
    if (out->data != c->in[0]->data && out->size) memcpy(out->data, c->in[0]->data, (size_t)out->size);
    return scatter_into(&s, out, err);
}

static inlay_status scatter_nd_run(op_call *c, inlay_error *err) {
    scatter s;
    shape dims;
    tensor *out;
    TRY(make_scatter(c, 0, 1, &s, err));
    TRY(op_shape_of(c->in[2], "shape", &dims, err));
    TRY(op_output(c, 0, &dims, &out, err));
    memset(out->data, 0, (size_t)out->size);
    return scatter_into(&s, out, err);
}

const op_impl scatter_impls[] = {
    {"ScatterUpdate", .run = variable_scatter_run, .detail = REPLACE},
    {"ScatterAdd", .run = variable_scatter_run, .detail = BINARY_ADD},
    {"ScatterSub", .run = variable_scatter_run, .detail = BINARY_SUB},
    {"ScatterMul", .run = variable_scatter_run, .detail = BINARY_MUL},
    {"ScatterDiv", .run = variable_scatter_run, .detail = BINARY_DIV},
    {"ScatterMin", .run = variable_scatter_run, .detail = BINARY_MINIMUM},
    {"ScatterMax", .run = variable_scatter_run, .detail = BINARY_MAXIMUM},
    {"ResourceScatterUpdate", .run = variable_scatter_run, .detail = REPLACE},
    {"ResourceScatterAdd", .run = variable_scatter_run, .detail = BINARY_ADD},
    {"ResourceScatterSub", .run = variable_scatter_run, .detail = BINARY_SUB},
    {"ResourceScatterMul", .run = variable_scatter_run, .detail = BINARY_MUL},
    {"ResourceScatterDiv", .run = variable_scatter_run, .detail = BINARY_DIV},
    {"ResourceScatterMin", .run = variable_scatter_run, .detail = BINARY_MINIMUM},
    {"ResourceScatterMax", .run = variable_scatter_run, .detail = BINARY_MAXIMUM},
    {"ScatterNdUpdate", .run = variable_scatter_run, .detail = ND | REPLACE},
    {"ResourceScatterNdUpdate", .run = variable_scatter_run, .detail = ND | REPLACE},
    {"TensorScatterUpdate", .run = tensor_scatter_run, .detail = ND | REPLACE},
    {"ScatterNdAdd", .run = variable_scatter_run, .detail = ND | BINARY_ADD},
    {"ResourceScatterNdAdd", .run = variable_scatter_run, .detail = ND | BINARY_ADD},
    {"TensorScatterAdd", .run = tensor_scatter_run, .detail = ND | BINARY_ADD},
    {"ScatterNdSub", .run = variable_scatter_run, .detail = ND | BINARY_SUB},
    {"ResourceScatterNdSub", .run = variable_scatter_run, .detail = ND | BINARY_SUB},
    {"TensorScatterSub", .run = tensor_scatter_run, .detail = ND | BINARY_SUB},
    {"ScatterNdMin", .run = variable_scatter_run, .detail = ND | BINARY_MINIMUM},
    {"ResourceScatterNdMin", .run = variable_scatter_run, .detail = ND | BINARY_MINIMUM},
    {"TensorScatterMin", .run = tensor_scatter_run, .detail = ND | BINARY_MINIMUM},
    {"ScatterNdMax", .run = variable_scatter_run, .detail = ND | BINARY_MAXIMUM},
    {"ResourceScatterNdMax", .run = variable_scatter_run, .detail = ND | BINARY_MAXIMUM},
    {"TensorScatterMax", .run = tensor_scatter_run, .detail = ND | BINARY_MAXIMUM},
    {"ScatterNdNonAliasingAdd", .run = tensor_scatter_run, .detail = ND | BINARY_ADD},
    {"ScatterNd", .run = scatter_nd_run, .detail = ND | BINARY_ADD},
};
OP_FAMILY_END(scatter);

#include "op/sparse.h"

#include "base/num.h"

#include <stdlib.h>

inlay_status sparse_read(const op_call *c, int indices, int values, int dims, sparse *out, inlay_error *err) {
    const tensor *i = c->in[indices], *v = c->in[values], *d = c->in[dims];
    char text[SHAPE_TEXT];
    if (i->dims.rank != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "indices must be a matrix, not %s", shape_text(&i->dims, text));
    if (v->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "values must be a vector, not %s", shape_text(&v->dims, text));
    if (d->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "the dense shape must be a vector, not %s",
                    shape_text(&d->dims, text));
    if (i->dims.dims[0] != v->count || i->dims.dims[1] != d->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "indices %s do not fit %lld values of rank %lld",
                    shape_text(&i->dims, text), (long long)v->count, (long long)d->count);
    if (d->count > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "a dense shape of rank %lld", (long long)d->count);
    *out = (sparse){.values = v, .indices = tensor_i64(i), .n = v->count, .rank = (int)d->count};
    out->dims.rank = out->rank;
    for (int k = 0; k < out->rank; k++) {
        out->dims.dims[k] = tensor_i64(d)[k];
        if (out->dims.dims[k] < 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "the dense shape has a dimension of %lld",
                        (long long)out->dims.dims[k]);
    }
    return INLAY_OK;
}

inlay_status sparse_check(const sparse *s, inlay_error *err) {
    for (int64_t i = 0; i < s->n; i++)
        for (int k = 0; k < s->rank; k++) {
            int64_t at = sparse_at(s, i)[k];
            if (at < 0 || at >= s->dims.dims[k])
                return fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld, %d] = %lld is not in [0, %lld)", (long long)i,
                            k, (long long)at, (long long)s->dims.dims[k]);
        }
    return INLAY_OK;
}

int sparse_compare(const int64_t *a, const int64_t *b, int rank) {
    for (int k = 0; k < rank; k++)
        if (a[k] != b[k]) return a[k] < b[k] ? -1 : 1;
    return 0;
}

typedef struct sorting {
    const sparse *s;
    const int *axes;
} sorting;

static int compare_entries(const void *a, const void *b, void *ctx) {
    const sorting *o = ctx;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    const int64_t *x = sparse_at(o->s, i), *y = sparse_at(o->s, j);
    for (int k = 0; k < o->s->rank; k++) {
        int axis = o->axes ? o->axes[k] : k;
        if (x[axis] != y[axis]) return x[axis] < y[axis] ? -1 : 1;
    }
    return (i > j) - (i < j);
}

inlay_status sparse_sort(const sparse *s, const int *axes, int64_t *order, inlay_error *err) {
    sorting o = {s, axes};
    bool sorted = true;
    (void)err;
    for (int64_t i = 0; i < s->n; i++) order[i] = i;
    for (int64_t i = 1; i < s->n && sorted; i++) sorted = compare_entries(&order[i - 1], &order[i], &o) < 0;
    if (!sorted) qsort_r(order, (size_t)s->n, sizeof *order, compare_entries, &o);
    return INLAY_OK;
}

inlay_status sparse_put_indices(op_call *c, int i, int64_t n, int rank, int64_t **out, inlay_error *err) {
    shape dims = shape_matrix(n, rank);
    tensor *t;
    TRY(op_output(c, i, &dims, &t, err));
    *out = tensor_i64(t);
    return INLAY_OK;
}

inlay_status sparse_put_dims(op_call *c, int i, const shape *dims, inlay_error *err) {
    shape vector = shape_vector(dims->rank);
    tensor *t;
    TRY(op_output(c, i, &vector, &t, err));
    for (int k = 0; k < dims->rank; k++) tensor_i64(t)[k] = dims->dims[k];
    return INLAY_OK;
}

/* Sparse tensors: made dense, reshaped, put in order, filled where rows are empty. */
#include "op/sparse.h"
#include "op/families.h"
#include "op/runs.h"

#include "base/num.h"

/* ---- to dense */

/* What SparseToDense is given: indices [n, rank], [n] for rank 1, or a scalar for one entry of that. */
typedef struct scatter {
    const tensor *indices, *values;
    int64_t n;
    shape dims;
    bool validate;
} scatter;

static inlay_status read_scatter(const op_call *c, scatter *s, inlay_error *err) {
    const tensor *i = c->in[0], *values = c->in[2];
    char text[SHAPE_TEXT];
    *s = (scatter){.indices = i, .values = values, .n = i->dims.rank ? i->dims.dims[0] : 1};
    TRY(attr_bool(&c->node->attributes, "validate_indices", &s->validate, err));
    if (c->in[1]->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "output_shape must be rank 1, got shape %s",
                    shape_text(&c->in[1]->dims, text));
    TRY(op_shape_of(c->in[1], "output_shape", &s->dims, err));
    int64_t rank = i->dims.rank > 1 ? i->dims.dims[1] : 1, unused;
    if (i->dims.rank > 2 || rank != s->dims.rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "sparse_indices %s do not fit an output of rank %d",
                    shape_text(&i->dims, text), s->dims.rank);
    if (values->dims.rank > 1 || (values->dims.rank == 1 && values->count != s->n))
        return fail(err, INLAY_INVALID_ARGUMENT, "sparse_values has incorrect shape %s, should be [] or [%lld]",
                    shape_text(&values->dims, text), (long long)s->n);
    if (c->in[3]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "default_value should be a scalar.");
    if (!shape_elements(&s->dims, &unused))
        return fail(err, INLAY_INVALID_ARGUMENT, "output_shape is %s", shape_text(&s->dims, text));
    return INLAY_OK;
}

/* Where entry I goes; those of a checked run rise. */
static inlay_status place_of(const scatter *s, int64_t i, int64_t *out, inlay_error *err) {
    *out = 0;
    for (int k = 0; k < s->dims.rank; k++) {
        int64_t at = 0;
        TRY(tensor_as_int(s->indices, i * s->dims.rank + k, "sparse_indices", &at, err));
        if (at < 0 || at >= s->dims.dims[k])
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "indices[%lld] is out of bounds: index %lld of dimension %d is not "
                        "in [0, %lld)",
                        (long long)i, (long long)at, k, (long long)s->dims.dims[k]);
        *out = *out * s->dims.dims[k] + at;
    }
    return INLAY_OK;
}

static inlay_status find_places(const scatter *s, int64_t *places, inlay_error *err) {
    for (int64_t i = 0; i < s->n; i++) {
        TRY(place_of(s, i, &places[i], err));
        if (s->validate && i && places[i] <= places[i - 1])
            return fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld] is %s", (long long)i,
                        places[i] == places[i - 1] ? "repeated" : "out of order");
    }
    return INLAY_OK;
}

/* Strings: which entry each element is (the last that goes there), -1 the default. */
static inlay_status put_texts(op_call *c, const scatter *s, const int64_t *places, inlay_error *err) {
    string_builder b;
    inlay_status status;
    TRY(string_builder_init(&b, &s->dims, c->budget, err));
    int64_t *from = mem_array((size_t)b.count, sizeof *from);
    if (!from) TRY_TO(failed, fail_memory(err));
    for (int64_t e = 0; e < b.count; e++) from[e] = -1;
    for (int64_t i = 0; i < s->n; i++) from[places[i]] = s->values->dims.rank ? i : 0;
    for (int64_t e = 0; e < b.count; e++)
        TRY_TO(failed, string_builder_add(
                           &b, from[e] < 0 ? tensor_string(c->in[3], 0) : tensor_string(s->values, from[e]), err));
    mem_free(from);
    tensor *made;
    TRY(string_builder_finish(&b, &made, err));
    op_give(c, 0, made);
    return INLAY_OK;
failed:
    mem_free(from);
    string_builder_free(&b);
    return status;
}

static inlay_status put_numbers(op_call *c, const scatter *s, const int64_t *places, inlay_error *err) {
    run_writer w;
    int64_t count;
    TRY(runs_begin(&w, c, 0, &s->dims, err));
    shape_elements(&s->dims, &count);
    inlay_status status = runs_repeat(&w, c->in[3], 0, count, err);
    for (int64_t i = 0; i < s->n; i++)
        memcpy(w.out->data + (size_t)places[i] * w.width,
               s->values->data + (size_t)(s->values->dims.rank ? i : 0) * w.width, w.width);
    return runs_end(&w, status, err);
}

static inlay_status to_dense_run(op_call *c, inlay_error *err) {
    scatter s;
    TRY(read_scatter(c, &s, err));
    int64_t *places = mem_array((size_t)s.n, sizeof *places);
    if (!places) return fail_memory(err);
    inlay_status status = find_places(&s, places, err);
    if (status == INLAY_OK)
        status = s.values->type == INLAY_STRING ? put_texts(c, &s, places, err) : put_numbers(c, &s, places, err);
    mem_free(places);
    return status;
}

/* ---- another shape */

/* NEW with its -1 filled in, for ELEMENTS. */
static inlay_status fill_shape(const tensor *wanted, int64_t elements, shape *out, inlay_error *err) {
    int64_t product = 1;
    int open = -1;
    TRY(op_shape_of(wanted, "new_shape", out, err));
    for (int k = 0; k < out->rank; k++) {
        if (out->dims[k] >= 0) {
            if (!mul_i64(product, out->dims[k], &product))
                return fail(err, INLAY_INVALID_ARGUMENT, "new_shape has too many elements");
            continue;
        }
        if (open >= 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "only one output dimension may be -1, not both %d and %d", open,
                        k);
        open = k;
    }
    if (open >= 0 && product == 0)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "reshape cannot infer the missing input size for an empty tensor "
                    "unless all specified input sizes are non-zero");
    if (open >= 0) out->dims[open] = elements / product;
    if (open >= 0) product *= out->dims[open];
    if (product != elements)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "Input to reshape is a tensor with %lld dense values, but the "
                    "requested shape has %lld",
                    (long long)elements, (long long)product);
    return INLAY_OK;
}

static inlay_status reshape_run(op_call *c, inlay_error *err) {
    const tensor *indices = c->in[0], *given = c->in[1];
    shape from, to;
    int64_t elements, *out;
    if (indices->dims.rank != 2 || given->dims.rank != 1 || c->in[2]->dims.rank != 1 ||
        indices->dims.dims[1] != given->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "the indices must be a matrix, the shapes vectors that fit it");
    TRY(op_shape_of(given, "input_shape", &from, err));
    if (!shape_elements(&from, &elements))
        return fail(err, INLAY_INVALID_ARGUMENT, "input_shape is negative, or too large");
    TRY(fill_shape(c->in[2], elements, &to, err));
    TRY(sparse_put_dims(c, 1, &to, err));
    TRY(sparse_put_indices(c, 0, indices->dims.dims[0], to.rank, &out, err));
    sparse s = {.indices = tensor_i64(indices), .n = indices->dims.dims[0], .rank = from.rank, .dims = from};
    TRY(sparse_check(&s, err));
    for (int64_t i = 0; i < s.n; i++) {
        int64_t flat = 0;
        for (int k = 0; k < from.rank; k++) flat = flat * from.dims[k] + sparse_at(&s, i)[k];
        for (int k = to.rank - 1; k >= 0; k--) {
            out[i * to.rank + k] = flat % to.dims[k];
            flat /= to.dims[k];
        }
    }
    return INLAY_OK;
}

/* ---- order */

static inlay_status reorder_run(op_call *c, inlay_error *err) {
    sparse s;
    int64_t *out;
    run_writer w;
    TRY(sparse_read(c, 0, 1, 2, &s, err));
    TRY(sparse_put_indices(c, 0, s.n, s.rank, &out, err));
    int64_t *order = mem_array((size_t)s.n, sizeof *order);
    if (!order) return fail_memory(err);
    inlay_status status = sparse_sort(&s, NULL, order, err);
    for (int64_t i = 0; i < s.n; i++) memcpy(out + i * s.rank, sparse_at(&s, order[i]), (size_t)s.rank * sizeof *out);
    if (status == INLAY_OK) status = runs_begin(&w, c, 1, &s.values->dims, err);
    if (status == INLAY_OK) {
        for (int64_t i = 0; i < s.n && status == INLAY_OK; i++) status = runs_copy(&w, s.values, order[i], 1, err);
        status = runs_end(&w, status, err);
    }
    mem_free(order);
    return status;
}

/* ---- rows without entries get one */

/* Entries by row, those of a row as they came; rows without one get the default, at [row, 0, ...]. */
typedef struct filling {
    sparse s;
    int64_t rows, *starts; /* [rows + 1] in the output */
    int64_t *from;         /* [count] entry of each output entry; -1: the default */
    int64_t count;
} filling;

static inlay_status count_rows(filling *f, bool *empty, inlay_error *err) {
    for (int64_t i = 0; i < f->s.n; i++) {
        int64_t row = sparse_at(&f->s, i)[0];
        if (row < 0 || row >= f->rows)
            return fail(err, INLAY_INVALID_ARGUMENT, "indices(%lld, 0) is invalid: %lld is not in [0, %lld)",
                        (long long)i, (long long)row, (long long)f->rows);
        f->starts[row + 1]++;
    }
    for (int64_t row = 0; row < f->rows; row++) {
        empty[row] = f->starts[row + 1] == 0;
        f->starts[row + 1] += f->starts[row] + empty[row];
    }
    f->count = f->starts[f->rows];
    return INLAY_OK;
}

/* FROM and, when somebody wants it, where each entry went. */
static void place_entries(filling *f, const bool *empty, int64_t *moved) {
    for (int64_t row = 0; row < f->rows; row++)
        if (empty[row]) f->from[f->starts[row]] = -1;
    for (int64_t i = 0; i < f->s.n; i++) {
        int64_t to = f->starts[sparse_at(&f->s, i)[0]]++;
        f->from[to] = i;
        moved[i] = to;
    }
}

static inlay_status give_filled(op_call *c, const filling *f, const bool *empty, int64_t *out, const tensor *fallback,
                                inlay_error *err) {
    shape dims = shape_vector(f->count);
    run_writer w;
    int64_t row = -1;
    TRY(runs_begin(&w, c, 1, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < f->count && status == INLAY_OK; i++) {
        int64_t *index = out + i * f->s.rank;
        if (f->from[i] >= 0) {
            memcpy(index, sparse_at(&f->s, f->from[i]), (size_t)f->s.rank * sizeof *index);
            status = runs_copy(&w, f->s.values, f->from[i], 1, err);
            continue;
        }
        for (row++; !empty[row]; row++) {}
        memset(index, 0, (size_t)f->s.rank * sizeof *index);
        index[0] = row;
        status = runs_copy(&w, fallback, 0, 1, err);
    }
    return runs_end(&w, status, err);
}

/* Room for N numbers within the budget of the run: what a hostile shape asks for ends there. */
static inlay_status take_room(const op_call *c, int64_t n, tensor **out, inlay_error *err) {
    shape dims = shape_vector(n);
    return tensor_new_zero(INLAY_INT64, &dims, c->budget, out, err);
}

static inlay_status fill_rows(op_call *c, filling *f, bool is_matrix, const tensor *fallback, inlay_error *err) {
    shape rows = shape_vector(f->rows), entries = shape_vector(f->s.n);
    tensor *empty, *moved, *indices, *starts = NULL, *from = NULL;
    if (f->rows == INT64_MAX) return fail_memory(err);
    TRY(op_output(c, 2, &rows, &empty, err));
    TRY(op_output(c, 3, &entries, &moved, err));
    bool *is_empty = (bool *)(void *)empty->data;
    inlay_status status;
    TRY_TO(done, take_room(c, f->rows + 1, &starts, err));
    f->starts = tensor_i64(starts);
    TRY_TO(done, count_rows(f, is_empty, err));
    TRY_TO(done, take_room(c, f->count, &from, err));
    f->from = tensor_i64(from);
    place_entries(f, is_empty, tensor_i64(moved));
    /* without rows TensorFlow gives a matrix in any case */
    shape dims = is_matrix || f->rows == 0 ? shape_matrix(f->count, f->s.rank) : shape_vector(f->count);
    TRY_TO(done, op_output(c, 0, &dims, &indices, err));
    status = give_filled(c, f, is_empty, tensor_i64(indices), fallback, err);
done:
    tensor_release(starts);
    tensor_release(from);
    return status;
}

static inlay_status fill_empty_rows_run(op_call *c, inlay_error *err) {
    filling f = {0};
    if (c->in[3]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "default_value must be a scalar");
    TRY(sparse_read(c, 0, 1, 2, &f.s, err));
    if (f.s.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "Dense shape cannot be empty.");
    f.rows = f.s.dims.dims[0];
    return fill_rows(c, &f, true, c->in[3], err);
}

/* The same for a ragged tensor: rows of values, and how many rows there are. */
static inlay_status ragged_fill_run(op_call *c, inlay_error *err) {
    filling f = {.s = {.values = c->in[1], .indices = tensor_i64(c->in[0]), .n = c->in[1]->count, .rank = 1}};
    if (c->in[0]->dims.rank != 1 || c->in[1]->dims.rank != 1 || c->in[0]->count != c->in[1]->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "value_rowids and values must be vectors of one length");
    if (c->in[2]->dims.rank != 0 || c->in[3]->dims.rank != 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "nrows and default_value must be scalars");
    f.rows = tensor_i64(c->in[2])[0];
    if (f.rows < 0) return fail(err, INLAY_INVALID_ARGUMENT, "nrows is %lld", (long long)f.rows);
    return fill_rows(c, &f, false, c->in[3], err);
}

const op_impl sparse_impls[] = {
    {"SparseToDense", .run = to_dense_run},          {"SparseReshape", .run = reshape_run},
    {"SparseReorder", .run = reorder_run},           {"SparseFillEmptyRows", .run = fill_empty_rows_run},
    {"RaggedFillEmptyRows", .run = ragged_fill_run},
};
OP_FAMILY_END(sparse);

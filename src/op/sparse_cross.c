/* Crosses of features: for each row, every way to take one feature from each column. */
#include "op/families.h"
#include "op/sparse.h"
#include "op/text.h"

#include "base/hash.h"
#include "base/num.h"

/* One input: a sparse column, or a dense matrix. */
typedef struct column {
    const tensor *values;
    tensor *room;    /* of starts */
    int64_t *starts; /* sparse: [rows + 1]; dense: NULL */
    int64_t width;   /* dense */
} column;

typedef struct crossing {
    op_call *c;
    column *columns;
    int n, n_sparse;
    int64_t rows, *at; /* [n] the feature of each column in the cross at hand */
    int64_t total, widest;
} crossing;

enum { HASHED_OR_TEXT, TEXT };

static int64_t count_of(const column *col, int64_t row) {
    return col->starts ? col->starts[row + 1] - col->starts[row] : col->width;
}

static int64_t place_of(const column *col, int64_t row, int64_t at) {
    return col->starts ? col->starts[row] + at : row * col->width + at;
}

/* Rows of a sparse column, whose entries rise by row. */
static inlay_status read_sparse_column(crossing *x, int i, inlay_error *err) {
    sparse s;
    column *col = &x->columns[i];
    TRY(sparse_read(x->c, i, x->n_sparse + i, 2 * x->n_sparse + i, &s, err));
    if (s.rank != 2) return fail(err, INLAY_INVALID_ARGUMENT, "Expected a sparse matrix, got rank %d", s.rank);
    if (i == 0) x->rows = s.dims.dims[0];
    if (s.dims.dims[0] != x->rows)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expected batch size %lld, got %lld", (long long)x->rows,
                    (long long)s.dims.dims[0]);
    col->values = s.values;
    if (x->rows == INT64_MAX) return fail_memory(err);
    shape rows = shape_vector(x->rows + 1);
    TRY(tensor_new_zero(INLAY_INT64, &rows, x->c->budget, &col->room, err));
    col->starts = tensor_i64(col->room);
    for (int64_t e = 0, before = 0; e < s.n; e++) {
        int64_t row = sparse_at(&s, e)[0];
        if (row < before || row >= x->rows)
            return fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld] has row %lld: out of order or out of bounds",
                        (long long)e, (long long)row);
        before = row;
        col->starts[row + 1]++;
    }
    for (int64_t row = 0; row < x->rows; row++) col->starts[row + 1] += col->starts[row];
    return INLAY_OK;
}

static inlay_status read_dense_column(crossing *x, int i, int input, inlay_error *err) {
    const tensor *t = x->c->in[input];
    if (t->dims.rank != 2) return fail(err, INLAY_INVALID_ARGUMENT, "Dense inputs should be matrices");
    if (i == 0) x->rows = t->dims.dims[0];
    if (t->dims.dims[0] != x->rows)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expected batch size %lld, got %lld", (long long)x->rows,
                    (long long)t->dims.dims[0]);
    x->columns[i] = (column){.values = t, .width = t->dims.dims[1]};
    return INLAY_OK;
}

static inlay_status read_columns(crossing *x, int fixed, inlay_error *err) {
    int inputs = x->c->node->in.count - fixed;
    x->n = inputs - 2 * x->n_sparse;
    if (x->n < 1) return fail(err, INLAY_INVALID_ARGUMENT, "there is nothing to cross");
    x->columns = mem_zalloc((size_t)x->n, sizeof *x->columns);
    x->at = mem_zalloc((size_t)x->n, sizeof *x->at);
    if (!x->columns || !x->at) return fail_memory(err);
    for (int i = 0; i < x->n_sparse; i++) TRY(read_sparse_column(x, i, err));
    for (int i = x->n_sparse; i < x->n; i++) TRY(read_dense_column(x, i, 2 * x->n_sparse + i, err));
    for (int64_t row = 0; row < x->rows; row++) {
        int64_t crosses = 1;
        for (int i = 0; i < x->n; i++)
            if (!mul_i64(crosses, count_of(&x->columns[i], row), &crosses)) return fail_memory(err);
        if (__builtin_add_overflow(x->total, crosses, &x->total)) return fail_memory(err);
        x->widest = max_i64(x->widest, crosses);
    }
    return INLAY_OK;
}

/* The next cross of ROW, the last column's feature first; false behind the last. */
static bool next_cross(crossing *x, int64_t row) {
    for (int i = x->n - 1; i >= 0; i--) {
        if (++x->at[i] < count_of(&x->columns[i], row)) return true;
        x->at[i] = 0;
    }
    return false;
}

static bool has_crosses(const crossing *x, int64_t row) {
    for (int i = 0; i < x->n; i++)
        if (count_of(&x->columns[i], row) == 0) return false;
    return true;
}

static inlay_status give_places(crossing *x, inlay_error *err) {
    shape dims = shape_matrix(x->rows, x->widest);
    int64_t *out;
    TRY(sparse_put_dims(x->c, 2, &dims, err));
    TRY(sparse_put_indices(x->c, 0, x->total, 2, &out, err));
    for (int64_t row = 0; row < x->rows; row++) {
        if (!has_crosses(x, row)) continue;
        int64_t at = 0;
        do {
            *out++ = row;
            *out++ = at++;
        } while (next_cross(x, row));
    }
    return INLAY_OK;
}

/* ---- hashed */

static uint64_t feature_hash(const column *col, int64_t place) {
    if (col->values->type == INLAY_STRING) return hash_fingerprint64(tensor_string(col->values, place));
    return load_u64(col->values->data + 8 * place);
}

static inlay_status give_hashes(crossing *x, uint64_t key, int64_t buckets, inlay_error *err) {
    shape dims = shape_vector(x->total);
    tensor *out;
    TRY(op_output(x->c, 1, &dims, &out, err));
    int64_t *to = tensor_i64(out);
    uint64_t modulus = buckets > 0 ? (uint64_t)buckets : INT64_MAX;
    for (int64_t row = 0; row < x->rows; row++) {
        TRY(op_check_stop(x->c, err));
        if (!has_crosses(x, row)) continue;
        do {
            uint64_t hash = key;
            for (int i = 0; i < x->n; i++)
                hash = hash_fingerprint_concat64(hash,
                                                 feature_hash(&x->columns[i], place_of(&x->columns[i], row, x->at[i])));
            *to++ = (int64_t)(hash % modulus);
        } while (next_cross(x, row));
    }
    return INLAY_OK;
}

/* ---- as text */

static void put_feature(const column *col, int64_t place, buffer *to) {
    if (col->values->type == INLAY_STRING)
        buffer_append_bytes(to, tensor_string(col->values, place));
    else
        buffer_format(to, "%lld", (long long)load_u64(col->values->data + 8 * place));
}

static inlay_status give_texts(crossing *x, bytes separator, inlay_error *err) {
    shape dims = shape_vector(x->total);
    string_builder b;
    buffer room = {0};
    inlay_status status;
    TRY(string_builder_init(&b, &dims, x->c->budget, err));
    for (int64_t row = 0; row < x->rows; row++) {
        TRY_TO(failed, op_check_stop(x->c, err));
        if (!has_crosses(x, row)) continue;
        do {
            buffer_clear(&room);
            for (int i = 0; i < x->n; i++) {
                if (i) buffer_append_bytes(&room, separator);
                put_feature(&x->columns[i], place_of(&x->columns[i], row, x->at[i]), &room);
            }
            TRY_TO(failed, buffer_check(&room, err));
            TRY_TO(failed, string_builder_add(&b, buffer_bytes(&room), err));
        } while (next_cross(x, row));
    }
    buffer_free(&room);
    return text_give(x->c, 1, &b, err);
failed:
    string_builder_free(&b);
    buffer_free(&room);
    return status;
}

/* ---- the ops */

static inlay_status cross_v1(crossing *x, inlay_error *err) {
    const attrs *a = &x->c->node->attributes;
    bool hashed;
    int64_t buckets, key;
    TRY(attr_bool(a, "hashed_output", &hashed, err));
    TRY(attr_int(a, "num_buckets", &buckets, err));
    TRY(attr_int(a, "hash_key", &key, err));
    if (hashed != (x->c->node->out.items[1].type == INLAY_INT64))
        return fail(err, INLAY_INVALID_ARGUMENT, "hashed_output does not fit the dtype of the result");
    TRY(read_columns(x, 0, err));
    TRY(give_places(x, err));
    return hashed ? give_hashes(x, (uint64_t)key, buckets, err) : give_texts(x, bytes_of("_X_"), err);
}

static inlay_status cross_text(crossing *x, inlay_error *err) {
    bytes separator;
    TRY(text_scalar(x->c, x->c->node->in.count - 1, "sep", &separator, err));
    TRY(read_columns(x, 1, err));
    TRY(give_places(x, err));
    return give_texts(x, separator, err);
}

static inlay_status cross_run(op_call *c, inlay_error *err) {
    crossing x = {.c = c};
    int64_t n;
    TRY(attr_int(&c->node->attributes, "N", &n, err));
    x.n_sparse = (int)n;
    for (int i = 0; i < c->node->in.count; i++) {
        dtype t = c->in[i]->type;
        if (t != INLAY_INT64 && t != INLAY_STRING) return op_unsupported(c, t, err);
    }
    inlay_status status = c->node->impl->detail == TEXT ? cross_text(&x, err) : cross_v1(&x, err);
    for (int i = 0; x.columns && i < x.n; i++) tensor_release(x.columns[i].room);
    mem_free(x.columns);
    mem_free(x.at);
    return status;
}

const op_impl sparse_cross_impls[] = {
    {"SparseCross", .run = cross_run, .detail = HASHED_OR_TEXT},
    {"SparseCrossV2", .run = cross_run, .detail = TEXT},
};
OP_FAMILY_END(sparse_cross);

/* Orthogonal decompositions of matrices, and least squares by them. */
#include "base/num.h"
#include "op/families.h"
#include "op/matrix_batch.h"

#include <float.h>
#include <math.h>

/* Columns [first, first + n) of FROM [rows, width] to columns from AT of TO [rows, cols]. */
static void copy_columns(const matrix_job *j, int64_t rows, const uint8_t *from, int64_t width, int64_t first,
                         int64_t n, uint8_t *to, int64_t cols, int64_t at) {
    for (int64_t r = 0; r < rows && n > 0; r++)
        memcpy(to + (size_t)(r * cols + at) * j->unit, from + (size_t)(r * width + first) * j->unit,
               (size_t)n * j->unit);
}

/* ---- Qr. flag[0]: Q is square */

static bool one_qr(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t m = j->a.rows, n = j->a.cols, k = j->flag[0] ? m : min_i64(m, n);
    uint8_t *a = matrix_room(j, &room, m * n), *scales = matrix_room(j, &room, min_i64(m, n));
    uint8_t *q = matrix_room(j, &room, m * k);
    matrix_load(j->a.t, i * m * n, m * n, a);
    j->f->qr(a, m, n, scales);
    j->f->qr_q(a, m, n, scales, q, k);
    for (int64_t r = 1; r < m; r++) memset(a + (size_t)(r * n) * j->unit, 0, (size_t)min_i64(r, n) * j->unit);
    matrix_store(j->c->out[0], i * m * k, m * k, q);
    matrix_store(j->c->out[1], i * k * n, k * n, a);
    return true;
}

static inlay_status qr_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    shape q, r;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(attr_bool(&c->node->attributes, "full_matrices", &j.flag[0], err));
    TRY(matrices_of(c->in[0], "Input", false, &j.a, err));
    int64_t m = j.a.rows, n = j.a.cols, k = j.flag[0] ? m : min_i64(m, n);
    TRY(matrices_dims(&j.a, m, k, &q, err));
    TRY(matrices_dims(&j.a, k, n, &r, err));
    TRY(op_output(c, 0, &q, &out, err));
    TRY(op_output(c, 1, &r, &out, err));
    j.count = j.a.count;
    j.cost = m * n * n + m * k * k;
    j.room = m * n + min_i64(m, n) + m * k;
    j.one = one_qr;
    return matrix_job_run(&j, err);
}

/* ---- SelfAdjointEigV2. flag[0]: vectors are wanted */

/* An output that nobody asked to be computed is a scalar. */
static inlay_status give_nothing(op_call *c, int i, inlay_error *err) {
    shape scalar = shape_scalar();
    tensor *out;
    TRY(op_output(c, i, &scalar, &out, err));
    memset(out->data, 0, (size_t)out->size);
    return INLAY_OK;
}

static bool one_eigen(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t n = j->a.rows;
    double *values = matrix_room(j, &room, n);
    uint8_t *a = matrix_room(j, &room, n * n), *vectors = j->flag[0] ? matrix_room(j, &room, n * n) : NULL;
    matrix_load(j->a.t, i * n * n, n * n, a);
    j->f->eigen(a, n, values, vectors);
    matrix_store_real(j->c->out[0], i * n, n, values);
    if (vectors) matrix_store(j->c->out[1], i * n * n, n * n, vectors);
    return true;
}

static inlay_status eigen_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    shape values;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(attr_bool(&c->node->attributes, "compute_v", &j.flag[0], err));
    TRY(matrices_of(c->in[0], "Input", true, &j.a, err));
    TRY(matrices_dims(&j.a, j.a.rows, -1, &values, err));
    TRY(op_output(c, 0, &values, &out, err));
    if (j.flag[0])
        TRY(op_output(c, 1, &c->in[0]->dims, &out, err));
    else
        TRY(give_nothing(c, 1, err));
    j.count = j.a.count;
    j.cost = 20 * j.a.rows * j.a.rows * j.a.rows;
    j.room = j.a.rows * (2 * j.a.rows + 1);
    j.one = one_eigen;
    return matrix_job_run(&j, err);
}

/* ---- Svd. flag: vectors are wanted, and all of them */

/* A wide matrix is decomposed by its adjoint: TALL rows, K columns. */
typedef struct svd_parts {
    int64_t tall, k;
    uint8_t *us, *v; /* [tall, k] U times the values, [k, k] */
    double *values;
} svd_parts;

static void run_svd(const matrix_job *j, int64_t i, svd_parts *s, uint8_t **room) {
    int64_t m = j->a.rows, n = j->a.cols;
    *s = (svd_parts){.tall = max_i64(m, n), .k = min_i64(m, n)};
    s->values = matrix_room(j, room, s->k);
    s->us = matrix_room(j, room, m * n);
    s->v = matrix_room(j, room, max_i64(m * n, s->k * s->k)); /* first the matrix as it is given */
    matrix_load(j->a.t, i * m * n, m * n, m < n ? s->v : s->us);
    if (m < n) j->f->adjoint(s->v, m, n, s->us);
    j->f->svd(s->us, s->tall, s->k, s->values, s->v);
}

static double smallest_value(const svd_parts *s) {
    return s->k ? s->values[0] * DBL_EPSILON * (double)s->tall : 0;
}

/* U [tall, wanted]: columns whose value is 0, and those beyond, are made orthogonal to the others. */
static void complete(const matrix_job *j, const svd_parts *s, uint8_t *u, int64_t wanted, uint8_t *room) {
    int64_t rank = 0;
    size_t parts = j->unit / 8;
    while (rank < s->k && s->values[rank] > smallest_value(s)) rank++;
    uint8_t *a = matrix_room(j, &room, s->tall * rank), *scales = matrix_room(j, &room, rank);
    uint8_t *q = matrix_room(j, &room, s->tall * wanted);
    for (int64_t r = 0; r < s->tall; r++)
        for (int64_t k = 0; k < rank; k++) {
            double x[2];
            memcpy(x, s->us + (size_t)(r * s->k + k) * j->unit, j->unit);
            for (size_t p = 0; p < parts; p++) x[p] /= s->values[k];
            memcpy(u + (size_t)(r * wanted + k) * j->unit, x, j->unit);
        }
    if (rank == wanted) return;
    copy_columns(j, s->tall, u, wanted, 0, rank, a, rank, 0);
    j->f->qr(a, s->tall, rank, scales);
    j->f->qr_q(a, s->tall, rank, scales, q, wanted);
    copy_columns(j, s->tall, q, wanted, rank, wanted - rank, u, wanted, rank);
}

static bool one_svd(const matrix_job *j, int64_t i, uint8_t *room) {
    svd_parts s;
    run_svd(j, i, &s, &room);
    matrix_store_real(j->c->out[0], i * s.k, s.k, s.values);
    if (!j->flag[0]) return true;
    int64_t wanted = j->flag[1] ? s.tall : s.k, wide = j->a.rows < j->a.cols;
    uint8_t *u = matrix_room(j, &room, s.tall * wanted);
    complete(j, &s, u, wanted, room);
    matrix_store(j->c->out[wide ? 2 : 1], i * s.tall * wanted, s.tall * wanted, u);
    matrix_store(j->c->out[wide ? 1 : 2], i * s.k * s.k, s.k * s.k, s.v);
    return true;
}

static int64_t svd_room(const matrix_job *j) {
    int64_t m = j->a.rows, n = j->a.cols, tall = max_i64(m, n), k = min_i64(m, n);
    int64_t wanted = j->flag[1] ? tall : k;
    return 2 * k + 3 * tall * k + k * k + 2 * tall * wanted;
}

static inlay_status svd_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    shape values, u, v;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(attr_bool(&c->node->attributes, "compute_uv", &j.flag[0], err));
    TRY(attr_bool(&c->node->attributes, "full_matrices", &j.flag[1], err));
    TRY(matrices_of(c->in[0], "Input", false, &j.a, err));
    int64_t m = j.a.rows, n = j.a.cols, k = min_i64(m, n);
    TRY(matrices_dims(&j.a, k, -1, &values, err));
    TRY(matrices_dims(&j.a, m, j.flag[1] ? m : k, &u, err));
    TRY(matrices_dims(&j.a, n, j.flag[1] ? n : k, &v, err));
    TRY(op_output(c, 0, &values, &out, err));
    for (int i = 1; i < 3; i++)
        if (j.flag[0])
            TRY(op_output(c, i, i == 1 ? &u : &v, &out, err));
        else
            TRY(give_nothing(c, i, err));
    j.count = j.a.count;
    j.cost = 20 * m * n * k;
    j.room = svd_room(&j);
    j.one = one_svd;
    return matrix_job_run(&j, err);
}

/* ---- MatrixSolveLs. flag[0]: by the normal equations, else by singular values; number: what is added to the
 * diagonal */

static bool by_normal_equations(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t m = j->a.rows, n = j->a.cols, columns = j->b.cols, k = min_i64(m, n);
    uint8_t *a = matrix_room(j, &room, m * n), *b = matrix_room(j, &room, m * columns);
    uint8_t *other = matrix_room(j, &room, m * n), *gram = matrix_room(j, &room, k * k);
    uint8_t *x = matrix_room(j, &room, max_i64(m, n) * columns);
    matrix_load(j->a.t, i * m * n, m * n, a);
    matrix_load(j->b.t, i * m * columns, m * columns, b);
    j->f->adjoint(a, m, n, other);
    if (m >= n)
        j->f->product(other, false, a, n, m, n, gram);
    else
        j->f->product(a, false, other, m, n, m, gram);
    for (int64_t d = 0; d < k; d++) {
        double *diagonal = (double *)(void *)(gram + (size_t)(d * k + d) * j->unit);
        *diagonal += j->number;
    }
    if (!j->f->cholesky(gram, k)) return false;
    if (m >= n)
        j->f->product(other, false, b, n, m, columns, x);
    else
        memcpy(x, b, (size_t)(m * columns) * j->unit);
    j->f->triangular(gram, k, true, false, x, columns);
    uint8_t *upper = matrix_room(j, &room, k * k);
    j->f->adjoint(gram, k, k, upper);
    j->f->triangular(upper, k, false, false, x, columns);
    if (m < n) {
        j->f->product(other, false, x, n, m, columns, room);
        x = room;
    }
    matrix_store(j->c->out[0], i * n * columns, n * columns, x);
    return true;
}

/* The shortest solution: V 1/S U* B, without the values that are 0. */
static bool by_singular_values(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t m = j->a.rows, n = j->a.cols, columns = j->b.cols;
    size_t parts = j->unit / 8;
    svd_parts s;
    run_svd(j, i, &s, &room);
    uint8_t *b = matrix_room(j, &room, m * columns), *y = matrix_room(j, &room, s.k * columns), *x = room;
    matrix_load(j->b.t, i * m * columns, m * columns, b);
    const uint8_t *left = m >= n ? s.us : s.v, *right = m >= n ? s.v : s.us; /* one of the two is times the values */
    j->f->product(left, true, b, s.k, m, columns, y);
    for (int64_t k = 0; k < s.k; k++) {
        bool counts = s.values[k] > smallest_value(&s);
        double *row = (double *)(void *)(y + (size_t)(k * columns) * j->unit);
        for (int64_t c = 0; c < columns * (int64_t)parts; c++) row[c] = counts ? row[c] / s.values[k] / s.values[k] : 0;
    }
    j->f->product(right, false, y, n, s.k, columns, x);
    matrix_store(j->c->out[0], i * n * columns, n * columns, x);
    return true;
}

static inlay_status least_squares_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    shape dims;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(attr_bool(&c->node->attributes, "fast", &j.flag[0], err));
    TRY(matrices_of(c->in[0], "Input", false, &j.a, err));
    TRY(matrices_of(c->in[1], "rhs", false, &j.b, err));
    TRY(matrices_agree(&j.a, &j.b, err));
    if (j.a.rows != j.b.rows) return fail(err, INLAY_INVALID_ARGUMENT, "Input matrix and rhs are incompatible.");
    if (c->in[2]->dims.rank != 0 || !(*(const double *)(const void *)c->in[2]->data >= 0))
        return fail(err, INLAY_INVALID_ARGUMENT, "l2_regularizer must be >= 0.");
    j.number = *(const double *)(const void *)c->in[2]->data;
    TRY(matrices_dims(&j.a, j.a.cols, j.b.cols, &dims, err));
    TRY(op_output(c, 0, &dims, &out, err));
    int64_t m = j.a.rows, n = j.a.cols, k = min_i64(m, n);
    j.count = out->count ? j.a.count : 0;
    j.cost = m * n * (k + j.b.cols);
    j.room = svd_room(&j) + m * n * 2 + 2 * k * k + (2 * m + 2 * n) * j.b.cols;
    j.one = j.flag[0] ? by_normal_equations : by_singular_values;
    j.refusal = "Input matrix was rank deficient or ill-conditioned. Try setting fast=False or provide a larger "
                "l2_regularizer > 0.";
    return matrix_job_run(&j, err);
}

const op_impl decompose_impls[] = {
    {"Qr", .run = qr_run},
    {"SelfAdjointEigV2", .run = eigen_run},
    {"Svd", .run = svd_run},
    {"MatrixSolveLs", .run = least_squares_run},
};
OP_FAMILY_END(decompose);

/* Systems of equations, determinants and what they are made from. */
#include "base/num.h"
#include "op/broadcast.h"
#include "op/families.h"
#include "op/matrix_batch.h"

#include <math.h>

enum { DETERMINANT, LOG_DETERMINANT };

/* The product of the diagonal of U as a number of size 1 and a logarithm, or as it is. */
typedef struct determinant {
    double re, im, log_size;
} determinant;

static determinant determinant_of(const matrix_job *j, const uint8_t *lu, int sign, bool logarithm) {
    determinant d = {sign, 0, 0};
    int64_t n = j->a.rows;
    for (int64_t i = 0; i < n; i++) {
        double p[2] = {0};
        memcpy(p, lu + (size_t)(i * n + i) * j->unit, j->unit);
        double size = hypot(p[0], p[1]);
        if (logarithm) {
            d.log_size += log(size);
            if (size != 0) p[0] /= size, p[1] /= size;
        }
        d = (determinant){d.re * p[0] - d.im * p[1], d.re * p[1] + d.im * p[0], d.log_size};
    }
    return d;
}

static bool one_determinant(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t n = j->a.rows, *rows = matrix_room(j, &room, n);
    uint8_t *a = matrix_room(j, &room, n * n);
    int sign;
    matrix_load(j->a.t, i * n * n, n * n, a);
    bool logarithm = j->c->node->impl->detail == LOG_DETERMINANT;
    j->f->lu(a, n, rows, &sign);
    determinant d = determinant_of(j, a, sign, logarithm);
    matrix_store(j->c->out[0], i, 1, (const double[]){d.re, d.im});
    if (logarithm) matrix_store_real(j->c->out[1], i, 1, &d.log_size);
    return true;
}

static inlay_status determinant_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(matrices_of(c->in[0], "Input", true, &j.a, err));
    TRY(op_output(c, 0, &j.a.batch, &out, err));
    if (c->node->impl->detail == LOG_DETERMINANT) TRY(op_output(c, 1, &j.a.batch, &out, err));
    j.count = j.a.count;
    j.cost = j.a.rows * j.a.rows * j.a.rows;
    j.room = j.a.rows * (j.a.rows + 1);
    j.one = one_determinant;
    return matrix_job_run(&j, err);
}

/* ---- Lu */

static bool one_lu(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t n = j->a.rows, *rows = matrix_room(j, &room, n);
    uint8_t *a = matrix_room(j, &room, n * n);
    int sign;
    matrix_load(j->a.t, i * n * n, n * n, a);
    bool regular = j->f->lu(a, n, rows, &sign);
    matrix_store(j->c->out[0], i * n * n, n * n, a);
    tensor *p = j->c->out[1];
    for (int64_t k = 0; k < n; k++)
        if (p->type == INLAY_INT64)
            tensor_i64(p)[i * n + k] = rows[k];
        else
            tensor_i32(p)[i * n + k] = (int32_t)rows[k];
    return regular;
}

static inlay_status lu_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    shape rows;
    dtype index = c->node->out.items[1].type;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    if (index != INLAY_INT32 && index != INLAY_INT64) return op_unsupported(c, index, err);
    TRY(matrices_of(c->in[0], "Input", true, &j.a, err));
    TRY(matrices_dims(&j.a, j.a.rows, -1, &rows, err));
    TRY(op_output(c, 0, &c->in[0]->dims, &out, err));
    TRY(op_output(c, 1, &rows, &out, err));
    j.count = j.a.count;
    j.cost = j.a.rows * j.a.rows * j.a.rows;
    j.room = j.a.rows * (j.a.rows + 1);
    j.one = one_lu;
    j.refusal = "Input is not invertible.";
    return matrix_job_run(&j, err);
}

/* ---- MatrixInverse, MatrixSolve: flag[0]: the adjoint is meant */

static void set_identity(const matrix_job *j, uint8_t *to, int64_t n, const int64_t *rows) {
    static const double one[2] = {1, 0};
    memset(to, 0, (size_t)(n * n) * j->unit);
    for (int64_t i = 0; i < n; i++) memcpy(to + (size_t)(i * n + rows[i]) * j->unit, one, j->unit);
}

static bool one_solution(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t n = j->a.rows, columns = j->b.t ? j->b.cols : n, *rows = matrix_room(j, &room, n);
    uint8_t *a = matrix_room(j, &room, n * n), *x = matrix_room(j, &room, n * columns), *other = room;
    size_t row = (size_t)columns * j->unit;
    int sign;
    matrix_load(j->a.t, i * n * n, n * n, j->flag[0] ? other : a);
    if (j->flag[0]) j->f->adjoint(other, n, n, a);
    if (!j->f->lu(a, n, rows, &sign)) return false;
    if (j->b.t) {
        matrix_load(j->b.t, i * n * columns, n * columns, other);
        for (int64_t k = 0; k < n; k++) memcpy(x + (size_t)k * row, other + (size_t)rows[k] * row, row);
    } else {
        set_identity(j, x, n, rows);
    }
    j->f->triangular(a, n, true, true, x, columns);
    j->f->triangular(a, n, false, false, x, columns);
    matrix_store(j->c->out[0], i * n * columns, n * columns, x);
    return true;
}

static inlay_status solve_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    bool inverse = c->node->in.count == 1;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(attr_bool(&c->node->attributes, "adjoint", &j.flag[0], err));
    TRY(matrices_of(c->in[0], "Input", true, &j.a, err));
    int64_t n = j.a.rows, columns = n;
    if (!inverse) {
        TRY(matrices_of(c->in[1], "rhs", false, &j.b, err));
        TRY(matrices_agree(&j.a, &j.b, err));
        if (j.b.rows != n) return fail(err, INLAY_INVALID_ARGUMENT, "Input matrix and rhs are incompatible.");
        columns = j.b.cols;
    }
    TRY(op_output(c, 0, &c->in[!inverse]->dims, &out, err));
    j.count = j.a.count;
    j.cost = n * n * (n + columns);
    j.room = n * (n + 1) + n * columns + n * max_i64(n, columns);
    j.one = one_solution;
    j.refusal = inverse ? "Input is not invertible." : "Input matrix is not invertible.";
    return matrix_job_run(&j, err);
}

/* ---- Cholesky */

/* What is not positive definite gives NaN, as TensorFlow has it. */
static bool one_cholesky(const matrix_job *j, int64_t i, uint8_t *room) {
    int64_t n = j->a.rows;
    uint8_t *a = matrix_room(j, &room, n * n);
    matrix_load(j->a.t, i * n * n, n * n, a);
    if (!j->f->cholesky(a, n)) {
        memset(a, 0, (size_t)(n * n) * j->unit);
        for (int64_t k = 0; k < n * n; k++)
            if (k % n <= k / n) memcpy(a + (size_t)k * j->unit, (const double[]){NAN, 0}, j->unit);
    }
    matrix_store(j->c->out[0], i * n * n, n * n, a);
    return true;
}

static inlay_status cholesky_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(matrices_of(c->in[0], "Input", true, &j.a, err));
    TRY(op_output(c, 0, &c->in[0]->dims, &out, err));
    j.count = j.a.count;
    j.cost = j.a.rows * j.a.rows * j.a.rows / 3;
    j.room = j.a.rows * j.a.rows;
    j.one = one_cholesky;
    return matrix_job_run(&j, err);
}

/* ---- MatrixTriangularSolve: batches are broadcast. flag: lower, adjoint */

typedef struct pairing {
    matrix_job *j;
    const broadcast *together;
    inlay_status status;
    inlay_error *err;
} pairing;

static void solve_triangular(const matrix_job *j, int64_t a_at, int64_t b_at, int64_t out, uint8_t *room) {
    int64_t n = j->a.rows, columns = j->b.cols;
    uint8_t *a = matrix_room(j, &room, n * n), *x = matrix_room(j, &room, n * columns), *other = room;
    matrix_load(j->a.t, a_at * n * n, n * n, j->flag[1] ? other : a);
    if (j->flag[1]) j->f->adjoint(other, n, n, a);
    matrix_load(j->b.t, b_at * n * columns, n * columns, x);
    j->f->triangular(a, n, j->flag[0] != j->flag[1], false, x, columns);
    matrix_store(j->c->out[0], out * n * columns, n * columns, x);
}

static void solve_pairs(void *ctx, int64_t out, const int64_t *offsets) {
    pairing *p = ctx;
    int last = p->together->rank - 1;
    if (p->status != INLAY_OK) return;
    p->status = op_check_stop(p->j->c, p->err);
    uint8_t *room = mem_array((size_t)p->j->room + 1, p->j->unit);
    if (!room) p->status = fail_memory(p->err);
    for (int64_t i = 0; p->status == INLAY_OK && i < p->together->dims[last]; i++)
        solve_triangular(p->j, offsets[0] + i * p->together->steps[0][last],
                         offsets[1] + i * p->together->steps[1][last], out + i, room);
    mem_free(room);
}

static inlay_status triangular_run(op_call *c, inlay_error *err) {
    matrix_job j;
    tensor *out;
    broadcast together;
    TRY(matrix_job_init(&j, c, c->in[0]->type, err));
    TRY(attr_bool(&c->node->attributes, "lower", &j.flag[0], err));
    TRY(attr_bool(&c->node->attributes, "adjoint", &j.flag[1], err));
    TRY(matrices_of(c->in[0], "Matrix", true, &j.a, err));
    TRY(matrices_of(c->in[1], "rhs", false, &j.b, err));
    if (j.b.rows != j.a.rows)
        return fail(err, INLAY_INVALID_ARGUMENT, "In[0] and In[1] have different sizes: %lld and %lld",
                    (long long)j.a.rows, (long long)j.b.rows);
    TRY(broadcast_make((const shape *[]){&j.a.batch, &j.b.batch}, 2, &together, err));
    matrices result = {.batch = together.out};
    shape dims;
    TRY(matrices_dims(&result, j.b.rows, j.b.cols, &dims, err));
    TRY(op_output(c, 0, &dims, &out, err));
    if (out->count == 0) return INLAY_OK;
    j.room = j.a.rows * (2 * j.a.rows + j.b.cols);
    pairing p = {&j, &together, INLAY_OK, err};
    broadcast_walk(&together, 2, solve_pairs, &p);
    return p.status;
}

const op_impl linalg_impls[] = {
    {"MatrixDeterminant", .run = determinant_run, .detail = DETERMINANT},
    {"LogMatrixDeterminant", .run = determinant_run, .detail = LOG_DETERMINANT},
    {"Lu", .run = lu_run},
    {"MatrixInverse", .run = solve_run},
    {"MatrixSolve", .run = solve_run},
    {"Cholesky", .run = cholesky_run},
    {"MatrixTriangularSolve", .run = triangular_run},
};
OP_FAMILY_END(linalg);

#include "unit/unit.h"

#include "kernel/linalg/linalg.h"
#include "unit/random.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum { MOST = 12 };
typedef double _Complex number;

static number element(const linalg_fns *f, const void *a, int64_t i) {
    return f == &linalg_complex ? ((const number *)a)[i] : ((const double *)a)[i];
}

static void put(const linalg_fns *f, void *a, int64_t i, number x) {
    if (f == &linalg_complex)
        ((number *)a)[i] = x;
    else
        ((double *)a)[i] = creal(x);
}

static void fill(const linalg_fns *f, void *a, int64_t count) {
    for (int64_t i = 0; i < count; i++) put(f, a, i, real() + real() * (number)_Complex_I);
}

static void near(const linalg_fns *f, const void *a, const void *b, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        double apart = cabs(element(f, a, i) - element(f, b, i));
        if (!(apart < 1e-10)) fail_msg("element %lld is off by %g", (long long)i, apart);
    }
}

/* Room for the largest matrix of either kind. */
typedef number matrix[MOST * MOST];

static void factors_multiply_to_the_matrix(void **state) {
    (void)state;
    const linalg_fns *kinds[] = {&linalg_real, &linalg_complex};
    for (int kind = 0; kind < 2; kind++)
        for (int64_t n = 0; n <= MOST; n++) {
            const linalg_fns *f = kinds[kind];
            matrix a = {0}, lu, lower = {0}, upper = {0}, made, wanted = {0};
            int64_t rows[MOST];
            int sign;
            fill(f, a, n * n);
            memcpy(lu, a, sizeof a);
            assert_true(f->lu(lu, n, rows, &sign));
            for (int64_t i = 0; i < n * n; i++) {
                int64_t r = i / n, c = i % n;
                put(f, lower, i, r == c ? 1 : r > c ? element(f, lu, i) : 0);
                put(f, upper, i, r <= c ? element(f, lu, i) : 0);
                put(f, wanted, i, element(f, a, rows[r] * n + c));
            }
            f->product(lower, false, upper, n, n, n, made);
            near(f, made, wanted, n * n);
        }
}

static void decompositions_hold_for_any_shape(void **state) {
    (void)state;
    const linalg_fns *kinds[] = {&linalg_real, &linalg_complex};
    for (int kind = 0; kind < 2; kind++)
        for (int64_t m = 1; m <= MOST; m++)
            for (int64_t n = 1; n <= m; n++) {
                const linalg_fns *f = kinds[kind];
                matrix a = {0}, r, q, v, other, made, scales;
                double values[MOST];
                fill(f, a, m * n);
                memcpy(r, a, sizeof a);
                f->qr(r, m, n, scales);
                f->qr_q(r, m, n, scales, q, m);
                for (int64_t i = 0; i < m * n; i++)
                    if (i / n > i % n) put(f, r, i, 0);
                f->product(q, false, r, m, m, n, made);
                near(f, made, a, m * n);
                memcpy(r, a, sizeof a);
                f->svd(r, m, n, values, v);
                f->adjoint(v, n, n, other);
                f->product(r, false, other, m, n, n, made);
                near(f, made, a, m * n);
                for (int64_t i = 1; i < n; i++) assert_true(values[i - 1] >= values[i]);
            }
}

static void what_cannot_be_is_told(void **state) {
    (void)state;
    double singular[] = {1, 2, 2, 4}, indefinite[] = {1, 2, 2, 1}, broken[] = {NAN, 0, 0, 1}, values[2], v[4];
    int64_t rows[2];
    int sign;
    assert_false(linalg_real.lu(singular, 2, rows, &sign));
    assert_false(linalg_real.cholesky(indefinite, 2));
    assert_false(linalg_real.cholesky(broken, 2));
    double infinite[] = {INFINITY, NAN, NAN, 1};
    linalg_real.eigen(broken, 2, values, v); /* that they end is all that can be asked */
    linalg_real.svd(infinite, 2, 2, values, v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_multiply_to_the_matrix),
        cmocka_unit_test(decompositions_hold_for_any_shape),
        cmocka_unit_test(what_cannot_be_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

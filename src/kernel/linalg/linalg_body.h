/* The algorithms over one type; linalg.c includes this twice, with
 *   T        double, or double _Complex      CONJ(x)  its conjugate
 *   SIZE(x)  its absolute value              RE(x)    its real part      NAME(x)  x with the type's suffix */

static void NAME(swap_rows)(T *a, int64_t n, int64_t i, int64_t k) {
    for (int64_t j = 0; j < n; j++) {
        T moved = a[i * n + j];
        a[i * n + j] = a[k * n + j];
        a[k * n + j] = moved;
    }
}

static bool NAME(lu)(void *matrix, int64_t n, int64_t *rows, int *sign) {
    T *a = matrix;
    bool regular = true;
    *sign = 1;
    for (int64_t i = 0; i < n; i++) rows[i] = i;
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < n; i++)
            if (SIZE(a[i * n + k]) > SIZE(a[best * n + k])) best = i;
        if (a[best * n + k] == 0) {
            regular = false;
            continue;
        }
        if (best != k) {
            int64_t moved = rows[k];
            rows[k] = rows[best];
            rows[best] = moved;
            NAME(swap_rows)(a, n, k, best);
            *sign = -*sign;
        }
        for (int64_t i = k + 1; i < n; i++) {
            T factor = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return regular;
}

static void NAME(triangular)(const void *matrix, int64_t n, bool lower, bool unit, void *right, int64_t columns) {
    const T *a = matrix;
    T *b = right;
    for (int64_t step = 0; step < n; step++) {
        int64_t i = lower ? step : n - 1 - step;
        for (int64_t before = 0; before < step; before++) {
            int64_t k = lower ? before : n - 1 - before;
            T factor = a[i * n + k];
            for (int64_t j = 0; j < columns; j++) b[i * columns + j] -= factor * b[k * columns + j];
        }
        if (unit) continue;
        for (int64_t j = 0; j < columns; j++) b[i * columns + j] /= a[i * n + i];
    }
}

static bool NAME(cholesky)(void *matrix, int64_t n) {
    T *a = matrix;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j <= i; j++) {
            T sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++) sum -= a[i * n + k] * CONJ(a[j * n + k]);
            if (i == j) {
                if (!(RE(sum) > 0)) return false;
                a[i * n + i] = sqrt(RE(sum));
            } else {
                a[i * n + j] = sum / a[j * n + j];
            }
        }
        for (int64_t j = i + 1; j < n; j++) a[i * n + j] = 0;
    }
    return true;
}

/* Rows [k, m), columns [from, n) of A times 1 - SCALE v v*; v [m - k] begins with 1, its rest is column K of V [m, w].
 */
static void NAME(reflect)(T *a, int64_t m, int64_t n, int64_t from, const T *v, int64_t w, int64_t k, T scale) {
    for (int64_t j = from; j < n; j++) {
        T dot = a[k * n + j];
        for (int64_t i = k + 1; i < m; i++) dot += CONJ(v[i * w + k]) * a[i * n + j];
        dot *= scale;
        a[k * n + j] -= dot;
        for (int64_t i = k + 1; i < m; i++) a[i * n + j] -= dot * v[i * w + k];
    }
}

static void NAME(qr)(void *matrix, int64_t m, int64_t n, void *factors) {
    T *a = matrix, *scales = factors;
    for (int64_t k = 0; k < m && k < n; k++) {
        T head = a[k * n + k];
        double tail = 0;
        for (int64_t i = k + 1; i < m; i++) tail += SIZE(a[i * n + k]) * SIZE(a[i * n + k]);
        scales[k] = 0;
        if (tail <= DBL_MIN && head == RE(head)) continue;
        double made = sqrt(SIZE(head) * SIZE(head) + tail); /* what stays of the column, against the sign of its head */
        if (RE(head) >= 0) made = -made;
        for (int64_t i = k + 1; i < m; i++) a[i * n + k] /= head - made;
        scales[k] = CONJ((made - head) / made);
        a[k * n + k] = made;
        NAME(reflect)(a, m, n, k + 1, a, n, k, scales[k]);
    }
}

static void NAME(qr_q)(const void *matrix, int64_t m, int64_t n, const void *factors, void *made, int64_t columns) {
    const T *scales = factors;
    T *q = made;
    for (int64_t i = 0; i < m * columns; i++) q[i] = i / columns == i % columns;
    for (int64_t k = m < n ? m : n; k-- > 0;) NAME(reflect)(q, m, columns, 0, matrix, n, k, CONJ(scales[k]));
}

/* The rotation that makes two vectors orthogonal whose squares are P and Q and whose product is R: the first becomes
 * c first - s d second, the second s first + c d second. */
typedef struct NAME(rotation) {
    double c, s;
    T d;
} NAME(rotation);

static NAME(rotation) NAME(rotation_of)(double p, double q, T r) {
    double size = SIZE(r), slope = (q - p) / (2 * size);
    double t = (slope < 0 ? -1 : 1) / (fabs(slope) + sqrt(slope * slope + 1)), c = 1 / sqrt(t * t + 1);
    return (NAME(rotation)){c, t * c, CONJ(r) / size};
}

/* N elements each, STEP apart. */
static void NAME(rotate)(NAME(rotation) r, T *first, T *second, int64_t n, int64_t step) {
    T s = r.s * r.d, c = r.c * r.d;
    for (int64_t i = 0; i < n; i++) {
        T a = first[i * step], b = second[i * step];
        first[i * step] = r.c * a - s * b;
        second[i * step] = r.s * a + c * b;
    }
}

/* Whether anything was left to turn. */
static bool NAME(eigen_sweep)(T *a, int64_t n, T *vectors, double least) {
    bool turned = false;
    for (int64_t p = 0; p < n; p++)
        for (int64_t q = p + 1; q < n; q++) {
            if (!(SIZE(a[p * n + q]) > least)) continue;
            turned = true;
            NAME(rotation) r = NAME(rotation_of)(RE(a[p * n + p]), RE(a[q * n + q]), a[p * n + q]);
            NAME(rotate)(r, a + p, a + q, n, n);
            if (vectors) NAME(rotate)(r, vectors + p, vectors + q, n, n);
            r.d = CONJ(r.d);
            NAME(rotate)(r, a + p * n, a + q * n, n, 1);
            a[p * n + q] = a[q * n + p] = 0;
        }
    return turned;
}

static void NAME(swap_columns)(T *a, int64_t rows, int64_t n, int64_t i, int64_t k) {
    for (int64_t r = 0; a && r < rows; r++) {
        T moved = a[r * n + i];
        a[r * n + i] = a[r * n + k];
        a[r * n + k] = moved;
    }
}

/* Selection: rising, or with DOWN falling; columns of A [rows_a, n] and B [rows_b, n] (either may be NULL) go along. */
static void NAME(sort)(double *values, int64_t n, bool down, T *a, int64_t rows_a, T *b, int64_t rows_b) {
    for (int64_t i = 0; i < n; i++) {
        int64_t best = i;
        for (int64_t k = i + 1; k < n; k++)
            if (down ? values[k] > values[best] : values[k] < values[best]) best = k;
        if (best == i) continue;
        double moved = values[i];
        values[i] = values[best];
        values[best] = moved;
        NAME(swap_columns)(a, rows_a, n, i, best);
        NAME(swap_columns)(b, rows_b, n, i, best);
    }
}

/* Jacobi 1846: rotations, each of which makes an element 0. */
static void NAME(eigen)(void *matrix, int64_t n, double *values, void *wanted) {
    T *a = matrix, *vectors = wanted;
    double norm = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            if (i == j) a[i * n + i] = RE(a[i * n + i]);
            a[j * n + i] = CONJ(a[i * n + j]);
            norm = fmax(norm, SIZE(a[i * n + j]));
        }
    for (int64_t i = 0; vectors && i < n * n; i++) vectors[i] = i / n == i % n;
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++)
        if (!NAME(eigen_sweep)(a, n, vectors, norm * DBL_EPSILON / 16)) break;
    for (int64_t i = 0; i < n; i++) values[i] = RE(a[i * n + i]);
    NAME(sort)(values, n, false, vectors, n, NULL, 0);
}

static bool NAME(svd_sweep)(T *a, int64_t m, int64_t n, T *v) {
    bool turned = false;
    for (int64_t p = 0; p < n; p++)
        for (int64_t q = p + 1; q < n; q++) {
            double first = 0, second = 0;
            T both = 0;
            for (int64_t i = 0; i < m; i++) {
                T x = a[i * n + p], y = a[i * n + q];
                first += RE(x * CONJ(x));
                second += RE(y * CONJ(y));
                both += CONJ(x) * y;
            }
            if (!(SIZE(both) > sqrt(first) * sqrt(second) * DBL_EPSILON * 4) || SIZE(both) < DBL_MIN) continue;
            turned = true;
            NAME(rotation) r = NAME(rotation_of)(first, second, both);
            NAME(rotate)(r, a + p, a + q, m, n);
            NAME(rotate)(r, v + p, v + q, n, n);
        }
    return turned;
}

/* Hestenes 1958: columns are turned against each other until all are orthogonal. */
static void NAME(svd)(void *matrix, int64_t m, int64_t n, double *values, void *right) {
    T *a = matrix, *v = right;
    for (int64_t i = 0; i < n * n; i++) v[i] = i / n == i % n;
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++)
        if (!NAME(svd_sweep)(a, m, n, v)) break;
    for (int64_t j = 0; j < n; j++) {
        double square = 0;
        for (int64_t i = 0; i < m; i++) square += SIZE(a[i * n + j]) * SIZE(a[i * n + j]);
        values[j] = sqrt(square);
    }
    NAME(sort)(values, n, true, a, m, v, n);
}

static void NAME(product)(const void *left, bool adjoint, const void *right, int64_t m, int64_t k, int64_t n,
                          void *to) {
    const T *a = left, *b = right;
    T *c = to;
    memset(c, 0, (size_t)(m * n) * sizeof *c);
    for (int64_t i = 0; i < m; i++)
        for (int64_t p = 0; p < k; p++) {
            T factor = adjoint ? CONJ(a[p * m + i]) : a[i * k + p];
            for (int64_t j = 0; j < n; j++) c[i * n + j] += factor * b[p * n + j];
        }
}

static void NAME(adjoint)(const void *from, int64_t m, int64_t n, void *to) {
    const T *a = from;
    T *b = to;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) b[j * m + i] = CONJ(a[i * n + j]);
}

const linalg_fns NAME(linalg) = {NAME(lu),    NAME(triangular), NAME(cholesky), NAME(qr),     NAME(qr_q),
                                 NAME(eigen), NAME(svd),        NAME(product),  NAME(adjoint)};

#undef T
#undef CONJ
#undef SIZE
#undef RE
#undef NAME

/* Folds over one type; reduce.c includes this once a type, with T, LOAD(x) its value as an A, STORE(v) back, A the
 * member type of reduce_acc, FIELD the member, NAN_WINS(x, y) and NAME(x). */

#define FOLD(name, step)                                                        \
    static void NAME(name##_run)(reduce_acc * acc, const void *in, size_t n) {  \
        const T *a = in;                                                        \
        A lanes[4] = {acc->FIELD, START_##name, START_##name, START_##name};    \
        size_t i = 0;                                                           \
        for (; i + 4 <= n; i += 4)                                              \
            for (size_t k = 0; k < 4; k++) {                                    \
                A x = lanes[k], y = LOAD(a[i + k]);                             \
                lanes[k] = step;                                                \
            }                                                                   \
        for (; i < n; i++) {                                                    \
            A x = lanes[0], y = LOAD(a[i]);                                     \
            lanes[0] = step;                                                    \
        }                                                                       \
        for (size_t k = 1; k < 4; k++) {                                        \
            A x = lanes[0], y = lanes[k];                                       \
            lanes[0] = step;                                                    \
        }                                                                       \
        acc->FIELD = lanes[0];                                                  \
    }                                                                           \
    static void NAME(name##_rows)(reduce_acc * acc, const void *in, size_t n) { \
        const T *a = in;                                                        \
        for (size_t i = 0; i < n; i++) {                                        \
            A x = acc[i].FIELD, y = LOAD(a[i]);                                 \
            acc[i].FIELD = step;                                                \
        }                                                                       \
    }
#define START_sum 0
#define START_prod 1
#define START_max LOWEST
#define START_min HIGHEST

FOLD(sum, ADD(x, y))
FOLD(prod, MUL(x, y))
FOLD(max, (x > y || x != x) ? x : y)
FOLD(min, (x < y || x != x) ? x : y)

static void NAME(store)(void *out, const reduce_acc *acc, size_t n, double divisor) {
    T *o = out;
    if (divisor == 1)
        for (size_t i = 0; i < n; i++) o[i] = STORE(acc[i].FIELD);
    else
        for (size_t i = 0; i < n; i++) o[i] = STORE(DIVIDE(acc[i].FIELD, divisor));
}

static const reduce_kernel NAME(kernels)[REDUCE_COUNT] = {
    [REDUCE_SUM] = {{.FIELD = 0}, NAME(sum_run), NAME(sum_rows), NAME(store)},
    [REDUCE_MEAN] = {{.FIELD = 0}, NAME(sum_run), NAME(sum_rows), NAME(store)},
    [REDUCE_PROD] = {{.FIELD = 1}, NAME(prod_run), NAME(prod_rows), NAME(store)},
    [REDUCE_MAX] = {{.FIELD = LOWEST}, NAME(max_run), NAME(max_rows), NAME(store)},
    [REDUCE_MIN] = {{.FIELD = HIGHEST}, NAME(min_run), NAME(min_rows), NAME(store)},
};

#undef FOLD
#undef START_sum
#undef START_prod
#undef START_max
#undef START_min
#undef T
#undef LOAD
#undef STORE
#undef LOWEST
#undef HIGHEST
#undef NAME

/* Normal numbers within bounds in one floating type; law.c includes this once a type, with
 *   T      how it is stored         V        how it is computed (float or double)
 *   STORE(v) a V as it is stored    R(v)  V rounded as the type stores it
 *   GROUP  numbers of a block       UNITS(p, v) NORMALS(p, v)  draw so many
 *   M(f)   f or ff                  NAME(x)  x with the type's suffix
 * Each operation is rounded by itself, as TensorFlow's types do it. */

typedef struct NAME(bounds) {
    V low, high; /* in deviations from the mean */
    V mean, deviation;
    T *out;
    int64_t left;
    int refused; /* one after another */
} NAME(bounds);

/* Whether one more draw may follow. */
static bool NAME(accept)(NAME(bounds) * b, bool fine, V z) {
    if (!fine) return ++b->refused < MOST_REFUSALS;
    *b->out++ = STORE(R(R(z * b->deviation) + b->mean));
    b->left--;
    b->refused = 0;
    return true;
}

static bool NAME(from_normals)(NAME(bounds) * b, philox *p) {
    while (b->left > 0) {
        V z[GROUP];
        NORMALS(p, z);
        for (int i = 0; i < GROUP && b->left > 0; i++)
            if (!NAME(accept)(b, z[i] >= b->low && z[i] <= b->high, z[i])) return false;
    }
    return true;
}

static bool NAME(from_uniform)(NAME(bounds) * b, philox *p) {
    V add = b->low < 0 ? 0 : R(b->low * b->low), span = R(b->high - b->low);
    while (b->left > 0) {
        V z[GROUP], u[GROUP];
        UNITS(p, z);
        UNITS(p, u);
        for (int i = 0; i < GROUP && b->left > 0; i++) {
            V at = R(R(z[i] * span) + b->low), weight = R(R(add - R(at * at)) / 2);
            if (!NAME(accept)(b, u[i] <= R(M(exp)(weight)), at)) return false;
        }
    }
    return true;
}

/* Robert 1995: an exponential law of the best rate. */
static bool NAME(from_exponential)(NAME(bounds) * b, philox *p) {
    V rate = R(R(b->low + R(M(sqrt)(R(R(b->low * b->low) + 4)))) / 2);
    while (b->left > 0) {
        V u[GROUP];
        UNITS(p, u);
        for (int i = 0; i < GROUP && b->left > 0; i += 2) {
            V z = R(R(-R(M(log)(u[i])) / rate) + b->low), x = b->low < rate ? R(rate - z) : R(b->low - rate);
            V weight = R(M(exp)(R(R(-x * x) / 2)));
            if (!NAME(accept)(b, u[i + 1] <= weight && z < b->high, z)) return false;
        }
    }
    return true;
}

static bool NAME(bounded)(const bounded_normal *given, philox *p) {
    V low = (V)given->low, high = (V)given->high, mean = (V)given->mean, deviation = (V)given->deviation;
    if ((isinf(low) && low < 0) || high < mean) { /* mirrored, so that the bound that matters is the lower one */
        V other = low;
        low = high;
        high = other;
        deviation = -deviation;
    }
    NAME(bounds)
    b = {R(R(low - mean) / deviation), R(R(high - mean) / deviation), mean, deviation, given->out, given->count, 0};
    V root = R(M(sqrt)(R(R(b.low * b.low) + 4)));
    V power = R((V)0.5 + R(R(b.low * R(b.low - root)) / 4));
    V cutoff = R(R(2 * R(M(exp)(power))) / R(b.low + root)), inside = R((V)1.3);
    if ((b.low < -inside && b.high >= 0) || (b.high > inside && b.low <= 0)) return NAME(from_normals)(&b, p);
    return R(b.high - b.low) < cutoff ? NAME(from_uniform)(&b, p) : NAME(from_exponential)(&b, p);
}

#undef T
#undef V
#undef STORE
#undef R
#undef GROUP
#undef UNITS
#undef NORMALS
#undef M
#undef NAME

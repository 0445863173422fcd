/* A query as codes, and what its estimates may be off by. docs/index.md has the proof of every term. */
#include "search/index_search.h"

#include "base/num.h"

#include <math.h>

/* SIZE, computed in doubles, as a float32 that is not below what it stands for. */
static float rounded_up(double size) {
    return float_after((float)(size * (1 + 0x1p-30)));
}

static double norm_of(const float *query, size_t dim, double *most) {
    double squares = 0;
    *most = 0;
    for (size_t j = 0; j < dim; j++) {
        squares += (double)query[j] * (double)query[j];
        *most = fmax(*most, fabs((double)query[j]));
    }
    return sqrt(squares);
}

/* The most that elements of one sign add up to among those that a kernel adds in 16 bits. COUNT: how many those are. */
static double steepest_sum(const float *query, size_t dim, size_t groups) {
    double steepest = 0;
    for (size_t first = 0; first < dim; first += groups * QUANT_GROUP)
        for (size_t half = 0; half < QUANT_GROUP; half += QUANT_GROUP / 2) {
            double up = 0, down = 0;
            for (size_t j = first + half; j < min_size(dim, first + groups * QUANT_GROUP); j += QUANT_GROUP)
                for (size_t i = j; i < min_size(dim, j + QUANT_GROUP / 2); i++) {
                    up += fmax((double)query[i], 0);
                    down += fmax(-(double)query[i], 0);
                }
            steepest = fmax(steepest, fmax(up, down));
        }
    return steepest;
}

/* The step at which MOST, the largest element, has the code LARGEST. */
static float step_for(double most, double largest) {
    return fmaxf((float)(most / largest), QUANT_LEAST_STEP);
}

/* The step of codes for a tile: rounding adds half a code to each of a sum. LARGEST: the largest code. */
static float step_for_one(const index_run *s, const float *query, double most, double *largest) {
    size_t groups = s->quant->sum_groups;
    *largest = groups > 0 ? QUANT_CODE_MAX : s->quant->query_max;
    float step = step_for(most, *largest);
    if (groups == 0) return step;
    double room = QUANT_SUM_MAX - (double)groups * QUANT_GROUP / 2 / 2;
    return fmaxf(step, step_for(steepest_sum(query, s->dim, groups), room));
}

static double whole(double value, double most) {
    return fmin(fmax(nearbyint(value), -most), most);
}

/* What rounding to codes does to a query. */
typedef struct coded {
    double error;  /* ‖query - step * codes‖ */
    double height; /* step times the norms of its planes, each by its weight: what float32 sums of estimates round */
} coded;

static coded encode_one(const float *query, size_t dim, float step, double most, int8_t *codes, int32_t *offset) {
    double errors = 0, squares = 0;
    int32_t sum = 0;
    for (size_t j = 0; j < dim; j++) {
        double code = whole((double)query[j] / (double)step, most), off = (double)query[j] - code * (double)step;
        codes[j] = (int8_t)code;
        sum += (int32_t)code;
        errors += off * off;
        squares += code * code;
    }
    *offset = 128 * sum;
    return (coded){sqrt(errors), sqrt(squares) * (double)step};
}

static coded encode_two(const float *query, size_t dim, float step, double most, int8_t *high, int8_t *low,
                        int32_t offset[2]) {
    double radix = 2 * most + 1, errors = 0, squares[2] = {0, 0};
    int32_t sum[2] = {0, 0};
    for (size_t j = 0; j < dim; j++) {
        double code = whole((double)query[j] / (double)step, most * radix + most);
        double off = (double)query[j] - code * (double)step;
        double first = nearbyint(code / radix), second = code - first * radix;
        high[j] = (int8_t)first;
        low[j] = (int8_t)second;
        sum[0] += (int32_t)first;
        sum[1] += (int32_t)second;
        errors += off * off;
        squares[0] += first * first;
        squares[1] += second * second;
    }
    offset[0] = 128 * sum[0];
    offset[1] = 128 * sum[1];
    return (coded){sqrt(errors), (radix * sqrt(squares[0]) + sqrt(squares[1])) * (double)step};
}

/* A float32 sum of products is off by no more than its rounding, in any order and fused or not: Higham, Accuracy and
 * Stability of Numerical Algorithms, 3.1. Eight more roundings are allowed for: the side number, the conversions. */
static quant_bound bound_of(const index_run *s, double norm, float step, coded c) {
    double unit = (double)(s->dim + 8) * 0x1p-24, rounding = unit / (1 - unit);
    double tiny = (double)(s->dim + 8) * 0x1p-149; /* of products that underflow */
    if (s->view->metric != SEARCH_L2) tiny *= QUANT_MOST;
    return (quant_bound){.error = rounded_up(norm * (1 + rounding)),
                         .norm = rounded_up(c.error + rounding * norm + 0x1p-22 * c.height),
                         .centre = rounded_up((rounding + 0x1p-36) * norm),
                         .fixed = rounded_up(fmax(tiny, 0x1p-100)),
                         .step = step};
}

void index_prepare_query(index_run *s, size_t q, const float *query) {
    index_query *out = s->queries + q;
    float *single = s->single + q * s->dim;
    size_t size = s->groups * QUANT_GROUP;
    int8_t *codes = s->codes + 3 * q * size;
    double largest, most;
    out->norm = search_prepare(s->view->metric, SCAN_SINGLE, query, s->dim, single);
    if (s->has_double) search_prepare(s->view->metric, SCAN_DOUBLE, query, s->dim, s->wide + q * s->dim);
    double norm = norm_of(single, s->dim, &most);
    memset(codes, 0, 3 * size);
    for (size_t p = 0; p < 3; p++) out->codes[p] = codes + p * size;
    atomic_init(&out->left, !(norm <= QUANT_MOST));
    if (index_has_left(out)) return;
    float step = step_for_one(s, single, most, &largest);
    out->one = bound_of(s, norm, step, encode_one(single, s->dim, step, largest, codes, out->offset));
    largest = s->quant->query_max;
    step = step_for(most, largest * (2 * largest + 2));
    out->two = bound_of(s, norm, step,
                        encode_two(single, s->dim, step, largest, codes + size, codes + 2 * size, out->offset + 1));
}

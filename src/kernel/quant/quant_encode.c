/* Quantising rows: in doubles, a row a lane, every sum in one order, so that all machines write the same codes. */
#include "kernel/quant/quant.h"
#include "kernel/scan/scan_element.h"

#include <math.h>

typedef double lanes[QUANT_ROWS]; /* a number for each row of a block */

/* COUNT rows from P on to Y [dim, QUANT_ROWS]. */
#define LOAD(NAME, SIZE)                                                                                             \
    static void rows_##NAME(const uint8_t *p, size_t count, size_t dim, bool transposed, size_t stride, double *y) { \
        for (size_t i = 0; !transposed && i < count; i++)                                                            \
            for (size_t j = 0; j < dim; j++)                                                                         \
                y[j * QUANT_ROWS + i] = (double)element_##NAME(p + i * stride + j * SIZE);                           \
        for (size_t j = 0; transposed && j < dim; j++)                                                               \
            for (size_t i = 0; i < count; i++)                                                                       \
                y[j * QUANT_ROWS + i] = (double)element_##NAME(p + j * stride + i * SIZE);                           \
    }
LOAD(f32, 4)
LOAD(f64, 8)
LOAD(f16, 2)
LOAD(bf16, 2)
LOAD(i8, 1)

static void load(const scan_rows *r, scan_type type, bool transposed, size_t first, size_t count, double *y) {
    static void (*const loads[SCAN_TYPES])(const uint8_t *, size_t, size_t, bool, size_t,
                                           double *) = {rows_f32, rows_f64, rows_f16, rows_bf16, rows_i8};
    const uint8_t *p = r->data + first * (transposed ? scan_type_size(type) : r->stride);
    if (count < QUANT_ROWS) memset(y, 0, r->dim * sizeof(lanes));
    loads[type](p, count, r->dim, transposed, r->stride, y);
}

static void add_squares(const double *y, size_t dim, lanes sum) {
    for (size_t i = 0; i < QUANT_ROWS; i++) sum[i] = 0;
    for (size_t j = 0; j < dim; j++)
        for (size_t i = 0; i < QUANT_ROWS; i++) sum[i] += y[j * QUANT_ROWS + i] * y[j * QUANT_ROWS + i];
}

/* The score is minus infinity whatever the row holds. */
static bool is_dead(scan_factor factor, float side) {
    return factor != SCAN_PLAIN && (isnan(side) || (factor == SCAN_MINUS && side == INFINITY));
}

static void clear_row(double *y, size_t dim, size_t i) {
    for (size_t j = 0; j < dim; j++) y[j * QUANT_ROWS + i] = 0;
}

/* Makes of the rows in Y what is compared: dead rows are zeros, and so are those that no bound can hold for. Returns
 * whether there is one of those. *low is the head's; *live has a bit for each other row. */
static bool apply_sides(const scan_rows *r, size_t first, size_t count, double *y, float *low, uint32_t *live) {
    bool wild = false;
    *live = 0;
    lanes factor, squares;
    add_squares(y, r->dim, squares);
    *low = r->factor == SCAN_MINUS ? QUANT_MOST_SIDE : 0;
    for (size_t i = 0; i < QUANT_ROWS; i++) {
        float side = i < count && r->factor != SCAN_PLAIN ? side_of(r, first + i) : 1;
        bool dead = is_dead(r->factor, side);
        factor[i] = r->factor == SCAN_TIMES && !dead ? (double)side : 1;
        const double most = QUANT_MOST * QUANT_MOST;
        bool fits = squares[i] <= most && factor[i] * factor[i] <= most && squares[i] * factor[i] * factor[i] <= most &&
                    (r->factor != SCAN_MINUS || fabsf(side) <= QUANT_MOST_SIDE);
        wild |= !fits && !dead;
        if (!fits || dead) {
            clear_row(y, r->dim, i);
            factor[i] = 1;
        } else if (i < count) {
            *live |= (uint32_t)1 << i;
            if (r->factor == SCAN_MINUS) *low = fminf(*low, side - 2 * QUANT_SIDE_ROUNDING * fabsf(side));
        }
    }
    for (size_t j = 0; r->factor == SCAN_TIMES && j < r->dim; j++)
        for (size_t i = 0; i < QUANT_ROWS; i++) y[j * QUANT_ROWS + i] *= factor[i];
    return wild;
}

static double largest(const lanes of) {
    double most = 0;
    for (size_t i = 0; i < QUANT_ROWS; i++) most = fmax(most, of[i]);
    return most;
}

static float scale_for(const double *y, size_t dim) {
    lanes most = {0};
    for (size_t j = 0; j < dim; j++)
        for (size_t i = 0; i < QUANT_ROWS; i++) {
            double size = fabs(y[j * QUANT_ROWS + i]);
            most[i] = size > most[i] ? size : most[i];
        }
    return fmaxf((float)(largest(most) / 127), QUANT_LEAST_STEP);
}

/* Codes of dimension J, and what their squares and the squares of the errors add. */
static void encode_dimension(const double *y, float scale, uint8_t *codes, lanes errors, lanes norms) {
    const double nearest = 0x1.8p52, by = 1 / (double)scale; /* adding and subtracting it rounds to a whole number */
    double whole[QUANT_ROWS];
    for (size_t i = 0; i < QUANT_ROWS; i++) {
        double code = (y[i] * by + nearest) - nearest;
        code = code > 127 ? 127 : code;
        code = code < -127 ? -127 : code;
        double value = code * (double)scale, off = y[i] - value;
        whole[i] = code;
        errors[i] += off * off;
        norms[i] += value * value;
    }
    for (size_t i = 0; i < QUANT_ROWS; i++) codes[i * QUANT_GROUP] = (uint8_t)((int)whole[i] + 128);
}

/* SIZE, a square root of a sum in doubles, as a float32 that is not below what it stands for. */
static float rounded_up(double size) {
    return nextafterf((float)(size * (1 + 0x1p-30)), INFINITY);
}

/* The rows of a block as they are compared, and what is known of them. */
typedef struct block {
    double *y; /* [dim, QUANT_ROWS] */
    size_t dim;
    float low;
    uint32_t live;
    bool wild, rounded; /* of a float64 row times its side number only the rounded product is known */
} block;

static block load_block(const scan_rows *r, scan_type type, bool transposed, size_t first, double *y) {
    block b = {.y = y, .dim = r->dim, .rounded = type == SCAN_F64};
    size_t count = min_size(QUANT_ROWS, r->count - first);
    load(r, type, transposed, first, count, y);
    b.wild = apply_sides(r, first, count, y, &b.low, &b.live);
    return b;
}

static void subtract(block *b, const float *centre) {
    for (size_t j = 0; j < b->dim; j++)
        for (size_t i = 0; i < QUANT_ROWS; i++) b->y[j * QUANT_ROWS + i] -= (double)centre[j];
    for (size_t i = 0; i < QUANT_ROWS; i++)
        if (!(b->live >> i & 1)) clear_row(b->y, b->dim, i);
}

/* LENGTH is that of what was subtracted. */
static quant_head encode(const block *b, float length, uint8_t *codes) {
    float scale = scale_for(b->y, b->dim);
    lanes errors = {0}, norms = {0};
    memset(codes, 128, quant_block_bytes(b->dim));
    for (size_t j = 0; j < b->dim; j++)
        encode_dimension(b->y + j * QUANT_ROWS, scale,
                         codes + j / QUANT_GROUP * QUANT_ROWS * QUANT_GROUP + j % QUANT_GROUP, errors, norms);
    double norm = sqrt(largest(norms)), error = sqrt(largest(errors));
    if (b->rounded || length > 0) error += (norm + (double)length) * 0x1p-50;
    return (quant_head){
        .scale = scale, .error = b->wild ? INFINITY : rounded_up(error), .norm = rounded_up(norm), .low = b->low};
}

quant_head quant_encode(const scan_rows *r, scan_type type, bool transposed, size_t first, const quant_centre *centre,
                        double *scratch, uint8_t *codes) {
    block b = load_block(r, type, transposed, first, scratch);
    if (centre->length > 0) subtract(&b, centre->at);
    return encode(&b, centre->length, codes);
}

/* ---- centres */

/* Adds the rows of B to SUMS [dim]; returns how many. */
static size_t add_rows(const block *b, double *sums) {
    for (size_t j = 0; j < b->dim; j++)
        for (size_t i = 0; i < QUANT_ROWS; i++) sums[j] += b->y[j * QUANT_ROWS + i];
    size_t live = 0;
    for (uint32_t left = b->live; left; left &= left - 1) live++;
    return live;
}

static float length_of(const float *centre, size_t dim) {
    double squares = 0;
    for (size_t j = 0; j < dim; j++) squares += (double)centre[j] * (double)centre[j];
    return squares > 0 ? rounded_up(sqrt(squares)) : 0;
}

/* Whether codes of the block at FIRST are worth the centre's own rounding. */
static bool is_finer(const scan_rows *r, scan_type type, bool transposed, size_t first, const quant_centre *centre,
                     double *scratch, uint8_t *codes) {
    block b = load_block(r, type, transposed, first, scratch);
    float plain = encode(&b, 0, codes).error;
    subtract(&b, centre->at);
    return encode(&b, centre->length, codes).error < 0.9f * plain;
}

quant_centre quant_find_centre(const scan_rows *r, scan_type type, bool transposed, size_t first, double *scratch,
                               uint8_t *codes, float *at) {
    enum { LEAST_SHARE = 64 }; /* of the rows' mean square: a centre that is less is hardly any */
    double *sums = scratch + r->dim * QUANT_ROWS, total = 0;
    size_t live = 0, end = min_size(r->count, first + QUANT_RUN * QUANT_ROWS);
    for (size_t j = 0; j < r->dim; j++) sums[j] = 0;
    for (size_t row = first; row < end; row += QUANT_ROWS) {
        block b = load_block(r, type, transposed, row, scratch);
        lanes squares;
        add_squares(b.y, b.dim, squares);
        for (size_t i = 0; i < QUANT_ROWS; i++) total += squares[i];
        live += add_rows(&b, sums);
    }
    for (size_t j = 0; j < r->dim; j++) at[j] = live > 0 ? (float)(sums[j] / (double)live) : 0;
    quant_centre centre = {at, length_of(at, r->dim)};
    double square = (double)centre.length * (double)centre.length * (double)live;
    if (centre.length > 0 && square * LEAST_SHARE > total &&
        is_finer(r, type, transposed, first, &centre, scratch, codes))
        return centre;
    memset(at, 0, r->dim * sizeof *at);
    return (quant_centre){at, 0};
}

/* Random numbers of laws with parameters: gamma, Poisson, bounded normal, categories, orders. */
#include "kernel/random/law.h"

#include "base/num.h"
#include "kernel/cast/cast.h"
#include "kernel/random/random.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/random_source.h"
#include "op/runs.h"

#include <math.h>

enum { GRAIN = 256, GAMMA = 1, POISSON, LAW_MASK = 15, SOURCE = 16 };

/* ---- gamma and Poisson: samples for each parameter */

typedef struct law_work {
    law_draw draw;
    law_fn fill;
} law_work;

static void run_part(void *ctx, int64_t first, int64_t n) {
    const law_work *w = ctx;
    w->fill(&w->draw, first, n);
}

/* The output's dims: those asked for and then the parameters', or for stateless ops, those asked for, which must end
 * with the parameters'. */
static inlay_status law_dims(const op_call *c, const tensor *parameters, random_source from, shape *dims,
                             int64_t *samples, inlay_error *err) {
    const shape *own = &parameters->dims;
    int64_t count;
    TRY(random_dims(c, 0, dims, samples, err));
    if (from == FROM_NODE) {
        if (dims->rank + own->rank > INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
        for (int i = 0; i < own->rank; i++) dims->dims[dims->rank++] = own->dims[i];
        if (!shape_elements(dims, &count) || count > INT64_MAX / (4 * RANDOM_RESERVED))
            return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
        return INLAY_OK;
    }
    bool fits = own->rank <= dims->rank;
    for (int i = 0; fits && i < own->rank; i++) fits = own->dims[i] == dims->dims[dims->rank - own->rank + i];
    if (!fits) return fail(err, INLAY_INVALID_ARGUMENT, "Shape passed in must end with broadcasted shape.");
    *samples = parameters->count ? *samples / parameters->count : 0;
    return INLAY_OK;
}

/* A rate that is no number would be refused for ever. */
static inlay_status check_rates(const tensor *rates, inlay_error *err) {
    for (int64_t i = 0; i < rates->count; i++) {
        double rate = 0;
        size_t width = dtype_size(rates->type);
        cast_run(&rate, INLAY_FLOAT64, rates->data + (size_t)i * width, rates->type, 1);
        if (isnan(rate)) return fail(err, INLAY_INVALID_ARGUMENT, "rate %lld is NaN", (long long)i);
    }
    return INLAY_OK;
}

static inlay_status law_run(op_call *c, inlay_error *err) {
    random_source from = (random_source)(c->node->impl->detail / SOURCE);
    const tensor *parameters = c->in[c->node->in.count - 1];
    law_work w = {.draw = {.parameters = parameters->data, .parameter_type = parameters->type}};
    shape dims;
    tensor *out;
    bool poisson = (c->node->impl->detail & LAW_MASK) == POISSON;
    w.draw.type = c->node->out.items[0].type;
    w.fill = poisson ? law_poisson : law_gamma;
    if (!(poisson ? cast_can(w.draw.type, INLAY_FLOAT64) : dtype_is_float(w.draw.type)))
        return op_unsupported(c, w.draw.type, err);
    TRY(law_dims(c, parameters, from, &dims, &w.draw.samples, err));
    TRY(op_output(c, 0, &dims, &out, err));
    if (out->count == 0) return INLAY_OK;
    if (poisson) TRY(check_rates(parameters, err));
    w.draw.n = parameters->count;
    w.draw.out = out->data;
    TRY(random_start(c, from, 1, (uint64_t)out->count * RANDOM_RESERVED, &w.draw.start, err));
    op_parallel(out->count, GRAIN, run_part, &w);
    return INLAY_OK;
}

/* ---- normal numbers within bounds: each row of the output has its own, or all share one */

typedef struct bounded_rows {
    const tensor *given[4]; /* mean, deviation, low, high */
    int64_t rows, width, count;
} bounded_rows;

enum { SHARED_WIDTH = 100 }; /* how TensorFlow cuts an output whose parameters are scalars */

static inlay_status read_rows(const op_call *c, int first, const shape *dims, int64_t count, bounded_rows *b,
                              inlay_error *err) {
    static const char *const names[] = {"means", "stddevs", "minvals", "maxvals"};
    char text[SHAPE_TEXT];
    bool shared = true;
    b->rows = dims->rank ? dims->dims[0] : 1;
    b->width = op_span(dims, 1, dims->rank);
    b->count = count;
    for (int i = 0; i < 4; i++) {
        const tensor *t = b->given[i] = c->in[first + i];
        if (t->dims.rank > 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "Input %s should be a scalar or vector, got shape: %s", names[i],
                        shape_text(&t->dims, text));
        if (t->count != 1 || (i >= 2 && t->dims.rank)) shared = false;
        if (t->count != 1 && t->count != b->rows)
            return fail(err, INLAY_INVALID_ARGUMENT, "Input %s should have length 1 or shape[0], got shape: %s",
                        names[i], shape_text(&t->dims, text));
    }
    if (shared) {
        b->rows = (count + SHARED_WIDTH - 1) / SHARED_WIDTH;
        b->width = SHARED_WIDTH;
    }
    return INLAY_OK;
}

static inlay_status row_parameters(const bounded_rows *b, int64_t row, bounded_normal *n, inlay_error *err) {
    double *const to[] = {&n->mean, &n->deviation, &n->low, &n->high};
    for (int i = 0; i < 4; i++) {
        const tensor *t = b->given[i];
        size_t at = t->count == 1 ? 0 : (size_t)row;
        cast_run(to[i], INLAY_FLOAT64, t->data + at * dtype_size(t->type), t->type, 1);
    }
    if (n->deviation > 0 && n->low < n->high && (isfinite(n->low) || isfinite(n->high))) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "Invalid parameters");
}

static inlay_status bounded_run(op_call *c, inlay_error *err) {
    random_source from = (random_source)(c->node->impl->detail / SOURCE);
    bounded_rows b;
    shape dims;
    int64_t count;
    tensor *out;
    philox p;
    dtype t = c->node->out.items[0].type;
    bounded_fn fill = law_bounded_normal(t);
    if (!fill) return op_unsupported(c, t, err);
    TRY(random_dims(c, 0, &dims, &count, err));
    TRY(op_output(c, 0, &dims, &out, err));
    TRY(read_rows(c, from == FROM_NODE ? 1 : 2, &dims, count, &b, err));
    TRY(random_start(c, from, 1, (uint64_t)b.rows * 2 * 1000 * (uint64_t)(b.width + 3) / 4, &p, err));
    for (int64_t row = 0; row < b.rows; row++) {
        int64_t first = row * b.width;
        bounded_normal n = {.count = min_i64(b.width, count - first), .out = out->data + (size_t)first * dtype_size(t)};
        TRY(row_parameters(&b, row, &n, err));
        TRY(op_check_stop(c, err));
        if (!fill(&n, &p)) return fail(err, INLAY_INTERNAL, "TruncatedNormal failed to accept a sample");
    }
    return INLAY_OK;
}

/* ---- categories by the exponentials of logits [batch, classes] */

/* SUMS [classes]: of the exponentials up to each, over that of the greatest; classes that are not finite add nothing.
 */
static double sum_up(const double *logits, int64_t classes, double *sums) {
    double most = -INFINITY, total = 0;
    for (int64_t i = 0; i < classes; i++)
        if (isfinite(logits[i]) && logits[i] > most) most = logits[i];
    for (int64_t i = 0; i < classes; i++) {
        if (isfinite(logits[i])) total += exp(logits[i] - most);
        sums[i] = total;
    }
    return total;
}

/* The first class whose sum is beyond X. */
static int64_t class_of(const double *sums, int64_t classes, double x) {
    int64_t low = 0, high = classes;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Two numbers of a block make one in [0, 1). */
typedef struct unit_stream {
    philox p;
    uint32_t block[4];
    bool half;
} unit_stream;

static double next_unit(unit_stream *s) {
    if (!s->half) philox_next(&s->p, s->block);
    s->half = !s->half;
    return s->half ? random_unit(s->block[0], s->block[1]) : random_unit(s->block[2], s->block[3]);
}

static inlay_status draw_classes(op_call *c, unit_stream *s, int64_t samples, tensor *out, inlay_error *err) {
    const tensor *logits = c->in[0];
    int64_t batch = logits->dims.dims[0], classes = logits->dims.dims[1];
    double *row = mem_array((size_t)classes * 2, sizeof *row), *sums = row + classes;
    inlay_status status = row ? INLAY_OK : fail_memory(err);
    for (int64_t b = 0; b < batch && status == INLAY_OK; b++) {
        const uint8_t *from = logits->data + (size_t)(b * classes) * dtype_size(logits->type);
        status = op_check_stop(c, err);
        if (!cast_run(row, INLAY_FLOAT64, from, logits->type, (size_t)classes))
            status = op_unsupported(c, logits->type, err);
        double total = sum_up(row, classes, sums);
        for (int64_t i = 0; i < samples && status == INLAY_OK; i++) {
            int64_t found = class_of(sums, classes, next_unit(s) * total);
            cast_run(out->data + (size_t)(b * samples + i) * dtype_size(out->type), out->type, &found, INLAY_INT64, 1);
        }
    }
    mem_free(row);
    return status;
}

/* One batch after another, as TensorFlow does it with one thread; with more its result depends on them. */
static inlay_status multinomial_run(op_call *c, inlay_error *err) {
    random_source from = (random_source)(c->node->impl->detail / SOURCE);
    const tensor *logits = c->in[0];
    int64_t samples, count;
    tensor *out;
    unit_stream s = {0};
    if (logits->dims.rank != 2) return fail(err, INLAY_INVALID_ARGUMENT, "logits should be a matrix");
    if (c->in[1]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "num_samples should be a scalar");
    TRY(tensor_scalar_int(c->in[1], "num_samples", &samples, err));
    if (samples < 0) return fail(err, INLAY_INVALID_ARGUMENT, "num_samples should be non-negative");
    if (logits->dims.dims[1] == 0) return fail(err, INLAY_INVALID_ARGUMENT, "num_classes should be positive");
    shape dims = shape_matrix(logits->dims.dims[0], samples);
    if (!shape_elements(&dims, &count) || count > INT64_MAX / (16 * RANDOM_RESERVED))
        return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    TRY(op_output(c, 0, &dims, &out, err));
    if (count == 0) return INLAY_OK;
    uint64_t numbers = (uint64_t)dims.dims[0] * (uint64_t)((samples + 3) / 4 * 4 * 2);
    TRY(random_start(c, from, 2, numbers * RANDOM_RESERVED, &s.p, err));
    return draw_classes(c, &s, samples, out, err);
}

/* ---- rows in another order (Fisher and Yates) */

static void shuffle(philox p, int64_t *order, int64_t n) {
    uint32_t block[4];
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = 0; i + 1 < n; i++) {
        if (i % 4 == 0) philox_next(&p, block);
        int64_t other = i + block[i % 4] % (uint32_t)(n - i), moved = order[i];
        order[i] = order[other];
        order[other] = moved;
    }
}

static inlay_status shuffle_run(op_call *c, inlay_error *err) {
    tensor *in = c->in[0];
    int64_t n = in->dims.rank ? in->dims.dims[0] : 1;
    if (in->count <= 1 || n <= 1) {
        op_give(c, 0, tensor_retain(in));
        return INLAY_OK;
    }
    if (n > UINT32_MAX) return fail(err, INLAY_UNIMPLEMENTED, "%lld rows are too many to shuffle", (long long)n);
    philox p;
    TRY(random_start(c, FROM_NODE, 0, (uint64_t)(n + 2) / 4, &p, err));
    int64_t *order = mem_array((size_t)n, sizeof *order), width = in->count / n;
    if (!order) return fail_memory(err);
    shuffle(p, order, n);
    run_writer w;
    inlay_status status = runs_begin(&w, c, 0, &in->dims, err);
    if (status == INLAY_OK) {
        for (int64_t i = 0; i < n && status == INLAY_OK; i++) status = runs_copy(&w, in, order[i] * width, width, err);
        status = runs_end(&w, status, err);
    }
    mem_free(order);
    return status;
}

#define NODE(op, function, law) \
    { op, .run = function, .prepare = random_prepare, .dispose = random_dispose, .detail = law + SOURCE * FROM_NODE }
#define GIVEN(op, function, law, from) \
    { op, .run = function, .detail = law + SOURCE * from }
const op_impl random_law_impls[] = {
    NODE("RandomGamma", law_run, GAMMA),
    GIVEN("StatelessRandomGammaV2", law_run, GAMMA, FROM_SEED),
    GIVEN("StatelessRandomGammaV3", law_run, GAMMA, FROM_KEY),
    NODE("RandomPoisson", law_run, POISSON),
    NODE("RandomPoissonV2", law_run, POISSON),
    GIVEN("StatelessRandomPoisson", law_run, POISSON, FROM_SEED),
    NODE("ParameterizedTruncatedNormal", bounded_run, 0),
    GIVEN("StatelessParameterizedTruncatedNormal", bounded_run, 0, FROM_SEED),
    NODE("Multinomial", multinomial_run, 0),
    GIVEN("StatelessMultinomial", multinomial_run, 0, FROM_SEED),
    NODE("RandomShuffle", shuffle_run, 0),
};
OP_FAMILY_END(random_law);

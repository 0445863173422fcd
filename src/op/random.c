/* Tensors of independent numbers, uniform, normal or any bits, and the generators behind them. */
#include "kernel/random/random.h"

#include "base/num.h"
#include "kernel/cast/cast.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/random_source.h"

enum { GRAIN = 4096, KIND_MASK = 15, SOURCE = 16 };

/* Which inputs are the shape, what the numbers start from, and the least of the integers. */
static const struct {
    int shape, start, low;
} inputs[] = {
    [FROM_NODE] = {0, -1, 1},
    [FROM_SEED] = {0, 1, 2},
    [FROM_KEY] = {0, 1, 4},
    [FROM_VARIABLE] = {2, 0, 3},
};

typedef struct random_work {
    random_draw draw;
    random_fn fill;
} random_work;

static void run_part(void *ctx, int64_t first, int64_t n) {
    const random_work *w = ctx;
    w->fill(&w->draw, first, n);
}

/* [low, high) of the integers, from two scalars. */
static inlay_status read_range(const op_call *c, int low_at, random_draw *d, inlay_error *err) {
    const tensor *low = c->in[low_at], *high = c->in[low_at + 1];
    dtype t = low->type;
    uint64_t from, to;
    if (low->dims.rank != 0 || high->dims.rank != 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "minval and maxval must be 0-D");
    if (!cast_run(&from, INLAY_INT64, low->data, t, 1) || !cast_run(&to, INLAY_INT64, high->data, t, 1))
        return op_unsupported(c, t, err);
    bool rising = t == INLAY_UINT64 ? from < to : (int64_t)from < (int64_t)to;
    if (!rising)
        return fail(err, INLAY_INVALID_ARGUMENT, "Need minval < maxval, got %lld >= %lld", (long long)from,
                    (long long)to);
    d->low = from;
    d->range = to - from;
    return INLAY_OK;
}

static inlay_status random_run(op_call *c, inlay_error *err) {
    random_source from = (random_source)(c->node->impl->detail / SOURCE);
    random_work w = {.draw.kind = (random_kind)(c->node->impl->detail & KIND_MASK)};
    dtype t = c->node->out.items[0].type;
    shape dims;
    tensor *out;
    int64_t group;
    w.fill = random_function(w.draw.kind, t, &group);
    if (!w.fill) return op_unsupported(c, t, err);
    TRY(random_dims(c, inputs[from].shape, &dims, &w.draw.count, err));
    TRY(op_output(c, 0, &dims, &out, err));
    if (out->count == 0 && from < FROM_VARIABLE) return INLAY_OK;
    if (w.draw.kind == RANDOM_INT) TRY(read_range(c, inputs[from].low, &w.draw, err));
    uint64_t blocks = (uint64_t)out->count * RANDOM_RESERVED;
    TRY(random_start(c, from, inputs[from].start, blocks, &w.draw.start, err));
    w.draw.out = out->data;
    op_parallel((out->count + group - 1) / group, GRAIN, run_part, &w);
    return INLAY_OK;
}

/* ---- generators */

static inlay_status key_counter_run(op_call *c, inlay_error *err) {
    philox start;
    shape one = shape_vector(1), two = shape_vector(2), scalar = shape_scalar();
    tensor *key, *counter, *algorithm;
    TRY(random_of_seed(c->in[0], &start, err));
    TRY(op_output(c, 0, &one, &key, err));
    TRY(op_output(c, 1, &two, &counter, err));
    store_u64(key->data, philox_word(start.key));
    store_u64(counter->data, philox_word(start.counter));
    store_u64(counter->data + 8, philox_word(start.counter + 2));
    if (c->node->out.count < 3) return INLAY_OK;
    TRY(op_output(c, 2, &scalar, &algorithm, err));
    tensor_i32(algorithm)[0] = RANDOM_PHILOX;
    return INLAY_OK;
}

static inlay_status algorithm_run(op_call *c, inlay_error *err) {
    shape scalar = shape_scalar();
    tensor *algorithm;
    TRY(op_output(c, 0, &scalar, &algorithm, err));
    tensor_i32(algorithm)[0] = RANDOM_PHILOX;
    return INLAY_OK;
}

/* RngReadAndSkip gives the state that RngSkip only moves on. */
static inlay_status skip_run(op_call *c, inlay_error *err) {
    int64_t algorithm;
    philox before;
    tensor *out;
    if (c->in[1]->dims.rank != 0 || c->in[2]->dims.rank != 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "algorithm and delta must be scalars");
    TRY(tensor_scalar_int(c->in[1], "algorithm", &algorithm, err));
    uint64_t blocks = load_u64(c->in[2]->data) * RANDOM_RESERVED;
    TRY(random_advance(c->in[0], algorithm, blocks, &before, err));
    if (c->node->out.count == 0) return INLAY_OK;
    shape dims = shape_vector(3);
    TRY(op_output(c, 0, &dims, &out, err));
    store_u64(out->data, philox_word(before.counter));
    store_u64(out->data + 8, philox_word(before.counter + 2));
    store_u64(out->data + 16, philox_word(before.key));
    return INLAY_OK;
}

static inlay_status any_ints_run(op_call *c, inlay_error *err) {
    dtype t = c->node->out.items[0].type;
    random_draw d = {.kind = RANDOM_BITS};
    shape dims;
    tensor *out;
    int64_t group;
    random_fn fill = random_function(RANDOM_BITS, t, &group);
    if (!fill) return op_unsupported(c, t, err);
    TRY(random_dims(c, 0, &dims, &d.count, err));
    TRY(random_of_system(&d.start, err));
    TRY(op_output(c, 0, &dims, &out, err));
    d.out = out->data;
    fill(&d, 0, (out->count + group - 1) / group);
    return INLAY_OK;
}

#define NODE(op, kind) \
    { op, .run = random_run, .prepare = random_prepare, .dispose = random_dispose, .detail = kind + SOURCE * FROM_NODE }
#define GIVEN(op, kind, from) \
    { op, .run = random_run, .detail = kind + SOURCE * from }
const op_impl random_impls[] = {
    NODE("RandomUniform", RANDOM_UNIFORM),
    NODE("RandomStandardNormal", RANDOM_NORMAL),
    NODE("TruncatedNormal", RANDOM_TRUNCATED),
    NODE("RandomUniformInt", RANDOM_INT),
    GIVEN("StatelessRandomUniform", RANDOM_UNIFORM, FROM_SEED),
    GIVEN("StatelessRandomNormal", RANDOM_NORMAL, FROM_SEED),
    GIVEN("StatelessTruncatedNormal", RANDOM_TRUNCATED, FROM_SEED),
    GIVEN("StatelessRandomUniformInt", RANDOM_INT, FROM_SEED),
    GIVEN("StatelessRandomUniformFullInt", RANDOM_BITS, FROM_SEED),
    GIVEN("StatelessRandomUniformV2", RANDOM_UNIFORM, FROM_KEY),
    GIVEN("StatelessRandomNormalV2", RANDOM_NORMAL, FROM_KEY),
    GIVEN("StatelessTruncatedNormalV2", RANDOM_TRUNCATED, FROM_KEY),
    GIVEN("StatelessRandomUniformIntV2", RANDOM_INT, FROM_KEY),
    GIVEN("StatelessRandomUniformFullIntV2", RANDOM_BITS, FROM_KEY),
    GIVEN("StatefulUniform", RANDOM_UNIFORM, FROM_VARIABLE),
    GIVEN("StatefulStandardNormalV2", RANDOM_NORMAL, FROM_VARIABLE),
    GIVEN("StatefulTruncatedNormal", RANDOM_TRUNCATED, FROM_VARIABLE),
    GIVEN("StatefulUniformInt", RANDOM_INT, FROM_VARIABLE),
    GIVEN("StatefulUniformFullInt", RANDOM_BITS, FROM_VARIABLE),
    {"StatelessRandomGetKeyCounter", .run = key_counter_run},
    {"StatelessRandomGetKeyCounterAlg", .run = key_counter_run},
    {"StatelessRandomGetAlg", .run = algorithm_run},
    {"RngReadAndSkip", .run = skip_run},
    {"RngSkip", .run = skip_run},
    {"NonDeterministicInts", .run = any_ints_run},
};
OP_FAMILY_END(random);

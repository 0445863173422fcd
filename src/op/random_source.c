#include "op/random_source.h"

#include "base/num.h"
#include "kernel/cast/cast.h"
#include "kernel/random/random.h"

#include <sys/random.h>

/* ---- kept for a node */

typedef struct generator {
    resource base;
    pthread_mutex_t lock;
    philox state;
} generator;

static void generator_destroy(resource *r) {
    generator *g = (generator *)r;
    pthread_mutex_destroy(&g->lock);
    mem_free(g);
}

static const resource_kind generator_kind = {"random generator", generator_destroy};

inlay_status random_of_system(philox *out, inlay_error *err) {
    uint64_t seeds[2];
    if (getrandom(seeds, sizeof seeds, 0) != sizeof seeds)
        return fail(err, INLAY_UNAVAILABLE, "the system gives no random numbers");
    *out = philox_of_seeds(seeds[0], seeds[1]);
    return INLAY_OK;
}

static inlay_status make_generator(void *ctx, resource **out, inlay_error *err) {
    const int64_t *seeds = ctx;
    philox state = philox_of_seeds((uint64_t)seeds[0], (uint64_t)seeds[1]);
    if (seeds[0] == 0 && seeds[1] == 0) TRY(random_of_system(&state, err));
    generator *g = mem_zalloc(1, sizeof *g);
    if (!g) return fail_memory(err);
    if (pthread_mutex_init(&g->lock, NULL) != 0) {
        mem_free(g);
        return fail_memory(err);
    }
    atomic_init(&g->base.refs, 1);
    g->base.kind = &generator_kind;
    g->state = state;
    *out = &g->base;
    return INLAY_OK;
}

/* The session knows it by the node's name, in a container that no graph can name. */
inlay_status random_prepare(op_node *node, op_setting *setting, inlay_error *err) {
    int64_t seeds[2];
    resource *r;
    TRY(attr_int(&node->attributes, "seed", &seeds[0], err));
    TRY(attr_int(&node->attributes, "seed2", &seeds[1], err));
    TRY(resource_find_or_make(setting->host->resources, bytes_make("\0random", 7), bytes_of(node->name),
                              &generator_kind, make_generator, seeds, &r, err));
    node->state = r;
    return INLAY_OK;
}

void random_dispose(op_node *node) {
    resource_release(node->state);
}

/* ---- given */

inlay_status random_of_seed(const tensor *t, philox *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    uint64_t seed[2];
    if (t->dims.rank != 1 || t->count != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "seed must have shape [2], not %s", shape_text(&t->dims, text));
    if (!dtype_is_integer(t->type) || !cast_run(seed, INLAY_INT64, t->data, t->type, 2))
        return fail(err, INLAY_INVALID_ARGUMENT, "seed is %s", dtype_name(t->type));
    philox mixer = philox_of_words(seed[0], seed[1], 0x02461e293ec8f720u); /* TensorFlow's own constant */
    uint32_t mixed[4];
    philox_next(&mixer, mixed);
    *out = (philox){{0, 0, mixed[2], mixed[3]}, {mixed[0], mixed[1]}};
    return INLAY_OK;
}

static inlay_status check_algorithm(int64_t algorithm, inlay_error *err) {
    if (algorithm == RANDOM_PHILOX || algorithm == RANDOM_ANY_ALGORITHM) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "Unsupported algorithm id: %lld", (long long)algorithm);
}

static inlay_status from_key(const op_call *c, int input, philox *out, inlay_error *err) {
    const tensor *key = c->in[input], *counter = c->in[input + 1];
    char text[SHAPE_TEXT];
    int64_t algorithm;
    TRY(tensor_scalar_int(c->in[input + 2], "alg", &algorithm, err));
    if (key->dims.rank != 1 || key->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "key must have shape [1], not %s", shape_text(&key->dims, text));
    if (counter->dims.rank != 1 || counter->count < 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "counter must be a vector with length at least 2, not %s",
                    shape_text(&counter->dims, text));
    TRY(check_algorithm(algorithm, err));
    *out = philox_of_words(load_u64(counter->data), load_u64(counter->data + 8), load_u64(key->data));
    return INLAY_OK;
}

/* ---- kept in a variable */

static inlay_status check_state(const variable *v, int64_t algorithm, inlay_error *err) {
    const tensor *state = v->value;
    if (!state)
        return fail(err, INLAY_FAILED_PRECONDITION, "variable '%s' has no value: nothing was restored or assigned",
                    v->base.name);
    if (state->type != INLAY_INT64 || state->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "variable '%s' is no state of a generator: that is an int64 vector",
                    v->base.name);
    TRY(check_algorithm(algorithm, err));
    if (state->count < 3)
        return fail(err, INLAY_INVALID_ARGUMENT, "the state of a generator must be at least 3 numbers; got %lld",
                    (long long)state->count);
    return INLAY_OK;
}

/* Under the lock. */
static inlay_status advance(variable *v, uint64_t blocks, philox *out, inlay_error *err) {
    tensor *changed;
    TRY(tensor_copy(v->value, NULL, &changed, err));
    uint8_t *words = changed->data;
    *out = philox_of_words(load_u64(words), load_u64(words + 8), load_u64(words + 16));
    philox next = *out;
    philox_skip(&next, blocks);
    store_u64(words, philox_word(next.counter));
    store_u64(words + 8, philox_word(next.counter + 2));
    tensor_release(v->value);
    v->value = changed;
    return INLAY_OK;
}

inlay_status random_advance(const tensor *r, int64_t algorithm, uint64_t blocks, philox *out, inlay_error *err) {
    variable *v;
    TRY(variable_of(r, &v, err));
    pthread_mutex_lock(&v->lock);
    inlay_status status = check_state(v, algorithm, err);
    if (status == INLAY_OK) status = advance(v, blocks, out, err);
    pthread_mutex_unlock(&v->lock);
    return status;
}

inlay_status random_start(const op_call *c, random_source from, int input, uint64_t blocks, philox *out,
                          inlay_error *err) {
    int64_t algorithm;
    generator *g = c->node->state;
    switch (from) {
    case FROM_NODE:
        pthread_mutex_lock(&g->lock);
        *out = g->state;
        philox_skip(&g->state, blocks);
        pthread_mutex_unlock(&g->lock);
        return INLAY_OK;
    case FROM_SEED: return random_of_seed(c->in[input], out, err);
    case FROM_KEY: return from_key(c, input, out, err);
    case FROM_VARIABLE: break;
    }
    TRY(tensor_scalar_int(c->in[1], "algorithm", &algorithm, err));
    return random_advance(c->in[0], algorithm, blocks, out, err);
}

inlay_status random_dims(const op_call *c, int i, shape *out, int64_t *count, inlay_error *err) {
    char text[SHAPE_TEXT];
    TRY(op_shape_of(c->in[i], "shape", out, err));
    if (!shape_elements(out, count) || *count > INT64_MAX / (4 * RANDOM_RESERVED))
        return fail(err, INLAY_INVALID_ARGUMENT, "no tensor has the shape %s", shape_text(out, text));
    return INLAY_OK;
}

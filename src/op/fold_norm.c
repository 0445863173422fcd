/* The filter of a convolution, and a bias, with a normalisation by given moments in them: conv(x, filter · s) + bias'
 * is (conv(x, filter) + bias - mean) · s + offset, where s = scale / √(variance + ε). Computed again when one of its
 * inputs is another tensor, as variables may be assigned. */
#include "op/families.h"

#include <math.h>
#include <pthread.h>

enum { INPUTS = 6 }; /* filter, scale, offset, mean, variance, bias */

typedef struct fold_state {
    float epsilon;
    pthread_mutex_t lock;   /* around what follows */
    tensor *inputs[INPUTS]; /* the last ones; holding them keeps other tensors from taking their addresses */
    tensor *filter, *bias;  /* what they came to; NULL: nothing yet */
} fold_state;

static inlay_status fold_prepare(op_node *node, op_setting *s, inlay_error *err) {
    fold_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    TRY(attr_float(&node->attributes, "epsilon", &state->epsilon, err));
    if (pthread_mutex_init(&state->lock, NULL) != 0) return fail_memory(err);
    node->state = state;
    return INLAY_OK;
}

static void forget(fold_state *state) {
    for (int i = 0; i < INPUTS; i++) {
        tensor_release(state->inputs[i]);
        state->inputs[i] = NULL;
    }
    tensor_release(state->filter);
    tensor_release(state->bias);
    state->filter = state->bias = NULL;
}

static void fold_dispose(op_node *node) {
    fold_state *state = node->state;
    forget(state);
    pthread_mutex_destroy(&state->lock);
}

static inlay_status check_sizes(const op_call *c, inlay_error *err) {
    const shape *filter = &c->in[0]->dims;
    int64_t n = c->in[1]->count;
    int rank = filter->rank;
    if (rank < 2 || n == 0 || (filter->dims[rank - 1] != n && filter->dims[rank - 1] * filter->dims[rank - 2] != n))
        return fail(err, INLAY_INVALID_ARGUMENT, "a normalisation of %lld channels does not fit the filter",
                    (long long)n);
    for (int i = 2; i < c->node->in.count; i++)
        if (c->in[i]->count != n)
            return fail(err, INLAY_INVALID_ARGUMENT, "the vectors of a normalisation differ in size");
    return INLAY_OK;
}

/* FILTER and BIAS are of their sizes. */
static inlay_status fold_into(const op_call *c, float epsilon, tensor *filter, tensor *bias, inlay_error *err) {
    const float *scale = tensor_f32(c->in[1]), *offset = tensor_f32(c->in[2]), *mean = tensor_f32(c->in[3]);
    const float *variance = tensor_f32(c->in[4]), *old = c->node->in.count > 5 ? tensor_f32(c->in[5]) : NULL;
    int64_t n = c->in[1]->count;
    float *factor = mem_array((size_t)n, sizeof *factor);
    if (!factor) return fail_memory(err);
    for (int64_t i = 0; i < n; i++) {
        factor[i] = scale[i] / sqrtf(variance[i] + epsilon);
        tensor_f32(bias)[i] = ((old ? old[i] : 0) - mean[i]) * factor[i] + offset[i];
    }
    for (int64_t i = 0; i < filter->count; i++) tensor_f32(filter)[i] = tensor_f32(c->in[0])[i] * factor[i % n];
    mem_free(factor);
    return INLAY_OK;
}

static bool is_known(const fold_state *state, const op_call *c) {
    for (int i = 0; i < c->node->in.count; i++)
        if (state->inputs[i] != c->in[i]) return false;
    return state->filter != NULL;
}

/* Under the lock. */
static inlay_status compute(fold_state *state, const op_call *c, inlay_error *err) {
    if (is_known(state, c)) return INLAY_OK;
    forget(state);
    shape dims = shape_vector(c->in[1]->count);
    TRY(tensor_new(INLAY_FLOAT32, &c->in[0]->dims, NULL, &state->filter, err));
    inlay_status status = tensor_new(INLAY_FLOAT32, &dims, NULL, &state->bias, err);
    if (status == INLAY_OK) status = fold_into(c, state->epsilon, state->filter, state->bias, err);
    if (status != INLAY_OK) {
        forget(state);
        return status;
    }
    for (int i = 0; i < c->node->in.count; i++) state->inputs[i] = tensor_retain(c->in[i]);
    return INLAY_OK;
}

static inlay_status fold_run(op_call *c, inlay_error *err) {
    fold_state *state = c->node->state;
    TRY(check_sizes(c, err));
    pthread_mutex_lock(&state->lock);
    inlay_status status = compute(state, c, err);
    if (status == INLAY_OK) {
        op_give(c, 0, tensor_retain(state->filter));
        op_give(c, 1, tensor_retain(state->bias));
    }
    pthread_mutex_unlock(&state->lock);
    return status;
}

const op_impl fold_norm_impls[] = {
    {"_InlayFoldNorm", .run = fold_run, .prepare = fold_prepare, .dispose = fold_dispose},
};
OP_FAMILY_END(fold_norm);

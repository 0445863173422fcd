/* One number for each stored row: its squared norm, or the number stored for it, taken through some steps. Rows change
 * when a variable is assigned, if ever, so what was computed is kept as long as the rows are the same tensor. */
#include "op/row_side.h"

#include "base/num.h"
#include "op/families.h"
#include "op/parallel.h"

#include <math.h>
#include <pthread.h>

enum {
    GRAIN = 1 << 16, /* elements */
    BLOCK = 512      /* rows: their sums stay in the cache */
};

typedef struct side_state {
    int64_t *steps; /* [2 * n_steps] */
    size_t n_steps;
    bool squares, transposed;
    pthread_mutex_t lock; /* around what follows */
    tensor *rows, *side;  /* the last ones; holding the rows keeps another tensor from taking their address */
} side_state;

static inlay_status side_prepare(op_node *node, op_setting *s, inlay_error *err) {
    side_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    size_t count;
    if (!state) return fail_memory(err);
    TRY(attr_bool(&node->attributes, "squares", &state->squares, err));
    TRY(attr_bool(&node->attributes, "transposed", &state->transposed, err));
    TRY(attr_ints(&node->attributes, "steps", s->memory, &state->steps, &count, err));
    state->n_steps = count / 2;
    for (size_t i = 0; i < state->n_steps; i++)
        if (state->steps[2 * i] < 0 || state->steps[2 * i] >= ROW_STEPS)
            return fail(err, INLAY_INVALID_ARGUMENT, "no such step");
    if (pthread_mutex_init(&state->lock, NULL) != 0) return fail_memory(err);
    node->state = state;
    return INLAY_OK;
}

static void side_dispose(op_node *node) {
    side_state *state = node->state;
    tensor_release(state->rows);
    tensor_release(state->side);
    pthread_mutex_destroy(&state->lock);
}

static float take_step(row_step step, float number, float x) {
    switch (step) {
    case ROW_SQRT: return sqrtf(x);
    case ROW_RSQRT: return 1 / sqrtf(x);
    case ROW_RECIPROCAL: return 1 / x;
    case ROW_NEG: return -x;
    case ROW_SQUARE: return x * x;
    case ROW_ADD: return x + number;
    case ROW_MUL: return x * number;
    case ROW_DIV: return x / number;
    case ROW_MAXIMUM: return isnan(x) || x > number ? x : number;
    case ROW_MINIMUM: return isnan(x) || x < number ? x : number;
    default: return x;
    }
}

typedef struct side_work {
    const side_state *state;
    const tensor *rows; /* float32, any alignment; [count, dim], [dim, count] when transposed, or [count] */
    float *side;
    int64_t count, dim;
} side_work;

/* SUMS [n] for rows FIRST and on, read in the order they lie. */
static void sum_squares(const side_work *w, int64_t first, int64_t n, double *sums) {
    bool columns = w->state->transposed;
    int64_t outer = columns ? w->dim : n, inner = columns ? n : w->dim;
    for (int64_t i = 0; i < n; i++) sums[i] = 0;
    for (int64_t o = 0; o < outer; o++) {
        int64_t start = columns ? o * w->count + first : (first + o) * w->dim;
        for (int64_t i = 0; i < inner; i++) {
            double x = (double)load_f32(w->rows->data + sizeof(float) * (size_t)(start + i));
            sums[columns ? i : o] += x * x;
        }
    }
}

static void side_block(const side_work *w, int64_t first, int64_t n) {
    double sums[BLOCK];
    if (w->state->squares) sum_squares(w, first, n, sums);
    for (int64_t i = 0; i < n; i++) {
        float x = w->state->squares ? (float)sums[i] : load_f32(w->rows->data + sizeof(float) * (size_t)(first + i));
        for (size_t s = 0; s < w->state->n_steps; s++) {
            uint32_t bits = (uint32_t)w->state->steps[2 * s + 1];
            x = take_step((row_step)w->state->steps[2 * s], load_f32(&bits), x);
        }
        w->side[first + i] = x;
    }
}

static void side_part(void *ctx, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; i += BLOCK) side_block(ctx, first + i, n - i < BLOCK ? n - i : BLOCK);
}

static inlay_status compute(op_call *c, tensor *given, tensor **out, inlay_error *err) {
    const side_state *state = c->node->state;
    tensor *rows;
    char text[SHAPE_TEXT];
    *out = NULL;
    if (given->dims.rank != (state->squares ? 2 : 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "rows of shape %s", shape_text(&given->dims, text));
    TRY(tensor_to_float(given, INLAY_FLOAT32, c->budget, &rows, err));
    int64_t count = rows->dims.dims[state->squares && state->transposed];
    int64_t dim = state->squares ? rows->dims.dims[!state->transposed] : 1;
    shape dims = shape_vector(count);
    /* It outlives the run, so it is not the run's to pay for. */
    inlay_status status = tensor_new(INLAY_FLOAT32, &dims, NULL, out, err);
    if (status == INLAY_OK) {
        side_work w = {state, rows, tensor_f32(*out), count, dim};
        op_parallel(count, GRAIN / (dim + 1) + 1, side_part, &w);
    }
    tensor_release(rows);
    return status;
}

static inlay_status side_run(op_call *c, inlay_error *err) {
    side_state *state = c->node->state;
    inlay_status status = INLAY_OK;
    pthread_mutex_lock(&state->lock); /* whoever comes meanwhile waits for the numbers rather than computing them too */
    if (state->rows != c->in[0]) {
        tensor *side;
        status = compute(c, c->in[0], &side, err);
        if (status == INLAY_OK) {
            tensor_release(state->rows);
            tensor_release(state->side);
            state->rows = tensor_retain(c->in[0]);
            state->side = side;
        }
    }
    if (status == INLAY_OK) op_give(c, 0, tensor_retain(state->side));
    pthread_mutex_unlock(&state->lock);
    return status;
}

const op_impl row_side_impls[] = {
    {"_InlayRowSide", .run = side_run, .prepare = side_prepare, .dispose = side_dispose, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(row_side);

/* Cells of recurrent networks in one op: LSTM for one step or a whole sequence, GRU for one step. */
#include "kernel/eltwise/eltwise.h"
#include "kernel/gemm/gemm.h"
#include "op/families.h"

/* How an op stands to the others. */
enum { ONE_STEP, SEQUENCE, SEQUENCE_V2 };

/* One LSTM op: x [steps, batch, inputs], w [inputs + cells, 4 * cells]; one step has no first dimension. */
typedef struct lstm {
    int64_t steps, batch, inputs, cells;
    const float *x, *w, *bias, *wci, *wcf, *wco; /* the last three are NULL without peepholes */
    float *out[7];                               /* i, cs, f, o, ci, co, h */
    float forget_bias, clip;
    int at_ci, at_f; /* which quarter of the gates: i is the first, o the last */
    float *xh, *gates;
} lstm;

static void map_run(unary_op op, float *values, int64_t n) {
    eltwise_unary(op, INLAY_FLOAT32)(values, values, (size_t)n, 0);
}

/* [x, h] for each row of a batch, [batch, inputs + cells]. */
static void join_rows(float *xh, const float *x, const float *h, int64_t batch, int64_t inputs, int64_t cells) {
    for (int64_t r = 0; r < batch; r++) {
        memcpy(xh + r * (inputs + cells), x + r * inputs, (size_t)inputs * sizeof *xh);
        memcpy(xh + r * (inputs + cells) + inputs, h + r * cells, (size_t)cells * sizeof *xh);
    }
}

static inlay_status product(const float *a, const float *b, float *c, int64_t m, int64_t n, int64_t k,
                            inlay_error *err) {
    gemm_call g = {.type = INLAY_FLOAT32, .a = a, .b = b, .c = c, .m = m, .n = n, .k = k, .batch = 1};
    if (m == 0 || n == 0) return INLAY_OK;
    if (k > 0) return gemm_run(&g, err);
    memset(c, 0, (size_t)(m * n) * sizeof *c);
    return INLAY_OK;
}

static float clipped(float v, float clip) {
    if (clip <= 0) return v;
    return v < -clip ? -clip : v > clip ? clip : v;
}

/* Splits the gates of row R, and adds what is added before they are squashed. */
static void split_gates(const lstm *l, int64_t r, const float *cs_prev, float *const *to) {
    int64_t n = l->cells;
    const float *g = l->gates + r * 4 * n, *b = l->bias;
    for (int64_t j = 0; j < n; j++) {
        float prev = cs_prev[r * n + j];
        int64_t ci = l->at_ci * n + j, f = l->at_f * n + j;
        to[0][r * n + j] = g[j] + b[j] + (l->wci ? prev * l->wci[j] : 0);
        to[4][r * n + j] = g[ci] + b[ci];
        to[2][r * n + j] = g[f] + b[f] + l->forget_bias + (l->wcf ? prev * l->wcf[j] : 0);
        to[3][r * n + j] = g[3 * n + j] + b[3 * n + j];
    }
}

static inlay_status lstm_step(const lstm *l, int64_t step, const float *cs_prev, const float *h_prev,
                              inlay_error *err) {
    int64_t n = l->batch * l->cells;
    float *to[7];
    for (int k = 0; k < 7; k++) to[k] = l->out[k] + step * n;
    join_rows(l->xh, l->x + step * l->batch * l->inputs, h_prev, l->batch, l->inputs, l->cells);
    TRY(product(l->xh, l->w, l->gates, l->batch, 4 * l->cells, l->inputs + l->cells, err));
    for (int64_t r = 0; r < l->batch; r++) split_gates(l, r, cs_prev, to);
    map_run(UNARY_SIGMOID, to[0], n);
    map_run(UNARY_SIGMOID, to[2], n);
    map_run(UNARY_TANH, to[4], n);
    for (int64_t j = 0; j < n; j++) {
        to[1][j] = clipped(to[4][j] * to[0][j] + cs_prev[j] * to[2][j], l->clip);
        if (l->wco) to[3][j] += to[1][j] * l->wco[j % l->cells];
        to[5][j] = to[1][j];
    }
    map_run(UNARY_SIGMOID, to[3], n);
    map_run(UNARY_TANH, to[5], n);
    for (int64_t j = 0; j < n; j++) to[6][j] = to[5][j] * to[3][j];
    return INLAY_OK;
}

static bool is_shape(const tensor *t, int rank, int64_t a, int64_t b) {
    return t->dims.rank == rank && t->dims.dims[0] == a && (rank < 2 || t->dims.dims[1] == b);
}

/* Inputs from FIRST on: x, cs_prev, h_prev, w, wci, wcf, wco, b. */
static inlay_status read_lstm(const op_call *c, int first, lstm *l, inlay_error *err) {
    tensor *const *in = c->in + first;
    const shape *x = &in[0]->dims;
    int rank = first ? 3 : 2;
    bool peephole;
    if (in[0]->type != INLAY_FLOAT32) return op_unsupported(c, in[0]->type, err);
    if (x->rank != rank || in[1]->dims.rank != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "x or cs_prev has another rank than the op takes");
    l->steps = rank == 3 ? x->dims[0] : 1;
    l->batch = x->dims[rank - 2];
    l->inputs = x->dims[rank - 1];
    l->cells = in[1]->dims.dims[1];
    if (l->cells > INT32_MAX || l->inputs > INT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "the cell is too large");
    TRY(attr_bool(&c->node->attributes, "use_peephole", &peephole, err));
    bool fits = is_shape(in[1], 2, l->batch, l->cells) && is_shape(in[2], 2, l->batch, l->cells) &&
                is_shape(in[3], 2, l->inputs + l->cells, 4 * l->cells) && is_shape(in[7], 1, 4 * l->cells, 0);
    for (int k = 4; k < 7 && peephole; k++) fits = fits && is_shape(in[k], 1, l->cells, 0);
    if (!fits) return fail(err, INLAY_INVALID_ARGUMENT, "the shapes of its inputs do not fit each other");
    l->x = tensor_f32(in[0]);
    l->w = tensor_f32(in[3]);
    l->bias = tensor_f32(in[7]);
    if (peephole) {
        l->wci = tensor_f32(in[4]);
        l->wcf = tensor_f32(in[5]);
        l->wco = tensor_f32(in[6]);
    }
    return attr_float(&c->node->attributes, "cell_clip", &l->clip, err);
}

static inlay_status run_steps(op_call *c, lstm *l, int first, int64_t steps, inlay_error *err) {
    const float *cs = tensor_f32(c->in[first + 1]), *h = tensor_f32(c->in[first + 2]);
    int64_t n = l->batch * l->cells;
    for (int64_t t = 0; t < steps; t++) {
        TRY(op_check_stop(c, err));
        TRY(lstm_step(l, t, cs, h, err));
        cs = l->out[1] + t * n;
        h = l->out[6] + t * n;
    }
    for (int k = 0; k < 7 && steps < l->steps; k++)
        memset(l->out[k] + steps * n, 0, (size_t)((l->steps - steps) * n) * sizeof(float));
    return INLAY_OK;
}

static inlay_status lstm_run(op_call *c, inlay_error *err) {
    int kind = c->node->impl->detail, first = kind == ONE_STEP ? 0 : 1;
    lstm l = {.at_ci = kind == SEQUENCE_V2 ? 2 : 1, .at_f = kind == SEQUENCE_V2 ? 1 : 2};
    int64_t steps = 1;
    tensor *xh, *gates, *out;
    TRY(read_lstm(c, first, &l, err));
    if (kind != SEQUENCE_V2) TRY(attr_float(&c->node->attributes, "forget_bias", &l.forget_bias, err));
    if (first) {
        TRY(tensor_scalar_int(c->in[0], "seq_len_max", &steps, err));
        if (steps < 0 || steps > l.steps)
            return fail(err, INLAY_INVALID_ARGUMENT, "seq_len_max is %lld, x has %lld steps", (long long)steps,
                        (long long)l.steps);
    }
    shape dims = first ? (shape){3, {l.steps, l.batch, l.cells}} : shape_matrix(l.batch, l.cells);
    for (int k = 0; k < 7; k++) {
        TRY(op_output(c, k, &dims, &out, err));
        l.out[k] = tensor_f32(out);
    }
    shape xh_dims = shape_matrix(l.batch, l.inputs + l.cells), gates_dims = shape_matrix(l.batch, 4 * l.cells);
    TRY(tensor_new(INLAY_FLOAT32, &xh_dims, c->budget, &xh, err));
    inlay_status status = tensor_new(INLAY_FLOAT32, &gates_dims, c->budget, &gates, err);
    if (status == INLAY_OK) {
        l.xh = tensor_f32(xh);
        l.gates = tensor_f32(gates);
        status = run_steps(c, &l, first, steps, err);
        tensor_release(gates);
    }
    tensor_release(xh);
    return status;
}

/* ---- GRU */

/* Outputs r, u, c, h [batch, cells]; ROOM holds [x, h] and the gates. */
static inlay_status gru(op_call *c, int64_t batch, int64_t inputs, int64_t cells, float *xh, float *gates,
                        inlay_error *err) {
    const float *x = tensor_f32(c->in[0]), *h_prev = tensor_f32(c->in[1]);
    const float *b_ru = tensor_f32(c->in[4]), *b_c = tensor_f32(c->in[5]);
    float *r = tensor_f32(c->out[0]), *u = tensor_f32(c->out[1]), *cell = tensor_f32(c->out[2]);
    float *h = tensor_f32(c->out[3]);
    int64_t n = batch * cells;
    join_rows(xh, x, h_prev, batch, inputs, cells);
    TRY(product(xh, tensor_f32(c->in[2]), gates, batch, 2 * cells, inputs + cells, err));
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < cells; j++) {
            r[i * cells + j] = gates[i * 2 * cells + j] + b_ru[j];
            u[i * cells + j] = gates[i * 2 * cells + cells + j] + b_ru[cells + j];
        }
    map_run(UNARY_SIGMOID, r, n);
    map_run(UNARY_SIGMOID, u, n);
    for (int64_t i = 0; i < n; i++) h[i] = h_prev[i] * r[i];
    join_rows(xh, x, h, batch, inputs, cells);
    TRY(product(xh, tensor_f32(c->in[3]), cell, batch, cells, inputs + cells, err));
    for (int64_t i = 0; i < n; i++) cell[i] += b_c[i % cells];
    map_run(UNARY_TANH, cell, n);
    for (int64_t i = 0; i < n; i++) h[i] = u[i] * h_prev[i] + (1 - u[i]) * cell[i];
    return INLAY_OK;
}

static inlay_status gru_run(op_call *c, inlay_error *err) {
    tensor *const *in = c->in;
    tensor *out, *xh, *gates;
    if (in[0]->type != INLAY_FLOAT32) return op_unsupported(c, in[0]->type, err);
    if (in[0]->dims.rank != 2 || in[1]->dims.rank != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "x and h_prev must be matrices");
    int64_t batch = in[0]->dims.dims[0], inputs = in[0]->dims.dims[1], cells = in[1]->dims.dims[1];
    if (cells > INT32_MAX || inputs > INT32_MAX) return fail(err, INLAY_INVALID_ARGUMENT, "the cell is too large");
    if (!is_shape(in[1], 2, batch, cells) || !is_shape(in[2], 2, inputs + cells, 2 * cells) ||
        !is_shape(in[3], 2, inputs + cells, cells) || !is_shape(in[4], 1, 2 * cells, 0) ||
        !is_shape(in[5], 1, cells, 0))
        return fail(err, INLAY_INVALID_ARGUMENT, "the shapes of its inputs do not fit each other");
    for (int k = 0; k < 4; k++) TRY(op_output(c, k, &in[1]->dims, &out, err));
    shape xh_dims = shape_matrix(batch, inputs + cells), gates_dims = shape_matrix(batch, 2 * cells);
    TRY(tensor_new(INLAY_FLOAT32, &xh_dims, c->budget, &xh, err));
    inlay_status status = tensor_new(INLAY_FLOAT32, &gates_dims, c->budget, &gates, err);
    if (status == INLAY_OK) {
        status = gru(c, batch, inputs, cells, tensor_f32(xh), tensor_f32(gates), err);
        tensor_release(gates);
    }
    tensor_release(xh);
    return status;
}

const op_impl recurrent_impls[] = {
    {"LSTMBlockCell", .run = lstm_run, .detail = ONE_STEP},
    {"BlockLSTM", .run = lstm_run, .detail = SEQUENCE},
    {"BlockLSTMV2", .run = lstm_run, .detail = SEQUENCE_V2},
    {"GRUBlockCell", .run = gru_run},
};
OP_FAMILY_END(recurrent);

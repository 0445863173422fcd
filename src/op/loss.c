/* Losses of classifiers, and whether they are right. */
#include "kernel/cast/cast.h"
#include "op/broadcast.h"
#include "op/families.h"

#include <math.h>

/* One row of N logits X, in double: LOSS, and BACK = softmax(x) - labels. LABELS NULL: all on class LABEL. */
static double row_loss(const double *x, const double *labels, int64_t label, int64_t n, double *back) {
    double most = -INFINITY, sum = 0, loss = 0;
    for (int64_t i = 0; i < n; i++) most = x[i] > most || isnan(x[i]) ? x[i] : most;
    for (int64_t i = 0; i < n; i++) sum += back[i] = exp(x[i] - most);
    double log_sum = log(sum);
    for (int64_t i = 0; i < n; i++) {
        double wanted = labels ? labels[i] : i == label;
        if (wanted != 0) loss += wanted * (log_sum - (x[i] - most));
        back[i] = back[i] / sum - wanted;
    }
    return loss;
}

typedef struct loss_work {
    const double *logits, *labels; /* labels NULL: classes */
    int64_t logits_step, labels_step, n;
    int64_t logits_column, labels_column; /* 0: one column for all classes */
    const tensor *classes;
    double *loss, *back, *room; /* room [2 * n] */
} loss_work;

static void find_losses(const loss_work *w, int64_t rows) {
    double *x = w->room, *labels = w->room + w->n;
    for (int64_t r = 0; r < rows; r++) {
        int64_t label = -1;
        for (int64_t i = 0; i < w->n; i++) {
            x[i] = w->logits[r * w->logits_step + i * w->logits_column];
            if (w->labels) labels[i] = w->labels[r * w->labels_step + i * w->labels_column];
        }
        if (w->classes) tensor_as_int(w->classes, r, "labels", &label, NULL);
        w->loss[r] = row_loss(x, w->labels ? labels : NULL, label, w->n, w->back + r * w->n);
    }
}

static inlay_status loss_into(op_call *c, const shape *dims, loss_work *w, inlay_error *err) {
    tensor *loss, *back, *wide_loss = NULL, *wide_back = NULL;
    int64_t rows = dims->dims[0];
    shape vector = shape_vector(rows);
    w->n = dims->dims[1];
    TRY(op_output(c, 0, &vector, &loss, err));
    TRY(op_output(c, 1, dims, &back, err));
    inlay_status status = tensor_new(INLAY_FLOAT64, &vector, c->budget, &wide_loss, err);
    if (status == INLAY_OK) status = tensor_new(INLAY_FLOAT64, dims, c->budget, &wide_back, err);
    w->room = mem_array((size_t)w->n + 1, 2 * sizeof *w->room);
    if (status == INLAY_OK && !w->room) status = fail_memory(err);
    if (status == INLAY_OK) {
        w->loss = (double *)(void *)wide_loss->data;
        w->back = (double *)(void *)wide_back->data;
        find_losses(w, rows);
        cast_run(loss->data, loss->type, wide_loss->data, INLAY_FLOAT64, (size_t)rows);
        cast_run(back->data, back->type, wide_back->data, INLAY_FLOAT64, (size_t)back->count);
    }
    mem_free(w->room);
    tensor_release(wide_loss);
    tensor_release(wide_back);
    return status;
}

static inlay_status dense_run(op_call *c, inlay_error *err) {
    const shape *inputs[] = {&c->in[0]->dims, &c->in[1]->dims};
    broadcast together;
    tensor *wide[2] = {NULL, NULL};
    TRY(broadcast_make(inputs, 2, &together, err));
    if (together.out.rank != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "logits and labels must be matrices, not of %d dimensions",
                    together.out.rank);
    int64_t steps[2], columns[2];
    for (int i = 0; i < 2; i++) {
        const shape *s = inputs[i];
        int64_t width = s->rank ? s->dims[s->rank - 1] : 1, high = s->rank == 2 ? s->dims[0] : 1;
        columns[i] = width != 1;
        steps[i] = high != 1 ? width : 0;
    }
    inlay_status status = tensor_to_float(c->in[0], INLAY_FLOAT64, c->budget, &wide[0], err);
    if (status == INLAY_OK) status = tensor_to_float(c->in[1], INLAY_FLOAT64, c->budget, &wide[1], err);
    if (status == INLAY_OK) {
        loss_work w = {.logits = (const double *)(const void *)wide[0]->data,
                       .labels = (const double *)(const void *)wide[1]->data,
                       .logits_step = steps[0],
                       .labels_step = steps[1],
                       .logits_column = columns[0],
                       .labels_column = columns[1]};
        status = loss_into(c, &together.out, &w, err);
    }
    tensor_release(wide[0]);
    tensor_release(wide[1]);
    return status;
}

static inlay_status sparse_run(op_call *c, inlay_error *err) {
    const tensor *logits = c->in[0], *labels = c->in[1];
    tensor *wide;
    if (logits->dims.rank != 2 || labels->dims.rank != 1 || labels->count != logits->dims.dims[0])
        return fail(err, INLAY_INVALID_ARGUMENT, "logits must be a matrix, with a label for each row");
    int64_t n = logits->dims.dims[1], label;
    if (n == 0) return fail(err, INLAY_INVALID_ARGUMENT, "there are no classes");
    for (int64_t i = 0; i < labels->count; i++) {
        TRY(tensor_as_int(labels, i, "labels", &label, err));
        if (label < 0 || label >= n)
            return fail(err, INLAY_INVALID_ARGUMENT, "label %lld is not in [0, %lld)", (long long)label, (long long)n);
    }
    TRY(tensor_to_float(c->in[0], INLAY_FLOAT64, c->budget, &wide, err));
    loss_work w = {
        .logits = (const double *)(const void *)wide->data, .logits_step = n, .logits_column = 1, .classes = labels};
    inlay_status status = loss_into(c, &logits->dims, &w, err);
    tensor_release(wide);
    return status;
}

/* ---- whether the target is among the k likeliest */

static bool in_top(const float *row, int64_t n, int64_t target, int64_t k) {
    if (target < 0 || target >= n || !isfinite(row[target])) return false;
    int64_t better = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(row[i])) return false;
        better += row[i] > row[target];
    }
    return better < k;
}

static inlay_status in_top_run(op_call *c, inlay_error *err) {
    const tensor *predictions = c->in[0], *targets = c->in[1];
    int64_t k, target;
    tensor *out;
    if (c->node->in.count > 2)
        TRY(tensor_scalar_int(c->in[2], "k", &k, err));
    else
        TRY(attr_int(&c->node->attributes, "k", &k, err));
    if (predictions->dims.rank != 2 || targets->dims.rank != 1 || targets->count != predictions->dims.dims[0])
        return fail(err, INLAY_INVALID_ARGUMENT, "predictions must be a matrix, with a target for each row");
    TRY(op_output(c, 0, &targets->dims, &out, err));
    int64_t n = predictions->dims.dims[1];
    for (int64_t r = 0; r < targets->count; r++) {
        TRY(tensor_as_int(targets, r, "targets", &target, err));
        out->data[r] = in_top(tensor_f32(predictions) + r * n, n, target, k);
    }
    return INLAY_OK;
}

/* ---- whether all numbers are numbers */

static inlay_status check_run(op_call *c, inlay_error *err) {
    bytes message;
    tensor *wide;
    bool nan = false, minus = false, plus = false, v2 = c->node->impl->detail;
    TRY(attr_text(&c->node->attributes, "message", &message, err));
    TRY(tensor_to_float(c->in[0], c->in[0]->type == INLAY_FLOAT64 ? INLAY_FLOAT64 : INLAY_FLOAT32, c->budget, &wide,
                        err));
    for (int64_t i = 0; i < wide->count; i++) {
        double x =
            wide->type == INLAY_FLOAT64 ? ((const double *)(const void *)wide->data)[i] : (double)tensor_f32(wide)[i];
        nan = nan || isnan(x);
        minus = minus || (isinf(x) && x < 0);
        plus = plus || (isinf(x) && x > 0);
    }
    tensor_release(wide);
    if (!nan && !minus && !plus) {
        op_give(c, 0, tensor_retain(c->in[0]));
        return INLAY_OK;
    }
    const char *infinite = !minus && !plus ? ""
                           : !v2           ? "Inf"
                           : minus && plus ? "-Inf and +Inf"
                           : minus         ? "-Inf"
                                           : "+Inf";
    return fail(err, INLAY_INVALID_ARGUMENT, "%.*s : Tensor had %s%s%s values",
                (int)(message.size < 400 ? message.size : 400), (const char *)message.data, nan ? "NaN" : "",
                nan && *infinite ? " and " : "", infinite);
}

const op_impl loss_impls[] = {
    {"SoftmaxCrossEntropyWithLogits", .run = dense_run},
    {"SparseSoftmaxCrossEntropyWithLogits", .run = sparse_run},
    {"InTopK", .run = in_top_run},
    {"InTopKV2", .run = in_top_run},
    {"CheckNumerics", .run = check_run, .detail = 0, .flags = OP_NOT_FOLDED},
    {"CheckNumericsV2", .run = check_run, .detail = 1, .flags = OP_NOT_FOLDED},
};
OP_FAMILY_END(loss);

/* What one list has that another has not; whether a class is among the best. */
#include "op/families.h"
#include "op/runs.h"

#include "base/map.h"
#include "base/num.h"

#include <math.h>

/* ---- ListDiff: elements of x that y lacks, and where they were */

static bytes item(const tensor *t, int64_t i) {
    size_t size = dtype_size(t->type);
    return t->type == INLAY_STRING ? tensor_string(t, i) : bytes_make(t->data + (uint64_t)i * size, size);
}

static void put_place(tensor *t, int64_t i, int64_t place) {
    if (t->type == INLAY_INT64)
        tensor_i64(t)[i] = place;
    else
        tensor_i32(t)[i] = (int32_t)place;
}

static inlay_status give_kept(op_call *c, const int64_t *kept, int64_t n, inlay_error *err) {
    shape dims = shape_vector(n);
    tensor *places;
    run_writer w;
    TRY(op_output(c, 1, &dims, &places, err));
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < n && status == INLAY_OK; i++) {
        put_place(places, i, kept[i]);
        status = runs_copy(&w, c->in[0], kept[i], 1, err);
    }
    return runs_end(&w, status, err);
}

static inlay_status list_diff_run(op_call *c, inlay_error *err) {
    const tensor *x = c->in[0], *y = c->in[1];
    if (x->dims.rank != 1 || y->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s should be a 1D vector.", x->dims.rank != 1 ? "x" : "y");
    if (x->type != INLAY_STRING && dtype_size(x->type) == 0) return op_unsupported(c, x->type, err);
    map gone = {0};
    inlay_status status = INLAY_OK;
    int64_t *kept = mem_array((size_t)x->count, sizeof *kept), n = 0;
    if (!kept) return fail_memory(err);
    for (int64_t i = 0; i < y->count; i++) TRY_TO(done, map_put(&gone, item(y, i), 1, err));
    for (int64_t i = 0; i < x->count; i++)
        if (!map_get(&gone, item(x, i), NULL)) kept[n++] = i;
    status = give_kept(c, kept, n, err);
done:
    mem_free(kept);
    map_free(&gone);
    return status;
}

/* ---- InTopK: predictions [batch, classes], targets [batch] */

/* Whether fewer than K classes of ROW are better than TARGET. Nothing is, when one of them is not finite. */
static bool in_top(const float *row, int64_t classes, int64_t target, int64_t k) {
    int64_t better = 0;
    if (!isfinite(row[target])) return false;
    for (int64_t i = 0; i < classes; i++) {
        if (!isfinite(row[i])) return false;
        better += row[i] > row[target];
    }
    return better < k;
}

static inlay_status in_top_k_run(op_call *c, inlay_error *err) {
    const tensor *scores = c->in[0], *targets = c->in[1];
    int64_t k;
    tensor *out;
    if (scores->dims.rank != 2) return fail(err, INLAY_INVALID_ARGUMENT, "predictions must be 2-dimensional");
    if (targets->dims.rank != 1) return fail(err, INLAY_INVALID_ARGUMENT, "targets must be 1-dimensional");
    if (scores->dims.dims[0] != targets->count)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "First dimension of predictions %lld must match length of targets %lld",
                    (long long)scores->dims.dims[0], (long long)targets->count);
    if (c->node->in.count > 2)
        TRY(tensor_scalar_int(c->in[2], "k", &k, err));
    else
        TRY(attr_int(&c->node->attributes, "k", &k, err));
    int64_t classes = scores->dims.dims[1];
    TRY(op_output(c, 0, &targets->dims, &out, err));
    for (int64_t i = 0; i < targets->count; i++) {
        int64_t target;
        TRY(tensor_as_int(targets, i, "targets", &target, err));
        out->data[i] = target >= 0 && target < classes && in_top(tensor_f32(scores) + i * classes, classes, target, k);
    }
    return INLAY_OK;
}

const op_impl sets_impls[] = {
    {"ListDiff", .run = list_diff_run},
    {"InTopK", .run = in_top_k_run},
    {"InTopKV2", .run = in_top_k_run},
};
OP_FAMILY_END(sets);

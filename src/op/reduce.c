/* Sums, means, extremes along dimensions. */
#include "kernel/reduce/reduce.h"
#include "op/families.h"
#include "op/parallel.h"

#include <math.h>

enum { TILE = 256, GRAIN = 32768, ALL = REDUCE_COUNT, ANY };

/* Loops over an input: kept ones make the output, folded ones go into one element. Outermost first. */
typedef struct loops {
    int rank;
    int64_t dims[INLAY_MAX_RANK], steps[INLAY_MAX_RANK];
} loops;

typedef struct reduce_work {
    reduce_kernel kernel;
    const uint8_t *in;
    uint8_t *out;
    size_t width;
    double divisor;
    loops kept, folded; /* the innermost loop of the input is taken off: */
    int64_t inner;      /* its length, */
    bool inner_folded;  /* and which kind it was */
} reduce_work;

static int64_t loops_count(const loops *l) {
    int64_t n = 1;
    for (int i = 0; i < l->rank; i++) n *= l->dims[i];
    return n;
}

/* Offset of position INDEX. */
static int64_t loops_offset(const loops *l, int64_t index) {
    int64_t offset = 0;
    for (int i = l->rank; i-- > 0; index /= l->dims[i]) offset += index % l->dims[i] * l->steps[i];
    return offset;
}

/* The next position: its offset from this one's; at the end, back to the first. */
static int64_t loops_next(const loops *l, int64_t *at) {
    int64_t moved = 0;
    for (int i = l->rank; i-- > 0;) {
        moved += l->steps[i];
        if (++at[i] < l->dims[i]) break;
        moved -= l->steps[i] * l->dims[i];
        at[i] = 0;
    }
    return moved;
}

/* Outputs [first, first + n) of the kept loops, the innermost input loop being folded. */
static void fold_runs(void *ctx, int64_t first, int64_t n) {
    const reduce_work *w = ctx;
    int64_t rounds = loops_count(&w->folded);
    for (int64_t o = first; o < first + n; o++) {
        reduce_acc acc = w->kernel.first;
        int64_t at[INLAY_MAX_RANK] = {0}, offset = loops_offset(&w->kept, o);
        for (int64_t r = 0; r < rounds; r++) {
            w->kernel.run(&acc, w->in + (size_t)offset * w->width, (size_t)w->inner);
            offset += loops_next(&w->folded, at);
        }
        w->kernel.store(w->out + (size_t)o * w->width, &acc, 1, w->divisor);
    }
}

/* The same with the innermost input loop kept: rows are added up, a tile of columns at a time. */
static void fold_rows(void *ctx, int64_t first, int64_t n) {
    const reduce_work *w = ctx;
    int64_t rounds = loops_count(&w->folded), tiles = (w->inner + TILE - 1) / TILE;
    for (int64_t i = first; i < first + n; i++) {
        reduce_acc acc[TILE];
        int64_t o = i / tiles, column = i % tiles * TILE;
        size_t width = (size_t)(w->inner - column < TILE ? w->inner - column : TILE);
        for (size_t k = 0; k < width; k++) acc[k] = w->kernel.first;
        int64_t at[INLAY_MAX_RANK] = {0}, offset = loops_offset(&w->kept, o) + column;
        for (int64_t r = 0; r < rounds; r++) {
            w->kernel.rows(acc, w->in + (size_t)offset * w->width, width);
            offset += loops_next(&w->folded, at);
        }
        w->kernel.store(w->out + (size_t)(o * w->inner + column) * w->width, acc, width, w->divisor);
    }
}

static void add_loop(loops *l, int64_t dim, int64_t step) {
    if (l->rank && l->steps[l->rank - 1] == dim * step) {
        l->dims[l->rank - 1] *= dim;
        l->steps[l->rank - 1] = step;
    } else {
        l->dims[l->rank] = dim;
        l->steps[l->rank++] = step;
    }
}

static void make_loops(reduce_work *w, const shape *in, const bool *folded) {
    int64_t strides[INLAY_MAX_RANK], stride = 1;
    for (int i = in->rank; i-- > 0; stride *= in->dims[i]) strides[i] = stride;
    for (int i = 0; i < in->rank; i++)
        if (in->dims[i] != 1) add_loop(folded[i] ? &w->folded : &w->kept, in->dims[i], strides[i]);
    loops *inner = NULL;
    if (w->folded.rank && w->folded.steps[w->folded.rank - 1] == 1) inner = &w->folded;
    if (w->kept.rank && w->kept.steps[w->kept.rank - 1] == 1) inner = &w->kept;
    w->inner_folded = inner != &w->kept;
    w->inner = inner ? inner->dims[--inner->rank] : 1;
}

/* Which dims AXES name; the dims that remain. */
static inlay_status read_axes(const tensor *axes, const shape *in, bool keep, bool *folded, shape *out,
                              inlay_error *err) {
    for (int64_t i = 0; i < axes->count; i++) {
        int64_t given;
        int axis;
        TRY(tensor_as_int(axes, i, "axis", &given, err));
        TRY(op_axis(given, in->rank, &axis, err));
        folded[axis] = true;
    }
    *out = shape_scalar();
    for (int i = 0; i < in->rank; i++)
        if (!folded[i] || keep) out->dims[out->rank++] = folded[i] ? 1 : in->dims[i];
    return INLAY_OK;
}

/* All and Any are the least and the greatest of bools. */
static reduce_op op_of(int detail) {
    return detail == ALL ? REDUCE_MIN : detail == ANY ? REDUCE_MAX : (reduce_op)detail;
}

static inlay_status reduce_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    bool keep, folded[INLAY_MAX_RANK] = {false};
    shape dims;
    tensor *out;
    int detail = c->node->impl->detail;
    reduce_work w = {.in = in->data, .width = dtype_size(in->type), .divisor = 1};
    if (!reduce_find(op_of(detail), in->type, &w.kernel)) return op_unsupported(c, in->type, err);
    TRY(attr_bool(&c->node->attributes, "keep_dims", &keep, err));
    TRY(read_axes(c->in[1], &in->dims, keep, folded, &dims, err));
    TRY(op_output(c, 0, &dims, &out, err));
    w.out = out->data;
    if (out->count == 0) return INLAY_OK;
    if (detail == ALL) w.kernel.first.counting = 1;
    int64_t per_output = in->count / out->count;
    if (detail == REDUCE_MEAN) w.divisor = (double)per_output;
    if (in->count == 0) { /* nothing is folded into each output */
        if (detail == REDUCE_MEAN && dtype_is_float(in->type)) w.kernel.first.real = NAN;
        for (int64_t i = 0; i < out->count; i++) w.kernel.store(w.out + (size_t)i * w.width, &w.kernel.first, 1, 1);
        return INLAY_OK;
    }
    make_loops(&w, &in->dims, folded);
    int64_t grain = per_output >= GRAIN ? 1 : GRAIN / per_output;
    if (w.inner_folded)
        op_parallel(loops_count(&w.kept), grain, fold_runs, &w);
    else
        op_parallel(loops_count(&w.kept) * ((w.inner + TILE - 1) / TILE), grain / TILE + 1, fold_rows, &w);
    return INLAY_OK;
}

/* Half the sum of squares. */
static inlay_status l2_loss_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *wide, *out;
    shape dims = shape_scalar();
    if (!dtype_is_float(in->type)) return op_unsupported(c, in->type, err);
    TRY(op_output(c, 0, &dims, &out, err));
    TRY(tensor_to_float(c->in[0], INLAY_FLOAT64, c->budget, &wide, err));
    double sum = 0;
    const double *x = (const double *)(const void *)wide->data;
    for (int64_t i = 0; i < wide->count; i++) sum += x[i] * x[i];
    tensor_release(wide);
    reduce_kernel kernel;
    if (!reduce_find(REDUCE_SUM, in->type, &kernel)) return op_unsupported(c, in->type, err);
    kernel.store(out->data, &(reduce_acc){.real = sum / 2}, 1, 1);
    return INLAY_OK;
}

const op_impl reduce_impls[] = {
    {"Sum", .run = reduce_run, .detail = REDUCE_SUM},   {"Mean", .run = reduce_run, .detail = REDUCE_MEAN},
    {"Prod", .run = reduce_run, .detail = REDUCE_PROD}, {"Max", .run = reduce_run, .detail = REDUCE_MAX},
    {"Min", .run = reduce_run, .detail = REDUCE_MIN},   {"All", .run = reduce_run, .detail = ALL},
    {"Any", .run = reduce_run, .detail = ANY},          {"L2Loss", .run = l2_loss_run},
};
OP_FAMILY_END(reduce);

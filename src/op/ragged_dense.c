/* RaggedTensorToTensor: rows of any length laid into a box, the rest filled with a default. */
#include "op/families.h"
#include "op/runs.h"

#include "base/num.h"

/* How one ragged dimension is told: the splits of its rows, or the row of each item. */
typedef struct partition {
    bool by_rows;          /* VALUE_ROWIDS */
    const tensor *numbers; /* int32 or int64 [n] */
} partition;

typedef struct layout {
    partition parts[INLAY_MAX_RANK];
    int levels;
    int64_t first; /* rows of the outermost dimension */
} layout;

static int64_t at(const tensor *t, int64_t i) {
    return t->type == INLAY_INT64 ? tensor_i64(t)[i] : tensor_i32(t)[i];
}

static inlay_status dense_prepare(op_node *node, op_setting *s, inlay_error *err) {
    layout *l = arena_zalloc(s->memory, 1, sizeof *l);
    bytes *types;
    size_t count;
    if (!l) return fail_memory(err);
    TRY(attr_texts(&node->attributes, "row_partition_types", s->memory, &types, &count, err));
    if (count < 1 || count > INLAY_MAX_RANK || (int64_t)count != node->in.count - 3)
        return fail(err, INLAY_INVALID_ARGUMENT, "%zu row partition types for %d tensors", count, node->in.count - 3);
    bool sized = bytes_is(types[0], "FIRST_DIM_SIZE");
    for (size_t i = sized; i < count; i++) {
        bool rows = bytes_is(types[i], "VALUE_ROWIDS");
        if (!rows && !bytes_is(types[i], "ROW_SPLITS"))
            return fail(err, INLAY_INVALID_ARGUMENT, "Cannot handle row partition type %.*s",
                        (int)min_size(types[i].size, 60), (const char *)types[i].data);
        if (rows && i == 0) return fail(err, INLAY_INVALID_ARGUMENT, "Cannot handle VALUE_ROWIDS in first dimension.");
        l->parts[l->levels++].by_rows = rows;
    }
    l->first = sized; /* for the run: whether the first tensor is the number of rows */
    node->state = l;
    return INLAY_OK;
}

/* PARENTS rows; *items: those of the level below. Rising, so that items come out in the order of the box. */
static inlay_status check_partition(const partition *p, int64_t parents, int64_t *items, inlay_error *err) {
    const tensor *t = p->numbers;
    if (t->dims.rank != 1) return fail(err, INLAY_INVALID_ARGUMENT, "row partition tensors must be vectors");
    for (int64_t i = 1; i < t->count; i++)
        if (at(t, i) < at(t, i - 1)) return fail(err, INLAY_INVALID_ARGUMENT, "a row partition must not fall");
    if (p->by_rows) {
        if (t->count && (at(t, 0) < 0 || at(t, t->count - 1) >= parents))
            return fail(err, INLAY_INVALID_ARGUMENT, "value_rowids from %lld to %lld do not lie in [0, %lld)",
                        (long long)at(t, 0), (long long)at(t, t->count - 1), (long long)parents);
        *items = t->count;
        return INLAY_OK;
    }
    if (t->count != parents + 1 || at(t, 0) != 0) return fail(err, INLAY_INVALID_ARGUMENT, "Invalid row split size.");
    *items = at(t, t->count - 1);
    return INLAY_OK;
}

/* The longest row. */
static int64_t widest(const partition *p) {
    int64_t most = 0, run = 0;
    for (int64_t i = 0; i < p->numbers->count; i++) {
        if (p->by_rows)
            run = i && at(p->numbers, i) == at(p->numbers, i - 1) ? run + 1 : 1;
        else
            run = i ? at(p->numbers, i) - at(p->numbers, i - 1) : 0;
        most = run > most ? run : most;
    }
    return most;
}

static inlay_status read_layout(const op_call *c, layout *l, int64_t *items, inlay_error *err) {
    const layout *plan = c->node->state;
    const tensor *first = c->in[3];
    *l = *plan;
    for (int i = 0; i < l->levels; i++) l->parts[i].numbers = c->in[3 + (plan->first ? 1 : 0) + i];
    if (plan->first) {
        TRY(tensor_scalar_int(first, "the first dimension", &l->first, err));
        if (l->first < 0) return fail(err, INLAY_INVALID_ARGUMENT, "the first dimension is %lld", (long long)l->first);
    } else {
        if (first->count < 1)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Invalid first partition input. Tensor requires at least one element.");
        l->first = first->count - 1;
    }
    *items = l->first;
    for (int i = 0; i < l->levels; i++) TRY(check_partition(&l->parts[i], *items, items, err));
    return INLAY_OK;
}

/* The box: what the shape tensor leaves open is as large as needed. */
static inlay_status box_shape(const op_call *c, const layout *l, shape *out, inlay_error *err) {
    const tensor *wanted = c->in[0], *values = c->in[1];
    int rank = 1 + l->levels + values->dims.rank - 1;
    if (rank > INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "a result of rank %d", rank);
    *out = (shape){.rank = rank};
    for (int i = 0; i < rank; i++) out->dims[i] = -1;
    if (wanted->dims.rank == 0) {
        int64_t any;
        TRY(tensor_scalar_int(wanted, "shape", &any, err));
        if (any != -1)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "The only valid scalar shape tensor is the fully unknown shape specified as -1.");
    } else {
        TRY(op_shape_of(wanted, "shape", out, err));
        if (out->rank != rank)
            return fail(err, INLAY_INVALID_ARGUMENT, "rt_input.rank = %d but shape.rank = %d", rank, out->rank);
    }
    if (out->dims[0] < 0) out->dims[0] = l->first;
    for (int i = 0; i < l->levels; i++)
        if (out->dims[i + 1] < 0) out->dims[i + 1] = widest(&l->parts[i]);
    for (int i = 1; i < values->dims.rank; i++) {
        int64_t *dim = &out->dims[l->levels + i];
        if (*dim >= 0 && *dim != values->dims.dims[i])
            return fail(err, INLAY_INVALID_ARGUMENT, "rt_input.shape[%d] = %lld but shape[%d] = %lld", l->levels + i,
                        (long long)values->dims.dims[i], l->levels + i, (long long)*dim);
        *dim = values->dims.dims[i];
    }
    return INLAY_OK;
}

/* Where each item of one level comes in the box, in items of that level, or -1: from the places of the level above. */
static void place_items(const partition *p, int64_t items, int64_t width, const int64_t *above, int64_t *places) {
    int64_t row = 0, column = 0;
    for (int64_t i = 0; i < items; i++, column++) {
        if (p->by_rows) {
            int64_t next = at(p->numbers, i);
            if (i == 0 || next != row) column = 0;
            row = next;
        } else {
            while (i >= at(p->numbers, row + 1)) row++;
            if (i == at(p->numbers, row)) column = 0;
        }
        places[i] = above[row] >= 0 && column < width ? above[row] * width + column : -1;
    }
}

/* Places of the values in the box, [*items]; mem_free. */
static inlay_status place_values(const layout *l, const shape *box, int64_t **out, inlay_error *err) {
    int64_t items = l->first;
    int64_t *places = mem_array((size_t)items, sizeof *places);
    *out = NULL;
    if (!places) return fail_memory(err);
    for (int64_t i = 0; i < items; i++) places[i] = i < box->dims[0] ? i : -1;
    for (int level = 0; level < l->levels; level++) {
        const partition *p = &l->parts[level];
        items = p->by_rows ? p->numbers->count : at(p->numbers, p->numbers->count - 1);
        int64_t *below = mem_array((size_t)items, sizeof *below);
        if (below) place_items(p, items, box->dims[level + 1], places, below);
        mem_free(places);
        places = below;
        if (!places) return fail_memory(err);
    }
    *out = places;
    return INLAY_OK;
}

/* How the default is spread over the inner dimensions of a value. */
typedef struct filler {
    const tensor *value;
    int rank;
    int64_t dims[INLAY_MAX_RANK], steps[INLAY_MAX_RANK];
} filler;

static inlay_status make_filler(const tensor *value, const tensor *values, filler *f, inlay_error *err) {
    *f = (filler){.value = value, .rank = values->dims.rank - 1};
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    int64_t step = 1;
    bool fits = value->dims.rank <= f->rank;
    for (int i = f->rank - 1, j = value->dims.rank - 1; fits && i >= 0; i--, j--) {
        int64_t d = j >= 0 ? value->dims.dims[j] : 1;
        f->dims[i] = values->dims.dims[i + 1];
        fits = d == f->dims[i] || d == 1;
        f->steps[i] = d == 1 ? 0 : step;
        step *= d;
    }
    if (fits) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT,
                "default_value.shape=%s and rt_input.flat_values.shape=%s are incompatible",
                shape_text(&value->dims, a), shape_text(&values->dims, b));
}

/* N defaults, each the size of a value of INNER elements. */
static inlay_status fill(run_writer *w, const filler *f, int64_t inner, int64_t n, inlay_error *err) {
    if (n == 0 || inner == 0) return INLAY_OK;
    if (f->value->count == 1) return runs_repeat(w, f->value, 0, n * inner, err);
    for (int64_t i = 0; i < n; i++) TRY(runs_box(w, f->value, 0, f->rank, f->dims, f->steps, err));
    return INLAY_OK;
}

static inlay_status write_box(run_writer *w, const tensor *values, const int64_t *places, int64_t items, int64_t cells,
                              const filler *f, inlay_error *err) {
    int64_t inner = op_span(&values->dims, 1, values->dims.rank), next = 0;
    for (int64_t i = 0; i < items;) {
        int64_t run = 1;
        if (places[i] < 0) {
            i++;
            continue;
        }
        while (i + run < items && places[i + run] == places[i] + run) run++;
        TRY(fill(w, f, inner, places[i] - next, err));
        TRY(runs_copy(w, values, i * inner, run * inner, err));
        next = places[i] + run;
        i += run;
    }
    return fill(w, f, inner, cells - next, err);
}

static inlay_status dense_run(op_call *c, inlay_error *err) {
    const tensor *values = c->in[1];
    layout l;
    shape box;
    filler f;
    int64_t items = 0, cells = 1, *places;
    if (values->dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "values must not be a scalar");
    TRY(read_layout(c, &l, &items, err));
    TRY(box_shape(c, &l, &box, err));
    TRY(make_filler(c->in[2], values, &f, err));
    if (items > values->dims.dims[0])
        return fail(err, INLAY_INVALID_ARGUMENT, "the row partition tells of %lld values, there are %lld",
                    (long long)items, (long long)values->dims.dims[0]);
    for (int i = 0; i <= l.levels; i++) /* an inner dimension of 0 would hide it */
        if (!mul_i64(cells, box.dims[i], &cells)) return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    run_writer w;
    TRY(runs_begin(&w, c, 0, &box, err)); /* refuses a box that is too large */
    inlay_status status = place_values(&l, &box, &places, err);
    if (status == INLAY_OK) status = write_box(&w, values, places, items, cells, &f, err);
    mem_free(places);
    return runs_end(&w, status, err);
}

const op_impl ragged_dense_impls[] = {
    {"RaggedTensorToTensor", .run = dense_run, .prepare = dense_prepare},
};
OP_FAMILY_END(ragged_dense);

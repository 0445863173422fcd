/* Sparse tensors cut and put together. */
#include "op/families.h"
#include "op/runs.h"
#include "op/sparse.h"

#include "base/num.h"

/* Entries FROM [n] of S, moved by -OFFSET, as outputs FIRST and FIRST + STEP. */
static inlay_status give_part(op_call *c, const sparse *s, const int64_t *from, int64_t n, const int64_t *offset,
                              int first, int step, inlay_error *err) {
    int64_t *out;
    run_writer w;
    shape dims = shape_vector(n);
    TRY(sparse_put_indices(c, first, n, s->rank, &out, err));
    TRY(runs_begin(&w, c, first + step, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < n && status == INLAY_OK; i++) {
        for (int k = 0; k < s->rank; k++) *out++ = sparse_at(s, from[i])[k] - offset[k];
        status = runs_copy(&w, s->values, from[i], 1, err);
    }
    return runs_end(&w, status, err);
}

/* Entries of S in the box [start, start + size), those of one part. */
static int64_t pick_box(const sparse *s, const int64_t *start, const int64_t *size, int64_t *picked) {
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        bool inside = true;
        for (int k = 0; k < s->rank && inside; k++) {
            int64_t at = sparse_at(s, i)[k];
            inside = at >= start[k] && at - start[k] < size[k];
        }
        if (inside) picked[n++] = i;
    }
    return n;
}

static inlay_status give_box(op_call *c, const sparse *s, const int64_t *start, const int64_t *size, int64_t *picked,
                             int first, int step, inlay_error *err) {
    shape dims = {.rank = s->rank};
    for (int k = 0; k < s->rank; k++) {
        int64_t rest = s->dims.dims[k] - start[k];
        dims.dims[k] = rest <= 0 ? 0 : min_i64(rest, size[k]);
    }
    TRY(sparse_put_dims(c, first + 2 * step, &dims, err));
    return give_part(c, s, picked, pick_box(s, start, size, picked), start, first, step, err);
}

static inlay_status slice_run(op_call *c, inlay_error *err) {
    sparse s;
    TRY(sparse_read(c, 0, 1, 2, &s, err));
    for (int i = 3; i < 5; i++) {
        if (c->in[i]->dims.rank != 1 || c->in[i]->count != s.rank)
            return fail(err, INLAY_INVALID_ARGUMENT, "start and size must be vectors of %d numbers", s.rank);
        for (int k = 0; k < s.rank; k++)
            if (tensor_i64(c->in[i])[k] < 0)
                return fail(err, INLAY_INVALID_ARGUMENT, "a start or size is %lld", (long long)tensor_i64(c->in[i])[k]);
    }
    int64_t *picked = mem_array((size_t)s.n, sizeof *picked);
    if (!picked) return fail_memory(err);
    inlay_status status = give_box(c, &s, tensor_i64(c->in[3]), tensor_i64(c->in[4]), picked, 0, 1, err);
    mem_free(picked);
    return status;
}

/* Parts along one axis, the first of them a row longer when the number does not divide it. */
static inlay_status split_run(op_call *c, inlay_error *err) {
    sparse s;
    int64_t axis, parts, start[INLAY_MAX_RANK] = {0}, size[INLAY_MAX_RANK];
    TRY(sparse_read(c, 1, 2, 3, &s, err));
    TRY(attr_int(&c->node->attributes, "num_split", &parts, err));
    if (c->in[0]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "split_dim must be a scalar");
    TRY(tensor_as_int(c->in[0], 0, "split_dim", &axis, err));
    if (axis < 0) axis += s.rank;
    if (axis < 0 || axis >= s.rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "Input split_dim should be between 0 and rank (%d), got %lld", s.rank,
                    (long long)axis);
    if (parts < 1 || parts > s.dims.dims[axis])
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "Input num_split should be between 1 and the splitting dimension size "
                    "(%lld), got %lld",
                    (long long)s.dims.dims[axis], (long long)parts);
    TRY(sparse_check(&s, err));
    int64_t *picked = mem_array((size_t)s.n, sizeof *picked);
    if (!picked) return fail_memory(err);
    int64_t whole = s.dims.dims[axis] / parts, longer = s.dims.dims[axis] % parts;
    inlay_status status = INLAY_OK;
    for (int k = 0; k < s.rank; k++) size[k] = s.dims.dims[k];
    for (int64_t p = 0; p < parts && status == INLAY_OK; p++) {
        size[axis] = whole + (p < longer);
        status = give_box(c, &s, start, size, picked, (int)p, (int)parts, err);
        start[axis] += size[axis];
    }
    mem_free(picked);
    return status;
}

/* ---- together */

typedef struct joining {
    int64_t n_parts, n; /* entries of all */
    sparse *parts;
    int axis;
    shape dims;
    int64_t *indices; /* [n, rank], moved */
    int64_t *order;
} joining;

static inlay_status read_parts(const op_call *c, joining *j, inlay_error *err) {
    int64_t axis;
    TRY(attr_int(&c->node->attributes, "concat_dim", &axis, err));
    for (int64_t p = 0; p < j->n_parts; p++) {
        sparse *s = &j->parts[p];
        TRY(sparse_read(c, (int)p, (int)(p + j->n_parts), (int)(p + 2 * j->n_parts), s, err));
        if (p == 0) {
            j->dims = s->dims;
            TRY(op_axis(axis, s->rank, &j->axis, err));
        } else {
            if (s->rank != j->dims.rank)
                return fail(err, INLAY_INVALID_ARGUMENT, "input %lld has rank %d, not %d", (long long)p, s->rank,
                            j->dims.rank);
            for (int k = 0; k < s->rank; k++)
                if (k != j->axis && s->dims.dims[k] != j->dims.dims[k])
                    return fail(err, INLAY_INVALID_ARGUMENT, "input %lld has %lld in dimension %d, not %lld",
                                (long long)p, (long long)s->dims.dims[k], k, (long long)j->dims.dims[k]);
            if (__builtin_add_overflow(j->dims.dims[j->axis], s->dims.dims[j->axis], &j->dims.dims[j->axis]))
                return fail(err, INLAY_INVALID_ARGUMENT, "the result is too long");
        }
        TRY(sparse_check(s, err));
        j->n += s->n;
    }
    return INLAY_OK;
}

static void move_indices(joining *j) {
    int64_t *out = j->indices, offset = 0;
    for (int64_t p = 0; p < j->n_parts; p++) {
        const sparse *s = &j->parts[p];
        for (int64_t i = 0; i < s->n; i++)
            for (int k = 0; k < s->rank; k++) *out++ = sparse_at(s, i)[k] + (k == j->axis ? offset : 0);
        offset += s->dims.dims[j->axis];
    }
}

static inlay_status give_joined(op_call *c, const joining *j, inlay_error *err) {
    int rank = j->dims.rank;
    int64_t *out, first = 0;
    run_writer w;
    shape dims = shape_vector(j->n);
    TRY(sparse_put_dims(c, 2, &j->dims, err));
    TRY(sparse_put_indices(c, 0, j->n, rank, &out, err));
    int64_t *firsts = mem_array((size_t)j->n_parts, sizeof *firsts);
    if (!firsts) return fail_memory(err);
    for (int64_t p = 0; p < j->n_parts; p++) {
        firsts[p] = first;
        first += j->parts[p].n;
    }
    inlay_status status = runs_begin(&w, c, 1, &dims, err);
    if (status == INLAY_OK) {
        for (int64_t i = 0; i < j->n && status == INLAY_OK; i++) {
            int64_t from = j->order[i], p = j->n_parts - 1;
            memcpy(out + i * rank, j->indices + from * rank, (size_t)rank * sizeof *out);
            while (firsts[p] > from) p--;
            status = runs_copy(&w, j->parts[p].values, from - firsts[p], 1, err);
        }
        status = runs_end(&w, status, err);
    }
    mem_free(firsts);
    return status;
}

static inlay_status concat_run(op_call *c, inlay_error *err) {
    joining j = {.n_parts = c->node->in.count / 3};
    inlay_status status;
    j.parts = mem_zalloc((size_t)j.n_parts + 1, sizeof *j.parts);
    if (!j.parts) return fail_memory(err);
    TRY_TO(done, read_parts(c, &j, err));
    size_t numbers;
    if (!mul_size((size_t)j.n, (size_t)j.dims.rank, &numbers)) TRY_TO(done, fail_memory(err));
    j.indices = mem_array(numbers, sizeof *j.indices);
    j.order = mem_array((size_t)j.n, sizeof *j.order);
    if (!j.indices || !j.order) TRY_TO(done, fail_memory(err));
    move_indices(&j);
    for (int64_t i = 0; i < j.n; i++) j.order[i] = i;
    sparse all = {.indices = j.indices, .n = j.n, .rank = j.dims.rank, .dims = j.dims};
    if (j.axis != 0) TRY_TO(done, sparse_sort(&all, NULL, j.order, err));
    status = give_joined(c, &j, err);
done:
    mem_free(j.parts);
    mem_free(j.indices);
    mem_free(j.order);
    return status;
}

const op_impl sparse_parts_impls[] = {
    {"SparseSlice", .run = slice_run},
    {"SparseSplit", .run = split_run},
    {"SparseConcat", .run = concat_run},
};
OP_FAMILY_END(sparse_parts);

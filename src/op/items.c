#include "op/items.h"

#include "op/runs.h"

inlay_status items_resize(items *s, int64_t count, mem_budget *budget, inlay_error *err) {
    if (count < 0) return fail(err, INLAY_INVALID_ARGUMENT, "a size of %lld", (long long)count);
    if (count > s->capacity) {
        int64_t capacity = count > s->capacity * 2 ? count : s->capacity * 2;
        shape dims = shape_vector(capacity);
        tensor *memory;
        _Static_assert(sizeof(tensor *) <= sizeof(int64_t), "a pointer fits an element");
        TRY(tensor_new_zero(INLAY_INT64, &dims, budget, &memory, err));
        tensor **at = (tensor **)(void *)memory->data;
        if (s->count) memcpy(at, s->at, (size_t)s->count * sizeof *at);
        tensor_release(s->memory);
        s->memory = memory;
        s->at = at;
        s->capacity = capacity;
    }
    for (int64_t i = count; i < s->count; i++) {
        tensor_release(s->at[i]);
        s->at[i] = NULL;
    }
    s->count = count;
    return INLAY_OK;
}

void items_free(items *s) {
    for (int64_t i = 0; i < s->count; i++) tensor_release(s->at[i]);
    tensor_release(s->memory);
    *s = (items){0};
}

inlay_status items_copy(const items *from, items *to, mem_budget *budget, inlay_error *err) {
    *to = (items){.type = from->type, .element = from->element};
    TRY(items_resize(to, from->count, budget, err));
    for (int64_t i = 0; i < from->count; i++)
        if (from->at[i]) to->at[i] = tensor_retain(from->at[i]);
    return INLAY_OK;
}

void items_put(items *s, int64_t i, tensor *t) {
    tensor *old = s->at[i];
    s->at[i] = tensor_retain(t);
    tensor_release(old);
}

inlay_status items_check(const items *s, const tensor *t, inlay_error *err) {
    char given[SHAPE_TEXT], wanted[SHAPE_TEXT];
    if (t->type != s->type)
        return fail(err, INLAY_INVALID_ARGUMENT, "its elements are %s, not %s", dtype_name(s->type),
                    dtype_name(t->type));
    if (!shape_fits(&t->dims, &s->element))
        return fail(err, INLAY_INVALID_ARGUMENT, "its elements have shape %s, not %s", shape_text(&s->element, wanted),
                    shape_text(&t->dims, given));
    return INLAY_OK;
}

bool items_merge_shapes(shape *a, const shape *b) {
    if (b->rank < 0) return true;
    if (a->rank < 0) {
        *a = *b;
        return true;
    }
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] < 0) a->dims[i] = b->dims[i];
        if (b->dims[i] >= 0 && a->dims[i] != b->dims[i]) return false;
    }
    return true;
}

bool items_shape_known(const shape *s) {
    for (int i = 0; i < s->rank; i++)
        if (s->dims[i] < 0) return false;
    return s->rank >= 0;
}

inlay_status items_shape_of(const tensor *t, shape *out, inlay_error *err) {
    int64_t number;
    if (t->dims.rank > 0) return op_shape_of(t, "element_shape", out, err);
    TRY(tensor_as_int(t, 0, "element_shape", &number, err));
    *out = (shape){.rank = -1};
    return number == -1
               ? INLAY_OK
               : fail(err, INLAY_INVALID_ARGUMENT, "element_shape is %lld: neither a vector nor -1", (long long)number);
}

inlay_status items_zeros(op_call *c, int i, const shape *dims, inlay_error *err) {
    int64_t count;
    run_writer w;
    if (!shape_elements(dims, &count)) return fail(err, INLAY_INVALID_ARGUMENT, "the element is too large");
    TRY(runs_begin(&w, c, i, dims, err));
    return runs_end(&w, runs_repeat(&w, NULL, 0, count, err), err);
}

/* *ELEMENT, made definite by PARTS. */
static inlay_status settle(tensor *const *parts, int64_t n, shape *element, dtype type, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    for (int64_t i = 0; i < n; i++) {
        if (!parts[i]) continue;
        if (parts[i]->type != type)
            return fail(err, INLAY_INVALID_ARGUMENT, "element %lld is %s, not %s", (long long)i,
                        dtype_name(parts[i]->type), dtype_name(type));
        if (!items_merge_shapes(element, &parts[i]->dims))
            return fail(err, INLAY_INVALID_ARGUMENT, "element %lld has shape %s, which does not fit %s", (long long)i,
                        shape_text(&parts[i]->dims, a), shape_text(element, b));
    }
    if (items_shape_known(element)) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "nothing says the shape of its elements, only %s", shape_text(element, a));
}

inlay_status items_stack(op_call *c, int i, tensor *const *parts, int64_t n, const shape *element, inlay_error *err) {
    shape one = *element, dims = shape_vector(n);
    int64_t width;
    TRY(settle(parts, n, &one, c->node->out.items[i].type, err));
    if (one.rank == INLAY_MAX_RANK || !shape_elements(&one, &width))
        return fail(err, INLAY_INVALID_ARGUMENT, "the elements are too large");
    for (int d = 0; d < one.rank; d++) dims.dims[dims.rank++] = one.dims[d];
    run_writer w;
    TRY(runs_begin(&w, c, i, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t k = 0; k < n && status == INLAY_OK; k++)
        status = parts[k] ? runs_copy(&w, parts[k], 0, width, err) : runs_repeat(&w, NULL, 0, width, err);
    return runs_end(&w, status, err);
}

/* Rows of part K: its own, or what LEADING says of one that is not there. */
static inlay_status rows_of(tensor *const *parts, int64_t k, const tensor *leading, int64_t *rows, inlay_error *err) {
    if (parts[k]) {
        *rows = parts[k]->dims.dims[0];
        return INLAY_OK;
    }
    if (!leading || k >= leading->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "element %lld was not written", (long long)k);
    *rows = tensor_i64(leading)[k];
    return *rows >= 0 ? INLAY_OK : fail(err, INLAY_INVALID_ARGUMENT, "leading_dims[%lld] is negative", (long long)k);
}

inlay_status items_join(op_call *c, int i, tensor *const *parts, int64_t n, const shape *element, const tensor *leading,
                        inlay_error *err) {
    shape one = *element, lengths_dims = shape_vector(n);
    char text[SHAPE_TEXT];
    tensor *lengths;
    for (int64_t k = 0; k < n; k++) {
        if (!parts[k]) continue;
        shape dims = parts[k]->dims;
        if (dims.rank > 0) dims.dims[0] = -1;
        if (dims.rank < 1 || !items_merge_shapes(&one, &dims) || parts[k]->type != c->node->out.items[i].type)
            return fail(err, INLAY_INVALID_ARGUMENT, "element %lld, %s of shape %s, does not fit the others",
                        (long long)k, dtype_name(parts[k]->type), shape_text(&parts[k]->dims, text));
    }
    if (one.rank > 0) one.dims[0] = 0;
    if (one.rank < 1 || !items_shape_known(&one))
        return fail(err, INLAY_INVALID_ARGUMENT, "nothing says the shape of its elements, only %s",
                    shape_text(&one, text));
    TRY(tensor_new(INLAY_INT64, &lengths_dims, c->budget, &lengths, err));
    op_give(c, i + 1, lengths);
    int64_t total = 0, width = op_span(&one, 1, one.rank);
    for (int64_t k = 0; k < n; k++) {
        TRY(rows_of(parts, k, leading, &tensor_i64(lengths)[k], err));
        if (__builtin_add_overflow(total, tensor_i64(lengths)[k], &total))
            return fail(err, INLAY_INVALID_ARGUMENT, "the elements have too many rows");
    }
    one.dims[0] = total;
    run_writer w;
    TRY(runs_begin(&w, c, i, &one, err));
    inlay_status status = INLAY_OK;
    for (int64_t k = 0; k < n && status == INLAY_OK; k++) {
        int64_t count = tensor_i64(lengths)[k] * width;
        status = parts[k] ? runs_copy(&w, parts[k], 0, count, err) : runs_repeat(&w, NULL, 0, count, err);
    }
    return runs_end(&w, status, err);
}

inlay_status items_row(tensor *t, int64_t i, tensor **out, inlay_error *err) {
    TRY(tensor_rows(t, i, 1, out, err));
    shape *dims = &(*out)->dims; /* ours alone */
    for (int d = 1; d < dims->rank; d++) dims->dims[d - 1] = dims->dims[d];
    dims->rank--;
    return INLAY_OK;
}

inlay_status items_check_lengths(const tensor *t, const tensor *lengths, inlay_error *err) {
    int64_t total = 0;
    if (t->dims.rank < 1 || lengths->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "it splits the rows of a tensor by a vector of lengths");
    for (int64_t i = 0; i < lengths->count; i++)
        if (tensor_i64(lengths)[i] < 0 || __builtin_add_overflow(total, tensor_i64(lengths)[i], &total))
            return fail(err, INLAY_INVALID_ARGUMENT, "lengths[%lld] is %lld", (long long)i,
                        (long long)tensor_i64(lengths)[i]);
    if (total == t->dims.dims[0]) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "the lengths sum up to %lld, the tensor has %lld rows", (long long)total,
                (long long)t->dims.dims[0]);
}

#include "op/example.h"

#include "base/num.h"

/* ---- what is wanted */

static inlay_status read_dense(slot *s, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    bool open = s->dims.rank > 0 && s->dims.dims[0] < 0;
    if (s->dims.rank < 0) return fail(err, INLAY_INVALID_ARGUMENT, "a dense shape must have a known rank");
    s->stride = 1;
    for (int i = open; i < s->dims.rank; i++)
        if (s->dims.dims[i] < 0 || !mul_i64(s->stride, s->dims.dims[i], &s->stride))
            return fail(err, INLAY_INVALID_ARGUMENT, "dense shape %s", shape_text(&s->dims, a));
    if (open && s->stride == 0) return fail(err, INLAY_INVALID_ARGUMENT, "dense shape %s", shape_text(&s->dims, a));
    bool fits = open ? s->fallback->count <= 1 : s->fallback->count == 0 || shape_equal(&s->fallback->dims, &s->dims);
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "def_value.shape() == %s is not compatible with dense_shapes == %s",
                    shape_text(&s->fallback->dims, a), shape_text(&s->dims, b));
    return INLAY_OK;
}

inlay_status example_add(const op_call *c, parse *p, const slot *s, inlay_error *err) {
    slot *own = &p->slots[p->n_slots];
    *own = *s;
    if (s->form == DENSE) TRY(read_dense(own, err));
    if (s->type != INLAY_FLOAT32 && s->type != INLAY_INT64 && s->type != INLAY_STRING)
        return op_unsupported(c, s->type, err);
    return map_put(&p->by_name, s->name, (uint64_t)p->n_slots++, err);
}

/* ---- what is there */

static const char *kind_name(dtype t) {
    return t == INLAY_FLOAT32 ? "float" : t == INLAY_INT64 ? "int64" : "string";
}

static dtype kind_dtype(example_kind k) {
    return k == EXAMPLE_FLOATS ? INLAY_FLOAT32 : k == EXAMPLE_INTS ? INLAY_INT64 : INLAY_STRING;
}

static int clip(bytes text) {
    return (int)min_size(text.size, 100);
}

inlay_status example_check(const slot *s, const example_feature *f, int64_t i, int64_t *count, inlay_error *err) {
    *count = -1;
    if (f->kind == EXAMPLE_NONE) return INLAY_OK;
    if (kind_dtype(f->kind) != s->type)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "Key: %.*s, Index: %lld.  Data types don't match. Data type: %s but expected type: %s",
                    clip(s->name), (const char *)s->name.data, (long long)i, kind_name(kind_dtype(f->kind)),
                    kind_name(s->type));
    *count = example_count(f->kind, f->list);
    if (*count < 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "Could not parse example input: feature %.*s of example %lld",
                    clip(s->name), (const char *)s->name.data, (long long)i);
    return INLAY_OK;
}

inlay_status example_begin_reading(parse *p, inlay_error *err) {
    size_t cells;
    if (__builtin_mul_overflow((size_t)p->n, (size_t)p->n_slots, &cells)) return fail_memory(err);
    p->lists = mem_array(cells, sizeof *p->lists);
    p->counts = mem_array(cells, sizeof *p->counts);
    p->last = mem_array((size_t)p->n_slots, sizeof *p->last);
    p->seen = mem_array((size_t)p->n_slots, sizeof *p->seen);
    return p->lists && p->counts && p->last && p->seen ? INLAY_OK : fail_memory(err);
}

inlay_status example_read(parse *p, example_walk w, bytes text, int64_t i, inlay_error *err) {
    example_feature f;
    bool sound;
    memset(p->seen, 0, (size_t)p->n_slots);
    while (example_next(&w, &f, &sound)) {
        uint64_t number;
        if (!map_get(&p->by_name, f.name, &number)) continue;
        p->last[number] = f;
        p->seen[number] = true;
    }
    if (!sound)
        return fail(err, INLAY_INVALID_ARGUMENT, "Could not parse example input, value: '%.*s'", clip(text),
                    (const char *)text.data);
    for (int s = 0; s < p->n_slots; s++) {
        int64_t at = i * p->n_slots + s;
        p->counts[at] = -1;
        if (!p->seen[s]) continue;
        if (p->strict && p->slots[s].form == DENSE && p->last[s].kind == EXAMPLE_NONE)
            return fail(err, INLAY_INVALID_ARGUMENT, "Unexpected number of elements of %.*s in example %lld",
                        clip(p->slots[s].name), (const char *)p->slots[s].name.data, (long long)i);
        TRY(example_check(&p->slots[s], &p->last[s], i, &p->counts[at], err));
        p->lists[at] = p->last[s].list;
    }
    return INLAY_OK;
}

void example_free(parse *p) {
    map_free(&p->by_name);
    mem_free(p->slots);
    mem_free(p->lists);
    mem_free(p->counts);
    mem_free(p->last);
    mem_free(p->seen);
    *p = (parse){0};
}

/* ---- outputs */

inlay_status example_put_list(run_writer *w, dtype t, bytes list, int64_t count, inlay_error *err) {
    if (t == INLAY_STRING) {
        bytes text;
        while (example_next_text(&list, &text)) TRY(string_builder_add(&w->text, text, err));
        return INLAY_OK;
    }
    if (t == INLAY_FLOAT32)
        example_floats(list, (float *)(void *)w->next);
    else
        example_ints(list, (int64_t *)(void *)w->next);
    w->next += (size_t)count * w->width;
    return INLAY_OK;
}

static inlay_status check_dense(const parse *p, int number, bool open, int64_t *longest, inlay_error *err) {
    const slot *s = &p->slots[number];
    *longest = 0;
    for (int64_t i = 0; i < p->n; i++) {
        int64_t count = p->counts[i * p->n_slots + number];
        if (count < 0 && !open && s->fallback->count == 0 && s->stride != 0)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Feature: %.*s (data type: %s) is required but could not be found.", clip(s->name),
                        (const char *)s->name.data, kind_name(s->type));
        if (count >= 0 && (open ? count % s->stride != 0 : count != s->stride))
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Key: %.*s, Index: %lld.  Number of %s values != expected.  Values size: %lld but %s%lld",
                        clip(s->name), (const char *)s->name.data, (long long)i, kind_name(s->type), (long long)count,
                        open ? "a multiple is wanted of " : "wanted are ", (long long)s->stride);
        *longest = count > *longest ? count : *longest;
    }
    return INLAY_OK;
}

/* [batch, dims]; an open first dim is as long as the longest example needs, the others are filled up. */
static inlay_status put_dense(op_call *c, const parse *p, int number, inlay_error *err) {
    const slot *s = &p->slots[number];
    bool open = s->dims.rank > 0 && s->dims.dims[0] < 0;
    int64_t longest;
    TRY(check_dense(p, number, open, &longest, err));
    shape dims = p->single ? shape_scalar() : shape_vector(p->n);
    if (dims.rank + s->dims.rank > INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    for (int i = 0; i < s->dims.rank; i++) dims.dims[dims.rank++] = s->dims.dims[i];
    if (open) dims.dims[p->single ? 0 : 1] = longest / s->stride;
    int64_t values = open ? longest : s->stride;
    run_writer w;
    inlay_status status = INLAY_OK;
    TRY(runs_begin(&w, c, s->out, &dims, err));
    for (int64_t i = 0; status == INLAY_OK && i < p->n; i++) {
        int64_t count = p->counts[i * p->n_slots + number];
        if (count >= 0)
            status = example_put_list(&w, s->type, p->lists[i * p->n_slots + number], count, err);
        else if (!open)
            status = runs_copy(&w, s->fallback, 0, values, err);
        if (open && status == INLAY_OK)
            status = runs_repeat(&w, s->fallback->count ? s->fallback : NULL, 0, values - (count > 0 ? count : 0), err);
    }
    return runs_end(&w, status, err);
}

/* All values of a slot, one example after the other. */
static inlay_status put_values(op_call *c, const parse *p, int number, int out, int64_t *total, int64_t *longest,
                               inlay_error *err) {
    *total = *longest = 0;
    for (int64_t i = 0; i < p->n; i++) {
        int64_t count = p->counts[i * p->n_slots + number];
        if (count > 0) *total += count;
        if (count > *longest) *longest = count;
    }
    shape dims = shape_vector(*total);
    run_writer w;
    inlay_status status = INLAY_OK;
    TRY(runs_begin(&w, c, out, &dims, err));
    for (int64_t i = 0; status == INLAY_OK && i < p->n; i++) {
        int64_t count = p->counts[i * p->n_slots + number];
        if (count > 0)
            status = example_put_list(&w, p->slots[number].type, p->lists[i * p->n_slots + number], count, err);
    }
    return runs_end(&w, status, err);
}

static inlay_status put_sparse(op_call *c, const parse *p, int number, inlay_error *err) {
    const slot *s = &p->slots[number];
    int64_t total, longest;
    tensor *indices, *dense;
    TRY(put_values(c, p, number, s->out_values, &total, &longest, err));
    int width = p->single ? 1 : 2;
    shape dims = shape_matrix(total, width), rank = shape_vector(width);
    TRY(op_output(c, s->out, &dims, &indices, err));
    TRY(op_output(c, s->out_extra, &rank, &dense, err));
    int64_t *to = tensor_i64(indices);
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t j = 0; j < p->counts[i * p->n_slots + number]; j++) {
            if (!p->single) *to++ = i;
            *to++ = j;
        }
    if (!p->single) tensor_i64(dense)[0] = p->n;
    tensor_i64(dense)[width - 1] = longest;
    return INLAY_OK;
}

static inlay_status put_ragged(op_call *c, const parse *p, int number, inlay_error *err) {
    const slot *s = &p->slots[number];
    int64_t total, longest;
    tensor *splits;
    TRY(put_values(c, p, number, s->out, &total, &longest, err));
    /* One example has no rows, so no splits. */
    shape dims = shape_vector(p->single ? 0 : p->n + 1);
    TRY(op_output(c, s->out_extra, &dims, &splits, err));
    int64_t at = 0;
    for (int64_t i = 0; i < dims.dims[0]; i++) {
        if (i && p->counts[(i - 1) * p->n_slots + number] > 0) at += p->counts[(i - 1) * p->n_slots + number];
        if (splits->type == INLAY_INT64)
            tensor_i64(splits)[i] = at;
        else
            tensor_i32(splits)[i] = (int32_t)at;
    }
    return INLAY_OK;
}

inlay_status example_put_all(op_call *c, const parse *p, inlay_error *err) {
    for (int s = 0; s < p->n_slots; s++)
        TRY(p->slots[s].form == SPARSE  ? put_sparse(c, p, s, err)
            : p->slots[s].form == DENSE ? put_dense(c, p, s, err)
                                        : put_ragged(c, p, s, err));
    return INLAY_OK;
}

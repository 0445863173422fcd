/* Parsing batches of tf.Example into dense, sparse and ragged features. */
#include "op/families.h"
#include "op/runs.h"
#include "op/text.h"

#include "base/map.h"
#include "base/num.h"
#include "kernel/example/example.h"

typedef enum slot_form { SPARSE, DENSE, RAGGED } slot_form;

/* One wanted feature. */
typedef struct slot {
    slot_form form;
    bytes name;
    dtype type;
    const tensor *fallback;    /* DENSE: empty when it is required */
    shape dims;                /* DENSE: of one example; first dim -1 when that many values may come */
    int64_t stride;            /* DENSE: values that make one row of the open first dim, else all of them */
    int out;                   /* SPARSE: indices; DENSE: the tensor; RAGGED: values */
    int out_values, out_extra; /* SPARSE: values and shape; RAGGED: splits in out_extra */
} slot;

/* What a run holds: for each example and slot the list found, and how many values are in it (-1: none). */
typedef struct parse {
    slot *slots;
    int n_slots;
    map by_name;
    int64_t n;
    bool single; /* the input is one example: outputs without a batch dimension */
    bytes *lists;
    int64_t *counts;
} parse;

typedef struct example_state {
    int n_sparse, n_dense, n_ragged;
    shape *dense_shapes;
    bool second; /* ParseExampleV2 */
} example_state;

static inlay_status example_prepare(op_node *node, op_setting *s, inlay_error *err) {
    example_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    const attrs *a = &node->attributes;
    dtype *types;
    size_t count;
    state->second = node->impl->detail == 2;
    TRY(attr_shapes(a, "dense_shapes", s->memory, &state->dense_shapes, &count, err));
    state->n_dense = (int)count;
    TRY(attr_types(a, "sparse_types", s->memory, &types, &count, err));
    state->n_sparse = (int)count;
    if (state->second) {
        TRY(attr_types(a, "ragged_value_types", s->memory, &types, &count, err));
        state->n_ragged = (int)count;
    }
    int fixed = state->second ? 5 : 2 + state->n_sparse + state->n_dense;
    if (node->in.count != fixed + state->n_dense ||
        node->out.count != 3 * state->n_sparse + state->n_dense + 2 * state->n_ragged)
        return fail(err, INLAY_INVALID_ARGUMENT, "the attributes do not fit the inputs and outputs");
    node->state = state;
    return INLAY_OK;
}

/* ---- what is wanted */

/* Key number I of those that input FIRST on (V1) or its elements (V2) hold. */
static inlay_status key_at(const op_call *c, bool second, int first, int i, int count, bytes *out, inlay_error *err) {
    const tensor *t = c->in[second ? first : first + i];
    if (t->count != (second ? count : 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld keys for %d features", (long long)t->count, count);
    *out = tensor_string(t, second ? i : 0);
    return INLAY_OK;
}

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

static inlay_status add_slot(const op_call *c, parse *p, slot_form form, int i, inlay_error *err) {
    const example_state *e = c->node->state;
    slot *s = &p->slots[p->n_slots];
    const op_value *out = c->node->out.items;
    s->form = form;
    if (form == SPARSE) {
        TRY(key_at(c, e->second, 2, i, e->n_sparse, &s->name, err));
        s->out = i;
        s->out_values = e->n_sparse + i;
        s->out_extra = 2 * e->n_sparse + i;
        s->type = out[s->out_values].type;
    } else if (form == DENSE) {
        TRY(key_at(c, e->second, e->second ? 3 : 2 + e->n_sparse, i, e->n_dense, &s->name, err));
        s->out = 3 * e->n_sparse + i;
        s->type = out[s->out].type;
        s->fallback = c->in[c->node->in.count - e->n_dense + i];
        s->dims = e->dense_shapes[i];
        TRY(read_dense(s, err));
    } else {
        TRY(key_at(c, true, 4, i, e->n_ragged, &s->name, err));
        s->out = 3 * e->n_sparse + e->n_dense + i;
        s->out_extra = s->out + e->n_ragged;
        s->type = out[s->out].type;
    }
    if (s->type != INLAY_FLOAT32 && s->type != INLAY_INT64 && s->type != INLAY_STRING)
        return op_unsupported(c, s->type, err);
    return map_put(&p->by_name, s->name, (uint64_t)p->n_slots++, err);
}

static inlay_status read_wishes(const op_call *c, parse *p, inlay_error *err) {
    const example_state *e = c->node->state;
    for (int i = 0; i < e->n_sparse; i++) TRY(add_slot(c, p, SPARSE, i, err));
    for (int i = 0; i < e->n_dense; i++) TRY(add_slot(c, p, DENSE, i, err));
    for (int i = 0; i < e->n_ragged; i++) TRY(add_slot(c, p, RAGGED, i, err));
    return INLAY_OK;
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

/* The list that one slot found in example I. */
static inlay_status keep(const slot *s, const example_feature *f, int64_t i, bytes *list, int64_t *count,
                         inlay_error *err) {
    *count = -1;
    if (f->kind == EXAMPLE_NONE) return INLAY_OK;
    if (kind_dtype(f->kind) != s->type)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "Key: %.*s, Index: %lld.  Data types don't match. Data type: %s but expected type: %s",
                    clip(s->name), (const char *)s->name.data, (long long)i, kind_name(kind_dtype(f->kind)),
                    kind_name(s->type));
    *list = f->list;
    *count = example_count(f->kind, f->list);
    if (*count < 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "Could not parse example input: feature %.*s of example %lld",
                    clip(s->name), (const char *)s->name.data, (long long)i);
    return INLAY_OK;
}

static inlay_status read_example(parse *p, bytes example, int64_t i, example_feature *last, bool *seen,
                                 inlay_error *err) {
    example_walk w = example_begin(example);
    example_feature f;
    bool sound;
    memset(seen, 0, (size_t)p->n_slots);
    while (example_next(&w, &f, &sound)) {
        uint64_t number;
        if (!map_get(&p->by_name, f.name, &number)) continue;
        last[number] = f;
        seen[number] = true;
    }
    if (!sound)
        return fail(err, INLAY_INVALID_ARGUMENT, "Could not parse example input, value: '%.*s'", clip(example),
                    (const char *)example.data);
    for (int s = 0; s < p->n_slots; s++) {
        int64_t at = i * p->n_slots + s;
        p->counts[at] = -1;
        if (seen[s]) TRY(keep(&p->slots[s], &last[s], i, &p->lists[at], &p->counts[at], err));
    }
    return INLAY_OK;
}

static inlay_status read_examples(const op_call *c, parse *p, inlay_error *err) {
    const tensor *in = c->in[0];
    size_t cells;
    if (__builtin_mul_overflow((size_t)p->n, (size_t)p->n_slots, &cells)) return fail_memory(err);
    p->lists = mem_array(cells, sizeof *p->lists);
    p->counts = mem_array(cells, sizeof *p->counts);
    example_feature *last = mem_array((size_t)p->n_slots, sizeof *last);
    bool *seen = mem_array((size_t)p->n_slots, sizeof *seen);
    inlay_status status = p->lists && p->counts && last && seen ? INLAY_OK : fail_memory(err);
    for (int64_t i = 0; status == INLAY_OK && i < p->n; i++)
        status = read_example(p, tensor_string(in, i), i, last, seen, err);
    mem_free(last);
    mem_free(seen);
    return status;
}

/* ---- outputs */

/* Appends a list of COUNT values. */
static inlay_status put_list(run_writer *w, dtype t, bytes list, int64_t count, inlay_error *err) {
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
            status = put_list(&w, s->type, p->lists[i * p->n_slots + number], count, err);
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
        if (count > 0) status = put_list(&w, p->slots[number].type, p->lists[i * p->n_slots + number], count, err);
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

static inlay_status example_run(op_call *c, inlay_error *err) {
    const example_state *e = c->node->state;
    const tensor *in = c->in[0];
    parse p = {.n = in->count, .single = e->second && in->dims.rank == 0};
    inlay_status status = INLAY_OK;
    if (in->dims.rank != 1 && !p.single)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expected serialized to be a vector, got rank %d", in->dims.rank);
    p.slots = mem_zalloc((size_t)e->n_sparse + (size_t)e->n_dense + (size_t)e->n_ragged, sizeof *p.slots);
    if (!p.slots) TRY_TO(done, fail_memory(err));
    TRY_TO(done, read_wishes(c, &p, err));
    TRY_TO(done, read_examples(c, &p, err));
    for (int s = 0; status == INLAY_OK && s < p.n_slots; s++)
        status = p.slots[s].form == SPARSE  ? put_sparse(c, &p, s, err)
                 : p.slots[s].form == DENSE ? put_dense(c, &p, s, err)
                                            : put_ragged(c, &p, s, err);
done:
    map_free(&p.by_name);
    mem_free(p.slots);
    mem_free(p.lists);
    mem_free(p.counts);
    return status;
}

const op_impl example_impls[] = {
    {"ParseExample", .run = example_run, .prepare = example_prepare, .detail = 1},
    {"ParseExampleV2", .run = example_run, .prepare = example_prepare, .detail = 2},
};
OP_FAMILY_END(example);

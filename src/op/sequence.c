/* Parsing tf.SequenceExample: its context as tf.Example is parsed, and lists of features, one a step. */
#include "op/example.h"
#include "op/families.h"

#include "base/num.h"

enum { BATCH_V1 = 1, BATCH_V2, ONE };
enum { SPARSE_PART, DENSE_PART, RAGGED_PART, PARTS };

typedef struct sequence_state {
    int version;
    int context[PARTS], lists[PARTS]; /* how many of each */
    shape *context_shapes, *list_shapes;
    bytes *keys[2][2]; /* BATCH_V1: of context and lists, sparse and dense */
    bytes *optional;   /* BATCH_V1: dense lists that may be missing */
    size_t n_optional;
} sequence_state;

static inlay_status count_of(const attrs *a, const char *types, arena *memory, int *out, inlay_error *err) {
    dtype *unused;
    size_t count;
    TRY(attr_types(a, types, memory, &unused, &count, err));
    *out = (int)count;
    return INLAY_OK;
}

static inlay_status read_keys(const attrs *a, const char *name, arena *memory, int wanted, bytes **out,
                              inlay_error *err) {
    size_t count;
    TRY(attr_texts(a, name, memory, out, &count, err));
    if (count == (size_t)wanted) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "%s has %zu keys, %d are wanted", name, count, wanted);
}

static int inputs_of(const sequence_state *s) {
    int keys = s->context[SPARSE_PART] + s->context[DENSE_PART] + s->lists[SPARSE_PART] + s->lists[DENSE_PART];
    return (s->version == BATCH_V1 ? 2 : s->version == BATCH_V2 ? 9 : 3 + keys) + s->context[DENSE_PART];
}

static inlay_status check_counts(const op_node *node, const sequence_state *s, size_t shapes, size_t list_shapes,
                                 inlay_error *err) {
    int outputs = 3 * (s->context[SPARSE_PART] + s->lists[SPARSE_PART]) + s->context[DENSE_PART] +
                  (s->version == ONE ? 1 : 2) * s->lists[DENSE_PART] + 2 * s->context[RAGGED_PART] +
                  3 * s->lists[RAGGED_PART];
    if (node->in.count == inputs_of(s) && node->out.count == outputs && shapes == (size_t)s->context[DENSE_PART] &&
        list_shapes == (size_t)s->lists[DENSE_PART])
        return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "the attributes do not fit the inputs and outputs");
}

static inlay_status sequence_prepare(op_node *node, op_setting *setting, inlay_error *err) {
    sequence_state *s = arena_zalloc(setting->memory, 1, sizeof *s);
    arena *memory = setting->memory;
    const attrs *a = &node->attributes;
    size_t shapes, list_shapes;
    if (!s) return fail_memory(err);
    s->version = node->impl->detail;
    TRY(count_of(a, "context_sparse_types", memory, &s->context[SPARSE_PART], err));
    TRY(count_of(a, "Tcontext_dense", memory, &s->context[DENSE_PART], err));
    TRY(count_of(a, "feature_list_sparse_types", memory, &s->lists[SPARSE_PART], err));
    TRY(count_of(a, "feature_list_dense_types", memory, &s->lists[DENSE_PART], err));
    if (s->version == BATCH_V2) {
        TRY(count_of(a, "context_ragged_value_types", memory, &s->context[RAGGED_PART], err));
        TRY(count_of(a, "feature_list_ragged_value_types", memory, &s->lists[RAGGED_PART], err));
    }
    TRY(attr_shapes(a, "context_dense_shapes", memory, &s->context_shapes, &shapes, err));
    TRY(attr_shapes(a, "feature_list_dense_shapes", memory, &s->list_shapes, &list_shapes, err));
    if (s->version == BATCH_V1) {
        TRY(read_keys(a, "context_sparse_keys", memory, s->context[SPARSE_PART], &s->keys[0][0], err));
        TRY(read_keys(a, "context_dense_keys", memory, s->context[DENSE_PART], &s->keys[0][1], err));
        TRY(read_keys(a, "feature_list_sparse_keys", memory, s->lists[SPARSE_PART], &s->keys[1][0], err));
        TRY(read_keys(a, "feature_list_dense_keys", memory, s->lists[DENSE_PART], &s->keys[1][1], err));
        TRY(attr_texts(a, "feature_list_dense_missing_assumed_empty", memory, &s->optional, &s->n_optional, err));
    }
    node->state = s;
    return check_counts(node, s, shapes, list_shapes, err);
}

/* ---- what is wanted */

/* Steps of one list in one example. */
typedef struct step {
    bytes list;
    int64_t count; /* values */
} step;

/* One wanted list of features. */
typedef struct wish {
    slot s;
    bool optional;
    int out_inner; /* of a ragged one; of a dense one its lengths, -1: none */
} wish;

typedef struct sequence {
    op_call *c;
    parse context;
    wish *lists;
    int n_lists;
    map by_name;
    buffer *steps; /* [n_lists] of step, one example after the other */
    int64_t *ends; /* [n, n_lists] steps up to and with each example */
    bytes *found;  /* [n_lists] in the example that is read */
    bool *seen;
    bool single;
    int64_t n;
} sequence;

/* Key number I of kind PART: of the context or of the lists. */
static inlay_status key_of(const op_call *c, bool of_list, int part, int i, bytes *out, inlay_error *err) {
    const sequence_state *s = c->node->state;
    if (s->version == BATCH_V1) return *out = s->keys[of_list][part][i], INLAY_OK;
    if (s->version == BATCH_V2) {
        const tensor *t = c->in[(of_list ? 5 : 2) + part];
        if (t->count != (of_list ? s->lists : s->context)[part])
            return fail(err, INLAY_INVALID_ARGUMENT, "%lld keys for %d features", (long long)t->count,
                        (of_list ? s->lists : s->context)[part]);
        return *out = tensor_string(t, i), INLAY_OK;
    }
    int at = 2 + i;
    if (of_list || part == DENSE_PART) at += s->context[SPARSE_PART];
    if (of_list) at += s->context[DENSE_PART];
    if (of_list && part == DENSE_PART) at += s->lists[SPARSE_PART];
    if (c->in[at]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "a key must be one string");
    return *out = tensor_string(c->in[at], 0), INLAY_OK;
}

static int first_default(const op_call *c) {
    const sequence_state *s = c->node->state;
    return c->node->in.count - s->context[DENSE_PART] - (s->version == ONE);
}

static inlay_status wish_context(sequence *q, int *out, inlay_error *err) {
    const op_call *c = q->c;
    const sequence_state *s = c->node->state;
    const int *n = s->context;
    q->context.slots = mem_zalloc((size_t)n[0] + (size_t)n[1] + (size_t)n[2] + 1, sizeof *q->context.slots);
    if (!q->context.slots) return fail_memory(err);
    for (int part = 0; part < PARTS; part++)
        for (int i = 0; i < n[part]; i++) {
            slot w = {.form = (slot_form[]){SPARSE, DENSE, RAGGED}[part], .out = *out + i};
            TRY(key_of(c, false, part, i, &w.name, err));
            w.out_values = w.out + n[0];
            w.out_extra = w.out + (part == SPARSE_PART ? 2 * n[0] : n[2]);
            w.type = c->node->out.items[part == SPARSE_PART ? w.out_values : w.out].type;
            if (part == DENSE_PART) {
                w.fallback = c->in[first_default(c) + i];
                w.dims = s->context_shapes[i];
            }
            TRY(example_add(c, &q->context, &w, err));
            if (i + 1 == n[part]) *out += n[part] * (part == SPARSE_PART ? 3 : part == DENSE_PART ? 1 : 2);
        }
    return INLAY_OK;
}

static inlay_status is_optional(const op_call *c, int i, bytes name, bool *out, inlay_error *err) {
    const sequence_state *s = c->node->state;
    *out = false;
    if (s->version == BATCH_V2) {
        if (c->in[8]->count != s->lists[DENSE_PART])
            return fail(err, INLAY_INVALID_ARGUMENT, "feature_list_dense_missing_assumed_empty has %lld entries",
                        (long long)c->in[8]->count);
        *out = c->in[8]->data[i];
        return INLAY_OK;
    }
    size_t n = s->version == ONE ? (size_t)c->in[1]->count : s->n_optional;
    for (size_t k = 0; k < n && !*out; k++)
        *out = bytes_equal(s->version == ONE ? tensor_string(c->in[1], (int64_t)k) : s->optional[k], name);
    return INLAY_OK;
}

static inlay_status wish_list(sequence *q, int part, int i, int out, inlay_error *err) {
    const op_call *c = q->c;
    const sequence_state *s = c->node->state;
    wish *w = &q->lists[q->n_lists];
    int n = s->lists[part];
    w->s = (slot){.form = (slot_form[]){SPARSE, DENSE, RAGGED}[part],
                  .out = out + i,
                  .out_values = out + n + i,
                  .out_extra = out + (part == SPARSE_PART ? 2 * n : n) + i,
                  .stride = 1};
    w->out_inner = out + 2 * n + i;
    TRY(key_of(c, true, part, i, &w->s.name, err));
    w->s.type = c->node->out.items[part == SPARSE_PART ? w->s.out_values : w->s.out].type;
    if (w->s.type != INLAY_FLOAT32 && w->s.type != INLAY_INT64 && w->s.type != INLAY_STRING)
        return op_unsupported(c, w->s.type, err);
    if (part == DENSE_PART) {
        w->s.dims = s->list_shapes[i];
        w->out_inner = s->version == ONE ? -1 : w->s.out_extra;
        if (!shape_elements(&w->s.dims, &w->s.stride) || w->s.dims.rank + 2 > INLAY_MAX_RANK)
            return fail(err, INLAY_INVALID_ARGUMENT, "a dense shape must be known, and its rank at most %d",
                        INLAY_MAX_RANK - 2);
        TRY(is_optional(c, i, w->s.name, &w->optional, err));
    }
    return map_put(&q->by_name, w->s.name, (uint64_t)q->n_lists++, err);
}

static inlay_status wish_lists(sequence *q, int out, inlay_error *err) {
    const sequence_state *s = q->c->node->state;
    size_t n = (size_t)s->lists[0] + (size_t)s->lists[1] + (size_t)s->lists[2] + 1, cells;
    if (__builtin_mul_overflow(n, (size_t)q->n, &cells)) return fail_memory(err);
    q->lists = mem_zalloc(n, sizeof *q->lists);
    q->steps = mem_zalloc(n, sizeof *q->steps);
    q->found = mem_zalloc(n, sizeof *q->found);
    q->seen = mem_zalloc(n, sizeof *q->seen);
    q->ends = mem_zalloc(cells + 1, sizeof *q->ends);
    if (!q->lists || !q->steps || !q->found || !q->seen || !q->ends) return fail_memory(err);
    for (int part = 0; part < PARTS; part++) {
        for (int i = 0; i < s->lists[part]; i++) TRY(wish_list(q, part, i, out, err));
        out += s->lists[part] * (part == DENSE_PART ? (s->version == ONE ? 1 : 2) : 3);
    }
    return INLAY_OK;
}

/* ---- what is there */

static inlay_status unsound(int64_t i, inlay_error *err) {
    return fail(err, INLAY_INVALID_ARGUMENT, "Could not parse sequence example %lld", (long long)i);
}

/* The steps of list NUMBER in example I. */
static inlay_status read_steps(sequence *q, int number, bytes list, int64_t i, inlay_error *err) {
    const wish *w = &q->lists[number];
    example_feature f;
    bool sound = true;
    for (int64_t at = 0; feature_list_next(&list, &f, &sound); at++) {
        step one = {.list = f.list};
        TRY(example_check(&w->s, &f, i, &one.count, err));
        if (one.count < 0) one = (step){.count = 0};
        if (w->s.form == DENSE && one.count != w->s.stride)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Key: %.*s, Index: %lld.  Number of values in step %lld is %lld, wanted are %lld",
                        (int)min_size(w->s.name.size, 100), (const char *)w->s.name.data, (long long)i, (long long)at,
                        (long long)one.count, (long long)w->s.stride);
        buffer_append(&q->steps[number], &one, sizeof one);
    }
    if (!sound) return unsound(i, err);
    return buffer_check(&q->steps[number], err);
}

static inlay_status read_lists(sequence *q, int64_t i, inlay_error *err) {
    for (int k = 0; k < q->n_lists; k++) {
        const wish *w = &q->lists[k];
        if (q->seen[k]) TRY(read_steps(q, k, q->found[k], i, err));
        if (!q->seen[k] && w->s.form == DENSE && !w->optional)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Name: <unknown>, Feature list: %.*s is required but could not be found.  Did you mean to "
                        "include it in feature_list_dense_missing_assumed_empty or feature_list_dense_defaults?",
                        (int)min_size(w->s.name.size, 100), (const char *)w->s.name.data);
        q->ends[i * q->n_lists + k] = (int64_t)(q->steps[k].size / sizeof(step));
    }
    return INLAY_OK;
}

static inlay_status read_example(sequence *q, int64_t i, inlay_error *err) {
    bytes text = tensor_string(q->c->in[0], i), rest = text, part, context = {0}, name, list;
    uint32_t field;
    bool sound = true;
    memset(q->seen, 0, (size_t)q->n_lists);
    while (sequence_next(&rest, &field, &part, &sound)) {
        if (field == 1) context = part;
        while (field == 2 && feature_lists_next(&part, &name, &list, &sound)) {
            uint64_t number;
            if (!map_get(&q->by_name, name, &number)) continue;
            q->found[number] = list;
            q->seen[number] = true;
        }
        if (!sound) break;
    }
    if (!sound) return unsound(i, err);
    TRY(example_read(&q->context, example_begin_features(context), text, i, err));
    return read_lists(q, i, err);
}

/* ---- outputs */

static const step *step_at(const sequence *q, int number, int64_t at) {
    return (const step *)(const void *)q->steps[number].data + at;
}

/* The first step of example I; of example N, the end. */
static int64_t first_step(const sequence *q, int number, int64_t i) {
    return i ? q->ends[(i - 1) * q->n_lists + number] : 0;
}

static inlay_status put_steps(const sequence *q, int number, run_writer *w, int64_t first, int64_t end,
                              inlay_error *err) {
    for (int64_t s = first; s < end; s++) {
        const step *one = step_at(q, number, s);
        if (one->count) TRY(example_put_list(w, q->lists[number].s.type, one->list, one->count, err));
    }
    return INLAY_OK;
}

/* [batch, most steps, dims], filled up with zeros or empty strings. */
static inlay_status put_dense(sequence *q, int number, inlay_error *err) {
    const wish *w = &q->lists[number];
    shape dims = {0}, batch = shape_vector(q->n);
    int64_t most = 0;
    tensor *lengths = NULL;
    run_writer out;
    if (w->out_inner >= 0 && q->single) batch = shape_scalar();
    if (w->out_inner >= 0) TRY(op_output(q->c, w->out_inner, &batch, &lengths, err));
    for (int64_t i = 0; i < q->n; i++) {
        int64_t steps = first_step(q, number, i + 1) - first_step(q, number, i);
        most = max_i64(most, steps);
        if (lengths) tensor_i64(lengths)[i] = steps;
    }
    if (!q->single) dims.dims[dims.rank++] = q->n;
    dims.dims[dims.rank++] = most;
    for (int k = 0; k < w->s.dims.rank; k++) dims.dims[dims.rank++] = w->s.dims.dims[k];
    TRY(runs_begin(&out, q->c, w->s.out, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < q->n && status == INLAY_OK; i++) {
        int64_t first = first_step(q, number, i), end = first_step(q, number, i + 1);
        status = put_steps(q, number, &out, first, end, err);
        if (status == INLAY_OK) status = runs_repeat(&out, NULL, 0, (most - (end - first)) * w->s.stride, err);
    }
    return runs_end(&out, status, err);
}

static inlay_status put_values(sequence *q, int number, int out, int64_t *total, inlay_error *err) {
    int64_t steps = first_step(q, number, q->n);
    run_writer w;
    *total = 0;
    for (int64_t s = 0; s < steps; s++) *total += step_at(q, number, s)->count;
    shape dims = shape_vector(*total);
    TRY(runs_begin(&w, q->c, out, &dims, err));
    return runs_end(&w, put_steps(q, number, &w, 0, steps, err), err);
}

static inlay_status put_sparse(sequence *q, int number, inlay_error *err) {
    const slot *s = &q->lists[number].s;
    int width = q->single ? 2 : 3;
    int64_t total, most_steps = 0, longest = 0;
    tensor *indices, *dense;
    TRY(put_values(q, number, s->out_values, &total, err));
    shape dims = shape_matrix(total, width), rank = shape_vector(width);
    TRY(op_output(q->c, s->out, &dims, &indices, err));
    TRY(op_output(q->c, s->out_extra, &rank, &dense, err));
    int64_t *to = tensor_i64(indices);
    for (int64_t i = 0; i < q->n; i++) {
        int64_t first = first_step(q, number, i), end = first_step(q, number, i + 1);
        most_steps = max_i64(most_steps, end - first);
        for (int64_t at = first; at < end; at++) {
            int64_t count = step_at(q, number, at)->count;
            longest = max_i64(longest, count);
            for (int64_t k = 0; k < count; k++) {
                if (!q->single) *to++ = i;
                *to++ = at - first;
                *to++ = k;
            }
        }
    }
    to = tensor_i64(dense);
    if (!q->single) *to++ = q->n;
    *to++ = most_steps;
    *to = longest;
    return INLAY_OK;
}

static void put_split(tensor *splits, int64_t i, int64_t value) {
    if (splits->type == INLAY_INT64)
        tensor_i64(splits)[i] = value;
    else
        tensor_i32(splits)[i] = (int32_t)value;
}

static inlay_status put_ragged(sequence *q, int number, inlay_error *err) {
    const wish *w = &q->lists[number];
    int64_t total, steps = first_step(q, number, q->n), at = 0;
    tensor *outer, *inner;
    TRY(put_values(q, number, w->s.out, &total, err));
    shape rows = shape_vector(q->single ? 0 : q->n + 1), values = shape_vector(steps + 1);
    TRY(op_output(q->c, w->s.out_extra, &rows, &outer, err));
    TRY(op_output(q->c, w->out_inner, &values, &inner, err));
    for (int64_t i = 0; i < outer->count; i++) put_split(outer, i, first_step(q, number, i));
    put_split(inner, 0, 0);
    for (int64_t s = 0; s < steps; s++) put_split(inner, s + 1, at += step_at(q, number, s)->count);
    return INLAY_OK;
}

static void sequence_free(sequence *q) {
    example_free(&q->context);
    map_free(&q->by_name);
    for (int i = 0; q->steps && i < q->n_lists; i++) buffer_free(&q->steps[i]);
    mem_free(q->steps);
    mem_free(q->lists);
    mem_free(q->ends);
    mem_free(q->found);
    mem_free(q->seen);
}

static inlay_status parse_all(sequence *q, inlay_error *err) {
    int out = 0;
    TRY(wish_context(q, &out, err));
    TRY(wish_lists(q, out, err));
    TRY(example_begin_reading(&q->context, err));
    for (int64_t i = 0; i < q->n; i++) {
        if ((i & 255) == 255) TRY(op_check_stop(q->c, err));
        TRY(read_example(q, i, err));
    }
    TRY(example_put_all(q->c, &q->context, err));
    for (int k = 0; k < q->n_lists; k++) {
        slot_form form = q->lists[k].s.form;
        TRY(form == SPARSE ? put_sparse(q, k, err) : form == DENSE ? put_dense(q, k, err) : put_ragged(q, k, err));
    }
    return INLAY_OK;
}

static inlay_status sequence_run(op_call *c, inlay_error *err) {
    const sequence_state *s = c->node->state;
    const tensor *in = c->in[0];
    bool single = s->version != BATCH_V1 && in->dims.rank == 0;
    if (!single && (s->version == ONE || in->dims.rank != 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "Expected serialized to be a %s, got rank %d",
                    s->version == ONE ? "scalar" : "vector", in->dims.rank);
    sequence q = {
        .c = c, .n = in->count, .single = single, .context = {.n = in->count, .single = single, .strict = true}};
    inlay_status status = parse_all(&q, err);
    sequence_free(&q);
    return status;
}

const op_impl sequence_impls[] = {
    {"ParseSequenceExample", .run = sequence_run, .prepare = sequence_prepare, .detail = BATCH_V1},
    {"ParseSequenceExampleV2", .run = sequence_run, .prepare = sequence_prepare, .detail = BATCH_V2},
    {"ParseSingleSequenceExample", .run = sequence_run, .prepare = sequence_prepare, .detail = ONE},
};
OP_FAMILY_END(sequence);

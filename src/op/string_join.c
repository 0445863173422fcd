/* Texts put together. */
#include "op/families.h"
#include "op/text.h"

#include "base/num.h"

typedef struct join_state {
    bytes separator;
    bool keep_dims;
} join_state;

static inlay_status join_prepare(op_node *node, op_setting *s, inlay_error *err) {
    join_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    TRY(attr_text(&node->attributes, "separator", &state->separator, err));
    if (node->impl->detail) TRY(attr_bool(&node->attributes, "keep_dims", &state->keep_dims, err));
    node->state = state;
    return INLAY_OK;
}

/* Element E of all inputs; scalars go to each. */
static inlay_status join_one(const op_call *c, void *user, int64_t e, buffer *to, inlay_error *err) {
    const join_state *state = c->node->state;
    (void)user, (void)err;
    for (int i = 0; i < c->node->in.count; i++) {
        if (i) buffer_append_bytes(to, state->separator);
        buffer_append_bytes(to, tensor_string(c->in[i], c->in[i]->dims.rank ? e : 0));
    }
    return INLAY_OK;
}

static inlay_status join_run(op_call *c, inlay_error *err) {
    int n = c->node->in.count;
    shape dims = shape_scalar();
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    for (int i = 0; i < n; i++) {
        const shape *given = &c->in[i]->dims;
        if (given->rank == 0) continue;
        if (dims.rank != 0 && !shape_equal(given, &dims))
            return fail(err, INLAY_INVALID_ARGUMENT, "inputs differ in shape: %s and %s", shape_text(&dims, a),
                        shape_text(given, b));
        dims = *given;
    }
    return text_make(c, 0, &dims, join_one, NULL, err);
}

/* Which axes are joined, the fastest first. */
static inlay_status read_axes(const tensor *t, int rank, int axes[INLAY_MAX_RANK], int *count, inlay_error *err) {
    if (t->count > rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld axes for an input of rank %d", (long long)t->count, rank);
    for (*count = 0; *count < t->count; ++*count) {
        int64_t axis;
        TRY(tensor_as_int(t, *count, "reduction_indices", &axis, err));
        if (axis < -rank || axis >= rank)
            return fail(err, INLAY_OUT_OF_RANGE, "axis %lld is not in [%d, %d)", (long long)axis, -rank, rank);
        axes[*count] = (int)(axis < 0 ? axis + rank : axis);
        for (int i = 0; i < *count; i++)
            if (axes[i] == axes[*count]) return fail(err, INLAY_INVALID_ARGUMENT, "axis %d is given twice", axes[i]);
    }
    return INLAY_OK;
}

/* A walk over some axes of a tensor, the first listed fastest. */
typedef struct walk {
    int64_t sizes[INLAY_MAX_RANK], steps[INLAY_MAX_RANK], at[INLAY_MAX_RANK];
    int axes;
    int64_t count, position;
} walk;

static void walk_add(walk *w, int64_t size, int64_t step) {
    w->sizes[w->axes] = size;
    w->steps[w->axes] = step;
    w->at[w->axes++] = 0;
    w->count *= size;
}

static void walk_next(walk *w) {
    for (int i = 0; i < w->axes; i++) {
        w->position += w->steps[i];
        if (++w->at[i] < w->sizes[i]) return;
        w->position -= w->steps[i] * w->sizes[i];
        w->at[i] = 0;
    }
}

typedef struct reduction {
    walk inner, outer; /* over what is joined, and over the joins */
} reduction;

static inlay_status reduce_one(const op_call *c, void *user, int64_t e, buffer *to, inlay_error *err) {
    const join_state *state = c->node->state;
    reduction *r = user;
    (void)e, (void)err;
    for (int64_t i = 0; i < r->inner.count; i++, walk_next(&r->inner)) {
        if (i) buffer_append_bytes(to, state->separator);
        buffer_append_bytes(to, tensor_string(c->in[0], r->outer.position + r->inner.position));
    }
    walk_next(&r->outer);
    return INLAY_OK;
}

static inlay_status reduce_join_run(op_call *c, inlay_error *err) {
    const join_state *state = c->node->state;
    const tensor *in = c->in[0];
    int axes[INLAY_MAX_RANK], count = 0;
    int64_t steps[INLAY_MAX_RANK];
    bool joined[INLAY_MAX_RANK] = {false};
    TRY(read_axes(c->in[1], in->dims.rank, axes, &count, err));
    for (int i = in->dims.rank - 1; i >= 0; i--)
        steps[i] = i == in->dims.rank - 1 ? 1 : steps[i + 1] * in->dims.dims[i + 1];
    reduction r = {.inner.count = 1, .outer.count = 1};
    for (int i = 0; i < count; i++) {
        joined[axes[i]] = true;
        walk_add(&r.inner, in->dims.dims[axes[i]], steps[axes[i]]);
    }
    shape dims = shape_scalar();
    for (int i = 0; i < in->dims.rank; i++)
        if (!joined[i] || state->keep_dims) dims.dims[dims.rank++] = joined[i] ? 1 : in->dims.dims[i];
    for (int i = in->dims.rank - 1; i >= 0; i--)
        if (!joined[i]) walk_add(&r.outer, in->dims.dims[i], steps[i]);
    return text_make(c, 0, &dims, reduce_one, &r, err);
}

static inlay_status check_segments(const tensor *ids, int64_t segments, inlay_error *err) {
    for (int64_t i = 0; i < ids->count; i++) {
        int64_t id;
        TRY(tensor_as_int(ids, i, "segment_ids", &id, err));
        if (id < 0 || id >= segments)
            return fail(err, INLAY_INVALID_ARGUMENT, "segment id %lld is not in [0, %lld)", (long long)id,
                        (long long)segments);
    }
    return INLAY_OK;
}

/* Rows of IN in the order of their segments, which are sound: *order [rows], *starts [segments + 1]; mem_free. */
static inlay_status sort_by_segment(const tensor *ids, int64_t segments, int64_t **order, int64_t **starts,
                                    inlay_error *err) {
    inlay_status status;
    *order = mem_array((size_t)ids->count, sizeof **order);
    *starts = mem_zalloc((size_t)segments + 2, sizeof **starts);
    if (!*order || !*starts) TRY_TO(failed, fail_memory(err));
    int64_t *next = *starts + 1; /* becomes the end of each segment, which is the start of the following */
    for (int64_t i = 0; i < ids->count; i++) {
        int64_t id = 0;
        TRY_TO(failed, tensor_as_int(ids, i, "segment_ids", &id, err));
        next[id + 1]++;
    }
    for (int64_t s = 0; s < segments; s++) next[s + 1] += next[s];
    for (int64_t i = 0; i < ids->count; i++) {
        int64_t id = 0;
        TRY_TO(failed, tensor_as_int(ids, i, "segment_ids", &id, err));
        (*order)[next[id]++] = i;
    }
    return INLAY_OK;
failed:
    mem_free(*order);
    mem_free(*starts);
    *order = *starts = NULL;
    return status;
}

static inlay_status segment_join_run(op_call *c, inlay_error *err) {
    const join_state *state = c->node->state;
    const tensor *in = c->in[0], *ids = c->in[1];
    int64_t segments, *order, *starts;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    TRY(tensor_scalar_int(c->in[2], "num_segments", &segments, err));
    if (segments < 0) return fail(err, INLAY_INVALID_ARGUMENT, "num_segments is %lld", (long long)segments);
    shape dims = shape_vector(segments);
    bool fits = ids->dims.rank >= 1 && ids->dims.rank <= in->dims.rank;
    for (int i = 0; fits && i < ids->dims.rank; i++) fits = ids->dims.dims[i] == in->dims.dims[i];
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "segment_ids %s do not begin the shape of inputs %s",
                    shape_text(&ids->dims, a), shape_text(&in->dims, b));
    for (int i = ids->dims.rank; i < in->dims.rank; i++) dims.dims[dims.rank++] = in->dims.dims[i];
    int64_t width = op_span(&in->dims, ids->dims.rank, in->dims.rank);
    string_builder builder;
    buffer room = {0};
    inlay_status status;
    TRY(check_segments(ids, segments, err));
    TRY(string_builder_init(&builder, &dims, c->budget, err));
    if (builder.count == 0) return text_give(c, 0, &builder, err);
    TRY_TO(failed, sort_by_segment(ids, segments, &order, &starts, err));
    for (int64_t s = 0; s < segments; s++)
        for (int64_t column = 0; column < width; column++) {
            buffer_clear(&room);
            for (int64_t i = starts[s]; i < starts[s + 1]; i++) {
                if (i > starts[s]) buffer_append_bytes(&room, state->separator);
                buffer_append_bytes(&room, tensor_string(in, order[i] * width + column));
            }
            TRY_TO(failed_sorted, buffer_check(&room, err));
            TRY_TO(failed_sorted, string_builder_add(&builder, buffer_bytes(&room), err));
        }
    mem_free(order);
    mem_free(starts);
    buffer_free(&room);
    return text_give(c, 0, &builder, err);
failed_sorted:
    mem_free(order);
    mem_free(starts);
failed:
    string_builder_free(&builder);
    buffer_free(&room);
    return status;
}

const op_impl string_join_impls[] = {
    {"StringJoin", .run = join_run, .prepare = join_prepare},
    {"ReduceJoin", .run = reduce_join_run, .prepare = join_prepare, .detail = 1},
    {"UnsortedSegmentJoin", .run = segment_join_run, .prepare = join_prepare},
};
OP_FAMILY_END(string_join);

#include "op/op.h"

#include "base/clock.h"
#include "op/families.h"

#include <pthread.h>

static const struct {
    const op_impl *rows;
    const size_t *count;
} families[] = {
#define FAMILY(name) {name##_impls, &name##_impls_count},
#include "op/families.def"
#undef FAMILY
};
enum { FAMILIES = sizeof families / sizeof *families };

/* As in opdef.c: static, filled once, at most half full. */
enum { SLOTS = 4096 };
static const op_impl *slots[SLOTS];

static size_t slot_of(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (uint8_t)*name) * 16777619u;
    return (h ^ h >> 15) % SLOTS;
}

static void fill_slots(void) {
    size_t filled = 0;
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < *families[f].count && filled < SLOTS / 2; i++, filled++) {
            size_t slot = slot_of(families[f].rows[i].name);
            while (slots[slot]) slot = (slot + 1) % SLOTS;
            slots[slot] = &families[f].rows[i];
        }
}

const op_impl *op_find(const char *name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_slots);
    for (size_t slot = slot_of(name); slots[slot]; slot = (slot + 1) % SLOTS)
        if (strcmp(name, slots[slot]->name) == 0) return slots[slot];
    return NULL;
}

const op_impl *op_at(size_t index) {
    for (size_t f = 0; f < FAMILIES; index -= *families[f].count, f++)
        if (index < *families[f].count) return &families[f].rows[index];
    return NULL;
}

inlay_status op_output(op_call *c, int i, const shape *dims, tensor **out, inlay_error *err) {
    TRY(tensor_new(c->node->out.items[i].type, dims, c->budget, &c->out[i], err));
    *out = c->out[i];
    return INLAY_OK;
}

inlay_status op_output_over(op_call *c, int i, int in, const shape *dims, tensor **out, inlay_error *err) {
    tensor *t = c->in[in];
    if (t->type != c->node->out.items[i].type || !shape_equal(&t->dims, dims) || !tensor_is_writable(t))
        return op_output(c, i, dims, out, err);
    op_give(c, i, tensor_retain(t));
    *out = t;
    return INLAY_OK;
}

void op_give(op_call *c, int i, tensor *t) {
    tensor_release(c->out[i]);
    c->out[i] = t;
}

inlay_status op_give_reshaped(op_call *c, int i, int in, const shape *dims, inlay_error *err) {
    int64_t count;
    tensor *t = c->in[in];
    if (tensor_is_writable(t) && shape_elements(dims, &count) && count == t->count) {
        t->dims = *dims; /* stays writable for who comes next */
        op_give(c, i, tensor_retain(t));
        return INLAY_OK;
    }
    tensor *made;
    TRY(tensor_reshape(t, dims, &made, err));
    op_give(c, i, made);
    return INLAY_OK;
}

inlay_status op_check_stop(const op_call *c, inlay_error *err) {
    if (!c->stop) return INLAY_OK;
    if (c->stop->cancelled && __atomic_load_n(c->stop->cancelled, __ATOMIC_RELAXED))
        return fail(err, INLAY_CANCELLED, "the run was cancelled");
    if (c->stop->deadline > 0 && seconds_now() > c->stop->deadline)
        return fail(err, INLAY_DEADLINE_EXCEEDED, "the run took longer than it may");
    return INLAY_OK;
}

inlay_status op_shape_of(const tensor *t, const char *what, shape *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (t->dims.rank > 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be a vector, not %s", what, shape_text(&t->dims, text));
    if (t->count > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s has %lld dimensions, at most %d are possible", what,
                    (long long)t->count, INLAY_MAX_RANK);
    *out = (shape){.rank = (int)t->count};
    for (int i = 0; i < out->rank; i++) {
        TRY(tensor_as_int(t, i, what, &out->dims[i], err));
        if (out->dims[i] < -1)
            return fail(err, INLAY_INVALID_ARGUMENT, "%s has a dimension of %lld", what, (long long)out->dims[i]);
    }
    return INLAY_OK;
}

inlay_status op_axis(int64_t axis, int rank, int *out, inlay_error *err) {
    if (axis < -rank || axis >= rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "axis %lld is not in [%d, %d)", (long long)axis, -rank, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return INLAY_OK;
}

inlay_status op_axis_of(const tensor *t, int rank, int *out, inlay_error *err) {
    int64_t axis;
    TRY(tensor_scalar_int(t, "axis", &axis, err));
    return op_axis(axis, rank, out, err);
}

int64_t op_span(const shape *dims, int from, int to) {
    int64_t product = 1;
    for (int i = from; i < to; i++) product *= dims->dims[i];
    return product;
}

inlay_status op_unsupported(const op_call *c, dtype t, inlay_error *err) {
    return fail(err, INLAY_UNIMPLEMENTED, "%s does not run with %s", c->node->def->name, dtype_name(t));
}

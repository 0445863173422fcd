/* Convolutions. The filter of a model stays the same from run to run, so what is made of it is kept as long as the same
 * tensor comes with inputs of the same sizes. */
#include "kernel/conv/conv.h"
#include "kernel/cast/cast.h"
#include "op/families.h"
#include "op/window.h"

#include <pthread.h>

enum { PLAIN = 0, DEPTHWISE = 1, VOLUME = 2, FUSED = 4 }; /* op_impl.detail */
enum { KEPT = 4 };                                        /* sizes of inputs that one node is ready for */

/* A convolution made for a filter. */
typedef struct ready_conv {
    _Atomic int refs;
    conv_sizes sizes;
    tensor *filter; /* holding it keeps another tensor from taking its address */
    tensor *floats; /* the same as aligned float32 */
    conv_made *made;
} ready_conv;

typedef struct conv_state {
    window_attrs window;
    conv_after after;
    pthread_mutex_t lock; /* around what follows */
    ready_conv *kept[KEPT];
    int next; /* to make room */
} conv_state;

static const struct {
    const char *name;
    conv_act act;
} activations[] = {
    {"", CONV_LINEAR}, {"Relu", CONV_RELU},   {"Relu6", CONV_RELU6}, {"LeakyRelu", CONV_LEAKY_RELU},
    {"Elu", CONV_ELU}, {"Swish", CONV_SWISH},
};

static inlay_status read_after(const attrs *a, conv_after *out, inlay_error *err) {
    int64_t biases, addends;
    bytes name;
    TRY(attr_int(a, "B", &biases, err));
    TRY(attr_int(a, "A", &addends, err));
    TRY(attr_text(a, "activation", &name, err));
    TRY(attr_float(a, "slope", &out->slope, err));
    if (biases > 1 || addends > 1) return fail(err, INLAY_INVALID_ARGUMENT, "more than one bias or addend");
    out->bias = biases;
    out->add = addends;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (bytes_is(name, activations[i].name)) {
            out->act = activations[i].act;
            return INLAY_OK;
        }
    return fail(err, INLAY_UNIMPLEMENTED, "no such activation");
}

static inlay_status conv_prepare(op_node *node, op_setting *s, inlay_error *err) {
    int detail = node->impl->detail;
    conv_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    TRY(window_prepare(&node->attributes, detail & VOLUME ? 3 : 2,
                       WINDOW_DILATIONS | (detail & VOLUME ? 0 : WINDOW_EXPLICIT), s->memory, &state->window, err));
    if (detail & FUSED) TRY(read_after(&node->attributes, &state->after, err));
    if (pthread_mutex_init(&state->lock, NULL) != 0) return fail_memory(err);
    node->state = state;
    return INLAY_OK;
}

static void leave(ready_conv *r) {
    if (!r || atomic_fetch_sub(&r->refs, 1) != 1) return;
    conv_free(r->made);
    tensor_release(r->floats);
    tensor_release(r->filter);
    mem_free(r);
}

static void conv_dispose(op_node *node) {
    conv_state *state = node->state;
    for (int i = 0; i < KEPT; i++) leave(state->kept[i]);
    pthread_mutex_destroy(&state->lock);
}

static bool same_sizes(const conv_sizes *a, const conv_sizes *b) {
    return memcmp(a, b, sizeof *a) == 0; /* int64 only: no gaps */
}

static ready_conv *find_kept(conv_state *state, const conv_sizes *sizes, const tensor *filter) {
    ready_conv *found = NULL;
    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < KEPT && !found; i++) {
        ready_conv *r = state->kept[i];
        if (r && r->filter == filter && same_sizes(&r->sizes, sizes)) found = r;
    }
    if (found) found->refs++;
    pthread_mutex_unlock(&state->lock);
    return found;
}

/* In the place of one of the same sizes, else of the oldest. */
static void keep(conv_state *state, ready_conv *r) {
    pthread_mutex_lock(&state->lock);
    int at = -1;
    for (int i = 0; i < KEPT && at < 0; i++)
        if (!state->kept[i] || same_sizes(&state->kept[i]->sizes, &r->sizes)) at = i;
    if (at < 0) {
        at = state->next;
        state->next = (at + 1) % KEPT;
    }
    ready_conv *old = state->kept[at];
    r->refs++;
    state->kept[at] = r;
    pthread_mutex_unlock(&state->lock);
    leave(old);
}

static inlay_status make_ready(op_call *c, const conv_sizes *sizes, tensor *filter, ready_conv **out,
                               inlay_error *err) {
    conv_state *state = c->node->state;
    *out = find_kept(state, sizes, filter);
    if (*out) return INLAY_OK;
    ready_conv *r = mem_zalloc(1, sizeof *r);
    if (!r) return fail_memory(err);
    r->refs = 1;
    r->sizes = *sizes;
    r->filter = tensor_retain(filter);
    tensor *aligned = NULL;
    inlay_status status = tensor_aligned(filter, NULL, &aligned, err);
    if (status == INLAY_OK) status = tensor_to_float(aligned, INLAY_FLOAT32, NULL, &r->floats, err);
    if (status == INLAY_OK) status = conv_make(sizes, &state->after, tensor_f32(r->floats), &r->made, err);
    tensor_release(aligned);
    if (status != INLAY_OK) {
        leave(r);
        return status;
    }
    keep(state, r);
    *out = r;
    return INLAY_OK;
}

/* ---- sizes */

static inlay_status sizes_of(const op_call *c, const shape *in, const shape *filter, conv_sizes *s, inlay_error *err) {
    const conv_state *state = c->node->state;
    const window_attrs *w = &state->window;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    int64_t window[CONV_DIMS] = {1, 1, 1};
    *s = (conv_sizes){0};
    TRY(window_parts(w, in, &s->batch, &s->channels, s->in, err));
    if (filter->rank != w->dims + 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "a filter of shape %s must have %d dimensions", shape_text(filter, b),
                    w->dims + 2);
    for (int d = 0; d < w->dims; d++) window[CONV_DIMS - w->dims + d] = filter->dims[d];
    int64_t per = filter->dims[w->dims], last = filter->dims[w->dims + 1];
    bool fits;
    if (c->node->impl->detail & DEPTHWISE) {
        fits = per == s->channels;
        s->groups = per;
        s->filters = per * last;
    } else {
        fits = per > 0 && s->channels % per == 0;
        s->groups = fits && s->channels ? s->channels / per : 1;
        s->filters = last;
        fits = fits && last % s->groups == 0;
    }
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "a filter of shape %s does not fit an input of shape %s",
                    shape_text(filter, b), shape_text(in, a));
    if (s->groups == 0) s->groups = 1;
    return window_place(w, window, s, err);
}

/* ---- running */

/* Of float32, float16, bfloat16. IN has channels last. */
static inlay_status run_floats(op_call *c, const conv_sizes *s, tensor *in, tensor *out, tensor *bias, tensor *add,
                               inlay_error *err) {
    bool narrow = in->type != INLAY_FLOAT32;
    tensor *wide_in = NULL, *wide_out = NULL;
    ready_conv *ready;
    TRY(make_ready(c, s, c->in[1], &ready, err));
    inlay_status status = tensor_to_float(in, INLAY_FLOAT32, c->budget, &wide_in, err);
    if (status == INLAY_OK && narrow) status = tensor_new(INLAY_FLOAT32, &out->dims, c->budget, &wide_out, err);
    if (status == INLAY_OK)
        status = conv_run(ready->made, tensor_f32(wide_in), bias ? tensor_f32(bias) : NULL,
                          add ? tensor_f32(add) : NULL, tensor_f32(narrow ? wide_out : out), err);
    if (status == INLAY_OK && narrow) cast_run(out->data, out->type, wide_out->data, INLAY_FLOAT32, (size_t)out->count);
    tensor_release(wide_out);
    tensor_release(wide_in);
    leave(ready);
    return status;
}

static inlay_status run_direct(op_call *c, const conv_sizes *s, tensor *in, tensor *out, inlay_error *err) {
    tensor *filter;
    TRY(tensor_aligned(c->in[1], c->budget, &filter, err));
    bool done = conv_direct(in->type, s, in->data, filter->data, out->data);
    tensor_release(filter);
    return done ? INLAY_OK : op_unsupported(c, in->type, err);
}

static bool is_computed_in_floats(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT16 || t == INLAY_BFLOAT16;
}

/* Output 0 with channels last: over the addend when that may be overwritten. */
static inlay_status make_output(op_call *c, const shape *dims, tensor *add, tensor **out, inlay_error *err) {
    if (add && tensor_is_writable(add) && add->data != c->in[0]->data) {
        *out = tensor_retain(add);
        return INLAY_OK;
    }
    return tensor_new(c->node->out.items[0].type, dims, c->budget, out, err);
}

static inlay_status check_after(op_call *c, const conv_after *after, const conv_sizes *s, const shape *dims,
                                tensor **bias, tensor **add, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    *bias = after->bias ? c->in[2] : NULL;
    *add = after->add ? c->in[2 + after->bias] : NULL;
    if ((*bias || *add || after->act != CONV_LINEAR) && c->in[0]->type != INLAY_FLOAT32)
        return op_unsupported(c, c->in[0]->type, err);
    if (*bias && (*bias)->count != s->filters)
        return fail(err, INLAY_INVALID_ARGUMENT, "a bias of shape %s for %lld filters", shape_text(&(*bias)->dims, b),
                    (long long)s->filters);
    if (*add && !shape_equal(&(*add)->dims, dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "an addend of shape %s for an output of shape %s",
                    shape_text(&(*add)->dims, b), shape_text(dims, a));
    return INLAY_OK;
}

static inlay_status conv_op_run(op_call *c, inlay_error *err) {
    const conv_state *state = c->node->state;
    window_attrs last = state->window; /* of tensors with channels last */
    conv_sizes s;
    tensor *bias, *add, *moved, *in = NULL, *out = NULL;
    int64_t count;
    TRY(sizes_of(c, &c->in[0]->dims, &c->in[1]->dims, &s, err));
    last.channels_first = false;
    shape dims = window_shape(&last, s.batch, s.filters, s.out);
    if (!shape_elements(&dims, &count)) return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    TRY(check_after(c, &state->after, &s, &dims, &bias, &add, err));
    TRY(window_channels_last(&state->window, c->in[0], c->budget, &moved, err));
    inlay_status status = tensor_aligned(moved, c->budget, &in, err);
    if (status == INLAY_OK) status = make_output(c, &dims, add, &out, err);
    if (status == INLAY_OK && count)
        status = is_computed_in_floats(in->type) ? run_floats(c, &s, in, out, bias, add, err)
                                                 : run_direct(c, &s, in, out, err);
    tensor_release(in);
    tensor_release(moved);
    if (status == INLAY_OK) return window_give(c, 0, &state->window, out, err);
    tensor_release(out);
    return status;
}

#define CONV(op, what)                                                                            \
    {                                                                                             \
        op, .run = conv_op_run, .prepare = conv_prepare, .dispose = conv_dispose, .detail = what, \
            .flags = OP_ANY_ALIGNMENT                                                             \
    }
const op_impl conv_impls[] = {
    CONV("Conv2D", PLAIN),
    CONV("Conv3D", VOLUME),
    CONV("DepthwiseConv2dNative", DEPTHWISE),
    CONV("_InlayConv2D", FUSED),
    CONV("_InlayConv3D", VOLUME | FUSED),
    CONV("_InlayDepthwiseConv2D", DEPTHWISE | FUSED),
};
OP_FAMILY_END(conv);

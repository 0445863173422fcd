/* Convolutions turned round: what an output (or its gradient) says of the input, and of the filter. Both are the
 * product of the same matrices as the convolution itself, [pixels, window] and [window, filters]. */
#include "base/num.h"
#include "kernel/cast/cast.h"
#include "kernel/conv/conv.h"
#include "kernel/gemm/gemm.h"
#include "op/families.h"
#include "op/parallel.h"
#include "op/window.h"

enum { PLAIN = 0, DEPTHWISE = 1, VOLUME = 2, FOR_FILTER = 4 }; /* op_impl.detail */
enum { PART_BYTES = 4 << 20 };                                 /* of windows at a time */

static inlay_status back_prepare(op_node *node, op_setting *s, inlay_error *err) {
    int detail = node->impl->detail;
    window_attrs *w = arena_zalloc(s->memory, 1, sizeof *w);
    if (!w) return fail_memory(err);
    node->state = w;
    return window_prepare(&node->attributes, detail & VOLUME ? 3 : 2,
                          WINDOW_DILATIONS | (detail & VOLUME ? 0 : WINDOW_EXPLICIT), s->memory, w, err);
}

/* Sizes of the convolution whose input is of shape IN; GRADIENT must be of its output's. */
static inlay_status back_sizes(const op_call *c, const shape *in, const shape *filter, const shape *gradient,
                               conv_sizes *s, inlay_error *err) {
    const window_attrs *w = c->node->state;
    char a[SHAPE_TEXT], b[SHAPE_TEXT], g[SHAPE_TEXT];
    int64_t window[CONV_DIMS] = {1, 1, 1}, out[CONV_DIMS], batch, filters, count;
    TRY(window_parts(w, in, &s->batch, &s->channels, s->in, err));
    TRY(window_parts(w, gradient, &batch, &filters, out, err));
    bool fits = filter->rank == w->dims + 2 && shape_elements(in, &count) && shape_elements(filter, &count);
    for (int d = 0; fits && d < w->dims; d++) window[CONV_DIMS - w->dims + d] = filter->dims[d];
    int64_t per = fits ? filter->dims[w->dims] : 0, last = fits ? filter->dims[w->dims + 1] : 0;
    bool depthwise = c->node->impl->detail & DEPTHWISE;
    fits = fits && per > 0 && last > 0 && (depthwise ? per == s->channels : s->channels % per == 0);
    s->filters = depthwise ? per * last : last;
    s->groups = !fits ? 1 : depthwise ? per : s->channels / per;
    fits = fits && s->groups > 0 && s->filters % s->groups == 0;
    if (fits) TRY(window_place(w, window, s, err));
    fits = fits && batch == s->batch && filters == s->filters && memcmp(out, s->out, sizeof out) == 0;
    if (fits) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT,
                "an input of shape %s, a filter of %s and an output of %s do not go together", shape_text(in, a),
                shape_text(filter, b), shape_text(gradient, g));
}

/* ---- groups: one at a time, as a convolution of its own */

/* One image of a group, as dense matrices. */
typedef struct group_work {
    dtype type; /* float32 or float64 */
    size_t width;
    conv_sizes s; /* of the group: one group of channels and filters */
    uint8_t *rows, *values, *filter, *image;
} group_work;

static void free_group(group_work *g) {
    mem_free(g->rows);
    mem_free(g->values);
    mem_free(g->filter);
    mem_free(g->image);
}

static int64_t rows_at_once(const group_work *g) {
    int64_t depth = conv_pixels(g->s.window) * g->s.channels;
    return max_i64(1, min_i64(conv_pixels(g->s.out), PART_BYTES / (depth * (int64_t)g->width + 1)));
}

static inlay_status make_group(dtype t, const conv_sizes *whole, group_work *g, inlay_error *err) {
    *g = (group_work){.type = t, .width = dtype_size(t), .s = *whole};
    g->s.batch = g->s.groups = 1;
    g->s.channels /= whole->groups;
    g->s.filters /= whole->groups;
    size_t depth = (size_t)(conv_pixels(g->s.window) * g->s.channels);
    g->rows = mem_array((size_t)rows_at_once(g) * depth, g->width);
    g->values = mem_array((size_t)(conv_pixels(g->s.out) * g->s.filters), g->width);
    g->filter = mem_array(depth * (size_t)g->s.filters, g->width);
    g->image = mem_array((size_t)(conv_pixels(g->s.in) * g->s.channels), g->width);
    if (g->rows && g->values && g->filter && g->image) return INLAY_OK;
    free_group(g);
    return fail_memory(err);
}

/* Columns [first, first + n) of ROWS rows of ALL, to and from a matrix of their own. */
static void take_columns(const group_work *g, const uint8_t *from, int64_t rows, int64_t all, int64_t first, int64_t n,
                         uint8_t *to) {
    size_t wide = (size_t)all * g->width, narrow = (size_t)n * g->width, start = (size_t)first * g->width;
    for (int64_t r = 0; r < rows; r++) memcpy(to + (size_t)r * narrow, from + (size_t)r * wide + start, narrow);
}
static void put_columns(const group_work *g, const uint8_t *from, int64_t rows, int64_t all, int64_t first, int64_t n,
                        uint8_t *to) {
    size_t wide = (size_t)all * g->width, narrow = (size_t)n * g->width, start = (size_t)first * g->width;
    for (int64_t r = 0; r < rows; r++) memcpy(to + (size_t)r * wide + start, from + (size_t)r * narrow, narrow);
}

/* ---- the input: rows of windows = gradient · filterᵀ, added up where they lie */

static inlay_status image_back(group_work *g, inlay_error *err) {
    const conv_sizes *s = &g->s;
    int64_t pixels = conv_pixels(s->out), depth = conv_pixels(s->window) * s->channels, most = rows_at_once(g);
    memset(g->image, 0, (size_t)(conv_pixels(s->in) * s->channels) * g->width);
    for (int64_t first = 0; first < pixels; first += most) {
        int64_t n = min_i64(most, pixels - first);
        gemm_call product = {.type = g->type,
                             .trans_b = true,
                             .m = n,
                             .n = depth,
                             .k = s->filters,
                             .a = g->values + (size_t)(first * s->filters) * g->width,
                             .b = g->filter,
                             .c = g->rows,
                             .batch = 1};
        TRY(gemm_run(&product, err));
        conv_scatter(g->type, s, g->rows, first, n, g->image);
    }
    return INLAY_OK;
}

static inlay_status input_back(dtype t, const conv_sizes *s, const uint8_t *filter, const uint8_t *gradient,
                               uint8_t *out, inlay_error *err) {
    group_work g;
    TRY(make_group(t, s, &g, err));
    int64_t in_pixels = conv_pixels(s->in), out_pixels = conv_pixels(s->out), taps = conv_pixels(s->window);
    size_t in_size = (size_t)(in_pixels * s->channels) * g.width,
           out_size = (size_t)(out_pixels * s->filters) * g.width;
    inlay_status status = INLAY_OK;
    for (int64_t k = 0; k < s->groups && status == INLAY_OK; k++) {
        take_columns(&g, filter, taps * g.s.channels, s->filters, k * g.s.filters, g.s.filters, g.filter);
        for (int64_t b = 0; b < s->batch && status == INLAY_OK; b++) {
            take_columns(&g, gradient + (size_t)b * out_size, out_pixels, s->filters, k * g.s.filters, g.s.filters,
                         g.values);
            status = image_back(&g, err);
            put_columns(&g, g.image, in_pixels, s->channels, k * g.s.channels, g.s.channels, out + (size_t)b * in_size);
        }
    }
    free_group(&g);
    return status;
}

/* ---- the filter: windowsᵀ · gradient, summed over parts and images */

#define ADD_COLUMNS(T)                      \
    for (int64_t i = 0; i < depth * n; i++) \
    ((T *)(void *)sum)[i / n * all + i % n] += ((const T *)(const void *)g->filter)[i]

/* SUM points at the group's columns of a filter of ALL. */
static inlay_status add_filter(group_work *g, int64_t all, uint8_t *sum, inlay_error *err) {
    const conv_sizes *s = &g->s;
    int64_t pixels = conv_pixels(s->out), depth = conv_pixels(s->window) * s->channels, n = s->filters;
    for (int64_t first = 0, most = rows_at_once(g); first < pixels; first += most) {
        int64_t rows = min_i64(most, pixels - first);
        conv_gather(g->type, s, g->image, first, rows, g->rows);
        gemm_call product = {.type = g->type,
                             .trans_a = true,
                             .m = depth,
                             .n = n,
                             .k = rows,
                             .a = g->rows,
                             .b = g->values + (size_t)(first * n) * g->width,
                             .c = g->filter,
                             .batch = 1};
        TRY(gemm_run(&product, err));
        if (g->type == INLAY_FLOAT64)
            ADD_COLUMNS(double);
        else
            ADD_COLUMNS(float);
    }
    return INLAY_OK;
}

static inlay_status filter_back(dtype t, const conv_sizes *s, const uint8_t *in, const uint8_t *gradient, uint8_t *out,
                                inlay_error *err) {
    group_work g;
    TRY(make_group(t, s, &g, err));
    int64_t in_pixels = conv_pixels(s->in), out_pixels = conv_pixels(s->out);
    size_t in_size = (size_t)(in_pixels * s->channels) * g.width,
           out_size = (size_t)(out_pixels * s->filters) * g.width;
    inlay_status status = INLAY_OK;
    for (int64_t k = 0; k < s->groups && status == INLAY_OK; k++)
        for (int64_t b = 0; b < s->batch && status == INLAY_OK; b++) {
            take_columns(&g, gradient + (size_t)b * out_size, out_pixels, s->filters, k * g.s.filters, g.s.filters,
                         g.values);
            take_columns(&g, in + (size_t)b * in_size, in_pixels, s->channels, k * g.s.channels, g.s.channels, g.image);
            status = add_filter(&g, s->filters, out + (size_t)(k * g.s.filters) * g.width, err);
        }
    free_group(&g);
    return status;
}

/* ---- running */

/* T with channels last, in float32 or float64. */
static inlay_status as_floats(op_call *c, tensor *t, bool is_image, tensor **out, inlay_error *err) {
    const window_attrs *w = c->node->state;
    tensor *last;
    TRY(is_image ? window_channels_last(w, t, c->budget, &last, err) : tensor_aligned(t, c->budget, &last, err));
    inlay_status status =
        tensor_to_float(last, t->type == INLAY_FLOAT64 ? t->type : INLAY_FLOAT32, c->budget, out, err);
    tensor_release(last);
    return status;
}

static inlay_status give(op_call *c, tensor *floats, bool is_image, inlay_error *err) {
    dtype wanted = c->node->out.items[0].type;
    tensor *out = floats;
    if (wanted != floats->type) {
        inlay_status status = tensor_new(wanted, &floats->dims, c->budget, &out, err);
        if (status == INLAY_OK) cast_run(out->data, wanted, floats->data, INLAY_FLOAT32, (size_t)floats->count);
        tensor_release(floats);
        if (status != INLAY_OK) return status;
    }
    if (is_image) return window_give(c, 0, c->node->state, out, err);
    op_give(c, 0, out);
    return INLAY_OK;
}

static inlay_status back_run(op_call *c, inlay_error *err) {
    window_attrs last = *(const window_attrs *)c->node->state;
    bool for_filter = c->node->impl->detail & FOR_FILTER;
    tensor *other = c->in[for_filter ? 0 : 1], *gradient = c->in[2], *a = NULL, *b = NULL, *out = NULL;
    dtype t = gradient->type;
    shape said;
    conv_sizes s = {0};
    if (t != INLAY_FLOAT32 && t != INLAY_FLOAT16 && t != INLAY_BFLOAT16 && t != INLAY_FLOAT64)
        return op_unsupported(c, t, err);
    TRY(op_shape_of(c->in[for_filter ? 1 : 0], for_filter ? "filter_sizes" : "input_sizes", &said, err));
    if (!for_filter && said.rank == last.dims) { /* sizes of the space alone */
        shape space = said;
        int64_t spatial[CONV_DIMS] = {1, 1, 1};
        for (int d = 0; d < last.dims; d++) spatial[CONV_DIMS - last.dims + d] = space.dims[d];
        said = window_shape(&last, gradient->dims.dims[0], other->dims.dims[last.dims], spatial);
    }
    TRY(back_sizes(c, for_filter ? &other->dims : &said, for_filter ? &said : &other->dims, &gradient->dims, &s, err));
    last.channels_first = false;
    shape dims = for_filter ? said : window_shape(&last, s.batch, s.channels, s.in);
    inlay_status status = as_floats(c, other, for_filter, &a, err);
    if (status == INLAY_OK) status = as_floats(c, gradient, true, &b, err);
    if (status == INLAY_OK) status = tensor_new_zero(b->type, &dims, c->budget, &out, err);
    if (status == INLAY_OK && out->count && b->count)
        status = (for_filter ? filter_back : input_back)(b->type, &s, a->data, b->data, out->data, err);
    tensor_release(a);
    tensor_release(b);
    if (status == INLAY_OK) return give(c, out, !for_filter, err);
    tensor_release(out);
    return status;
}

#define BACK(op, what) \
    { op, .run = back_run, .prepare = back_prepare, .detail = what, .flags = OP_ANY_ALIGNMENT }
const op_impl conv_back_impls[] = {
    BACK("Conv2DBackpropInput", PLAIN),
    BACK("Conv2DBackpropFilter", FOR_FILTER),
    BACK("Conv3DBackpropInputV2", VOLUME),
    BACK("Conv3DBackpropFilterV2", VOLUME | FOR_FILTER),
    BACK("DepthwiseConv2dNativeBackpropInput", DEPTHWISE),
    BACK("DepthwiseConv2dNativeBackpropFilter", DEPTHWISE | FOR_FILTER),
};
OP_FAMILY_END(conv_back);

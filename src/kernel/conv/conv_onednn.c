/* Convolutions by oneDNN 2, called on one thread at a time: the output is cut into pieces, of rows or of pixels, and
 * each piece is a smaller convolution of its own, computed by a primitive that all pieces of its size share. The filter
 * is brought once into the layout that the primitives want; input and output stay channels last. */
#include "kernel/conv/conv_parts.h"

#include "base/alloc.h"
#include "base/num.h"
#include "base/pool.h"
#include "kernel/gemm/gemm_onednn.h"

#include <pthread.h>
#include <stdatomic.h>

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#endif

#if defined(DNNL_VERSION_MAJOR) && DNNL_VERSION_MAJOR == 2

#define FUNCTIONS(F)                              \
    F(dnnl_engine_create)                         \
    F(dnnl_stream_create)                         \
    F(dnnl_memory_desc_init_by_strides)           \
    F(dnnl_memory_desc_init_by_tag)               \
    F(dnnl_memory_desc_get_size)                  \
    F(dnnl_memory_desc_equal)                     \
    F(dnnl_memory_create)                         \
    F(dnnl_memory_destroy)                        \
    F(dnnl_dilated_convolution_forward_desc_init) \
    F(dnnl_primitive_attr_create)                 \
    F(dnnl_primitive_attr_destroy)                \
    F(dnnl_primitive_attr_set_scratchpad_mode)    \
    F(dnnl_primitive_attr_set_post_ops)           \
    F(dnnl_post_ops_create)                       \
    F(dnnl_post_ops_destroy)                      \
    F(dnnl_post_ops_append_sum)                   \
    F(dnnl_post_ops_append_eltwise)               \
    F(dnnl_primitive_desc_create)                 \
    F(dnnl_primitive_desc_destroy)                \
    F(dnnl_primitive_desc_query)                  \
    F(dnnl_primitive_desc_query_md)               \
    F(dnnl_reorder_primitive_desc_create)         \
    F(dnnl_primitive_create)                      \
    F(dnnl_primitive_destroy)                     \
    F(dnnl_primitive_execute)

static struct {
    pthread_once_t once;
    bool ready;
    dnnl_engine_t engine;
    dnnl_stream_t stream; /* of a CPU: it holds nothing that calls change */
#define SLOT(name) __typeof__(name) *name;
    FUNCTIONS(SLOT)
} lib = {.once = PTHREAD_ONCE_INIT};

static void load(void) {
    const dnnl_version_t *(*version)(void);
    if (!onednn_find("dnnl_version", &version) || version()->major != DNNL_VERSION_MAJOR) return;
#define FIND(name) \
    if (!onednn_find(#name, &lib.name)) return;
    FUNCTIONS(FIND)
    lib.ready = lib.dnnl_engine_create(&lib.engine, dnnl_cpu, 0) == dnnl_success &&
                lib.dnnl_stream_create(&lib.stream, lib.engine, dnnl_stream_default_flags) == dnnl_success;
}

enum {
    MOST_KINDS = 3,        /* sizes of pieces: the first, the last, those between */
    PART_FLOPS = 1 << 20,  /* less is not worth another thread */
    PIECE_FLOPS = 1 << 24, /* more is worth another piece, so that threads end together */
    PIECES_A_THREAD = 4
};

/* A piece as the primitive sees it. */
typedef struct kind {
    int64_t in, out, before; /* of the dimension that is cut: rows of input and output, zeros in front */
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t src, dst, filter, bias, scratch;
    float *packed; /* the filter as it wants it; NULL: as the first kind */
    bool gathers;  /* oneDNN makes a product of gathered windows of it */
} kind;

typedef struct piece {
    int kind;
    int64_t in, out; /* elements in front of it */
} piece;

struct onednn_conv {
    conv_sizes sizes;
    conv_after after;
    kind kinds[MOST_KINDS];
    int n_kinds;
    piece *pieces;
    size_t n_pieces;
};

/* ---- a primitive */

static bool ok(dnnl_status_t status) {
    return status == dnnl_success;
}

/* Channels last, dimensions in oneDNN's order: batch, channels, the last DIMS of three. */
static bool describe(dnnl_memory_desc_t *md, int dims, int64_t batch, int64_t channels, const int64_t *spatial) {
    dnnl_dims_t sizes = {batch, channels};
    for (int d = 0; d < dims; d++) sizes[2 + d] = spatial[CONV_DIMS - dims + d];
    return ok(lib.dnnl_memory_desc_init_by_tag(md, 2 + dims, sizes, dnnl_f32, dims == 3 ? dnnl_ndhwc : dnnl_nhwc));
}

/* The filter: as it is stored, or, when not PLAIN, as the primitive likes. */
static bool describe_filter(dnnl_memory_desc_t *md, int dims, const conv_sizes *s, bool plain) {
    bool grouped = s->groups > 1;
    int n = 2 + dims + grouped, at = 0;
    int64_t per = s->channels / s->groups, each = s->filters / s->groups, stride = s->filters * per;
    dnnl_dims_t sizes, strides;
    if (grouped) {
        strides[at] = each;
        sizes[at++] = s->groups;
    }
    strides[at] = 1;
    sizes[at++] = each;
    strides[at] = s->filters;
    sizes[at++] = per;
    for (int d = dims; d-- > 0; stride *= s->window[CONV_DIMS - dims + d]) {
        sizes[at + d] = s->window[CONV_DIMS - dims + d];
        strides[at + d] = stride;
    }
    return ok(plain ? lib.dnnl_memory_desc_init_by_strides(md, n, sizes, dnnl_f32, strides)
                    : lib.dnnl_memory_desc_init_by_tag(md, n, sizes, dnnl_f32, dnnl_format_tag_any));
}

static bool append_activation(dnnl_post_ops_t ops, const conv_after *after) {
    switch (after->act) {
    case CONV_LINEAR: return true;
    case CONV_RELU: return ok(lib.dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0));
    case CONV_RELU6: return ok(lib.dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_clip, 0, 6));
    case CONV_LEAKY_RELU: return ok(lib.dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, after->slope, 0));
    case CONV_ELU: return ok(lib.dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_elu, 1, 0));
    case CONV_SWISH: return ok(lib.dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_swish, 1, 0));
    }
    return false;
}

static bool make_attributes(const conv_after *after, dnnl_primitive_attr_t *out) {
    dnnl_post_ops_t ops;
    if (!ok(lib.dnnl_primitive_attr_create(out))) return false;
    if (!ok(lib.dnnl_post_ops_create(&ops))) {
        lib.dnnl_primitive_attr_destroy(*out);
        return false;
    }
    bool done = ok(lib.dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user)) &&
                (!after->add || ok(lib.dnnl_post_ops_append_sum(ops, 1))) && append_activation(ops, after) &&
                ok(lib.dnnl_primitive_attr_set_post_ops(*out, ops));
    lib.dnnl_post_ops_destroy(ops);
    if (!done) lib.dnnl_primitive_attr_destroy(*out);
    return done;
}

static const char *kernel_name(dnnl_primitive_desc_t desc) {
    const char *name = NULL;
    return ok(lib.dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name)) && name ? name : "ref";
}

/* The primitive for a convolution of sizes S, one image or all. */
static bool make_primitive(const conv_sizes *s, const conv_after *after, kind *k) {
    int dims = s->in[0] == 1 && s->window[0] == 1 && s->out[0] == 1 && s->before[0] == 0 ? 2 : 3;
    dnnl_dims_t stride, dilation, before, behind;
    for (int d = 0; d < dims; d++) {
        int from = CONV_DIMS - dims + d;
        int64_t reach = (s->out[from] - 1) * s->stride[from] + (s->window[from] - 1) * s->dilation[from] + 1;
        stride[d] = s->stride[from];
        dilation[d] = s->dilation[from] - 1;
        before[d] = s->before[from];
        behind[d] = max_i64(0, reach - s->in[from] - s->before[from]);
    }
    dnnl_memory_desc_t filter;
    dnnl_convolution_desc_t desc;
    dnnl_dims_t biases = {s->filters};
    if (!describe(&k->src, dims, s->batch, s->channels, s->in) || !describe_filter(&filter, dims, s, false) ||
        !describe(&k->dst, dims, s->batch, s->filters, s->out) ||
        !ok(lib.dnnl_memory_desc_init_by_tag(&k->bias, 1, biases, dnnl_f32, dnnl_a)) ||
        !ok(lib.dnnl_dilated_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct,
                                                           &k->src, &filter, after->bias ? &k->bias : NULL, &k->dst,
                                                           stride, dilation, before, behind)))
        return false;
    dnnl_primitive_attr_t attributes;
    dnnl_primitive_desc_t made;
    if (!make_attributes(after, &attributes)) return false;
    bool done = ok(lib.dnnl_primitive_desc_create(&made, &desc, attributes, lib.engine, NULL));
    lib.dnnl_primitive_attr_destroy(attributes);
    if (!done) return false;
    k->filter = *lib.dnnl_primitive_desc_query_md(made, dnnl_query_weights_md, 0);
    k->scratch = *lib.dnnl_primitive_desc_query_md(made, dnnl_query_scratchpad_md, 0);
    k->gathers = strstr(kernel_name(made), "gemm") != NULL;
    /* Its reference loops are slower than ours. */
    done = !strstr(kernel_name(made), "ref") && ok(lib.dnnl_primitive_create(&k->primitive, made));
    lib.dnnl_primitive_desc_destroy(made);
    return done;
}

/* Arguments of one execution; memory objects are made for it, as they name their data. */
typedef struct arguments {
    dnnl_exec_arg_t items[6];
    int count;
    bool good;
} arguments;

static void add_argument(arguments *a, int what, const dnnl_memory_desc_t *md, const void *data) {
    dnnl_memory_t memory;
    if (!a->good) return;
    a->good = ok(lib.dnnl_memory_create(&memory, md, lib.engine, (void *)(uintptr_t)data));
    if (a->good) a->items[a->count++] = (dnnl_exec_arg_t){what, memory};
}

static bool execute(dnnl_primitive_t p, arguments *a) {
    bool done = a->good && ok(lib.dnnl_primitive_execute(p, lib.stream, a->count, a->items));
    for (int i = 0; i < a->count; i++) lib.dnnl_memory_destroy(a->items[i].memory);
    return done;
}

/* FILTER in the layout of K. */
static bool pack_filter(const conv_sizes *s, int dims, const float *filter, kind *k) {
    dnnl_memory_desc_t plain;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t reorder;
    if (!describe_filter(&plain, dims, s, true)) return false;
    k->packed = mem_aligned(64, lib.dnnl_memory_desc_get_size(&k->filter));
    if (!k->packed) return false;
    if (!ok(lib.dnnl_reorder_primitive_desc_create(&desc, &plain, lib.engine, &k->filter, lib.engine, NULL)))
        return false;
    bool done = ok(lib.dnnl_primitive_create(&reorder, desc));
    lib.dnnl_primitive_desc_destroy(desc);
    if (!done) return false;
    arguments a = {.good = true};
    add_argument(&a, DNNL_ARG_FROM, &plain, filter);
    add_argument(&a, DNNL_ARG_TO, &k->filter, k->packed);
    done = execute(reorder, &a);
    lib.dnnl_primitive_destroy(reorder);
    return done;
}

/* ---- cutting */

/* A convolution of single pixels sees one long row of them. */
static void flatten(conv_sizes *s) {
    for (int d = 0; d < CONV_DIMS; d++)
        if (s->window[d] != 1 || s->stride[d] != 1 || s->before[d] != 0 || s->in[d] != s->out[d]) return;
    int64_t pixels = s->batch * conv_pixels(s->in);
    s->batch = s->in[0] = s->in[1] = s->out[0] = s->out[1] = 1;
    s->in[2] = s->out[2] = pixels;
}

/* The dimension whose rows lie one after the other in input and output: the first that is not 1. */
static int cut_dimension(const conv_sizes *s) {
    for (int d = 0; d < CONV_DIMS; d++) {
        if (s->out[d] > 1) return d;
        if (s->in[d] > 1) return -1;
    }
    return -1;
}

static int kind_of(onednn_conv *c, int64_t in, int64_t out, int64_t before) {
    for (int i = 0; i < c->n_kinds; i++)
        if (c->kinds[i].in == in && c->kinds[i].out == out && c->kinds[i].before == before) return i;
    if (c->n_kinds == MOST_KINDS) return -1;
    c->kinds[c->n_kinds] = (kind){.in = in, .out = out, .before = before};
    return c->n_kinds++;
}

/* Each image into stretches of ROWS rows of dimension D. False: that gives pieces of too many kinds. */
static bool cut_rows(onednn_conv *c, int d, int64_t rows) {
    const conv_sizes *s = &c->sizes;
    int64_t total = s->out[d], in_row = s->channels, out_row = s->filters;
    for (int i = d + 1; i < CONV_DIMS; i++) {
        in_row *= s->in[i];
        out_row *= s->out[i];
    }
    c->n_kinds = 0;
    c->n_pieces = 0;
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t r = 0; r < total; r += rows) {
            int64_t n = min_i64(rows, total - r), first = r * s->stride[d] - s->before[d];
            int64_t end = first + (n - 1) * s->stride[d] + (s->window[d] - 1) * s->dilation[d] + 1;
            int64_t from = max_i64(first, 0), to = min_i64(end, s->in[d]);
            int k = to > from ? kind_of(c, to - from, n, from - first) : -1;
            if (k < 0) return false;
            c->pieces[c->n_pieces++] = (piece){k, (b * s->in[d] + from) * in_row, (b * total + r) * out_row};
        }
    return true;
}

static bool one_piece(onednn_conv *c) {
    c->n_kinds = 1;
    c->kinds[0] = (kind){0};
    c->pieces[0] = (piece){0};
    c->n_pieces = 1;
    return true;
}

static int64_t wanted_pieces(const conv_sizes *s) {
    int threads = pool_threads();
    double flops = conv_flops(s);
    if (threads == 1 || flops < PART_FLOPS) return 1;
    int64_t wanted = (int64_t)(flops / PIECE_FLOPS);
    return max_i64(threads, min_i64(wanted, (int64_t)threads * PIECES_A_THREAD));
}

/* DIMENSION is -1 when the whole is one piece. */
static bool cut(onednn_conv *c, int *dimension) {
    conv_sizes *s = &c->sizes;
    int d = cut_dimension(s);
    int64_t wanted = wanted_pieces(s);
    c->pieces = mem_array((size_t)(s->batch + wanted + 1), sizeof *c->pieces);
    if (!c->pieces) return false;
    *dimension = d;
    for (int64_t each = (wanted + s->batch - 1) / s->batch; d >= 0 && wanted > 1 && each > 0; each--)
        if (cut_rows(c, d, (s->out[d] + each - 1) / each)) return true;
    *dimension = -1;
    return one_piece(c);
}

static bool make_kinds(onednn_conv *c, int dimension, const float *filter) {
    for (int i = 0; i < c->n_kinds; i++) {
        kind *k = &c->kinds[i];
        conv_sizes s = c->sizes;
        if (dimension >= 0) {
            s.batch = 1;
            s.in[dimension] = k->in;
            s.out[dimension] = k->out;
            s.before[dimension] = k->before;
        }
        if (!make_primitive(&s, &c->after, k)) return false;
        if (i > 0 && lib.dnnl_memory_desc_equal(&k->filter, &c->kinds[0].filter)) continue;
        if (!pack_filter(&s, k->src.ndims - 2, filter, k)) return false;
    }
    return true;
}

onednn_conv *onednn_conv_make(const conv_sizes *s, const conv_after *after, const float *filter) {
    for (int d = 0; d < CONV_DIMS; d++)
        if (s->before[d] < 0) return NULL;
    pthread_once(&lib.once, load);
    onednn_conv *c = lib.ready ? mem_zalloc(1, sizeof *c) : NULL;
    if (!c) return NULL;
    c->sizes = *s;
    c->after = *after;
    flatten(&c->sizes);
    int before = onednn_begin(), dimension;
    bool done = cut(c, &dimension) && make_kinds(c, dimension, filter);
    onednn_end(before);
    if (done) return c;
    onednn_conv_free(c);
    return NULL;
}

bool onednn_conv_gathers(const onednn_conv *c) {
    for (int i = 0; i < c->n_kinds; i++)
        if (c->kinds[i].gathers) return true;
    return false;
}

void onednn_conv_free(onednn_conv *c) {
    if (!c) return;
    for (int i = 0; i < c->n_kinds; i++) {
        if (c->kinds[i].primitive) lib.dnnl_primitive_destroy(c->kinds[i].primitive);
        mem_free(c->kinds[i].packed);
    }
    mem_free(c->pieces);
    mem_free(c);
}

/* ---- running */

typedef struct conv_job {
    const onednn_conv *c;
    const float *in, *bias, *add;
    float *out;
    _Atomic bool failed;
} conv_job;

static void run_piece(void *ctx, size_t index, int worker) {
    conv_job *j = ctx;
    (void)worker;
    const piece *p = &j->c->pieces[index];
    const kind *k = &j->c->kinds[p->kind];
    size_t scratch_bytes = lib.dnnl_memory_desc_get_size(&k->scratch);
    void *scratch = scratch_bytes ? mem_aligned(64, scratch_bytes) : NULL;
    if (j->add && j->add != j->out) memcpy(j->out + p->out, j->add + p->out, lib.dnnl_memory_desc_get_size(&k->dst));
    int before = onednn_begin();
    arguments a = {.good = scratch || !scratch_bytes};
    add_argument(&a, DNNL_ARG_SRC, &k->src, j->in + p->in);
    add_argument(&a, DNNL_ARG_WEIGHTS, &k->filter, k->packed ? k->packed : j->c->kinds[0].packed);
    if (j->c->after.bias) add_argument(&a, DNNL_ARG_BIAS, &k->bias, j->bias);
    add_argument(&a, DNNL_ARG_DST, &k->dst, j->out + p->out);
    if (scratch) add_argument(&a, DNNL_ARG_SCRATCHPAD, &k->scratch, scratch);
    if (!execute(k->primitive, &a)) j->failed = true;
    onednn_end(before);
    mem_free(scratch);
}

bool onednn_conv_run(const onednn_conv *c, const float *in, const float *bias, const float *add, float *out) {
    conv_job j = {c, in, bias, c->after.add ? add : NULL, out, false};
    pool_run(c->n_pieces, run_piece, &j);
    return !j.failed;
}

#else /* no oneDNN 2 to build for */

onednn_conv *onednn_conv_make(const conv_sizes *s, const conv_after *after, const float *filter) {
    (void)s, (void)after, (void)filter;
    return NULL;
}

bool onednn_conv_gathers(const onednn_conv *c) {
    (void)c;
    return true;
}

void onednn_conv_free(onednn_conv *c) {
    (void)c;
}

bool onednn_conv_run(const onednn_conv *c, const float *in, const float *bias, const float *add, float *out) {
    (void)c, (void)in, (void)bias, (void)add, (void)out;
    return false;
}

#endif

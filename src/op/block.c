/* Blocks of pixels moved between space, batch and channels; windows laid out as patches. All of it is the same elements
 * in another order, with zeros between them. */
#include "base/num.h"
#include "op/families.h"
#include "op/runs.h"
#include "op/window.h"

enum { TO_BATCH = 1, OF_ONE_SIZE = 2 }; /* op_impl.detail */

/* ---- between space and batch */

typedef struct blocks {
    int dims; /* of blocks, dimensions 1 .. dims of the tensors */
    int64_t block[INLAY_MAX_RANK], before[INLAY_MAX_RANK], after[INLAY_MAX_RANK];
    int64_t all; /* product of block */
    shape in, out;
    int64_t inner; /* elements of the dimensions that stay */
} blocks;

static inlay_status read_blocks(const op_call *c, blocks *b, inlay_error *err) {
    const tensor *margins = c->in[c->node->in.count - 1];
    if (c->node->impl->detail & OF_ONE_SIZE) {
        b->dims = 2;
        TRY(attr_int(&c->node->attributes, "block_size", &b->block[0], err));
        b->block[1] = b->block[0];
        if (b->block[0] < 2) return fail(err, INLAY_INVALID_ARGUMENT, "block_size must be at least 2");
        if (b->in.rank != 4) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have 4 dimensions");
    } else {
        if (c->in[1]->dims.rank != 1 || c->in[1]->count > INLAY_MAX_RANK - 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "block_shape must be a vector");
        b->dims = (int)c->in[1]->count;
        for (int i = 0; i < b->dims; i++) TRY(tensor_as_int(c->in[1], i, "block_shape", &b->block[i], err));
    }
    if (b->in.rank < b->dims + 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "the input has %d dimensions, %d are needed", b->in.rank, b->dims + 1);
    if (margins->dims.rank != 2 || margins->dims.dims[0] != b->dims || margins->dims.dims[1] != 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "paddings or crops must be [%d, 2]", b->dims);
    b->all = 1;
    for (int i = 0; i < b->dims; i++) {
        TRY(tensor_as_int(margins, 2 * i, "paddings", &b->before[i], err));
        TRY(tensor_as_int(margins, 2 * i + 1, "paddings", &b->after[i], err));
        if (b->block[i] < 1 || b->before[i] < 0 || b->after[i] < 0 || b->before[i] > INT32_MAX ||
            b->after[i] > INT32_MAX || !mul_i64(b->all, b->block[i], &b->all))
            return fail(err, INLAY_INVALID_ARGUMENT, "a block of %lld with %lld and %lld at its sides",
                        (long long)b->block[i], (long long)b->before[i], (long long)b->after[i]);
    }
    return INLAY_OK;
}

static inlay_status place_blocks(const op_call *c, blocks *b, inlay_error *err) {
    bool to_batch = c->node->impl->detail & TO_BATCH;
    int64_t count;
    b->in = c->in[0]->dims;
    TRY(read_blocks(c, b, err));
    b->out = b->in;
    if (to_batch ? !mul_i64(b->in.dims[0], b->all, &b->out.dims[0]) : b->in.dims[0] % b->all != 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "a batch of %lld does not go with blocks of %lld",
                    (long long)b->in.dims[0], (long long)b->all);
    if (!to_batch) b->out.dims[0] = b->in.dims[0] / b->all;
    for (int i = 0; i < b->dims; i++) {
        int64_t size = b->in.dims[i + 1], margin = b->before[i] + b->after[i], made;
        bool fits = to_batch ? add_u64((uint64_t)size, (uint64_t)margin, (uint64_t *)&made) && made % b->block[i] == 0
                             : mul_i64(size, b->block[i], &made) && made >= margin;
        if (!fits)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "a dimension of %lld, blocks of %lld, and %lld and %lld at its sides", (long long)size,
                        (long long)b->block[i], (long long)b->before[i], (long long)b->after[i]);
        b->out.dims[i + 1] = to_batch ? made / b->block[i] : made - margin;
    }
    b->inner = op_span(&b->in, b->dims + 1, b->in.rank);
    return shape_elements(&b->out, &count) ? INLAY_OK : fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
}

/* Where in the input, in runs of `inner`, the output position AT comes from; -1: a zero. */
static int64_t source_of(const blocks *b, bool to_batch, const int64_t *at) {
    int64_t offset = 0, batch = at[0], rest = at[0] / (b->out.dims[0] / b->all ? b->out.dims[0] / b->all : 1);
    int64_t place[INLAY_MAX_RANK], part = 0;
    if (to_batch) batch = at[0] % b->in.dims[0];
    for (int i = b->dims; i-- > 0;) {
        if (to_batch) {
            place[i] = at[i + 1] * b->block[i] + rest % b->block[i] - b->before[i];
            rest /= b->block[i];
            if (place[i] < 0 || place[i] >= b->in.dims[i + 1]) return -1;
        } else {
            place[i] = (at[i + 1] + b->before[i]) / b->block[i];
        }
    }
    for (int i = 0; !to_batch && i < b->dims; i++) part = part * b->block[i] + (at[i + 1] + b->before[i]) % b->block[i];
    offset = to_batch ? batch : part * b->out.dims[0] + batch;
    for (int i = 0; i < b->dims; i++) offset = offset * b->in.dims[i + 1] + place[i];
    return offset;
}

static bool next_position(const blocks *b, int64_t *at) {
    for (int i = b->dims; i >= 0; i--) {
        if (++at[i] < b->out.dims[i]) return true;
        at[i] = 0;
    }
    return false;
}

static inlay_status write_blocks(const op_call *c, const blocks *b, run_writer *w, inlay_error *err) {
    int64_t at[INLAY_MAX_RANK] = {0};
    do {
        int64_t from = source_of(b, c->node->impl->detail & TO_BATCH, at);
        if (from < 0)
            TRY(runs_repeat(w, NULL, 0, b->inner, err));
        else
            TRY(runs_copy(w, c->in[0], from * b->inner, b->inner, err));
    } while (next_position(b, at));
    return INLAY_OK;
}

static inlay_status blocks_run(op_call *c, inlay_error *err) {
    blocks b = {0};
    run_writer w;
    int64_t count;
    TRY(place_blocks(c, &b, err));
    TRY(runs_begin(&w, c, 0, &b.out, err));
    bool some = shape_elements(&b.out, &count) && count > 0;
    return runs_end(&w, some ? write_blocks(c, &b, &w, err) : INLAY_OK, err);
}

/* ---- between space and channels */

enum { TO_DEPTH, TO_SPACE };

typedef struct depth_state {
    int64_t block;
    bool channels_first;
} depth_state;

static inlay_status depth_prepare(op_node *node, op_setting *s, inlay_error *err) {
    depth_state *d = arena_zalloc(s->memory, 1, sizeof *d);
    bytes format;
    if (!d) return fail_memory(err);
    node->state = d;
    TRY(attr_int(&node->attributes, "block_size", &d->block, err));
    TRY(attr_text(&node->attributes, "data_format", &format, err));
    d->channels_first = bytes_is(format, "NCHW");
    if (!d->channels_first && !bytes_is(format, "NHWC"))
        return fail(err, INLAY_UNIMPLEMENTED, "data_format %.*s is not supported", (int)min_size(format.size, 40),
                    (const char *)format.data);
    if (d->block < 2 || d->block > INT32_MAX) return fail(err, INLAY_INVALID_ARGUMENT, "block_size must be at least 2");
    return INLAY_OK;
}

/* The output as loops over the input: six dimensions, outermost first, and the step of each. */
static void depth_loops(const depth_state *d, bool to_depth, const int64_t *n, int64_t *dims, int64_t *steps) {
    int64_t k = d->block, b = n[0], h = n[1], w = n[2],
            c = n[3]; /* of the side that has more pixels: h·k by w·k of c */
    int64_t wide = w * k, deep = c * k * k;
    if (d->channels_first && to_depth) {
        int64_t v[] = {b, k, k, c, h, w}, s[] = {c * h * k * wide, wide, 1, h * k * wide, k * wide, k};
        memcpy(dims, v, sizeof v), memcpy(steps, s, sizeof s);
    } else if (d->channels_first) {
        int64_t v[] = {b, c, h, k, w, k}, s[] = {deep * h * w, h * w, w, k * c * h * w, 1, c * h * w};
        memcpy(dims, v, sizeof v), memcpy(steps, s, sizeof s);
    } else if (to_depth) {
        int64_t v[] = {b, h, w, k, k, c}, s[] = {h * k * wide * c, k * wide * c, k * c, wide * c, c, 1};
        memcpy(dims, v, sizeof v), memcpy(steps, s, sizeof s);
    } else {
        int64_t v[] = {b, h, k, w, k, c}, s[] = {h * w * deep, w * deep, k * c, deep, c, 1};
        memcpy(dims, v, sizeof v), memcpy(steps, s, sizeof s);
    }
}

static inlay_status depth_run(op_call *c, inlay_error *err) {
    const depth_state *d = c->node->state;
    const shape *in = &c->in[0]->dims;
    bool to_depth = c->node->impl->detail == TO_DEPTH;
    char text[SHAPE_TEXT];
    if (in->rank != 4) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have 4 dimensions");
    int channels = d->channels_first ? 1 : 3, height = d->channels_first ? 2 : 1;
    int64_t k = d->block, dims[6], steps[6], n[4];
    shape out = *in;
    bool fits =
        to_depth ? in->dims[height] % k == 0 && in->dims[height + 1] % k == 0 : in->dims[channels] % (k * k) == 0;
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "a block_size of %lld does not divide the shape %s", (long long)k,
                    shape_text(in, text));
    for (int i = 0; i < 2; i++) {
        int64_t *size = &out.dims[height + i];
        n[1 + i] = to_depth ? *size / k : *size;
        if (!to_depth && !mul_i64(*size, k, size)) return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
        if (to_depth) *size /= k;
    }
    n[0] = in->dims[0];
    n[3] = to_depth ? in->dims[channels] : in->dims[channels] / (k * k);
    out.dims[channels] = to_depth ? in->dims[channels] * k * k : n[3];
    depth_loops(d, to_depth, n, dims, steps);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &out, err));
    return runs_end(&w, runs_box(&w, c->in[0], 0, 6, dims, steps, err), err);
}

/* ---- patches */

enum { IMAGE_PATCHES = 2, VOLUME_PATCHES = 3 };

static inlay_status patches_prepare(op_node *node, op_setting *s, inlay_error *err) {
    window_attrs *w = arena_zalloc(s->memory, 1, sizeof *w);
    int64_t *list;
    size_t count;
    if (!w) return fail_memory(err);
    node->state = w;
    TRY(window_prepare(&node->attributes, node->impl->detail, 0, s->memory, w, err));
    TRY(attr_ints(&node->attributes, "ksizes", s->memory, &list, &count, err));
    TRY(window_list(w, "ksizes", list, count, w->window, err));
    if (node->impl->detail == VOLUME_PATCHES) return INLAY_OK;
    TRY(attr_ints(&node->attributes, "rates", s->memory, &list, &count, err));
    return window_list(w, "rates", list, count, w->dilation, err);
}

static inlay_status write_patch(run_writer *w, const tensor *in, const conv_sizes *s, int64_t b, const int64_t *at,
                                inlay_error *err) {
    for (int64_t z = 0; z < s->window[0]; z++)
        for (int64_t y = 0; y < s->window[1]; y++)
            for (int64_t x = 0; x < s->window[2]; x++) {
                int64_t pz = at[0] + z * s->dilation[0], py = at[1] + y * s->dilation[1],
                        px = at[2] + x * s->dilation[2];
                bool there = pz >= 0 && pz < s->in[0] && py >= 0 && py < s->in[1] && px >= 0 && px < s->in[2];
                int64_t pixel = ((b * s->in[0] + pz) * s->in[1] + py) * s->in[2] + px;
                if (there)
                    TRY(runs_copy(w, in, pixel * s->channels, s->channels, err));
                else
                    TRY(runs_repeat(w, NULL, 0, s->channels, err));
            }
    return INLAY_OK;
}

static inlay_status write_patches(run_writer *w, const tensor *in, const conv_sizes *s, inlay_error *err) {
    for (int64_t p = 0; p < s->batch * conv_pixels(s->out); p++) {
        int64_t rest = p, at[CONV_DIMS];
        for (int d = CONV_DIMS; d-- > 0; rest /= s->out[d]) at[d] = rest % s->out[d] * s->stride[d] - s->before[d];
        TRY(write_patch(w, in, s, rest, at, err));
    }
    return INLAY_OK;
}

static inlay_status patches_run(op_call *c, inlay_error *err) {
    const window_attrs *state = c->node->state;
    conv_sizes s = {0};
    int64_t depth, count;
    TRY(window_parts(state, &c->in[0]->dims, &s.batch, &s.channels, s.in, err));
    TRY(window_place(state, state->window, &s, err));
    shape window = {.rank = 4, .dims = {s.window[0], s.window[1], s.window[2], s.channels}};
    bool fits = shape_elements(&window, &depth);
    shape dims = window_shape(state, s.batch, fits ? depth : 0, s.out);
    if (!fits || !shape_elements(&dims, &count)) return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    return runs_end(&w, count ? write_patches(&w, c->in[0], &s, err) : INLAY_OK, err);
}

const op_impl block_impls[] = {
    {"SpaceToBatch", .run = blocks_run, .detail = TO_BATCH | OF_ONE_SIZE, .flags = OP_ANY_ALIGNMENT},
    {"SpaceToBatchND", .run = blocks_run, .detail = TO_BATCH, .flags = OP_ANY_ALIGNMENT},
    {"BatchToSpace", .run = blocks_run, .detail = OF_ONE_SIZE, .flags = OP_ANY_ALIGNMENT},
    {"BatchToSpaceND", .run = blocks_run, .flags = OP_ANY_ALIGNMENT},
    {"SpaceToDepth", .run = depth_run, .prepare = depth_prepare, .detail = TO_DEPTH, .flags = OP_ANY_ALIGNMENT},
    {"DepthToSpace", .run = depth_run, .prepare = depth_prepare, .detail = TO_SPACE, .flags = OP_ANY_ALIGNMENT},
    {"ExtractImagePatches", .run = patches_run, .prepare = patches_prepare, .detail = IMAGE_PATCHES,
     .flags = OP_ANY_ALIGNMENT},
    {"ExtractVolumePatches", .run = patches_run, .prepare = patches_prepare, .detail = VOLUME_PATCHES,
     .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(block);

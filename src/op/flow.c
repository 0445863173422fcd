/* Switches, merges and loops: the executor does the rest (runtime/run.c). */
#include "op/families.h"

#include "base/log.h"

#include <time.h>

/* An output that stays empty is dead. */
static inlay_status switch_run(op_call *c, inlay_error *err) {
    if (c->in[1]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "pred must be a scalar");
    op_give(c, c->in[1]->data[0] ? 1 : 0, tensor_retain(c->in[0]));
    return INLAY_OK;
}

static inlay_status switch_n_run(op_call *c, inlay_error *err) {
    int64_t index;
    int last = c->node->out.count - 1;
    TRY(tensor_scalar_int(c->in[1], "output_index", &index, err));
    if (last < 0) return fail(err, INLAY_INVALID_ARGUMENT, "it has no outputs");
    op_give(c, index < 0 || index > last ? last : (int)index, tensor_retain(c->in[0]));
    return INLAY_OK;
}

static inlay_status select_run(op_call *c, inlay_error *err) {
    int64_t index;
    TRY(tensor_scalar_int(c->in[0], "index", &index, err));
    if (index < 0 || index >= c->node->in.count - 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "index %lld is not in [0, %d)", (long long)index,
                    c->node->in.count - 1);
    op_give(c, 0, tensor_retain(c->in[index + 1]));
    return INLAY_OK;
}

/* Inputs are NULL where they are dead. */
static inlay_status merge_run(op_call *c, inlay_error *err) {
    for (int i = 0; i < c->node->in.count; i++) {
        if (!c->in[i]) continue;
        op_give(c, 0, tensor_retain(c->in[i]));
        return c->unused[1] ? INLAY_OK : tensor_from_i32(i, &c->out[1], err);
    }
    return INLAY_OK;
}

static inlay_status hand_on_run(op_call *c, inlay_error *err) {
    (void)err;
    op_give(c, 0, tensor_retain(c->in[0]));
    return INLAY_OK;
}

static inlay_status nothing_run(op_call *c, inlay_error *err) {
    (void)c;
    (void)err;
    return INLAY_OK;
}

/* A number that is not zero, a text or another tensor that is not empty. */
static inlay_status to_bool_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = shape_scalar();
    tensor *out;
    bool truth = in->count > 0;
    if (in->dims.rank == 0 && in->type == INLAY_STRING) truth = tensor_string(in, 0).size > 0;
    if (in->dims.rank == 0 && in->type != INLAY_STRING) {
        static const uint8_t zero[16];
        size_t size = dtype_size(in->type);
        if (!size || size > sizeof zero) return op_unsupported(c, in->type, err);
        truth = memcmp(in->data, zero, size) != 0;
        bool has_sign = dtype_is_float(in->type); /* minus zero is zero */
        if (truth && has_sign && in->data[size - 1] == 0x80 && memcmp(in->data, zero, size - 1) == 0) truth = false;
    }
    TRY(op_output(c, 0, &dims, &out, err));
    out->data[0] = truth;
    return INLAY_OK;
}

static inlay_status abort_run(op_call *c, inlay_error *err) {
    bytes text;
    bool quiet;
    TRY(attr_text(&c->node->attributes, "error_msg", &text, err));
    TRY(attr_bool(&c->node->attributes, "exit_without_error", &quiet, err));
    return fail(err, INLAY_ABORTED, "the graph aborts%s%.*s", text.size ? ": " : "",
                (int)(text.size < 400 ? text.size : 400), (const char *)text.data);
}

/* What a graph prints is a note: a library owns no stream. Print's data is left to PrintV2, which says it as text. */
static inlay_status print_run(op_call *c, inlay_error *err) {
    bytes text;
    TRY(attr_text(&c->node->attributes, "message", &text, err));
    log_note(INLAY_LOG_INFO, "%s: %.*s", c->node->name, (int)(text.size < 1000 ? text.size : 1000),
             (const char *)text.data);
    op_give(c, 0, tensor_retain(c->in[0]));
    return INLAY_OK;
}

static inlay_status print_v2_run(op_call *c, inlay_error *err) {
    if (c->in[0]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "it prints one string");
    bytes text = tensor_string(c->in[0], 0);
    log_note(INLAY_LOG_INFO, "%.*s", (int)(text.size < 1000 ? text.size : 1000), (const char *)text.data);
    return INLAY_OK;
}

static inlay_status timestamp_run(op_call *c, inlay_error *err) {
    struct timespec now;
    shape dims = shape_scalar();
    tensor *out;
    clock_gettime(CLOCK_REALTIME, &now);
    TRY(op_output(c, 0, &dims, &out, err));
    *(double *)(void *)out->data = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    return INLAY_OK;
}

const op_impl flow_impls[] = {
    {"Switch", .run = switch_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"RefSwitch", .run = switch_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"_SwitchN", .run = switch_n_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"RefSelect", .run = select_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"Merge", .run = merge_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"RefMerge", .run = merge_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"Enter", .run = hand_on_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"RefEnter", .run = hand_on_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"Exit", .run = hand_on_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"RefExit", .run = hand_on_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"NextIteration", .run = hand_on_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"RefNextIteration", .run = hand_on_run, .flags = OP_ANY_ALIGNMENT | OP_NOT_FOLDED},
    {"LoopCond", .run = hand_on_run, .flags = OP_NOT_FOLDED},
    {"ToBool", .run = to_bool_run},
    {"Abort", .run = abort_run},
    {"Print", .run = print_run, .flags = OP_ANY_ALIGNMENT},
    {"PrintV2", .run = print_v2_run},
    {"Timestamp", .run = timestamp_run},
    {"ControlTrigger", .run = nothing_run},
};
OP_FAMILY_END(flow);

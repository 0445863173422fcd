/* Ops that hand on what they are given. */
#include "op/families.h"

#include <stdio.h>

static inlay_status forward_run(op_call *c, inlay_error *err) {
    (void)err;
    for (int i = 0; i < c->node->out.count; i++) op_give(c, i, tensor_retain(c->in[i]));
    return INLAY_OK;
}

static inlay_status nothing_run(op_call *c, inlay_error *err) {
    (void)c;
    (void)err;
    return INLAY_OK;
}

static inlay_status not_fed_run(op_call *c, inlay_error *err) {
    (void)c;
    return fail(err, INLAY_INVALID_ARGUMENT, "an input that was not given");
}

enum { ASSERT_NUMBERS = 8 }; /* of a tensor that is shown */

/* What of T tells why: its first text, its first integers. */
static int describe(const tensor *t, char *out, size_t size) {
    int used = 0;
    if (t->type == INLAY_STRING && t->count) {
        bytes part = tensor_string(t, 0);
        return snprintf(out, size, " %.*s", (int)(part.size < size ? part.size : size), (const char *)part.data);
    }
    for (int64_t i = 0; i < t->count && i < ASSERT_NUMBERS && dtype_is_integer(t->type) && (size_t)used < size; i++) {
        int64_t value;
        if (tensor_as_int(t, i, "", &value, NULL) != INLAY_OK) return used;
        used += snprintf(out + used, size - (size_t)used, " %lld", (long long)value);
    }
    return used;
}

static inlay_status assert_run(op_call *c, inlay_error *err) {
    if (c->in[0]->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "the condition must be a scalar");
    if (c->in[0]->data[0]) return INLAY_OK;
    char text[600] = "";
    size_t used = 0;
    for (int i = 1; i < c->node->in.count && used + 1 < sizeof text; i++)
        used += (size_t)describe(c->in[i], text + used, sizeof text - used);
    return fail(err, INLAY_INVALID_ARGUMENT, "assertion failed:%s", text);
}

const op_impl forward_impls[] = {
    {"Identity", .run = forward_run, .flags = OP_ANY_ALIGNMENT},
    {"IdentityN", .run = forward_run, .flags = OP_ANY_ALIGNMENT},
    {"StopGradient", .run = forward_run, .flags = OP_ANY_ALIGNMENT},
    {"PreventGradient", .run = forward_run, .flags = OP_ANY_ALIGNMENT},
    {"Snapshot", .run = forward_run, .flags = OP_ANY_ALIGNMENT},
    {"DeepCopy", .run = forward_run, .flags = OP_ANY_ALIGNMENT},
    {"PlaceholderWithDefault", .run = forward_run, .flags = OP_ANY_ALIGNMENT},
    {"Placeholder", .run = not_fed_run},
    {"PlaceholderV2", .run = not_fed_run},
    {"NoOp", .run = nothing_run},
    {"Assert", .run = assert_run, .flags = OP_ANY_ALIGNMENT},
};
OP_FAMILY_END(forward);

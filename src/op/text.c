#include "op/text.h"

inlay_status text_give(op_call *c, int i, string_builder *b, inlay_error *err) {
    tensor *made;
    TRY(string_builder_finish(b, &made, err));
    op_give(c, i, made);
    return INLAY_OK;
}

inlay_status text_make(op_call *c, int i, const shape *dims, text_maker fn, void *user, inlay_error *err) {
    string_builder b;
    buffer room = {0};
    inlay_status status;
    TRY(string_builder_init(&b, dims, c->budget, err));
    for (int64_t e = 0; e < b.count; e++) {
        buffer_clear(&room);
        TRY_TO(failed, op_check_stop(c, err));
        TRY_TO(failed, fn(c, user, e, &room, err));
        TRY_TO(failed, buffer_check(&room, err));
        TRY_TO(failed, string_builder_add(&b, buffer_bytes(&room), err));
    }
    buffer_free(&room);
    return text_give(c, i, &b, err);
failed:
    string_builder_free(&b);
    buffer_free(&room);
    return status;
}

typedef struct mapped {
    const tensor *in;
    text_map fn;
} mapped;

static inlay_status map_element(const op_call *c, void *user, int64_t element, buffer *to, inlay_error *err) {
    const mapped *m = user;
    return m->fn(c, tensor_string(m->in, element), to, err);
}

inlay_status text_each(op_call *c, int in, int i, text_map fn, inlay_error *err) {
    mapped m = {c->in[in], fn};
    return text_make(c, i, &m.in->dims, map_element, &m, err);
}

inlay_status text_scalar(const op_call *c, int in, const char *what, bytes *out, inlay_error *err) {
    const tensor *t = c->in[in];
    char text[SHAPE_TEXT];
    if (t->type != INLAY_STRING || t->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be one string, not %s %s", what, dtype_name(t->type),
                    shape_text(&t->dims, text));
    *out = tensor_string(t, 0);
    return INLAY_OK;
}

#include "op/text.h"

inlay_status text_give(op_call *c, int i, string_builder *b, inlay_error *err) {
    tensor *made;
    TRY(string_builder_finish(b, &made, err));
    op_give(c, i, made);
    return INLAY_OK;
}

inlay_status text_each(op_call *c, int in, int i, text_map fn, inlay_error *err) {
    const tensor *t = c->in[in];
    string_builder b;
    buffer room = {0};
    inlay_status status;
    TRY(string_builder_init(&b, &t->dims, c->budget, err));
    for (int64_t e = 0; e < t->count; e++) {
        buffer_clear(&room);
        if ((e & 1023) == 1023) TRY_TO(failed, op_check_stop(c, err));
        TRY_TO(failed, fn(c, tensor_string(t, e), &room, err));
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

inlay_status text_scalar(const op_call *c, int in, const char *what, bytes *out, inlay_error *err) {
    const tensor *t = c->in[in];
    char text[SHAPE_TEXT];
    if (t->type != INLAY_STRING || t->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be one string, not %s %s", what, dtype_name(t->type),
                    shape_text(&t->dims, text));
    *out = tensor_string(t, 0);
    return INLAY_OK;
}

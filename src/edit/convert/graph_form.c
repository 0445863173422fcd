#include "edit/convert/graph_form.h"

#include "proto/message.h"
#include "proto/text.h"
#include "proto/view.h"

#include <inttypes.h>
#include <stdio.h>

static const message_type *type_of(const saved_model *model) {
    static const char *const names[] = {[SAVED_MODEL] = "tensorflow.SavedModel",
                                        [SAVED_METAGRAPH] = "tensorflow.MetaGraphDef",
                                        [SAVED_GRAPH] = "tensorflow.GraphDef"};
    return schema_find(bytes_of(names[model->kind]));
}

/* ---- what text has no name for */

typedef struct unknown_field {
    bool found;
    uint32_t number;
    const message_type *in;
    const uint8_t *at;
} unknown_field;

/* The first field of MESSAGE, or of a message in it, that its schema does not know. */
static inlay_status find_unknown(wire_reader message, const message_type *type, view_limits *limits, unknown_field *out,
                                 inlay_error *err) {
    view v;
    inlay_status status = view_open(message, type, limits, &v, err);
    if (status == INLAY_OK && v.unknown_count > 0)
        *out = (unknown_field){true, v.unknown[0].number, type, v.unknown[0].at};
    for (size_t i = 0; i < v.count && status == INLAY_OK && !out->found; i++) {
        const field_type *f;
        wire_field field;
        status = view_field(&v, i, &f, &field, err);
        if (status == INLAY_OK && f->type == PROTOBUF_C_TYPE_MESSAGE)
            status = find_unknown(view_enter(&v, &field), field_message(f), limits, out, err);
    }
    view_close(&v);
    return status;
}

static inlay_status refuse(const saved_model *model, inlay_error *err) {
    unknown_field unknown = {0};
    view_limits limits;
    view_limits_init(&limits, model->message.size);
    TRY(find_unknown(saved_reader(model, model->message), type_of(model), &limits, &unknown, err));
    if (!unknown.found)
        return fail_at(err, INLAY_FAILED_PRECONDITION, model->file, -1,
                       "holds values that text cannot: NaNs with bits of their own, or parts of an Any");
    bytes whole = model->message;
    bool inside = unknown.at >= whole.data && unknown.at < whole.data + whole.size;
    return fail_at(err, INLAY_FAILED_PRECONDITION, model->file, inside ? unknown.at - whole.data : -1,
                   "field %" PRIu32 " of %s is not known and has no name in text", unknown.number, unknown.in->name);
}

/* ---- text */

static inlay_status canonical(const saved_model *model, wire_reader message, buffer *out, inlay_error *err) {
    TRY(message_canonical(message, type_of(model), out, err));
    return buffer_check(out, err);
}

/* Whether TEXT says all that the model's message says. */
static inlay_status compare(const saved_model *model, bytes text, bool *equal, inlay_error *err) {
    buffer binary = {0}, now = {0}, before = {0};
    inlay_status status;
    TRY_TO(done, text_parse(text, model->file, type_of(model), &binary, err));
    TRY_TO(done, canonical(model, wire_open(buffer_bytes(&binary), model->file, NULL), &now, err));
    buffer_free(&binary);
    TRY_TO(done, canonical(model, saved_reader(model, model->message), &before, err));
    *equal = bytes_equal(buffer_bytes(&before), buffer_bytes(&now));
done:
    buffer_free(&binary);
    buffer_free(&now);
    buffer_free(&before);
    return status;
}

inlay_status graph_to_text(const saved_model *model, bool lossy, bool *lost, buffer *out, inlay_error *err) {
    size_t start = out->size;
    bool equal = true;
    text_options options = {.hide_unknown = true};
    TRY(text_print(saved_reader(model, model->message), type_of(model), &options, out, err));
    TRY(buffer_check(out, err));
    TRY(compare(model, bytes_make(out->data + start, out->size - start), &equal, err));
    if (lost) *lost = !equal;
    return equal || lossy ? INLAY_OK : refuse(model, err);
}

inlay_status graph_to_binary(const saved_model *model, buffer *out, inlay_error *err) {
    if (model->is_text) return canonical(model, saved_reader(model, model->message), out, err);
    buffer_append_bytes(out, model->message);
    return buffer_check(out, err);
}

/* OpDef messages (tensorflow/core/framework/op_def.proto) turned into rows. */
#include "opdef/opdef.h"

#include "proto/wire.h"

static inlay_status arg_text(const wire_reader *outer, const wire_field *field, buffer *out, inlay_error *err) {
    wire_reader r = wire_enter(outer, field);
    bytes name = {0}, type_attr = {0}, number = {0}, list = {0};
    uint64_t type = 0, is_ref = 0;
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        switch (f.number) {
        case 1: name = f.data; break;
        case 3: type = f.value; break;
        case 4: type_attr = f.data; break;
        case 5: number = f.data; break;
        case 6: list = f.data; break;
        case 16: is_ref = f.value; break;
        default: break;
        }
    }
    if (out->size) buffer_append_text(out, " ");
    buffer_append_bytes(out, name);
    buffer_append_text(out, is_ref ? ":&" : ":");
    if (number.size) {
        buffer_append_bytes(out, number);
        buffer_append_text(out, "*");
    }
    if (list.size)
        buffer_append_bytes(out, list);
    else if (type_attr.size)
        buffer_append_bytes(out, type_attr);
    else
        buffer_append_text(out, dtype_name((dtype)(type < 100 ? type : type - 100)));
    return INLAY_OK;
}

/* "name:type=default"; only numbers, bools and dtypes keep their default: they decide arity. */
static inlay_status attr_decl_text(const wire_reader *outer, const wire_field *field, buffer *out, inlay_error *err) {
    wire_reader r = wire_enter(outer, field);
    bytes name = {0}, type = {0}, value = {0};
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number == 1) name = f.data;
        if (f.number == 2) type = f.data;
        if (f.number == 3) value = f.data;
    }
    if (out->size) buffer_append_text(out, " ");
    buffer_append_bytes(out, name);
    buffer_append_text(out, ":");
    buffer_append_bytes(out, type);
    if (!value.data) return INLAY_OK;
    attr one = {.name = bytes_of("v"), .value = value};
    attrs all = {&one, 1, NULL};
    int64_t number;
    bool flag;
    dtype t;
    if (bytes_is(type, "int") && attr_int(&all, "v", &number, NULL) == INLAY_OK)
        buffer_format(out, "=%lld", (long long)number);
    else if (bytes_is(type, "bool") && attr_bool(&all, "v", &flag, NULL) == INLAY_OK)
        buffer_append_text(out, flag ? "=true" : "=false");
    else if (bytes_is(type, "type") && attr_type(&all, "v", &t, NULL) == INLAY_OK)
        buffer_format(out, "=%s", dtype_name(t));
    return INLAY_OK;
}

static inlay_status keep_text(arena *memory, buffer *text, const char **out, inlay_error *err) {
    TRY(buffer_check(text, err));
    *out = arena_copy(memory, buffer_bytes(text));
    return *out ? INLAY_OK : fail_memory(err);
}

inlay_status opdef_from_proto(bytes proto, arena *memory, op_def **out, inlay_error *err) {
    inlay_status status = INLAY_OK;
    buffer in = {0}, outputs = {0}, declared = {0};
    op_def *def = arena_zalloc(memory, 1, sizeof *def);
    if (!def) return fail_memory(err);
    wire_reader r = wire_open(proto, "OpDef", NULL);
    for (;;) {
        wire_field f;
        bool got;
        TRY_TO(done, wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.type == WIRE_BYTES) {
            if (f.number == 1 && !(def->name = arena_copy(memory, f.data))) TRY_TO(done, fail_memory(err));
            if (f.number == 2) TRY_TO(done, arg_text(&r, &f, &in, err));
            if (f.number == 3) TRY_TO(done, arg_text(&r, &f, &outputs, err));
            if (f.number == 4) TRY_TO(done, attr_decl_text(&r, &f, &declared, err));
        }
        if (f.number == 17 && f.value) def->flags |= OP_STATEFUL | OP_EFFECT;
        if (f.number == 18 && f.value) def->flags |= OP_COMMUTATIVE;
    }
    if (!def->name) TRY_TO(done, fail(err, INLAY_DATA_LOSS, "an OpDef has no name"));
    TRY_TO(done, keep_text(memory, &in, &def->in, err));
    TRY_TO(done, keep_text(memory, &outputs, &def->out, err));
    TRY_TO(done, keep_text(memory, &declared, &def->attrs, err));
    *out = def;
done:
    buffer_free(&in);
    buffer_free(&outputs);
    buffer_free(&declared);
    return status;
}

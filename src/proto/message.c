#include "proto/message.h"

#include "proto/view.h"

/* ---- checking */

typedef struct checking {
    const message_limits *limits;
    uint64_t messages;
} checking;

static inlay_status at_fault(const wire_reader *r, const uint8_t *at, inlay_status code, const char *what,
                             const char *name, inlay_error *err) {
    return fail_at(err, code, r->file, at - r->origin, "%s%s", what, name);
}

static inlay_status ignore(void *ctx, uint64_t value, inlay_error *err) {
    (void)ctx, (void)value, (void)err;
    return INLAY_OK;
}

static inlay_status check_message(checking *c, wire_reader r, const message_type *type, int depth, inlay_error *err);

static inlay_status check_field(checking *c, const wire_reader *r, const field_type *f, const wire_field *field,
                                int depth, inlay_error *err) {
    if (field_can_pack(f)) return wire_numbers(r, field, field_wire(f), ignore, NULL, err);
    TRY(wire_expect(r, field, field_wire(f), err));
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(c, wire_enter(r, field), field_message(f), depth + 1, err);
    if (f->type != PROTOBUF_C_TYPE_STRING) return INLAY_OK;
    if (!bytes_valid_utf8(field->data, NULL))
        return at_fault(r, field->whole.data, INLAY_DATA_LOSS, "no valid UTF-8 in the text of field ", f->name, err);
    if (c->limits->for_structs && field->data.size && memchr(field->data.data, 0, field->data.size))
        return at_fault(r, field->whole.data, INLAY_DATA_LOSS, "a zero byte in the text of field ", f->name, err);
    return INLAY_OK;
}

static inlay_status check_message(checking *c, wire_reader r, const message_type *type, int depth, inlay_error *err) {
    if (depth > MESSAGE_DEPTH)
        return at_fault(&r, r.next, INLAY_RESOURCE_EXHAUSTED, "messages are nested too deep", "", err);
    if (++c->messages > c->limits->messages && c->limits->messages)
        return at_fault(&r, r.next, INLAY_RESOURCE_EXHAUSTED, "too many nested messages", "", err);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        const field_type *f = protobuf_c_message_descriptor_get_field(type, field.number);
        if (f) TRY(check_field(c, &r, f, &field, depth, err));
        if (field.type == WIRE_GROUP && c->limits->for_structs)
            return at_fault(&r, field.whole.data, INLAY_UNIMPLEMENTED, "a group, which structs cannot hold", "", err);
    }
}

inlay_status message_check(wire_reader message, const message_type *type, const message_limits *limits,
                           inlay_error *err) {
    static const message_limits none;
    checking c = {.limits = limits ? limits : &none};
    return check_message(&c, message, type, 1, err);
}

/* ---- structs */

static void *allocate(void *a, size_t size) {
    return arena_alloc(a, size);
}
static void keep(void *a, void *p) {
    (void)a, (void)p; /* it goes with the arena */
}

inlay_status message_unpack(wire_reader message, const message_type *type, arena *a, ProtobufCMessage **out,
                            inlay_error *err) {
    static const message_limits limits = {.for_structs = true};
    *out = NULL;
    TRY(message_check(message, type, &limits, err));
    ProtobufCAllocator allocator = {allocate, keep, a};
    *out = protobuf_c_message_unpack(type, &allocator, (size_t)(message.end - message.next), message.next);
    if (*out) return INLAY_OK;
    return at_fault(&message, message.next, INLAY_RESOURCE_EXHAUSTED, "not enough memory is allowed to unpack a ",
                    type->short_name, err);
}

void message_pack(const ProtobufCMessage *message, buffer *out) {
    size_t start = out->size, size = protobuf_c_message_get_packed_size(message);
    buffer_append_zeros(out, size);
    if (!out->failed && size) protobuf_c_message_pack(message, out->data + start);
}

/* ---- the canonical form */

typedef struct writing {
    buffer *out;
    view_limits limits;
} writing;

static inlay_status put_message(writing *w, wire_reader r, const message_type *type, inlay_error *err);

typedef struct packing {
    buffer *out;
    const field_type *field;
    bool tagged; /* each value with its tag */
} packing;

/* VALUE is as it stands in the file: widths are put right, the encoding of sint stays. */
static inlay_status put_value(void *ctx, uint64_t value, inlay_error *err) {
    (void)err;
    packing *p = ctx;
    int wire = field_wire(p->field);
    if (p->tagged) wire_put_varint(p->out, (uint64_t)p->field->id << 3 | (unsigned)wire);
    if (wire == WIRE_FIXED32 || wire == WIRE_FIXED64) {
        buffer_append(p->out, &value, wire == WIRE_FIXED32 ? 4 : 8);
    } else {
        bool zigzag = p->field->type == PROTOBUF_C_TYPE_SINT32 || p->field->type == PROTOBUF_C_TYPE_SINT64;
        wire_put_varint(p->out, zigzag ? value : view_number(p->field, value));
    }
    return INLAY_OK;
}

/* All of a repeated number at slots [first, end) in one run. */
static inlay_status put_packed(writing *w, const view *v, const field_type *f, size_t first, size_t end,
                               inlay_error *err) {
    packing p = {w->out, f, false};
    size_t start = w->out->size, mark = wire_begin(w->out, f->id);
    for (size_t i = first; i < end; i++) {
        wire_field field;
        const field_type *same;
        TRY(view_field(v, i, &same, &field, err));
        TRY(wire_numbers(&v->reader, &field, field_wire(f), put_value, &p, err));
    }
    if (w->out->size == mark)
        w->out->size = start; /* nothing but empty runs */
    else
        wire_end(w->out, mark);
    return INLAY_OK;
}

static inlay_status put_field(writing *w, const view *v, const field_type *f, const wire_field *field,
                              inlay_error *err) {
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        size_t mark = wire_begin(w->out, f->id);
        TRY(put_message(w, view_enter(v, field), field_message(f), err));
        wire_end(w->out, mark);
    } else if (field_wire(f) == WIRE_BYTES) {
        wire_put_bytes(w->out, f->id, field->data);
    } else {
        packing p = {w->out, f, true};
        return wire_numbers(&v->reader, field, field_wire(f), put_value, &p, err);
    }
    return INLAY_OK;
}

/* A map entry always has both parts, the key first. */
static void put_zero(writing *w, const field_type *f) {
    packing p = {w->out, f, true};
    if (field_wire(f) == WIRE_BYTES)
        wire_put_bytes(w->out, f->id, (bytes){0});
    else
        put_value(&p, 0, NULL);
}

static inlay_status put_known(writing *w, const view *v, inlay_error *err) {
    bool entry = message_is_entry(v->type);
    if (entry && view_find(v, 1) == v->count) put_zero(w, &v->type->fields[0]);
    for (size_t i = 0, end; i < v->count; i = end) {
        const field_type *f;
        wire_field field;
        TRY(view_field(v, i, &f, &field, err));
        end = i + 1;
        if (f->flags & PROTOBUF_C_FIELD_FLAG_PACKED) {
            while (end < v->count && v->slots[end].number == f->id) end++;
            TRY(put_packed(w, v, f, i, end, err));
        } else {
            TRY(put_field(w, v, f, &field, err));
        }
    }
    if (entry && view_find(v, 2) == v->count) put_zero(w, &v->type->fields[1]);
    return INLAY_OK;
}

/* Numbers and lengths in as few bytes as they need, whatever the file had. */
static inlay_status put_unknown_field(buffer *out, const wire_reader *r, const wire_field *field, inlay_error *err) {
    uint64_t tag = (uint64_t)field->number << 3;
    wire_put_varint(out, tag | (unsigned)field->type);
    switch (field->type) {
    case WIRE_VARINT: wire_put_varint(out, field->value); return INLAY_OK;
    case WIRE_FIXED64: buffer_append(out, &field->value, 8); return INLAY_OK;
    case WIRE_FIXED32: buffer_append(out, &field->value, 4); return INLAY_OK;
    case WIRE_BYTES:
        wire_put_varint(out, field->data.size);
        buffer_append_bytes(out, field->data);
        return INLAY_OK;
    default: break;
    }
    for (wire_reader group = wire_enter(r, field);;) {
        wire_field inner;
        bool got;
        TRY(wire_next(&group, &inner, &got, err));
        if (!got) break;
        TRY(put_unknown_field(out, &group, &inner, err));
    }
    wire_put_varint(out, tag | WIRE_GROUP_END);
    return INLAY_OK;
}

static inlay_status put_unknown(writing *w, const view *v, inlay_error *err) {
    for (size_t i = 0; i < v->unknown_count; i++) {
        wire_reader r = v->reader;
        wire_field field;
        bool got;
        r.next = v->unknown[i].at;
        TRY(wire_next(&r, &field, &got, err));
        TRY(put_unknown_field(w->out, &r, &field, err));
    }
    return INLAY_OK;
}

static inlay_status put_message(writing *w, wire_reader r, const message_type *type, inlay_error *err) {
    view v;
    inlay_status status = view_open(r, type, &w->limits, &v, err);
    if (status == INLAY_OK) status = put_known(w, &v, err);
    if (status == INLAY_OK) status = put_unknown(w, &v, err);
    view_close(&v);
    return status;
}

inlay_status message_canonical(wire_reader message, const message_type *type, buffer *out, inlay_error *err) {
    writing w = {.out = out};
    view_limits_init(&w.limits, (size_t)(message.end - message.next));
    TRY(put_message(&w, message, type, err));
    return buffer_check(out, err);
}

#include "base/decimal.h"
#include "proto/json.h"
#include "proto/view.h"

#include <inttypes.h>
#include <math.h>

typedef struct printer {
    buffer *out;
    size_t indent;
    view_limits limits;
} printer;

static inlay_status print_message(printer *p, wire_reader r, const message_type *type, bytes type_url,
                                  inlay_error *err);

/* ---- layout */

static void new_line(printer *p) {
    buffer_append_byte(p->out, '\n');
    for (size_t i = 0; i < p->indent; i++) buffer_append_text(p->out, "  ");
}

/* Before each item but the first a comma; each on a line of its own. */
static void next_item(printer *p, bool *first) {
    if (!*first) buffer_append_byte(p->out, ',');
    *first = false;
    new_line(p);
}

static void open_with(printer *p, char bracket) {
    buffer_append_byte(p->out, (uint8_t)bracket);
    p->indent++;
}

static void close_with(printer *p, char bracket, bool empty) {
    p->indent--;
    if (!empty) new_line(p);
    buffer_append_byte(p->out, (uint8_t)bracket);
}

static inlay_status check_size(const printer *p, inlay_error *err) {
    if (p->out->size <= 1ull << 31) return buffer_check(p->out, err);
    return fail(err, INLAY_RESOURCE_EXHAUSTED, "the JSON of the message is longer than 2 GiB");
}

/* ---- values */

static void put_string(buffer *out, bytes text) {
    buffer_append_byte(out, '"');
    size_t run = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 32 && c != '"' && c != '\\' && c != 127) continue;
        buffer_append(out, text.data + run, i - run);
        run = i + 1;
        if (c == '"' || c == '\\')
            buffer_format(out, "\\%c", c);
        else if (c == '\n')
            buffer_append_text(out, "\\n");
        else
            buffer_format(out, "\\u%04x", c);
    }
    if (text.size) buffer_append(out, text.data + run, text.size - run);
    buffer_append_byte(out, '"');
}

static void put_base64(buffer *out, bytes data) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < data.size; i += 3) {
        size_t n = data.size - i < 3 ? data.size - i : 3;
        uint32_t v = (uint32_t)data.data[i] << 16;
        if (n > 1) v |= (uint32_t)data.data[i + 1] << 8;
        if (n > 2) v |= data.data[i + 2];
        char quad[4] = {digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63], digits[v & 63]};
        for (size_t k = n + 1; k < 4; k++) quad[k] = '=';
        buffer_append(out, quad, 4);
    }
    buffer_append_byte(out, '"');
}

static void put_float(buffer *out, const field_type *f, uint64_t value) {
    char text[DECIMAL_TEXT];
    double number;
    float narrow;
    uint32_t bits = (uint32_t)value;
    memcpy(&number, &value, sizeof number);
    memcpy(&narrow, &bits, sizeof narrow);
    if (f->type == PROTOBUF_C_TYPE_FLOAT) number = (double)narrow;
    if (!isfinite(number)) {
        buffer_append_text(out, isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    size_t n = f->type == PROTOBUF_C_TYPE_FLOAT ? decimal_from_float(narrow, text) : decimal_from_double(number, text);
    buffer_append(out, text, n);
}

/* KEY: as the name of a member, which is always a string. */
static void put_number(buffer *out, const field_type *f, uint64_t value, bool key) {
    const ProtobufCEnumValue *name = NULL;
    bool wide = false, is_unsigned = false;
    switch (f->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE: put_float(out, f, value); return;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_append_text(out, key ? value ? "\"true\"" : "\"false\"" : value ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        name = protobuf_c_enum_descriptor_get_value(field_enum(f), (int)(int32_t)value);
        if (name) {
            put_string(out, bytes_of(name->name));
            return;
        }
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: is_unsigned = true; /* fall through */
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: wide = true; break;
    default: break;
    }
    const char *quote = wide || key ? "\"" : "";
    if (is_unsigned)
        buffer_format(out, "%s%" PRIu64 "%s", quote, value, quote);
    else
        buffer_format(out, "%s%" PRId64 "%s", quote, (int64_t)value, quote);
}

static void put_zero(printer *p, const field_type *f, bool key) {
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        buffer_append_text(p->out, "{}");
    else if (field_wire(f) == WIRE_BYTES)
        buffer_append_text(p->out, "\"\"");
    else
        put_number(p->out, f, 0, key);
}

typedef struct printing_numbers {
    printer *p;
    const field_type *field;
    bool key, first;
    bool list; /* each on a line of its own */
} printing_numbers;

static inlay_status print_number(void *ctx, uint64_t value, inlay_error *err) {
    printing_numbers *n = ctx;
    if (n->list) next_item(n->p, &n->first);
    put_number(n->p->out, n->field, value, n->key);
    return check_size(n->p, err);
}

static inlay_status print_value(printer *p, const view *v, const field_type *f, const wire_field *field, bool key,
                                inlay_error *err) {
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return print_message(p, view_enter(v, field), field_message(f), (bytes){0}, err);
    if (f->type == PROTOBUF_C_TYPE_STRING)
        put_string(p->out, field->data);
    else if (f->type == PROTOBUF_C_TYPE_BYTES)
        put_base64(p->out, field->data);
    else
        put_number(p->out, f, view_number(f, field->value), key);
    return check_size(p, err);
}

/* ---- fields */

/* "key": value, of the entry that V views. */
static inlay_status print_entry_parts(printer *p, const view *v, inlay_error *err) {
    for (unsigned i = 0; i < 2; i++) {
        const field_type *f = &v->type->fields[i];
        size_t at = view_find(v, f->id);
        if (i) buffer_append_text(p->out, ": ");
        if (at == v->count) {
            put_zero(p, f, i == 0);
            continue;
        }
        wire_field field;
        TRY(view_field(v, at, &f, &field, err));
        TRY(print_value(p, v, f, &field, i == 0, err));
    }
    return check_size(p, err);
}

static inlay_status print_entry(printer *p, wire_reader r, const message_type *type, inlay_error *err) {
    view v;
    inlay_status status = view_open(r, type, &p->limits, &v, err);
    if (status == INLAY_OK) status = print_entry_parts(p, &v, err);
    view_close(&v);
    return status;
}

static inlay_status print_map(printer *p, const view *v, const field_type *f, size_t first, size_t end,
                              inlay_error *err) {
    bool none = true;
    open_with(p, '{');
    for (size_t i = first; i < end; i++) {
        wire_field field;
        TRY(view_field(v, i, &f, &field, err));
        next_item(p, &none);
        TRY(print_entry(p, view_enter(v, &field), field_message(f), err));
    }
    close_with(p, '}', none);
    return INLAY_OK;
}

static inlay_status print_list(printer *p, const view *v, const field_type *f, size_t first, size_t end, bool *empty,
                               inlay_error *err) {
    printing_numbers n = {p, f, false, true, true};
    open_with(p, '[');
    for (size_t i = first; i < end; i++) {
        wire_field field;
        TRY(view_field(v, i, &f, &field, err));
        if (field_wire(f) != WIRE_BYTES) {
            TRY(view_numbers(v, f, &field, print_number, &n, err));
            continue;
        }
        next_item(p, &n.first);
        TRY(print_value(p, v, f, &field, false, err));
    }
    close_with(p, ']', n.first);
    *empty = n.first;
    return check_size(p, err);
}

/* The member for slots [first, end), all of one field. A list that turns out empty leaves nothing. */
static inlay_status print_member(printer *p, const view *v, size_t first, size_t end, bool *none, inlay_error *err) {
    const field_type *f;
    wire_field field;
    char name[FIELD_NAME_TEXT];
    bool empty = false, before = *none;
    size_t start = p->out->size;
    TRY(view_field(v, first, &f, &field, err));
    next_item(p, none);
    put_string(p->out, bytes_of(field_json_name(f, name)));
    buffer_append_text(p->out, ": ");
    if (field_is_map(f))
        TRY(print_map(p, v, f, first, end, err));
    else if (field_repeats(f))
        TRY(print_list(p, v, f, first, end, &empty, err));
    else
        TRY(print_value(p, v, f, &field, false, err));
    if (empty && !p->out->failed) {
        p->out->size = start;
        *none = before;
    }
    return check_size(p, err);
}

/* ---- messages */

static inlay_status print_any(printer *p, const view *v, inlay_error *err) {
    wire_field url = {0}, value = {0};
    const field_type *f;
    size_t at_url = view_find(v, 1), at_value = view_find(v, 2);
    if (at_url == v->count && at_value == v->count) {
        buffer_append_text(p->out, "{}");
        return INLAY_OK;
    }
    if (at_url < v->count) TRY(view_field(v, at_url, &f, &url, err));
    if (at_value < v->count) TRY(view_field(v, at_value, &f, &value, err));
    const message_type *type = schema_of_url(url.data);
    if (!type)
        return fail_at(err, INLAY_INVALID_ARGUMENT, v->reader.file, v->reader.next - v->reader.origin,
                       "JSON cannot hold an Any of the unknown type \"%.*s\"",
                       (int)(url.data.size < 200 ? url.data.size : 200), (const char *)url.data.data);
    return print_message(p, view_enter(v, &value), type, url.data, err);
}

static inlay_status print_wrapper(printer *p, const view *v, inlay_error *err) {
    const field_type *f = &v->type->fields[0];
    wire_field field;
    if (v->count == 0) {
        put_zero(p, f, false);
        return INLAY_OK;
    }
    TRY(view_field(v, 0, &f, &field, err));
    return print_value(p, v, f, &field, false, err);
}

/* What an Any holds but a message with fields of its own stands under "value". */
static bool has_form_of_its_own(const message_type *type) {
    return message_is_any(type) || message_is_wrapper(type);
}

static inlay_status print_view(printer *p, const view *v, bytes type_url, inlay_error *err) {
    bool none = true, own = has_form_of_its_own(v->type);
    if (type_url.data || !own) {
        open_with(p, '{');
        if (type_url.data) {
            next_item(p, &none);
            buffer_append_text(p->out, "\"@type\": ");
            put_string(p->out, type_url);
        }
        if (own) {
            next_item(p, &none);
            buffer_append_text(p->out, "\"value\": ");
        }
    }
    if (own) TRY(message_is_any(v->type) ? print_any(p, v, err) : print_wrapper(p, v, err));
    for (size_t i = 0, end; i < v->count && !own; i = end) {
        for (end = i + 1; end < v->count && v->slots[end].number == v->slots[i].number; end++) {}
        TRY(print_member(p, v, i, end, &none, err));
    }
    if (type_url.data || !own) close_with(p, '}', none);
    return INLAY_OK;
}

static inlay_status print_message(printer *p, wire_reader r, const message_type *type, bytes type_url,
                                  inlay_error *err) {
    view v;
    inlay_status status = view_open(r, type, &p->limits, &v, err);
    if (status == INLAY_OK) status = print_view(p, &v, type_url, err);
    view_close(&v);
    return status;
}

inlay_status json_print(wire_reader message, const message_type *type, buffer *out, inlay_error *err) {
    printer p = {.out = out};
    view_limits_init(&p.limits, (size_t)(message.end - message.next));
    TRY(print_message(&p, message, type, (bytes){0}, err));
    buffer_append_byte(out, '\n');
    return buffer_check(out, err);
}

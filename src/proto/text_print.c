#include "base/decimal.h"
#include "proto/message.h"
#include "proto/text.h"
#include "proto/text_scan.h"
#include "proto/view.h"

#include <inttypes.h>

enum { UNKNOWN_DEPTH = 10 }; /* how deep bytes of unknown fields are taken for messages */

typedef struct printer {
    buffer *out;
    uint64_t end; /* size of `out` that is too much */
    size_t indent;
    bool hide_unknown;
    view_limits limits;
    size_t unknown; /* fields printed by number, which a parser does not take */
} printer;

static inlay_status print_message(printer *p, wire_reader r, const message_type *type, inlay_error *err);

static void indent(printer *p) {
    static const char blanks[] = "                                ";
    for (size_t left = p->indent; left;) {
        size_t n = left < sizeof blanks - 1 ? left : sizeof blanks - 1;
        buffer_append(p->out, blanks, n);
        left -= n;
    }
}

static inlay_status check_limit(const printer *p, inlay_error *err) {
    if (p->out->size <= p->end) return INLAY_OK;
    return fail(err, INLAY_RESOURCE_EXHAUSTED, "the text of the message is longer than allowed");
}

/* ---- values */

/* Bytes in quotes, as C writes them; those of a text beyond ASCII stay as they are. */
static void put_quoted(buffer *out, bytes text, bool utf8) {
    buffer_append_byte(out, '"');
    size_t run = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool plain = (c >= 32 && c < 127 && c != '"' && c != '\'' && c != '\\') || (c >= 128 && utf8);
        if (plain) continue;
        buffer_append(out, text.data + run, i - run);
        run = i + 1;
        static const char escaped[] = "\t\n\r\"'\\", letters[] = "tnr\"'\\";
        const char *found = c ? strchr(escaped, c) : NULL;
        char escape = 0;
        if (found) escape = letters[found - escaped];
        char code[4] = {'\\', escape, 0, 0};
        size_t length = 2;
        if (!escape) {
            code[1] = (char)('0' + (c >> 6));
            code[2] = (char)('0' + (c >> 3 & 7));
            code[3] = (char)('0' + (c & 7));
            length = 4;
        }
        buffer_append(out, code, length);
    }
    buffer_append(out, text.data ? text.data + run : NULL, text.size - run);
    buffer_append_byte(out, '"');
}

static void put_number(buffer *out, const field_type *f, uint64_t value) {
    char text[DECIMAL_TEXT];
    switch (f->type) {
    case PROTOBUF_C_TYPE_BOOL: buffer_append_text(out, value ? "true" : "false"); return;
    case PROTOBUF_C_TYPE_FLOAT: {
        uint32_t bits = (uint32_t)value;
        float number;
        memcpy(&number, &bits, sizeof number);
        buffer_append(out, text, decimal_from_float(number, text));
        return;
    }
    case PROTOBUF_C_TYPE_DOUBLE: {
        double number;
        memcpy(&number, &value, sizeof number);
        buffer_append(out, text, decimal_from_double(number, text));
        return;
    }
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *name = protobuf_c_enum_descriptor_get_value(field_enum(f), (int)(int32_t)value);
        if (name) {
            buffer_append_text(out, name->name);
            return;
        }
        buffer_format(out, "%" PRId64, (int64_t)value);
        return;
    }
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: buffer_format(out, "%" PRIu64, value); return;
    default: buffer_format(out, "%" PRId64, (int64_t)value); return;
    }
}

typedef struct printing_numbers {
    printer *p;
    const field_type *field;
} printing_numbers;

static inlay_status print_number(void *ctx, uint64_t value, inlay_error *err) {
    const printing_numbers *n = ctx;
    indent(n->p);
    buffer_append_text(n->p->out, n->field->name);
    buffer_append_text(n->p->out, ": ");
    put_number(n->p->out, n->field, value);
    buffer_append_byte(n->p->out, '\n');
    return check_limit(n->p, err);
}

/* ---- unknown fields */

static bool is_message(wire_reader r) {
    for (;;) {
        wire_field field;
        bool got;
        if (wire_next(&r, &field, &got, NULL) != INLAY_OK) return false;
        if (!got) return true;
    }
}

static inlay_status print_unknown_fields(printer *p, wire_reader r, int depth, inlay_error *err);

static inlay_status print_unknown(printer *p, const wire_reader *r, const wire_field *field, int depth,
                                  inlay_error *err) {
    indent(p);
    buffer_format(p->out, "%" PRIu32, field->number);
    wire_reader inside = wire_enter(r, field);
    bool group = field->type == WIRE_GROUP;
    if (group || (field->type == WIRE_BYTES && depth < UNKNOWN_DEPTH && is_message(inside))) {
        buffer_append_text(p->out, " {\n");
        p->indent += 2;
        TRY(print_unknown_fields(p, inside, depth + 1, err));
        p->indent -= 2;
        indent(p);
        buffer_append_text(p->out, "}\n");
    } else if (field->type == WIRE_BYTES) {
        buffer_append_text(p->out, ": ");
        put_quoted(p->out, field->data, false);
        buffer_append_byte(p->out, '\n');
    } else {
        buffer_format(p->out, ": %" PRIu64 "\n", field->value);
    }
    return check_limit(p, err);
}

static inlay_status print_unknown_fields(printer *p, wire_reader r, int depth, inlay_error *err) {
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        TRY(print_unknown(p, &r, &field, depth, err));
    }
}

static inlay_status print_unknowns(printer *p, const view *v, inlay_error *err) {
    for (size_t i = 0; i < v->unknown_count && !p->hide_unknown; i++) {
        wire_reader r = v->reader;
        wire_field field;
        bool got;
        r.next = v->unknown[i].at;
        p->unknown++;
        TRY(wire_next(&r, &field, &got, err));
        TRY(print_unknown(p, &v->reader, &field, 0, err));
    }
    return INLAY_OK;
}

/* ---- messages */

static inlay_status print_braced(printer *p, wire_reader r, const message_type *type, inlay_error *err) {
    buffer_append_text(p->out, " {\n");
    p->indent += 2;
    TRY(print_message(p, r, type, err));
    p->indent -= 2;
    indent(p);
    buffer_append_text(p->out, "}\n");
    return check_limit(p, err);
}

/* An Any of a known type and sound content as "[url] { … }", when a parser would give the same bytes back. */
static inlay_status print_any(printer *p, const view *v, bool *done, inlay_error *err) {
    wire_field url = {0}, value = {0};
    const field_type *f;
    size_t at_url = view_find(v, 1), at_value = view_find(v, 2);
    *done = false;
    if (at_url == v->count) return INLAY_OK;
    TRY(view_field(v, at_url, &f, &url, err));
    if (at_value < v->count) TRY(view_field(v, at_value, &f, &value, err));
    const message_type *type = schema_of_url(url.data);
    if (!type || !scan_is_url(url.data) || message_check(view_enter(v, &value), type, NULL, NULL) != INLAY_OK)
        return INLAY_OK;
    size_t start = p->out->size, unknown = p->unknown;
    indent(p);
    buffer_append_byte(p->out, '[');
    buffer_append_bytes(p->out, url.data);
    buffer_append_byte(p->out, ']');
    TRY(print_braced(p, view_enter(v, &value), type, err));
    *done = p->unknown == unknown;
    if (*done) return INLAY_OK;
    p->out->size = start;
    p->unknown = unknown;
    return INLAY_OK;
}

static inlay_status print_field(printer *p, const view *v, const field_type *f, const wire_field *field,
                                inlay_error *err) {
    if (field_wire(f) != WIRE_BYTES) {
        printing_numbers n = {p, f};
        return view_numbers(v, f, field, print_number, &n, err);
    }
    indent(p);
    buffer_append_text(p->out, f->name);
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) return print_braced(p, view_enter(v, field), field_message(f), err);
    buffer_append_text(p->out, ": ");
    put_quoted(p->out, field->data, f->type == PROTOBUF_C_TYPE_STRING);
    buffer_append_byte(p->out, '\n');
    return check_limit(p, err);
}

/* What a map entry has although its bytes do not say so. */
static inlay_status print_missing(printer *p, const view *v, unsigned part, inlay_error *err) {
    const field_type *f = &v->type->fields[part];
    if (!message_is_entry(v->type) || !field_has_presence(f) || view_find(v, f->id) < v->count) return INLAY_OK;
    wire_field nothing = {.number = f->id, .type = field_wire(f), .data = bytes_make("", 0)};
    return print_field(p, v, f, &nothing, err);
}

static inlay_status print_view(printer *p, const view *v, inlay_error *err) {
    if (message_is_any(v->type)) {
        bool done;
        TRY(print_any(p, v, &done, err));
        if (done) return INLAY_OK;
    }
    if (v->type->n_fields == 2) TRY(print_missing(p, v, 0, err));
    for (size_t i = 0; i < v->count; i++) {
        const field_type *f;
        wire_field field;
        TRY(view_field(v, i, &f, &field, err));
        TRY(print_field(p, v, f, &field, err));
    }
    if (v->type->n_fields == 2) TRY(print_missing(p, v, 1, err));
    return print_unknowns(p, v, err);
}

static inlay_status print_message(printer *p, wire_reader r, const message_type *type, inlay_error *err) {
    view v;
    inlay_status status = view_open(r, type, &p->limits, &v, err);
    if (status == INLAY_OK) status = print_view(p, &v, err);
    view_close(&v);
    return status;
}

inlay_status text_print(wire_reader message, const message_type *type, const text_options *options, buffer *out,
                        inlay_error *err) {
    printer p = {.out = out, .hide_unknown = options && options->hide_unknown};
    p.end = (options && options->limit ? options->limit : 1ull << 31) + out->size;
    view_limits_init(&p.limits, (size_t)(message.end - message.next));
    TRY(print_message(&p, message, type, err));
    return buffer_check(out, err);
}

#include "base/decimal.h"
#include "proto/text.h"
#include "proto/text_scan.h"
#include "proto/view.h"

#include <math.h>

typedef struct parser {
    scanner s;
    buffer *out;
    int depth;
} parser;

/* A message under construction. */
typedef struct frame {
    const message_type *type;
    uint64_t seen;            /* single fields that are set, by index */
    const field_type *packed; /* a run of numbers that is open at `mark` */
    size_t mark;
} frame;

static inlay_status parse_fields(parser *p, const message_type *type, char end, inlay_error *err);

/* ---- numbers */

static bool is_text(const scanner *s, const char *text) {
    return bytes_is(s->token, text);
}

/* Decimal, 0x hexadecimal or 0 octal, with a sign; false when it is none of them or beyond 64 bits. */
static bool read_integer(bytes text, bool *negative, uint64_t *value) {
    size_t i = 0;
    unsigned base = 10;
    *negative = text.size && text.data[0] == '-';
    if (text.size && (text.data[0] == '-' || text.data[0] == '+')) i++;
    if (text.size - i > 2 && text.data[i] == '0' && (text.data[i + 1] | 0x20) == 'x') {
        base = 16;
        i += 2;
    } else if (text.size - i > 1 && text.data[i] == '0') {
        base = 8;
        i++;
    }
    if (i == text.size) return false;
    for (*value = 0; i < text.size; i++) {
        uint8_t c = text.data[i], letter = c | 0x20;
        unsigned digit = 99;
        if (c >= '0' && c <= '9') digit = c - (unsigned)'0';
        if (letter >= 'a' && letter <= 'f') digit = letter - (unsigned)'a' + 10;
        if (digit >= base || __builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return true;
}

static bool fits_signed(uint64_t magnitude, bool negative, int bits) {
    uint64_t limit = 1ull << (bits - 1);
    return negative ? magnitude <= limit : magnitude < limit;
}

static inlay_status parse_integer(parser *p, const field_type *f, uint64_t *out, inlay_error *err) {
    bool negative, good;
    uint64_t value;
    if (p->s.kind != TOKEN_NUMBER || !read_integer(p->s.token, &negative, &value))
        return scan_fail(&p->s, err, "expected an integer for field %s", f->name);
    switch (f->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: good = value <= UINT32_MAX && (!negative || value == 0); break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: good = !negative || value == 0; break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: good = fits_signed(value, negative, 64); break;
    default: good = fits_signed(value, negative, 32); break;
    }
    if (!good) return scan_fail(&p->s, err, "the value is out of the range of field %s", f->name);
    *out = negative ? 0 - value : value;
    return INLAY_OK;
}

static bool same_ignoring_case(bytes a, const char *lower) {
    size_t n = strlen(lower);
    if (a.size != n) return false;
    for (size_t i = 0; i < n; i++)
        if ((a.data[i] | 0x20) != (uint8_t)lower[i]) return false;
    return true;
}

/* "inf", "nanf", "-Infinity", "1", "1.5e3", "2.f" */
static bool read_float(bytes text, double *out) {
    bytes rest = text;
    bool negative = text.size && text.data[0] == '-';
    if (text.size && (text.data[0] == '-' || text.data[0] == '+')) rest.data++, rest.size--;
    if (rest.size > 1 && rest.data[0] == '0' && rest.data[1] >= '0' && rest.data[1] <= '9') return false;
    if (same_ignoring_case(rest, "inf") || same_ignoring_case(rest, "inff") || same_ignoring_case(rest, "infinity") ||
        same_ignoring_case(rest, "infinityf")) {
        *out = negative ? -INFINITY : INFINITY;
        return true;
    }
    if (same_ignoring_case(rest, "nan") || same_ignoring_case(rest, "nanf")) {
        *out = NAN;
        return true;
    }
    if (text.size && (text.data[text.size - 1] | 0x20) == 'f') text.size--;
    return decimal_to_double(text, out);
}

static inlay_status parse_float(parser *p, const field_type *f, uint64_t *out, inlay_error *err) {
    double value;
    if ((p->s.kind != TOKEN_NUMBER && p->s.kind != TOKEN_NAME) || !read_float(p->s.token, &value))
        return scan_fail(&p->s, err, "expected a number for field %s", f->name);
    if (f->type == PROTOBUF_C_TYPE_DOUBLE) {
        memcpy(out, &value, sizeof *out);
        return INLAY_OK;
    }
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    *out = bits;
    return INLAY_OK;
}

static inlay_status parse_bool(parser *p, uint64_t *out, inlay_error *err) {
    static const char *const words[] = {"false", "f", "0", "False", "true", "t", "1", "True"};
    for (uint64_t i = 0; i < 8; i++)
        if (is_text(&p->s, words[i])) {
            *out = i >= 4;
            return INLAY_OK;
        }
    return scan_fail(&p->s, err, "expected \"true\" or \"false\"");
}

static inlay_status parse_enum(parser *p, const field_type *f, uint64_t *out, inlay_error *err) {
    if (p->s.kind == TOKEN_NUMBER) return parse_integer(p, f, out, err);
    const ProtobufCEnumDescriptor *e = field_enum(f);
    for (unsigned i = 0; i < e->n_values && p->s.kind == TOKEN_NAME; i++)
        if (is_text(&p->s, e->values[i].name)) {
            *out = (uint64_t)(int64_t)e->values[i].value;
            return INLAY_OK;
        }
    return scan_fail(&p->s, err, "%s has no value %.*s", e->name, (int)(p->s.token.size < 80 ? p->s.token.size : 80),
                     (const char *)p->s.token.data);
}

/* ---- values */

static void close_run(parser *p, frame *f) {
    if (f->packed) wire_end(p->out, f->mark);
    f->packed = NULL;
}

static inlay_status parse_number(parser *p, frame *fr, const field_type *f, bool *zero, inlay_error *err) {
    uint64_t value = 0;
    switch (f->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE: TRY(parse_float(p, f, &value, err)); break;
    case PROTOBUF_C_TYPE_BOOL: TRY(parse_bool(p, &value, err)); break;
    case PROTOBUF_C_TYPE_ENUM: TRY(parse_enum(p, f, &value, err)); break;
    default: TRY(parse_integer(p, f, &value, err)); break;
    }
    *zero = value == 0;
    bool run = f->flags & PROTOBUF_C_FIELD_FLAG_PACKED;
    if (*zero && !field_has_presence(f) && !field_repeats(f)) return scan_next(&p->s, err);
    if (run && fr->packed != f) {
        close_run(p, fr);
        fr->packed = f;
        fr->mark = wire_begin(p->out, f->id);
    }
    if (f->type == PROTOBUF_C_TYPE_SINT32 || f->type == PROTOBUF_C_TYPE_SINT64)
        value = value << 1 ^ (value >> 63 ? UINT64_MAX : 0);
    int wire = field_wire(f);
    if (!run) wire_put_varint(p->out, (uint64_t)f->id << 3 | (unsigned)wire);
    if (wire == WIRE_VARINT)
        wire_put_varint(p->out, f->type == PROTOBUF_C_TYPE_SINT32 ? (uint32_t)value : value);
    else
        buffer_append(p->out, &value, wire == WIRE_FIXED32 ? 4 : 8);
    return scan_next(&p->s, err);
}

/* One or more strings, put together. */
static inlay_status parse_text(parser *p, const field_type *f, bool *zero, inlay_error *err) {
    if (p->s.kind != TOKEN_STRING) return scan_fail(&p->s, err, "expected a string for field %s", f->name);
    scanner start = p->s;
    size_t before = p->out->size, mark = wire_begin(p->out, f->id);
    while (p->s.kind == TOKEN_STRING) {
        TRY(scan_unescape(&p->s, p->out, err));
        TRY(scan_next(&p->s, err));
    }
    TRY(buffer_check(p->out, err));
    bytes text = bytes_make(p->out->data + mark, p->out->size - mark);
    *zero = text.size == 0;
    if (f->type == PROTOBUF_C_TYPE_STRING && !bytes_valid_utf8(text, NULL))
        return scan_fail(&start, err, "the text for field %s is no UTF-8", f->name);
    if (*zero && !field_has_presence(f) && !field_repeats(f))
        p->out->size = before;
    else
        wire_end(p->out, mark);
    return INLAY_OK;
}

static inlay_status parse_braced(parser *p, const message_type *type, inlay_error *err) {
    bool pointy;
    TRY(scan_try(&p->s, '<', &pointy, err));
    if (!pointy) TRY(scan_expect(&p->s, '{', err));
    if (++p->depth >= MESSAGE_DEPTH)
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "%s: messages are nested deeper than %d",
                    p->s.file ? p->s.file : "text", MESSAGE_DEPTH);
    TRY(parse_fields(p, type, pointy ? '>' : '}', err));
    p->depth--;
    return scan_next(&p->s, err);
}

static inlay_status parse_value(parser *p, frame *fr, const field_type *f, bool *zero, inlay_error *err) {
    if (fr->packed != f) close_run(p, fr);
    *zero = false;
    if (field_wire(f) != WIRE_BYTES) return parse_number(p, fr, f, zero, err);
    if (f->type != PROTOBUF_C_TYPE_MESSAGE) return parse_text(p, f, zero, err);
    size_t mark = wire_begin(p->out, f->id);
    TRY(parse_braced(p, field_message(f), err));
    wire_end(p->out, mark);
    return INLAY_OK;
}

/* ---- fields */

/* "[url] { … }": an Any's type and content. The bracket is taken. */
static inlay_status parse_any(parser *p, inlay_error *err) {
    buffer url = {0};
    bool took;
    scanner start = p->s;
    inlay_status status = scan_url(&p->s, &url, err);
    const message_type *type = status == INLAY_OK ? schema_of_url(buffer_bytes(&url)) : NULL;
    if (status == INLAY_OK && !type) status = scan_fail(&start, err, "no message is known by this URL");
    if (status == INLAY_OK) wire_put_bytes(p->out, 1, buffer_bytes(&url));
    buffer_free(&url);
    TRY(status);
    TRY(scan_try(&p->s, ':', &took, err));
    size_t mark = wire_begin(p->out, 2);
    TRY(parse_braced(p, type, err));
    wire_end(p->out, mark);
    return INLAY_OK;
}

/* A single field may be set once, and one member of a oneof. */
static inlay_status check_single(const frame *fr, const field_type *f, const scanner *at, inlay_error *err) {
    if (field_repeats(f)) return INLAY_OK;
    for (unsigned i = 0; i < fr->type->n_fields && i < 64; i++) {
        const field_type *other = &fr->type->fields[i];
        if (!(fr->seen >> i & 1)) continue;
        if (other == f) return scan_fail(at, err, "%s may have one field %s only", fr->type->name, f->name);
        if (field_oneof(f) && field_oneof(f) == field_oneof(other))
            return scan_fail(at, err, "field %s excludes field %s, which is set", f->name, other->name);
    }
    return INLAY_OK;
}

static inlay_status parse_list(parser *p, frame *fr, const field_type *f, inlay_error *err) {
    bool took, zero;
    TRY(scan_try(&p->s, ']', &took, err));
    while (!took) {
        TRY(parse_value(p, fr, f, &zero, err));
        TRY(scan_try(&p->s, ']', &took, err));
        if (!took) TRY(scan_expect(&p->s, ',', err));
    }
    return INLAY_OK;
}

static inlay_status parse_field(parser *p, frame *fr, inlay_error *err) {
    scanner at = p->s;
    bool took, zero = false;
    if (p->s.kind != TOKEN_NAME) return scan_fail(&at, err, "expected the name of a field");
    const field_type *f = message_field(fr->type, p->s.token);
    if (!f)
        return scan_fail(&at, err, "%s has no field %.*s", fr->type->name,
                         (int)(at.token.size < 80 ? at.token.size : 80), (const char *)at.token.data);
    TRY(check_single(fr, f, &at, err));
    TRY(scan_next(&p->s, err));
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        TRY(scan_try(&p->s, ':', &took, err));
    else
        TRY(scan_expect(&p->s, ':', err));
    took = false;
    if (field_repeats(f)) TRY(scan_try(&p->s, '[', &took, err));
    if (took) return parse_list(p, fr, f, err);
    TRY(parse_value(p, fr, f, &zero, err));
    unsigned index = (unsigned)(f - fr->type->fields);
    if (!field_repeats(f) && index < 64 && (!zero || field_has_presence(f))) fr->seen |= 1ull << index;
    return INLAY_OK;
}

/* Up to END, which stays at hand; 0 is the end of the text. */
static inlay_status parse_fields(parser *p, const message_type *type, char end, inlay_error *err) {
    frame fr = {.type = type};
    while (end ? !scan_sees(&p->s, end) : p->s.kind != TOKEN_END) {
        if (p->s.kind == TOKEN_END) return scan_fail(&p->s, err, "expected \"%c\"", end);
        bool took = false;
        if (message_is_any(type)) TRY(scan_try(&p->s, '[', &took, err));
        if (took)
            TRY(parse_any(p, err));
        else
            TRY(parse_field(p, &fr, err));
        TRY(scan_try(&p->s, ',', &took, err));
        if (!took) TRY(scan_try(&p->s, ';', &took, err));
    }
    close_run(p, &fr);
    return buffer_check(p->out, err);
}

inlay_status text_parse(bytes text, const char *file, const message_type *type, buffer *out, inlay_error *err) {
    parser p = {.out = out};
    TRY(scan_open(&p.s, text, file, err));
    return parse_fields(&p, type, 0, err);
}

bytes text_first_name(bytes text) {
    scanner s;
    bool named = scan_open(&s, text, NULL, NULL) == INLAY_OK && s.kind == TOKEN_NAME;
    return named ? s.token : bytes_make(s.start, 0);
}

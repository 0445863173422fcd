#include "base/decimal.h"
#include "base/map.h"
#include "base/num.h"
#include "proto/json.h"
#include "proto/json_scan.h"
#include "proto/view.h"

#include <math.h>

typedef struct parser {
    json_scanner s;
    buffer *out;
    buffer scratch; /* the string at hand */
    int depth;
} parser;

static inlay_status parse_message(parser *p, const message_type *type, inlay_error *err);

/* ---- numbers */

static inlay_status out_of_range(parser *p, const uint8_t *at, const field_type *f, inlay_error *err) {
    return json_fail(&p->s, at, err, "the value does not fit field %s", f->name);
}

/* A whole number, also written as 1e3 or 5.0; exact where it is written in digits alone. */
static bool read_whole(bytes text, bool *negative, uint64_t *value) {
    size_t i = text.size && text.data[0] == '-';
    *negative = i;
    bool digits = i < text.size;
    for (*value = 0; i < text.size && digits; i++) {
        unsigned digit = text.data[i] - (unsigned)'0';
        digits = digit <= 9;
        if (digits && (!mul_u64(*value, 10, value) || !add_u64(*value, digit, value))) return false;
    }
    if (digits) return true;
    double number;
    if (!decimal_to_double(text, &number) || floor(number) != number || !(fabs(number) < 18446744073709551616.0))
        return false;
    *value = (uint64_t)fabs(number);
    return true;
}

static bool fits_type(const field_type *f, bool negative, uint64_t value) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: return value <= UINT32_MAX && (!negative || value == 0);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: return !negative || value == 0;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: return value <= (uint64_t)INT64_MAX + negative;
    default: return value <= (uint64_t)INT32_MAX + negative;
    }
}

static inlay_status integer_from(parser *p, const field_type *f, bytes text, const uint8_t *at, uint64_t *out,
                                 inlay_error *err) {
    bool negative;
    uint64_t value;
    if (!read_whole(text, &negative, &value) || !fits_type(f, negative, value)) return out_of_range(p, at, f, err);
    *out = negative ? 0 - value : value;
    return INLAY_OK;
}

static inlay_status float_from(parser *p, const field_type *f, bytes text, bool quoted, const uint8_t *at,
                               uint64_t *out, inlay_error *err) {
    double value;
    if (quoted && bytes_is(text, "NaN")) {
        value = NAN;
    } else if (quoted && bytes_is(text, "Infinity")) {
        value = INFINITY;
    } else if (quoted && bytes_is(text, "-Infinity")) {
        value = -INFINITY;
    } else {
        if (!decimal_to_double(text, &value) || !isfinite(value)) return out_of_range(p, at, f, err);
        if (f->type == PROTOBUF_C_TYPE_FLOAT && !isfinite((float)value)) return out_of_range(p, at, f, err);
    }
    float narrow = (float)value;
    uint32_t bits;
    memcpy(out, &value, sizeof *out);
    memcpy(&bits, &narrow, sizeof bits);
    if (f->type == PROTOBUF_C_TYPE_FLOAT) *out = bits;
    return INLAY_OK;
}

static inlay_status enum_from(parser *p, const field_type *f, bytes text, bool quoted, const uint8_t *at, uint64_t *out,
                              inlay_error *err) {
    const ProtobufCEnumDescriptor *e = field_enum(f);
    for (unsigned i = 0; quoted && i < e->n_values; i++)
        if (bytes_is(text, e->values[i].name)) {
            *out = (uint64_t)(int64_t)e->values[i].value;
            return INLAY_OK;
        }
    if (integer_from(p, f, text, at, out, NULL) == INLAY_OK) return INLAY_OK;
    return json_fail(&p->s, at, err, "%s has no value %.*s", e->name, (int)min_size(text.size, 80),
                     (const char *)text.data);
}

/* The number that TEXT (of a string when QUOTED) means for field F. */
static inlay_status number_from(parser *p, const field_type *f, bytes text, bool quoted, const uint8_t *at,
                                uint64_t *out, inlay_error *err) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE: return float_from(p, f, text, quoted, at, out, err);
    case PROTOBUF_C_TYPE_ENUM: return enum_from(p, f, text, quoted, at, out, err);
    case PROTOBUF_C_TYPE_BOOL: /* only as the key of a map */
        *out = bytes_is(text, "true");
        return *out || bytes_is(text, "false") ? INLAY_OK : out_of_range(p, at, f, err);
    default: return integer_from(p, f, text, at, out, err);
    }
}

static void put_number(parser *p, const field_type *f, uint64_t value, bool tagged) {
    int wire = field_wire(f);
    if (tagged) wire_put_varint(p->out, (uint64_t)f->id << 3 | (unsigned)wire);
    if (f->type == PROTOBUF_C_TYPE_SINT32 || f->type == PROTOBUF_C_TYPE_SINT64)
        value = value << 1 ^ (value >> 63 ? UINT64_MAX : 0);
    if (f->type == PROTOBUF_C_TYPE_SINT32) value = (uint32_t)value;
    if (wire == WIRE_VARINT)
        wire_put_varint(p->out, value);
    else
        buffer_append(p->out, &value, wire == WIRE_FIXED32 ? 4 : 8);
}

/* ---- values */

static int base64_digit(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* Either alphabet, padded or not. */
static inlay_status put_base64(parser *p, bytes text, const uint8_t *at, inlay_error *err) {
    while (text.size && text.data[text.size - 1] == '=') text.size--;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0) return json_fail(&p->s, at, err, "this is no base64");
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        buffer_append_byte(p->out, (uint8_t)(bits >> have));
    }
    return text.size % 4 == 1 ? json_fail(&p->s, at, err, "this is no base64") : buffer_check(p->out, err);
}

/* Puts the string in `scratch` as field F; nothing for an empty one that F does not keep, unless ALWAYS. */
static inlay_status put_text(parser *p, const field_type *f, const uint8_t *at, bool always, inlay_error *err) {
    bytes text = buffer_bytes(&p->scratch);
    if (text.size == 0 && !always) return INLAY_OK;
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        if (!bytes_valid_utf8(text, NULL)) return json_fail(&p->s, at, err, "the text of %s is no UTF-8", f->name);
        wire_put_bytes(p->out, f->id, text);
        return INLAY_OK;
    }
    size_t mark = wire_begin(p->out, f->id);
    TRY(put_base64(p, text, at, err));
    wire_end(p->out, mark);
    return INLAY_OK;
}

static inlay_status take_scratch(parser *p, inlay_error *err) {
    buffer_clear(&p->scratch);
    return json_take_string(&p->s, &p->scratch, err);
}

/* The number ahead, as itself, as a string, or as true and false. */
static inlay_status take_number(parser *p, const field_type *f, uint64_t *out, inlay_error *err) {
    json_kind kind = json_peek(&p->s);
    const uint8_t *at = p->s.next;
    bytes text;
    if (f->type == PROTOBUF_C_TYPE_BOOL) {
        *out = kind == JSON_TRUE;
        if (kind != JSON_TRUE && kind != JSON_FALSE) return out_of_range(p, at, f, err);
        return json_take_word(&p->s, err);
    }
    if (kind == JSON_NUMBER) {
        TRY(json_take_number(&p->s, &text, err));
        return number_from(p, f, text, false, at, out, err);
    }
    if (kind != JSON_STRING) return out_of_range(p, at, f, err);
    TRY(take_scratch(p, err));
    return number_from(p, f, buffer_bytes(&p->scratch), true, at, out, err);
}

/* One value of field F. ALWAYS: in a list, or where presence counts, zeros are written too. */
static inlay_status parse_value(parser *p, const field_type *f, bool always, inlay_error *err) {
    json_kind kind = json_peek(&p->s);
    const uint8_t *at = p->s.next;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        size_t mark = wire_begin(p->out, f->id);
        TRY(parse_message(p, field_message(f), err));
        wire_end(p->out, mark);
        return INLAY_OK;
    }
    if (field_wire(f) == WIRE_BYTES) {
        if (kind != JSON_STRING) return json_fail(&p->s, at, err, "expected a string for field %s", f->name);
        TRY(take_scratch(p, err));
        return put_text(p, f, at, always, err);
    }
    uint64_t value;
    TRY(take_number(p, f, &value, err));
    if (value != 0 || always) put_number(p, f, value, true);
    return INLAY_OK;
}

/* ---- lists and maps */

static inlay_status parse_list(parser *p, const field_type *f, inlay_error *err) {
    bool packed = f->flags & PROTOBUF_C_FIELD_FLAG_PACKED;
    if (json_peek(&p->s) != JSON_LIST) return json_fail(&p->s, p->s.next, err, "expected a list for field %s", f->name);
    p->s.next++;
    if (json_try(&p->s, ']')) return INLAY_OK;
    size_t mark = packed ? wire_begin(p->out, f->id) : 0;
    for (bool more = true; more;) {
        if (packed) {
            uint64_t value;
            TRY(take_number(p, f, &value, err));
            put_number(p, f, value, false);
        } else {
            TRY(parse_value(p, f, true, err));
        }
        more = !json_try(&p->s, ']');
        if (more) TRY(json_expect(&p->s, ',', err));
    }
    if (packed) wire_end(p->out, mark);
    return INLAY_OK;
}

static inlay_status parse_map(parser *p, const field_type *f, inlay_error *err) {
    const field_type *key = &field_message(f)->fields[0], *value = &field_message(f)->fields[1];
    if (json_peek(&p->s) != JSON_OBJECT)
        return json_fail(&p->s, p->s.next, err, "expected an object for field %s", f->name);
    p->s.next++;
    if (json_try(&p->s, '}')) return INLAY_OK;
    for (bool more = true; more;) {
        size_t mark = wire_begin(p->out, f->id);
        json_peek(&p->s);
        const uint8_t *at = p->s.next;
        TRY(take_scratch(p, err));
        if (field_wire(key) == WIRE_BYTES) {
            TRY(put_text(p, key, at, true, err));
        } else {
            uint64_t number;
            TRY(number_from(p, key, buffer_bytes(&p->scratch), true, at, &number, err));
            put_number(p, key, number, true);
        }
        TRY(json_expect(&p->s, ':', err));
        TRY(parse_value(p, value, true, err));
        wire_end(p->out, mark);
        more = !json_try(&p->s, '}');
        if (more) TRY(json_expect(&p->s, ',', err));
    }
    return INLAY_OK;
}

/* ---- messages */

/* Which fields are set, by index: each may come once, and one of a oneof. */
typedef struct seen {
    uint64_t fields;
} seen;

static inlay_status note(parser *p, const message_type *type, const field_type *f, bool null, const uint8_t *at,
                         seen *s, inlay_error *err) {
    for (unsigned i = 0; i < type->n_fields && i < 64; i++) {
        const field_type *other = &type->fields[i];
        if (!(s->fields >> i & 1)) continue;
        if (other == f) return json_fail(&p->s, at, err, "field %s stands twice", f->name);
        if (field_oneof(f) && field_oneof(f) == field_oneof(other) && !null)
            return json_fail(&p->s, at, err, "field %s excludes field %s, which is set", f->name, other->name);
    }
    unsigned index = (unsigned)(f - type->fields);
    if (index < 64 && !(null && field_oneof(f))) s->fields |= 1ull << index;
    return INLAY_OK;
}

static inlay_status parse_member(parser *p, const message_type *type, seen *s, bool in_any, inlay_error *err) {
    json_peek(&p->s);
    const uint8_t *at = p->s.next;
    TRY(take_scratch(p, err));
    bytes name = buffer_bytes(&p->scratch);
    if (in_any && bytes_is(name, "@type")) {
        TRY(json_expect(&p->s, ':', err));
        return json_skip(&p->s, err);
    }
    const field_type *f = message_json_field(type, name);
    if (!f)
        return json_fail(&p->s, at, err, "%s has no field %.*s", type->name, (int)min_size(name.size, 80),
                         (const char *)name.data);
    TRY(json_expect(&p->s, ':', err));
    bool null = json_peek(&p->s) == JSON_NULL;
    TRY(note(p, type, f, null, at, s, err));
    if (null) return json_take_word(&p->s, err);
    if (field_is_map(f)) return parse_map(p, f, err);
    if (field_repeats(f)) return parse_list(p, f, err);
    return parse_value(p, f, field_has_presence(f), err);
}

/* The members of the object ahead as fields of TYPE. IN_ANY: "@type" among them is not one. */
static inlay_status parse_members(parser *p, const message_type *type, bool in_any, inlay_error *err) {
    seen s = {0};
    if (json_peek(&p->s) != JSON_OBJECT)
        return json_fail(&p->s, p->s.next, err, "expected an object for a %s", type->short_name);
    p->s.next++;
    if (json_try(&p->s, '}')) return INLAY_OK;
    for (bool more = true; more;) {
        TRY(parse_member(p, type, &s, in_any, err));
        more = !json_try(&p->s, '}');
        if (more) TRY(json_expect(&p->s, ',', err));
    }
    return buffer_check(p->out, err);
}

/* Looks for member NAME in the object ahead, which stays ahead; *AT is where its value begins, NULL when it has none.
 */
static inlay_status find_member(parser *p, const char *name, const uint8_t **at, inlay_error *err) {
    json_scanner s = p->s;
    *at = NULL;
    s.next++;
    if (json_try(&s, '}')) return INLAY_OK;
    for (bool more = true; more;) {
        buffer_clear(&p->scratch);
        TRY(json_take_string(&s, &p->scratch, err));
        TRY(json_expect(&s, ':', err));
        json_peek(&s);
        if (bytes_is(buffer_bytes(&p->scratch), name)) *at = s.next;
        TRY(json_skip(&s, err));
        more = !json_try(&s, '}');
        if (more) TRY(json_expect(&s, ',', err));
    }
    return INLAY_OK;
}

/* {"@type": URL, …}: the message's own members beside it, or "value" for what has a form of its own. */
static inlay_status parse_any(parser *p, inlay_error *err) {
    if (json_peek(&p->s) != JSON_OBJECT) return json_fail(&p->s, p->s.next, err, "expected an object for an Any");
    json_scanner object = p->s;
    const uint8_t *at, *value;
    TRY(find_member(p, "@type", &at, err));
    if (!at) {
        p->s.next++;
        if (json_try(&p->s, '}')) return INLAY_OK;
        return json_fail(&p->s, object.next, err, "an Any needs \"@type\"");
    }
    p->s.next = at;
    TRY(take_scratch(p, err));
    const message_type *type = schema_of_url(buffer_bytes(&p->scratch));
    if (!type || !bytes_valid_utf8(buffer_bytes(&p->scratch), NULL))
        return json_fail(&p->s, at, err, "no message is known by this type");
    wire_put_bytes(p->out, 1, buffer_bytes(&p->scratch));
    size_t mark = wire_begin(p->out, 2);
    p->s = object;
    if (message_is_any(type) || message_is_wrapper(type)) {
        TRY(find_member(p, "value", &value, err));
        if (!value) return json_fail(&p->s, object.next, err, "an Any of this type needs \"value\"");
        p->s.next = value;
        TRY(parse_message(p, type, err));
        p->s = object;
        TRY(json_skip(&p->s, err));
    } else {
        TRY(parse_members(p, type, true, err));
    }
    wire_end(p->out, mark);
    return INLAY_OK;
}

static inlay_status parse_message(parser *p, const message_type *type, inlay_error *err) {
    if (p->depth >= MESSAGE_DEPTH)
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "%s: messages are nested deeper than %d",
                    p->s.file ? p->s.file : "JSON", MESSAGE_DEPTH);
    p->depth++;
    if (message_is_any(type))
        TRY(parse_any(p, err));
    else if (message_is_wrapper(type))
        TRY(parse_value(p, &type->fields[0], false, err));
    else
        TRY(parse_members(p, type, false, err));
    p->depth--;
    return INLAY_OK;
}

inlay_status json_parse(bytes text, const char *file, const message_type *type, buffer *out, inlay_error *err) {
    parser p = {.out = out};
    json_open(&p.s, text, file);
    inlay_status status = parse_message(&p, type, err);
    if (status == INLAY_OK && (json_peek(&p.s), p.s.next != p.s.end))
        status = json_fail(&p.s, p.s.next, err, "something follows the message");
    if (status == INLAY_OK) status = buffer_check(out, err);
    buffer_free(&p.scratch);
    return status;
}

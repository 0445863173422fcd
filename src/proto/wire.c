#include "proto/wire.h"

#include "base/num.h"

enum { GROUP_DEPTH = 100 };

wire_reader wire_open(bytes message, const char *file, const uint8_t *origin) {
    static const uint8_t nothing[1];
    const uint8_t *start = message.data ? message.data : nothing;
    return (wire_reader){start, start + message.size, origin ? origin : start, file};
}

wire_reader wire_enter(const wire_reader *outer, const wire_field *field) {
    return wire_open(field->data, outer->file, outer->origin);
}

size_t wire_get_varint(const uint8_t *p, const uint8_t *end, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < 10 && p + i < end; i++) {
        value |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] < 0x80) {
            *out = value;
            return i + 1;
        }
    }
    return 0;
}

static inlay_status malformed(const wire_reader *r, const uint8_t *at, const char *what, inlay_error *err) {
    return fail_at(err, INLAY_DATA_LOSS, r->file, at - r->origin, "malformed protobuf: %s", what);
}

static inlay_status read_varint(wire_reader *r, uint64_t *out, inlay_error *err) {
    size_t used = wire_get_varint(r->next, r->end, out);
    if (used == 0) return malformed(r, r->next, "a number is cut or too long", err);
    r->next += used;
    return INLAY_OK;
}

static inlay_status read_field(wire_reader *r, wire_field *field, int depth, inlay_error *err);

/* The inside of a group, up to its end tag. */
static inlay_status read_group(wire_reader *r, wire_field *field, int depth, inlay_error *err) {
    const uint8_t *start = r->next;
    if (depth >= GROUP_DEPTH) return malformed(r, start, "groups are nested too deep", err);
    for (;;) {
        const uint8_t *before = r->next;
        wire_field inner;
        if (r->next >= r->end) return malformed(r, start, "a group has no end", err);
        TRY(read_field(r, &inner, depth + 1, err));
        if (inner.type != WIRE_GROUP_END) continue;
        if (inner.number != field->number) return malformed(r, before, "a group ends as another", err);
        field->data = bytes_make(start, (size_t)(before - start));
        return INLAY_OK;
    }
}

static inlay_status read_field(wire_reader *r, wire_field *field, int depth, inlay_error *err) {
    const uint8_t *start = r->next;
    uint64_t tag;
    TRY(read_varint(r, &tag, err));
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return malformed(r, start, "no such field number", err);
    *field = (wire_field){.number = (uint32_t)(tag >> 3), .type = (int)(tag & 7)};
    size_t left = (size_t)(r->end - r->next);
    switch (field->type) {
    case WIRE_VARINT: TRY(read_varint(r, &field->value, err)); break;
    case WIRE_FIXED64:
        if (left < 8) return malformed(r, start, "a field is cut", err);
        field->value = load_u64(r->next);
        r->next += 8;
        break;
    case WIRE_FIXED32:
        if (left < 4) return malformed(r, start, "a field is cut", err);
        field->value = load_u32(r->next);
        r->next += 4;
        break;
    case WIRE_BYTES: {
        uint64_t size;
        TRY(read_varint(r, &size, err));
        if (size > (uint64_t)(r->end - r->next)) return malformed(r, start, "a length goes beyond the end", err);
        field->data = bytes_make(r->next, (size_t)size);
        r->next += size;
        break;
    }
    case WIRE_GROUP: TRY(read_group(r, field, depth, err)); break;
    case WIRE_GROUP_END:
        if (depth == 0) return malformed(r, start, "the end of no group", err);
        break;
    default: return malformed(r, start, "no such wire type", err);
    }
    field->whole = bytes_make(start, (size_t)(r->next - start));
    return INLAY_OK;
}

inlay_status wire_next(wire_reader *r, wire_field *field, bool *got, inlay_error *err) {
    *got = r->next < r->end;
    return *got ? read_field(r, field, 0, err) : INLAY_OK;
}

inlay_status wire_expect(const wire_reader *r, const wire_field *field, int type, inlay_error *err) {
    if (field->type == type) return INLAY_OK;
    return fail_at(err, INLAY_DATA_LOSS, r->file, field->whole.data - r->origin,
                   "malformed protobuf: field %u has wire type %d, not %d", field->number, field->type, type);
}

inlay_status wire_numbers(const wire_reader *r, const wire_field *field, int element,
                          inlay_status (*fn)(void *ctx, uint64_t value, inlay_error *err), void *ctx,
                          inlay_error *err) {
    if (field->type != WIRE_BYTES) {
        TRY(wire_expect(r, field, element, err));
        return fn(ctx, field->value, err);
    }
    wire_reader packed = wire_enter(r, field);
    size_t width = element == WIRE_FIXED32 ? 4 : element == WIRE_FIXED64 ? 8 : 0;
    if (width && field->data.size % width) return malformed(r, field->whole.data, "packed numbers are cut", err);
    while (packed.next < packed.end) {
        uint64_t value = 0;
        if (width) {
            value = width == 4 ? load_u32(packed.next) : load_u64(packed.next);
            packed.next += width;
        } else {
            TRY(read_varint(&packed, &value, err));
        }
        TRY(fn(ctx, value, err));
    }
    return INLAY_OK;
}

inlay_status wire_find(bytes message, uint32_t number, const char *file, wire_field *field, bool *found,
                       inlay_error *err) {
    wire_reader r = wire_open(message, file, NULL);
    *found = false;
    for (;;) {
        wire_field next;
        bool got;
        TRY(wire_next(&r, &next, &got, err));
        if (!got) return INLAY_OK;
        if (next.number != number) continue;
        *field = next;
        *found = true;
    }
}

inlay_status wire_map_entry(const wire_reader *r, const wire_field *field, bytes *key, bytes *value, inlay_error *err) {
    *key = *value = bytes_make("", 0);
    TRY(wire_expect(r, field, WIRE_BYTES, err));
    wire_reader entry = wire_enter(r, field);
    for (;;) {
        wire_field part;
        bool got;
        TRY(wire_next(&entry, &part, &got, err));
        if (!got) return INLAY_OK;
        if (part.number == 1 && part.type == WIRE_BYTES) *key = part.data;
        if (part.number == 2 && part.type == WIRE_BYTES) *value = part.data;
    }
}

size_t wire_varint_size(uint64_t value) {
    size_t size = 1;
    while (value >= 0x80) value >>= 7, size++;
    return size;
}

void wire_put_varint(buffer *b, uint64_t value) {
    uint8_t out[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) out[size++] = (uint8_t)(value | 0x80);
    out[size++] = (uint8_t)value;
    buffer_append(b, out, size);
}

static void put_tag(buffer *b, uint32_t number, int type) {
    wire_put_varint(b, (uint64_t)number << 3 | (unsigned)type);
}

void wire_put_uint(buffer *b, uint32_t number, uint64_t value) {
    put_tag(b, number, WIRE_VARINT);
    wire_put_varint(b, value);
}

void wire_put_bytes(buffer *b, uint32_t number, bytes data) {
    put_tag(b, number, WIRE_BYTES);
    wire_put_varint(b, data.size);
    buffer_append_bytes(b, data);
}

void wire_put_text(buffer *b, uint32_t number, const char *text) {
    wire_put_bytes(b, number, bytes_of(text));
}

void wire_put_fixed32(buffer *b, uint32_t number, uint32_t value) {
    put_tag(b, number, WIRE_FIXED32);
    buffer_append(b, &value, sizeof value);
}

void wire_put_fixed64(buffer *b, uint32_t number, uint64_t value) {
    put_tag(b, number, WIRE_FIXED64);
    buffer_append(b, &value, sizeof value);
}

void wire_put_float(buffer *b, uint32_t number, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_put_fixed32(b, number, bits);
}

void wire_put_message(buffer *b, uint32_t number, const buffer *message) {
    if (message->failed) b->failed = true;
    wire_put_bytes(b, number, buffer_bytes(message));
}

void wire_put_map(buffer *b, uint32_t number, bytes key, const buffer *value) {
    size_t mark = wire_begin(b, number);
    wire_put_bytes(b, 1, key);
    wire_put_message(b, 2, value);
    wire_end(b, mark);
}

size_t wire_begin(buffer *b, uint32_t number) {
    put_tag(b, number, WIRE_BYTES);
    return b->size;
}

void wire_end(buffer *b, size_t mark) {
    if (b->failed) return;
    size_t size = b->size - mark, width = wire_varint_size(size);
    buffer_append_zeros(b, width);
    if (b->failed) return;
    memmove(b->data + mark + width, b->data + mark, size);
    for (size_t i = 0; i < width; i++, size >>= 7)
        b->data[mark + i] = (uint8_t)((size & 0x7f) | (i + 1 < width ? 0x80 : 0));
}

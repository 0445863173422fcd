#include "format/bundle_entry.h"

#include "base/crc32c.h"
#include "base/num.h"
#include "format/tensor_proto.h"

#include <inttypes.h>
#include <stdio.h>

enum { BUNDLE_VERSION = 1 };

const char *key_text(bytes key, char text[KEY_TEXT]) {
    bool plain = bytes_valid_utf8(key, NULL);
    size_t used = 0;
    for (size_t i = 0; i < key.size && used + 8 < KEY_TEXT; i++) {
        uint8_t c = key.data[i];
        bool escape = c < 0x20 || c == 0x7f || (c >= 0x80 && !plain);
        used += (size_t)snprintf(text + used, KEY_TEXT - used, escape ? "\\x%02x" : "%c", c);
    }
    text[used] = 0;
    return text;
}

static int64_t place_offset(const message_place *place, const uint8_t *at) {
    return at - place->origin;
}

static inlay_status bad_entry(const message_place *place, bytes value, inlay_status code, const char *what,
                              inlay_error *err) {
    char text[KEY_TEXT];
    return fail_at(err, code, place->file, place_offset(place, value.data), "entry %s: %s", key_text(place->key, text),
                   what);
}

static inlay_status parse_version(const wire_reader *outer, const wire_field *field, bundle_header *out, bool *refused,
                                  inlay_error *err) {
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    wire_reader r = wire_enter(outer, field);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == 1 && f.type == WIRE_VARINT) out->producer = (int32_t)f.value;
        if (f.number == 2 && f.type == WIRE_VARINT) out->min_consumer = (int32_t)f.value;
        if (f.number == 3 && f.type == WIRE_VARINT && f.value == BUNDLE_VERSION) *refused = true;
        if (f.number == 3 && f.type == WIRE_BYTES) {
            wire_reader list = wire_enter(&r, &f);
            uint64_t version;
            size_t used;
            for (; (used = wire_get_varint(list.next, list.end, &version)) > 0; list.next += used)
                if (version == BUNDLE_VERSION) *refused = true;
        }
    }
}

inlay_status bundle_header_parse(bytes value, const message_place *place, bundle_header *out, inlay_error *err) {
    *out = (bundle_header){0};
    uint64_t endianness = 0;
    bool refused = false;
    wire_reader r = wire_open(value, place->file, place->origin);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number <= 2) TRY(wire_expect(&r, &f, WIRE_VARINT, err));
        if (f.number == 1) out->shards = (int32_t)f.value;
        if (f.number == 2) endianness = f.value;
        if (f.number == 3) TRY(parse_version(&r, &f, out, &refused, err));
    }
    int64_t at = place_offset(place, value.data);
    if (out->shards < 0)
        return fail_at(err, INLAY_DATA_LOSS, place->file, at, "header: %" PRId32 " shards", out->shards);
    if (endianness > 1)
        return fail_at(err, INLAY_DATA_LOSS, place->file, at, "header: no such byte order: %" PRIu64, endianness);
    if (refused || out->min_consumer > BUNDLE_VERSION)
        return fail_at(err, INLAY_UNIMPLEMENTED, place->file, at,
                       "the bundle needs a reader of version %" PRId32 "; this one is version %d", out->min_consumer,
                       BUNDLE_VERSION);
    out->big_endian = endianness == 1;
    return INLAY_OK;
}

void bundle_header_put(buffer *out, int32_t shards, bool big_endian, int32_t producer, int32_t min_consumer) {
    if (shards) wire_put_uint(out, 1, (uint64_t)(int64_t)shards);
    if (big_endian) wire_put_uint(out, 2, 1);
    size_t version = wire_begin(out, 3);
    if (producer) wire_put_uint(out, 1, (uint64_t)(int64_t)producer);
    if (min_consumer) wire_put_uint(out, 2, (uint64_t)(int64_t)min_consumer);
    wire_end(out, version);
}

inlay_status known_shape_parse(const wire_reader *outer, const wire_field *field, const message_place *place,
                               shape *out, inlay_error *err) {
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    inlay_status status = shape_proto_read(wire_enter(outer, field), out, err);
    int64_t elements;
    if (status == INLAY_UNIMPLEMENTED)
        return bad_entry(place, field->whole, status, "tensors of rank above 16 are not supported", err);
    if (status == INLAY_INVALID_ARGUMENT || (status == INLAY_OK && !shape_elements(out, &elements)))
        return bad_entry(place, field->whole, INLAY_DATA_LOSS, "invalid tensor shape", err);
    return status;
}

/* What the shape and dtype of a whole tensor say of its size. */
static inlay_status check_size(const bundle_entry *e, const message_place *place, inlay_error *err) {
    char text[KEY_TEXT];
    int64_t elements = 0;
    uint64_t expected;
    shape_elements(&e->dims, &elements);
    if (e->type == INLAY_STRING) { /* a byte at least for each length, and the checksum; readers skip an empty one */
        bool fits = elements == 0 ? e->size == 0 || e->size == 4 : e->size >= 4 && e->size - 4 >= (uint64_t)elements;
        if (fits) return INLAY_OK;
        return fail_at(err, INLAY_DATA_LOSS, place->file, place_offset(place, e->value.data),
                       "entry %s: invalid size: %" PRIu64 " bytes cannot hold %" PRId64 " strings",
                       key_text(place->key, text), e->size, elements);
    }
    size_t width = dtype_size(e->type);
    if (width == 0) return INLAY_OK; /* refused when it is read */
    if (mul_u64((uint64_t)elements, width, &expected) && expected == e->size) return INLAY_OK;
    char dims[SHAPE_TEXT];
    return fail_at(err, INLAY_DATA_LOSS, place->file, place_offset(place, e->value.data),
                   "entry %s: invalid size: stored %" PRIu64 " bytes, but %s of %s needs another number",
                   key_text(place->key, text), e->size, shape_text(&e->dims, dims), dtype_name(e->type));
}

static inlay_status parse_field(const wire_reader *r, const wire_field *f, const message_place *place,
                                bundle_entry *out, inlay_error *err) {
    switch (f->number) {
    case 1:
        TRY(wire_expect(r, f, WIRE_VARINT, err));
        if (f->value == 0 || f->value > INT32_MAX)
            return bad_entry(place, f->whole, INLAY_DATA_LOSS, "invalid dtype", err);
        out->type = (dtype)f->value;
        return INLAY_OK;
    case 2: return known_shape_parse(r, f, place, &out->dims, err);
    case 3:
        TRY(wire_expect(r, f, WIRE_VARINT, err));
        out->shard = (int32_t)f->value;
        return INLAY_OK;
    case 4:
        TRY(wire_expect(r, f, WIRE_VARINT, err));
        out->offset = f->value;
        return INLAY_OK;
    case 5:
        TRY(wire_expect(r, f, WIRE_VARINT, err));
        out->size = f->value;
        return INLAY_OK;
    case 6:
        TRY(wire_expect(r, f, WIRE_FIXED32, err));
        out->crc = crc32c_unmask((uint32_t)f->value);
        return INLAY_OK;
    case 7:
        TRY(wire_expect(r, f, WIRE_BYTES, err));
        out->n_slices++;
        return INLAY_OK;
    default: return INLAY_OK;
    }
}

inlay_status bundle_entry_parse(bytes value, const message_place *place, bundle_entry *out, inlay_error *err) {
    out->type = INLAY_INVALID_DTYPE;
    out->dims.rank = 0;
    out->shard = 0;
    out->offset = out->size = 0;
    out->crc = crc32c_unmask(0); /* proto3 leaves out a masked sum of 0 */
    out->n_slices = 0;
    out->value = value;
    wire_reader r = wire_open(value, place->file, place->origin);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        TRY(parse_field(&r, &f, place, out, err));
    }
    if (out->type == INLAY_INVALID_DTYPE) return bad_entry(place, value, INLAY_DATA_LOSS, "no dtype", err);
    if (out->n_slices > 0) return INLAY_OK; /* shard, offset and size stand in the slices' own entries */
    if (out->offset > INT64_MAX || out->size > INT64_MAX)
        return bad_entry(place, value, INLAY_DATA_LOSS, "negative offset or size", err);
    return check_size(out, place, err);
}

void bundle_entry_put(buffer *out, dtype t, const shape *dims, int32_t shard, uint64_t offset, uint64_t size,
                      uint32_t crc) {
    wire_put_uint(out, 1, (uint64_t)t);
    size_t message = wire_begin(out, 2);
    shape_proto_write(out, dims);
    wire_end(out, message);
    if (shard) wire_put_uint(out, 3, (uint64_t)(int64_t)shard);
    if (offset) wire_put_uint(out, 4, offset);
    if (size) wire_put_uint(out, 5, size);
    if (crc32c_mask(crc)) wire_put_fixed32(out, 6, crc32c_mask(crc));
}

inlay_status bundle_entry_move(bytes value, int32_t shard, uint64_t offset, const char *file, buffer *out,
                               inlay_error *err) {
    wire_reader r = wire_open(value, file, NULL);
    bool done = false;
    buffer_clear(out);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!done && (!got || f.number > 4)) {
            if (shard) wire_put_uint(out, 3, (uint64_t)(int64_t)shard);
            if (offset) wire_put_uint(out, 4, offset);
            done = true;
        }
        if (!got) break;
        if (f.number != 3 && f.number != 4) buffer_append_bytes(out, f.whole);
    }
    return buffer_check(out, err);
}

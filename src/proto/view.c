#include "proto/view.h"

#include "base/num.h"

#include <stdlib.h>

enum { ONEOFS = 4 };

void view_limits_init(view_limits *limits, size_t message_size) {
    uint64_t limit;
    if (!mul_u64(message_size, sizeof(view_slot), &limit) || !add_u64(limit, 64u << 20, &limit)) limit = UINT64_MAX;
    *limits = (view_limits){.depth = 0};
    mem_budget_init(&limits->memory, limit);
}

static inlay_status too_much(const view *v, inlay_error *err) {
    return fail_at(err, INLAY_RESOURCE_EXHAUSTED, v->reader.file, v->reader.next - v->reader.origin,
                   "a message needs too much memory");
}

static inlay_status allocate(view *v, size_t count, size_t size, void *out, inlay_error *err) {
    if (count > SIZE_MAX / size || !mem_budget_charge(&v->limits->memory, count * size)) return too_much(v, err);
    v->charged += count * size;
    void *made = mem_array(count ? count : 1, size);
    memcpy(out, &made, sizeof made);
    return made ? INLAY_OK : fail_memory(err);
}

uint64_t view_number(const field_type *field, uint64_t stored) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM: return (uint64_t)(int64_t)(int32_t)(uint32_t)stored;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: return (uint32_t)stored;
    case PROTOBUF_C_TYPE_SINT32: {
        uint32_t v = (uint32_t)stored;
        return (uint64_t)(int64_t)(int32_t)(v >> 1 ^ (0u - (v & 1)));
    }
    case PROTOBUF_C_TYPE_SINT64: return stored >> 1 ^ (0 - (stored & 1));
    case PROTOBUF_C_TYPE_BOOL: return stored != 0;
    default: return stored;
    }
}

typedef struct conversion {
    const field_type *field;
    inlay_status (*fn)(void *ctx, uint64_t value, inlay_error *err);
    void *ctx;
} conversion;

static inlay_status convert(void *ctx, uint64_t value, inlay_error *err) {
    const conversion *c = ctx;
    return c->fn(c->ctx, view_number(c->field, value), err);
}

inlay_status view_numbers(const view *v, const field_type *field, const wire_field *stored,
                          inlay_status (*fn)(void *ctx, uint64_t value, inlay_error *err), void *ctx,
                          inlay_error *err) {
    conversion c = {field, fn, ctx};
    return wire_numbers(&v->reader, stored, field_wire(field), convert, &c, err);
}

/* ---- looking through */

/* Which member of a oneof came last, and where it began to be that one. */
typedef struct oneof {
    unsigned id;
    uint32_t number;
    const uint8_t *since;
} oneof;

static void note_oneof(oneof seen[ONEOFS], const field_type *f, const uint8_t *at) {
    unsigned id = field_oneof(f);
    for (int i = 0; id && i < ONEOFS; i++) {
        if (seen[i].id && seen[i].id != id) continue;
        if (seen[i].number != f->id) seen[i] = (oneof){id, f->id, at};
        return;
    }
}

static bool outdone(const oneof seen[ONEOFS], const field_type *f, const uint8_t *at) {
    unsigned id = field_oneof(f);
    for (int i = 0; id && i < ONEOFS; i++)
        if (seen[i].id == id) return seen[i].number != f->id || at < seen[i].since;
    return false;
}

static bool fits(const field_type *f, const wire_field *field) {
    return field->type == field_wire(f) || (field->type == WIRE_BYTES && field_can_pack(f));
}

static inlay_status check_text(const wire_reader *r, const field_type *f, const wire_field *field, inlay_error *err) {
    if (f->type != PROTOBUF_C_TYPE_STRING || bytes_valid_utf8(field->data, NULL)) return INLAY_OK;
    return fail_at(err, INLAY_DATA_LOSS, r->file, field->whole.data - r->origin, "the text in field %s is no UTF-8",
                   f->name);
}

static inlay_status count_fields(wire_reader r, size_t *count, inlay_error *err) {
    for (*count = 0;; ++*count) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
    }
}

static int by_number(const void *a, const void *b) {
    const view_slot *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Known fields to the front, unknown ones from the back; then both in order. */
static inlay_status collect(view *v, oneof seen[ONEOFS], inlay_error *err) {
    size_t total;
    TRY(count_fields(v->reader, &total, err));
    TRY(allocate(v, total, sizeof *v->slots, &v->slots, err));
    view_slot *back = v->slots + total;
    bool ordered = true;
    for (wire_reader r = v->reader;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        const field_type *f = protobuf_c_message_descriptor_get_field(v->type, field.number);
        view_slot slot = {field.number, field.whole.data};
        if (!f || !fits(f, &field)) {
            *--back = slot;
            continue;
        }
        TRY(check_text(&r, f, &field, err));
        note_oneof(seen, f, slot.at);
        ordered = ordered && (v->count == 0 || v->slots[v->count - 1].number <= slot.number);
        v->slots[v->count++] = slot;
    }
    if (!ordered) qsort(v->slots, v->count, sizeof *v->slots, by_number);
    v->unknown = back;
    v->unknown_count = (size_t)(v->slots + total - back);
    for (size_t i = 0, j = v->unknown_count; i + 1 < j; i++) {
        view_slot swapped = back[i];
        back[i] = back[--j];
        back[j] = swapped;
    }
    return INLAY_OK;
}

wire_reader view_enter(const view *v, const wire_field *field) {
    const wire_reader *r = &v->reader;
    bool inside = field->data.data >= r->next && field->data.data <= r->end;
    return wire_open(field->data, r->file, inside ? r->origin : NULL);
}

/* The field that stands at AT: in the message, or in one that was put together. */
static inlay_status field_at(const view *v, const uint8_t *at, wire_field *out, inlay_error *err) {
    wire_reader r = v->reader;
    bool got;
    if (at >= r.next && at < r.end) {
        r.next = at;
        return wire_next(&r, out, &got, err);
    }
    for (size_t i = 0; i < v->joined_count; i++) {
        const buffer *b = &v->joined[i];
        if (at != b->data) continue;
        wire_reader joined = wire_open(buffer_bytes(b), r.file, NULL);
        return wire_next(&joined, out, &got, err);
    }
    return fail(err, INLAY_INTERNAL, "a field that is not in its message");
}

inlay_status view_field(const view *v, size_t index, const field_type **field, wire_field *out, inlay_error *err) {
    *field = protobuf_c_message_descriptor_get_field(v->type, v->slots[index].number);
    return field_at(v, v->slots[index].at, out, err);
}

size_t view_find(const view *v, uint32_t number) {
    size_t i = 0;
    while (i < v->count && v->slots[i].number != number) i++;
    return i;
}

/* ---- what is kept */

static bool is_zero(const field_type *f, const wire_field *field) {
    return field_wire(f) == WIRE_BYTES ? field->data.size == 0 : view_number(f, field->value) == 0;
}

/* One message out of the pieces at slots [first, end): end to end, as protobuf merges them. */
static inlay_status join(view *v, size_t first, size_t end, inlay_error *err) {
    size_t size = 0;
    for (size_t i = first; i < end; i++) {
        wire_field field;
        TRY(field_at(v, v->slots[i].at, &field, err));
        size += field.data.size;
    }
    if (!mem_budget_charge(&v->limits->memory, size)) return too_much(v, err);
    v->charged += size;
    buffer *grown = mem_realloc(v->joined, (v->joined_count + 1) * sizeof *grown);
    if (!grown) return fail_memory(err);
    v->joined = grown;
    buffer *b = &v->joined[v->joined_count++];
    *b = (buffer){0};
    wire_put_varint(b, (uint64_t)v->slots[first].number << 3 | WIRE_BYTES);
    wire_put_varint(b, size);
    for (size_t i = first; i < end; i++) {
        wire_field field;
        TRY(field_at(v, v->slots[i].at, &field, err));
        buffer_append_bytes(b, field.data);
    }
    TRY(buffer_check(b, err));
    v->slots[end - 1].at = b->data;
    return INLAY_OK;
}

typedef struct map_key {
    view_slot slot;
    bytes text;
    uint64_t number;
} map_key;

static int by_key(const void *a, const void *b) {
    const map_key *x = a, *y = b;
    int order = bytes_compare(x->text, y->text);
    if (order) return order;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return (x->slot.at > y->slot.at) - (x->slot.at < y->slot.at);
}

static bool is_signed(const field_type *f) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: return true;
    default: return false;
    }
}

static inlay_status read_key(const view *v, const field_type *map, map_key *out, inlay_error *err) {
    wire_field entry;
    TRY(field_at(v, out->slot.at, &entry, err));
    const field_type *key = &field_message(map)->fields[0];
    uint64_t number = 0;
    for (wire_reader r = view_enter(v, &entry);;) {
        wire_field part;
        bool got;
        TRY(wire_next(&r, &part, &got, err));
        if (!got) break;
        if (part.number != 1 || part.type != field_wire(key)) continue;
        out->text = part.data;
        number = view_number(key, part.value);
    }
    out->number = is_signed(key) ? number ^ 1ull << 63 : number;
    return INLAY_OK;
}

/* Orders the entries at slots [first, end) by key and keeps the last of each; *kept is how many. */
static inlay_status order_map(view *v, const field_type *map, size_t first, size_t end, size_t *kept,
                              inlay_error *err) {
    size_t n = end - first;
    map_key *keys;
    TRY(allocate(v, n, sizeof *keys, &keys, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < n && status == INLAY_OK; i++) {
        keys[i] = (map_key){.slot = v->slots[first + i]};
        status = read_key(v, map, &keys[i], err);
    }
    if (status == INLAY_OK) {
        qsort(keys, n, sizeof *keys, by_key);
        *kept = 0;
        for (size_t i = 0; i < n; i++) {
            bool again =
                i + 1 < n && bytes_equal(keys[i].text, keys[i + 1].text) && keys[i].number == keys[i + 1].number;
            if (!again) v->slots[first + (*kept)++] = keys[i].slot;
        }
    }
    mem_free(keys);
    mem_budget_return(&v->limits->memory, n * sizeof *keys);
    v->charged -= n * sizeof *keys;
    return status;
}

/* Decides over slots [first, end), all of one field; what is kept moves to the front of them. */
static inlay_status keep(view *v, const oneof seen[ONEOFS], size_t first, size_t end, size_t *kept, inlay_error *err) {
    const field_type *f = protobuf_c_message_descriptor_get_field(v->type, v->slots[first].number);
    *kept = end - first;
    if (field_is_map(f)) return order_map(v, f, first, end, kept, err);
    if (field_repeats(f)) return INLAY_OK;
    size_t start = first;
    while (start < end && outdone(seen, f, v->slots[start].at)) start++;
    *kept = 0;
    if (start == end) return INLAY_OK;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE && end - start > 1) TRY(join(v, start, end, err));
    if (!field_has_presence(f)) {
        wire_field field;
        TRY(field_at(v, v->slots[end - 1].at, &field, err));
        if (is_zero(f, &field)) return INLAY_OK;
    }
    v->slots[first] = v->slots[end - 1];
    *kept = 1;
    return INLAY_OK;
}

inlay_status view_open(wire_reader message, const message_type *type, view_limits *limits, view *out,
                       inlay_error *err) {
    *out = (view){.type = type, .reader = message, .limits = limits};
    if (++limits->depth > MESSAGE_DEPTH)
        return fail_at(err, INLAY_RESOURCE_EXHAUSTED, message.file, message.next - message.origin,
                       "messages are nested deeper than %d", MESSAGE_DEPTH);
    oneof seen[ONEOFS] = {{0}};
    TRY(collect(out, seen, err));
    size_t count = 0;
    for (size_t first = 0; first < out->count;) {
        size_t end = first, kept;
        while (end < out->count && out->slots[end].number == out->slots[first].number) end++;
        TRY(keep(out, seen, first, end, &kept, err));
        memmove(out->slots + count, out->slots + first, kept * sizeof *out->slots);
        count += kept;
        first = end;
    }
    out->count = count;
    return INLAY_OK;
}

void view_close(view *v) {
    for (size_t i = 0; i < v->joined_count; i++) buffer_free(&v->joined[i]);
    mem_free(v->joined);
    mem_free(v->slots);
    mem_budget_return(&v->limits->memory, v->charged);
    v->limits->depth--;
    *v = (view){0};
}

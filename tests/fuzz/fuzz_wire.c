/* Wire bytes: walked, edited in place by the second half of the input, and read as a tensor.
 * Covers: src/proto/wire.c src/proto/splice.c src/format/tensor_proto.c */
#include "base/num.h"
#include "format/tensor_proto.h"
#include "proto/splice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 64 };

typedef struct found {
    wire_field fields[FIELDS];
    size_t count;
} found;

static inlay_status add(void *ctx, uint64_t value, inlay_error *err) {
    (void)err;
    *(uint64_t *)ctx += value;
    return INLAY_OK;
}

/* Every field, at any depth, of what can be read as messages. */
static void walk(wire_reader r, int depth, found *f) {
    inlay_error err;
    wire_field field;
    bytes key, value;
    uint64_t sum = 0;
    for (;;) {
        bool got;
        if (wire_next(&r, &field, &got, &err) != INLAY_OK || !got) return;
        if (f->count < FIELDS) f->fields[f->count++] = field;
        wire_numbers(&r, &field, WIRE_VARINT, add, &sum, &err);
        wire_numbers(&r, &field, WIRE_FIXED32, add, &sum, &err);
        wire_map_entry(&r, &field, &key, &value, &err);
        if (field.type == WIRE_BYTES && depth < 5) walk(wire_enter(&r, &field), depth + 1, f);
    }
}

static void edit(bytes message, const found *f, bytes script) {
    static const uint8_t new_field[] = {0x78, 5};
    splice s = {0};
    buffer out = {0};
    inlay_error err;
    if (splice_to_buffer(&s, message, "fuzz", &out, &err) == INLAY_OK &&
        !bytes_equal(buffer_bytes(&out), message)) /* no edit, no change */
        __builtin_trap();
    for (size_t i = 0; i + 1 < script.size && i < 16 && f->count; i += 2) {
        const wire_field *field = &f->fields[script.data[i] % f->count];
        bytes new = bytes_make(new_field, script.data[i + 1] & 8 ? 2 : 0);
        switch (script.data[i + 1] % 4) {
        case 0: splice_replace(&s, field->whole, new); break;
        case 1: splice_after(&s, field->whole, new); break;
        case 2: splice_at_start(&s, field->data.data ? field->data : message, new); break;
        default: splice_insert(&s, field->type == WIRE_BYTES ? field->data : message, 15, new, &err); break;
        }
    }
    buffer_clear(&out);
    if (splice_to_buffer(&s, message, "fuzz", &out, &err) == INLAY_OK) { /* what comes out is a message */
        wire_reader r = wire_open(buffer_bytes(&out), "fuzz", NULL);
        wire_field field;
        for (bool got = true; got;)
            if (wire_next(&r, &field, &got, &err) != INLAY_OK) __builtin_trap();
    }
    splice_free(&s);
    buffer_free(&out);
}

static void nothing(void *user) {
    ++*(int *)user;
}

static void read_tensor(bytes message) {
    int held = 0;
    tensor_proto_options o = {.limit = 1 << 16, .retain = nothing, .release = nothing, .user = &held};
    tensor *t, *back;
    inlay_error err;
    buffer b = {0};
    if (tensor_proto_read(wire_open(message, "fuzz", NULL), &o, &t, &err) != INLAY_OK) return;
    if (tensor_proto_write(&b, t, &err) != INLAY_OK) __builtin_trap();
    o.retain = NULL;
    if (tensor_proto_read(wire_open(buffer_bytes(&b), "fuzz", NULL), &o, &back, &err) != INLAY_OK) __builtin_trap();
    if (back->type != t->type || back->size != t->size || !shape_equal(&back->dims, &t->dims)) __builtin_trap();
    if (t->size && memcmp(back->data, t->data, (size_t)t->size) != 0) __builtin_trap();
    tensor_release(t);
    tensor_release(back);
    buffer_free(&b);
    if (held % 2) __builtin_trap(); /* retained as often as released */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    found f = {.count = 0};
    size_t scripted = size ? min_size(data[0] % 17, size - 1) : 0; /* bytes at the end that say what to edit */
    bytes message = bytes_make(size ? data + 1 : data, size ? size - 1 - scripted : 0);
    walk(wire_open(message, "fuzz", NULL), 0, &f);
    edit(message, &f, bytes_make(message.data + message.size, scripted));
    read_tensor(message);
    return 0;
}

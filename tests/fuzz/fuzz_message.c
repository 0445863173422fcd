/* Wire bytes of a message (the first byte says which), turned into every form and back.
 * Covers: src/proto/message.c src/proto/view.c src/proto/schema.c */
#include "proto/json.h"
#include "proto/text.h"
#include "proto_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void through_text(wire_reader r, const message_type *type) {
    text_options known = {.hide_unknown = true};
    buffer text = {0}, wire = {0}, again = {0};
    inlay_error err;
    must(text_print(r, type, NULL, &text, &err));
    buffer_clear(&text);
    if (must(text_print(r, type, &known, &text, &err)) &&
        must(text_parse(buffer_bytes(&text), "fuzz", type, &wire, &err)) &&
        must(text_print(read_buffer(&wire), type, &known, &again, &err)))
        must_equal(&text, &again);
    buffer_free(&text);
    buffer_free(&wire);
    buffer_free(&again);
}

static void through_json(wire_reader r, const message_type *type) {
    buffer json = {0}, wire = {0}, again = {0};
    inlay_error err;
    if (json_print(r, type, &json, &err) == INLAY_OK && /* an Any may be of a type or content that is none */
        must(json_parse(buffer_bytes(&json), "fuzz", type, &wire, &err)) &&
        must(json_print(read_buffer(&wire), type, &again, &err)))
        must_equal(&json, &again);
    buffer_free(&json);
    buffer_free(&wire);
    buffer_free(&again);
}

static bool unpack_and_pack(wire_reader r, const message_type *type, buffer *out) {
    arena a;
    arena_init(&a, 16 << 20);
    ProtobufCMessage *message;
    inlay_error err;
    bool done = message_unpack(r, type, &a, &message, &err) == INLAY_OK;
    if (done) message_pack(message, out);
    arena_free(&a);
    return done;
}

/* Structs lose unknown fields of what comes in pieces: only the canonical form must come back. */
static void through_structs(wire_reader r, const message_type *type, const buffer *canonical) {
    buffer packed = {0}, again = {0};
    inlay_error err;
    if (unpack_and_pack(r, type, &packed)) must(message_check(read_buffer(&packed), type, NULL, &err));
    buffer_clear(&packed);
    if (unpack_and_pack(read_buffer(canonical), type, &packed) &&
        must(message_canonical(read_buffer(&packed), type, &again, &err)))
        must_equal(canonical, &again);
    buffer_free(&packed);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const message_type *type = proto_type(data[0]);
    buffer canonical = {0}, again = {0};
    inlay_error err;
    wire_reader r = wire_open(bytes_make(data + 1, size - 1), "fuzz", NULL);
    if (message_check(r, type, NULL, &err) == INLAY_OK) {
        if (must(message_canonical(r, type, &canonical, &err))) {
            must(message_canonical(read_buffer(&canonical), type, &again, &err));
            must_equal(&canonical, &again);
            through_structs(r, type, &canonical);
        }
        through_text(r, type);
        through_json(r, type);
    } else { /* protobuf takes some of what the check refuses: only no crash is asked for */
        message_canonical(r, type, &canonical, &err);
        buffer_clear(&canonical);
        text_print(r, type, NULL, &canonical, &err);
    }
    buffer_free(&canonical);
    buffer_free(&again);
    return 0;
}

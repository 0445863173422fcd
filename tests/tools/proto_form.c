/* Converts a message between its forms. Usage: proto_form TYPE FROM TO <in >out
 *
 * FROM and TO are binary, text or json; TO may also be canonical or packed (binary: canonical, or unpacked into structs
 * and packed again), and unknown (text with the fields that the schema does not know; plain text leaves them out). */
#include "proto/json.h"
#include "proto/message.h"
#include "proto/text.h"

#include <stdio.h>

static bool read_all(FILE *f, buffer *b) {
    static uint8_t chunk[1 << 16];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) buffer_append(b, chunk, n);
    return !ferror(f) && !b->failed;
}

static inlay_status repack(wire_reader r, const message_type *type, buffer *out, inlay_error *err) {
    arena a;
    arena_init(&a, 1 << 30);
    ProtobufCMessage *message;
    inlay_status status = message_unpack(r, type, &a, &message, err);
    if (status == INLAY_OK) message_pack(message, out);
    arena_free(&a);
    return status;
}

static inlay_status convert(const message_type *type, const char *from, const char *to, bytes in, buffer *out,
                            inlay_error *err) {
    buffer wire = {0};
    inlay_status status;
    if (strcmp(from, "text") == 0)
        status = text_parse(in, "input", type, &wire, err);
    else if (strcmp(from, "json") == 0)
        status = json_parse(in, "input", type, &wire, err);
    else {
        buffer_append_bytes(&wire, in);
        status = buffer_check(&wire, err);
    }
    wire_reader r = wire_open(buffer_bytes(&wire), "input", NULL);
    text_options text = {.hide_unknown = strcmp(to, "unknown") != 0};
    if (status != INLAY_OK) {
    } else if (strcmp(to, "text") == 0 || strcmp(to, "unknown") == 0) {
        status = text_print(r, type, &text, out, err);
    } else if (strcmp(to, "json") == 0) {
        status = json_print(r, type, out, err);
    } else if (strcmp(to, "canonical") == 0) {
        status = message_canonical(r, type, out, err);
    } else if (strcmp(to, "packed") == 0) {
        status = repack(r, type, out, err);
    } else {
        status = message_check(r, type, NULL, err);
        buffer_append_bytes(out, buffer_bytes(&wire));
    }
    buffer_free(&wire);
    return status;
}

int main(int argc, char **argv) {
    const message_type *type = argc == 4 ? schema_find(bytes_of(argv[1])) : NULL;
    if (!type) {
        for (size_t i = 0; schema_at(i); i++) puts(schema_at(i)->name);
        return 2;
    }
    buffer in = {0}, out = {0};
    inlay_error err;
    inlay_status status = read_all(stdin, &in) ? INLAY_OK : fail_memory(&err);
    if (status == INLAY_OK) status = convert(type, argv[2], argv[3], buffer_bytes(&in), &out, &err);
    if (status == INLAY_OK) status = buffer_check(&out, &err);
    if (status == INLAY_OK && out.size)
        fwrite(out.data, 1, out.size, stdout);
    else if (status != INLAY_OK)
        fprintf(stderr, "%s: %s\n", inlay_status_name(status), err.message);
    buffer_free(&in);
    buffer_free(&out);
    return status == INLAY_OK ? 0 : 1;
}

/* Messages as protobuf text (.pbtxt) and back, by descriptor, from and to wire bytes without unpacking. What is printed
 * is what Python's google.protobuf.text_format prints; what it reads is read. */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include "proto/schema.h"
#include "proto/wire.h"

typedef struct text_options {
    bool hide_unknown; /* leave out fields that the schema does not know; else they stand by their numbers, after the
                          others */
    uint64_t limit;    /* bytes of text; 0: 2 GiB */
} text_options;

/* Appends the message that MESSAGE walks as text: fields by number, map entries by key, floats as short as they read
 * back, enums by name, an Any whose type is known as that message. OPTIONS may be NULL.
 * Errors: DATA_LOSS (malformed, text that is no UTF-8), RESOURCE_EXHAUSTED (nesting, memory, limit). */
inlay_status text_print(wire_reader message, const message_type *type, const text_options *options, buffer *out,
                        inlay_error *err);

/* Appends the wire form of the message that TEXT describes. FILE (may be NULL) is named in errors, with line and
 * column. Zeros that proto3 does not keep are not written; fields are in the order of the text.
 * Errors: INVALID_ARGUMENT (what the text says is not so in the schema, or it is no text format), RESOURCE_EXHAUSTED.
 */
inlay_status text_parse(bytes text, const char *file, const message_type *type, buffer *out, inlay_error *err);

/* The name of the first field of TEXT, empty when it does not begin with one: tells messages apart. */
bytes text_first_name(bytes text);

#endif

/* Messages as JSON and back, by protobuf's JSON mapping, from and to wire bytes without unpacking.
 *
 * The mapping: fields by lowerCamelCase name (original names are read too), 64-bit integers as strings, bytes as
 * base64, enums by name, NaN and infinities as the strings "NaN", "Infinity", "-Infinity", maps as objects, an Any as
 * its message with "@type", BoolValue as true or false. */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include "proto/schema.h"
#include "proto/wire.h"

/* Appends the message that MESSAGE walks as JSON, indented by two blanks, fields by number, map entries by key. Fields
 * that the schema does not know are left out.
 * Errors: DATA_LOSS (malformed, text that is no UTF-8), INVALID_ARGUMENT (an Any of unknown type), RESOURCE_EXHAUSTED.
 */
inlay_status json_print(wire_reader message, const message_type *type, buffer *out, inlay_error *err);

/* Appends the wire form of the message that TEXT describes. FILE (may be NULL) is named in errors, with line and
 * column. Fields are in the order of the text.
 * Errors: INVALID_ARGUMENT (no JSON, or not one of this message: unknown or doubled fields, values out of range, null
 * in a list), RESOURCE_EXHAUSTED (nested too deep). */
inlay_status json_parse(bytes text, const char *file, const message_type *type, buffer *out, inlay_error *err);

#endif

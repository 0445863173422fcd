/* The messages that the schemas of schema/ describe, and what the compiled descriptors do not say by themselves. The
 * schemas are written from TensorFlow's published field numbers; full names are TensorFlow's. */
#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

typedef ProtobufCMessageDescriptor message_type;
typedef ProtobufCFieldDescriptor field_type;

/* "tensorflow.GraphDef", …; NULL when there is no such message. */
const message_type *schema_find(bytes full_name);

/* For listing: the message at INDEX in bytewise order of full names, NULL beyond the last. */
const message_type *schema_at(size_t index);

static inline const message_type *field_message(const field_type *f) {
    return f->descriptor; /* of a field whose type is PROTOBUF_C_TYPE_MESSAGE */
}
static inline const ProtobufCEnumDescriptor *field_enum(const field_type *f) {
    return f->descriptor; /* of one whose type is PROTOBUF_C_TYPE_ENUM */
}
static inline bool field_repeats(const field_type *f) {
    return f->label == PROTOBUF_C_LABEL_REPEATED;
}

/* A map: a repeated message that the compiler made, an entry {key 1, value 2}. */
bool message_is_entry(const message_type *m);
bool field_is_map(const field_type *f);

/* Whether the field knows that it is set, so that a zero is worth writing: messages, members of a oneof, and all
 * single fields of a proto2 schema. */
bool field_has_presence(const field_type *f);

/* Members of one oneof share a number; 0 for other fields. Only within one message type. */
unsigned field_oneof(const field_type *f);

/* The wire type of one value (WIRE_VARINT, …), and whether values of the type can be packed. */
int field_wire(const field_type *f);
bool field_can_pack(const field_type *f);

/* google.protobuf.Any, and the types that JSON writes as their only field. */
bool message_is_any(const message_type *m);
bool message_is_wrapper(const message_type *m);

/* "lowerCamelCase" of the field's name, as JSON has it; returns TEXT. */
enum { FIELD_NAME_TEXT = 128 };
const char *field_json_name(const field_type *f, char text[FIELD_NAME_TEXT]);

/* By original name, or by either name. NULL when there is none. */
const field_type *message_field(const message_type *m, bytes name);
const field_type *message_json_field(const message_type *m, bytes name);

/* The message that an Any's type_url names ("type.googleapis.com/FULL.NAME"), NULL when it has no '/' or none is known.
 */
const message_type *schema_of_url(bytes type_url);

#endif

/* Whole messages: checked against their schema, unpacked under a limit, packed, and in their canonical form. */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "base/arena.h"
#include "proto/schema.h"
#include "proto/wire.h"

typedef struct message_limits {
    uint64_t messages; /* how many may be nested in it; 0: as many as there are */
    bool for_structs;  /* refuse what C structs would cut or cannot hold: zero bytes in strings, groups */
} message_limits;

/* Checks the message that MESSAGE walks, and all in it, against TYPE: well-formed, nested at most 100 deep, strings
 * valid UTF-8, known fields of the right wire type (another one is refused here, though protobuf would take the field
 * for an unknown one). LIMITS may be NULL. Errors: DATA_LOSS, RESOURCE_EXHAUSTED; they name file and offset. */
inlay_status message_check(wire_reader message, const message_type *type, const message_limits *limits,
                           inlay_error *err);

/* Checks, then unpacks into structs of protobuf-c. All memory is A's, so *out lives as long as A; give it a limit:
 * structs can take fifty times the bytes of the message. *out is NULL on failure. UNIMPLEMENTED for (unknown) groups.
 */
inlay_status message_unpack(wire_reader message, const message_type *type, arena *a, ProtobufCMessage **out,
                            inlay_error *err);

/* Appends the wire form of a struct. */
void message_pack(const ProtobufCMessage *message, buffer *out);

/* Appends the canonical form: fields by number, map entries by key, nothing twice, packed as the schema says, unknown
 * fields last. The bytes that C++ protobuf writes when told to be deterministic. */
inlay_status message_canonical(wire_reader message, const message_type *type, buffer *out, inlay_error *err);

#endif

/* The protobuf wire format, walked and written field by field, bounded, without unpacking. Large messages (graphs,
 * tensors) are read this way; small ones are unpacked by protobuf-c (message.h). Untouched parts are copied as the
 * bytes they were.
 *
 * Format: protobuf.dev/programming-guides/encoding. proto/ knows nothing of files or tensors. */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "base/buffer.h"
#include "base/bytes.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_GROUP = 3, WIRE_GROUP_END = 4, WIRE_FIXED32 = 5 };

/* One field as read. `whole` is tag and value as they stood, ready to be copied. */
typedef struct wire_field {
    uint32_t number;
    int type;
    uint64_t value; /* varint, fixed64, fixed32 */
    bytes data;     /* of WIRE_BYTES, and the inside of a group */
    bytes whole;
} wire_field;

/* Walks one message. Keep `origin` (the start of the file in memory) so that errors give the byte offset. */
typedef struct wire_reader {
    const uint8_t *next, *end, *origin;
    const char *file; /* named in errors; not owned */
} wire_reader;

wire_reader wire_open(bytes message, const char *file, const uint8_t *origin);
wire_reader wire_enter(const wire_reader *outer, const wire_field *field); /* the message that FIELD holds */

/* The next field; *got is false at the end. DATA_LOSS names file and offset of what is malformed (a cut varint, a
 * length beyond the end, group nesting beyond 100, field number 0). */
inlay_status wire_next(wire_reader *r, wire_field *field, bool *got, inlay_error *err);

/* Checks that a field has the wire type its schema says. */
inlay_status wire_expect(const wire_reader *r, const wire_field *field, int type, inlay_error *err);

/* Elements of a repeated number, packed or not: call for each field with that number; fn is called for each value.
 * ELEMENT is the wire type of one value. */
inlay_status wire_numbers(const wire_reader *r, const wire_field *field, int element,
                          inlay_status (*fn)(void *ctx, uint64_t value, inlay_error *err), void *ctx, inlay_error *err);

/* The last field NUMBER of MESSAGE, since protobuf lets the last win, for look-ups in small messages. *found says. */
inlay_status wire_find(bytes message, uint32_t number, const char *file, wire_field *field, bool *found,
                       inlay_error *err);

/* A map entry {1: key, 2: value}. A missing part is empty. */
inlay_status wire_map_entry(const wire_reader *r, const wire_field *field, bytes *key, bytes *value, inlay_error *err);

/* ---- writing, to a buffer whose failures stick */
void wire_put_varint(buffer *b, uint64_t value);
void wire_put_uint(buffer *b, uint32_t number,
                   uint64_t value); /* varint field; int32 and int64 sign-extended by the caller's cast */
void wire_put_bytes(buffer *b, uint32_t number, bytes data);
void wire_put_text(buffer *b, uint32_t number, const char *text);
void wire_put_fixed32(buffer *b, uint32_t number, uint32_t value);
void wire_put_fixed64(buffer *b, uint32_t number, uint64_t value);
void wire_put_float(buffer *b, uint32_t number, float value);
void wire_put_message(buffer *b, uint32_t number,
                      const buffer *message); /* an empty message too; a failure of MESSAGE sticks to B */
void wire_put_map(buffer *b, uint32_t number, bytes key, const buffer *value);

/* A nested message written in place: begin, write its fields to the same buffer, end (which inserts the length). */
size_t wire_begin(buffer *b, uint32_t number);
void wire_end(buffer *b, size_t mark);

/* Bytes that VALUE takes as a varint; and reading one: bytes used, 0 when it is cut or longer than 10. */
size_t wire_varint_size(uint64_t value);
size_t wire_get_varint(const uint8_t *p, const uint8_t *end, uint64_t *out);

#endif

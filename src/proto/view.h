/* A serialized message seen through its schema, without unpacking: its fields in the order of their numbers, what
 * protobuf would keep of them and nothing else. What printers and the canonical form walk. */
#ifndef PROTO_VIEW_H
#define PROTO_VIEW_H

#include "base/alloc.h"
#include "proto/schema.h"
#include "proto/wire.h"

enum { MESSAGE_DEPTH = 100 }; /* of nested messages: protobuf's own limit */

/* What one walk of a message and all that is in it may use. */
typedef struct view_limits {
    mem_budget memory; /* for the order of fields */
    int depth;         /* of what is open */
} view_limits;
void view_limits_init(view_limits *limits, size_t message_size);

/* Where one kept field stands. */
typedef struct view_slot {
    uint32_t number;
    const uint8_t *at; /* its tag */
} view_slot;

typedef struct view {
    const message_type *type;
    view_slot *slots; /* known fields by number, those of one number as they came, maps by key */
    size_t count;
    view_slot *unknown; /* the others as they came */
    size_t unknown_count;
    wire_reader reader; /* of the whole message */
    buffer *joined;     /* single messages that came in pieces */
    size_t joined_count;
    view_limits *limits;
    uint64_t charged;
} view;

/* Looks through the message that MESSAGE walks. Of single fields the last one is kept (messages that come in pieces are
 * put together), of a oneof its last member, of map entries the last with a key. Zeros that a proto3 field does not
 * keep are left out. A known field with another wire type than its schema says is
 * unknown, as in protobuf. *out is closed by view_close, also after a failure. Errors: DATA_LOSS (malformed; a string
 * that is no UTF-8), RESOURCE_EXHAUSTED (depth, memory). */
inlay_status view_open(wire_reader message, const message_type *type, view_limits *limits, view *out, inlay_error *err);
void view_close(view *v);

/* The field at slot INDEX. *field is its schema. */
inlay_status view_field(const view *v, size_t index, const field_type **field, wire_field *out, inlay_error *err);

/* A reader of the message that a field of V holds. */
wire_reader view_enter(const view *v, const wire_field *field);

/* The first slot with NUMBER, or v->count. */
size_t view_find(const view *v, uint32_t number);

/* The values of one known field as 64 bits each, packed or not: integers and enums widened by their sign, bools 0 or 1,
 * floats and doubles as their bits, sint32 and sint64 decoded. Calls FN for each; once for a field that is not packed.
 */
inlay_status view_numbers(const view *v, const field_type *field, const wire_field *stored,
                          inlay_status (*fn)(void *ctx, uint64_t value, inlay_error *err), void *ctx, inlay_error *err);

/* The same for one value. */
uint64_t view_number(const field_type *field, uint64_t stored);

#endif

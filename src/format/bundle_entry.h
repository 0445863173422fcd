/* The two messages of a bundle's index, BundleHeaderProto and BundleEntryProto, read from and written to their wire
 * form. Inside format/ only. */
#ifndef FORMAT_BUNDLE_ENTRY_H
#define FORMAT_BUNDLE_ENTRY_H

#include "format/bundle.h"
#include "proto/wire.h"

/* Where a message was found, for errors. ORIGIN is such that value.data - origin is the offset in FILE. */
typedef struct message_place {
    const char *file;
    const uint8_t *origin;
    bytes key;
} message_place;

typedef struct bundle_header {
    int32_t shards;
    bool big_endian;
    int32_t producer, min_consumer;
} bundle_header;

/* DATA_LOSS when malformed; UNIMPLEMENTED when the bundle says that readers of our version must not read it. */
inlay_status bundle_header_parse(bytes value, const message_place *place, bundle_header *out, inlay_error *err);
void bundle_header_put(buffer *out, int32_t shards, bool big_endian, int32_t producer, int32_t min_consumer);

/* Fills all of *out but the key. Shape and size are checked against each other, not against files. A dtype that is not
 * known is kept as its number. DATA_LOSS names key and file. */
inlay_status bundle_entry_parse(bytes value, const message_place *place, bundle_entry *out, inlay_error *err);
void bundle_entry_put(buffer *out, dtype t, const shape *dims, int32_t shard, uint64_t offset, uint64_t size,
                      uint32_t crc);

/* VALUE, a serialized entry, with another place, all else as it stood: OUT is cleared and filled. */
inlay_status bundle_entry_move(bytes value, int32_t shard, uint64_t offset, const char *file, buffer *out,
                               inlay_error *err);

/* A shape that is known in full: DATA_LOSS names KEY of PLACE when one is not, or its product overflows. */
inlay_status known_shape_parse(const wire_reader *outer, const wire_field *field, const message_place *place,
                               shape *out, inlay_error *err);

/* As bundle_index_finish, with the serialized HEADER as it is. */
inlay_status bundle_index_finish_as(bundle_index *x, bytes header, buffer *out, inlay_error *err);

/* For messages: "KEY" escaped and cut. Returns TEXT. */
enum { KEY_TEXT = 256 };
const char *key_text(bytes key, char text[KEY_TEXT]);

#endif

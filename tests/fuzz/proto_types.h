/* The message types that the targets of protobuf forms choose from by their first byte, and what they share. */
#ifndef FUZZ_PROTO_TYPES_H
#define FUZZ_PROTO_TYPES_H

#include "proto/message.h"

static const char *const proto_types[] = {
    "tensorflow.SavedModel",      "tensorflow.GraphDef",
    "tensorflow.NodeDef",         "tensorflow.AttrValue",
    "tensorflow.TensorProto",     "tensorflow.MetaGraphDef",
    "tensorflow.StructuredValue", "tensorflow.SavedObjectGraph",
    "tensorflow.GraphDebugInfo",  "tensorflow.CollectionDef",
    "tensorflow.FunctionDef",     "tensorflow.Example",
    "tensorflow.CheckpointState", "tensorflow.FingerprintDef",
    "google.protobuf.Any",        "tensorflow.TrackableObjectGraph",
};

static inline const message_type *proto_type(uint8_t first) {
    return schema_find(bytes_of(proto_types[first % 16]));
}

static inline wire_reader read_buffer(const buffer *b) {
    return wire_open(buffer_bytes(b), "fuzz", NULL);
}

/* What has been taken once may only fail for its size. */
static inline bool must(inlay_status status) {
    if (status != INLAY_OK && status != INLAY_RESOURCE_EXHAUSTED) __builtin_trap();
    return status == INLAY_OK;
}

static inline void must_equal(const buffer *a, const buffer *b) {
    if (!bytes_equal(buffer_bytes(a), buffer_bytes(b))) __builtin_trap();
}

#endif

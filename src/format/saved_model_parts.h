/* Between the files of saved_model: field numbers and decoding. */
#ifndef FORMAT_SAVED_MODEL_PARTS_H
#define FORMAT_SAVED_MODEL_PARTS_H

#include "format/saved_model.h"

/* saved_model.proto, meta_graph.proto, graph.proto, saver.proto */
enum {
    MODEL_SCHEMA_VERSION = 1,
    MODEL_META_GRAPHS = 2,
    META_INFO = 1,
    META_GRAPH = 2,
    META_SAVER = 3,
    META_COLLECTION = 4,
    META_SIGNATURE = 5,
    META_ASSET = 6,
    META_OBJECT_GRAPH = 7,
    INFO_TAGS = 4,
    INFO_TENSORFLOW_VERSION = 5,
    GRAPH_NODE = 1,
    GRAPH_LIBRARY = 2,
    GRAPH_VERSIONS = 4,
    LIBRARY_FUNCTION = 1,
    MAP_KEY = 1,
    MAP_VALUE = 2
};

/* Decodes the parts of G from its `message`. */
inlay_status saved_decode_metagraph(saved_model *model, saved_metagraph *g, inlay_error *err);

/* A copy of a proto3 string with a NUL behind it; DATA_LOSS when it is no UTF-8 or holds a NUL. */
inlay_status saved_text(saved_model *model, bytes text, const char **out, inlay_error *err);

#endif

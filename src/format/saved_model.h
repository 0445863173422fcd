/* SavedModel directories, frozen GraphDef files and .meta files: found, walked and decoded without unpacking, and
 * edited so that what is not touched keeps its bytes. This room knows nothing of how graphs are imported or run.
 *
 * All bytes and strings below belong to the saved_model and live as long as it. */
#ifndef FORMAT_SAVED_MODEL_H
#define FORMAT_SAVED_MODEL_H

#include "base/arena.h"
#include "base/file.h"
#include "format/tensor_proto.h"
#include "proto/splice.h"
#include "proto/wire.h"

/* ---- what a metagraph holds, decoded */

typedef enum saved_form { SAVED_DENSE, SAVED_SPARSE, SAVED_COMPOSITE } saved_form;

/* An input or output of a signature (TensorInfo). */
typedef struct saved_tensor {
    const char *key; /* name in the signature; NULL for a component */
    saved_form form;
    const char *name; /* tensor in the graph, "node:0"; "" unless dense */
    inlay_dtype type; /* without TensorFlow's mark of references; INLAY_INVALID_DTYPE when there is none */
    shape dims;       /* rank -1 when unknown or absent */
    const char *values, *indices, *dense_shape; /* the tensors of a sparse one, else NULL */
    bytes type_spec;                            /* TypeSpecProto of a composite one */
    struct saved_tensor *components;            /* of a composite one, in order */
    size_t component_count;
} saved_tensor;

typedef struct saved_default {
    const char *key;
    bytes tensor; /* TensorProto */
} saved_default;

typedef struct saved_signature {
    const char *key, *method;
    saved_tensor *inputs, *outputs; /* by key in bytewise order */
    size_t input_count, output_count;
    saved_default *defaults; /* by key */
    size_t default_count;
    bytes message; /* SignatureDef */
} saved_signature;

typedef struct saved_collection {
    const char *key;
    bytes message; /* CollectionDef */
} saved_collection;

typedef struct saved_asset {
    const char *tensor; /* fed with the path of the file */
    const char *file;   /* name inside assets/, as stored: use saved_asset_path */
} saved_asset;

/* SaverDef; names are "" when absent. */
typedef struct saved_saver {
    const char *filename_tensor, *save_tensor, *restore_op;
    bool sharded;
    int version;
} saved_saver;

typedef struct saved_metagraph {
    const char **tags; /* as stored */
    size_t tag_count;
    const char *tensorflow_version; /* "" when absent */
    saved_signature *signatures;    /* by key */
    size_t signature_count;
    saved_collection *collections; /* by key */
    size_t collection_count;
    saved_asset *assets; /* in order: the object graph refers to them by index */
    size_t asset_count;
    bool has_saver, has_object_graph;
    saved_saver saver;

    /* The parts as wire bytes; data is NULL when absent. Where a file spreads one over several fields, its pieces are
     * put together. */
    bytes message; /* MetaGraphDef; NULL data for a frozen graph */
    bytes meta_info, graph_def, saver_def, object_graph;
} saved_metagraph;

typedef enum saved_kind { SAVED_MODEL, SAVED_METAGRAPH, SAVED_GRAPH } saved_kind;

typedef struct saved_model {
    char *path;         /* as given */
    char *folder;       /* the SavedModel directory, or NULL when a file was given */
    char *file;         /* the .pb or .pbtxt that was read */
    saved_kind kind;    /* of that file: SavedModel, MetaGraphDef (.meta) or GraphDef (a frozen graph) */
    bool is_text;       /* it was text; `message` is its binary form in memory */
    bool has_variables; /* variables/variables.index exists */
    int64_t schema_version;
    bytes message; /* the whole file in binary form; a byte's offset in a binary file is its distance from here */
    saved_metagraph *metagraphs; /* one, without tags, unless kind is SAVED_MODEL */
    size_t metagraph_count;
    buffer binary;
    file_map *map; /* retain it for what shall outlive this; tensor_proto_in_map */
    arena memory;
} saved_model;

/* ---- reading */

/* Opens a SavedModel directory (saved_model.pb, else .pbtxt), or a file: SavedModel, MetaGraphDef or GraphDef, binary
 * or text, told apart by content. The file is mapped, or read when COPY. *out is the caller's (saved_model_close).
 * Errors: NOT_FOUND (no such path, or a directory without a model), DATA_LOSS (malformed), RESOURCE_EXHAUSTED,
 * UNIMPLEMENTED (only the chunked form saved_model.cpb is there). */
inlay_status saved_model_open(const char *path, bool copy, saved_model **out, inlay_error *err);
void saved_model_close(saved_model *model); /* NULL is fine */

/* The SavedModel that MESSAGE (the bytes of a saved_model.pb) would be in the place of LIKE, a folder: an edit that is
 * not yet written. Takes MESSAGE, also when it fails. */
inlay_status saved_model_open_edited(const saved_model *like, buffer *message, saved_model **out, inlay_error *err);

/* The metagraph whose tags are the comma-separated TAG_SET, in any order; NULL: the only one, else the one tagged
 * "serve" alone. NOT_FOUND lists the tag sets there are. */
inlay_status saved_model_pick(const saved_model *model, const char *tag_set, const saved_metagraph **out,
                              inlay_error *err);

/* NULL when there is none. */
const saved_signature *saved_find_signature(const saved_metagraph *graph, const char *key);
const saved_collection *saved_find_collection(const saved_metagraph *graph, const char *key);
const saved_tensor *saved_find_tensor(const saved_tensor *tensors, size_t count, const char *key);

/* The op that initialises tables and the like: of the signature __saved_model_init_op, else of the collections
 * saved_model_main_op or legacy_init_op. *name is NULL when there is none. FAILED_PRECONDITION when a collection does
 * not hold exactly one name. */
inlay_status saved_init_op(saved_model *model, const saved_metagraph *graph, const char **name, inlay_error *err);

/* The path of an asset's file, on the heap (mem_free). INVALID_ARGUMENT when the name leaves assets/ or the file is a
 * symbolic link out of it, NOT_FOUND when there is none, FAILED_PRECONDITION when the model is no directory. */
inlay_status saved_asset_path(const saved_model *model, const saved_asset *asset, char **out, inlay_error *err);

/* "DIR/variables/variables", on the heap (mem_free). FAILED_PRECONDITION when the model is no directory. */
inlay_status saved_variables_prefix(const saved_model *model, char **out, inlay_error *err);

/* A reader of bytes of this model, whose errors name the file and the offset in it. */
wire_reader saved_reader(const saved_model *model, bytes message);

/* For tensor_proto_read of a tensor in this model: large contents stay in the map, which they hold. */
tensor_proto_options saved_tensor_options(const saved_model *model);

/* Walks messages that lie in the file: nodes and functions, in order. */
typedef struct saved_walk {
    wire_reader levels[4];
    uint32_t numbers[4];
    int level, depth;
} saved_walk;
saved_walk saved_nodes(const saved_model *model, const saved_metagraph *graph);     /* NodeDef */
saved_walk saved_functions(const saved_model *model, const saved_metagraph *graph); /* FunctionDef of the library */
/* FIELD->data is the message, FIELD->whole what splice_replace takes. */
inlay_status saved_walk_next(saved_walk *walk, wire_field *field, bool *got, inlay_error *err);

/* ---- editing one metagraph; all else, and all that is not named, stays as the bytes it was */

/* Everything given is copied. Failed allocations stick until saved_edit_finish. */
typedef struct saved_edit {
    const saved_model *model;     /* NULL: nothing yet */
    const saved_metagraph *graph; /* NULL: nothing yet */
    buffer nodes, functions;      /* whole fields to add: GraphDef.node, FunctionDefLibrary.function */
    buffer assets;                /* MetaGraphDef.asset_file_def */
    struct saved_keyed *keyed;    /* signatures and collections */
    size_t keyed_count;
    struct saved_swap {
        bytes field;
        buffer with;
    } * swaps;
    size_t swap_count;
    buffer meta_info, saver, object_graph, versions;
    bool set_meta_info, set_saver, set_object_graph, set_versions, failed;
} saved_edit;

/* Edits GRAPH of MODEL; both NULL to make a SavedModel of nothing. A frozen graph becomes the only metagraph of a
 * SavedModel; unless saved_edit_meta_info is called it and a model of nothing get the tag "serve". */
void saved_edit_begin(saved_edit *edit, const saved_model *model, const saved_metagraph *graph);

void saved_edit_add_node(saved_edit *edit, bytes node_def);
void saved_edit_add_function(saved_edit *edit, bytes function_def);
void saved_edit_add_asset(saved_edit *edit, bytes asset_file_def);

/* Add or replace the entry KEY; NULL data removes it. */
void saved_edit_signature(saved_edit *edit, const char *key, bytes signature_def);
void saved_edit_collection(saved_edit *edit, const char *key, bytes collection_def);

/* Add or replace; NULL data removes. */
void saved_edit_meta_info(saved_edit *edit, bytes meta_info_def);
void saved_edit_saver(saved_edit *edit, bytes saver_def);
void saved_edit_object_graph(saved_edit *edit, bytes saved_object_graph);
void saved_edit_versions(saved_edit *edit, bytes version_def); /* of the GraphDef */

/* Instead of the node or function that a walk gave as FIELD: another message of that type, or none when its data is
 * NULL. */
void saved_edit_replace(saved_edit *edit, const wire_field *field, bytes message);

/* Appends the SavedModel to OUT and ends the edit, whatever the result. RESOURCE_EXHAUSTED when it is 2 GiB or more,
 * which no protobuf reader takes. */
inlay_status saved_edit_finish(saved_edit *edit, buffer *out, inlay_error *err);
void saved_edit_abandon(saved_edit *edit); /* fine after finish */

#endif

/* The graph side of fuse: an extractor's model with the variables, the search and its signature added. What is written,
 * and which TensorFlow loader needs what of it, is in docs/formats/fused_model.md. */
#ifndef EDIT_FUSE_GRAPH_H
#define EDIT_FUSE_GRAPH_H

#include "edit/fuse/search_graph.h"
#include "format/saved_model.h"

typedef enum fuse_form {
    FUSE_NO_EXTRACTOR, /* the query is an input */
    FUSE_GRAPH,        /* nodes are added to a graph: TF1 SavedModels and frozen graphs */
    FUSE_OBJECTS       /* a function is added, and objects: TF2 SavedModels */
} fuse_form;

typedef struct fuse_types {
    dtype *types;
    size_t n;
} fuse_types;

/* The model that is fused into. Names and arrays live in its model or in the job's arena. */
typedef struct fuse_extractor {
    fuse_form form;
    saved_model *model; /* NULL for FUSE_NO_EXTRACTOR */
    const saved_metagraph *graph;
    const char *signature;      /* its key; NULL when it has none */
    const saved_tensor *inputs; /* sorted by key */
    size_t n_inputs;
    saved_tensor feature;
    bool default_is_search;        /* serving_default is a search that has a name of its own, too */
    const char *feature_signature; /* the one to add, that gives the feature; NULL: the model has one */

    /* FUSE_OBJECTS */
    bytes checkpoint_objects; /* TrackableObjectGraph */
    bytes function;           /* FunctionDef of the signature */
    const char *function_name;
    fuse_types takes, gives; /* of the function: its arguments, then the captures; its outputs */
    size_t *arguments;       /* [n_inputs] which of the inputs an argument of the function is */
    const char **captures;   /* [n_captures] references in the main graph */
    size_t n_captures;
    int64_t *bound_inputs; /* [n_captures] nodes of the object graph */
    int feature_output;    /* among the outputs of the function */
    int64_t signature_map; /* node of the object graph */
} fuse_extractor;

/* A variable that the fused model gains. */
typedef struct fuse_variable {
    const char *name; /* "rows_0" */
    const char *key;  /* in the bundle */
    dtype type;
    shape dims;
} fuse_variable;

/* The signatures that a collection may have. All nodes but those of the search lie in a folder under the prefix. */
typedef enum fuse_part {
    FUSE_SEARCH,
    FUSE_SIMILAR, /* the rows like rows that are named by number */
    FUSE_LOOKUP,  /* those rows */
    FUSE_PARTS
} fuse_part;
extern const char *const fuse_part_folders[FUSE_PARTS]; /* "", "similar/", "lookup/" */

/* Which of them NAME, what follows the prefix and its slash in the name of a node, belongs to. */
fuse_part fuse_part_of(bytes name);

/* The key of the signature PART of the collection NAME unless it is given another: "similar" of the search "search",
 * "NAME_similar" of others. NULL when memory is out. */
const char *fuse_part_key(fuse_part part, const char *name, arena *a);

/* What is added. */
typedef struct fuse_graph {
    const char *name;              /* of the signature */
    const char *parts[FUSE_PARTS]; /* keys of the signatures beside the search; NULL: it is not made */
    const char *prefix;            /* of nodes, keys and objects: "inlay_NAME" */
    int32_t default_k;
    bool make_default;
    int64_t dim;
    search_metric metric;
    dtype type;
    bool guard_nan;
    const fuse_variable *variables;
    size_t n_variables;
    const graph_chunk *chunks; /* rows, side: names of variables instead of references */
    size_t n_chunks;
    const char *payload;          /* the output "labels" or "ids"; NULL: none */
    const char *payload_variable; /* that holds it */
    dtype payload_type;
} fuse_graph;

/* Appends the saved_model.pb to SAVED_MODEL and, for FUSE_OBJECTS, the new TrackableObjectGraph to CHECKPOINT_OBJECTS.
 */
inlay_status fuse_write_graph(const fuse_extractor *e, const fuse_graph *g, arena *a, buffer *saved_model,
                              buffer *checkpoint_objects, inlay_error *err);

/* The name of a FunctionDef; empty when it has none. */
inlay_status fuse_function_name(bytes function, const char *file, bytes *name, inlay_error *err);

/* The key of variable NAME in the bundle; NULL when memory is out. */
const char *fuse_variable_key(fuse_form form, const char *prefix, const char *name, arena *a);

#endif

/* A fused collection read back from the model that holds it: its graph and its bundle say everything (the manifest is
 * not asked). The inverse of fuse. Parts and names: docs/formats/fused_model.md. */
#ifndef EDIT_COLLECTION_H
#define EDIT_COLLECTION_H

#include "edit/fuse/fuse_graph.h"
#include "format/bundle.h"

/* Consecutive rows, by rising first_row. Names are those of variables, "rows_3". */
typedef struct collection_chunk {
    const char *rows, *side;             /* side NULL: none */
    const bundle_entry *stored, *factor; /* their entries; factor NULL: none */
    int64_t count, first_row;
    bool transposed, guarded; /* guarded: NaN scores become minus infinity */
} collection_chunk;

typedef struct collection {
    saved_model *model;
    const saved_metagraph *graph;
    bundle *bundle;
    char *bundle_prefix;
    bool borrowed; /* model and bundle are the caller's */

    const char *name, *prefix; /* "search", "inlay_search" */
    fuse_form form;
    search_metric metric;
    dtype type; /* of the rows */
    int64_t rows, dim;
    int32_t default_k;
    const saved_signature *signature; /* one that is this search */
    bool is_default;                  /* serving_default is this search */
    const char *parts[FUSE_PARTS];    /* keys of the signatures beside the search; NULL: there is none */
    collection_chunk *chunks;
    size_t n_chunks;
    const char *payload;          /* "labels" or "ids", the output; NULL: none */
    const char *payload_variable; /* the variable's name */
    const bundle_entry *payload_stored;
    size_t next_variable; /* no variable has a name that ends in _N with N this or more */

    const char *query; /* what the search is asked with: a tensor of the main graph, or of the function */
    bool own_query;    /* it is an input that fuse added: there is no extractor */

    /* FUSE_OBJECTS */
    bytes objects; /* the checkpoint's object graph, where it is not the bundle's any more; else no data */
    const char *function_name;
    bytes function, call;                  /* FunctionDef; NodeDef of its call in the main graph */
    const char *functions[FUSE_PARTS + 1]; /* names of all its functions, NULL-terminated */
} collection;

/* Opens the collection NAME of the model in the folder PATH; NULL: "search", or the only one. *c is the caller's
 * (collection_close, also after a failure), what it points to the arena's or its own.
 * Errors: NOT_FOUND (none, or none of that name: lists those there are), INVALID_ARGUMENT (several, none called
 * search), DATA_LOSS (its parts do not fit each other), UNIMPLEMENTED (changed by something else than Inlay). */
inlay_status collection_open(const char *path, const char *name, arena *a, collection *c, inlay_error *err);
void collection_close(collection *c);

/* The same of MODEL, which C takes, also when it fails. */
inlay_status collection_open_model(saved_model *model, const char *name, arena *a, collection *c, inlay_error *err);

/* The same of MODEL whose variables VARIABLES are; both stay the caller's and must outlive C. */
inlay_status collection_open_borrowed(saved_model *model, bundle *variables, const char *name, arena *a, collection *c,
                                      inlay_error *err);

/* C as it stands in MODEL, a state of its own model in which other parts were edited. MODEL stays the caller's and must
 * outlive what is done with C, which is not to be closed then (give a copy). */
inlay_status collection_move(collection *c, saved_model *model, arena *a, inlay_error *err);

/* Rows that can no longer win: their factor is NaN, or infinite for l2. *count is their number in CHUNK. */
bool collection_is_tombstone(const collection *c, float side);
inlay_status collection_tombstones(const collection *c, size_t chunk, int64_t *count, inlay_error *err);

/* Which part of the collection S asks: one of its outputs lies there. FUSE_PARTS: none of this collection. */
fuse_part collection_part(const collection *c, const saved_signature *s);

/* The names of the collections of a metagraph, in the arena. */
inlay_status collection_names(const saved_model *model, const saved_metagraph *graph, arena *a, const char ***names,
                              size_t *n, inlay_error *err);

/* Whether NAME ("inlay_search/save/Const", with ':' or '^' as references have them too) lies under PREFIX; *rest is
 * what follows the slash, without output number. */
bool collection_owns(const char *prefix, bytes name, bytes *rest);

#endif

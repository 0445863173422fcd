/* Between the files of cast.h: a model's graphs when variables become half types. What computes with them goes on in
 * float32: each read is followed by a Cast, each write preceded by one. */
#ifndef EDIT_CAST_GRAPH_H
#define EDIT_CAST_GRAPH_H

#include "edit/change.h"
#include "edit/scope.h"

/* A variable as nodes of one graph or function see it. */
typedef struct cast_handle {
    size_t scope;
    bytes ref;   /* "node" in a main graph; in a function "argument" or "node:resource:0" */
    bool is_ref; /* a variable of old, whose node gives a reference */
} cast_handle;

/* Input or output INDEX of a node. */
typedef struct cast_use {
    size_t scope;
    const scope_node *node;
    size_t index;
    bool direct; /* it has the half type as it is, and needs no Cast */
} cast_use;

/* A list of dtypes in an attribute that changes, of a restore or save op. */
typedef struct cast_list {
    const scope_node *node;
    dtype *types;
    size_t n;
} cast_list;

/* The output FROM of a scope's nodes is TO from now on, for all that take it. */
typedef struct cast_swap {
    size_t scope;
    bytes from, to;
} cast_swap;

typedef struct cast_graph {
    change *c;
    scope_list scopes;
    dtype to;
    cast_handle *handles;
    size_t n_handles, handle_room;
    cast_list *lists;
    size_t n_lists, list_room;
    cast_swap *swaps;
    size_t n_swaps, swap_room;
    cast_use *writes; /* of handles: their input 1 is what is written */
    size_t n_writes, write_room;
    cast_use *saves, *restores; /* of keys: the input that is saved, the output that is restored */
    size_t n_saves, save_room, n_restores, restore_room;
    map added;    /* names of new nodes */
    size_t casts; /* how many there are */
} cast_graph;

inlay_status cast_graph_open(cast_graph *g, change *c, dtype to, inlay_error *err);
void cast_graph_close(cast_graph *g); /* a zeroed one is fine */

/* KEY is to be restored and saved in the new dtype, and what it is restored into are handles. */
inlay_status cast_graph_add_key(cast_graph *g, bytes key, inlay_error *err);

/* An argument of FUNCTION, counted from its last one, 1, is a variable that becomes a half type; whether it is known as
 * one. */
inlay_status cast_graph_add_argument(cast_graph *g, const saved_metagraph *graph, bytes function, size_t from_end,
                                     inlay_error *err);
inlay_status cast_graph_is_argument(cast_graph *g, const saved_metagraph *graph, bytes function, size_t from_end,
                                    bool *out, inlay_error *err);

/* Follows all handles to what uses them and hands the edits to the change's splice. FAILED_PRECONDITION names a node
 * that can do nothing with a half type, or a function that is also called with another variable. */
inlay_status cast_graph_finish(cast_graph *g, inlay_error *err);

/* cast_node.c: edits of single nodes */
inlay_status cast_set_attr(cast_graph *g, const scope_node *node, const char *name, const buffer *value,
                           inlay_error *err);
inlay_status cast_set_type(cast_graph *g, const scope_node *node, const char *name, inlay_error *err);
inlay_status cast_set_input(cast_graph *g, const scope_node *node, size_t index, bytes to, inlay_error *err);
inlay_status cast_rename(cast_graph *g, const scope_node *node, bytes to, inlay_error *err);
/* Adds the node NAME to SCOPE: Cast of INPUT to or from the half type. *out is how others name its output. */
inlay_status cast_put_node(cast_graph *g, size_t scope, bytes name, bytes input, bool to_half, bytes *out,
                           inlay_error *err);
/* A name for a new node of SCOPE, near BASE. */
inlay_status cast_fresh_name(cast_graph *g, size_t scope, bytes base, const char *suffix, bytes *out, inlay_error *err);
/* The output OUTPUT of NODE, which is output ARGUMENT:INDEX in a function, as others name it. */
inlay_status cast_output(cast_graph *g, size_t scope, bytes node, const char *argument, size_t index, size_t output,
                         bytes *out, inlay_error *err);
bool cast_same_output(const cast_graph *g, size_t scope, bytes input, bytes ref); /* "x" is "x:0" in a main graph */
inlay_status cast_apply_swaps(cast_graph *g, inlay_error *err);
/* The name of argument INDEX of the function of SCOPE (data NULL: there is none), with its ArgDef. */
inlay_status cast_argument(const cast_graph *g, size_t scope, size_t index, bytes *name, bytes *arg, inlay_error *err);
inlay_status cast_keep(cast_graph *g, const buffer *b, bytes *out, inlay_error *err); /* a copy in the arena */

inlay_status cast_set_number(cast_graph *g, const wire_field *field, uint64_t value, inlay_error *err);
/* What argument REF of the function of SCOPE says of the variable that it is a handle of. */
inlay_status cast_set_handle_data(cast_graph *g, size_t scope, bytes ref, inlay_error *err);

/* cast_objects.c: variables of the SavedObjectGraph that are stored under KEYS [n], by STORED, the checkpoint's graph:
 * their dtypes, and the functions that capture them. With CHECK, once all handles are known: that such functions
 * capture no other variable in the same place. */
inlay_status cast_objects(cast_graph *g, bytes stored, const bytes *keys, size_t n, bool check, inlay_error *err);

#endif

/* The nodes of a model's graphs and functions as the bytes they are, for edits that change a few of them: who is called
 * what, who feeds whom. */
#ifndef EDIT_SCOPE_H
#define EDIT_SCOPE_H

#include "base/map.h"
#include "format/saved_model.h"

typedef struct scope_node {
    bytes name, op;
    bytes message; /* NodeDef */
    bytes *inputs; /* as they stand: "node:1", "node:output:0", "^node" */
    size_t n_inputs;
} scope_node;

typedef struct scope {
    const saved_metagraph *graph; /* the metagraph that it is of */
    bytes function;               /* name; data NULL: the main graph */
    bytes function_def;
    scope_node *nodes;
    size_t n_nodes;
    map by_name; /* index in nodes */
} scope;

typedef struct scope_list {
    scope *items;
    size_t count, capacity;
    const char *file;
} scope_list;

/* Every main graph and every function of MODEL, which must outlive the list; memory is A's but for the maps. */
inlay_status scopes_open(const saved_model *model, arena *a, scope_list *out, inlay_error *err);
void scopes_close(scope_list *list); /* a zeroed one is fine */

/* The node of S that INPUT names, NULL when there is none (a function's argument). *output (may be NULL): the number at
 * the end of INPUT. */
const scope_node *scope_feeder(const scope *s, bytes input, int64_t *output);
bytes input_node(bytes input); /* the node's name alone */

/* The AttrValue NAME of NODE; empty when it has none. */
inlay_status scope_attr(const scope_list *list, const scope_node *node, const char *name, bytes *out, inlay_error *err);

#endif

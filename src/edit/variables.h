/* Which variable of a model's graph each stored tensor is restored into. */
#ifndef EDIT_VARIABLES_H
#define EDIT_VARIABLES_H

#include "edit/scope.h"

typedef struct stored_variable {
    bytes key;
    const scope_node *handle; /* VarHandleOp, VariableV2 or Variable in the main graph of GRAPH */
    const saved_metagraph *graph;
} stored_variable;

typedef struct variable_list {
    stored_variable *items;
    size_t count, capacity;
} variable_list;

/* Every assignment of what a RestoreV2 gives, in main graphs and in the functions that they call. What cannot be
 * followed is left out. */
inlay_status variables_list(const scope_list *scopes, variable_list *out, inlay_error *err);
void variables_free(variable_list *list); /* a zeroed one is fine */

/* Whether one stands for the other: one node, two that are shared under one name, or one that is initialised by reading
 * the other, as Keras's export copies its variables. */
inlay_status variables_same(const scope_list *scopes, const stored_variable *a, const stored_variable *b, bool *same,
                            inlay_error *err);

#endif

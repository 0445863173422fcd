/* Where a model says under which keys its tensors are stored: the constants that feed its restore and save ops, and the
 * object graph inside its checkpoint. */
#ifndef EDIT_STORED_KEYS_H
#define EDIT_STORED_KEYS_H

#include "edit/change.h"
#include "edit/scope.h"

/* The node that restores KEY, NULL when none does. */
inlay_status keys_restored_by(const scope_list *scopes, bytes key, const scope_node **out, inlay_error *err);

/* The key of output NUMBER of NODE, a restore op of S; empty when it cannot be told. */
inlay_status keys_nth(const scope_list *scopes, const scope *s, const scope_node *node, int64_t number, bytes *key,
                      inlay_error *err);

/* Has every restore and save op of the model call FROM by the name TO. *changed counts the constants. */
inlay_status keys_rename_in_graph(change *c, const scope_list *scopes, bytes from, bytes to, size_t *changed,
                                  inlay_error *err);

/* The same in the checkpoint's object graph; TO without data: what points at FROM goes. *changed counts. */
inlay_status keys_rename_in_objects(change *c, bytes from, bytes to, size_t *changed, inlay_error *err);

#endif

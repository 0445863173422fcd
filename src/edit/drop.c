#include "edit/stored_keys.h"
#include "edit/tensors.h"

/* A model could not load without what it restores. */
static inlay_status refuse_restored(const change *c, const scope_list *scopes, bytes key, inlay_error *err) {
    const scope_node *node;
    TRY(keys_restored_by(scopes, key, &node, err));
    if (!node) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, c->model->file, -1,
                   "%s is restored by the node %.*s: the model could not load without it", (const char *)key.data,
                   (int)(node->name.size < 200 ? node->name.size : 200), (const char *)node->name.data);
}

static inlay_status drop_one(change *c, const scope_list *scopes, bytes key, inlay_error *err) {
    size_t objects;
    TRY(edit_refuse_owned(c, key, "; inlay defuse takes that out", err));
    if (c->model) TRY(refuse_restored(c, scopes, key, err));
    if (c->model && bytes_is(key, BUNDLE_OBJECTS_KEY))
        return fail_at(err, INLAY_FAILED_PRECONDITION, c->model->file, -1,
                       "TensorFlow restores a model's objects by %s", BUNDLE_OBJECTS_KEY);
    TRY(bundle_edit_drop(c->bundle, key, err));
    change_note(c, "%s is dropped", (const char *)key.data);
    TRY(keys_rename_in_objects(c, key, (bytes){0}, &objects, err));
    if (objects) change_note(c, "the checkpoint's object graph: %zu places", objects);
    return INLAY_OK;
}

inlay_status edit_drop(const char *model, const char *const *keys, size_t n, const inlay_edit_options *options,
                       inlay_error *err) {
    change c;
    scope_list scopes = {0};
    if (n == 0) return fail(err, INLAY_INVALID_ARGUMENT, "no key is given");
    TRY(change_begin(model, options, NULL, &c, err));
    inlay_status status;
    if (!c.bundle)
        TRY_TO(failed, fail_at(err, INLAY_UNIMPLEMENTED, c.path, -1,
                               "stores its tensors in the graph, where each has a use; nothing can be dropped"));
    if (c.model) TRY_TO(failed, scopes_open(c.model, &c.a, &scopes, err));
    for (size_t i = 0; i < n; i++) TRY_TO(failed, drop_one(&c, &scopes, bytes_of(keys[i]), err));
    scopes_close(&scopes);
    return change_commit(&c, err);
failed:
    scopes_close(&scopes);
    change_abandon(&c);
    return status;
}

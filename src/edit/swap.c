#include "edit/stored_keys.h"
#include "edit/tensors.h"
#include "edit/variables.h"
#include "format/npy.h"
#include "format/tensor_json.h"

enum { ATTR_TENSOR = 8 };

static inlay_status load(const char *file, dtype wanted, tensor **out, inlay_error *err) {
    size_t n = strlen(file);
    if (n > 5 && strcmp(file + n - 5, ".json") == 0) return tensor_json_read(file, wanted, out, err);
    return npy_read(file, wanted, false, out, err);
}

static inlay_status check_type(const char *key, const char *file, dtype stored, const tensor *value, inlay_error *err) {
    if (value->type == stored) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, file, -1, "holds %s, %s is stored as %s", dtype_name(value->type), key,
                   dtype_name(stored));
}

/* A graph says everywhere what shape its variables have; a checkpoint alone does not. */
static inlay_status check_shape(const char *key, const char *file, const shape *stored, const tensor *value,
                                inlay_error *err) {
    char old[SHAPE_TEXT], fresh[SHAPE_TEXT];
    if (shape_equal(&value->dims, stored)) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, file, -1, "has the shape %s, the model's graph wants %s for %s",
                   shape_text(&value->dims, fresh), shape_text(stored, old), key);
}

static void note_swap(change *c, const char *key, const shape *before, const shape *after) {
    char old[SHAPE_TEXT], fresh[SHAPE_TEXT];
    if (shape_equal(before, after))
        change_note(c, "%s: other contents, shape %s as before", key, shape_text(before, old));
    else
        change_note(c, "%s: shape %s becomes %s", key, shape_text(before, old), shape_text(after, fresh));
}

/* Keras stores copies of its variables; which of them counts depends on the loader. */
static inlay_status swap_copies(change *c, const variable_list *all, const scope_list *scopes, bytes key,
                                inlay_error *err) {
    const bundle_entry *e = bundle_find(c->old, key), *copy;
    for (size_t i = 0; i < all->count; i++) {
        for (size_t k = 0; bytes_equal(all->items[i].key, key) && k < all->count; k++) {
            bytes other = all->items[k].key;
            bool same;
            TRY(variables_same(scopes, &all->items[i], &all->items[k], &same, err));
            if (!same || bytes_equal(other, key) || !(copy = bundle_find(c->old, other))) continue;
            if (copy->type != e->type || !shape_equal(&copy->dims, &e->dims) || copy->n_slices) continue;
            if (copy->crc != e->crc) continue; /* it has been changed by itself */
            TRY(bundle_edit_put_as(c->bundle, copy->key, key, err));
            change_note(c, "%s: the same variable, the same contents", (const char *)copy->key.data);
        }
    }
    return INLAY_OK;
}

static inlay_status swap_in_model(change *c, bytes key, inlay_error *err) {
    scope_list scopes;
    variable_list all = {0};
    TRY(scopes_open(c->model, &c->a, &scopes, err));
    inlay_status status = variables_list(&scopes, &all, err);
    if (status == INLAY_OK) status = swap_copies(c, &all, &scopes, key, err);
    variables_free(&all);
    scopes_close(&scopes);
    return status;
}

static inlay_status swap_stored(change *c, const char *key, const char *file, inlay_error *err) {
    tensor *value = NULL;
    const bundle_entry *e = bundle_find(c->old, bytes_of(key));
    if (!e) return fail_at(err, INLAY_NOT_FOUND, c->path, -1, "no tensor %s", key);
    if (strcmp(key, BUNDLE_OBJECTS_KEY) == 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is the object graph and no tensor", BUNDLE_OBJECTS_KEY);
    TRY(edit_refuse_owned(c, e->key, "; inlay rows changes its rows", err));
    TRY(load(file, e->type, &value, err));
    inlay_status status = check_type(key, file, e->type, value, err);
    if (status == INLAY_OK && c->model) status = check_shape(key, file, &e->dims, value, err);
    if (status == INLAY_OK) note_swap(c, key, &e->dims, &value->dims);
    if (status == INLAY_OK) status = bundle_edit_put(c->bundle, e->key, value, err);
    if (status == INLAY_OK && c->model) status = swap_in_model(c, e->key, err);
    tensor_release(value);
    return status;
}

/* ---- a constant of a graph */

static inlay_status put_value(change *c, const scope_list *scopes, const scope_node *node, const tensor *value,
                              inlay_error *err) {
    bytes attr;
    wire_field field;
    bool found;
    buffer message = {0}, whole = {0};
    TRY(scope_attr(scopes, node, "value", &attr, err));
    TRY(wire_find(attr, ATTR_TENSOR, scopes->file, &field, &found, err));
    if (!found) return fail_at(err, INLAY_DATA_LOSS, scopes->file, -1, "a constant without a value");
    inlay_status status = tensor_proto_write(&message, value, err);
    if (status == INLAY_OK) {
        wire_put_message(&whole, ATTR_TENSOR, &message);
        const char *kept = whole.failed ? NULL : arena_copy(&c->a, buffer_bytes(&whole));
        if (kept)
            splice_replace(&c->graph, field.whole, bytes_make(kept, whole.size));
        else
            status = fail_memory(err);
    }
    buffer_free(&message);
    buffer_free(&whole);
    return status;
}

static inlay_status swap_constant(change *c, const char *key, const char *file, inlay_error *err) {
    scope_list scopes;
    tensor *value = NULL;
    dtype stored;
    shape dims;
    bytes attr;
    wire_field field;
    bool found = false;
    TRY(scopes_open(c->model, &c->a, &scopes, err));
    inlay_status status;
    const scope *s = &scopes.items[0];
    const scope_node *node = scopes.count ? scope_feeder(s, bytes_of(key), NULL) : NULL;
    if (!node || !bytes_is(node->op, "Const"))
        TRY_TO(done, fail_at(err, INLAY_NOT_FOUND, c->path, -1, "no constant %s", key));
    TRY_TO(done, scope_attr(&scopes, node, "value", &attr, err));
    TRY_TO(done, wire_find(attr, ATTR_TENSOR, scopes.file, &field, &found, err));
    TRY_TO(done, tensor_proto_read_header(wire_open(field.data, scopes.file, NULL), &stored, &dims, err));
    TRY_TO(done, load(file, stored, &value, err));
    TRY_TO(done, check_type(key, file, stored, value, err));
    TRY_TO(done, check_shape(key, file, &dims, value, err));
    note_swap(c, key, &dims, &value->dims);
    status = put_value(c, &scopes, node, value, err);
done:
    scopes_close(&scopes);
    tensor_release(value);
    return status;
}

inlay_status edit_swap(const char *model, const char *key, const char *file, const inlay_edit_options *options,
                       inlay_error *err) {
    change c;
    TRY(change_begin(model, options, NULL, &c, err));
    inlay_status status = c.bundle ? swap_stored(&c, key, file, err) : swap_constant(&c, key, file, err);
    if (status == INLAY_OK) return change_commit(&c, err);
    change_abandon(&c);
    return status;
}

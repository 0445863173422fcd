#include "edit/stored_keys.h"

/* ---- restore and save ops */

static bool reads_keys(bytes op) {
    static const char *const ops[] = {"RestoreV2", "Restore", "RestoreSlice"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (bytes_is(op, ops[i])) return true;
    return false;
}

static bool writes_keys(bytes op) {
    static const char *const ops[] = {"SaveV2", "Save", "SaveSlices"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (bytes_is(op, ops[i])) return true;
    return false;
}

/* The constant with the keys of NODE, one that restores or saves: its second input. */
static const scope_node *keys_of(const scope *s, const scope_node *node) {
    const scope_node *keys = node->n_inputs > 1 ? scope_feeder(s, node->inputs[1], NULL) : NULL;
    return keys && bytes_is(keys->op, "Const") ? keys : NULL;
}

/* Calls FN for each string in the constant NODE; stops when it says so. */
static inlay_status each_string(const scope_list *scopes, const scope_node *node,
                                bool (*fn)(void *ctx, const wire_field *text), void *ctx, inlay_error *err) {
    wire_field tensor;
    bytes value;
    bool got;
    TRY(scope_attr(scopes, node, "value", &value, err));
    TRY(wire_find(value, 8, scopes->file, &tensor, &got, err)); /* AttrValue.tensor */
    if (!got || tensor.type != WIRE_BYTES) return INLAY_OK;
    wire_reader r = wire_open(tensor.data, scopes->file, NULL);
    for (;;) {
        wire_field text;
        TRY(wire_next(&r, &text, &got, err));
        if (!got) return INLAY_OK;
        if (text.number == 8 && text.type == WIRE_BYTES && !fn(ctx, &text)) return INLAY_OK; /* string_val */
    }
}

typedef struct search {
    bytes key;
    bool found;
} search;

static bool is_key(void *ctx, const wire_field *text) {
    search *s = ctx;
    s->found |= bytes_equal(text->data, s->key);
    return !s->found;
}

typedef struct nth {
    int64_t left;
    bytes key;
} nth;

static bool count_down(void *ctx, const wire_field *text) {
    nth *n = ctx;
    if (n->left-- > 0) return true;
    n->key = text->data;
    return false;
}

inlay_status keys_nth(const scope_list *scopes, const scope *s, const scope_node *node, int64_t number, bytes *key,
                      inlay_error *err) {
    const scope_node *keys = keys_of(s, node);
    nth n = {number, bytes_make("", 0)};
    if (keys) TRY(each_string(scopes, keys, count_down, &n, err));
    *key = n.key;
    return INLAY_OK;
}

inlay_status keys_restored_by(const scope_list *scopes, bytes key, const scope_node **out, inlay_error *err) {
    *out = NULL;
    for (size_t i = 0; i < scopes->count; i++) {
        const scope *s = &scopes->items[i];
        for (size_t k = 0; k < s->n_nodes; k++) {
            const scope_node *keys = reads_keys(s->nodes[k].op) ? keys_of(s, &s->nodes[k]) : NULL;
            search found = {key, false};
            if (keys) TRY(each_string(scopes, keys, is_key, &found, err));
            if (!found.found) continue;
            *out = &s->nodes[k];
            return INLAY_OK;
        }
    }
    return INLAY_OK;
}

typedef struct renaming {
    change *c;
    bytes from, to;
    size_t changed;
    bool failed;
} renaming;

/* TEXT's field with TO in it, or nothing for a TO without data; false when memory is out. */
static bool replacement(renaming *r, uint32_t number, bytes *out) {
    buffer field = {0};
    if (r->to.data) wire_put_bytes(&field, number, r->to);
    const char *kept = field.failed ? NULL : arena_copy(&r->c->a, buffer_bytes(&field));
    *out = bytes_make(kept, field.size);
    buffer_free(&field);
    r->failed |= !kept;
    return kept;
}

static bool rename_one(void *ctx, const wire_field *text) {
    renaming *r = ctx;
    bytes with;
    if (!bytes_equal(text->data, r->from)) return true;
    if (!replacement(r, text->number, &with)) return false;
    splice_replace(&r->c->graph, text->whole, with);
    r->changed++;
    return true;
}

inlay_status keys_rename_in_graph(change *c, const scope_list *scopes, bytes from, bytes to, size_t *changed,
                                  inlay_error *err) {
    renaming r = {.c = c, .from = from, .to = to};
    for (size_t i = 0; i < scopes->count; i++) {
        const scope *s = &scopes->items[i];
        for (size_t k = 0; k < s->n_nodes; k++) {
            const scope_node *n = &s->nodes[k], *keys = reads_keys(n->op) || writes_keys(n->op) ? keys_of(s, n) : NULL;
            if (keys) TRY(each_string(scopes, keys, rename_one, &r, err));
        }
    }
    *changed = r.changed;
    return r.failed ? fail_memory(err) : INLAY_OK;
}

/* ---- the checkpoint's object graph: TrackableObjectGraph.nodes 1, TrackableObject.attributes 2,
 * SerializedTensor.checkpoint_key 3 */

static inlay_status rename_attribute(renaming *r, splice *s, const wire_field *attribute, inlay_error *err) {
    wire_field key;
    bool found;
    TRY(wire_find(attribute->data, 3, bundle_prefix(r->c->old), &key, &found, err));
    if (!found || key.type != WIRE_BYTES || !bytes_equal(key.data, r->from)) return INLAY_OK;
    bytes with;
    if (!replacement(r, 3, &with)) return fail_memory(err);
    if (r->to.data)
        splice_replace(s, key.whole, with);
    else
        splice_replace(s, attribute->whole, (bytes){0});
    r->changed++;
    return INLAY_OK;
}

static inlay_status rename_in_nodes(renaming *r, splice *s, bytes objects, inlay_error *err) {
    const char *file = bundle_prefix(r->c->old);
    wire_reader outer = wire_open(objects, file, NULL);
    for (;;) {
        wire_field node, attribute;
        bool got;
        TRY(wire_next(&outer, &node, &got, err));
        if (!got) return INLAY_OK;
        if (node.number != 1 || node.type != WIRE_BYTES) continue;
        for (wire_reader inner = wire_enter(&outer, &node);;) {
            TRY(wire_next(&inner, &attribute, &got, err));
            if (!got) break;
            if (attribute.number == 2 && attribute.type == WIRE_BYTES) TRY(rename_attribute(r, s, &attribute, err));
        }
    }
}

inlay_status keys_rename_in_objects(change *c, bytes from, bytes to, size_t *changed, inlay_error *err) {
    *changed = 0;
    bytes key = bytes_of(BUNDLE_OBJECTS_KEY);
    const bundle_entry *e = c->old ? bundle_find(c->old, key) : NULL;
    if (!e || e->type != INLAY_STRING || !bundle_edit_has(c->bundle, key)) return INLAY_OK;
    renaming r = {.c = c, .from = from, .to = to};
    splice s = {0};
    buffer next = {0};
    tensor *text = NULL;
    inlay_status status = bundle_read((bundle *)c->old, e, &text, err);
    if (status == INLAY_OK && text->count == 1) {
        bytes objects = c->objects.data ? buffer_bytes(&c->objects) : tensor_string(text, 0);
        status = rename_in_nodes(&r, &s, objects, err);
        if (status == INLAY_OK && r.changed) {
            status = splice_to_buffer(&s, objects, bundle_prefix(c->old), &next, err);
            if (status == INLAY_OK) {
                buffer_free(&c->objects);
                c->objects = next;
                next = (buffer){0};
            }
        }
    }
    *changed = r.changed;
    buffer_free(&next);
    splice_free(&s);
    tensor_release(text);
    return status;
}

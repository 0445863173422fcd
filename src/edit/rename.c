#include "edit/stored_keys.h"
#include "edit/tensors.h"

enum {
    NODE_NAME = 1,
    NODE_INPUT = 3,
    NODE_ATTR = 5,
    ATTR_LIST = 1,
    ATTR_TEXT = 2,
    LIST_TEXT = 2,
    COLLECTION_NODES = 1,
    COLLECTION_BYTES = 2
};

typedef struct renaming {
    change *c;
    bytes from, to;
    size_t changed; /* places */
} renaming;

/* FIELD, a string or bytes inside the graph, becomes PREFIX, the new name and SUFFIX. */
static inlay_status put_name(renaming *r, const wire_field *field, const char *prefix, bytes suffix, inlay_error *err) {
    buffer text = {0}, whole = {0};
    buffer_append_text(&text, prefix);
    buffer_append_bytes(&text, r->to);
    buffer_append_bytes(&text, suffix);
    wire_put_bytes(&whole, field->number, buffer_bytes(&text));
    whole.failed |= text.failed;
    const char *kept = whole.failed ? NULL : arena_copy(&r->c->a, buffer_bytes(&whole));
    if (kept) splice_replace(&r->c->graph, field->whole, bytes_make(kept, whole.size));
    r->changed += kept != NULL;
    buffer_free(&text);
    buffer_free(&whole);
    return kept ? INLAY_OK : fail_memory(err);
}

/* Renames what FIELD refers to when that is the node: "x", "x:0", "^x", and with "loc:@" before it. */
static inlay_status rename_reference(renaming *r, const wire_field *field, inlay_error *err) {
    static const char *const prefixes[] = {"loc:@", "^", ""};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(prefixes[i]);
        if (field->data.size < n || memcmp(field->data.data, prefixes[i], n) != 0) continue;
        bytes rest = bytes_make(field->data.data + n, field->data.size - n), name = input_node(rest);
        if (!bytes_equal(name, r->from)) return INLAY_OK;
        return put_name(r, field, prefixes[i], bytes_make(rest.data + name.size, rest.size - name.size), err);
    }
    return INLAY_OK;
}

/* Calls FN for each field NUMBER of MESSAGE that holds bytes. */
static inlay_status each_bytes(renaming *r, bytes message, uint32_t number,
                               inlay_status (*fn)(renaming *r, const wire_field *field, inlay_error *err),
                               inlay_error *err) {
    wire_reader reader = wire_open(message, r->c->model->file, NULL);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&reader, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == number && field.type == WIRE_BYTES) TRY(fn(r, &field, err));
    }
}

static inlay_status rename_in_list(renaming *r, const wire_field *list, inlay_error *err) {
    return each_bytes(r, list->data, LIST_TEXT, rename_reference, err);
}

/* Nodes are tied to a place by "_class", a list of "loc:@NODE"; a handle says by which name it is shared. */
static inlay_status rename_attribute(renaming *r, const wire_field *attribute, inlay_error *err) {
    wire_reader reader = wire_open(attribute->whole, r->c->model->file, NULL);
    wire_field entry;
    bool got;
    bytes key, value;
    TRY(wire_next(&reader, &entry, &got, err));
    TRY(wire_map_entry(&reader, &entry, &key, &value, err));
    if (bytes_is(key, "_class")) return each_bytes(r, value, ATTR_LIST, rename_in_list, err);
    if (bytes_is(key, "shared_name")) return each_bytes(r, value, ATTR_TEXT, rename_reference, err);
    return INLAY_OK;
}

static inlay_status rename_in_graph(renaming *r, const scope *s, inlay_error *err) {
    for (size_t i = 0; i < s->n_nodes; i++) {
        bytes node = s->nodes[i].message;
        TRY(each_bytes(r, node, NODE_NAME, rename_reference, err));
        TRY(each_bytes(r, node, NODE_INPUT, rename_reference, err));
        TRY(each_bytes(r, node, NODE_ATTR, rename_attribute, err));
    }
    return INLAY_OK;
}

/* A VariableDef: names 1, 2, 3 and 6; the name of the whole that it is a slice of is SaveSliceInfoDef.full_name. */
static inlay_status rename_in_variable(renaming *r, const wire_field *variable, inlay_error *err) {
    static const uint32_t names[] = {1, 2, 3, 6};
    wire_reader check = wire_open(variable->data, NULL, NULL);
    inlay_error no_variable;
    wire_field field;
    for (bool got = true; got;) /* collections of bytes may hold anything */
        if (wire_next(&check, &field, &got, &no_variable) != INLAY_OK) return INLAY_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        TRY(each_bytes(r, variable->data, names[i], rename_reference, err));
    return INLAY_OK;
}

static inlay_status rename_in_variables(renaming *r, const wire_field *list, inlay_error *err) {
    return each_bytes(r, list->data, 1, rename_in_variable, err);
}
static inlay_status rename_in_names(renaming *r, const wire_field *list, inlay_error *err) {
    return each_bytes(r, list->data, 1, rename_reference, err);
}

static inlay_status rename_in_collections(renaming *r, const saved_metagraph *g, inlay_error *err) {
    for (size_t i = 0; i < g->collection_count; i++) {
        TRY(each_bytes(r, g->collections[i].message, COLLECTION_NODES, rename_in_names, err));
        TRY(each_bytes(r, g->collections[i].message, COLLECTION_BYTES, rename_in_variables, err));
    }
    return INLAY_OK;
}

static bool is_variable(bytes op) {
    static const char *const ops[] = {"VarHandleOp", "VariableV2", "Variable"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (bytes_is(op, ops[i])) return true;
    return false;
}

/* What TensorFlow takes for a node's name. */
static bool good_name(bytes name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
        if (!letter && (i == 0 || !strchr("_/\\->", c) || c == 0)) return false;
    }
    return name.size > 0;
}

/* The node FROM of S, when it is what stores the tensor. */
static inlay_status find_node(renaming *r, const scope *s, bool constants, const scope_node **out, inlay_error *err) {
    *out = scope_feeder(s, r->from, NULL);
    if (!*out || !bytes_equal((*out)->name, r->from)) *out = NULL;
    if (*out && !is_variable((*out)->op) && !(constants && bytes_is((*out)->op, "Const"))) *out = NULL;
    if (!*out) return INLAY_OK;
    if (!good_name(r->to))
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is no name for a node", (const char *)r->to.data);
    if (scope_feeder(s, r->to, NULL))
        return fail_at(err, INLAY_ALREADY_EXISTS, r->c->model->file, -1, "there is a node %s already",
                       (const char *)r->to.data);
    return INLAY_OK;
}

/* In a graph without objects variables are known by the names of their nodes, which a Saver takes for keys. */
static inlay_status rename_nodes(renaming *r, const scope_list *scopes, inlay_error *err) {
    bool constants = r->c->model->kind == SAVED_GRAPH;
    for (size_t i = 0; i < scopes->count; i++) {
        const scope *s = &scopes->items[i];
        const scope_node *node;
        if (s->function.data || s->graph->has_object_graph) continue;
        TRY(find_node(r, s, constants, &node, err));
        if (!node) continue;
        TRY(rename_in_graph(r, s, err));
        TRY(rename_in_collections(r, s->graph, err));
        change_note(r->c, "node %s is called %s, in %zu places", (const char *)r->from.data, (const char *)r->to.data,
                    r->changed);
    }
    return INLAY_OK;
}

static inlay_status rename_in_model(renaming *r, inlay_error *err) {
    scope_list scopes;
    size_t keys = 0;
    TRY(scopes_open(r->c->model, &r->c->a, &scopes, err));
    inlay_status status = INLAY_OK;
    if (r->c->model->kind != SAVED_GRAPH) status = keys_rename_in_graph(r->c, &scopes, r->from, r->to, &keys, err);
    if (keys) change_note(r->c, "saved_model: %zu constants of restore and save ops", keys);
    if (status == INLAY_OK) status = rename_nodes(r, &scopes, err);
    scopes_close(&scopes);
    return status;
}

inlay_status edit_refuse_owned(const change *c, bytes key, const char *instead, inlay_error *err) {
    const char *name;
    if (!manifest_owns(c->manifest, key, &name)) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, c->path, -1, "%s belongs to the search \"%s\"%s",
                   (const char *)key.data, name, instead);
}

/* TensorFlow finds the attribute of an object by what stands from here on in its key. */
static const char *attribute_of(const char *key) {
    const char *found = NULL;
    for (const char *p = key; (p = strstr(p, "/.ATTRIBUTES/")); p++) found = p;
    return found ? found : "";
}

static inlay_status check_attribute(const char *from, const char *to, inlay_error *err) {
    const char *attribute = attribute_of(from);
    if (!*attribute || strcmp(attribute, attribute_of(to)) == 0) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "%s is of an object: its new key must end in %s", from, attribute);
}

inlay_status edit_rename(const char *model, const char *from, const char *to, const inlay_edit_options *options,
                         inlay_error *err) {
    change c;
    size_t objects = 0;
    TRY(change_begin(model, options, NULL, &c, err));
    renaming r = {.c = &c, .from = bytes_of(from), .to = bytes_of(to)};
    inlay_status status;
    TRY_TO(failed, edit_refuse_owned(&c, r.from, ", whose keys are fixed", err));
    if (bytes_is(r.from, BUNDLE_OBJECTS_KEY) || bytes_is(r.to, BUNDLE_OBJECTS_KEY))
        TRY_TO(failed, fail(err, INLAY_INVALID_ARGUMENT, "%s is the object graph and no tensor", BUNDLE_OBJECTS_KEY));
    if (c.bundle) {
        TRY_TO(failed, bundle_edit_rename(c.bundle, r.from, r.to, err));
        change_note(&c, "%s is called %s", from, to);
        TRY_TO(failed, keys_rename_in_objects(&c, r.from, r.to, &objects, err));
        if (objects) TRY_TO(failed, check_attribute(from, to, err));
        if (objects) change_note(&c, "the checkpoint's object graph: %zu places", objects);
    }
    if (c.model) TRY_TO(failed, rename_in_model(&r, err));
    if (!c.bundle && r.changed == 0) TRY_TO(failed, fail_at(err, INLAY_NOT_FOUND, c.path, -1, "no constant %s", from));
    return change_commit(&c, err);
failed:
    change_abandon(&c);
    return status;
}

#include "edit/rows/unfuse.h"

#include "base/alloc.h"
#include "edit/object_graph.h"
#include "edit/object_ids.h"

#include <stdio.h>

static const char objects_key[] = "_CHECKPOINTABLE_OBJECT_GRAPH";

typedef struct unfusing {
    const collection *c;
    unfuse_purpose purpose;
    arena *a;
    const char *file;
    const char *old_restore;        /* what restored the rest of the model before; NULL: nothing */
    bool query_used, filename_used; /* by what stays */
    bool keep_query, keep_filename;
    bool rename_features; /* it becomes serving_default */
    saved_edit edit;
} unfusing;

static bool is_query_part(bytes rest) {
    return bytes_is(rest, "query") || bytes_is(rest, "features");
}
static bool is_filename_part(bytes rest) {
    return bytes_is(rest, "save/filename") || bytes_is(rest, "save/Const");
}

/* Whether node REST of the collection stays. */
static bool stays(const unfusing *u, bytes rest) {
    if (is_query_part(rest)) return u->keep_query;
    if (is_filename_part(rest)) return u->keep_filename;
    return u->keep_filename && u->purpose == UNFUSE_REMOVE && bytes_is(rest, "save/saved");
}

/* ---- what others use of it */

/* The input of restore_all that is not of the collection. */
static inlay_status note_restore(unfusing *u, bytes node, inlay_error *err) {
    wire_reader r = wire_open(node, u->file, NULL);
    for (;;) {
        wire_field f;
        bool got;
        bytes rest;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != 3 || f.type != WIRE_BYTES || f.data.size < 2 || collection_owns(u->c->prefix, f.data, &rest))
            continue;
        if (!(u->old_restore = arena_copy(u->a, bytes_make(f.data.data + 1, f.data.size - 1)))) return fail_memory(err);
    }
}

static inlay_status note_uses(unfusing *u, bytes node, inlay_error *err) {
    wire_reader r = wire_open(node, u->file, NULL);
    for (;;) {
        wire_field f;
        bool got;
        bytes rest;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != 3 || f.type != WIRE_BYTES || !collection_owns(u->c->prefix, f.data, &rest)) continue;
        u->query_used |= is_query_part(rest);
        u->filename_used |= is_filename_part(rest);
    }
}

static inlay_status look_at_nodes(unfusing *u, inlay_error *err) {
    saved_walk nodes = saved_nodes(u->c->model, u->c->graph);
    for (;;) {
        wire_field node, name;
        bool got, found;
        bytes rest;
        TRY(saved_walk_next(&nodes, &node, &got, err));
        if (!got) return INLAY_OK;
        TRY(wire_find(node.data, 1, u->file, &name, &found, err));
        bool own = found && name.type == WIRE_BYTES && collection_owns(u->c->prefix, name.data, &rest);
        if (own && bytes_is(rest, "save/restore_all")) TRY(note_restore(u, node.data, err));
        if (!own) TRY(note_uses(u, node.data, err));
    }
}

/* ---- nodes */

/* NODE with its inputs of the collection replaced: restore_all by what was restored before. */
static inlay_status mend_inputs(unfusing *u, const wire_field *node, bool own, inlay_error *err) {
    buffer mended = {0};
    bool changed = false;
    inlay_status status = INLAY_OK;
    wire_reader r = wire_open(node->data, u->file, NULL);
    for (;;) {
        wire_field f;
        bool got;
        bytes rest;
        TRY_TO(done, wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number != 3 || f.type != WIRE_BYTES || !collection_owns(u->c->prefix, f.data, &rest) || stays(u, rest)) {
            buffer_append_bytes(&mended, f.whole);
            continue;
        }
        changed = true;
        bool control = f.data.size && f.data.data[0] == '^';
        if (control && bytes_is(rest, "save/restore_all")) {
            if (!u->old_restore) continue;
            char *name = arena_format(u->a, "^%s", u->old_restore);
            if (!name) TRY_TO(done, fail_memory(err));
            wire_put_text(&mended, 3, name);
        } else if (!own || !control) {
            TRY_TO(done, fail_at(err, INLAY_FAILED_PRECONDITION, u->file, -1,
                                 "the graph uses %.*s of the collection elsewhere",
                                 (int)(f.data.size < 200 ? f.data.size : 200), (const char *)f.data.data));
        }
    }
    TRY_TO(done, buffer_check(&mended, err));
    if (changed) saved_edit_replace(&u->edit, node, buffer_bytes(&mended));
done:
    buffer_free(&mended);
    return status;
}

static inlay_status edit_nodes(unfusing *u, inlay_error *err) {
    saved_walk nodes = saved_nodes(u->c->model, u->c->graph);
    for (;;) {
        wire_field node, name;
        bool got, found;
        bytes rest;
        TRY(saved_walk_next(&nodes, &node, &got, err));
        if (!got) return INLAY_OK;
        TRY(wire_find(node.data, 1, u->file, &name, &found, err));
        bool own = found && name.type == WIRE_BYTES && collection_owns(u->c->prefix, name.data, &rest);
        if (own && !stays(u, rest))
            saved_edit_replace(&u->edit, &node, (bytes){0});
        else
            TRY(mend_inputs(u, &node, own, err));
    }
}

static bool is_own_function(const collection *c, bytes name) {
    for (const char *const *f = c->functions; *f; f++)
        if (bytes_is(name, *f)) return true;
    return false;
}

static inlay_status edit_functions(unfusing *u, inlay_error *err) {
    if (u->c->form != FUSE_OBJECTS) return INLAY_OK;
    saved_walk functions = saved_functions(u->c->model, u->c->graph);
    for (;;) {
        wire_field f;
        bool got;
        bytes name;
        TRY(saved_walk_next(&functions, &f, &got, err));
        if (!got) return INLAY_OK;
        TRY(fuse_function_name(f.data, u->file, &name, err));
        if (is_own_function(u->c, name)) saved_edit_replace(&u->edit, &f, (bytes){0});
    }
}

/* ---- the saver, the collection of variables */

static void put_saver_text(const unfusing *u, buffer *out, const wire_field *f) {
    bytes rest;
    bool own = f->type == WIRE_BYTES && collection_owns(u->c->prefix, f->data, &rest);
    if (!own || stays(u, rest))
        buffer_append_bytes(out, f->whole);
    else if (f->number == 3 && u->old_restore)
        wire_put_text(out, 3, u->old_restore);
}

/* Fields by their numbers, as TensorFlow wrote them. */
static inlay_status edit_saver(unfusing *u, inlay_error *err) {
    const saved_metagraph *graph = u->c->graph;
    bytes rest;
    if (!graph->has_saver) return INLAY_OK;
    if (collection_owns(u->c->prefix, bytes_of(graph->saver.filename_tensor), &rest) && !stays(u, rest)) {
        saved_edit_saver(&u->edit, (bytes){0});
        return INLAY_OK;
    }
    buffer out = {0};
    inlay_status status = INLAY_OK;
    for (uint32_t number = 1; number <= 7 && status == INLAY_OK; number++) {
        wire_reader r = wire_open(graph->saver_def, u->file, NULL);
        for (;;) {
            wire_field f;
            bool got;
            TRY_TO(done, wire_next(&r, &f, &got, err));
            if (!got) break;
            if (f.number == number || (number == 7 && f.number > 7)) put_saver_text(u, &out, &f);
        }
    }
    TRY_TO(done, buffer_check(&out, err));
    saved_edit_saver(&u->edit, out.size ? buffer_bytes(&out) : bytes_make("", 0));
done:
    buffer_free(&out);
    return status;
}

/* CollectionDef: bytes_list 2 {value 1: VariableDef {variable_name 1}}. */
static inlay_status edit_variables(unfusing *u, inlay_error *err) {
    const saved_collection *old = saved_find_collection(u->c->graph, "variables");
    wire_field list, value, name;
    bool found, got, left = false, changed = false;
    if (!old) return INLAY_OK;
    TRY(wire_find(old->message, 2, u->file, &list, &found, err));
    if (!found || list.type != WIRE_BYTES) return INLAY_OK;
    buffer out = {0};
    inlay_status status = INLAY_OK;
    size_t mark = wire_begin(&out, 2);
    wire_reader r = wire_open(list.data, u->file, NULL);
    for (;;) {
        bytes rest;
        TRY_TO(done, wire_next(&r, &value, &got, err));
        if (!got) break;
        found = false;
        if (value.number == 1 && value.type == WIRE_BYTES)
            TRY_TO(done, wire_find(value.data, 1, u->file, &name, &found, err));
        if (found && name.type == WIRE_BYTES && collection_owns(u->c->prefix, name.data, &rest)) {
            changed = true;
            continue;
        }
        buffer_append_bytes(&out, value.whole);
        left = true;
    }
    wire_end(&out, mark);
    TRY_TO(done, buffer_check(&out, err));
    if (changed) saved_edit_collection(&u->edit, "variables", left ? buffer_bytes(&out) : (bytes){0});
done:
    buffer_free(&out);
    return status;
}

/* ---- signatures */

/* Whether one of the tensors is a node of the collection that goes. */
static bool names_lost(const unfusing *u, const saved_tensor *tensors, size_t n) {
    bytes rest;
    for (size_t i = 0; i < n; i++)
        if (collection_owns(u->c->prefix, bytes_of(tensors[i].name), &rest) && !stays(u, rest)) return true;
    return false;
}

/* Whether S is a signature of an extractor: no search, nor the query of one. */
static bool gives_features(const saved_signature *s) {
    if (saved_find_tensor(s->outputs, s->output_count, "scores") &&
        saved_find_tensor(s->outputs, s->output_count, "indices"))
        return false;
    for (size_t i = 0; i < s->output_count; i++)
        if (strncmp(s->outputs[i].name, "inlay_", 6) == 0) return false;
    return true;
}

static void edit_signatures(unfusing *u) {
    const saved_metagraph *graph = u->c->graph;
    for (size_t i = 0; i < graph->signature_count; i++) {
        const saved_signature *s = &graph->signatures[i];
        if (names_lost(u, s->inputs, s->input_count) || names_lost(u, s->outputs, s->output_count))
            saved_edit_signature(&u->edit, s->key, (bytes){0});
    }
    const saved_signature *features = saved_find_signature(graph, "features");
    u->rename_features = u->c->is_default && features && gives_features(features);
    if (!u->rename_features) return;
    saved_edit_signature(&u->edit, "serving_default", features->message);
    saved_edit_signature(&u->edit, "features", (bytes){0});
}

/* ---- objects */

/* Marks the child NAME of NODE and, with CHILDREN, what it holds. */
static inlay_status mark_child(const object_graph *objects, int64_t node, const char *name, bool children, bool *gone,
                               inlay_error *err) {
    int64_t child;
    TRY(object_graph_child(objects, node, name, &child, err));
    if (child <= 0) return INLAY_OK; /* the root never goes */
    gone[child] = true;
    wire_reader r = wire_open(objects->nodes[child], objects->file, NULL);
    while (children) {
        wire_field f, id;
        bool got, found;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number != 1 || f.type != WIRE_BYTES) continue;
        TRY(wire_find(f.data, 1, objects->file, &id, &found, err));
        if (!found || id.value >= objects->n_nodes)
            return fail_at(err, INLAY_DATA_LOSS, objects->file, -1, "a child of the object graph is no node");
        if (id.value) gone[id.value] = true;
    }
    return INLAY_OK;
}

/* Marks the nodes that name functions of the collection, also those that are no signature's any more. */
static inlay_status mark_functions(const unfusing *u, const object_graph *objects, bool *gone, inlay_error *err) {
    for (size_t i = 1; i < objects->n_nodes; i++) {
        bytes name;
        TRY(object_graph_bare_function(objects, (int64_t)i, &name, err));
        gone[i] |= name.size && is_own_function(u->c, name);
    }
    return INLAY_OK;
}

/* The child `features` of the signature map is called serving_default again. */
static inlay_status rename_features(unfusing *u, buffer *message, inlay_error *err) {
    object_graph objects;
    int64_t map, features;
    buffer out = {0};
    TRY(object_graph_open(buffer_bytes(message), u->file, u->a, &objects, err));
    inlay_status status;
    TRY_TO(done, object_graph_child(&objects, 0, "signatures", &map, err));
    if (map < 0) goto done;
    TRY_TO(done, object_graph_child(&objects, map, "features", &features, err));
    if (features < 0) goto done;
    TRY_TO(done, object_graph_change_child(&objects, map, "features", -1, "serving_default", u->a, err));
    TRY_TO(done, object_graph_finish(&objects, NULL, &out, err));
    buffer old = *message;
    *message = out;
    out = old;
done:
    object_graph_free(&objects);
    buffer_free(&out);
    return status;
}

static inlay_status edit_objects(unfusing *u, inlay_error *err) {
    const collection *c = u->c;
    object_graph objects;
    buffer out = {0};
    if (c->form != FUSE_OBJECTS) return INLAY_OK;
    TRY(object_graph_open(c->graph->object_graph, u->file, u->a, &objects, err));
    inlay_status status = INLAY_OK;
    bool *gone = arena_zalloc(u->a, objects.n_nodes, sizeof *gone);
    if (!gone) TRY_TO(done, fail_memory(err));
    TRY_TO(done, mark_child(&objects, 0, c->prefix, true, gone, err));
    TRY_TO(done, mark_functions(u, &objects, gone, err));
    TRY_TO(done, object_graph_without(c->graph->object_graph, SAVED_OBJECTS, gone, objects.n_nodes, c->functions,
                                      u->file, &out, err));
    if (u->rename_features) TRY_TO(done, rename_features(u, &out, err));
    saved_edit_object_graph(&u->edit, buffer_bytes(&out));
done:
    object_graph_free(&objects);
    buffer_free(&out);
    return status;
}

inlay_status collection_checkpoint_objects(const collection *c, arena *a, bytes *out, inlay_error *err) {
    *out = (bytes){0};
    tensor *value;
    const bundle_entry *entry = bundle_find(c->bundle, bytes_of(objects_key));
    if (c->objects.data) *out = c->objects;
    if (!entry || c->objects.data) return INLAY_OK;
    if (entry->type != INLAY_STRING)
        return fail_at(err, INLAY_DATA_LOSS, c->bundle_prefix, -1, "%s is no string", objects_key);
    TRY(bundle_read(c->bundle, entry, &value, err));
    if (value->count == 1) {
        bytes text = tensor_string(value, 0);
        const char *kept = arena_copy(a, text);
        if (kept) *out = bytes_make(kept, text.size);
    }
    tensor_release(value);
    return out->data ? INLAY_OK : fail_at(err, INLAY_DATA_LOSS, c->bundle_prefix, -1, "%s is no string", objects_key);
}

static inlay_status checkpoint_objects(unfusing *u, buffer *out, inlay_error *err) {
    bytes message;
    object_graph objects;
    if (u->c->form != FUSE_OBJECTS) return INLAY_OK;
    TRY(collection_checkpoint_objects(u->c, u->a, &message, err));
    if (!message.data) return INLAY_OK;
    TRY(object_graph_open(message, u->c->bundle_prefix, u->a, &objects, err));
    inlay_status status;
    bool *gone = arena_zalloc(u->a, objects.n_nodes, sizeof *gone);
    if (!gone) TRY_TO(done, fail_memory(err));
    TRY_TO(done, mark_child(&objects, 0, u->c->prefix, true, gone, err));
    status =
        object_graph_without(message, CHECKPOINT_OBJECTS, gone, objects.n_nodes, NULL, u->c->bundle_prefix, out, err);
done:
    object_graph_free(&objects);
    return status;
}

/* ---- the whole */

inlay_status unfuse(const collection *c, unfuse_purpose purpose, arena *a, buffer *model, buffer *checkpoint,
                    inlay_error *err) {
    unfusing u = {.c = c, .purpose = purpose, .a = a, .file = c->model->file};
    TRY(look_at_nodes(&u, err));
    u.keep_query = c->own_query && (purpose == UNFUSE_REBUILD || u.query_used);
    u.keep_filename = u.filename_used;
    saved_edit_begin(&u.edit, c->model, c->graph);
    inlay_status status;
    TRY_TO(failed, edit_nodes(&u, err));
    TRY_TO(failed, edit_functions(&u, err));
    TRY_TO(failed, edit_saver(&u, err));
    TRY_TO(failed, edit_variables(&u, err));
    edit_signatures(&u);
    TRY_TO(failed, edit_objects(&u, err));
    TRY_TO(failed, checkpoint_objects(&u, checkpoint, err));
    return saved_edit_finish(&u.edit, model, err);
failed:
    saved_edit_abandon(&u.edit);
    return status;
}

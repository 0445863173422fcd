#include "edit/fuse/fuse_writer.h"

static void put_handles(fuse_writer *w) {
    for (size_t i = 0; i < w->g->n_variables; i++) {
        const fuse_variable *v = &w->g->variables[i];
        const char *shared = fuse_node_name(w, v->name);
        node_put(&w->nodes,
                 &(node_spec){v->name, "VarHandleOp", NULL, NULL,
                              ATTRS({"dtype", ATTR_TYPE, .type = v->type}, {"shape", ATTR_SHAPE, .dims = &v->dims},
                                    {"shared_name", ATTR_TEXT, .text = shared})});
    }
}

static const char *read_handle(fuse_writer *w, const fuse_variable *v) {
    return node_put_ref(&w->nodes,
                        &(node_spec){fuse_join(w, v->name, "/Read"), "ReadVariableOp", LIST(fuse_node_name(w, v->name)),
                                     NULL, ATTRS({"dtype", ATTR_TYPE, .type = v->type})},
                        "value");
}

/* VariableDef: without these, tf.saved_model.load of a model without objects leaks its variables (variable_name 1,
 * initializer_name 2, snapshot_name 3, is_resource 5, trainable 7). */
static void put_variable_def(fuse_writer *w, buffer *list, const fuse_variable *v, const char *snapshot) {
    size_t mark = wire_begin(list, 1);
    wire_put_text(list, 1, fuse_join(w, fuse_node_name(w, v->name), ":0"));
    wire_put_text(list, 2, fuse_join(w, fuse_node_name(w, v->name), "/Assign"));
    wire_put_text(list, 3, fuse_join(w, snapshot, ":0"));
    wire_put_uint(list, 5, 1);
    wire_end(list, mark);
}

/* The collection "variables": CollectionDef{bytes_list 2 {value 1}}, what it held and ADDED. */
static inlay_status put_collection(fuse_writer *w, const buffer *added) {
    const saved_collection *old = w->e->graph ? saved_find_collection(w->e->graph, "variables") : NULL;
    wire_field list = {0};
    bool found = false;
    if (old) TRY(wire_find(old->message, 2, w->file, &list, &found, w->err));
    if (old && !found && old->message.size)
        return fail_at(w->err, INLAY_UNIMPLEMENTED, w->file, -1, "the collection \"variables\" is no list of bytes");
    buffer message = {0};
    size_t mark = wire_begin(&message, 2);
    if (found) buffer_append_bytes(&message, list.data);
    buffer_append_bytes(&message, buffer_bytes(added));
    wire_end(&message, mark);
    saved_edit_collection(&w->edit, "variables", buffer_bytes(&message));
    if (message.failed || added->failed) w->edit.failed = true;
    buffer_free(&message);
    return INLAY_OK;
}

/* SaverDef: filename_tensor_name 1, save_tensor_name 2, restore_op_name 3, max_to_keep 4, keep_checkpoint_every_n_hours
 * 6, version 7. */
static inlay_status put_saver(fuse_writer *w, bool has_old, const char *filename, const char *save_tensor,
                              const char *restore_op) {
    buffer b = {0};
    inlay_status status = INLAY_OK;
    if (!has_old) {
        wire_put_text(&b, 1, fuse_join(w, filename, ":0"));
        wire_put_uint(&b, 4, 5);
        wire_put_float(&b, 6, 10000);
        wire_put_uint(&b, 7, 2);
    } else {
        wire_reader r = wire_open(w->e->graph->saver_def, w->file, NULL);
        for (;;) {
            wire_field f;
            bool got;
            TRY_TO(done, wire_next(&r, &f, &got, w->err));
            if (!got) break;
            if (f.number == 3 || (f.number == 2 && save_tensor)) continue;
            buffer_append_bytes(&b, f.whole);
        }
    }
    if (save_tensor) wire_put_text(&b, 2, save_tensor);
    wire_put_text(&b, 3, restore_op);
    if (b.failed) w->edit.failed = true;
    saved_edit_saver(&w->edit, buffer_bytes(&b));
done:
    buffer_free(&b);
    return status;
}

/* The inputs that RestoreV2 and SaveV2 share, and the dtypes. */
typedef struct tensor_list {
    const char *filename, *names, *slices;
    dtype *types;
    size_t n;
} tensor_list;

static inlay_status put_lists(fuse_writer *w, const char *old_filename, tensor_list *out) {
    node_writer *nodes = &w->nodes;
    size_t n = w->g->n_variables;
    const char **keys = fuse_names(w, n), **empty = fuse_names(w, n);
    out->types = arena_zalloc(w->a, n + 1, sizeof *out->types);
    if (!keys || !empty || !out->types) return fail_memory(w->err);
    for (size_t i = 0; i < n; i++) {
        keys[i] = w->g->variables[i].key;
        empty[i] = "";
        out->types[i] = w->g->variables[i].type;
    }
    out->n = n;
    out->filename = old_filename;
    if (!out->filename) {
        const char *name = node_const_strings(nodes, "save/filename", (const char *const[]){"model"}, -1);
        out->filename = node_put(nodes, &(node_spec){"save/Const", "PlaceholderWithDefault", LIST(name), NULL,
                                                     ATTRS({"dtype", ATTR_TYPE, .type = INLAY_STRING},
                                                           {"shape", ATTR_SHAPE, .dims = &(shape){.rank = 0}})});
    }
    out->names = node_const_strings(nodes, "save/names", keys, (int64_t)n);
    out->slices = node_const_strings(nodes, "save/slices", empty, (int64_t)n);
    return INLAY_OK;
}

/* A SaveV2 of the variables, which both Python loaders ask for; *tensor_name is what the saver names. */
static inlay_status put_save(fuse_writer *w, const tensor_list *l, const char *const *reads, const char **tensor_name) {
    const char **inputs = fuse_names(w, l->n + 3);
    if (!inputs) return fail_memory(w->err);
    inputs[0] = l->filename, inputs[1] = l->names, inputs[2] = l->slices;
    memcpy(inputs + 3, reads, l->n * sizeof *inputs);
    const char *save = node_put(&w->nodes, &(node_spec){"save/SaveV2", "SaveV2", inputs, NULL,
                                                        ATTRS({"dtypes", ATTR_TYPES, .types = {l->types, l->n}})});
    const char *saved = node_put(&w->nodes, &(node_spec){"save/saved", "Identity", LIST(l->filename), LIST(save),
                                                         ATTRS({"T", ATTR_TYPE, .type = INLAY_STRING})});
    *tensor_name = fuse_join(w, saved, ":0");
    return INLAY_OK;
}

static const char *put_assign(fuse_writer *w, size_t i, const char *restore) {
    const fuse_variable *v = &w->g->variables[i];
    return node_put(&w->nodes, &(node_spec){fuse_join(w, v->name, "/Assign"), "AssignVariableOp",
                                            LIST(fuse_node_name(w, v->name),
                                                 node_output(&w->nodes, restore, "tensors", (int)i, (int)i)),
                                            NULL, ATTRS({"dtype", ATTR_TYPE, .type = v->type})});
}

/* Reads of the variables, for the saver and for the collection that names them. */
static inlay_status put_reads(fuse_writer *w, const char **reads) {
    buffer list = {0};
    for (size_t i = 0; i < w->g->n_variables; i++) {
        reads[i] = read_handle(w, &w->g->variables[i]);
        put_variable_def(w, &list, &w->g->variables[i], reads[i]);
    }
    inlay_status status = w->e->form == FUSE_OBJECTS ? INLAY_OK : put_collection(w, &list);
    buffer_free(&list);
    return status;
}

inlay_status fuse_put_restore(fuse_writer *w) {
    const saved_saver *old =
        w->e->graph && w->e->graph->has_saver && w->e->graph->saver.filename_tensor[0] ? &w->e->graph->saver : NULL;
    bool has_save = old && old->save_tensor[0];
    put_handles(w);
    tensor_list l = {0};
    TRY(put_lists(w, old ? fuse_without_zero(w, old->filename_tensor) : NULL, &l));
    const char *restore =
        node_put(&w->nodes, &(node_spec){"save/RestoreV2", "RestoreV2", LIST(l.filename, l.names, l.slices), NULL,
                                         ATTRS({"dtypes", ATTR_TYPES, .types = {l.types, l.n}})});
    const char **done = fuse_names(w, l.n + 1), **reads = fuse_names(w, l.n);
    if (!done || !reads) return fail_memory(w->err);
    for (size_t i = 0; i < l.n; i++) done[i] = put_assign(w, i, restore);
    if (old && old->restore_op[0]) done[l.n] = old->restore_op;
    const char *restore_op = node_put(&w->nodes, &(node_spec){"save/restore_all", "NoOp", NULL, done, NULL, 0});

    const char *save_tensor = NULL;
    if (w->e->form != FUSE_OBJECTS || !has_save) TRY(put_reads(w, reads));
    if (!has_save) TRY(put_save(w, &l, reads, &save_tensor));
    return put_saver(w, old != NULL, l.filename, save_tensor, restore_op);
}

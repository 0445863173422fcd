/* What loading runs: the restore op, then the initialisation op; for a graph with a checkpoint beside it the same, or
 * what a session would be told. */
#include "model/model_private.h"

/* What both are fed: the checkpoint's prefix and the assets' paths. */
typedef struct loading {
    const char **names;
    tensor **values;
    size_t count;
} loading;

/* Feeds TEXT, which is freed, as tensor NAME. */
static inlay_status feed_text(loading *l, const char *name, char *text, inlay_error *err) {
    l->names[l->count] = name;
    inlay_status status = tensor_from_string(bytes_of(text), &l->values[l->count], err);
    mem_free(text);
    if (status == INLAY_OK) l->count++;
    return status;
}

static inlay_status feed_paths(model *m, loading *l, inlay_error *err) {
    const saved_metagraph *g = m->graph_of;
    char *path;
    l->names = arena_zalloc(&m->memory, g->asset_count + 1, sizeof *l->names);
    l->values = arena_zalloc(&m->memory, g->asset_count + 1, sizeof(tensor *));
    if (!l->names || !l->values) return fail_memory(err);
    if (m->saved->has_variables && g->has_saver && g->saver.filename_tensor[0]) {
        TRY(saved_variables_prefix(m->saved, &path, err));
        TRY(feed_text(l, g->saver.filename_tensor, path, err));
    }
    const checkpoint *given = session_checkpoint(m->session);
    if (given && g->has_saver && g->saver.filename_tensor[0]) {
        if (!(path = mem_strdup(checkpoint_prefix(given)))) return fail_memory(err);
        TRY(feed_text(l, g->saver.filename_tensor, path, err));
    }
    for (size_t i = 0; i < g->asset_count && m->saved->folder; i++) { /* a .meta file's graph has their paths */
        TRY(saved_asset_path(m->saved, &g->assets[i], &path, err));
        TRY(feed_text(l, g->assets[i].tensor, path, err));
    }
    return INLAY_OK;
}

static inlay_status run_target(model *m, const loading *l, const char *target, inlay_error *err) {
    model_request r = {l->names, l->count, NULL, 0, &target, 1};
    return model_run_request(m, &r, l->values, NULL, NULL, true, err);
}

/* ---- a checkpoint given beside the graph */

static bool is_variable(const graph_node *n) {
    return strcmp(n->op, "VariableV2") == 0 || strcmp(n->op, "VarHandleOp") == 0 || strcmp(n->op, "Variable") == 0;
}

/* What savers call it: its node, whose shared name it may be known by. */
static inlay_status assign_by_name(model *m, const graph_node *n, bool *found, inlay_error *err) {
    checkpoint *given = session_checkpoint(m->session);
    attrs a = graph_attrs(n);
    bytes container, name;
    dtype type;
    shape dims;
    variable *v;
    tensor *value;
    checkpoint_tensor stored;
    TRY(attr_text(&a, "container", &container, err));
    TRY(attr_text(&a, "shared_name", &name, err));
    TRY(attr_type(&a, "dtype", &type, err));
    TRY(attr_shape(&a, "shape", &dims, err));
    if (name.size == 0) name = bytes_of(n->name);
    bytes key = checkpoint_find(given, bytes_of(n->name), &stored) ? bytes_of(n->name) : name;
    *found = checkpoint_find(given, key, &stored);
    if (!*found) return INLAY_OK;
    TRY(checkpoint_read(given, key, (bytes){0}, &value, err));
    inlay_status status =
        variable_find_or_make(session_host(m->session)->resources, container, name, type, &dims, &v, err);
    if (status == INLAY_OK) {
        status = variable_assign(v, value, true, err);
        resource_release(&v->base);
    }
    tensor_release(value);
    return status;
}

/* Variables that the checkpoint has not stay unset: only what reads them fails. */
static inlay_status assign_all(model *m, inlay_error *err) {
    size_t variables = 0, assigned = 0;
    for (size_t i = 0; i < m->g.n_nodes; i++) {
        const graph_node *n = m->g.nodes[i];
        bool found;
        if (!n || !is_variable(n)) continue;
        inlay_status status = assign_by_name(m, n, &found, err);
        if (status != INLAY_OK) return error_in_node(err, status, n->name, n->op);
        variables++;
        assigned += found;
    }
    if (assigned || !variables) return INLAY_OK;
    return fail_at(err, INLAY_NOT_FOUND, checkpoint_prefix(session_checkpoint(m->session)), -1,
                   "the checkpoint has none of the graph's %zu variables by name", variables);
}

/* CollectionDef {1: NodeList {1: repeated string}} of ops that fill tables. */
static inlay_status run_collection(model *m, const loading *l, const char *key, inlay_error *err) {
    const saved_collection *c = saved_find_collection(m->graph_of, key);
    wire_reader outer = saved_reader(m->saved, c ? c->message : (bytes){0});
    for (;;) {
        wire_field list, item;
        bool got;
        TRY(wire_next(&outer, &list, &got, err));
        if (!got) return INLAY_OK;
        if (list.number != 1 || list.type != WIRE_BYTES) continue;
        for (wire_reader inner = wire_enter(&outer, &list);;) {
            TRY(wire_next(&inner, &item, &got, err));
            if (!got) break;
            if (item.number != 1 || item.type != WIRE_BYTES) continue;
            char *name = arena_copy(&m->memory, item.data);
            if (!name) return fail_memory(err);
            TRY(run_target(m, l, name, err));
        }
    }
}

static inlay_status initialize_given(model *m, const loading *l, inlay_error *err) {
    const saved_metagraph *g = m->graph_of;
    if (g->has_saver && g->saver.restore_op[0])
        TRY(run_target(m, l, g->saver.restore_op, err));
    else
        TRY(assign_all(m, err));
    return run_collection(m, l, "table_initializer", err);
}

inlay_status model_initialize(model *m, inlay_error *err) {
    const saved_metagraph *g = m->graph_of;
    const char *init;
    loading l = {0};
    TRY(saved_init_op(m->saved, g, &init, err));
    inlay_status status = feed_paths(m, &l, err);
    if (status == INLAY_OK && m->saved->has_variables && g->has_saver && g->saver.restore_op[0])
        status = run_target(m, &l, g->saver.restore_op, err);
    if (status == INLAY_OK && session_checkpoint(m->session)) status = initialize_given(m, &l, err);
    if (status == INLAY_OK && init) status = run_target(m, &l, init, err);
    for (size_t i = 0; i < l.count; i++) tensor_release(l.values[i]);
    model_drop_plans(m); /* run once; their memory is better used */
    return status;
}

#include "base/alloc.h"
#include "edit/scope.h"
#include "edit/verify/verify_parts.h"
#include "format/fingerprint.h"
#include "opdef/opdef.h"

#include <inttypes.h>

enum { AS_TENSOR = 8, AS_LIST = 1, AS_FUNCTION = 10, LIST_FUNCTION = 9, LIST_TYPE = 6, STRING_VALUE = 8 };

typedef struct looking {
    verify_job *j;
    scope_list scopes;
    map functions;  /* names; value 1: restoring the model calls it */
    bool *restores; /* [nodes of the main graph] restoring the model runs it */
    bool marking, marked;
    inlay_error *err;
} looking;

static const char *text_of(looking *l, bytes name) {
    return key_shown(&l->j->found, name);
}

/* Something wrong with node NAME of S. */
static finding *add_wrong(looking *l, const scope *s, bytes name, inlay_cause cause, const char *what, bytes of) {
    const char *in = s->function.data ? text_of(l, s->function) : NULL;
    finding *f =
        findings_add(&l->j->found, INLAY_FINDING_DAMAGE, cause, l->j->model->file, "%s%s%snode %s: %s %s",
                     in ? "function " : "", in ? in : "", in ? ", " : "", text_of(l, name), what, text_of(l, of));
    f->shown.node = text_of(l, name);
    return f;
}

/* ---- outputs of nodes */

static inlay_status attrs_of(looking *l, const scope_node *n, attrs *out) {
    enum { NODE_ATTR = 5 };
    attr *list = NULL;
    for (int pass = 0; pass < 2; pass++) {
        wire_reader r = wire_open(n->message, l->scopes.file, NULL);
        size_t count = 0;
        for (;;) {
            wire_field field;
            bool got;
            TRY(wire_next(&r, &field, &got, l->err));
            if (!got) break;
            if (field.number != NODE_ATTR || field.type != WIRE_BYTES) continue;
            if (pass) TRY(wire_map_entry(&r, &field, &list[count].name, &list[count].value, l->err));
            count++;
        }
        *out = (attrs){list, count, NULL};
        if (pass == 0 && !(list = arena_zalloc(&l->j->a, count + 1, sizeof *list))) return fail_memory(l->err);
    }
    return INLAY_OK;
}

/* How many outputs N has; -1 when its op is not known. */
static int64_t count_outputs(looking *l, const scope_node *n) {
    const op_def *def = opdef_find(n->op);
    attrs given;
    op_values values;
    if (!def || attrs_of(l, n, &given) != INLAY_OK) return -1;
    given.declared = def->attrs;
    return opdef_values(def->out, &given, &l->j->a, &values, NULL) == INLAY_OK ? values.count : -1;
}

/* ---- inputs */

static bool is_argument(looking *l, const scope *s, bytes name) {
    enum { SIGNATURE = 1, INPUT_ARGUMENT = 2 };
    wire_field field;
    bool found;
    if (!s->function.data || wire_find(s->function_def, SIGNATURE, l->scopes.file, &field, &found, NULL) != INLAY_OK ||
        !found)
        return false;
    wire_reader r = wire_open(field.data, l->scopes.file, NULL);
    for (;;) {
        bool got;
        wire_field part, label;
        if (wire_next(&r, &part, &got, NULL) != INLAY_OK || !got) return false;
        if (part.number == INPUT_ARGUMENT && part.type == WIRE_BYTES &&
            wire_find(part.data, 1, l->scopes.file, &label, &found, NULL) == INLAY_OK && found &&
            bytes_equal(label.data, name))
            return true;
    }
}

static void check_inputs(looking *l, const scope *s, const scope_node *n) {
    for (size_t i = 0; i < n->n_inputs; i++) {
        int64_t output;
        const scope_node *from = scope_feeder(s, n->inputs[i], &output);
        if (!from) {
            if (!is_argument(l, s, input_node(n->inputs[i])))
                add_wrong(l, s, n->name, INLAY_CAUSE_MISSING, "there is no node for its input", n->inputs[i]);
            continue;
        }
        if (s->function.data || output == 0 || (n->inputs[i].size && n->inputs[i].data[0] == '^')) continue;
        int64_t outputs = count_outputs(l, from);
        if (outputs >= 0 && output >= outputs)
            add_wrong(l, s, n->name, INLAY_CAUSE_MISSING, "no node has the output of its input", n->inputs[i]);
    }
}

/* ---- functions that attributes name */

/* The first time that what S calls is looked at, calls are marked; the second time missing ones are told. */
static void check_function(looking *l, const scope *s, const scope_node *n, bytes list) {
    wire_field name;
    bool found;
    uint64_t called;
    if (wire_find(list, 1, l->scopes.file, &name, &found, NULL) != INLAY_OK || !found || name.data.size == 0) return;
    found = map_get(&l->functions, name.data, &called);
    if (!l->marking && !found) add_wrong(l, s, n->name, INLAY_CAUSE_MISSING, "the library has no function", name.data);
    if (!l->marking || !found || called) return;
    if (map_put(&l->functions, name.data, 1, NULL) != INLAY_OK) l->j->found.failed = true;
    l->marked = true;
}

static void check_functions(looking *l, const scope *s, const scope_node *n) {
    attrs given;
    if (attrs_of(l, n, &given) != INLAY_OK) return;
    for (size_t i = 0; i < given.count; i++) {
        wire_reader r = wire_open(given.items[i].value, l->scopes.file, NULL);
        wire_field field, part;
        bool got;
        while (wire_next(&r, &field, &got, NULL) == INLAY_OK && got) {
            if (field.number == AS_FUNCTION && field.type == WIRE_BYTES) check_function(l, s, n, field.data);
            if (field.number != AS_LIST || field.type != WIRE_BYTES) continue;
            wire_reader inner = wire_enter(&r, &field);
            while (wire_next(&inner, &part, &got, NULL) == INLAY_OK && got)
                if (part.number == LIST_FUNCTION && part.type == WIRE_BYTES) check_function(l, s, n, part.data);
        }
    }
}

/* Ops may also be called like functions. */
static void mark_op(looking *l, const scope_node *n) {
    uint64_t called;
    if (!map_get(&l->functions, n->op, &called) || called) return;
    if (map_put(&l->functions, n->op, 1, NULL) != INLAY_OK) l->j->found.failed = true;
    l->marked = true;
}

static bool is_called(const looking *l, const scope *s, const scope_node *n) {
    uint64_t called = 0;
    if (!s->function.data) return l->restores[n - s->nodes];
    return map_get(&l->functions, s->function, &called) && called;
}

/* What the saver's restore op needs, in the main graph S. */
static inlay_status mark_restores(looking *l, const scope *s, const saved_metagraph *g) {
    size_t *stack = arena_alloc(&l->j->a, (s->n_nodes + 1) * sizeof *stack), depth = 0;
    l->restores = arena_zalloc(&l->j->a, s->n_nodes + 1, sizeof *l->restores);
    if (!stack || !l->restores) return fail_memory(l->err);
    const scope_node *root = g->has_saver ? scope_feeder(s, bytes_of(g->saver.restore_op), NULL) : NULL;
    if (!root) return INLAY_OK;
    l->restores[root - s->nodes] = true;
    stack[depth++] = (size_t)(root - s->nodes);
    while (depth) {
        const scope_node *n = &s->nodes[stack[--depth]];
        for (size_t i = 0; i < n->n_inputs; i++) {
            const scope_node *from = scope_feeder(s, n->inputs[i], NULL);
            if (!from || l->restores[from - s->nodes]) continue;
            l->restores[from - s->nodes] = true;
            stack[depth++] = (size_t)(from - s->nodes);
        }
    }
    return INLAY_OK;
}

static inlay_status mark_called(looking *l, const saved_metagraph *g) {
    for (size_t i = 0; i < l->scopes.count; i++) {
        const scope *s = &l->scopes.items[i];
        if (s->graph == g && !s->function.data) TRY(mark_restores(l, s, g));
    }
    l->marking = l->marked = true;
    while (l->marked) {
        l->marked = false;
        for (size_t i = 0; i < l->scopes.count; i++) {
            const scope *s = &l->scopes.items[i];
            for (size_t k = 0; s->graph == g && k < s->n_nodes; k++) {
                if (!is_called(l, s, &s->nodes[k])) continue;
                check_functions(l, s, &s->nodes[k]);
                mark_op(l, &s->nodes[k]);
            }
        }
    }
    l->marking = false;
    return INLAY_OK;
}

/* ---- keys that are restored */

/* TensorFlow's types of references are 100 above. */
static inlay_dtype base_type(uint64_t value) {
    return (inlay_dtype)(value > 100 ? value - 100 : value);
}

typedef struct key_types {
    uint64_t list[4096];
    size_t count;
} key_types;

static inlay_status add_type(void *ctx, uint64_t value, inlay_error *err) {
    (void)err;
    key_types *t = ctx;
    if (t->count < sizeof t->list / sizeof *t->list) t->list[t->count++] = value;
    return INLAY_OK;
}

static void read_types(looking *l, const scope_node *n, key_types *out) {
    bytes value;
    wire_field list, part;
    bool got;
    out->count = 0;
    if (scope_attr(&l->scopes, n, "dtypes", &value, NULL) != INLAY_OK ||
        wire_find(value, AS_LIST, l->scopes.file, &list, &got, NULL) != INLAY_OK || !got)
        return;
    wire_reader r = wire_open(list.data, l->scopes.file, NULL);
    while (wire_next(&r, &part, &got, NULL) == INLAY_OK && got)
        if (part.number == LIST_TYPE) wire_numbers(&r, &part, WIRE_VARINT, add_type, out, NULL);
}

/* Whether a node takes the output of N as an input. */
static bool is_used(const scope *s, const scope_node *n) {
    for (size_t i = 0; i < s->n_nodes; i++)
        for (size_t k = 0; k < s->nodes[i].n_inputs; k++) {
            bytes input = s->nodes[i].inputs[k];
            if (input.size && input.data[0] != '^' && bytes_equal(input_node(input), n->name)) return true;
        }
    return false;
}

static void check_key(looking *l, const scope *s, const scope_node *n, bytes key, const uint64_t *type) {
    const bundle_entry *e = bundle_survey_find(l->j->survey, key);
    if (!e) {
        finding *f =
            add_wrong(l, s, n->name, INLAY_CAUSE_MISSING, "it restores a key that the index has not got:", key);
        if (!is_called(l, s, n) || !is_used(s, n)) f->shown.severity = INLAY_FINDING_WARNING; /* it need not run */
        f->shown.key = (inlay_string){(const char *)key.data, key.size};
    } else if (type && e->type != base_type(*type)) {
        finding *f = add_wrong(l, s, n->name, INLAY_CAUSE_UNKNOWN, "it restores a tensor of another dtype than", key);
        finding_say(&l->j->found, f, ": %s, the index has %s", dtype_name(base_type(*type)), dtype_name(e->type));
        f->shown.key = (inlay_string){(const char *)key.data, key.size};
    }
}

static void check_restore(looking *l, const scope *s, const scope_node *n) {
    const scope_node *names = n->n_inputs > 1 ? scope_feeder(s, n->inputs[1], NULL) : NULL;
    bytes value;
    wire_field tensor, text;
    bool got;
    static _Thread_local key_types types;
    if (!names || !bytes_is(names->op, "Const") || scope_attr(&l->scopes, names, "value", &value, NULL) != INLAY_OK ||
        wire_find(value, AS_TENSOR, l->scopes.file, &tensor, &got, NULL) != INLAY_OK || !got)
        return;
    read_types(l, n, &types);
    wire_reader r = wire_open(tensor.data, l->scopes.file, NULL);
    for (size_t i = 0; wire_next(&r, &text, &got, NULL) == INLAY_OK && got;) {
        if (text.number != STRING_VALUE || text.type != WIRE_BYTES) continue;
        check_key(l, s, n, text.data, i < types.count ? &types.list[i] : NULL);
        i++;
    }
}

/* ---- a whole scope */

static void check_scope(looking *l, const scope *s) {
    bool twice = s->by_name.count < s->n_nodes;
    for (size_t i = 0; i < s->n_nodes; i++) {
        const scope_node *n = &s->nodes[i];
        uint64_t last;
        if (n->name.size == 0 || n->op.size == 0)
            add_wrong(l, s, n->name, INLAY_CAUSE_UNKNOWN, "a node without a name or an op", n->op);
        if (twice && map_get(&s->by_name, n->name, &last) && last != i)
            add_wrong(l, s, n->name, INLAY_CAUSE_UNKNOWN, "two nodes have this name", bytes_make("", 0));
        check_inputs(l, s, n);
        check_functions(l, s, n);
        if (l->j->survey && l->j->folder && bytes_is(n->op, "RestoreV2")) check_restore(l, s, n);
    }
}

/* ---- signatures, assets, the saver */

static void no_tensor(looking *l, const char *what, const char *key, const char *tensor) {
    finding *f =
        findings_add(&l->j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_MISSING, l->j->model->file,
                     "%s %s: the graph has no %s", what, text_of(l, bytes_of(key)), text_of(l, bytes_of(tensor)));
    f->shown.node = text_of(l, bytes_of(tensor));
}

static void check_tensor(looking *l, const scope *s, const char *what, const char *key, const char *tensor) {
    int64_t output;
    if (!tensor || !tensor[0]) return;
    const scope_node *n = scope_feeder(s, bytes_of(tensor), &output);
    int64_t outputs = n && output > 0 ? count_outputs(l, n) : -1;
    if (!n || (outputs >= 0 && output >= outputs)) no_tensor(l, what, key, tensor);
}

static void check_endpoints(looking *l, const scope *s, const char *what, const char *key, const saved_tensor *list,
                            size_t n) {
    for (size_t i = 0; i < n; i++) {
        const saved_tensor *t = &list[i];
        check_tensor(l, s, what, key, t->name);
        check_tensor(l, s, what, key, t->values);
        check_tensor(l, s, what, key, t->indices);
        check_tensor(l, s, what, key, t->dense_shape);
        if (t->component_count) check_endpoints(l, s, what, key, t->components, t->component_count);
    }
}

static void check_assets(looking *l, const scope *s, const saved_metagraph *g) {
    for (size_t i = 0; i < g->asset_count; i++) {
        char *path;
        inlay_error what;
        check_tensor(l, s, "asset", g->assets[i].file, g->assets[i].tensor);
        if (!l->j->folder) continue;
        inlay_status status = saved_asset_path(l->j->model, &g->assets[i], &path, &what);
        if (status != INLAY_OK) findings_add_error(&l->j->found, l->j->model->file, &what);
        if (status == INLAY_OK) mem_free(path);
    }
}

static void check_metagraph(looking *l, const scope *s, const saved_metagraph *g) {
    for (size_t i = 0; i < g->signature_count; i++) {
        const saved_signature *sig = &g->signatures[i];
        check_endpoints(l, s, "signature", sig->key, sig->inputs, sig->input_count);
        check_endpoints(l, s, "signature", sig->key, sig->outputs, sig->output_count);
    }
    if (g->has_saver) {
        check_tensor(l, s, "saver", "filename_tensor_name", g->saver.filename_tensor);
        check_tensor(l, s, "saver", "save_tensor_name", g->saver.save_tensor);
        check_tensor(l, s, "saver", "restore_op_name", g->saver.restore_op);
    }
    const char *init = NULL;
    inlay_error what;
    if (saved_init_op(l->j->model, g, &init, &what) != INLAY_OK)
        findings_add_error(&l->j->found, l->j->model->file, &what);
    check_tensor(l, s, "init op", init ? init : "", init);
    check_assets(l, s, g);
}

static inlay_status check_graph(looking *l, const saved_metagraph *g) {
    for (size_t i = 0; i < l->scopes.count; i++) {
        const scope *s = &l->scopes.items[i];
        if (s->graph == g && s->function.data) TRY(map_put(&l->functions, s->function, 0, l->err));
    }
    TRY(mark_called(l, g));
    for (size_t i = 0; i < l->scopes.count; i++) {
        const scope *s = &l->scopes.items[i];
        if (s->graph != g) continue;
        check_scope(l, s);
        if (!s->function.data) check_metagraph(l, s, g);
    }
    map_free(&l->functions);
    l->functions = (map){0};
    return INLAY_OK;
}

/* ---- fingerprint.pb */

/* Other versions make the sums of saved_model.pb in other ways, that of the index in the same one. */
static void compare_fingerprints(verify_job *j, const char *path, const fingerprint *stored, const fingerprint *made) {
    bool graph = stored->graph == made->graph, signatures = stored->signatures == made->signatures,
         objects = made->object_graph == 0 || stored->object_graph == made->object_graph,
         index = stored->checkpoint == made->checkpoint, same_version = stored->producer == made->producer,
         model = !same_version || (graph && signatures && objects && stored->saved_model == made->saved_model);
    if (index && model) return;
    bool related = index || graph || signatures || (made->object_graph && objects) ||
                   (same_version && stored->saved_model == made->saved_model);
    if (related)
        findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, path,
                     "%s was changed since the fingerprint was made", index ? "saved_model.pb" : "variables.index");
    else
        findings_add(&j->found, INLAY_FINDING_WARNING, INLAY_CAUSE_UNKNOWN, path,
                     "the fingerprint is of another model");
}

static inlay_status check_fingerprint(verify_job *j, inlay_error *err) {
    char *path = path_join(j->folder, "fingerprint.pb");
    file_map *map = NULL;
    inlay_error what;
    fingerprint made, stored;
    inlay_status status = path ? INLAY_OK : fail_memory(err);
    if (status != INLAY_OK || !file_exists(path) || j->model->is_text) goto done;
    if (file_map_open(path, false, &map, &what) != INLAY_OK ||
        fingerprint_read(file_map_bytes(map), path, &stored, &what) != INLAY_OK) {
        findings_add_error(&j->found, path, &what);
        goto done;
    }
    bytes index = j->survey ? file_map_bytes(j->survey->index) : (bytes){0};
    status = fingerprint_compute(file_map_bytes(j->model->map), index, &made, &what);
    if (status == INLAY_RESOURCE_EXHAUSTED) goto done;
    if (status == INLAY_OK) compare_fingerprints(j, path, &stored, &made);
    status = INLAY_OK;
done:
    if (status == INLAY_RESOURCE_EXHAUSTED) fail_memory(err);
    file_map_release(map);
    mem_free(path);
    return status;
}

/* ---- all of it */

static bool has_damage(const verify_job *j) {
    for (size_t i = 0; i < j->found.count; i++)
        if (j->found.list[i]->shown.severity == INLAY_FINDING_DAMAGE) return true;
    return false;
}

static inlay_status look(verify_job *j, inlay_error *err) {
    looking l = {.j = j, .err = err};
    inlay_error what;
    inlay_status status = scopes_open(j->model, &j->a, &l.scopes, &what);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    if (status != INLAY_OK) {
        findings_add_error(&j->found, j->model->file, &what);
        return INLAY_OK;
    }
    for (size_t i = 0; i < j->model->metagraph_count && status == INLAY_OK; i++) {
        const saved_metagraph *g = &j->model->metagraphs[i];
        status = check_graph(&l, g);
        if (status == INLAY_OK && j->survey) status = verify_objects(j, g, err);
        if (status == INLAY_OK && j->folder && !has_damage(j)) status = verify_collections(j, g, err);
    }
    map_free(&l.functions);
    scopes_close(&l.scopes);
    return status;
}

inlay_status verify_graphs(verify_job *j, inlay_error *err) {
    inlay_error what;
    const char *path = j->folder ? j->folder : j->o->path;
    inlay_status status = saved_model_open(path, false, &j->model, &what);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail(err, status, "%s", what.message);
    if (status != INLAY_OK) {
        finding *f = findings_add_error(&j->found, path, &what);
        if (status == INLAY_UNIMPLEMENTED) f->shown.severity = INLAY_FINDING_UNSEEN;
        return INLAY_OK;
    }
    if (!j->manifest) j->report.files++;
    if (!j->folder && j->model->map) j->report.uncovered += j->model->map->size;
    TRY(look(j, err));
    return j->folder ? check_fingerprint(j, err) : INLAY_OK;
}

#include "edit/convert/compose.h"

#include "base/alloc.h"
#include "edit/convert/compose_parts.h"
#include "edit/node_writer.h"
#include "edit/paths.h"

/* SignatureDef {inputs 1, outputs 2, method_name 3, defaults 4}, TensorInfo {name 1, dtype 2, tensor_shape 3} */
enum { INPUTS = 1, OUTPUTS = 2, METHOD = 3, DEFAULTS = 4 };
static const char *const default_signature = "serving_default";

/* ---- the two models */

static inlay_status open_side(compose_job *j, int which, inlay_error *err) {
    compose_side *s = &j->sides[which];
    const char *path = which ? j->o->second : j->o->first,
               *key = which ? j->o->second_signature : j->o->first_signature;
    s->prefix = which ? "b/" : "a/";
    s->function_prefix = which ? "b_" : "a_";
    TRY(saved_model_open(path, false, &s->model, err));
    if (!s->model->folder) return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "is no SavedModel folder");
    TRY(saved_model_pick(s->model, NULL, &s->graph, err));
    s->signature = saved_find_signature(s->graph, key ? key : default_signature);
    if (!s->signature)
        return fail_at(err, INLAY_NOT_FOUND, path, -1, "there is no signature %s", key ? key : default_signature);
    TRY(saved_init_op(s->model, s->graph, &s->init, err));
    TRY(scopes_open(s->model, &j->a, &s->scopes, err));
    if (!s->model->has_variables || !s->graph->has_saver) return INLAY_OK;
    char *prefix;
    TRY(saved_variables_prefix(s->model, &prefix, err));
    inlay_status status = bundle_open(prefix, false, &s->variables, err);
    mem_free(prefix);
    return status;
}

/* ---- which output feeds which input */

static inlay_status check_fit(const compose_job *j, const saved_tensor *out, const saved_tensor *in, inlay_error *err) {
    char from[SHAPE_TEXT], to[SHAPE_TEXT];
    if (out->form != SAVED_DENSE || in->form != SAVED_DENSE)
        return fail(err, INLAY_UNIMPLEMENTED, "%s or %s is no dense tensor", out->key, in->key);
    bool fits = out->type == in->type;
    for (int i = 0; fits && out->dims.rank >= 0 && in->dims.rank >= 0 && i < in->dims.rank; i++)
        fits = out->dims.rank == in->dims.rank &&
               (out->dims.dims[i] < 0 || in->dims.dims[i] < 0 || out->dims.dims[i] == in->dims.dims[i]);
    if (fits) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, j->o->second, -1, "input %s is %s %s, output %s is %s %s", in->key,
                   dtype_name(in->type), shape_text(&in->dims, to), out->key, dtype_name(out->type),
                   shape_text(&out->dims, from));
}

static bool is_placeholder(const compose_side *s, const char *tensor) {
    const scope_node *node = NULL;
    for (size_t i = 0; i < s->scopes.count && !node; i++)
        if (s->scopes.items[i].graph == s->graph && !s->scopes.items[i].function.data)
            node = scope_feeder(&s->scopes.items[i], bytes_of(tensor), NULL);
    return node && (bytes_is(node->op, "Placeholder") || bytes_is(node->op, "PlaceholderWithDefault"));
}

static inlay_status feed(compose_job *j, const char *out_key, const char *in_key, inlay_error *err) {
    compose_side *a = &j->sides[0], *b = &j->sides[1];
    const saved_tensor *out = saved_find_tensor(a->signature->outputs, a->signature->output_count, out_key),
                       *in = saved_find_tensor(b->signature->inputs, b->signature->input_count, in_key);
    if (!out)
        return fail_at(err, INLAY_NOT_FOUND, j->o->first, -1, "signature %s has no output %s", a->signature->key,
                       out_key);
    if (!in)
        return fail_at(err, INLAY_NOT_FOUND, j->o->second, -1, "signature %s has no input %s", b->signature->key,
                       in_key);
    TRY(check_fit(j, out, in, err));
    if (!is_placeholder(b, in->name))
        return fail_at(err, INLAY_UNIMPLEMENTED, j->o->second, -1,
                       "input %s is no placeholder, which something could feed", in_key);
    size_t index = (size_t)(in - b->signature->inputs);
    if (b->fed[index]) return fail(err, INLAY_INVALID_ARGUMENT, "input %s is fed twice", in_key);
    b->fed[index] = compose_name(j, a, out->name);
    return b->fed[index] ? INLAY_OK : fail_memory(err);
}

/* Without a map: outputs feed inputs of their name; else the only output the only input. */
static inlay_status feed_by_name(compose_job *j, inlay_error *err) {
    const saved_signature *a = j->sides[0].signature, *b = j->sides[1].signature;
    size_t fed = 0;
    for (size_t i = 0; i < b->input_count; i++)
        if (saved_find_tensor(a->outputs, a->output_count, b->inputs[i].key)) {
            TRY(feed(j, b->inputs[i].key, b->inputs[i].key, err));
            fed++;
        }
    if (fed) return INLAY_OK;
    if (a->output_count == 1 && b->input_count == 1) return feed(j, a->outputs[0].key, b->inputs[0].key, err);
    return fail(err, INLAY_INVALID_ARGUMENT, "no output of %s has the name of an input of %s; say which feeds which",
                j->o->first, j->o->second);
}

static inlay_status wire_up(compose_job *j, inlay_error *err) {
    for (int i = 0; i < 2; i++) {
        j->sides[i].fed = arena_zalloc(&j->a, j->sides[i].signature->input_count + 1, sizeof *j->sides[i].fed);
        if (!j->sides[i].fed) return fail_memory(err);
    }
    if (j->o->n_map == 0) return feed_by_name(j, err);
    for (size_t i = 0; i < j->o->n_map; i++) {
        const char *mark = strchr(j->o->map[i], '=');
        if (!mark) return fail(err, INLAY_INVALID_ARGUMENT, "%s is no OUTPUT=INPUT", j->o->map[i]);
        const char *out = arena_copy(&j->a, bytes_make(j->o->map[i], (size_t)(mark - j->o->map[i])));
        if (!out) return fail_memory(err);
        TRY(feed(j, out, mark + 1, err));
    }
    return INLAY_OK;
}

/* ---- the signature */

static inlay_status put_tensor(compose_job *j, const compose_side *s, const saved_tensor *t, uint32_t number,
                               buffer *out, inlay_error *err) {
    if (t->form != SAVED_DENSE) return fail(err, INLAY_UNIMPLEMENTED, "%s is no dense tensor", t->key);
    const char *name = compose_name(j, s, t->name);
    if (!name) return fail_memory(err);
    size_t entry = wire_begin(out, number);
    wire_put_text(out, 1, t->key);
    size_t info = wire_begin(out, 2);
    wire_put_text(out, 1, name);
    wire_put_uint(out, 2, (uint64_t)t->type);
    size_t mark = wire_begin(out, 3);
    shape_proto_write(out, &t->dims);
    wire_end(out, mark);
    wire_end(out, info);
    wire_end(out, entry);
    return INLAY_OK;
}

static inlay_status put_signature(compose_job *j, inlay_error *err) {
    buffer out = {0};
    inlay_status status = INLAY_OK;
    const compose_side *a = &j->sides[0], *b = &j->sides[1];
    for (int i = 0; i < 2; i++) {
        const compose_side *s = &j->sides[i];
        for (size_t k = 0; k < s->signature->input_count; k++) {
            if (s->fed[k]) continue;
            if (i == 1 &&
                saved_find_tensor(a->signature->inputs, a->signature->input_count, s->signature->inputs[k].key))
                TRY_TO(done, fail(err, INLAY_INVALID_ARGUMENT,
                                  "both have an input %s; inlay signature can give one another name",
                                  s->signature->inputs[k].key));
            TRY_TO(done, put_tensor(j, s, &s->signature->inputs[k], INPUTS, &out, err));
        }
        for (size_t k = 0; k < s->signature->default_count; k++) {
            size_t entry = wire_begin(&out, DEFAULTS);
            wire_put_text(&out, 1, s->signature->defaults[k].key);
            wire_put_bytes(&out, 2, s->signature->defaults[k].tensor);
            wire_end(&out, entry);
        }
    }
    for (size_t k = 0; k < b->signature->output_count; k++)
        TRY_TO(done, put_tensor(j, b, &b->signature->outputs[k], OUTPUTS, &out, err));
    wire_put_text(&out, METHOD, "tensorflow/serving/predict");
    TRY_TO(done, buffer_check(&out, err));
    saved_edit_signature(&j->edit, default_signature, buffer_bytes(&out));
done:
    buffer_free(&out);
    return status;
}

/* ---- variables, restore and initialisation */

/* A VariableDef for each resource variable: tf.saved_model.load keeps those alive that it finds in the collection. */
static inlay_status list_variables(compose_job *j, inlay_error *err) {
    buffer list = {0};
    inlay_status status = INLAY_OK;
    for (int i = 0; i < 2; i++) {
        const compose_side *side = &j->sides[i];
        const char *restore = side->variables ? compose_name(j, side, side->graph->saver.restore_op) : NULL;
        for (size_t m = 0; m < side->scopes.count && restore; m++) {
            const scope *s = &side->scopes.items[m];
            if (s->graph != side->graph || s->function.data) continue;
            for (size_t k = 0; k < s->n_nodes; k++) {
                if (!bytes_is(s->nodes[k].op, "VarHandleOp")) continue;
                int n = (int)s->nodes[k].name.size;
                const char *name = (const char *)s->nodes[k].name.data;
                const char *read = arena_format(&j->a, "%.*s/Read/ReadVariableOp", n, name);
                if (!read) TRY_TO(done, fail_memory(err));
                if (!map_get(&s->by_name, bytes_of(read), NULL)) continue;
                size_t entry = wire_begin(&list, 1);
                const char *variable = arena_format(&j->a, "%s%.*s:0", side->prefix, n, name),
                           *snapshot = arena_format(&j->a, "%s%s:0", side->prefix, read);
                if (!variable || !snapshot) TRY_TO(done, fail_memory(err));
                wire_put_text(&list, 1, variable);
                wire_put_text(&list, 2, restore);
                wire_put_text(&list, 3, snapshot);
                wire_put_uint(&list, 5, 1); /* is_resource */
                wire_put_text(&list, 6, snapshot);
                wire_end(&list, entry);
            }
        }
    }
    if (list.size) {
        buffer collection = {0};
        wire_put_message(&collection, 2, &list); /* CollectionDef.bytes_list */
        status = buffer_check(&collection, err);
        if (status == INLAY_OK) saved_edit_collection(&j->edit, "variables", buffer_bytes(&collection));
        buffer_free(&collection);
    }
done:
    buffer_free(&list);
    return status;
}

/* Adds the nodes that FIELDS (of a GraphDef) holds. */
static inlay_status add_fields(compose_job *j, buffer *fields, inlay_error *err) {
    inlay_status status = buffer_check(fields, err);
    wire_reader r = wire_open(buffer_bytes(fields), NULL, NULL);
    for (bool got = true; status == INLAY_OK && got;) {
        wire_field field;
        status = wire_next(&r, &field, &got, err);
        if (status == INLAY_OK && got) saved_edit_add_node(&j->edit, field.data);
    }
    buffer_free(fields);
    return status;
}

/* Runs what both have to run, before NAME is done. */
static void put_both(node_writer *w, const char *name, const char *const both[2]) {
    const char *after[3] = {0};
    size_t n = 0;
    for (int i = 0; i < 2; i++)
        if (both[i]) after[n++] = both[i];
    node_put(w, &(node_spec){name, "NoOp", NULL, after, NULL, 0});
}

/* Each model's save writes a whole checkpoint, so both together would write over each other: loaders want a save
 * tensor, and this one says that there is none. */
static void put_refused_save(node_writer *w) {
    static const dtype text[] = {INLAY_STRING};
    buffer proto = {0};
    wire_put_uint(&proto, 1, INLAY_BOOL);
    wire_put_message(&proto, 2, &(buffer){0});
    wire_put_uint(&proto, 11, 0); /* bool_val */
    if (proto.failed) w->out->failed = true;
    const char *never = node_put(w, &(node_spec){"save/never", "Const", NULL, NULL,
                                                 ATTRS({"dtype", ATTR_TYPE, .type = INLAY_BOOL},
                                                       {"value", ATTR_TENSOR, .tensor = buffer_bytes(&proto)})});
    const char *why =
        node_const_strings(w, "save/why", LIST("a composed model is not saved: save the models it was made of"), -1);
    const char *refuse =
        node_put(w, &(node_spec){"save/refuse", "Assert", LIST(never, why), NULL,
                                 ATTRS({"T", ATTR_TYPES, .types = {text, 1}}, {"summarize", ATTR_INT, .number = 3})});
    node_put(w, &(node_spec){"save/refused", "Identity", LIST("saver_filename"), LIST(refuse),
                             ATTRS({"T", ATTR_TYPE, .type = INLAY_STRING})});
    buffer_free(&proto);
}

static inlay_status put_saver(compose_job *j, node_writer *w, inlay_error *err) {
    const char *restore[2] = {0};
    buffer saver = {0};
    for (int i = 0; i < 2; i++)
        if (j->sides[i].variables && !(restore[i] = compose_name(j, &j->sides[i], j->sides[i].graph->saver.restore_op)))
            return fail_memory(err);
    if (!restore[0] && !restore[1]) return INLAY_OK;
    node_put(w, &(node_spec){"saver_filename", "Placeholder", NULL, NULL,
                             ATTRS({"dtype", ATTR_TYPE, .type = INLAY_STRING},
                                   {"shape", ATTR_SHAPE, .dims = &(shape){.rank = 0}})});
    put_both(w, "restore_all", restore);
    put_refused_save(w);
    wire_put_text(&saver, 1, "saver_filename:0");
    wire_put_text(&saver, 2, "save/refused:0");
    wire_put_text(&saver, 3, "restore_all");
    wire_put_uint(&saver, 7, 2);
    inlay_status status = buffer_check(&saver, err);
    if (status == INLAY_OK) saved_edit_saver(&j->edit, buffer_bytes(&saver));
    buffer_free(&saver);
    return status;
}

static inlay_status put_init(compose_job *j, node_writer *w, inlay_error *err) {
    const char *init[2] = {0};
    buffer list = {0}, collection = {0};
    for (int i = 0; i < 2; i++)
        if (j->sides[i].init && !(init[i] = compose_name(j, &j->sides[i], j->sides[i].init))) return fail_memory(err);
    if (!init[0] && !init[1]) return INLAY_OK;
    put_both(w, "init_all", init);
    wire_put_text(&list, 1, "init_all");
    wire_put_message(&collection, 1, &list); /* CollectionDef.node_list */
    inlay_status status = buffer_check(&collection, err);
    if (status == INLAY_OK) saved_edit_collection(&j->edit, "saved_model_main_op", buffer_bytes(&collection));
    buffer_free(&list);
    buffer_free(&collection);
    return status;
}

static inlay_status put_joints(compose_job *j, inlay_error *err) {
    buffer fields = {0};
    node_writer w = {.out = &fields, .field = 1, .prefix = "", .names = &j->a};
    inlay_status status = put_saver(j, &w, err);
    if (status == INLAY_OK) status = put_init(j, &w, err);
    if (status == INLAY_OK) return add_fields(j, &fields, err);
    buffer_free(&fields);
    return status;
}

/* ---- all of it */

/* The versions of the newer graph. */
static inlay_status put_versions(compose_job *j, inlay_error *err) {
    uint64_t newest = 0;
    for (int i = 0; i < 2; i++) {
        wire_field versions, producer = {0};
        bool found;
        const compose_side *s = &j->sides[i];
        TRY(wire_find(s->graph->graph_def, 4, s->model->file, &versions, &found, err));
        if (!found || versions.type != WIRE_BYTES) continue;
        TRY(wire_find(versions.data, 1, s->model->file, &producer, &found, err));
        if (!found || producer.value < newest) continue;
        newest = producer.value;
        saved_edit_versions(&j->edit, versions.data);
    }
    return INLAY_OK;
}

static inlay_status write_graph(compose_job *j, inlay_error *err) {
    saved_edit_begin(&j->edit, NULL, NULL);
    for (int i = 0; i < 2; i++) TRY(compose_put_graph(j, &j->sides[i], err));
    TRY(put_joints(j, err));
    TRY(list_variables(j, err));
    TRY(put_signature(j, err));
    TRY(put_versions(j, err));
    TRY(saved_edit_finish(&j->edit, &j->graph, err));
    const char *path = arena_format(&j->a, "%s/saved_model.pb", j->stage.path);
    return path ? file_write_all(path, FILE_DIRECT, buffer_bytes(&j->graph), err) : fail_memory(err);
}

static inlay_status check_options(const inlay_compose_options *o, inlay_error *err) {
    if (!o->first || !o->second || !o->output || !*o->output)
        return fail(err, INLAY_INVALID_ARGUMENT, "to compose takes two models and an output");
    TRY(paths_apart(o->output, o->first, err));
    TRY(paths_apart(o->output, o->second, err));
    return paths_check_target(o->output, o->force, err);
}

static void fill_report(const compose_job *j, inlay_compose_report *report) {
    for (int i = 0; i < 2; i++) {
        report->variables += j->sides[i].variables ? bundle_count(j->sides[i].variables) : 0;
        report->assets += j->sides[i].graph->asset_count;
    }
    for (size_t i = 0; i < j->sides[1].signature->input_count; i++) report->fed += j->sides[1].fed[i] != NULL;
}

inlay_status compose(const inlay_compose_options *o, inlay_compose_report *report, inlay_error *err) {
    compose_job j = {.o = o};
    inlay_compose_report unused;
    if (!report) report = &unused;
    *report = (inlay_compose_report){0};
    arena_init(&j.a, 0);
    inlay_status status;
    TRY_TO(done, check_options(o, err));
    for (int i = 0; i < 2; i++) TRY_TO(done, open_side(&j, i, err));
    TRY_TO(done, wire_up(&j, err));
    TRY_TO(done, compose_name_assets(&j, err));
    TRY_TO(done, staging_begin(o->output, &j.stage, err));
    TRY_TO(done, compose_put_variables(&j, err));
    TRY_TO(done, compose_put_assets(&j, err));
    TRY_TO(done, write_graph(&j, err));
    fill_report(&j, report);
    TRY_TO(done, staging_commit(&j.stage, o->force, NULL, err));
done:
    saved_edit_abandon(&j.edit);
    staging_abandon(&j.stage);
    buffer_free(&j.graph);
    for (int i = 0; i < 2; i++) {
        bundle_close(j.sides[i].variables);
        scopes_close(&j.sides[i].scopes);
        saved_model_close(j.sides[i].model);
    }
    arena_free(&j.a);
    return status;
}

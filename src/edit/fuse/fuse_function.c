#include "edit/fuse/fuse_writer.h"

#include <stdlib.h>

/* The number behind the last '_' of a function's name, 0 when there is none. */
static int64_t uid_of(bytes name) {
    int64_t number = 0, scale = 1;
    size_t i = name.size;
    for (; i > 0 && name.data[i - 1] >= '0' && name.data[i - 1] <= '9' && scale < 1000000000; i--, scale *= 10)
        number += scale * (name.data[i - 1] - '0');
    return i > 0 && name.data[i - 1] == '_' ? number : 0;
}

static inlay_status largest_uid(fuse_writer *w, int64_t *uid) {
    *uid = 0;
    saved_walk functions = saved_functions(w->e->model, w->e->graph);
    for (;;) {
        wire_field f;
        bool got;
        bytes name;
        TRY(saved_walk_next(&functions, &f, &got, w->err));
        if (!got) return INLAY_OK;
        TRY(fuse_function_name(f.data, w->file, &name, w->err));
        int64_t number = uid_of(name);
        if (number > *uid) *uid = number;
    }
}

static void put_arg_def(buffer *b, uint32_t number, const char *name, dtype type) {
    size_t mark = wire_begin(b, number);
    wire_put_text(b, 1, name);
    wire_put_uint(b, 3, (uint64_t)type);
    wire_end(b, mark);
}

static void put_text_map(buffer *b, uint32_t number, const char *key, const char *value) {
    size_t entry = wire_begin(b, number);
    wire_put_text(b, 1, key);
    wire_put_text(b, 2, value);
    wire_end(b, entry);
}

/* The node whose effect a caller must see, beside the outputs. */
static const char *effect_of(const fuse_function *f) {
    return f->part == FUSE_SEARCH ? "extractor" : LOOKUP_CHECK;
}

/* The body of the search: a call of the extractor's signature function, then the search. */
static size_t put_search_body(fuse_writer *w, node_writer *nodes, const fuse_function *f,
                              const char *const *capture_names, fuse_output outputs[FUSE_OUTPUTS]) {
    const fuse_extractor *e = w->e;
    const fuse_arguments *args = &f->args;
    const char **inputs = fuse_names(w, e->n_inputs + e->n_captures);
    if (!inputs) return w->edit.failed = true, 0;
    for (size_t i = 0; i < e->n_inputs; i++) inputs[i] = args->names[args->of_input[e->arguments[i]]];
    for (size_t i = 0; i < e->n_captures; i++) inputs[e->n_inputs + i] = capture_names[i];
    const char *call = node_put(nodes, &(node_spec){"extractor", "StatefulPartitionedCall", inputs, NULL,
                                                    ATTRS({"Tin", ATTR_TYPES, .types = {e->takes.types, e->takes.n}},
                                                          {"Tout", ATTR_TYPES, .types = {e->gives.types, e->gives.n}},
                                                          {"f", ATTR_FUNC, .text = e->function_name})});
    const char *query = node_output(nodes, call, "output", e->feature_output, e->feature_output);
    return fuse_put_part(w, nodes, &(fuse_question){.query = query, .k = args->names[args->k], .ref_prefix = "var_"},
                         outputs);
}

static size_t put_row_body(fuse_writer *w, node_writer *nodes, const fuse_function *f,
                           fuse_output outputs[FUSE_OUTPUTS]) {
    const fuse_arguments *args = &f->args;
    return fuse_put_part(w, nodes,
                         &(fuse_question){.part = f->part,
                                          .index = args->names[args->of_input[0]],
                                          .k = args->k < args->n ? args->names[args->k] : NULL,
                                          .ref_prefix = "var_"},
                         outputs);
}

/* The input_args of F: its arguments, the captures, the variables; their types go to f->all. */
static inlay_status put_inputs(fuse_writer *w, buffer *head, fuse_function *f, const char **captures) {
    const fuse_extractor *e = w->e;
    f->all.n = f->args.n + f->n_captures + w->g->n_variables;
    f->all.types = arena_zalloc(w->a, f->all.n + 1, sizeof *f->all.types);
    if (!captures || !f->all.types) return fail_memory(w->err);
    size_t at = 0;
    for (size_t i = 0; i < f->args.n; i++)
        put_arg_def(head, 2, f->args.names[i], f->all.types[at++] = f->args.list[i].type);
    for (size_t i = 0; i < f->n_captures; i++) {
        if (!(captures[i] = arena_format(w->a, "capture_%zu", i))) captures[i] = "", w->edit.failed = true;
        put_arg_def(head, 2, captures[i], f->all.types[at++] = e->takes.types[e->n_inputs + i]);
    }
    for (size_t i = 0; i < w->g->n_variables; i++)
        put_arg_def(head, 2, fuse_join(w, "var_", w->g->variables[i].name), f->all.types[at++] = INLAY_RESOURCE);
    return INLAY_OK;
}

/* The output_args of F and the nodes that stand for them, which wait for its effect. */
static void put_results(fuse_writer *w, buffer *head, buffer *body, node_writer *nodes, const fuse_function *f) {
    const char *done = node_put(nodes, &(node_spec){"done", "NoOp", NULL, LIST(effect_of(f)), NULL, 0});
    for (size_t i = 0; i < f->n_outputs; i++) {
        const fuse_output *o = &f->outputs[i];
        const char *result = node_put_ref(nodes,
                                          &(node_spec){fuse_join(w, "result_", o->key), "Identity", LIST(o->ref),
                                                       LIST(done), ATTRS({"T", ATTR_TYPE, .type = o->type})},
                                          "output");
        put_arg_def(head, 3, o->key, o->type);
        put_text_map(body, 4, o->key, result);
    }
    wire_put_uint(head, 17, 1);
    wire_put_text(head, 20, effect_of(f));
    put_text_map(body, 6, effect_of(f), effect_of(f));
}

/* FunctionDef: signature 1 {name 1, input_arg 2, output_arg 3, is_stateful 17, control_output 20}, node_def 3, ret 4,
 * control_ret 6. */
static inlay_status put_function(fuse_writer *w, fuse_function *f) {
    buffer head = {0}, body = {0};
    const char **captures = fuse_names(w, f->n_captures);
    inlay_status status;
    wire_put_text(&head, 1, f->name);
    TRY_TO(done, put_inputs(w, &head, f, captures));
    node_writer nodes = {.out = &body, .field = 3, .in_function = true, .prefix = "", .names = w->a};
    f->n_outputs = f->part == FUSE_SEARCH ? put_search_body(w, &nodes, f, captures, f->outputs)
                                          : put_row_body(w, &nodes, f, f->outputs);
    put_results(w, &head, &body, &nodes, f);

    size_t mark = wire_begin(&w->edit.functions, 1);
    wire_put_message(&w->edit.functions, 1, &head);
    buffer_append_bytes(&w->edit.functions, buffer_bytes(&body));
    wire_end(&w->edit.functions, mark);
    if (body.failed) w->edit.failed = true;
done:
    buffer_free(&head);
    buffer_free(&body);
    return status;
}

/* A name for the placeholder of KEY: what a node may be called. */
static const char *placeholder_name(fuse_writer *w, const char *key, size_t index) {
    char *name = arena_format(w->a, "input_%s", key);
    if (!name) return w->edit.failed = true, "";
    bool changed = false;
    for (char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' ||
              *p == '.' || *p == '-'))
            *p = '_', changed = true;
    if (!changed) return name;
    name = arena_format(w->a, "%s_%zu", name, index);
    return name ? name : "";
}

/* The call of F in the main graph, and the signature that it answers. */
static inlay_status put_call(fuse_writer *w, fuse_function *f) {
    node_writer nodes = fuse_part_nodes(w, f->part);
    fuse_arguments *args = &f->args;
    const char **inputs = fuse_names(w, f->all.n), *k = args->k < args->n ? fuse_put_k(w, &nodes) : NULL;
    dtype *out_types = arena_zalloc(w->a, f->n_outputs + 1, sizeof *out_types);
    saved_tensor *shown = arena_zalloc(w->a, args->n, sizeof *shown);
    if (!inputs || !out_types || !shown) return fail_memory(w->err);
    size_t at = 0, n_shown = 0;
    for (size_t i = 0; i < args->n; i++) {
        saved_tensor *arg = &args->list[i];
        const char *node =
            i == args->k ? k : fuse_put_placeholder(&nodes, placeholder_name(w, arg->key, i), arg->type, &arg->dims);
        arg->name = fuse_join(w, node, ":0");
        inputs[at++] = node;
        if (i != args->k) shown[n_shown++] = *arg;
    }
    for (size_t i = 0; i < f->n_captures; i++) inputs[at++] = w->e->captures[i];
    for (size_t i = 0; i < w->g->n_variables; i++) inputs[at++] = fuse_node_name(w, w->g->variables[i].name);
    for (size_t i = 0; i < f->n_outputs; i++) out_types[i] = f->outputs[i].type;
    const char *call = node_put(&nodes, &(node_spec){"call", "StatefulPartitionedCall", inputs, NULL,
                                                     ATTRS({"Tin", ATTR_TYPES, .types = {f->all.types, f->all.n}},
                                                           {"Tout", ATTR_TYPES, .types = {out_types, f->n_outputs}},
                                                           {"f", ATTR_FUNC, .text = f->name})});
    fuse_output named[FUSE_OUTPUTS];
    for (size_t i = 0; i < f->n_outputs; i++) {
        named[i] = f->outputs[i];
        if (!(named[i].ref = arena_format(w->a, "%s:%zu", call, i))) return fail_memory(w->err);
    }
    fuse_put_signatures(w, f->part, shown, n_shown, k, named, f->n_outputs);
    return INLAY_OK;
}

/* The function of PART, its number the next after UID. */
static inlay_status put_part(fuse_writer *w, fuse_part part, int64_t *uid, fuse_function *f) {
    const fuse_extractor *e = w->e;
    bool is_search = part == FUSE_SEARCH;
    *f = (fuse_function){
        .part = part, .key = is_search ? w->g->name : w->g->parts[part], .n_captures = is_search ? e->n_captures : 0};
    TRY(fuse_make_arguments(w, is_search ? e->inputs : &fuse_index_input, is_search ? e->n_inputs : 1,
                            part != FUSE_LOOKUP, &f->args));
    static const char *const words[FUSE_PARTS] = {
        [FUSE_SEARCH] = "", [FUSE_SIMILAR] = "_similar", [FUSE_LOOKUP] = "_lookup"};
    f->name = arena_format(w->a, "__inference_%s%s_%lld", w->g->prefix, words[part], (long long)++*uid);
    if (!f->name) return fail_memory(w->err);
    TRY(put_function(w, f));
    return put_call(w, f);
}

inlay_status fuse_put_functions(fuse_writer *w, buffer *checkpoint_objects) {
    fuse_function functions[FUSE_PARTS];
    size_t n = 0;
    int64_t uid = 0;
    TRY(largest_uid(w, &uid));
    TRY(put_part(w, FUSE_SEARCH, &uid, &functions[n++]));
    for (int part = FUSE_SEARCH + 1; part < FUSE_PARTS; part++)
        if (w->g->parts[part]) TRY(put_part(w, (fuse_part)part, &uid, &functions[n++]));
    TRY(fuse_put_objects(w, functions, n));
    return fuse_write_checkpoint_objects(w, checkpoint_objects);
}

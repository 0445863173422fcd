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

/* A key as TensorFlow spells it as a Python parameter. Letters beyond ASCII stay, as those of Python do. */
static const char *parameter_name(arena *a, const char *key) {
    bool letter = (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') || (uint8_t)*key >= 0x80;
    char *name = arena_format(a, "%s%s", letter ? "" : "arg_", key);
    for (char *p = name; p && *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || (uint8_t)*p >= 0x80))
            *p = '_';
    return name;
}

typedef struct sort_item {
    const char *parameter;
    size_t input; /* n_inputs: k */
} sort_item;

static int compare_parameters(const void *a, const void *b) {
    return strcmp(((const sort_item *)a)->parameter, ((const sort_item *)b)->parameter);
}

static inlay_status make_arguments(fuse_writer *w, fuse_arguments *out) {
    const fuse_extractor *e = w->e;
    out->n = e->n_inputs + 1;
    out->list = arena_zalloc(w->a, out->n, sizeof *out->list);
    out->names = arena_zalloc(w->a, out->n, sizeof *out->names);
    out->of_input = arena_zalloc(w->a, out->n, sizeof *out->of_input);
    sort_item *items = arena_zalloc(w->a, out->n, sizeof *items);
    if (!out->list || !out->names || !out->of_input || !items) return fail_memory(w->err);
    for (size_t i = 0; i < out->n; i++) {
        items[i] = (sort_item){parameter_name(w->a, i < e->n_inputs ? e->inputs[i].key : "k"), i};
        if (!items[i].parameter) return fail_memory(w->err);
    }
    qsort(items, out->n, sizeof *items, compare_parameters);
    for (size_t i = 0; i < out->n; i++) {
        size_t input = items[i].input;
        out->list[i] = input < e->n_inputs
                           ? e->inputs[input]
                           : (saved_tensor){.key = "k", .name = "", .type = INLAY_INT32, .dims = {.rank = 0}};
        out->of_input[input] = i;
        if (!(out->names[i] = arena_format(w->a, "arg_%zu", i))) return fail_memory(w->err);
    }
    out->k = out->of_input[e->n_inputs];
    return INLAY_OK;
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

/* The body: a call of the extractor's signature function, then the search. */
static search_outputs put_body(fuse_writer *w, node_writer *nodes, const fuse_arguments *args,
                               const char *const *capture_names) {
    const fuse_extractor *e = w->e;
    const char **inputs = fuse_names(w, e->n_inputs + e->n_captures);
    if (!inputs) return w->edit.failed = true, (search_outputs){"", "", NULL};
    for (size_t i = 0; i < e->n_inputs; i++) inputs[i] = args->names[args->of_input[e->arguments[i]]];
    for (size_t i = 0; i < e->n_captures; i++) inputs[e->n_inputs + i] = capture_names[i];
    const char *call = node_put(nodes, &(node_spec){"extractor", "StatefulPartitionedCall", inputs, NULL,
                                                    ATTRS({"Tin", ATTR_TYPES, .types = {e->takes.types, e->takes.n}},
                                                          {"Tout", ATTR_TYPES, .types = {e->gives.types, e->gives.n}},
                                                          {"f", ATTR_FUNC, .text = e->function_name})});
    const char *query = node_output(nodes, call, "output", e->feature_output, e->feature_output);
    return fuse_put_search(w, nodes, query, args->names[args->k], "var_");
}

/* FunctionDef: signature 1 {name 1, input_arg 2, output_arg 3, is_stateful 17, control_output 20}, node_def 3, ret 4,
 * control_ret 6. *found has the outputs sorted. All argument types, in order, go to *all. */
static inlay_status put_function(fuse_writer *w, const char *name, const fuse_arguments *args,
                                 fuse_output outputs[FUSE_OUTPUTS], size_t *n_outputs, fuse_types *all) {
    const fuse_extractor *e = w->e;
    buffer head = {0}, body = {0};
    const char **captures = fuse_names(w, e->n_captures);
    all->n = args->n + e->n_captures + w->g->n_variables;
    all->types = arena_zalloc(w->a, all->n + 1, sizeof *all->types);
    if (!captures || !all->types) return fail_memory(w->err);
    size_t at = 0;
    wire_put_text(&head, 1, name);
    for (size_t i = 0; i < args->n; i++) put_arg_def(&head, 2, args->names[i], all->types[at++] = args->list[i].type);
    for (size_t i = 0; i < e->n_captures; i++) {
        if (!(captures[i] = arena_format(w->a, "capture_%zu", i))) captures[i] = "", w->edit.failed = true;
        put_arg_def(&head, 2, captures[i], all->types[at++] = e->takes.types[e->n_inputs + i]);
    }
    for (size_t i = 0; i < w->g->n_variables; i++)
        put_arg_def(&head, 2, fuse_join(w, "var_", w->g->variables[i].name), all->types[at++] = INLAY_RESOURCE);

    node_writer nodes = {.out = &body, .field = 3, .in_function = true, .prefix = "", .names = w->a};
    search_outputs found = put_body(w, &nodes, args, captures);
    *n_outputs = fuse_sorted_outputs(w->g, &found, outputs);
    const char *done = node_put(&nodes, &(node_spec){"done", "NoOp", NULL, LIST("extractor"), NULL, 0});
    for (size_t i = 0; i < *n_outputs; i++) {
        const char *result =
            node_put_ref(&nodes,
                         &(node_spec){fuse_join(w, "result_", outputs[i].key), "Identity", LIST(outputs[i].ref),
                                      LIST(done), ATTRS({"T", ATTR_TYPE, .type = outputs[i].type})},
                         "output");
        put_arg_def(&head, 3, outputs[i].key, outputs[i].type);
        put_text_map(&body, 4, outputs[i].key, result);
    }
    wire_put_uint(&head, 17, 1);
    wire_put_text(&head, 20, "extractor");
    put_text_map(&body, 6, "extractor", "extractor");

    size_t mark = wire_begin(&w->edit.functions, 1);
    wire_put_message(&w->edit.functions, 1, &head);
    buffer_append_bytes(&w->edit.functions, buffer_bytes(&body));
    wire_end(&w->edit.functions, mark);
    if (body.failed) w->edit.failed = true;
    buffer_free(&head);
    buffer_free(&body);
    return INLAY_OK;
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

static inlay_status put_call(fuse_writer *w, const char *function, fuse_arguments *args, const fuse_output *outputs,
                             size_t n_outputs, const fuse_types *all) {
    const fuse_extractor *e = w->e;
    const char **inputs = fuse_names(w, all->n), *k = fuse_put_k(w);
    dtype *out_types = arena_zalloc(w->a, n_outputs, sizeof *out_types);
    saved_tensor *shown = arena_zalloc(w->a, args->n, sizeof *shown);
    if (!inputs || !out_types || !shown) return fail_memory(w->err);
    size_t at = 0, n_shown = 0;
    for (size_t i = 0; i < args->n; i++) {
        saved_tensor *arg = &args->list[i];
        const char *node =
            i == args->k ? k : fuse_put_placeholder(w, placeholder_name(w, arg->key, i), arg->type, &arg->dims);
        arg->name = fuse_join(w, node, ":0");
        inputs[at++] = node;
        if (i != args->k) shown[n_shown++] = *arg;
    }
    for (size_t i = 0; i < e->n_captures; i++) inputs[at++] = e->captures[i];
    for (size_t i = 0; i < w->g->n_variables; i++) inputs[at++] = fuse_node_name(w, w->g->variables[i].name);
    for (size_t i = 0; i < n_outputs; i++) out_types[i] = outputs[i].type;
    const char *call = node_put(&w->nodes, &(node_spec){"call", "StatefulPartitionedCall", inputs, NULL,
                                                        ATTRS({"Tin", ATTR_TYPES, .types = {all->types, all->n}},
                                                              {"Tout", ATTR_TYPES, .types = {out_types, n_outputs}},
                                                              {"f", ATTR_FUNC, .text = function})});
    fuse_output named[FUSE_OUTPUTS];
    for (size_t i = 0; i < n_outputs; i++) {
        named[i] = outputs[i];
        if (!(named[i].ref = arena_format(w->a, "%s:%zu", call, i))) return fail_memory(w->err);
    }
    fuse_put_signatures(w, shown, n_shown, k, named, n_outputs);
    return INLAY_OK;
}

inlay_status fuse_put_function(fuse_writer *w, buffer *checkpoint_objects) {
    fuse_arguments args = {0};
    fuse_output outputs[FUSE_OUTPUTS];
    size_t n_outputs = 0;
    fuse_types all = {0};
    int64_t uid = 0;
    TRY(make_arguments(w, &args));
    TRY(largest_uid(w, &uid));
    const char *function = arena_format(w->a, "__inference_%s_%lld", w->g->prefix, (long long)uid + 1);
    if (!function) return fail_memory(w->err);
    TRY(put_function(w, function, &args, outputs, &n_outputs, &all));
    TRY(put_call(w, function, &args, outputs, n_outputs, &all));
    TRY(fuse_put_objects(w, function, &args, outputs, n_outputs));
    return fuse_write_checkpoint_objects(w, checkpoint_objects);
}

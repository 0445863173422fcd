#include "cli/execution.h"

#include <stdlib.h>

static const inlay_endpoint *find_endpoint(const inlay_endpoint *list, size_t n, const char *key) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].key, key) == 0) return &list[i];
    return NULL;
}

static size_t count_items(const char *text) {
    size_t n = 1;
    for (const char *p = text; *p; p++) n += *p == ';';
    return n;
}

static const char *signature_key(const execution_values *v) {
    return v->signature ? v->signature : "serving_default";
}

/* 'KEY=FILE' as a tensor of the graph; keys of S (may be NULL) stand for theirs. */
static bool load_feed(inlay_model *model, char *item, const inlay_signature *s, inlay_named_tensor *out) {
    inlay_error error;
    inlay_dtype dtype;
    char *equals = strchr(item, '=');
    if (!equals) {
        fprintf(stderr, "inlay: input %s is not of the form KEY=FILE\n", item);
        return false;
    }
    *equals = 0;
    const inlay_endpoint *input = s ? find_endpoint(s->inputs, s->n_inputs, item) : NULL;
    out->key = input && *input->tensor ? input->tensor : item;
    if (inlay_model_tensor_dtype(model, out->key, &dtype, &error) == INLAY_OK &&
        inlay_tensor_load(equals + 1, dtype, &out->tensor, &error) == INLAY_OK)
        return true;
    report_error(&error);
    return false;
}

static bool load_feeds(execution *e, const char *text, const inlay_signature *s) {
    e->inputs = (input_list){.text = strdup(text), .items = calloc(count_items(text), sizeof *e->inputs.items)};
    if (!e->inputs.text || !e->inputs.items) return out_of_memory(), false;
    char *rest = e->inputs.text;
    for (char *item; (item = strsep(&rest, ";"));) {
        if (!*item) continue;
        if (!load_feed(e->model, item, s, &e->inputs.items[e->inputs.count])) return false;
        e->inputs.count++;
    }
    return true;
}

static bool room_for(execution *e, size_t n) {
    e->outputs = calloc(n + 1, sizeof *e->outputs);
    e->tensors = calloc(n + 1, sizeof *e->tensors);
    return (e->outputs && e->tensors) || (out_of_memory(), false);
}

static bool list_fetches(execution *e, const char *text, const inlay_signature *s) {
    if (!room_for(e, count_items(text))) return false;
    if (!(e->names = strdup(text))) return out_of_memory(), false;
    char *rest = e->names;
    for (char *item; (item = strsep(&rest, ";"));) {
        if (!*item) continue;
        const inlay_endpoint *output = s ? find_endpoint(s->outputs, s->n_outputs, item) : NULL;
        e->outputs[e->n_outputs].key = item;
        e->tensors[e->n_outputs++] = output && *output->tensor ? output->tensor : item;
    }
    return e->n_outputs || (fprintf(stderr, "inlay: --fetch names nothing\n"), false);
}

static bool list_outputs(execution *e, const inlay_signature *s) {
    if (!room_for(e, s->n_outputs)) return false;
    for (size_t i = 0; i < s->n_outputs; i++) e->outputs[i].key = s->outputs[i].key;
    e->n_outputs = s->n_outputs;
    return true;
}

/* By signature when there is one and nothing else is asked of it, else by tensors of the graph. */
static bool bind(execution *e, const char *path, const execution_values *v) {
    const inlay_signature *s = inlay_model_find_signature(e->model, signature_key(v));
    if (v->fetch) {
        if (!s && v->signature) return need_signature(e->model, path, v->signature) != NULL;
        return load_feeds(e, v->inputs, s) && list_fetches(e, v->fetch, s);
    }
    if (!s && !v->signature && inlay_model_signature_count(e->model) == 0) {
        fprintf(stderr, "inlay: %s has no signatures; --fetch says what to compute, for example y:0\n", path);
        return false;
    }
    if (!s && !need_signature(e->model, path, signature_key(v))) return false;
    e->signature = s->key;
    return load_inputs(v->inputs, s, &e->inputs) && list_outputs(e, s);
}

bool execution_open(const char *model, const execution_values *v, execution *out) {
    *out = (execution){0};
    double start = seconds_now();
    use_threads(v->threads);
    inlay_model_options options;
    inlay_model_options_init(&options);
    options.tag_set = v->tag_set;
    options.checkpoint = v->checkpoint;
    inlay_error error;
    if (inlay_model_open(model, &options, &out->model, &error) != INLAY_OK) return report_error(&error), false;
    out->open_seconds = seconds_now() - start;
    inlay_run_options_init(&out->options);
    out->options.timeout = (double)v->timeout;
    if (v->profile || v->trace) {
        out->options.on_node = profile_add;
        out->options.user = out->profile = profile_new();
        if (!out->profile) return false;
    }
    return bind(out, model, v);
}

static void release_outputs(execution *e) {
    for (size_t i = 0; i < e->n_outputs; i++) {
        inlay_tensor_release(e->outputs[i].tensor);
        e->outputs[i].tensor = NULL;
    }
}

void execution_close(execution *e) {
    release_outputs(e);
    free_inputs(&e->inputs);
    free(e->outputs);
    free(e->tensors);
    free(e->names);
    profile_free(e->profile);
    inlay_model_close(e->model);
    *e = (execution){0};
}

/* The keys that were asked for give way to names of tensors for the time of a run. */
static void swap_names(execution *e) {
    for (size_t i = 0; i < e->n_outputs; i++) {
        const char *key = e->outputs[i].key;
        e->outputs[i].key = e->tensors[i];
        e->tensors[i] = key;
    }
}

bool execution_run(execution *e, double *seconds) {
    inlay_error error;
    inlay_status status;
    release_outputs(e);
    if (e->profile) profile_begin_run(e->profile);
    double start = seconds_now();
    if (e->signature) {
        status = inlay_model_run_with(e->model, e->signature, e->inputs.items, e->inputs.count, e->outputs,
                                      e->n_outputs, &e->options, &error);
    } else {
        swap_names(e);
        status = inlay_model_run_graph(e->model, e->inputs.items, e->inputs.count, e->outputs, e->n_outputs,
                                       &e->options, &error);
        swap_names(e);
    }
    *seconds = seconds_now() - start;
    return status == INLAY_OK || (report_error(&error), false);
}

bool execution_report(const execution *e, const execution_values *v) {
    if (v->profile) profile_print(e->profile, stderr);
    return !v->trace || profile_save_trace(e->profile, v->trace);
}

/* Running a model: names to tensors, and back. */
#include "base/clock.h"
#include "model/model_private.h"

static void tell(void *user, const char *node, const char *op, double start, double end, uint64_t bytes) {
    const inlay_run_options *o = user;
    o->on_node(o->user, &(inlay_node_run){node, op, start, end - start, bytes});
}

/* What the caller of the library wants of a run. */
static void take_options(const inlay_run_options *o, run_options *run) {
    run->stop = (op_stop){o->cancelled, o->timeout > 0 ? seconds_now() + o->timeout : 0};
    if (!o->on_node) return;
    run->watch = tell;
    run->watch_user = (void *)(uintptr_t)o;
}

static inlay_status run_planned(model *m, const plan *p, tensor *const *feeds, tensor **fetched,
                                const model_run_options *options, bool loading, inlay_error *err) {
    run_options run = {.budget = mem_budget_new(m->memory_budget),
                       .search = options ? options->search : NULL,
                       .skip_unsupported = loading};
    if (!run.budget) return fail_memory(err);
    mem_budget_use_blocks(run.budget, m->blocks);
    if (options && options->caller) take_options(options->caller, &run);
    inlay_status status = plan_run(p, feeds, fetched, &run, err);
    if (options && options->peak_bytes) *options->peak_bytes = atomic_load(&run.budget->peak);
    mem_budget_leave(run.budget);
    return status;
}

inlay_status model_run_request(model *m, const model_request *r, tensor *const *feeds, tensor **fetched,
                               const model_run_options *options, bool loading, inlay_error *err) {
    kept_plan *k;
    TRY(model_plan(m, r, &k, err));
    inlay_status status = run_planned(m, k->p, feeds, fetched, options, loading, err);
    kept_plan_release(k);
    return status;
}

/* Names and tensors of one run, side by side. */
typedef struct bound {
    const char **feeds, **fetches;
    tensor **given, **fetched;
    size_t n_given;
} bound;

static inlay_status bound_init(bound *b, size_t inputs, size_t outputs, inlay_error *err) {
    *b = (bound){0};
    char *memory = mem_zalloc(2 * (inputs + outputs) + 4, sizeof(void *));
    if (!memory) return fail_memory(err);
    b->feeds = (const char **)(void *)memory;
    b->fetches = b->feeds + inputs + 1;
    b->given = (tensor **)(void *)(b->fetches + outputs + 1);
    b->fetched = b->given + inputs + 1;
    return INLAY_OK;
}

static void give_back(inlay_named_tensor *outputs, size_t n, tensor **fetched, inlay_status status) {
    for (size_t i = 0; i < n; i++) outputs[i].tensor = status == INLAY_OK ? fetched[i] : NULL;
}

inlay_status model_run_graph(model *m, const inlay_named_tensor *feeds, size_t n_feeds, inlay_named_tensor *fetches,
                             size_t n_fetches, const char *const *targets, size_t n_targets,
                             const model_run_options *options, inlay_error *err) {
    bound b;
    TRY(bound_init(&b, n_feeds, n_fetches, err));
    for (size_t i = 0; i < n_feeds; i++) {
        b.feeds[i] = feeds[i].key;
        b.given[i] = feeds[i].tensor;
    }
    for (size_t i = 0; i < n_fetches; i++) b.fetches[i] = fetches[i].key;
    model_request r = {b.feeds, n_feeds, b.fetches, n_fetches, targets, n_targets};
    inlay_status status = model_run_request(m, &r, b.given, b.fetched, options, false, err);
    give_back(fetches, n_fetches, b.fetched, status);
    mem_free(b.feeds);
    return status;
}

static const model_signature_entry *find_entry(const model *m, const char *key, inlay_error *err) {
    for (size_t i = 0; i < m->n_signatures; i++)
        if (strcmp(m->signatures[i].shown.key, key) == 0) return &m->signatures[i];
    buffer names = {0};
    for (size_t i = 0; i < m->n_signatures; i++)
        buffer_format(&names, "%s%s", i ? ", " : "", m->signatures[i].shown.key);
    buffer_append_byte(&names, 0);
    fail(err, INLAY_NOT_FOUND, "the model has no signature '%.100s'; it has: %.700s", key,
         !names.failed && names.size > 1 ? (const char *)names.data : "none");
    buffer_free(&names);
    return NULL;
}

static inlay_status check_given(const inlay_endpoint *e, dtype type, const tensor *t, inlay_error *err) {
    char given[SHAPE_TEXT], wanted[SHAPE_TEXT];
    shape declared = {.rank = e->rank};
    for (int i = 0; i < e->rank; i++) declared.dims[i] = e->dims[i];
    if (!t) return fail(err, INLAY_INVALID_ARGUMENT, "input '%s' has no tensor", e->key);
    if (type != INLAY_INVALID_DTYPE && t->type != type)
        return fail(err, INLAY_INVALID_ARGUMENT, "input '%s' is %s, the signature takes %s", e->key,
                    dtype_name(t->type), dtype_name(type));
    if (!shape_fits(&t->dims, &declared))
        return fail(err, INLAY_INVALID_ARGUMENT, "input '%s' has shape %s, the signature takes %s", e->key,
                    shape_text(&t->dims, given), shape_text(&declared, wanted));
    return INLAY_OK;
}

/* SignatureDef.defaults: *out is the caller's, NULL when there is none for KEY. */
static inlay_status default_of(const model *m, const saved_signature *s, const char *key, tensor **out,
                               inlay_error *err) {
    *out = NULL;
    for (size_t i = 0; i < s->default_count; i++)
        if (strcmp(s->defaults[i].key, key) == 0) {
            tensor_proto_options options = saved_tensor_options(m->saved);
            return tensor_proto_read(saved_reader(m->saved, s->defaults[i].tensor), &options, out, err);
        }
    return INLAY_OK;
}

static inlay_status bind_inputs(model *m, const model_signature_entry *entry, const inlay_named_tensor *inputs,
                                size_t n_inputs, bound *b, inlay_error *err) {
    const inlay_signature *s = &entry->shown;
    for (size_t i = 0; i < s->n_inputs; i++) {
        const inlay_endpoint *e = &s->inputs[i];
        tensor *t = NULL;
        for (size_t k = 0; k < n_inputs; k++)
            if (strcmp(inputs[k].key, e->key) == 0) {
                TRY(check_given(e, entry->input_types[i], inputs[k].tensor, err));
                t = tensor_retain(inputs[k].tensor);
                break;
            }
        if (!t) TRY(default_of(m, entry->saved, e->key, &t, err));
        if (!t && e->optional) continue;
        if (!t) return fail(err, INLAY_INVALID_ARGUMENT, "input '%s' of signature '%s' is missing", e->key, s->key);
        if (!e->tensor[0]) {
            tensor_release(t);
            return fail(err, INLAY_UNIMPLEMENTED, "input '%s' is no dense tensor", e->key);
        }
        b->feeds[b->n_given] = e->tensor;
        b->given[b->n_given++] = t;
    }
    for (size_t k = 0; k < n_inputs; k++) {
        bool known = false;
        for (size_t i = 0; i < s->n_inputs && !known; i++) known = strcmp(inputs[k].key, s->inputs[i].key) == 0;
        if (!known)
            return fail(err, INLAY_INVALID_ARGUMENT, "signature '%s' has no input '%.200s'", s->key, inputs[k].key);
        for (size_t i = 0; i < k; i++)
            if (strcmp(inputs[i].key, inputs[k].key) == 0)
                return fail(err, INLAY_INVALID_ARGUMENT, "input '%s' of signature '%s' is given twice", inputs[k].key,
                            s->key);
    }
    return INLAY_OK;
}

static inlay_status bind_outputs(const inlay_signature *s, const inlay_named_tensor *outputs, size_t n_outputs,
                                 bound *b, inlay_error *err) {
    for (size_t k = 0; k < n_outputs; k++) {
        for (size_t i = 0; i < s->n_outputs && !b->fetches[k]; i++)
            if (strcmp(outputs[k].key, s->outputs[i].key) == 0) b->fetches[k] = s->outputs[i].tensor;
        if (!b->fetches[k])
            return fail(err, INLAY_INVALID_ARGUMENT, "signature '%s' has no output '%.200s'", s->key, outputs[k].key);
        if (!b->fetches[k][0])
            return fail(err, INLAY_UNIMPLEMENTED, "output '%.200s' is no dense tensor", outputs[k].key);
    }
    return INLAY_OK;
}

inlay_status model_run(model *m, const char *signature, const inlay_named_tensor *inputs, size_t n_inputs,
                       inlay_named_tensor *outputs, size_t n_outputs, const model_run_options *options,
                       inlay_error *err) {
    for (size_t i = 0; i < n_outputs; i++) outputs[i].tensor = NULL;
    const model_signature_entry *entry = find_entry(m, signature, err);
    if (!entry) return INLAY_NOT_FOUND;
    bound b;
    TRY(bound_init(&b, entry->shown.n_inputs, n_outputs, err));
    inlay_status status = bind_inputs(m, entry, inputs, n_inputs, &b, err);
    if (status == INLAY_OK) status = bind_outputs(&entry->shown, outputs, n_outputs, &b, err);
    if (status == INLAY_OK) {
        model_request r = {b.feeds, b.n_given, b.fetches, n_outputs, NULL, 0};
        status = model_run_request(m, &r, b.given, b.fetched, options, false, err);
        give_back(outputs, n_outputs, b.fetched, status);
    }
    for (size_t i = 0; i < b.n_given; i++) tensor_release(b.given[i]);
    mem_free(b.feeds);
    return status;
}

/* A run of all of SIGNATURE, to *r, which looks at *b (mem_free of b->feeds). */
static inlay_status request_all(const model *m, const char *signature, bound *b, model_request *r, inlay_error *err) {
    const model_signature_entry *entry = find_entry(m, signature, err);
    if (!entry) return INLAY_NOT_FOUND;
    const inlay_signature *s = &entry->shown;
    TRY(bound_init(b, s->n_inputs, s->n_outputs, err));
    for (size_t i = 0; i < s->n_inputs; i++) b->feeds[i] = s->inputs[i].tensor;
    for (size_t i = 0; i < s->n_outputs; i++) b->fetches[i] = s->outputs[i].tensor;
    *r = (model_request){b->feeds, s->n_inputs, b->fetches, s->n_outputs, NULL, 0};
    return INLAY_OK;
}

inlay_status model_describe(model *m, const char *signature, void (*fn)(void *user, const char *line), void *user,
                            inlay_error *err) {
    bound b;
    model_request r;
    kept_plan *k = NULL;
    TRY(request_all(m, signature, &b, &r, err));
    inlay_status status = model_plan(m, &r, &k, err);
    if (status == INLAY_OK) plan_describe(k->p, fn, user);
    kept_plan_release(k);
    mem_free(b.feeds);
    return status;
}

inlay_status model_program(model *m, const char *signature, program *out, inlay_error *err) {
    bound b;
    model_request r;
    TRY(request_all(m, signature, &b, &r, err));
    pthread_mutex_lock(&m->lock);
    inlay_status status = model_make_program(m, &r, out, err);
    pthread_mutex_unlock(&m->lock);
    mem_free(b.feeds);
    return status;
}

/* The executor: one node after another, kernels parallel inside. */
#include "runtime/plan_private.h"

#include "base/log.h"

/* One run: tensors by slot, and room for one step's inputs and outputs. */
typedef struct run {
    const plan *p;
    const run_options *options;
    tensor **slots;
    tensor **in, **out;
} run;

/* Input K of STEP, held by *out. */
static inlay_status fetch_input(run *r, const plan_input *in, int k, tensor **out, inlay_error *err) {
    tensor *t = in->from < 0 ? r->p->constants[-1 - in->from] : r->slots[in->from];
    if (!t) return fail(err, INLAY_INVALID_ARGUMENT, "its input %d was never made", k);
    if (in->last)
        r->slots[in->from] = NULL;
    else
        tensor_retain(t);
    *out = t;
    if (in->read && t->type == INLAY_RESOURCE) {
        variable *v;
        tensor *value;
        TRY(variable_of(t, &v, err));
        TRY(variable_read(v, &value, err));
        tensor_release(t);
        *out = t = value;
    }
    if (in->expected != INLAY_INVALID_DTYPE && t->type != in->expected)
        return fail(err, INLAY_INVALID_ARGUMENT, "its input %d is %s, it takes %s", k, dtype_name(t->type),
                    dtype_name(in->expected));
    if (in->align > 1 && (uintptr_t)t->data % in->align != 0) {
        tensor *aligned;
        TRY(tensor_aligned(t, r->options->budget, &aligned, err));
        tensor_release(t);
        *out = aligned;
    }
    return INLAY_OK;
}

static inlay_status cannot_run(const plan_step *step, inlay_error *err) {
    return fail(err, INLAY_UNIMPLEMENTED,
                "this build cannot run op %s%s; ask for outputs that do not need it, or remove it from the graph",
                step->op, step->node.def ? "" : ", which it does not know");
}

static inlay_status check_outputs(const plan_step *step, tensor **out, inlay_error *err) {
    for (int k = 0; k < step->node.out.count; k++) {
        op_value promised = step->node.out.items[k];
        dtype type = promised.is_ref ? INLAY_RESOURCE : promised.type;
        if (out[k] && type != INLAY_INVALID_DTYPE && out[k]->type != type)
            return fail(err, INLAY_INTERNAL, "its output %d is %s, not %s", k, dtype_name(out[k]->type),
                        dtype_name(type));
    }
    return INLAY_OK;
}

static inlay_status run_step(run *r, const plan_step *step, inlay_error *err) {
    int inputs = step->node.in.count, outputs = step->node.out.count, held = 0;
    r->out = r->in + inputs;
    memset(r->in, 0, (size_t)(inputs + outputs) * sizeof *r->in);
    op_call call = {.node = &step->node,
                    .in = r->in,
                    .out = r->out,
                    .unused = step->unused,
                    .host = r->p->host,
                    .budget = r->options->budget,
                    .cancelled = r->options->cancelled,
                    .search = r->options->search};
    inlay_status status = op_check_cancelled(&call, err);
    if (status == INLAY_OK && !step->node.impl) status = cannot_run(step, err);
    for (; held < inputs && status == INLAY_OK; held++)
        status = fetch_input(r, &step->in[held], held, &r->in[held], err);
    if (status == INLAY_OK) status = step->node.impl->run(&call, err);
    if (status == INLAY_OK) status = check_outputs(step, r->out, err);
    for (int k = 0; k < inputs; k++) tensor_release(r->in[k]);
    for (int k = 0; k < outputs; k++) {
        if (status != INLAY_OK || step->unused[k])
            tensor_release(r->out[k]);
        else
            r->slots[step->first_out + k] = r->out[k];
    }
    return status == INLAY_OK ? status : error_in_node(err, status, step->node.name, step->op);
}

static inlay_status take_fetches(run *r, tensor **fetched, inlay_error *err) {
    for (size_t i = 0; i < r->p->p.n_fetches; i++) {
        place from = r->p->fetches[i];
        tensor *t = from < 0 ? r->p->constants[-1 - from] : r->slots[from];
        const graph_node *n = r->p->p.fetches[i].node;
        if (!t) {
            inlay_status status = fail(err, INLAY_INVALID_ARGUMENT, "the output was never made");
            return error_in_node(err, status, n->name, n->op);
        }
        if (t->type == INLAY_RESOURCE) {
            variable *v;
            TRY(variable_of(t, &v, err));
            TRY(variable_read(v, &fetched[i], err));
        } else {
            fetched[i] = tensor_retain(t);
        }
    }
    return INLAY_OK;
}

static inlay_status take_feeds(run *r, tensor *const *feeds, inlay_error *err) {
    for (size_t i = 0; i < r->p->p.n_feeds; i++) {
        if (r->p->feeds[i] < 0) continue;
        const char *name = r->p->p.feeds[i]->name;
        if (!feeds[i]) return fail(err, INLAY_INVALID_ARGUMENT, "nothing is given for %.200s", name);
        if (feeds[i]->type != INLAY_STRING && dtype_size(feeds[i]->type) == 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "%.200s cannot be given: it is %s", name,
                        dtype_name(feeds[i]->type));
        r->slots[r->p->feeds[i]] = tensor_retain(feeds[i]);
    }
    return INLAY_OK;
}

/* An input's maker was skipped. Its other inputs stay in their slots until the run ends. */
static bool lacks_input(const run *r, const plan_step *step) {
    for (int k = 0; k < step->node.in.count; k++)
        if (step->in[k].from >= 0 && !r->slots[step->in[k].from]) return true;
    return false;
}

static inlay_status skip(inlay_error *err) {
    if (err) {
        log_note(INLAY_LOG_WARNING, "left out while loading: %s", err->message);
        *err = (inlay_error){.offset = -1};
    }
    return INLAY_OK;
}

inlay_status plan_run(const plan *p, tensor *const *feeds, tensor **fetched, const run_options *options,
                      inlay_error *err) {
    static const run_options none = {0};
    run r = {.p = p, .options = options ? options : &none};
    for (size_t i = 0; i < p->p.n_fetches; i++) fetched[i] = NULL;
    size_t slots = (size_t)p->n_slots;
    r.slots = mem_zalloc(slots + (size_t)p->widest + 1, sizeof *r.slots);
    if (!r.slots) return fail_memory(err);
    r.in = r.slots + slots;
    inlay_status status = take_feeds(&r, feeds, err);
    for (size_t i = 0; i < p->n_steps && status == INLAY_OK; i++) {
        if (r.options->skip_unsupported && lacks_input(&r, &p->steps[i])) continue;
        status = run_step(&r, &p->steps[i], err);
        if (status == INLAY_UNIMPLEMENTED && r.options->skip_unsupported) status = skip(err);
    }
    if (status == INLAY_OK) status = take_fetches(&r, fetched, err);
    for (size_t i = 0; i < slots; i++) tensor_release(r.slots[i]);
    if (status != INLAY_OK)
        for (size_t i = 0; i < p->p.n_fetches; i++) {
            tensor_release(fetched[i]);
            fetched[i] = NULL;
        }
    mem_free(r.slots);
    return status;
}

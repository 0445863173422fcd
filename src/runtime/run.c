/* The executor: one node after another, kernels parallel inside. */
#include "runtime/plan_private.h"

#include "base/clock.h"
#include "base/log.h"

/* One run: tensors by slot, and room for one step's inputs and outputs. */
typedef struct run {
    const plan *p;
    const run_options *options;
    tensor **slots;
    tensor **in, **out;
    uint64_t rounds; /* of all loops */
    double began;
} run;

/* What slots hold instead of tensors: of a step that did not run its outputs are dead; signals are either. */
static tensor marks[2];
#define DEAD (&marks[0])
#define ALIVE (&marks[1])

static void drop(tensor **slot) {
    if (*slot != DEAD && *slot != ALIVE) tensor_release(*slot);
    *slot = NULL;
}

static void put(tensor **slot, tensor *t) {
    drop(slot); /* the round before left it */
    *slot = t;
}

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

/* ---- branches */

static bool is_dead(const run *r, const plan_step *step) {
    if (step->flow->merges) return false;
    for (int i = 0; i < step->flow->n_waits; i++)
        if (r->slots[step->flow->waits[i]] == DEAD) return true;
    for (int k = 0; k < step->node.in.count; k++)
        if (step->in[k].from >= 0 && r->slots[step->in[k].from] == DEAD) return true;
    return false;
}

static void signal_step(run *r, const plan_step *step, tensor *mark) {
    if (step->flow->signal >= 0) r->slots[step->flow->signal] = mark;
}

static void pass_by(run *r, const plan_step *step) {
    for (int k = 0; k < step->node.in.count; k++)
        if (step->in[k].last) drop(&r->slots[step->in[k].from]);
    for (int k = 0; k < step->node.out.count; k++) put(&r->slots[step->first_out + k], DEAD);
    signal_step(r, step, DEAD);
}

/* Whether a merge finds its input dead; it takes that one, too, when it is the last to need it. */
static bool takes_dead(run *r, const plan_step *step, const plan_input *in) {
    if (!step->flow || !step->flow->merges || in->from < 0) return false;
    tensor **slot = &r->slots[in->from];
    if (*slot && *slot != DEAD) return false;
    if (in->last) *slot = NULL;
    return true;
}

/* After the step ran: outputs that it did not make are dead, when that is its way. A merge that made none was dead. */
static void mark_outputs(run *r, const plan_step *step) {
    bool made = !step->flow->merges || step->node.out.count == 0;
    for (int k = 0; k < step->node.out.count; k++) {
        if (r->out[k])
            made = true;
        else if (step->flow->merges || step->flow->switches)
            put(&r->slots[step->first_out + k], DEAD);
    }
    signal_step(r, step, made ? ALIVE : DEAD);
}

/* ---- steps */

static uint64_t output_bytes(const run *r, const plan_step *step) {
    uint64_t bytes = 0;
    for (int k = 0; k < step->node.out.count; k++)
        if (r->out[k]) bytes += r->out[k]->size;
    return bytes;
}

static inlay_status run_op(run *r, const plan_step *step, op_call *call, inlay_error *err) {
    if (!r->options->watch) return step->node.impl->run(call, err);
    double start = seconds_now() - r->began;
    inlay_status status = step->node.impl->run(call, err);
    r->options->watch(r->options->watch_user, step->node.name, step->op, start, seconds_now() - r->began,
                      output_bytes(r, step));
    return status;
}

static inlay_status run_step(run *r, const plan_step *step, inlay_error *err) {
    if (step->flow && is_dead(r, step)) {
        pass_by(r, step);
        return INLAY_OK;
    }
    int inputs = step->node.in.count, outputs = step->node.out.count, held = 0;
    r->out = r->in + inputs;
    memset(r->in, 0, (size_t)(inputs + outputs) * sizeof *r->in);
    op_call call = {.node = &step->node,
                    .in = r->in,
                    .out = r->out,
                    .unused = step->unused,
                    .host = r->p->host,
                    .budget = r->options->budget,
                    .stop = &r->options->stop,
                    .search = r->options->search};
    inlay_status status = op_check_stop(&call, err);
    if (status == INLAY_OK && !step->node.impl) status = cannot_run(step, err);
    for (; held < inputs && status == INLAY_OK; held++)
        if (!takes_dead(r, step, &step->in[held])) status = fetch_input(r, &step->in[held], held, &r->in[held], err);
    if (status == INLAY_OK) status = run_op(r, step, &call, err);
    if (status == INLAY_OK) status = check_outputs(step, r->out, err);
    for (int k = 0; k < inputs; k++) tensor_release(r->in[k]);
    for (int k = 0; k < outputs; k++) {
        if (status != INLAY_OK || step->unused[k])
            tensor_release(r->out[k]);
        else
            put(&r->slots[step->first_out + k], r->out[k]);
    }
    if (step->flow && status == INLAY_OK) mark_outputs(r, step);
    return status == INLAY_OK ? status : error_in_node(err, status, step->node.name, step->op);
}

static inlay_status take_fetches(run *r, tensor **fetched, inlay_error *err) {
    for (size_t i = 0; i < r->p->p.n_fetches; i++) {
        place from = r->p->fetches[i];
        tensor *t = from < 0 ? r->p->constants[-1 - from] : r->slots[from];
        const graph_node *n = r->p->p.fetches[i].node;
        if (!t || t == DEAD) {
            inlay_status status = fail(err, INLAY_INVALID_ARGUMENT,
                                       t ? "the output is in a branch that did not run" : "the output was never made");
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
    if (step->flow && step->flow->merges) return false;
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

static inlay_status run_loop(run *r, const plan_loop *loop, inlay_error *err);

/* Steps [first, end), with the loops among them: LOOPS up to LAST. */
static inlay_status run_steps(run *r, size_t first, size_t end, const plan_loop *loops, const plan_loop *last,
                              inlay_error *err) {
    const plan *p = r->p;
    for (size_t i = first; i < end; i++) {
        if (loops < last && loops->first == i) {
            TRY(run_loop(r, loops, err));
            i = loops->end - 1; /* behind it another one may begin */
            loops += loops->inside + 1;
            continue;
        }
        if (r->options->skip_unsupported && lacks_input(r, &p->steps[i])) continue;
        inlay_status status = run_step(r, &p->steps[i], err);
        if (status == INLAY_UNIMPLEMENTED && r->options->skip_unsupported) status = skip(err);
        TRY(status);
    }
    return INLAY_OK;
}

static bool goes_on(const run *r, const plan_loop *loop) {
    for (size_t i = 0; i < loop->n_back; i++)
        if (r->slots[loop->back[i]] && r->slots[loop->back[i]] != DEAD) return true;
    return false;
}

static inlay_status count_round(run *r, const plan_loop *loop, inlay_error *err) {
    if (!r->options->most_rounds || ++r->rounds <= r->options->most_rounds) return INLAY_OK;
    const plan_step *step = &r->p->steps[loop->first];
    inlay_status status = fail(err, INLAY_RESOURCE_EXHAUSTED, "the run's loops went more than %llu rounds",
                               (unsigned long long)r->options->most_rounds);
    return error_in_node(err, status, step->node.name, step->op);
}

static inlay_status run_loop(run *r, const plan_loop *loop, inlay_error *err) {
    for (size_t i = 0; i < loop->n_back; i++) put(&r->slots[loop->back[i]], DEAD);
    do {
        TRY(count_round(r, loop, err));
        TRY(run_steps(r, loop->first, loop->end, loop + 1, loop + 1 + loop->inside, err));
        for (size_t i = 0; i < loop->n_entries; i++) put(&r->slots[loop->entries[i]], DEAD);
    } while (goes_on(r, loop));
    for (size_t i = 0; i < loop->n_drops; i++) drop(&r->slots[loop->drops[i]]);
    return INLAY_OK;
}

inlay_status plan_run(const plan *p, tensor *const *feeds, tensor **fetched, const run_options *options,
                      inlay_error *err) {
    static const run_options none = {0};
    run r = {.p = p, .options = options ? options : &none};
    if (r.options->watch) r.began = seconds_now();
    for (size_t i = 0; i < p->p.n_fetches; i++) fetched[i] = NULL;
    size_t slots = (size_t)p->n_slots;
    r.slots = mem_zalloc(slots + (size_t)p->widest + 1, sizeof *r.slots);
    if (!r.slots) return fail_memory(err);
    r.in = r.slots + slots;
    inlay_status status = take_feeds(&r, feeds, err);
    if (status == INLAY_OK) status = run_steps(&r, 0, p->n_steps, p->loops, p->loops + p->n_loops, err);
    if (status == INLAY_OK) status = take_fetches(&r, fetched, err);
    for (size_t i = 0; i < slots; i++) drop(&r.slots[i]);
    if (status != INLAY_OK)
        for (size_t i = 0; i < p->p.n_fetches; i++) {
            tensor_release(fetched[i]);
            fetched[i] = NULL;
        }
    mem_free(r.slots);
    return status;
}

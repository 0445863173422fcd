/* Plans, kept by what they feed, fetch and run. */
#include "model/model_private.h"

#include "transform/transform.h"

void kept_plan_release(kept_plan *k) {
    if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) > 1) return;
    plan_free(k->p);
    mem_free(k);
}

static kept_plan *retain(kept_plan *k) {
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

void model_drop_plans(model *m) {
    for (size_t i = 0; i < m->n_plans; i++) {
        kept_plan_release(m->plans[i].plan);
        mem_free(m->plans[i].key);
        m->plans[i].plan = NULL;
        m->plans[i].key = NULL;
    }
    m->n_plans = m->next_plan = 0;
}

/* With their number and sizes: a name may hold any byte, and another request must never look the same. */
static void put_names(buffer *b, const char *const *names, size_t n) {
    buffer_format(b, "%zu;", n);
    for (size_t i = 0; i < n; i++) buffer_format(b, "%zu:%s", strlen(names[i]), names[i]);
}

static inlay_status key_of(const model_request *r, char **out, inlay_error *err) {
    buffer b = {0};
    put_names(&b, r->feeds, r->n_feeds);
    put_names(&b, r->fetches, r->n_fetches);
    put_names(&b, r->targets, r->n_targets);
    buffer_append_byte(&b, 0);
    inlay_status status = buffer_check(&b, err);
    if (status != INLAY_OK) buffer_free(&b);
    *out = (char *)b.data;
    return status;
}

typedef struct found_request {
    graph_edge *feeds, *fetches;
    graph_node **targets;
    program_request request;
} found_request;

static inlay_status find_names(model *m, const model_request *r, found_request *out, inlay_error *err) {
    out->feeds = mem_zalloc(r->n_feeds + 1, sizeof *out->feeds);
    out->fetches = mem_zalloc(r->n_fetches + 1, sizeof *out->fetches);
    out->targets = mem_zalloc(r->n_targets + 1, sizeof *out->targets);
    if (!out->feeds || !out->fetches || !out->targets) return fail_memory(err);
    for (size_t i = 0; i < r->n_feeds; i++) {
        TRY(graph_find_tensor(&m->g, bytes_of(r->feeds[i]), &out->feeds[i], err));
        if (out->feeds[i].output < 0) return fail(err, INLAY_INVALID_ARGUMENT, "%s is no tensor", r->feeds[i]);
    }
    for (size_t i = 0; i < r->n_fetches; i++) {
        TRY(graph_find_tensor(&m->g, bytes_of(r->fetches[i]), &out->fetches[i], err));
        if (out->fetches[i].output < 0) return fail(err, INLAY_INVALID_ARGUMENT, "%s is no tensor", r->fetches[i]);
    }
    for (size_t i = 0; i < r->n_targets; i++) {
        graph_edge e;
        TRY(graph_find_tensor(&m->g, bytes_of(r->targets[i]), &e, err));
        out->targets[i] = e.node;
    }
    out->request = (program_request){.feeds = out->feeds,
                                     .n_feeds = r->n_feeds,
                                     .fetches = out->fetches,
                                     .n_fetches = r->n_fetches,
                                     .targets = out->targets,
                                     .n_targets = r->n_targets,
                                     .node_limit = (size_t)m->node_budget};
    return INLAY_OK;
}

inlay_status model_make_program(model *m, const model_request *r, program *out, inlay_error *err) {
    found_request found = {0};
    inlay_status status = find_names(m, r, &found, err);
    if (status == INLAY_OK) status = program_make(&m->g, &found.request, out, err);
    if (status == INLAY_OK && m->optimize) {
        status = transform_run(out, session_host(m->session), err);
        if (status != INLAY_OK) program_free(out);
    }
    mem_free(found.feeds);
    mem_free(found.fetches);
    mem_free(found.targets);
    return status;
}

static inlay_status make_plan(model *m, const model_request *r, plan **out, inlay_error *err) {
    program p;
    TRY(model_make_program(m, r, &p, err));
    return plan_make(&p, session_host(m->session), out, err);
}

/* Under the lock. Takes KEY; the oldest plan gives way when there are too many. */
static void keep(model *m, char *key, kept_plan *k) {
    size_t place = m->n_plans < KEPT_PLANS ? m->n_plans++ : m->next_plan++ % KEPT_PLANS;
    kept_plan_release(m->plans[place].plan);
    mem_free(m->plans[place].key);
    m->plans[place].key = key;
    m->plans[place].plan = k;
}

inlay_status model_plan(model *m, const model_request *request, kept_plan **out, inlay_error *err) {
    char *key;
    *out = NULL;
    TRY(key_of(request, &key, err));
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->n_plans && !*out; i++)
        if (strcmp(m->plans[i].key, key) == 0) *out = retain(m->plans[i].plan);
    inlay_status status = INLAY_OK;
    if (!*out) {
        kept_plan *k = mem_zalloc(1, sizeof *k);
        status = k ? make_plan(m, request, &k->p, err) : fail_memory(err);
        if (status == INLAY_OK) {
            atomic_init(&k->refs, 2); /* the cache's and the caller's */
            keep(m, key, k);
            key = NULL;
            *out = k;
        } else {
            mem_free(k);
        }
    }
    pthread_mutex_unlock(&m->lock);
    mem_free(key);
    return status;
}

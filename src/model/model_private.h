/* What a model holds. Private to model/. */
#ifndef MODEL_MODEL_PRIVATE_H
#define MODEL_MODEL_PRIVATE_H

#include "base/blocks.h"
#include "base/file.h"
#include "format/bundle.h"
#include "format/saved_model.h"
#include "graph/program.h"
#include "model/model.h"
#include "runtime/plan.h"
#include "runtime/session.h"
#include "search/index_set.h"

#include <pthread.h>

/* A plan that runs use; freed when the cache and every run have let go. */
typedef struct kept_plan {
    _Atomic int refs;
    plan *p;
} kept_plan;

enum { KEPT_PLANS = 32 };

typedef struct model_signature_entry {
    inlay_signature shown;
    dtype *input_types; /* as the graph has them: what a signature says may be wrong */
    const saved_signature *saved;
} model_signature_entry;

struct model {
    saved_model *saved;
    const saved_metagraph *graph_of;
    bool optimize, lock_indexes;
    uint64_t memory_budget, node_budget;
    block_store *blocks; /* what runs give one another */
    graph_library library;
    graph g;
    session *session;
    bundle *variables;  /* NULL: none */
    index_set *indexes; /* NULL: none */
    tensor **indexed;   /* [n_indexed] held: what the indexes are of */
    size_t n_indexed;
    arena memory;
    model_signature_entry *signatures;
    size_t n_signatures;
    pthread_mutex_t lock; /* around plans, and around making them */
    struct {
        char *key; /* what is fed, fetched and run, as text */
        kept_plan *plan;
    } plans[KEPT_PLANS];
    size_t n_plans, next_plan;
};

/* What a run asks for, by names of the graph's tensors. */
typedef struct model_request {
    const char *const *feeds;
    size_t n_feeds;
    const char *const *fetches;
    size_t n_fetches;
    const char *const *targets;
    size_t n_targets;
} model_request;

/* The plan for REQUEST, held by the caller (kept_plan_release). */
inlay_status model_plan(model *m, const model_request *request, kept_plan **out, inlay_error *err);
/* What it is made from, after all passes, under the lock. *out is the caller's (program_free). */
inlay_status model_make_program(model *m, const model_request *request, program *out, inlay_error *err);
void kept_plan_release(kept_plan *k); /* NULL is fine */
void model_drop_plans(model *m);

/* Runs REQUEST with its tensors, feeds and fetches in its order. LOADING: what cannot run is left out. */
inlay_status model_run_request(model *m, const model_request *request, tensor *const *feeds, tensor **fetched,
                               const model_run_options *options, bool loading, inlay_error *err);

/* The program of all inputs and outputs of SIGNATURE, after all passes. *out is the caller's (program_free). */
inlay_status model_program(model *m, const char *signature, program *out, inlay_error *err);

/* Opens the indexes that the model has and that are of the rows it stores. */
inlay_status model_open_indexes(model *m, inlay_error *err);
void model_close_indexes(model *m);

/* Fills m->signatures. */
inlay_status model_list_signatures(model *m, inlay_error *err);

/* Restores variables and runs the initialisation op. */
inlay_status model_initialize(model *m, inlay_error *err);

#endif

/* Plans: a program put in order, its attributes read, the life of each tensor known. Made once, run from any number of
 * threads at a time: a run changes nothing in its plan. */
#ifndef RUNTIME_PLAN_H
#define RUNTIME_PLAN_H

#include "graph/program.h"
#include "op/op.h"

typedef struct plan plan;

/* Makes a plan of SOURCE, which is emptied, also on failure. HOST must outlive the plan. Nodes whose op cannot run are
 * accepted: only running them fails. Errors name the node: INVALID_ARGUMENT (a cycle, a missing input, attributes that
 * do not fit). */
inlay_status plan_make(program *source, op_host *host, plan **out, inlay_error *err);
void plan_free(plan *p); /* no run may be under way; NULL is fine */

/* Told of each node that ran, on the thread that runs the plan. SECONDS since the run began; BYTES of its outputs. */
typedef void (*run_watch)(void *user, const char *node, const char *op, double start, double end, uint64_t bytes);

typedef struct run_options {
    mem_budget *budget; /* NULL: none. A tensor that outlives the run stays charged to it (mem_budget_new) */
    op_stop stop;
    run_watch watch; /* NULL: nobody is told */
    void *watch_user;
    struct search_request *search; /* for op_call; may be NULL */
    uint64_t most_rounds;          /* of all loops together; 0: no limit */
    bool skip_unsupported;         /* leave out nodes whose op cannot run, and those that need them, with a warning: for
                                      loading, where a model may hold more than is asked of it */
} run_options;

/* Runs P. FEEDS, as many as SOURCE had, are held during the run only, one that nothing needs may be NULL. FETCHED, as
 * many as SOURCE fetched, are the caller's; all NULL on failure. Errors carry the node and its op. */
inlay_status plan_run(const plan *p, tensor *const *feeds, tensor **fetched, const run_options *options,
                      inlay_error *err);

/* Whether a node of op OP can run, by its own row or by what plans make of it. */
bool plan_can_run(const char *op);

/* A line for each node in the order they run: "name = Op(inputs) attributes". */
void plan_describe(const plan *p, void (*fn)(void *user, const char *line), void *user);

#endif

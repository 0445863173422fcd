#include "model/needs.h"
#include "opdef/opdef.h"
#include "runtime/plan.h"

#include <pthread.h>
#include <stdlib.h>

/* Rows that run, by name; those of our own, which stand for subgraphs, begin with '_'. */
enum { MOST_OPS = 4096 };
static const op_def *listed[MOST_OPS];
static size_t n_listed;

static int compare_defs(const void *a, const void *b) {
    return strcmp((*(const op_def *const *)a)->name, (*(const op_def *const *)b)->name);
}

static void list_ops(void) {
    const op_def *def;
    for (size_t i = 0; (def = opdef_at(i)) && n_listed < MOST_OPS; i++)
        if (def->name[0] != '_' && plan_can_run(def->name)) listed[n_listed++] = def;
    qsort(listed, n_listed, sizeof(const op_def *), compare_defs);
}

size_t inlay_ops_count(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, list_ops);
    return n_listed;
}

bool inlay_ops_at(size_t index, inlay_op *out) {
    if (index >= inlay_ops_count()) return false;
    const op_def *d = listed[index];
    *out = (inlay_op){d->name, d->in ? d->in : "", d->out ? d->out : "", d->attrs ? d->attrs : ""};
    return true;
}

inlay_status inlay_ops_needed(const char *path, const char *tag_set, inlay_model_ops **out, inlay_error *error) {
    return model_needs(path, tag_set, out, error);
}

void inlay_ops_release(inlay_model_ops *ops) {
    model_needs_release(ops);
}

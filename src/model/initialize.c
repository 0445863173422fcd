/* What loading runs: the restore op, then the initialisation op. */
#include "model/model_private.h"

/* What both are fed: the checkpoint's prefix and the assets' paths. */
typedef struct loading {
    const char **names;
    tensor **values;
    size_t count;
} loading;

/* Feeds TEXT, which is freed, as tensor NAME. */
static inlay_status feed_text(loading *l, const char *name, char *text, inlay_error *err) {
    l->names[l->count] = name;
    inlay_status status = tensor_from_string(bytes_of(text), &l->values[l->count], err);
    mem_free(text);
    if (status == INLAY_OK) l->count++;
    return status;
}

static inlay_status feed_paths(model *m, loading *l, inlay_error *err) {
    const saved_metagraph *g = m->graph_of;
    char *path;
    l->names = arena_zalloc(&m->memory, g->asset_count + 1, sizeof *l->names);
    l->values = arena_zalloc(&m->memory, g->asset_count + 1, sizeof(tensor *));
    if (!l->names || !l->values) return fail_memory(err);
    if (m->saved->has_variables && g->has_saver && g->saver.filename_tensor[0]) {
        TRY(saved_variables_prefix(m->saved, &path, err));
        TRY(feed_text(l, g->saver.filename_tensor, path, err));
    }
    for (size_t i = 0; i < g->asset_count; i++) {
        TRY(saved_asset_path(m->saved, &g->assets[i], &path, err));
        TRY(feed_text(l, g->assets[i].tensor, path, err));
    }
    return INLAY_OK;
}

static inlay_status run_target(model *m, const loading *l, const char *target, inlay_error *err) {
    model_request r = {l->names, l->count, NULL, 0, &target, 1};
    return model_run_request(m, &r, l->values, NULL, NULL, true, err);
}

inlay_status model_initialize(model *m, inlay_error *err) {
    const saved_metagraph *g = m->graph_of;
    const char *init;
    loading l = {0};
    TRY(saved_init_op(m->saved, g, &init, err));
    inlay_status status = feed_paths(m, &l, err);
    if (status == INLAY_OK && m->saved->has_variables && g->has_saver && g->saver.restore_op[0])
        status = run_target(m, &l, g->saver.restore_op, err);
    if (status == INLAY_OK && init) status = run_target(m, &l, init, err);
    for (size_t i = 0; i < l.count; i++) tensor_release(l.values[i]);
    model_drop_plans(m); /* run once; their memory is better used */
    return status;
}

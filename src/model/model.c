#include "model/model_private.h"

#include <unistd.h>

/* Three quarters of the machine's memory. */
static uint64_t usual_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages / 4 * 3 * (uint64_t)size : (uint64_t)4 << 30;
}

enum { USUAL_NODES = 4000000 };

static bytes op_list_of(const saved_metagraph *g) {
    wire_field f;
    bool found = false;
    if (!g->meta_info.data || wire_find(g->meta_info, 2, "meta_info", &f, &found, NULL) != INLAY_OK) return (bytes){0};
    return found && f.type == WIRE_BYTES ? f.data : (bytes){0};
}

static inlay_status import(model *m, inlay_error *err) {
    graph_source source = {
        .file = m->saved->file, .origin = m->saved->message.data, .tensors = saved_tensor_options(m->saved)};
    graph_init(&m->g, NULL, &source, (size_t)m->node_budget);
    TRY(graph_library_init(&m->library, m->graph_of->graph_def, op_list_of(m->graph_of), &source, err));
    m->g.functions = &m->library;
    return graph_import(&m->g, m->graph_of->graph_def, err);
}

/* Of NAME.meta the checkpoint NAME, as savers write them; NULL when there is none. */
static const char *checkpoint_beside(model *m) {
    static const char ending[] = ".meta";
    const char *path = m->saved->path;
    size_t size = strlen(path), cut = sizeof ending - 1;
    if (m->saved->kind != SAVED_METAGRAPH || size <= cut || strcmp(path + size - cut, ending) != 0) return NULL;
    const char *prefix = arena_copy(&m->memory, bytes_make(path, size - cut));
    const char *index = prefix ? arena_format(&m->memory, "%s.index", prefix) : NULL;
    return index && (file_exists(index) || file_exists(prefix)) ? prefix : NULL;
}

static inlay_status open_session(model *m, const inlay_model_options *o, inlay_error *err) {
    session_options options = {.folder = m->saved->folder,
                               .allow_files_in = o->allow_files_in,
                               .checkpoint = o->checkpoint ? o->checkpoint : checkpoint_beside(m),
                               .copy = o->copy};
    if (o->checkpoint && m->saved->kind == SAVED_MODEL)
        return fail_at(err, INLAY_INVALID_ARGUMENT, m->saved->path, -1,
                       "a SavedModel has its own variables; a checkpoint is for a graph or a .meta file");
    TRY(session_open(&options, &m->session, err));
    if (!m->saved->has_variables) return INLAY_OK;
    char *prefix;
    TRY(saved_variables_prefix(m->saved, &prefix, err));
    inlay_status status = bundle_open(prefix, o->copy, &m->variables, err);
    mem_free(prefix);
    return status;
}

static inlay_status open_once(const char *path, const inlay_model_options *given, bool indexes, model **out,
                              inlay_error *err) {
    inlay_model_options options = {.optimize = true};
    if (given) options = *given;
    *out = NULL;
    model *m = mem_zalloc(1, sizeof *m);
    if (!m) return fail_memory(err);
    if (pthread_mutex_init(&m->lock, NULL) != 0) {
        mem_free(m);
        return fail_memory(err);
    }
    arena_init(&m->memory, 0);
    m->optimize = options.optimize;
    m->memory_budget = options.memory_budget ? options.memory_budget : usual_memory();
    m->lock_indexes = options.lock_indexes;
    m->node_budget = options.node_budget ? options.node_budget : USUAL_NODES;
    m->blocks = block_store_new();
    inlay_status status = m->blocks ? saved_model_open(path, options.copy, &m->saved, err) : fail_memory(err);
    if (status == INLAY_OK) status = saved_model_pick(m->saved, options.tag_set, &m->graph_of, err);
    if (status == INLAY_OK) status = import(m, err);
    if (status == INLAY_OK) status = open_session(m, &options, err);
    if (status == INLAY_OK && indexes) status = model_open_indexes(m, err);
    if (status == INLAY_OK) status = model_list_signatures(m, err);
    if (status == INLAY_OK) status = model_initialize(m, err);
    if (status == INLAY_OK)
        *out = m;
    else
        model_close(m);
    return status;
}

/* An edit exchanges the model's whole folder: what was opened partly before and partly after it is opened again. */
static inlay_status open_steady(const char *path, const inlay_model_options *given, bool indexes, model **out,
                                inlay_error *err) {
    enum { MOST = 50 };
    for (int tries = 1;; tries++) {
        file_info before, after;
        inlay_error ignored;
        bool known = file_stat(path, true, &before, &ignored) == INLAY_OK;
        inlay_status status = open_once(path, given, indexes, out, err);
        known = known && file_stat(path, true, &after, &ignored) == INLAY_OK;
        if (!known || tries == MOST || file_info_equal(&before, &after)) return status;
        model_close(*out);
        *out = NULL;
    }
}

inlay_status model_open(const char *path, const inlay_model_options *given, model **out, inlay_error *err) {
    return open_steady(path, given, true, out, err);
}

inlay_status model_open_bare(const char *path, model **out, inlay_error *err) {
    return open_steady(path, NULL, false, out, err);
}

void model_close(model *m) {
    if (!m) return;
    model_drop_plans(m);
    graph_free(&m->g);
    graph_library_free(&m->library);
    model_close_indexes(m);
    session_close(m->session);
    bundle_close(m->variables);
    saved_model_close(m->saved);
    arena_free(&m->memory);
    block_store_close(m->blocks);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

/* Indexes of the rows that a model stores. One that is damaged, or was made from other rows, is passed over with a
 * warning: it could only be slower to do without. */
#include "base/log.h"
#include "format/index_files.h"
#include "model/model_private.h"
#include "search/index_tie.h"

/* The tensor of E as the model's variables hold it: the same memory. */
static inlay_status hold(model *m, const char *prefix, const bundle_entry *e, const void **data, inlay_error *err) {
    op_host *host = session_host(m->session);
    tensor **slot = &m->indexed[m->n_indexed];
    TRY(host->restore(host, bytes_of(prefix), e->key, bytes_of(""), slot, err));
    *data = (*slot)->data;
    m->n_indexed++;
    return INLAY_OK;
}

/* *used: the index is of what the model stores. */
static inlay_status take(model *m, const char *prefix, const char *path, bool *used, inlay_error *err) {
    file_map *map;
    search_index *index;
    const void *rows, *side = NULL;
    *used = false;
    TRY(file_map_open(path, false, &map, err));
    inlay_status status = search_index_open(file_map_bytes(map), map->path, &index, err);
    if (status != INLAY_OK) {
        file_map_release(map);
        return status;
    }
    const bundle_entry *stored, *factors;
    *used = index_is_of(search_index_about(index), m->variables, &stored, &factors);
    if (*used) TRY_TO(failed, hold(m, prefix, stored, &rows, err));
    if (*used && factors) TRY_TO(failed, hold(m, prefix, factors, &side, err));
    if (*used && m->lock_indexes) {
        TRY_TO(failed, file_pin(map->data, (size_t)map->size, map->path, err));
        if (factors) TRY_TO(failed, file_pin(side, (size_t)factors->size, map->path, err));
    }
    if (*used) return index_set_add(m->indexes, index, map, rows, side, err);
failed:
    search_index_close(index);
    file_map_release(map);
    return *used ? status : INLAY_OK;
}

static inlay_status take_all(model *m, const char *folder, const file_names *names, inlay_error *err) {
    size_t unused = 0;
    char *prefix = NULL;
    m->indexed = mem_array(2 * names->count + 1, sizeof(tensor *));
    if (!m->indexed) return fail_memory(err);
    TRY(saved_variables_prefix(m->saved, &prefix, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names->count && status == INLAY_OK; i++) {
        inlay_error damage;
        bool used = false;
        char *path = path_join(folder, names->names[i]);
        status = path ? take(m, prefix, path, &used, &damage) : fail_memory(&damage);
        mem_free(path);
        if (status == INLAY_RESOURCE_EXHAUSTED) {
            if (err) *err = damage;
        } else if (status != INLAY_OK) {
            log_note(INLAY_LOG_WARNING, "an index is not used: %s", damage.message);
            status = INLAY_OK;
        } else {
            unused += !used;
        }
    }
    if (unused)
        log_note(INLAY_LOG_WARNING,
                 "%s: %zu of %zu indexes were made from other rows and are not used; inlay index makes them anew",
                 m->saved->path, unused, names->count);
    mem_free(prefix);
    return status;
}

inlay_status model_open_indexes(model *m, inlay_error *err) {
    if (!m->variables || !m->saved->folder) return INLAY_OK;
    char *folder = path_join(m->saved->folder, INDEX_FOLDER);
    file_names names = {0};
    inlay_status status = folder ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK && file_exists(folder)) {
        TRY_TO(done, file_list(folder, &names, err));
        TRY_TO(done, index_set_new(&m->indexes, err));
        TRY_TO(done, take_all(m, folder, &names, err));
        session_host(m->session)->indexes = m->indexes;
    }
done:
    file_names_free(&names);
    mem_free(folder);
    return status;
}

void model_close_indexes(model *m) {
    index_set_free(m->indexes);
    for (size_t i = 0; i < m->n_indexed; i++) tensor_release(m->indexed[i]);
    mem_free(m->indexed);
}

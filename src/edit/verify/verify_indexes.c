/* The indexes of a model's rows: whole, and of the rows that are stored. */
#include "edit/verify/verify_parts.h"
#include "format/index_files.h"
#include "search/index_tie.h"

static void check_index(verify_job *j, const char *path, const bundle *b) {
    file_map *map = NULL;
    search_index *index = NULL;
    const bundle_entry *rows, *side;
    inlay_error what;
    inlay_status status = file_map_open(path, false, &map, &what);
    if (status == INLAY_OK) status = search_index_open(file_map_bytes(map), path, &index, &what);
    if (status == INLAY_OK && !j->o->fast) status = search_index_check(index, NULL, &what);
    if (status == INLAY_OK) j->report.bytes += j->o->fast ? 0 : map->size;
    if (status == INLAY_RESOURCE_EXHAUSTED)
        j->found.failed = true;
    else if (status != INLAY_OK)
        findings_add_error(&j->found, path, &what);
    else if (!index_is_of(search_index_about(index), b, &rows, &side))
        findings_add(&j->found, INLAY_FINDING_WARNING, INLAY_CAUSE_UNKNOWN, path,
                     "the index was made from other rows and is not used; inlay index makes it anew");
    search_index_close(index);
    file_map_release(map);
}

/* What is wrong with the bundle or the folder is told elsewhere. */
static inlay_status check_all(verify_job *j, const char *folder, const char *prefix, inlay_error *err) {
    bundle *b = NULL;
    file_names names = {0};
    inlay_error what;
    inlay_status status = bundle_open(prefix, false, &b, &what);
    if (status == INLAY_OK) status = file_list(folder, &names, &what);
    for (size_t i = 0; status == INLAY_OK && i < names.count; i++) {
        const char *path = arena_format(&j->a, "%s/%s", folder, names.names[i]);
        if (path) check_index(j, path, b);
        j->found.failed |= !path;
    }
    file_names_free(&names);
    bundle_close(b);
    return status == INLAY_RESOURCE_EXHAUSTED ? fail_memory(err) : INLAY_OK;
}

inlay_status verify_indexes(verify_job *j, const char *prefix, inlay_error *err) {
    char *folder = path_join(j->folder, INDEX_FOLDER);
    if (!folder) return fail_memory(err);
    inlay_status status = file_exists(folder) ? check_all(j, folder, prefix, err) : INLAY_OK;
    mem_free(folder);
    return status;
}

#include "edit/paths.h"

#include "base/alloc.h"

#include <limits.h>
#include <stdlib.h>

/* PATH without links and dots; of a path that is not there, its parent's with its name behind. False when neither is
 * there. */
static bool resolved(const char *path, char out[PATH_MAX]) {
    if (realpath(path, out)) return true;
    char parent[PATH_MAX];
    const char *name = path_name(path);
    size_t n = (size_t)(name - path);
    if (n + 1 >= sizeof parent) return false;
    memcpy(parent, n ? path : ".", n ? n : 1);
    parent[n ? n : 1] = 0;
    if (!realpath(parent, out) || strlen(out) + strlen(name) + 2 >= PATH_MAX) return false;
    if (strcmp(out, "/") != 0) strcat(out, "/");
    strcat(out, name);
    return true;
}

static bool holds(const char *folder, const char *path) {
    size_t n = strlen(folder);
    return strncmp(folder, path, n) == 0 && (path[n] == 0 || path[n] == '/');
}

inlay_status paths_apart(const char *target, const char *other, inlay_error *err) {
    char a[PATH_MAX], b[PATH_MAX];
    if (!resolved(target, a) || !resolved(other, b) || (!holds(a, b) && !holds(b, a))) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, target, -1, "is, holds or lies inside what it is made from: %s", other);
}

/* Whether FOLDER holds the graph of a SavedModel. */
static inlay_status holds_model(const char *folder, bool *out, inlay_error *err) {
    static const char *const names[] = {"saved_model.pb", "saved_model.pbtxt"};
    *out = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !*out; i++) {
        char *graph = path_join(folder, names[i]);
        if (!graph) return fail_memory(err);
        *out = file_exists(graph);
        mem_free(graph);
    }
    return INLAY_OK;
}

inlay_status paths_check_target(const char *target, bool force, inlay_error *err) {
    if (!file_exists(target)) return INLAY_OK;
    if (!force)
        return fail_at(err, INLAY_ALREADY_EXISTS, target, -1, "is there already; give --force to replace a model");
    bool is_model;
    TRY(holds_model(target, &is_model, err));
    if (is_model) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, target, -1, "holds no saved_model.pb: only a model is replaced");
}

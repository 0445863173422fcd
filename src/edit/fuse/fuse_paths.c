#include "edit/fuse/fuse_paths.h"

#include "base/alloc.h"

inlay_status fuse_check_target(const inlay_fuse_options *o, const shard_list *sources, inlay_error *err) {
    if (o->extractor) TRY(paths_apart(o->output, o->extractor, err));
    if (o->labels) TRY(paths_apart(o->output, o->labels, err));
    if (o->ids) TRY(paths_apart(o->output, o->ids, err));
    for (size_t i = 0; i < o->n_embeddings; i++) {
        file_info info;
        inlay_error ignored;
        bool folder = file_stat(o->embeddings[i], true, &info, &ignored) == INLAY_OK && info.is_folder;
        if (folder) TRY(paths_apart(o->output, o->embeddings[i], err));
    }
    for (size_t i = 0; i < sources->count; i++) TRY(paths_apart(o->output, sources->shards[i].path, err));
    return paths_check_target(o->output, o->force, err);
}

static inlay_status copy_tree(const char *from, const char *to, inlay_error *err);

/* What is in folder FROM, but for the names EXCEPT [n], into folder TO. */
static inlay_status copy_entries(const char *from, const char *to, const char *const *except, size_t n,
                                 inlay_error *err) {
    file_names names;
    TRY(file_list(from, &names, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        bool skip = false;
        for (size_t j = 0; j < n; j++) skip |= strcmp(names.names[i], except[j]) == 0;
        if (skip) continue;
        char *inner_from = path_join(from, names.names[i]), *inner_to = path_join(to, names.names[i]);
        status = inner_from && inner_to ? copy_tree(inner_from, inner_to, err) : fail_memory(err);
        mem_free(inner_from);
        mem_free(inner_to);
    }
    file_names_free(&names);
    return status;
}

static inlay_status copy_tree(const char *from, const char *to, inlay_error *err) {
    file_info info;
    TRY(file_stat(from, false, &info, err));
    if (info.is_link)
        return fail_at(err, INLAY_INVALID_ARGUMENT, from, -1, "is a symbolic link; a model's files must lie inside it");
    if (!info.is_folder) return file_place(from, to, INLAY_LINK_COPY, NULL, NULL, err);
    TRY(file_make_folder(to, err));
    return copy_entries(from, to, NULL, 0, err);
}

inlay_status fuse_copy_rest(const char *from, const char *to, inlay_error *err) {
    static const char *const anew[] = {"saved_model.pb", "saved_model.pbtxt", "variables", "fingerprint.pb"};
    return copy_entries(from, to, anew, sizeof anew / sizeof *anew, err);
}

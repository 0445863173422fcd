#include "edit/change.h"
#include "edit/index/index.h"
#include "format/index_files.h"

#include <inttypes.h>

typedef struct indexing {
    const char *name;
    progress progress;
    inlay_index_report *report;
} indexing;

static inlay_status finish(void *user, const char *folder, inlay_error *err) {
    indexing *i = user;
    return index_make(folder, i->name, &i->progress, i->report, err);
}

static inlay_status remove_indexes(change *c, inlay_error *err) {
    if (!index_is_there(c->path)) return fail_at(err, INLAY_NOT_FOUND, c->path, -1, "has no indexes");
    change_note(c, "the indexes are removed");
    return change_put_file(c, INDEX_FOLDER, bytes_make(NULL, 0), err);
}

static inlay_status make_indexes(change *c, indexing *i, inlay_error *err) {
    index_count count;
    TRY(index_count_rows(c->path, i->name, &count, err));
    change_note(c, "%" PRIu64 " row%s to be indexed", count.rows, count.rows == 1 ? " is" : "s are");
    if (count.refused[0]) change_note(c, "no index for %s", count.refused);
    progress_start(&i->progress, c->options->progress, c->options->progress_user, "indexing rows", count.rows);
    if (c->options->dry_run) return INLAY_OK;
    c->finish = finish;
    c->finish_user = i;
    return INLAY_OK;
}

inlay_status edit_index(const char *model, const inlay_index_options *options, const inlay_edit_options *how,
                        inlay_index_report *report, inlay_error *err) {
    inlay_index_report unused;
    indexing i = {.name = options->name, .report = report ? report : &unused};
    change c;
    *i.report = (inlay_index_report){0};
    TRY(change_begin(model, how, NULL, &c, err));
    inlay_status status;
    if (!c.model || !c.model->folder)
        status = fail_at(err, INLAY_INVALID_ARGUMENT, model, -1, "is no SavedModel: it has no searches");
    else
        status = options->remove ? remove_indexes(&c, err) : make_indexes(&c, &i, err);
    if (status == INLAY_OK) return change_commit(&c, err);
    change_abandon(&c);
    return status;
}

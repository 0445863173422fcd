/* Indexes of the rows of a model's searches, in assets.extra/inlay.index/: made, kept right by edits, removed. */
#ifndef EDIT_INDEX_H
#define EDIT_INDEX_H

#include "base/error.h"
#include "base/log.h"

/* As inlay_index. */
inlay_status edit_index(const char *model, const inlay_index_options *options, const inlay_edit_options *how,
                        inlay_index_report *report, inlay_error *err);

/* Makes the indexes of the rows of search NAME (NULL: of all) of the model in FOLDER, but for those that are there and
 * right. REPORT is added to. */
inlay_status index_make(const char *folder, const char *name, progress *progress, inlay_index_report *report,
                        inlay_error *err);

/* For changes of rows: the same for all searches, as their last step. */
inlay_status index_missing(void *unused, const char *folder, inlay_error *err);

/* Rows of that search. */
inlay_status index_count_rows(const char *folder, const char *name, uint64_t *rows, inlay_error *err);

/* Whether the model in FOLDER has indexes. */
bool index_is_there(const char *folder);

/* Removes from FOLDER the indexes that are of no tensor that it stores; those that stay keep their files. */
inlay_status index_drop_stale(const char *folder, inlay_error *err);

#endif

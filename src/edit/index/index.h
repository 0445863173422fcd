/* Indexes of the rows of a model's searches, in assets.extra/inlay.index/: made, kept right by edits, removed. */
#ifndef EDIT_INDEX_H
#define EDIT_INDEX_H

#include "base/error.h"
#include "base/log.h"

/* As inlay_index. */
inlay_status edit_index(const char *model, const inlay_index_options *options, const inlay_edit_options *how,
                        inlay_index_report *report, inlay_error *err);

/* Makes the indexes of the rows of search NAME (NULL: of all), a collection or a signature with plain searches, of the
 * model in FOLDER, but for those that are there and right. REPORT is added to. */
inlay_status index_make(const char *folder, const char *name, progress *progress, inlay_index_report *report,
                        inlay_error *err);

/* For changes: the same for all searches, PLAIN ones too. */
inlay_status index_missing(const char *folder, bool plain, inlay_index_report *report, inlay_error *err);

typedef struct index_count {
    uint64_t rows;
    char refused[400]; /* a plain search that can have no index, and why; "": none */
} index_count;

/* Rows of that search. */
inlay_status index_count_rows(const char *folder, const char *name, index_count *out, inlay_error *err);

/* Whether the model in FOLDER has indexes, and any of plain searches. */
bool index_is_there(const char *folder);
inlay_status index_has_plain(const char *folder, bool *out, inlay_error *err);

/* Removes from FOLDER the indexes that are of no tensor that it stores, *gone of them; those that stay keep their
 * files. */
inlay_status index_drop_stale(const char *folder, size_t *gone, inlay_error *err);

#endif

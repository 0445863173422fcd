/* What the makers of indexes share. Private to edit/index/. */
#ifndef EDIT_INDEX_FILE_H
#define EDIT_INDEX_FILE_H

#include "base/map.h"
#include "edit/index/index.h"
#include "format/bundle.h"
#include "search/search_index.h"

/* Whether a file is an index of what a bundle stores, and how it was made. */
typedef struct index_verdict {
    bool right, sided, computed, transposed;
    search_metric metric;
    uint32_t side_crc;
} index_verdict;

/* A file that cannot be read is not right; that memory is out says nothing. */
inlay_status index_judge(const char *path, const bundle *b, index_verdict *out, inlay_error *err);

/* Removes from the model in FOLDER the indexes of plain searches whose file names are not in USED. */
inlay_status index_drop_unused(const char *folder, map *used, inlay_error *err);

typedef struct index_source_rows {
    const search_chunk *chunk;
    int64_t dim;
    search_metric metric;
    search_tie tie;
} index_source_rows;

/* Writes the file PATH, where there is none, in the model's FOLDER. REPORT is added to. */
inlay_status index_write(const char *folder, const char *path, const index_source_rows *source, progress *progress,
                         inlay_index_report *report, inlay_error *err);

/* As index_make, of the plain searches of SIGNATURE, or of all (NULL): then indexes that none of them uses go. */
inlay_status plain_index_make(const char *folder, const char *signature, progress *progress, inlay_index_report *report,
                              inlay_error *err);

/* Adds to OUT the rows that these have, each matrix once for each way to compare it. */
inlay_status plain_index_count(const char *folder, const char *signature, index_count *out, inlay_error *err);

#endif

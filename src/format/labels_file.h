/* What the files that read labels and ids share. */
#ifndef FORMAT_LABELS_FILE_H
#define FORMAT_LABELS_FILE_H

#include "format/labels.h"
#include "format/npy.h"

struct labels {
    char *path;
    bytes file;
    void (*release)(void *user);
    void *user;
    bool is_file; /* PATH is one, and was as SEEN before it was opened */
    file_info seen;
    bool is_array;
    npy_header array;
    uint64_t start; /* of the first line, bytes */
    int64_t count;
    uint64_t bytes;
    labels_piece *pieces; /* of labels that were joined, which have no file */
    size_t n_pieces;
};

inlay_status labels_changed(const labels *l, inlay_error *err); /* FAILED_PRECONDITION */

/* INVALID_ARGUMENT when the array is neither [rows] nor [rows, 1]; WHAT says what it should hold. */
inlay_status check_column(const npy_header *h, const char *path, const char *what, inlay_error *err);

#endif

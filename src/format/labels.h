/* What rows are called: label files (a UTF-8 line a row, or a .npy of strings) and id files (a .npy of integers).
 * Everything streams over the mapped file, for hundreds of millions of rows. Formats: docs/formats/labels.md. */
#ifndef FORMAT_LABELS_H
#define FORMAT_LABELS_H

#include "base/file.h"
#include "base/log.h"

/* ---- labels */

typedef struct labels labels;

/* Opens PATH and reads it once: labels are counted and must be UTF-8. Lines end in LF or CR LF, the last one may end
 * with the file; an empty line is an empty label; a byte order mark before the first is skipped. A .npy (by its name or
 * first bytes) holds strings (S, U), [rows] or [rows, 1]. Bytes read are counted into P (may be NULL).
 * *out is the caller's (labels_close). Errors: NOT_FOUND, INVALID_ARGUMENT (no strings, other shapes, or not UTF-8:
 * names line or element, and byte), DATA_LOSS (a damaged .npy), CANCELLED. */
inlay_status labels_open(const char *path, progress *p, labels **out, inlay_error *err);

/* The same for a file in memory, called NAME in errors. RELEASE(USER) gives it back once, also on failure. */
inlay_status labels_open_bytes(bytes file, const char *name, void (*release)(void *), void *user, progress *p,
                               labels **out, inlay_error *err);
void labels_close(labels *l); /* NULL is fine */

/* COUNT strings of STRINGS from FIRST on, or (STRINGS NULL) all of FILE. */
typedef struct labels_piece {
    const struct inlay_tensor *strings;
    int64_t first, count;
    const labels *file;
} labels_piece;

/* The labels of PIECES [n] one after another; what they name must outlive *out, called NAME in errors. */
inlay_status labels_join(const labels_piece *pieces, size_t n, const char *name, labels **out, inlay_error *err);

int64_t labels_count(const labels *l);
uint64_t labels_bytes(const labels *l); /* of all labels together */

/* Walks the labels in order. Zeroed but for the labels to walk over. */
typedef struct labels_cursor {
    const labels *of;
    int64_t done;
    uint64_t at;
    buffer text;
    size_t piece; /* of joined labels: which, and how much of it is done */
    int64_t piece_done;
    struct labels_cursor *inner; /* in a piece that is a file */
} labels_cursor;

/* The next label, valid until the next call. FAILED_PRECONDITION when the file changed and holds no more. */
inlay_status labels_next(labels_cursor *c, bytes *out, inlay_error *err);
void labels_cursor_free(labels_cursor *c);

/* Appends the labels to W as a bundle stores a string tensor (docs/formats/bundle.md), and writes the table of their
 * offsets to the new file OFFSETS_PATH (NULL: none; docs/formats/label_offsets.md). *size is the number of bytes
 * appended, *crc their checksum, unmasked. Bytes read (twice the file) are counted into P (may be NULL).
 * FAILED_PRECONDITION when the file changed since it was opened. */
inlay_status labels_store(const labels *l, file_writer *w, const char *offsets_path, progress *p, uint64_t *size,
                          uint32_t *crc, inlay_error *err);

/* ---- ids */

typedef struct ids ids;

/* Opens a .npy of integers, [rows] or [rows, 1]. *out is the caller's (ids_close). Errors: INVALID_ARGUMENT, and those
 * of npy_parse. */
inlay_status ids_open(const char *path, ids **out, inlay_error *err);
void ids_close(ids *i); /* NULL is fine */
int64_t ids_count(const ids *i);

/* Ids [first, first + n). INVALID_ARGUMENT when a uint64 one is beyond int64. */
inlay_status ids_read(const ids *i, int64_t first, int64_t n, int64_t *to, inlay_error *err);

/* Whether the file holds them as a model does (int64, little-endian), and from which byte on. */
bool ids_in_place(const ids *i, uint64_t *offset);

#endif

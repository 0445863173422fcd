/* Where each string of a stored string tensor begins: a table beside the bundle, so that opening a hundred million
 * labels reads none of them. Format: docs/formats/label_offsets.md. */
#ifndef FORMAT_LABELS_OFFSETS_H
#define FORMAT_LABELS_OFFSETS_H

#include "format/bundle.h"

/* What ties a table to its tensor. */
typedef struct labels_tie {
    uint64_t count;        /* strings */
    uint64_t lengths_size; /* bytes of the varint lengths before them */
    uint64_t bytes;        /* of the strings together */
    uint32_t crc;          /* of the tensor as stored, unmasked */
} labels_tie;

/* ---- writing */

typedef struct labels_offsets_writer labels_offsets_writer;

/* Begins the new file PATH. *out is ended by labels_offsets_commit or labels_offsets_abandon. */
inlay_status labels_offsets_create(const char *path, labels_offsets_writer **out, inlay_error *err);
inlay_status labels_offsets_add(labels_offsets_writer *w, uint64_t length, inlay_error *err);
/* TIE's count and bytes must be what was added (INTERNAL otherwise). W is gone afterwards, whatever the result. */
inlay_status labels_offsets_commit(labels_offsets_writer *w, const labels_tie *tie, inlay_error *err);
void labels_offsets_abandon(labels_offsets_writer *w); /* NULL is fine */

/* ---- reading */

/* Checks head, ends and size of the table FILE, called PATH, in no more time for many labels than for one. *offsets is
 * uint64 [tie->count + 1] at any alignment, from the first string's first byte on; what lies between the ends is not
 * looked at: uses check it (tensor_string). DATA_LOSS when it is damaged, UNIMPLEMENTED for other versions. */
inlay_status labels_offsets_parse(bytes file, const char *path, labels_tie *tie, const void **offsets,
                                  inlay_error *err);

/* The string tensor ENTRY of B by its table PATH: maps both, reads no string. FAILED_PRECONDITION when the table is
 * another tensor's; bundle_read then reads the lengths instead. */
inlay_status labels_offsets_read(const char *path, bundle *b, const bundle_entry *entry, tensor **out,
                                 inlay_error *err);

/* Reads the whole table: DATA_LOSS when its checksum is wrong or an offset falls. */
inlay_status labels_offsets_check(bytes file, const char *path, inlay_error *err);

#endif

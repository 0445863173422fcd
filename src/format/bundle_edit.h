/* The next state of a bundle: entries of the old one taken over as they stand, renamed or dropped, and new ones whose
 * bytes are in one new data file or in files placed whole. No data file is ever written into; the new index, written
 * last, is the switch. How data files are numbered: docs/formats/bundle.md, "Edited bundles". */
#ifndef FORMAT_BUNDLE_EDIT_H
#define FORMAT_BUNDLE_EDIT_H

#include "format/bundle.h"

typedef struct bundle_edit bundle_edit;

typedef struct bundle_edit_options {
    file_mode mode; /* of what is written: FILE_DIRECT into a staged folder, FILE_ATOMIC elsewhere */
    bool keep_old;  /* PREFIX also gets the data files that only the old index names: who has just read it needs them */
    int32_t files;  /* how many bundle_edit_place will place */
} bundle_edit_options;

/* Begins from FROM, which must outlive the edit; PREFIX is where the edited bundle goes, FROM's own or another. *out is
 * ended by bundle_edit_commit or bundle_edit_abandon. */
inlay_status bundle_edit_begin(const bundle *from, const char *prefix, const bundle_edit_options *options,
                               bundle_edit **out, inlay_error *err);
void bundle_edit_abandon(bundle_edit *e); /* nothing remains at an own PREFIX; NULL is fine */

/* Keys as they will be: after a rename only the new one is known. Slices follow the tensor that they are of. NOT_FOUND
 * names KEY, ALREADY_EXISTS names TO. */
bool bundle_edit_has(const bundle_edit *e, bytes key);
inlay_status bundle_edit_drop(bundle_edit *e, bytes key, inlay_error *err);
inlay_status bundle_edit_rename(bundle_edit *e, bytes from, bytes to, inlay_error *err);

/* The new data file and its number, made at the first call; the caller appends and then says what lies there. The file
 * is E's. */
inlay_status bundle_edit_data(bundle_edit *e, file_writer **out, int32_t *shard, inlay_error *err);

/* SOURCE becomes a data file as it is, placed as HOW allows; *done may be NULL. */
inlay_status bundle_edit_place(bundle_edit *e, const char *source, inlay_link how, inlay_link *done, int32_t *shard,
                               inlay_error *err);

/* KEY, new or instead of what it was, is stored at those bytes. CRC is unmasked. */
inlay_status bundle_edit_entry(bundle_edit *e, bytes key, dtype t, const shape *dims, int32_t shard, uint64_t offset,
                               uint64_t size, uint32_t crc, inlay_error *err);

/* Appends VALUE to the new data file and makes it KEY. UNIMPLEMENTED for a bundle of the other byte order. */
inlay_status bundle_edit_put(bundle_edit *e, bytes key, const tensor *value, inlay_error *err);
inlay_status bundle_edit_put_as(bundle_edit *e, bytes key, bytes as, inlay_error *err); /* KEY is stored where AS is */
inlay_status bundle_edit_put_string(bundle_edit *e, bytes key, bytes text, inlay_error *err); /* a scalar */

/* Whether anything differs from the old bundle so far. */
bool bundle_edit_changed(const bundle_edit *e);

/* Data files that are not there yet are linked (copied where links cannot be), then the index is written: from then on
 * the bundle is the new one. E is gone afterwards, whatever the result; on failure the old bundle is as it was. */
inlay_status bundle_edit_commit(bundle_edit *e, inlay_error *err);

#endif

/* NumPy's .npz archives: zip files of .npy members, stored or deflated, zip64 too. Members are read as streams: an
 * archive never inflates to more than the members' .npy headers promise. Format: docs/formats/npz.md. */
#ifndef FORMAT_NPZ_H
#define FORMAT_NPZ_H

#include "format/npy.h"

typedef struct npz npz;
typedef struct npz_stream npz_stream;

/* Opens the archive PATH; its directory is read, no member. *out is the caller's (npz_close), for one thread at a time.
 * Errors: NOT_FOUND, DATA_LOSS (no zip archive, or damaged). */
inlay_status npz_open(const char *path, npz **out, inlay_error *err);

/* The same over bytes in memory, called NAME in errors, which must outlive it. */
inlay_status npz_open_bytes(bytes archive, const char *name, npz **out, inlay_error *err);
void npz_close(npz *z); /* streams first; NULL is fine */

/* The .npy members in the order of the archive; other members are not counted. Names are without ".npy". */
size_t npz_count(const npz *z);
const char *npz_name(const npz *z, size_t member);
bool npz_find(const npz *z, const char *name, size_t *member); /* NAME with or without ".npy" */

/* Opens MEMBER and reads its header; the stream stands at its data. Z must outlive it (npz_stream_close).
 * Errors: DATA_LOSS and UNIMPLEMENTED name archive and member; DATA_LOSS too when the directory's size of the member is
 * smaller than its header promises, or impossible for its compressed size. */
inlay_status npz_stream_open(npz *z, size_t member, npz_stream **out, inlay_error *err);
const npy_header *npz_stream_header(const npz_stream *s);
const char *npz_stream_name(const npz_stream *s);  /* "ARCHIVE#MEMBER" */
uint64_t npz_stream_position(const npz_stream *s); /* bytes of data read so far */

/* The next SIZE bytes of data; OUT_OF_RANGE beyond the promised data, DATA_LOSS when the member ends before. With its
 * last byte the member's checksum is compared. TO may be NULL: the bytes are skipped. */
inlay_status npz_stream_read(npz_stream *s, void *to, uint64_t size, inlay_error *err);
void npz_stream_close(npz_stream *s); /* NULL is fine */

#endif

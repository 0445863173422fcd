/* Edits of a serialized message that leave every other byte as it is. Fields are named by where they stand in the
 * original; the lengths of the messages around an edit are rewritten, nothing else. */
#ifndef PROTO_SPLICE_H
#define PROTO_SPLICE_H

#include "proto/wire.h"

typedef struct splice_edit splice_edit;

/* A list of edits of one message; zeroed to begin. Failed allocations stick until splice_size or splice_write. */
typedef struct splice {
    splice_edit *edits;
    size_t count, capacity;
    bool failed;
} splice;

/* FIELD is the `whole` of a field somewhere inside the message, NEW zero or more whole fields instead of it (empty: it
 * is removed). NEW is not copied: it must outlive the writing. The last replacement of a field wins. */
void splice_replace(splice *s, bytes field, bytes new);

/* Puts fields directly after FIELD, whether that is replaced or not; several in the order of the calls. */
void splice_after(splice *s, bytes field, bytes new);

/* Puts fields at the start of a message: CONTENT is the `data` of the field that holds it, or the outermost message. */
void splice_at_start(splice *s, bytes content, bytes new);

/* Puts fields where a writer that orders them by number would: after the last field of CONTENT whose number is at most
 * NUMBER, else at its start. DATA_LOSS when CONTENT is malformed. */
inlay_status splice_insert(splice *s, bytes content, uint32_t number, bytes new, inlay_error *err);

/* Hands the edited MESSAGE to PUT piece by piece, in order. An edit that names no field of MESSAGE, or one inside a
 * field that is replaced, is INVALID_ARGUMENT. FILE is named in errors. */
inlay_status splice_write(splice *s, bytes message, const char *file,
                          inlay_status (*put)(void *ctx, bytes piece, inlay_error *err), void *ctx, inlay_error *err);

/* The same, appended to OUT. */
inlay_status splice_to_buffer(splice *s, bytes message, const char *file, buffer *out, inlay_error *err);

void splice_free(splice *s);

#endif

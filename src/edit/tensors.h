/* Edits of stored tensors as a whole: called otherwise, removed, replaced. What each keeps right: inlay.h. */
#ifndef EDIT_TENSORS_H
#define EDIT_TENSORS_H

#include "edit/change.h"

inlay_status edit_rename(const char *model, const char *from, const char *to, const inlay_edit_options *options,
                         inlay_error *err);
inlay_status edit_drop(const char *model, const char *const *keys, size_t n, const inlay_edit_options *options,
                       inlay_error *err);
inlay_status edit_swap(const char *model, const char *key, const char *file, const inlay_edit_options *options,
                       inlay_error *err);

/* FAILED_PRECONDITION when KEY belongs to a search of the model: "KEY belongs to the search NAME" and INSTEAD. */
inlay_status edit_refuse_owned(const change *c, bytes key, const char *instead, inlay_error *err);

#endif

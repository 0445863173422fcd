/* Edits of a model's signatures: what the graph offers under which names. No data is touched. */
#ifndef EDIT_SIGNATURE_H
#define EDIT_SIGNATURE_H

#include "edit/change.h"

/* As inlay_edit_signatures. */
inlay_status edit_signatures(const char *model, const inlay_signature_edits *edits, const inlay_edit_options *options,
                             inlay_error *err);

#endif

/* Edits of the rows of a fused collection: replaced, appended, deleted, or made unable to win. Only what is touched is
 * written; the graph is made again where the chunks change. How: docs/formats/fused_model.md, "Edited rows". */
#ifndef EDIT_ROWS_H
#define EDIT_ROWS_H

#include "base/error.h"

/* What inlay_edit_rows promises. */
inlay_status edit_rows(const char *model, const inlay_rows_options *options, const inlay_edit_options *how,
                       inlay_rows_report *report, inlay_error *err);

#endif

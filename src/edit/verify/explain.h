/* What TensorFlow's messages about damaged checkpoints mean. */
#ifndef EDIT_VERIFY_EXPLAIN_H
#define EDIT_VERIFY_EXPLAIN_H

#include "inlay/inlay.h"

/* What inlay_bundle_explain promises. */
inlay_status explain(const char *text, inlay_finding_fn fn, void *user, inlay_error *err);

#endif

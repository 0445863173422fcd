/* Fuse: an extractor and stored vectors become one SavedModel. edit/ changes models on disk; it knows nothing of
 * handles or of the program. */
#ifndef EDIT_FUSE_H
#define EDIT_FUSE_H

#include "base/error.h"

/* What inlay_fuse promises. */
inlay_status fuse(const inlay_fuse_options *o, inlay_fuse_report *report, inlay_error *err);

#endif

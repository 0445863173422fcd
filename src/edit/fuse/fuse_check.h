/* Looks rows of a model that is about to be put in place up by brute force. */
#ifndef EDIT_FUSE_CHECK_H
#define EDIT_FUSE_CHECK_H

#include "edit/fuse/fuse_data.h"

/* Takes N rows spread over all, reads the staged files through their index, searches each row's own vector with the
 * scan and with a plain loop in float64, and compares. INTERNAL names the first row whose answers differ by more than
 * rounding. N 0: does nothing. */
inlay_status fuse_check(const fuse_data *d, int64_t n, inlay_error *err);

#endif

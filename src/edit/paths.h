/* Where a model that is made may go. */
#ifndef EDIT_PATHS_H
#define EDIT_PATHS_H

#include "base/file.h"

/* INVALID_ARGUMENT when TARGET, which need not be there, is OTHER, holds it or lies inside it. */
inlay_status paths_apart(const char *target, const char *other, inlay_error *err);

/* Only a model is replaced, and only with FORCE: ALREADY_EXISTS, FAILED_PRECONDITION. */
inlay_status paths_check_target(const char *target, bool force, inlay_error *err);

#endif

/* Which ops a model needs, found by walking its graph and functions as they are stored: nothing is loaded. */
#ifndef MODEL_NEEDS_H
#define MODEL_NEEDS_H

#include "base/error.h"

/* As inlay_ops_needed. */
inlay_status model_needs(const char *path, const char *tag_set, inlay_model_ops **out, inlay_error *err);
void model_needs_release(inlay_model_ops *shown); /* NULL is fine */

#endif

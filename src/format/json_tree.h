/* JSON text as a tree of jansson's, read so that memory that runs out is an error and does no harm. */
#ifndef FORMAT_JSON_TREE_H
#define FORMAT_JSON_TREE_H

#include "base/bytes.h"
#include "base/error.h"

#include <jansson.h>

/* Any value. FLAGS are jansson's. *out is the caller's (json_decref); NULL, and no error, when TEXT is no JSON: then
 * *why (may be NULL) has what jansson says of it. Errors: RESOURCE_EXHAUSTED. */
inlay_status json_tree_read(bytes text, size_t flags, json_t **out, json_error_t *why, inlay_error *err);

#endif

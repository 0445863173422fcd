/* Unpacking what zlib or gzip packed. */
#ifndef KERNEL_INFLATE_H
#define KERNEL_INFLATE_H

#include "base/alloc.h"
#include "base/buffer.h"

typedef enum inflate_form { INFLATE_ZLIB, INFLATE_GZIP } inflate_form;

/* Appends what DATA unpacks to, and charges it to BUDGET (may be NULL): *charged grows by as much, also on failure, and
 * is the caller's to return. Of data that is cut, what there is. Errors: DATA_LOSS (malformed), RESOURCE_EXHAUSTED. */
inlay_status inflate_bytes(bytes data, inflate_form form, mem_budget *budget, uint64_t *charged, buffer *out,
                           inlay_error *err);

#endif

/* Which stored rows the searches read that people wrote plainly (transform/plain.c), and how they are compared: what
 * an index of them has to be made from. */
#ifndef MODEL_PLAIN_ROWS_H
#define MODEL_PLAIN_ROWS_H

#include "format/bundle.h"
#include "model/model.h"
#include "search/search.h"

typedef struct plain_rows {
    const char *signature;
    const char *why;            /* it can have no index; NULL: it can, and the rest is there */
    const bundle_entry *stored; /* the rows */
    search_chunk chunk;         /* the rows where they lie, and the side numbers that the graph computes of them */
    int64_t dim;
    search_metric metric;
} plain_rows;

/* Must stop at what it returns, unless that is INLAY_OK. FOUND and what it points to are there during the call only. */
typedef inlay_status plain_rows_visit(void *user, const plain_rows *found, inlay_error *err);

/* Opens the model PATH and tells VISIT of every plain search of SIGNATURE (NULL: of all), once of those that compare
 * the same rows in the same way. SIDES: side numbers are computed, a pass over the rows; else chunk.side is NULL.
 * Errors: as model_open; of a signature that cannot be looked at VISIT is told why. */
inlay_status plain_rows_find(const char *path, const char *signature, bool sides, plain_rows_visit *visit, void *user,
                             inlay_error *err);

#endif

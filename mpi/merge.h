/* Each rank's answers become one: winners by a reduction in which two lists become their best, then what is printed of
 * the winners beside their scores and numbers, fetched by rank 0 from the ranks they are of. */
#ifndef MPI_MERGE_H
#define MPI_MERGE_H

#include "mpi/job.h"

typedef struct merged {
    inlay_hits hits; /* what rank 0 prints; elsewhere it has no queries */
    int64_t bytes;   /* that this rank sent, less what it received: rank 0's are those of all others */
    /* what `hits` points to */
    float *scores;
    int64_t *indices, *counts, *ids;
    inlay_string *labels;
    char *payload;
} merged;

/* Called by all ranks. OWN is this rank's answer to queries that all were asked. APART: each rank has a collection of
 * its own, whose rows are numbered behind those of the ranks before; else all have the same, and looked at parts of it.
 * False when the answers do not go together, the reason printed. *out is freed in any case. */
bool merge_hits(const job *j, const inlay_hits *own, bool apart, merged *out);
void merged_free(merged *m);

#endif

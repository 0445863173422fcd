/* The processes that answer together, called ranks, and how they keep together: what goes wrong in one is told to all
 * before they meet again, so that a job ends with one error and never waits for a rank that has left. A rank that is
 * killed takes the job with it: mpirun sees to that. */
#ifndef MPI_JOB_H
#define MPI_JOB_H

#include "cli/command.h"

#include <mpi.h>

typedef struct job {
    int rank, size;
    int threads; /* this rank's share of the cores of its machine */
    bool agreed; /* job_agree was called */
} job;

/* Ranks but the first print nothing until job_agree: what they find wrong with the command line they all do. */
void job_begin(int *argc, char ***argv, job *out);

/* Called once by all ranks, with what came of their command lines; ASKS: there is something to do together. An exit
 * code: EXIT_FINE when all ask, and nothing is wrong with any. */
int job_agree(job *j, bool asks, int code);
int job_end(const job *j, int code); /* returns CODE */

/* Called by all ranks, each with what it has come to. True when one of them has failed: then rank 0 has printed the
 * error of the lowest. */
bool job_failed(const job *j, inlay_status status, const inlay_error *error);

/* [n] of SIZE bytes, zeroed. Without memory the job ends here, with an error. */
void *job_alloc(const job *j, size_t n, size_t size);

#endif

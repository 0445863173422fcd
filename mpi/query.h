/* The one command of inlay-mpi. */
#ifndef MPI_QUERY_H
#define MPI_QUERY_H

#include "mpi/job.h"

extern const command query_command;
extern job this_job; /* main's */

#endif

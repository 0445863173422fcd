/* Passes over a program before it is planned. Each is a file and a row in the table; each leaves what the program
 * answers as it was, and may be left out. */
#ifndef TRANSFORM_TRANSFORM_H
#define TRANSFORM_TRANSFORM_H

#include "graph/program.h"
#include "op/op.h"

typedef struct transform_pass {
    const char *name, *what; /* for listings */
    inlay_status (*run)(program *p, op_host *host, inlay_error *err);
} transform_pass;

/* In the order they run; ends with a NULL name. */
extern const transform_pass transform_passes[];

/* Runs all passes. Errors: RESOURCE_EXHAUSTED, and those of a program that is malformed. */
inlay_status transform_run(program *p, op_host *host, inlay_error *err);

#endif

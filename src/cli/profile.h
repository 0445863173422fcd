/* What each node of a run took: a table for people, a trace for the viewers of Chrome's trace format. */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "inlay/inlay.h"

#include <stdio.h>

typedef struct profile profile;

profile *profile_new(void); /* NULL when memory is out */
void profile_free(profile *p);

/* For inlay_run_options: USER is a profile. What it has no memory for is left out, and profile_print says so. */
void profile_add(void *user, const inlay_node_run *node);
void profile_begin_run(profile *p);

/* Medians would hide what happens once: totals by op, then the nodes that took longest, in milliseconds a run. */
void profile_print(const profile *p, FILE *out);

/* The nodes of the last run, as complete events. False after the reason was printed. */
bool profile_save_trace(const profile *p, const char *path);

#endif

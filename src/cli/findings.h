/* Findings as verify, repair and salvage print them. */
#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

#include "cli/values.h"

enum { EXIT_UNSEEN = 2 }; /* something could not be looked at */

void print_finding(const inlay_finding *f);
void print_finding_json(const inlay_finding *f); /* an object */

#endif

/* Answers of a search, as query prints them. */
#ifndef CLI_HITS_H
#define CLI_HITS_H

#include "cli/command.h"

/* What is asked within, and what is printed, over all batches of one call. */
typedef struct printer {
    const inlay_search_options *limits; /* NULL: none */
    bool json;
    const int64_t *rows; /* what was asked, where it was the numbers of rows; else NULL */
    size_t queries;      /* printed so far */
} printer;

/* TEXTS: what was asked, or NULL. */
void print_hits(printer *p, const inlay_hits *h, const char *const *texts);

#endif

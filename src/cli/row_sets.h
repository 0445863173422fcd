/* What a search is limited to, as the command line has it: sets of rows, "A:B,C" or a file, and a least score. */
#ifndef CLI_ROW_SETS_H
#define CLI_ROW_SETS_H

#include "cli/command.h"

typedef struct row_set {
    inlay_row_set shown; /* what the library takes */
    inlay_row_range *ranges;
    uint8_t *bitmap;
} row_set;

/* Reads TEXT ("10:500,900"; NULL: nothing) or else the file PATH (a number or A:B a line; .npy of integers, or of bool
 * with one for each row; NULL: nothing) into *out, which is freed in any case. Returns an exit code, the reason
 * printed. */
int read_row_set(const char *text, const char *path, row_set *out);
void free_row_set(row_set *set);

/* The value of --min-score; false after the reason was printed. */
bool read_score(const char *text, float *out);

#endif

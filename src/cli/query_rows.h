/* Questions that name rows by number: the neighbours of rows, and the rows themselves. */
#ifndef CLI_QUERY_ROWS_H
#define CLI_QUERY_ROWS_H

#include "cli/command.h"

typedef struct row_question {
    char signature[256];
    int64_t *rows; /* [n] */
    size_t n;
    inlay_named_tensor index; /* over `rows` */
} row_question;

/* Reads TEXT, "17,42", and finds the signature that answers PART ("similar", "lookup") of the search SEARCH; or SEARCH
 * is that signature itself. Returns an exit code; the reason was printed. To be ended in any case. */
int row_question_begin(row_question *q, const inlay_model *model, const char *path, const char *search,
                       const char *part, const char *text);
void row_question_end(row_question *q);

/* Prints the rows that TEXT names: vector, and label or id. Returns the exit code. */
int look_rows_up(inlay_model *model, const char *path, const char *search, const char *text, bool json);

#endif

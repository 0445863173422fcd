/* Lines of a file, read by hand: stdio cannot tell whether the next line would have to be waited for. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "cli/command.h"

typedef struct line_reader {
    int fd;
    const char *name; /* for errors */
    char *data;
    size_t size, capacity, at; /* lines begin at `at` */
    bool ended;
} line_reader;

/* Reads more, waiting for it; false when memory is out or the file cannot be read, the reason printed. */
bool line_read_more(line_reader *r);

/* The next line without its end, which stays until the next line_read_more; NULL when there is none yet. */
char *line_take(line_reader *r);

/* How many lines line_take would give, at most MOST. */
size_t line_count(const line_reader *r, size_t most);

void line_reader_end(line_reader *r); /* the file stays open */

#endif

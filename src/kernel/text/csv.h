/* Fields of one record of comma-separated values, as DecodeCSV cuts them (RFC 4180, one line a record). */
#ifndef KERNEL_CSV_H
#define KERNEL_CSV_H

#include "base/buffer.h"

typedef struct csv_rules {
    uint8_t delimiter;
    bool quotes;            /* fields may be quoted, then they may hold the delimiter, line ends and, doubled, quotes */
    const int64_t *columns; /* [n_columns] rising, those wanted; NULL: all */
    size_t n_columns;
} csv_rules;

/* Appends the wanted fields of RECORD one after the other to TEXT, and to ENDS (uint64) where each ends. Stops behind
 * the last wanted column, or field MOST. What is wrong with the record, or NULL. */
const char *csv_fields(bytes record, const csv_rules *rules, size_t most, buffer *text, buffer *ends);

#endif

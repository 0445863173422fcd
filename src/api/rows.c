#include "edit/rows/rows.h"

#include <string.h>

void inlay_rows_options_init(inlay_rows_options *options) {
    *options = (inlay_rows_options){.size = sizeof *options};
}

inlay_status inlay_edit_rows(const char *model, const inlay_rows_options *rows, const inlay_edit_options *options,
                             inlay_rows_report *report, inlay_error *error) {
    inlay_rows_options own;
    inlay_edit_options how;
    inlay_rows_options_init(&own);
    inlay_edit_options_init(&how);
    memcpy(&own, rows, rows->size < sizeof own ? rows->size : sizeof own);
    if (options) memcpy(&how, options, options->size < sizeof how ? options->size : sizeof how);
    return edit_rows(model, &own, &how, report, error);
}

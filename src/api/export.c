#include "edit/export.h"

#include <string.h>

void inlay_export_options_init(inlay_export_options *options) {
    *options = (inlay_export_options){.size = sizeof *options};
}

inlay_status inlay_export(const inlay_export_options *options, inlay_export_report *report, inlay_error *error) {
    inlay_export_options own;
    inlay_export_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return export_tensors(&own, report, error);
}

#include "edit/convert/convert.h"

#include <string.h>

void inlay_convert_options_init(inlay_convert_options *options) {
    *options = (inlay_convert_options){.size = sizeof *options};
}

inlay_status inlay_bundle_convert(const inlay_convert_options *options, inlay_convert_report *report,
                                  inlay_error *error) {
    inlay_convert_options own;
    inlay_convert_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return convert(&own, report, error);
}

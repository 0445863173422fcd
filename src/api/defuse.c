#include "edit/rows/defuse.h"

#include <string.h>

void inlay_defuse_options_init(inlay_defuse_options *options) {
    *options = (inlay_defuse_options){.size = sizeof *options};
}

inlay_status inlay_bundle_defuse(const inlay_defuse_options *options, inlay_defuse_report *report, inlay_error *error) {
    inlay_defuse_options own;
    inlay_defuse_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return defuse(&own, report, error);
}

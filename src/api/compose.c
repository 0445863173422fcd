#include "edit/convert/compose.h"

#include <string.h>

void inlay_compose_options_init(inlay_compose_options *options) {
    *options = (inlay_compose_options){.size = sizeof *options};
}

inlay_status inlay_bundle_compose(const inlay_compose_options *options, inlay_compose_report *report,
                                  inlay_error *error) {
    inlay_compose_options own;
    inlay_compose_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return compose(&own, report, error);
}

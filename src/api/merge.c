#include "edit/convert/merge.h"

#include <string.h>

void inlay_merge_options_init(inlay_merge_options *options) {
    *options = (inlay_merge_options){.size = sizeof *options};
}

inlay_status inlay_bundle_merge(const inlay_merge_options *options, inlay_merge_report *report, inlay_error *error) {
    inlay_merge_options own;
    inlay_merge_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return merge(&own, report, error);
}

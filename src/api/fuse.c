#include "edit/fuse/fuse.h"

#include <string.h>

void inlay_fuse_options_init(inlay_fuse_options *options) {
    *options = (inlay_fuse_options){.size = sizeof *options, .name = "search", .k = 10};
}

inlay_status inlay_fuse(const inlay_fuse_options *options, inlay_fuse_report *report, inlay_error *error) {
    inlay_fuse_options own;
    inlay_fuse_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return fuse(&own, report, error);
}

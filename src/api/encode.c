#include "edit/encode.h"

#include <string.h>

void inlay_encode_options_init(inlay_encode_options *options) {
    *options = (inlay_encode_options){.size = sizeof *options, .batch = 256, .rows_per_shard = 1000000};
}

inlay_status inlay_encode(const inlay_encode_options *options, inlay_encode_report *report, inlay_error *error) {
    inlay_encode_options own;
    inlay_encode_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return encode(&own, report, error);
}

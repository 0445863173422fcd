#include "edit/verify/verify.h"

#include <string.h>

void inlay_verify_options_init(inlay_verify_options *options) {
    *options = (inlay_verify_options){.size = sizeof *options};
}

inlay_status inlay_bundle_verify(const inlay_verify_options *options, inlay_verify_report *report, inlay_error *error) {
    inlay_verify_options own;
    inlay_verify_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return verify(&own, report, error);
}

const char *inlay_cause_name(inlay_cause cause) {
    static const char *const names[] = {"unknown",          "missing",       "truncated",   "hole of zeros",
                                        "other checkpoint", "byte-swapped",  "flipped bit", "shifted",
                                        "source rewritten", "stale checksum"};
    return (unsigned)cause < sizeof names / sizeof *names ? names[cause] : "unknown";
}

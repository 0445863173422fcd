#include "edit/verify/verify.h"
#include "edit/verify/explain.h"
#include "edit/verify/repair.h"

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

inlay_status inlay_bundle_explain(const char *text, inlay_finding_fn fn, void *user, inlay_error *error) {
    return explain(text, fn, user, error);
}

void inlay_repair_options_init(inlay_repair_options *options) {
    *options = (inlay_repair_options){.size = sizeof *options};
}

inlay_status inlay_bundle_repair(const inlay_repair_options *options, inlay_repair_report *report, inlay_error *error) {
    inlay_repair_options own;
    inlay_repair_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return repair(&own, report, error);
}

void inlay_salvage_options_init(inlay_salvage_options *options) {
    *options = (inlay_salvage_options){.size = sizeof *options};
}

inlay_status inlay_bundle_salvage(const inlay_salvage_options *options, inlay_salvage_report *report,
                                  inlay_error *error) {
    inlay_salvage_options own;
    inlay_salvage_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return salvage(&own, report, error);
}

const char *inlay_cause_name(inlay_cause cause) {
    static const char *const names[] = {"unknown",          "missing",       "truncated",   "hole of zeros",
                                        "other checkpoint", "byte-swapped",  "flipped bit", "shifted",
                                        "source rewritten", "stale checksum"};
    return (unsigned)cause < sizeof names / sizeof *names ? names[cause] : "unknown";
}

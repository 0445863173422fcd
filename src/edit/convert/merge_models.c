#include "edit/convert/merge.h"

inlay_status merge_models(const inlay_merge_options *options, inlay_merge_report *report, inlay_error *err) {
    (void)report;
    return fail_at(err, INLAY_UNIMPLEMENTED, options->sources[0], -1,
                   "is a SavedModel: checkpoints are merged, and models not");
}

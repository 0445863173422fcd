/* Several checkpoints, or several fused models, as one. */
#ifndef EDIT_MERGE_H
#define EDIT_MERGE_H

#include "base/error.h"

/* As inlay_bundle_merge. */
inlay_status merge(const inlay_merge_options *options, inlay_merge_report *report, inlay_error *err);

/* The same for sources that are SavedModel folders, all of them. */
inlay_status merge_models(const inlay_merge_options *options, inlay_merge_report *report, inlay_error *err);

#endif

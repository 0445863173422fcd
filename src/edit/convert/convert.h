/* Models and checkpoints in another form, as a whole new output: nothing of the source is written to. */
#ifndef EDIT_CONVERT_H
#define EDIT_CONVERT_H

#include "base/error.h"

/* As inlay_bundle_convert. */
inlay_status convert(const inlay_convert_options *options, inlay_convert_report *report, inlay_error *err);

#endif

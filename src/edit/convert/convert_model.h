/* A SavedModel folder in another form. */
#ifndef EDIT_CONVERT_MODEL_H
#define EDIT_CONVERT_MODEL_H

#include "base/error.h"
#include "format/bundle_rewrite.h"
#include "format/saved_model.h"

/* What the options ask of a checkpoint; KEYS [options->n_keys] gets their keys. */
rewrite_options convert_rewrite_options(const inlay_convert_options *options, bytes *keys);

/* Fills REPORT of what was written. */
void convert_report_rewrite(const rewrite_report *from, inlay_convert_report *report);

/* As convert, for a folder that holds a SavedModel and an output that is a folder. */
inlay_status convert_model(const inlay_convert_options *options, const rewrite_options *rewrite,
                           inlay_convert_report *report, inlay_error *err);

#endif

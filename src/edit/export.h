/* Stored tensors written as files that NumPy reads. */
#ifndef EDIT_EXPORT_H
#define EDIT_EXPORT_H

#include "base/error.h"

/* As inlay_export, with options that are complete. REPORT may be NULL. */
inlay_status export_tensors(const inlay_export_options *options, inlay_export_report *report, inlay_error *err);

#endif

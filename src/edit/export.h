/* Stored tensors written as files that NumPy reads. */
#ifndef EDIT_EXPORT_H
#define EDIT_EXPORT_H

#include "format/store.h"

/* As inlay_export, with options that are complete. REPORT may be NULL. */
inlay_status export_tensors(const inlay_export_options *options, inlay_export_report *report, inlay_error *err);

/* The name of the file, in a folder, of tensor T, with a NUL behind it: different keys have different names, and none
 * has a '/' or begins with a '.'. INVALID_ARGUMENT when it is too long. */
inlay_status export_file_name(const store_tensor *t, buffer *out, inlay_error *err);

/* A folder is replaced only when nothing is lost but what an export writes: else ALREADY_EXISTS. */
inlay_status export_check_old_folder(const char *path, inlay_error *err);

#endif

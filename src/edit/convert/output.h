/* Where a checkpoint that is made goes. */
#ifndef EDIT_OUTPUT_H
#define EDIT_OUTPUT_H

#include "base/file.h"

/* The prefix that OUTPUT stands for, on the heap (mem_free): OUTPUT itself, without ".index", or, when it is a folder
 * or ends in a slash, in that the name of the prefix FROM. */
inlay_status output_prefix(const char *output, const char *from, bool *in_folder, char **out, inlay_error *err);

/* The file `checkpoint` of FOLDER names NAME as the latest, behind those that it names already. */
inlay_status output_name_latest(const char *folder, const char *name, inlay_error *err);

#endif

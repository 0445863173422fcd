/* Defuse: a fused collection taken apart again into its extractor and what was fused with it. */
#ifndef EDIT_DEFUSE_H
#define EDIT_DEFUSE_H

#include "base/log.h"
#include "edit/rows/collection.h"

/* What inlay_bundle_defuse promises. */
inlay_status defuse(const inlay_defuse_options *o, inlay_defuse_report *report, inlay_error *err);

/* Between the files of defuse. */
typedef struct defusing {
    const inlay_defuse_options *o;
    inlay_defuse_report *report;
    arena a;
    collection c;
    const char *folder; /* staged */
    progress report_to;
} defusing;

/* defuse_rows.c: FOLDER/shards, a .npy for each source that is whole, and one for what lies between two such. */
inlay_status defuse_rows(defusing *d, inlay_error *err);

/* defuse_labels.c: FOLDER/labels.txt, labels.npy where a label is no line of text, or ids.npy. */
inlay_status defuse_payload(defusing *d, inlay_error *err);

#endif

/* The index with checksums that fit. */
#ifndef EDIT_VERIFY_REPAIR_INDEX_H
#define EDIT_VERIFY_REPAIR_INDEX_H

#include "edit/verify/verify_parts.h"

/* Settles which findings of J can be repaired together: those that cannot lose their `repairable`. */
void repair_settle(verify_job *j);

/* The index of J with all of them mended, in OUT. UNIMPLEMENTED for a compressed one. */
inlay_status repair_index(const verify_job *j, buffer *out, inlay_error *err);

#endif
